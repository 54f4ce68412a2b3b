//! Ids of alerts and silences as people type them: their first characters are enough.

use anyhow::bail;

/// How many characters of an id lists show.
const SHOWN: usize = 8;
/// With fewer characters one means many.
const LEAST: usize = 4;

/// The begin of an id, as lists show it.
pub(super) fn short(id: &str) -> &str {
    id.get(..SHOWN).unwrap_or(id)
}

/// An id or its begin, as an argument.
///
/// # Errors
/// When it can't be one, in words.
pub(super) fn parse(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    let is_id = text
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if is_id && (LEAST..=36).contains(&text.len()) {
        Ok(text)
    } else {
        Err(format!(
            "expected an id as lists show it, at least {LEAST} of its characters"
        ))
    }
}

/// The whole id of what is meant.
///
/// # Errors
/// When none begins so, or several do.
pub(super) fn find<'a>(
    begin: &str,
    all: impl Iterator<Item = &'a str>,
    what: &str,
    list: &str,
) -> anyhow::Result<&'a str> {
    let mut found = all.filter(|id| id.starts_with(begin));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (Some(_), Some(_)) => bail!("the ids of several begin with {begin}: give more of it"),
        (None, _) => {
            bail!("{what} has an id that begins with {begin}; `linux-api alert {list}` lists them")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_begin_of_an_id_is_enough_when_it_is_the_only_one() {
        let all = ["2b1f0c9a-7d3e", "2b1f0c9b-7d3e"];
        let found = |begin: &str| find(begin, all.into_iter(), "no alert", "list");
        assert_eq!(found("2b1f0c9a").unwrap(), "2b1f0c9a-7d3e");
        assert!(found("2b1f").unwrap_err().to_string().contains("several"));
        let none = found("ffff").unwrap_err().to_string();
        assert!(none.contains("linux-api alert list"), "{none}");
        assert_eq!(short(all[0]), "2b1f0c9a");
        for wrong in ["2b1", "disk_space", ""] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse("2B1F0C9A").unwrap(), "2b1f0c9a");
    }
}
