//! Keeps what strangers wrote from steering the terminal.

/// The text without control characters (but line breaks and tabs), and without the invisible ones
/// that turn its direction or hide in it.
pub(super) fn sanitize(text: &str) -> String {
    text.chars()
        .filter(|character| is_harmless(*character))
        .collect()
}

fn is_harmless(character: char) -> bool {
    match character {
        '\n' | '\t' => true,
        // Soft hyphen, Arabic letter mark, Mongolian vowel separator.
        '\u{ad}' | '\u{61c}' | '\u{180e}'
        // Zero width, and marks of direction.
        | '\u{200b}'..='\u{200f}'
        // Line and paragraph separators, bidirectional embeddings and overrides.
        | '\u{2028}'..='\u{202e}'
        // Word joiner, invisible operators, bidirectional isolates.
        | '\u{2060}'..='\u{206f}'
        // Byte order mark, interlinear annotations, tags.
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => false,
        other => !other.is_control(),
    }
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
