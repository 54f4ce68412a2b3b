//! The known word that is nearest to a mistyped one.

/// The nearest of the known words, if one is near.
#[must_use]
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    known
        .iter()
        .map(|candidate| (strsim::levenshtein(word, candidate), *candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_word() {
        let known = ["listen", "unix", "unix_peers"];
        assert_eq!(nearest("lisen", &known), Some("listen"));
        assert_eq!(nearest("unix_peer", &known), Some("unix_peers"));
        assert_eq!(nearest("port", &known), None);
    }
}
