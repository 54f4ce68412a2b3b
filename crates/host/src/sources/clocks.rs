//! What the host's clock runs by: its time zone, and the kernel's sources of time.
//!
//! Both change rarely, so they are read once a minute however often they are needed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Local, Offset, Utc};

use crate::{HostRoots, read_text};
use linux_api_wire::time::Clock;

/// How long a reading is used.
const KEPT_FOR: Duration = Duration::from_mins(1);
/// The zone of this process, unless its environment names another.
const ZONE_FILE: &str = "/etc/localtime";

/// The offset of local time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimeZone {
    /// Its abbreviation, such as `CEST`; the offset as text where none is known.
    pub name: String,
    /// Seconds east of UTC.
    pub offset_seconds: i32,
}

/// One device of `clocksource` in the system file system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClockSource {
    /// Its number.
    pub device: String,
    /// What it could take the time from.
    pub available: Vec<String>,
    /// What it takes the time from.
    pub current: Option<String>,
}

/// The time zone and the sources of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClockInfo {
    /// The time zone.
    pub zone: TimeZone,
    /// The sources of time, by device.
    pub sources: Vec<ClockSource>,
}

/// Reads both, once a minute.
#[derive(Debug)]
pub(crate) struct ClockReader {
    directory: PathBuf,
    newest: Option<(Instant, ClockInfo)>,
}

impl ClockReader {
    pub(crate) fn new(roots: &HostRoots) -> Self {
        Self {
            directory: roots.sysfs.join("devices/system/clocksource"),
            newest: None,
        }
    }

    pub(crate) fn read(&mut self) -> ClockInfo {
        if let Some((time, info)) = &self.newest
            && time.elapsed() < KEPT_FOR
        {
            return info.clone();
        }
        let info = ClockInfo {
            zone: zone(),
            sources: sources(&self.directory),
        };
        self.newest = Some((Instant::now(), info.clone()));
        info
    }
}

fn sources(directory: &Path) -> Vec<ClockSource> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let found = entries.filter_map(|entry| {
        let name = entry.file_name();
        let device = name.to_str()?.strip_prefix("clocksource")?.to_owned();
        let available = read_text(&entry.path().join("available_clocksource")).ok()?;
        let current = read_text(&entry.path().join("current_clocksource")).ok();
        let current = current.map(|text| text.trim().to_owned());
        Some(ClockSource {
            device,
            available: available.split_whitespace().map(str::to_owned).collect(),
            current: current.filter(|text| !text.is_empty()),
        })
    });
    let mut sources: Vec<ClockSource> = found.collect();
    sources.sort_by(|one, other| one.device.cmp(&other.device));
    sources
}

fn zone() -> TimeZone {
    let now = DateTime::<Utc>::from(Clock::system().now()).with_timezone(&Local);
    let offset_seconds = now.offset().fix().local_minus_utc();
    let file = std::fs::read(ZONE_FILE).unwrap_or_default();
    let name = abbreviation(&file, offset_seconds).unwrap_or_else(|| match offset_seconds {
        0 => "UTC".to_owned(),
        _ => now.format("%z").to_string(),
    });
    TimeZone {
        name,
        offset_seconds,
    }
}

/// What a zone's file (RFC 9636) calls the newest of its times with this offset.
fn abbreviation(file: &[u8], offset: i32) -> Option<String> {
    let first = Header::read(file)?;
    let (header, body, width) = if first.version >= b'2' {
        // What follows the first part is the same with times of 64 bits.
        let second = file.get(Header::LENGTH + first.body_length(4)..)?;
        (Header::read(second)?, second.get(Header::LENGTH..)?, 8)
    } else {
        (first, file.get(Header::LENGTH..)?, 4)
    };
    let changes = body.get(header.times * width..)?;
    let kinds = changes.get(header.times..)?;
    let names = kinds.get(header.kinds * 6..)?.get(..header.characters)?;
    let newest = changes[..header.times].iter().rev().copied();
    let any = (0..header.kinds)
        .rev()
        .filter_map(|one| one.try_into().ok());
    newest.chain(any).find_map(|kind: u8| {
        let kind = kinds.get(usize::from(kind) * 6..)?.first_chunk::<6>()?;
        let [a, b, c, d, _, name] = *kind;
        let name = names.get(usize::from(name)..)?;
        let name = name.split(|byte| *byte == 0).next()?;
        let is_it = i32::from_be_bytes([a, b, c, d]) == offset;
        is_it.then(|| String::from_utf8_lossy(name).into_owned())
    })
}

