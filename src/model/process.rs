//! Processes as the process list shows them.

use serde::Serialize;

/// One process or kernel thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessSummary {
    /// Process id.
    pub pid: u32,
    /// Its name as the process itself chose it: may hold any character, also control characters.
    pub name: String,
    /// What it was doing when it was looked at.
    pub status: ProcessStatus,
}

/// What a process is doing, in the words of psutil, which readers of the v1 API know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessStatus {
    /// On a CPU or ready for one.
    Running,
    /// Waits for something and may be interrupted.
    Sleeping,
    /// Waits, usually for a disk, and can't be interrupted.
    DiskSleep,
    /// Stopped by a signal.
    Stopped,
    /// Stopped by a debugger.
    TracingStop,
    /// Ended, and its parent has not asked how.
    Zombie,
    /// About to vanish.
    Dead,
    /// Waits and wakes up only to be killed (Linux 2.6.33 to 3.13).
    WakeKill,
    /// Wakes up (Linux 2.6.33 to 3.13).
    Waking,
    /// A parked kernel thread.
    Parked,
    /// An idle kernel thread.
    Idle,
    /// Waits for a lock; Linux has no letter for it.
    Locked,
    /// Waits for its turn; Linux has no letter for it.
    Waiting,
    /// A letter that this program does not know.
    Unknown,
}

impl ProcessStatus {
    /// The word that psutil uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Sleeping => "sleeping",
            Self::DiskSleep => "disk-sleep",
            Self::Stopped => "stopped",
            Self::TracingStop => "tracing-stop",
            Self::Zombie => "zombie",
            Self::Dead => "dead",
            Self::WakeKill => "wake-kill",
            Self::Waking => "waking",
            Self::Parked => "parked",
            Self::Idle => "idle",
            Self::Locked => "locked",
            Self::Waiting => "waiting",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the letter in the third field of `/proc/PID/stat`, see proc(5).
    #[must_use]
    pub const fn from_letter(letter: u8) -> Self {
        match letter {
            b'R' => Self::Running,
            b'S' => Self::Sleeping,
            b'D' => Self::DiskSleep,
            b'T' => Self::Stopped,
            b't' => Self::TracingStop,
            b'Z' => Self::Zombie,
            b'X' | b'x' => Self::Dead,
            b'K' => Self::WakeKill,
            b'W' => Self::Waking,
            b'P' => Self::Parked,
            b'I' => Self::Idle,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_written_as_psutil_words() {
        let words: Vec<String> = b"RSDTtZXxKWPI?"
            .iter()
            .map(|letter| serde_json::to_string(&ProcessStatus::from_letter(*letter)).unwrap())
            .collect();
        assert_eq!(
            words.join(" ").replace('"', ""),
            "running sleeping disk-sleep stopped tracing-stop zombie dead dead wake-kill waking \
             parked idle unknown"
        );
        let rest = [ProcessStatus::Locked, ProcessStatus::Waiting];
        assert_eq!(
            serde_json::to_string(&rest).unwrap(),
            r#"["locked","waiting"]"#
        );
    }
}
