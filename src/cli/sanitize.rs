//! Keeps what strangers wrote from steering the terminal.

use crate::model::harmless::is_harmless;

/// The text without control characters (but line breaks and tabs), and without the invisible ones
/// that turn its direction or hide in it.
pub(super) fn sanitize(text: &str) -> String {
    text.chars()
        .filter(|character| matches!(character, '\n' | '\t') || is_harmless(*character))
        .collect()
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
}