/// The counts at the beginning of each part of such a file.
struct Header {
    version: u8,
    utc_marks: usize,
    standard_marks: usize,
    leaps: usize,
    times: usize,
    kinds: usize,
    characters: usize,
}

impl Header {
    const LENGTH: usize = 44;

    fn read(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..Self::LENGTH)?;
        if !header.starts_with(b"TZif") {
            return None;
        }
        let count = |place: usize| -> Option<usize> {
            let number = header.get(20 + place * 4..)?.first_chunk::<4>()?;
            usize::try_from(u32::from_be_bytes(*number)).ok()
        };
        Some(Self {
            version: header[4],
            utc_marks: count(0)?,
            standard_marks: count(1)?,
            leaps: count(2)?,
            times: count(3)?,
            kinds: count(4)?,
            characters: count(5)?,
        })
    }

    fn body_length(&self, width: usize) -> usize {
        self.times * (width + 1)
            + self.kinds * 6
            + self.characters
            + self.leaps * (width + 4)
            + self.standard_marks
            + self.utc_marks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;

    #[test]
    fn sources_are_read_by_device_and_then_remembered() {
        let tree = Tree::new();
        let directory = "sys/devices/system/clocksource/clocksource0";
        tree.write(
            &format!("{directory}/available_clocksource"),
            "tsc hpet acpi_pm \n",
        );
        tree.write(&format!("{directory}/current_clocksource"), "tsc\n");
        let mut reader = ClockReader::new(&tree.roots());
        let expected = ClockSource {
            device: "0".to_owned(),
            available: ["tsc", "hpet", "acpi_pm"].map(str::to_owned).to_vec(),
            current: Some("tsc".to_owned()),
        };
        assert_eq!(reader.read().sources, std::slice::from_ref(&expected));
        tree.write(&format!("{directory}/current_clocksource"), "hpet\n");
        assert_eq!(reader.read().sources, [expected]);
        assert!(!reader.read().zone.name.is_empty());
    }

    /// Both parts of a file with one change from the first kind to the second.
    fn zone_file(kinds: [(i32, &str); 2]) -> Vec<u8> {
        let mut file = Vec::new();
        for width in [4, 8] {
            let names: Vec<u8> = kinds
                .iter()
                .flat_map(|(_, name)| [name.as_bytes(), b"\0"].concat())
                .collect();
            file.extend(b"TZif2");
            file.extend([0; 15]);
            for count in [0, 0, 0, 2, 2, names.len()] {
                file.extend(u32::try_from(count).unwrap().to_be_bytes());
            }
            file.extend(vec![0; 2 * width]);
            file.extend([0, 1]);
            let mut place = 0;
            for (offset, name) in kinds {
                file.extend(offset.to_be_bytes());
                file.extend([0, place]);
                place += u8::try_from(name.len() + 1).unwrap();
            }
            file.extend(names);
        }
        file
    }

    #[test]
    fn a_zone_is_named_by_its_offset() {
        let file = zone_file([(3_600, "CET"), (7_200, "CEST")]);
        assert_eq!(abbreviation(&file, 7_200).as_deref(), Some("CEST"));
        assert_eq!(abbreviation(&file, 3_600).as_deref(), Some("CET"));
        assert_eq!(abbreviation(&file, 0), None);
        for length in 0..file.len() {
            // Cut off anywhere it names nothing else.
            let name = abbreviation(&file[..length], 7_200);
            assert!(
                name.is_none_or(|name| "CEST".starts_with(&name)),
                "{length}"
            );
        }
    }
}
