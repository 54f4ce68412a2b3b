//! `/etc/fstab`: what should be mounted, and how; see fstab(5).

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use super::mountinfo::unescape;

/// Options with which a missing mount is no fault: it is mounted on demand or by hand, or may be missing.
const OPTIONAL: [&[u8]; 4] = [
    b"noauto",
    b"nofail",
    b"x-systemd.automount",
    b"comment=systemd.automount",
];

/// A line of the file that mounts something on a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where, without escapes and needless slashes.
    pub(crate) point: PathBuf,
    /// Whether it is to be mounted at each start, and the start fails without it.
    pub(crate) is_required: bool,
    /// Whether it is meant to be read only.
    pub(crate) is_read_only: bool,
}

/// The entries of the file, each mount point once. Lines that mount nothing on a directory (swap, comments, what is
/// not understood) are left out, as mount(8) leaves them out.
pub(crate) fn entries(text: &[u8]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut places: HashMap<PathBuf, usize> = HashMap::new();
    for entry in text.split(|byte| *byte == b'\n').filter_map(entry) {
        let place = *places.entry(entry.point.clone()).or_insert(entries.len());
        match entries.get_mut(place) {
            // A second line for a bind mount makes it read-only.
            Some(known) => {
                known.is_required |= entry.is_required;
                known.is_read_only |= entry.is_read_only;
            }
            None => entries.push(entry),
        }
    }
    entries
}

fn entry(line: &[u8]) -> Option<Entry> {
    let mut fields = line
        .split(u8::is_ascii_whitespace)
        .filter(|field| !field.is_empty());
    let source = fields.next()?;
    if source.starts_with(b"#") {
        return None;
    }
    let point = normalised(&unescape(fields.next()?))?;
    let kind = fields.next()?;
    if matches!(kind, b"swap" | b"ignore") {
        return None;
    }
    let options = fields.next().unwrap_or(b"defaults");
    let mut entry = Entry {
        point,
        is_required: true,
        is_read_only: false,
    };
    for option in options.split(|byte| *byte == b',') {
        match option {
            b"ro" => entry.is_read_only = true,
            b"rw" => entry.is_read_only = false,
            other => entry.is_required &= !OPTIONAL.contains(&other),
        }
    }
    Some(entry)
}

/// The path as the kernel writes it; nothing for one that is not absolute, or leads back up.
fn normalised(path: &[u8]) -> Option<PathBuf> {
    let path = Path::new(OsStr::from_bytes(path));
    let is_plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    let is_good = path.is_absolute() && path.components().all(is_plain);
    is_good.then(|| path.components().collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As installers write it, with what administrators add.
    const RECORDED: &str = "\
# /etc/fstab: static file system information.
#
# <file system> <mount point>   <type>  <options>       <dump>  <pass>
UUID=0a3407de-014b-458b-b5c1-848e92a327a3 /               ext4    errors=remount-ro 0       1
UUID=f9fe0b69-a280-415d-a03a-a32752370dee none            swap    sw              0       0
LABEL=boot\t/boot/\text4\tdefaults\t0 2
UUID=7A48-6E5D  /boot/efi  vfat  umask=0077,nofail  0  1
/dev/disk/by-id/x /srv//my\\040data/./ xfs ro,noatime 0 0
/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0
nas:/export /mnt/nas nfs4 _netdev,x-systemd.automount 0 0
tmpfs /tmp tmpfs size=1G
  /var/log /srv/log none bind,ro,rw
/usr /srv/usr none bind,nofail
/usr /srv/usr/ none remount,bind,ro,nofail

/dev/sdz1
/dev/sdz2 relative ext4 defaults 0 0
/dev/sdz3 /srv/../etc ext4 defaults 0 0
/dev/sdz4 /proc\\011x ignore defaults
";

    fn shown(entry: &Entry) -> String {
        let word = |is: bool, word: &str| {
            if is {
                format!(" {word}")
            } else {
                String::new()
            }
        };
        let required = word(entry.is_required, "required");
        let read_only = word(entry.is_read_only, "ro");
        format!("{}{required}{read_only}", entry.point.display())
    }

    #[test]
    fn what_must_be_mounted_and_how_is_read() {
        let shown: Vec<String> = entries(RECORDED.as_bytes()).iter().map(shown).collect();
        let expected = [
            "/ required",
            "/boot required",
            "/boot/efi",
            "/srv/my data required ro",
            "/media/cdrom0",
            "/mnt/nas",
            "/tmp required",
            "/srv/log required",
            "/srv/usr ro",
        ];
        assert_eq!(shown, expected);
    }

    proptest! {
        #[test]
        fn any_bytes_give_absolute_paths_or_nothing(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            fields in "[ \\t\\n#/a-z,=\\\\0-9.]{0,200}",
        ) {
            for entry in entries(&bytes).into_iter().chain(entries(fields.as_bytes())) {
                prop_assert!(entry.point.is_absolute());
                prop_assert!(!entry.point.components().any(|part| part == Component::ParentDir));
            }
        }
    }
}
