//! Small files of the system file system: one value each.

use std::fs;
use std::io;
use std::path::Path;

use crate::CollectError;
use crate::sources::read_number;

/// The text of a file without the space around it; `None` also where a driver refuses to read its device.
pub(super) fn text(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// As [`text`], without those that are empty.
pub(super) fn word(path: &Path) -> Option<String> {
    text(path).filter(|text| !text.is_empty())
}

/// The number that a file must hold.
///
/// # Errors
/// When it can't be read, or holds something else.
pub(super) fn number(path: &Path) -> Result<u64, CollectError> {
    match read_number(path) {
        Some(number) => Ok(number),
        None => match fs::read(path) {
            Ok(_) => Err(CollectError::Malformed {
                path: path.to_owned(),
                expected: "number",
            }),
            Err(source) => Err(CollectError::Read {
                path: path.to_owned(),
                source,
            }),
        },
    }
}

/// The names in a directory, sorted; those that are no UTF-8 are left out.
///
/// # Errors
/// When it can't be listed.
pub(super) fn names(directory: &Path) -> Result<Vec<String>, CollectError> {
    let failed = |source| CollectError::Read {
        path: directory.to_owned(),
        source,
    };
    let entries = fs::read_dir(directory).map_err(failed)?;
    let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
    let names: io::Result<Vec<Option<String>>> = names.collect();
    let mut names: Vec<String> = names.map_err(failed)?.into_iter().flatten().collect();
    names.sort_unstable();
    Ok(names)
}

/// The names in a directory that are `prefix` and a number, with that number and by it.
///
/// # Errors
/// As [`names`].
pub(super) fn numbered(directory: &Path, prefix: &str) -> Result<Vec<(u32, String)>, CollectError> {
    let names = names(directory)?.into_iter();
    let numbered = names.filter_map(|name| {
        let number = name.strip_prefix(prefix)?;
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|_| is_number)?;
        Some((number, name))
    });
    let mut numbered: Vec<(u32, String)> = numbered.collect();
    numbered.sort_unstable();
    Ok(numbered)
}

/// Nothing where there is no such file; any other error stays one.
///
/// # Errors
/// All but that of a missing file.
pub(super) fn if_there<T>(read: Result<T, CollectError>) -> Result<Option<T>, CollectError> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(CollectError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
