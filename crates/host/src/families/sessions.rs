//! Who is logged in: from logind's files, or from `utmp` where there is no logind.

use std::fs;
use std::io;
use std::path::Path;

use crate::CollectError;
use linux_api_wire::snapshot::Session;
use linux_api_wire::time::Timestamp;

/// No host has so many logins; a file with more is something else.
const UTMP_BYTES_MAX: usize = 8 << 20;

/// Reads the sessions of the host whose root is `rootfs`.
///
/// # Errors
/// When there are neither logind's files nor `utmp`, or they can't be read.
pub(crate) fn list_sessions(rootfs: &Path, procfs: &Path) -> Result<Vec<Session>, CollectError> {
    let directory = rootfs.join("run/systemd/sessions");
    let mut sessions = match fs::read_dir(&directory) {
        Ok(entries) => read_logind(entries),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let path = rootfs.join("run/utmp");
            let bytes = fs::read(&path).map_err(|source| CollectError::Read {
                path: path.clone(),
                source,
            })?;
            if bytes.len() > UTMP_BYTES_MAX {
                return Err(CollectError::Malformed {
                    path,
                    expected: "list of logins",
                });
            }
            read_utmp(&bytes, |pid| procfs.join(pid.to_string()).exists())
        }
        Err(source) => {
            return Err(CollectError::Read {
                path: directory,
                source,
            });
        }
    };
    sessions.sort_by(|a, b| (a.started_at, &a.terminal).cmp(&(b.started_at, &b.terminal)));
    Ok(sessions)
}

/// One file per session with lines `KEY=VALUE`; sd-login(3) reads the same ones. Beside them lie
/// pipes (`NAME.ref`), which must not be opened.
fn read_logind(entries: fs::ReadDir) -> Vec<Session> {
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .filter_map(|entry| {
            let bytes = fs::read(entry.path()).ok()?;
            parse_logind(&String::from_utf8_lossy(&bytes))
        })
        .collect()
}

fn parse_logind(text: &str) -> Option<Session> {
    let value = |key: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        let value = line.trim_matches('"');
        (!value.is_empty()).then(|| value.to_owned())
    };
    // Service managers, greeters, background jobs: no person is logged in. Old versions write no class.
    if !value("CLASS").is_none_or(|class| class.starts_with("user")) {
        return None;
    }
    if value("STATE").is_some_and(|state| state == "closing") {
        return None;
    }
    let micros: Option<i64> = value("REALTIME").and_then(|micros| micros.parse().ok());
    Some(Session {
        user: value("USER").or_else(|| value("UID"))?,
        terminal: value("TTY").or_else(|| value("DISPLAY")),
        remote_host: value("REMOTE_HOST"),
        started_at: micros.map(|micros| Timestamp::from_millis(micros / 1000)),
    })
}

/// Where the fields of a record lie, see utmp(5) and glibc's bits/utmp.h.
struct Layout {
    record: usize,
    seconds: usize,
    wide: bool,
}

/// glibc keeps 32-bit times on the older architectures, whatever the size of `time_t`.
const LAYOUT: Layout = if cfg!(any(target_arch = "aarch64", target_arch = "riscv64")) {
    Layout {
        record: 400,
        seconds: 344,
        wide: true,
    }
} else {
    Layout {
        record: 384,
        seconds: 340,
        wide: false,
    }
};
/// A login, as against a boot, a getty or a logout.
const USER_PROCESS: i16 = 7;

