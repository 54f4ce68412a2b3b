//! What a caller may request of the journal, each value checked before it becomes part of an argument.

use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;

use linux_api_host::units::AnyUnit;
use linux_api_wire::time::Timestamp;

/// The most characters of a pattern.
const GREP: usize = 200;
/// The names of the priorities, from 0 on.
const PRIORITIES: [[&str; 2]; 8] = [
    ["emerg", "emergency"],
    ["alert", "alert"],
    ["crit", "critical"],
    ["err", "error"],
    ["warning", "warn"],
    ["notice", "notice"],
    ["info", "information"],
    ["debug", "debug"],
];

/// Which entries.
#[derive(Debug, Clone, Default)]
pub(crate) struct EntryFilter {
    pub(crate) unit: Option<AnyUnit>,
    pub(crate) priority: Option<Priority>,
    pub(crate) boot: Option<Boot>,
    pub(crate) grep: Option<Grep>,
}

impl EntryFilter {
    /// The arguments that select them.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let Self {
            unit,
            priority,
            boot,
            grep,
        } = self;
        let all = [
            unit.as_ref().map(|unit| format!("--unit={unit}")),
            priority.map(|Priority(most)| format!("--priority={most}")),
            boot.as_ref().map(|Boot(boot)| format!("--boot={boot}")),
            grep.as_ref().map(|Grep(text)| format!("--grep={text}")),
        ];
        all.into_iter().flatten().map(OsString::from).collect()
    }
}

/// A time in microseconds since 1970 as `journalctl` takes it.
pub(super) fn time_usec(option: &str, usec: u64) -> OsString {
    format!("{option}=@{}.{:06}", usec / 1_000_000, usec % 1_000_000).into()
}

/// A time as `journalctl` takes it.
pub(super) fn time(option: &str, time: Timestamp) -> OsString {
    let millis = u64::try_from(time.as_millis()).unwrap_or_default();
    format!("{option}=@{}.{:03}", millis / 1_000, millis % 1_000).into()
}

/// This priority and all that are more urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Priority(u8);

/// The text is no priority.
#[derive(Debug, thiserror::Error)]
#[error("Input should be 0 to 7, or emerg, alert, crit, err, warning, notice, info or debug")]
pub(crate) struct NoPriority;

impl FromStr for Priority {
    type Err = NoPriority;

    fn from_str(text: &str) -> Result<Self, NoPriority> {
        let named = PRIORITIES.iter().position(|names| names.contains(&text));
        let number = named.and_then(|place| u8::try_from(place).ok());
        let number = number.or_else(|| text.parse().ok());
        let number = number.filter(|number| usize::from(*number) < PRIORITIES.len());
        number.map(Self).ok_or(NoPriority)
    }
}

/// A boot: its id, or how many boots before the newest it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Boot(String);

/// The text names no boot.
#[derive(Debug, thiserror::Error)]
#[error("Input should be the id of a boot, 0 for the newest, -1 for the one before and so on")]
pub(crate) struct NoBoot;

impl FromStr for Boot {
    type Err = NoBoot;

    fn from_str(text: &str) -> Result<Self, NoBoot> {
        let id = text.replace('-', "");
        let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_id {
            return Ok(Self(id.to_ascii_lowercase()));
        }
        let offset: Option<i32> = text.parse().ok();
        let offset = offset.filter(|offset| (-9_999..=0).contains(offset));
        let offset = offset.ok_or(NoBoot)?;
        Ok(Self(offset.to_string()))
    }
}

/// A regular expression, see `--grep=` of journalctl(1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grep(String);

/// The text is no pattern.
#[derive(Debug, thiserror::Error)]
#[error("Input should be 1 to {GREP} characters without control characters")]
pub(crate) struct NoGrep;

impl FromStr for Grep {
    type Err = NoGrep;

    fn from_str(text: &str) -> Result<Self, NoGrep> {
        let length = text.chars().count();
        let is_pattern = (1..=GREP).contains(&length) && !text.contains(char::is_control);
        is_pattern.then(|| Self(text.to_owned())).ok_or(NoGrep)
    }
}

/// A place in the journal, in the form that `journalctl` prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogCursor(String);

/// The text is no cursor.
#[derive(Debug, thiserror::Error)]
#[error("Input should be a cursor from an earlier response")]
pub(crate) struct NoCursor;

impl FromStr for LogCursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        // Lengths of 128-bit ids, and of 64-bit numbers.
        const PARTS: [(&str, usize, usize); 6] = [
            ("s=", 32, 32),
            ("i=", 1, 16),
            ("b=", 32, 32),
            ("m=", 1, 16),
            ("t=", 1, 16),
            ("x=", 1, 16),
        ];
        let mut given = text.split(';');
        let is_part = |(name, least, most): (&str, usize, usize)| {
            let value = given.next().and_then(|part| part.strip_prefix(name));
            value.is_some_and(|value| {
                let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
                (least..=most).contains(&value.len()) && value.bytes().all(is_hex)
            })
        };
        let is_cursor = PARTS.into_iter().all(is_part) && given.next().is_none();
        is_cursor.then(|| Self(text.to_owned())).ok_or(NoCursor)
    }
}

