//! Names and accounts of processes, as read from their files.

use std::str::FromStr;

/// The kernel cuts the name of a process to this many bytes.
const SHORT_NAME_BYTES: usize = 15;

/// No file name is longer, see `NAME_MAX` in limits.h: what is longer was never a program's name.
const FILE_NAME_BYTES: usize = 255;

/// The most bytes of a command line in a list; those of a single process come whole.
const COMMAND_BYTES: usize = 4096;

/// Joins arguments, each of which ends with a NUL, by spaces.
pub(super) fn command_line(arguments: &[u8]) -> String {
    let cut = &arguments[..arguments.len().min(COMMAND_BYTES)];
    let end = cut.iter().rposition(|byte| !matches!(byte, 0 | b' '));
    let text = String::from_utf8_lossy(&cut[..end.map_or(0, |end| end + 1)]);
    text.replace('\0', " ")
}

/// The name from the kernel, completed from the command line when it was cut.
pub(super) fn full_name(short_name: &[u8], command: &[u8]) -> String {
    let full_name = if short_name.len() < SHORT_NAME_BYTES {
        None
    } else {
        program_name(command).filter(|name| name.starts_with(short_name))
    };
    String::from_utf8_lossy(full_name.unwrap_or(short_name)).into_owned()
}

/// The file name of the program in a command line whose arguments end with a NUL.
///
/// Programs that rewrite their command line often leave one argument with spaces in it.
fn program_name(command: &[u8]) -> Option<&[u8]> {
    let mut arguments = command
        .strip_suffix(b"\0")
        .unwrap_or(command)
        .split(|byte| *byte == 0);
    let mut program = arguments.next()?;
    if arguments.next().is_none() {
        program = program.split(|byte| *byte == b' ').next()?;
    }
    let name = program.rsplit(|byte| *byte == b'/').next()?;
    (name.len() <= FILE_NAME_BYTES).then_some(name)
}

/// Finds the effective user id in `/proc/PID/status`: `Uid:` real, effective, saved, file system.
pub(super) fn effective_uid(status: &[u8]) -> Option<u32> {
    number(status, b"Uid:", 1)
}

/// Finds all four user ids in `/proc/PID/status`.
pub(super) fn uids(status: &[u8]) -> Option<[u32; 4]> {
    let id = |index| number(status, b"Uid:", index);
    Some([id(0)?, id(1)?, id(2)?, id(3)?])
}

/// Finds the id of the process that a thread belongs to in `/proc/PID/status`.
pub(super) fn thread_group(status: &[u8]) -> Option<u32> {
    number(status, b"Tgid:", 0)
}

/// Resident memory that is not the process's own, by `/proc/PID/status`, in bytes. The kernel has no lines
/// about the memory of one that has none, which is kernel threads and zombies.
pub(super) fn shared_bytes(status: &[u8], resident_pages: u64) -> Option<u64> {
    if resident_pages == 0 {
        return Some(0);
    }
    let kibibytes = |key| number::<u64>(status, key, 0);
    let shared = kibibytes(b"RssFile:")?.saturating_add(kibibytes(b"RssShmem:")?);
    Some(shared.saturating_mul(1024))
}

/// The kernel escapes line ends in the name, so no other line can pose as one of these.
fn number<T: FromStr>(status: &[u8], key: &[u8], index: usize) -> Option<T> {
    let line = status
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(key))?;
    let text = std::str::from_utf8(line).ok()?;
    text.split_ascii_whitespace().nth(index)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_name_is_completed_from_the_command_line() {
        let name = |command: &[u8]| full_name(b"gnome-keyring-d", command);
        assert_eq!(
            name(b"/usr/bin/gnome-keyring-daemon\0--start\0"),
            "gnome-keyring-daemon"
        );
        assert_eq!(
            name(b"gnome-keyring-daemon: idle session"),
            "gnome-keyring-daemon:"
        );
        assert_eq!(
            name(b"/bin/my gnome-keyring-daemon\0-v\0"),
            "gnome-keyring-d"
        );
        assert_eq!(
            name(b"/usr/bin/python3\0gnome-keyring-daemon\0"),
            "gnome-keyring-d"
        );
        assert_eq!(name(b""), "gnome-keyring-d");
        let endless = [b"gnome-keyring-d".as_slice(), &[b'x'; 300]].concat();
        assert_eq!(name(&endless), "gnome-keyring-d");
    }

    #[test]
    fn a_whole_name_and_a_kernel_thread_keep_theirs() {
        assert_eq!(full_name(b"bash", b"/bin/bash-completed\0"), "bash");
        assert_eq!(
            full_name(b"kworker/R-rcu_gp_long", b""),
            "kworker/R-rcu_gp_long"
        );
        assert_eq!(full_name(b"a\xffb", b""), "a\u{fffd}b");
    }

    #[test]
    fn arguments_are_joined_by_spaces_and_cut() {
        assert_eq!(command_line(b"/bin/sh\0-c\0a  b\0"), "/bin/sh -c a  b");
        assert_eq!(command_line(b"postgres: idle   \0\0\0"), "postgres: idle");
        assert_eq!(command_line(b"a\0\0b\0"), "a  b");
        assert_eq!(command_line(b""), "");
        assert_eq!(command_line(b"\0\0"), "");
        assert_eq!(command_line(&[b'x'; 5000]).len(), COMMAND_BYTES);
        // Cut within a character.
        let umlauts = "x".to_owned() + &"ä".repeat(3000);
        assert!(command_line(umlauts.as_bytes()).ends_with("ä\u{fffd}"));
    }

    #[test]
    fn ids_are_found_among_the_lines_of_the_status() {
        let status = b"Name:\ta\\nUid:\t9\t9\nTgid:\t42\nPid:\t43\nUid:\t1000\t33\t0\t0\n";
        assert_eq!(effective_uid(status), Some(33));
        assert_eq!(thread_group(status), Some(42));
        let memory =
            b"Name:\tRssFile:\t9 kB\nRssAnon:\t7 kB\nRssFile:\t     640 kB\nRssShmem:\t   4 kB\n";
        assert_eq!(shared_bytes(memory, 200), Some(644 * 1024));
        assert_eq!(shared_bytes(b"RssFile:\t640 kB\n", 200), None);
        assert_eq!(shared_bytes(status, 200), None);
        // A kernel thread.
        assert_eq!(shared_bytes(status, 0), Some(0));
        assert_eq!(effective_uid(b"Uid:\t1000\n"), None);
        assert_eq!(effective_uid(b""), None);
    }
}
