//! Which characters may reach a terminal, regardless of their source.

/// Whether a character neither steers a terminal, nor turns the direction of text, nor hides in it.
/// Line breaks and tabs are not among them; the caller decides about those.
#[must_use]
pub fn is_harmless(character: char) -> bool {
    match character {
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
