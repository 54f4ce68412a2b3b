//! Keeps what strangers wrote from steering the terminal.

use std::fmt::Write;

use linux_api_wire::harmless::is_harmless;

/// The text without control characters (but line breaks and tabs), and without the invisible ones
/// that turn its direction or hide in it.
pub(super) fn sanitize(text: &str) -> String {
    text.chars()
        .filter(|character| matches!(character, '\n' | '\t') || is_harmless(*character))
        .collect()
}

/// JSON with everything escaped in its strings that [`sanitize`] takes out of text. It is the same
/// JSON to a program, and steers no terminal.
pub(super) fn escape_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        // What is between the strings are ASCII characters and line breaks.
        if character == '\n' || is_harmless(character) {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a text never fails.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_the_terminal_passes() {
        assert_eq!(sanitize("a\u{1b}[31mb\r\u{7}\u{9b}c"), "a[31mbc");
        assert_eq!(
            sanitize("user\u{202e}txt\u{200b}\u{2066}\u{feff}"),
            "usertxt"
        );
    }

    #[test]
    fn ordinary_text_passes_whole() {
        let text = "zwei Zeilen\n\tmit Umlauten: äöü, 漢字, 🐧";
        assert_eq!(sanitize(text), text);
    }

    #[test]
    fn json_is_the_same_to_a_program_and_steers_no_terminal() {
        let value = serde_json::json!({
            "name": "a\u{9b}31m\u{7f}\u{202e}b\u{e0041}\u{feff}\u{1b}[0m\n\u{85}",
            "plain": "äöü 漢字 🐧",
        });
        let json = escape_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(
            json.contains(r"a\u009b31m\u007f\u202eb\udb40\udc41\ufeff\u001b[0m\n\u0085"),
            "{json}"
        );
        assert!(json.contains("äöü 漢字 🐧"), "{json}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&json).unwrap(),
            value
        );
    }
}