impl LogCursor {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// When its entry was received, in microseconds since 1970.
    pub(super) fn usec(&self) -> u64 {
        u64::from_str_radix(self.part("t="), 16).unwrap_or_default()
    }

    /// The number of its entry among those of one source, and that source.
    pub(super) fn number(&self) -> (&str, u64) {
        let number = u64::from_str_radix(self.part("i="), 16).unwrap_or_default();
        (self.part("s="), number)
    }

    fn part(&self, name: &str) -> &str {
        let found = self.0.split(';').find_map(|part| part.strip_prefix(name));
        found.unwrap_or_default()
    }

    /// The argument that starts at it. Not `--after-cursor=`, which passes over one entry more than it
    /// should when the filter does not select the one of the cursor.
    pub(super) fn argument(&self) -> OsString {
        format!("--cursor={}", self.0).into()
    }
}

/// In which direction a page is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the cursor, or the end, back.
    Older,
    /// From the cursor, or the beginning, on.
    Newer,
}

/// The text is no direction.
#[derive(Debug, thiserror::Error)]
#[error("Input should be older or newer")]
pub(crate) struct NoDirection;

impl FromStr for Direction {
    type Err = NoDirection;

    fn from_str(text: &str) -> Result<Self, NoDirection> {
        match text {
            "older" => Ok(Self::Older),
            "newer" => Ok(Self::Newer),
            _ => Err(NoDirection),
        }
    }
}

impl fmt::Display for LogCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURSOR: &str = "s=0f1e2d3c4b5a69788796a5b4c3d2e1f0;i=1a2b;b=5a0f3c6d7e8b4c1d9a2b3c4d5e6f7a8b;\
                          m=1f;t=5f0a1b2c3d4e5;x=9f8e7d6c5b4a3928";

    #[test]
    fn values_become_one_argument_each() {
        let filter = EntryFilter {
            unit: Some("-.mount".parse().unwrap()),
            priority: Some("err".parse().unwrap()),
            boot: Some("-1".parse().unwrap()),
            grep: Some("--output=cat -o x".parse().unwrap()),
        };
        assert_eq!(
            filter.arguments(),
            [
                "--unit=-.mount",
                "--priority=3",
                "--boot=-1",
                "--grep=--output=cat -o x"
            ]
        );
        assert!(EntryFilter::default().arguments().is_empty());
        let at = |millis| time("--since", Timestamp::from_millis(millis));
        assert_eq!(at(1_795_417_330_007), "--since=@1795417330.007");
        assert_eq!(at(-5), "--since=@0.000");
        assert_eq!(
            time_usec("--until", 1_795_417_330_000_007),
            "--until=@1795417330.000007"
        );
        let cursor: LogCursor = CURSOR.parse().unwrap();
        assert_eq!(cursor.usec(), 0x5_f0a1_b2c3_d4e5);
        assert_eq!(
            cursor.number(),
            ("0f1e2d3c4b5a69788796a5b4c3d2e1f0", 0x1a2b)
        );
        assert_eq!(cursor.argument(), format!("--cursor={CURSOR}").as_str());
    }

    #[test]
    fn priorities_are_numbers_or_names() {
        for (text, number) in [("0", 0), ("7", 7), ("emerg", 0), ("error", 3), ("debug", 7)] {
            assert_eq!(text.parse::<Priority>().unwrap(), Priority(number));
        }
        for text in ["", "8", "-1", "0..3", "ERR", "err --all"] {
            assert!(text.parse::<Priority>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn boots_are_ids_or_offsets() {
        let id = "5a0f3c6d-7e8b-4c1d-9a2b-3c4d5e6f7a8b";
        assert_eq!(id.parse::<Boot>().unwrap().0, id.replace('-', ""));
        assert_eq!("-3".parse::<Boot>().unwrap().0, "-3");
        for text in [
            "",
            "1",
            "all",
            "-",
            "--all",
            "5a0f",
            "0 --all",
            "-99999999999",
        ] {
            assert!(text.parse::<Boot>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_whole_cursors_are_taken() {
        for text in [
            "",
            "x",
            "--all",
            "s=0f",
            &CURSOR.replace("s=0f", "s=0F"),
            &CURSOR.replace(";x=", ";y="),
            &CURSOR.replace("i=1a2b;", ""),
            &CURSOR.replace("i=1a2b", "i="),
            &format!("{CURSOR};"),
            &format!("{CURSOR} --all"),
            &format!("{CURSOR}\n"),
        ] {
            assert!(text.parse::<LogCursor>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn patterns_are_short_and_printable() {
        assert!("(timeout|refused)".parse::<Grep>().is_ok());
        for text in ["", "a\0b", "a\nb", "\u{1b}[31m", &"x".repeat(GREP + 1)] {
            assert!(text.parse::<Grep>().is_err(), "{text:?}");
        }
    }
}
