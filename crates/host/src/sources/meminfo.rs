//! `meminfo`: how the kernel's memory is used, by its own names.

use std::borrow::Cow;
use std::collections::HashSet;

use super::Source;
use crate::HostRoots;

/// One line of `meminfo`, see proc(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryField {
    /// The kernel's name for it in letters, digits and underscores: `Active_anon` for
    /// `Active(anon)`.
    pub name: String,
    /// Bytes, or pieces where there is no unit.
    pub value: u64,
    /// Whether it is a size.
    pub is_bytes: bool,
}

/// The fields of the file, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryFields(pub Vec<MemoryField>);

/// The file, with what is made of it and the name of that for errors.
pub(crate) fn source<T>(
    roots: &HostRoots,
    expected: &'static str,
    parse: fn(&str) -> Option<T>,
) -> Source<T> {
    Source::new(roots.procfs.join("meminfo"), expected, parse)
}

/// The sizes of these names in bytes. For what needs few of them: nothing is copied.
pub(crate) fn sizes<const N: usize>(text: &str, names: [&str; N]) -> [Option<u64>; N] {
    let mut sizes = [None; N];
    for (name, value, is_bytes) in text.lines().filter_map(parse_line) {
        let place = names.iter().position(|one| is_bytes && *one == name);
        if let Some(place) = place {
            sizes[place] = sizes[place].or(Some(value));
        }
    }
    sizes
}

/// All fields. Some kernels and lxcfs write a field twice: the first one counts.
pub(crate) fn fields(text: &str) -> Option<MemoryFields> {
    let mut seen = HashSet::new();
    let lines = text.lines().filter_map(parse_line);
    let fields = lines.filter(|(name, _, is_bytes)| seen.insert((name.clone(), *is_bytes)));
    let fields = fields.map(|(name, value, is_bytes)| MemoryField {
        name: name.into_owned(),
        value,
        is_bytes,
    });
    let fields: Vec<MemoryField> = fields.collect();
    (!fields.is_empty()).then_some(MemoryFields(fields))
}

/// Name, value and whether it is a size.
fn parse_line(line: &str) -> Option<(Cow<'_, str>, u64, bool)> {
    let (key, rest) = line.split_once(':')?;
    let name = match key.strip_suffix(')').and_then(|key| key.split_once('(')) {
        Some((outer, inner)) => Cow::Owned(format!("{outer}_{inner}")),
        None => Cow::Borrowed(key),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_plain) {
        return None;
    }
    let mut words = rest.split_whitespace();
    let number: u64 = words.next()?.parse().ok()?;
    let is_bytes = words.next() == Some("kB");
    let value = match is_bytes {
        // What a container sees may have been counted below zero and wrapped round: then there is
        // nothing left.
        true if i64::try_from(number).is_err() => 0,
        true => number.checked_mul(1024)?,
        false => number,
    };
    Some((name, value, is_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_kept_under_a_name_that_programs_can_use() {
        let text = "MemTotal: 8 kB\nActive(anon): 3 kB\nHugePages_Total:   7\nOdd-one: 1 kB\n\nX: y kB\nActive(anon): 9 kB\n";
        let fields = fields(text).unwrap();
        let all: Vec<_> = fields
            .0
            .iter()
            .map(|one| (one.name.as_str(), one.value, one.is_bytes))
            .collect();
        let expected = [
            ("MemTotal", 8192, true),
            ("Active_anon", 3072, true),
            ("HugePages_Total", 7, false),
        ];
        assert_eq!(all, expected);
        let names = ["HugePages_Total", "Active_anon", "MemTotal"];
        assert_eq!(sizes(text, names), [None, Some(3072), Some(8192)]);
        assert_eq!(super::fields("nothing\n"), None);
    }
}
