//! Text that comes from a host, made harmless for every receiver.

use std::fmt;

use linux_api_wire::harmless::is_harmless;
use serde::{Deserialize, Serialize};

/// The longest text of a host in a notice, in characters.
pub const LENGTH_MAX: usize = 300;

/// Text of a host (its name, a mount point, a line of a log) that neither breaks a line, nor steers a
/// terminal, nor mentions people in a chat, nor hides an address behind a link. At most 300 characters.
///
/// A user who may create files on a host must not be able to wake a whole company or to add headers to a mail.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct HostText(String);

impl HostText {
    /// The text, made harmless.
    #[must_use]
    pub fn new(text: &str) -> Self {
        // What is cut off needs no look; a blank is added for each character at most.
        let characters: Vec<char> = plain(text).take(2 * LENGTH_MAX).collect();
        let mut clean = String::new();
        let mut count = 0;
        for place in 0..characters.len() {
            let blank = needs_blank(&characters, place).then_some(' ');
            for part in blank.into_iter().chain([characters[place]]) {
                if count == LENGTH_MAX - 1 {
                    clean.push('…');
                    return Self(clean);
                }
                clean.push(part);
                count += 1;
            }
        }
        Self(clean.trim().to_owned())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The characters without line breaks and without what steers or hides.
fn plain(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter_map(|character| match character {
        '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(' '),
        other => is_harmless(other).then_some(other),
    })
}

/// Words that mention everyone in some chat.
const BROADCASTS: [&str; 4] = ["everyone", "here", "channel", "all"];

/// Whether a character would be read with what stands before it as a mention (`@everyone`, `<!channel>`,
/// `<@U1>`, `<#C1>`) or as the address of a link (`[text](address)`).
fn needs_blank(characters: &[char], place: usize) -> bool {
    let before = |steps: usize| place.checked_sub(steps).map(|at| characters[at]);
    let is_word = |one: char| one.is_alphanumeric();
    let character = characters[place];
    match before(1) {
        // An address such as root@web-01 has a word before it and mentions no one.
        Some('@') => {
            let is_address = before(2).is_some_and(is_word);
            let is_broadcast = BROADCASTS.iter().any(|word| {
                let mut following = characters[place..].iter();
                word.chars().all(|one| {
                    following
                        .next()
                        .is_some_and(|it| it.eq_ignore_ascii_case(&one))
                })
            });
            is_word(character) && (!is_address || is_broadcast)
        }
        Some('<') => matches!(character, '!' | '@' | '#') || is_word(character),
        Some(']') => character == '(',
        _ => false,
    }
}

impl From<String> for HostText {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<&str> for HostText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<HostText> for String {
    fn from(text: HostText) -> Self {
        text.0
    }
}

impl fmt::Display for HostText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mentions_and_links_are_taken_apart() {
        for (text, expected) in [
            ("@everyone disk full", "@ everyone disk full"),
            ("hello @here", "hello @ here"),
            ("(@channel)", "(@ channel)"),
            ("<!channel> <@U123> <#C1>", "< !channel> < @ U123> < #C1>"),
            ("<at>all</at>", "< at>all</at>"),
            ("[click](http://x)", "[click] (http://x)"),
            ("root@web-01 5 < 6", "root@web-01 5 < 6"),
            ("a@@everyone", "a@@ everyone"),
            ("a@Everyone root@all", "a@ Everyone root@ all"),
        ] {
            assert_eq!(HostText::new(text).as_str(), expected, "{text}");
        }
    }

    #[test]
    fn line_breaks_and_controls_are_gone() {
        let text = HostText::new("Subject: x\r\nBcc: all@example.org\0\u{1b}[31m\u{202e}\u{200b}");
        assert_eq!(text.as_str(), "Subject: x  Bcc: all@example.org[31m");
        // What is left out between the two does not join them.
        assert_eq!(HostText::new("@\u{200b}everyone").as_str(), "@ everyone");
        assert_eq!(HostText::new("<\u{7}!channel>").as_str(), "< !channel>");
    }

    #[test]
    fn it_is_short() {
        let long = HostText::new(&"ä".repeat(1_000));
        assert_eq!(long.as_str().chars().count(), LENGTH_MAX);
        assert!(long.as_str().ends_with('…'));
        let fits = "x".repeat(LENGTH_MAX - 1);
        assert_eq!(HostText::new(&fits).as_str(), fits);
    }

    proptest! {
        #[test]
        fn no_text_mentions_or_breaks(text in "[@<>!#\\[\\]()a-z\\x00-\\x1f\u{200b}\u{202e} ]{0,400}") {
            let clean = HostText::new(&text);
            let shown = clean.as_str();
            prop_assert!(shown.chars().all(is_harmless));
            prop_assert!(shown.chars().count() <= LENGTH_MAX);
            for bad in ["<!", "<@", "<#", "](", "\n", "\r"] {
                prop_assert!(!shown.contains(bad), "{shown:?}");
            }
            let characters: Vec<char> = shown.chars().collect();
            for window in characters.windows(3) {
                let mentions = window[1] == '@' && window[2].is_alphanumeric();
                prop_assert!(!mentions || window[0].is_alphanumeric(), "{shown:?}");
            }
            prop_assert!(!shown.contains("@here") && !shown.contains("@all"), "{shown:?}");
            // Cleaning again changes nothing, so it may be stored and read.
            prop_assert_eq!(HostText::new(shown), clean.clone());
        }
    }
}
