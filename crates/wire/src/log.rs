//! How the program writes its logs.

use std::fmt::{self, Write};
use std::time::Duration;

/// The form of every log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line, for programs.
    Json,
}

impl LogFormat {
    /// The word used in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who takes the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogSink {
    /// A terminal, a file or a program.
    #[default]
    Plain,
    /// systemd's journal, which notes the time itself and reads how important a line is from a number
    /// before it (sd-daemon(3)).
    Journal,
}

impl LogSink {
    /// What stands before a line of this importance: 3 error, 4 warning, 6 information, 7 debugging.
    #[must_use]
    pub fn prefix(self, priority: u8) -> Prefix {
        Prefix((self == Self::Journal).then_some(priority))
    }
}

/// A number in angle brackets for the journal, nothing for others.
#[derive(Debug, Clone, Copy)]
pub struct Prefix(Option<u8>);

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(priority) => write!(f, "<{priority}>"),
            None => Ok(()),
        }
    }
}

/// Which requests the access log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AccessLog {
    /// None.
    Off,
    /// Those that failed or were slow.
    #[default]
    Errors,
    /// Every one.
    All,
}

impl AccessLog {
    /// The word used in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Errors => "errors",
            Self::All => "all",
        }
    }

    /// Whether a request that ended with `status` after `duration` is written; one that took
    /// longer than `slow` counts as slow.
    #[must_use]
    pub fn wants(self, status: u16, duration: Duration, slow: Duration) -> bool {
        match self {
            Self::Off => false,
            Self::Errors => status >= 400 || duration > slow,
            Self::All => true,
        }
    }
}

impl fmt::Display for AccessLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Text that may come from outside, shown so that it can neither start a new line nor steer a
/// terminal: control characters and those that turn the writing direction appear as escapes.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| {
            if is_unsafe(c) {
                write!(f, "{}", c.escape_default())
            } else {
                f.write_char(c)
            }
        })
    }
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: Duration = Duration::from_secs(1);

    #[test]
    fn errors_means_failed_or_slow() {
        let errors = |status, duration| AccessLog::Errors.wants(status, duration, SLOW);
        assert!(errors(400, Duration::ZERO) && errors(503, Duration::ZERO));
        assert!(!errors(200, SLOW) && !errors(399, Duration::ZERO));
        assert!(errors(200, SLOW + Duration::from_micros(1)));
    }

    #[test]
    fn off_writes_nothing_and_all_writes_everything() {
        assert!(!AccessLog::Off.wants(500, SLOW * 2, SLOW));
        assert!(AccessLog::All.wants(200, Duration::ZERO, SLOW));
    }

    #[test]
    fn control_characters_are_escaped() {
        let text = Escaped("a\u{1b}[2J\r\nb\u{9b}\u{202e}ü").to_string();
        assert_eq!(text, "a\\u{1b}[2J\\r\\nb\\u{9b}\\u{202e}ü");
    }
}
