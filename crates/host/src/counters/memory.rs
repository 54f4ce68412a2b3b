//! All fields of `meminfo`, by the kernel's own names.

use std::collections::HashSet;

use crate::CollectError;
use crate::memory::bytes;
use crate::reread::Reread;

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

pub(super) fn read(file: &mut Reread) -> Result<Vec<MemoryField>, CollectError> {
    let mut seen = HashSet::new();
    let mut fields: Vec<MemoryField> = file.text()?.lines().filter_map(parse).collect();
    // Some kernels and lxcfs write a field twice.
    fields.retain(|field| seen.insert((field.name.clone(), field.is_bytes)));
    if fields.is_empty() {
        return Err(file.malformed("memory sizes"));
    }
    Ok(fields)
}

fn parse(line: &str) -> Option<MemoryField> {
    let (key, rest) = line.split_once(':')?;
    let name = match key.strip_suffix(')').and_then(|key| key.split_once('(')) {
        Some((outer, inner)) => format!("{outer}_{inner}"),
        None => key.to_owned(),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_plain) {
        return None;
    }
    let mut words = rest.split_whitespace();
    let number = words.next()?;
    let is_bytes = words.next() == Some("kB");
    let value = if is_bytes {
        bytes(number)?
    } else {
        number.parse().ok()?
    };
    Some(MemoryField {
        name,
        value,
        is_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;

    #[test]
    fn every_field_is_kept_under_a_name_that_programs_can_use() {
        let tree = Tree::new();
        let text = "MemTotal: 8 kB\nActive(anon): 3 kB\nHugePages_Total:   7\nOdd-one: 1 kB\n\nX: y kB\nActive(anon): 9 kB\n";
        tree.write("proc/meminfo", text);
        let mut file = Reread::new(tree.path("proc/meminfo"));
        let fields = read(&mut file).unwrap();
        let all: Vec<_> = fields
            .iter()
            .map(|one| (one.name.as_str(), one.value, one.is_bytes))
            .collect();
        let expected = [
            ("MemTotal", 8192, true),
            ("Active_anon", 3072, true),
            ("HugePages_Total", 7, false),
        ];
        assert_eq!(all, expected);
        tree.write("proc/meminfo", "nothing\n");
        assert!(read(&mut file).unwrap_err().to_string().contains("meminfo"));
    }
}