/// Records of fixed size. A login whose process is gone was never logged out properly.
fn read_utmp(bytes: &[u8], lives: impl Fn(i32) -> bool) -> Vec<Session> {
    bytes
        .chunks_exact(LAYOUT.record)
        .filter_map(|record| {
            let kind = i16::from_ne_bytes(record.get(..2)?.try_into().ok()?);
            let int =
                |at: usize| Some(i32::from_ne_bytes(record.get(at..at + 4)?.try_into().ok()?));
            let text = |at: usize, length: usize| {
                let field = record.get(at..at + length)?;
                let end = field.iter().position(|byte| *byte == 0).unwrap_or(length);
                (end > 0).then(|| String::from_utf8_lossy(&field[..end]).into_owned())
            };
            if kind != USER_PROCESS || !lives(int(4)?) {
                return None;
            }
            let seconds = if LAYOUT.wide {
                let field = record.get(LAYOUT.seconds..LAYOUT.seconds + 8)?;
                i64::from_ne_bytes(field.try_into().ok()?)
            } else {
                // Unsigned until 2106.
                i64::from(int(LAYOUT.seconds)?.cast_unsigned())
            };
            Some(Session {
                user: text(44, 32)?,
                terminal: text(8, 32),
                remote_host: text(76, 256),
                started_at: seconds.checked_mul(1000).map(Timestamp::from_millis),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;

    fn session(user: &str, terminal: Option<&str>, host: Option<&str>, seconds: i64) -> Session {
        Session {
            user: user.to_owned(),
            terminal: terminal.map(str::to_owned),
            remote_host: host.map(str::to_owned),
            started_at: Some(Timestamp::from_millis(seconds * 1000)),
        }
    }

    fn listed(tree: &Tree) -> Vec<Session> {
        list_sessions(&tree.path(""), &tree.path("proc")).unwrap()
    }

    #[test]
    fn greeters_and_managers_are_no_logins() {
        let tree = Tree::new();
        let write =
            |name: &str, text: &str| tree.write(&format!("run/systemd/sessions/{name}"), text);
        write(
            "4",
            "# This is private data. Do not parse.\nUID=1000\nUSER=alice\nACTIVE=1\nSTATE=active\n\
             REMOTE=1\nTYPE=tty\nCLASS=user\nTTY=pts/0\nREMOTE_HOST=192.0.2.7\nSERVICE=sshd\n\
             REALTIME=1764000000123456\n",
        );
        write(
            "c1",
            "UID=42\nUSER=gdm\nCLASS=greeter\nREALTIME=1764000000000000\n",
        );
        write(
            "7",
            "UID=0\nUSER=root\nCLASS=user-early\nTTY=tty1\nREALTIME=1763000000000000\n",
        );
        write("8", "UID=0\nUSER=root\nCLASS=manager\n");
        write("9", "UID=5\nUSER=bob\nCLASS=user\nSTATE=closing\n");
        let fifo = tree.path("run/systemd/sessions/4.ref");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        let mut alice = session("alice", Some("pts/0"), Some("192.0.2.7"), 1_764_000_000);
        alice.started_at = Some(Timestamp::from_millis(1_764_000_000_123));
        assert_eq!(
            listed(&tree),
            [session("root", Some("tty1"), None, 1_763_000_000), alice]
        );
    }

    fn record(kind: i16, pid: i32, line: &str, user: &str, host: &str, seconds: u32) -> Vec<u8> {
        let mut record = vec![0; LAYOUT.record];
        record[..2].copy_from_slice(&kind.to_ne_bytes());
        record[4..8].copy_from_slice(&pid.to_ne_bytes());
        for (at, text) in [(8, line), (44, user), (76, host)] {
            record[at..at + text.len()].copy_from_slice(text.as_bytes());
        }
        if LAYOUT.wide {
            let time = i64::from(seconds).to_ne_bytes();
            record[LAYOUT.seconds..LAYOUT.seconds + 8].copy_from_slice(&time);
        } else {
            record[LAYOUT.seconds..LAYOUT.seconds + 4].copy_from_slice(&seconds.to_ne_bytes());
        }
        record
    }

    #[test]
    fn utmp_is_read_where_there_is_no_logind() {
        let tree = Tree::new();
        fs::create_dir_all(tree.path("proc/77")).unwrap();
        let name = "u".repeat(32);
        let records = [
            record(2, 0, "~", "reboot", "6.1.0", 1_700_000_000),
            record(7, 77, "pts/1", &name, "", 3_000_000_000),
            record(7, 78, "pts/2", "gone", "", 1_700_000_000),
            record(8, 77, "pts/3", "out", "", 1_700_000_000),
            vec![7, 0, 1],
        ];
        tree.write("run/utmp", records.concat());
        assert_eq!(
            listed(&tree),
            [session(&name, Some("pts/1"), None, 3_000_000_000)]
        );
    }

    #[test]
    fn a_host_that_keeps_no_record_says_so() {
        let tree = Tree::new();
        let error = list_sessions(&tree.path(""), &tree.path("proc")).unwrap_err();
        assert!(error.to_string().contains("run/utmp"), "{error}");
    }
}
