//! File systems: full, without inodes, or full soon.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use linux_api_wire::snapshot::Filesystem;
use linux_api_wire::time::Timestamp;
use linux_api_wire::units;

use super::number;
use crate::labels::Labels;
use crate::reading::Reading;

/// What every program can still write with.
const LEAST_FREE: u64 = 1 << 30;
/// On smaller file systems, `/boot` and EFI's among them, a GiB is much.
const LEAST_FREE_OF: u64 = 8 << 30;
/// From here on a file system is full for most purposes, whatever its size.
const FULL_PERCENT: f64 = 99.0;

/// The time over which the pace of a file system is taken.
pub const FILL_WINDOW: Duration = Duration::from_hours(6);
/// With less data than this, or fewer readings, no pace is known.
const FILL_LEAST: Duration = Duration::from_hours(3);
const FILL_READINGS: usize = 18;
/// The most readings that are kept: one each two minutes.
const FILL_STEP: Duration = Duration::from_mins(2);
/// Below this use a pace says little: it takes long, and caches fill and empty.
const FILL_PERCENT: f64 = 50.0;

/// How full the file systems are that can be written, one for each device, in percent as df(1) shows it; the
/// second value is what is free, in bytes.
#[must_use]
pub fn disk_space(filesystems: &[Filesystem]) -> Vec<Reading> {
    let reading = |one: &Filesystem| {
        let labels = label(one);
        let (percent, available, total) = match figures(one) {
            Ok(figures) => figures,
            Err(why) => return Reading::no_data(labels, &why),
        };
        let (free, size) = (units::size(available), units::size(total));
        let text = format!("{} used, {free} free of {size}", units::percent(percent));
        let is_scarce = available < LEAST_FREE && total >= LEAST_FREE_OF;
        Reading::value(labels, percent, &text)
            .with_second(Some(number(available)))
            .with_extreme(percent >= FULL_PERCENT || is_scarce)
    };
    writable(filesystems).map(reading).collect()
}

/// How many of the inodes are in use, in percent. File systems without a bound on inodes have no reading.
#[must_use]
pub fn disk_inodes(filesystems: &[Filesystem]) -> Vec<Reading> {
    let reading = |one: &Filesystem| {
        if one.stale {
            return Some(Reading::no_data(label(one), &reason(one)));
        }
        let (used, total) = (one.inodes_used?, one.inodes_total.filter(|it| *it > 0)?);
        let percent = units::share(used, total)?;
        let text = format!("{} of {total} inodes used", units::percent(percent));
        Some(Reading::value(label(one), percent, &text))
    };
    writable(filesystems).filter_map(reading).collect()
}

fn label(one: &Filesystem) -> Labels {
    Labels::one("mount_point", &one.mount_point)
}

fn reason(one: &Filesystem) -> String {
    let error = one.error.as_deref().unwrap_or("it does not respond");
    format!("no figures: {error}")
}

/// Percent used, bytes available, bytes in all.
fn figures(one: &Filesystem) -> Result<(f64, u64, u64), String> {
    let percent = one.used_percent.or_else(|| one.fullness());
    match (percent, one.available_bytes, one.total_bytes) {
        (Some(percent), Some(available), Some(total)) if !one.stale => {
            Ok((percent, available, total))
        }
        _ => Err(reason(one)),
    }
}

/// Those that can be written, with the shortest path of each device: one that is mounted twice is full once.
fn writable(filesystems: &[Filesystem]) -> impl Iterator<Item = &Filesystem> {
    let mut chosen: BTreeMap<(&str, &str), &Filesystem> = BTreeMap::new();
    for one in filesystems.iter().filter(|one| !one.read_only) {
        // Names such as tmpfs are no devices; each such mount is one of its own.
        let is_device = one.device.contains('/') || one.device.contains(':');
        let key = if is_device {
            (&*one.device, "")
        } else {
            ("", &*one.mount_point)
        };
        let place = |it: &Filesystem| (it.mount_point.len(), it.mount_point.clone());
        let kept = chosen.entry(key).or_insert(one);
        if place(one) < place(kept) {
            *kept = one;
        }
    }
    let mut chosen: Vec<&Filesystem> = chosen.into_values().collect();
    chosen.sort_by(|a, b| a.mount_point.cmp(&b.mount_point));
    chosen.into_iter()
}

/// What was free on a file system over the last six hours.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FillHistory(VecDeque<(Timestamp, u64)>);

impl FillHistory {
    /// A history of what was stored, oldest first: when, and what was free then, in bytes.
    #[must_use]
    pub fn of(points: impl IntoIterator<Item = (Timestamp, u64)>) -> Self {
        let mut history = Self::default();
        for (time, available) in points {
            history.add(time, available);
        }
        history
    }

    /// What it holds, oldest first.
    pub fn points(&self) -> impl Iterator<Item = (Timestamp, u64)> {
        self.0.iter().copied()
    }

    /// How many bytes less are free than at its beginning, and how long ago that was; nothing while no less is.
    #[must_use]
    pub fn taken(&self) -> Option<(u64, Duration)> {
        let (first, last) = (self.0.front()?, self.0.back()?);
        let taken = first.1.checked_sub(last.1).filter(|taken| *taken > 0)?;
        Some((taken, last.0.since(first.0)))
    }

    /// Adds what is free now, in bytes; readings closer than two minutes to the last one are left out. When
    /// the clock was set back, it begins again.
    pub fn add(&mut self, now: Timestamp, available: u64) {
        if self.0.back().is_some_and(|(last, _)| *last > now) {
            self.0.clear();
        }
        if self
            .0
            .back()
            .is_none_or(|(last, _)| now.since(*last) >= FILL_STEP)
        {
            self.0.push_back((now, available));
        }
        while self
            .0
            .front()
            .is_some_and(|(first, _)| now.since(*first) > FILL_WINDOW)
        {
            self.0.pop_front();
        }
    }

    /// Seconds until nothing is free, at the pace of the history by least squares; infinite when it does not
    /// fill up. `None` with less than three hours of data.
    #[must_use]
    pub fn seconds_to_full(&self) -> Option<f64> {
        let (first, last) = (self.0.front()?.0, self.0.back()?.0);
        if self.0.len() < FILL_READINGS || last.since(first) < FILL_LEAST {
            return None;
        }
        let seconds = |time: Timestamp| time.since(first).as_secs_f64();
        let count = number(self.0.len() as u64);
        let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
            let values = self
                .0
                .iter()
                .map(|(time, free)| of(seconds(*time), number(*free)));
            values.sum()
        };
        let (mean_time, mean_free) = (sum(&|time, _| time) / count, sum(&|_, free| free) / count);
        let across = sum(&|time, free| (time - mean_time) * (free - mean_free));
        let along = sum(&|time, _| (time - mean_time).powi(2));
        let slope = across / along;
        let free = number(self.0.back()?.1);
        Some(if slope < 0.0 {
            free / -slope
        } else {
            f64::INFINITY
        })
    }
}

/// When file systems that are at least half full will be full, in seconds. Those without three hours of data
/// have no reading, unless they are remembered as one that fills.
#[must_use]
pub fn disk_full_soon(
    filesystems: &[Filesystem],
    histories: &BTreeMap<String, FillHistory>,
) -> Vec<Reading> {
    let reading = |one: &Filesystem| {
        let (percent, available, _) = figures(one).ok()?;
        let seconds = histories.get(&one.mount_point)?.seconds_to_full()?;
        let seconds = if percent < FILL_PERCENT {
            f64::INFINITY
        } else {
            seconds
        };
        let free = units::size(available);
        let text = if seconds.is_finite() {
            let span = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
            format!(
                "full in {} at the present pace, {free} free",
                units::span(span.as_secs())
            )
        } else {
            format!("does not fill up, {free} free")
        };
        Some(Reading::value(label(one), seconds, &text))
    };
    writable(filesystems).filter_map(reading).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Measure;
    use crate::testing::at;

    const GIB: u64 = 1 << 30;

    fn filesystem(mount_point: &str, device: &str, total: u64, available: u64) -> Filesystem {
        Filesystem {
            mount_point: mount_point.to_owned(),
            device: device.to_owned(),
            total_bytes: Some(total),
            used_bytes: Some(total - available),
            available_bytes: Some(available),
            inodes_total: Some(1_000),
            inodes_used: Some(910),
            ..Filesystem::default()
        }
    }

    fn value(reading: &Reading) -> (f64, Option<f64>, bool) {
        match &reading.measure {
            Measure::Value(value) => (value.main, value.second, value.is_extreme),
            other => panic!("{other:?}"),
        }
    }

    fn mounts(readings: &[Reading]) -> Vec<&str> {
        readings
            .iter()
            .map(|it| it.labels.get("mount_point").unwrap())
            .collect()
    }

    #[test]
    fn what_was_taken_is_known_of_a_stored_history() {
        let history = FillHistory::of([(at(0), 50), (at(120), 70), (at(240), 40)]);
        assert_eq!(history.taken(), Some((10, Duration::from_mins(4))));
        assert_eq!(FillHistory::of(history.points()), history);
        let emptied = FillHistory::of([(at(0), 50), (at(120), 70)]);
        assert_eq!(emptied.taken(), None);
        assert_eq!(FillHistory::default().taken(), None);
    }

    #[test]
    fn a_device_that_is_mounted_twice_is_read_once() {
        let mut image = filesystem("/image", "/dev/loop0", GIB, 0);
        image.read_only = true;
        let all = [
            filesystem("/var/lib/x", "/dev/sda1", 100 * GIB, 10 * GIB),
            filesystem("/", "/dev/sda1", 100 * GIB, 10 * GIB),
            filesystem("/mnt", "server:/export", 100 * GIB, 50 * GIB),
            filesystem("/media", "server:/export", 100 * GIB, 50 * GIB),
            filesystem("/tmp", "tmpfs", GIB, GIB / 2),
            filesystem("/run", "tmpfs", GIB, GIB / 2),
            image,
        ];
        let readings = disk_space(&all);
        assert_eq!(mounts(&readings), ["/", "/mnt", "/run", "/tmp"]);
        assert_eq!(value(&readings[0]), (90.0, Some(number(10 * GIB)), false));
    }

    #[test]
    fn the_last_gib_counts_on_file_systems_that_had_more() {
        let extreme = |total, available| {
            value(&disk_space(&[filesystem("/", "/dev/sda1", total, available)])[0]).2
        };
        assert!(extreme(10 * GIB, GIB - 1));
        assert!(!extreme(10 * GIB, GIB));
        assert!(!extreme(GIB, GIB / 2));
        assert!(extreme(GIB, GIB / 200));
        assert!(extreme(1_000 * GIB, 10 * GIB));
    }

    #[test]
    fn what_does_not_respond_is_not_known() {
        let mut one = filesystem("/nfs", "server:/export", GIB, GIB / 2);
        one.stale = true;
        one.error = Some("timed out".to_owned());
        let no_data = Measure::NoData("no figures: timed out".into());
        assert_eq!(disk_space(std::slice::from_ref(&one))[0].measure, no_data);
        assert_eq!(disk_inodes(std::slice::from_ref(&one))[0].measure, no_data);
        one.stale = false;
        let inodes = disk_inodes(std::slice::from_ref(&one));
        assert_eq!(value(&inodes[0]), (91.0, None, false));
        one.inodes_total = Some(0);
        assert_eq!(disk_inodes(&[one]), []);
    }

    fn history(hours: u64, free: impl Fn(u64) -> u64) -> FillHistory {
        let mut history = FillHistory::default();
        for seconds in (0..=hours * 3_600).step_by(60) {
            history.add(at(seconds), free(seconds));
        }
        history
    }

    #[test]
    fn a_line_through_six_hours_says_when_it_is_full() {
        // A GiB every hour, ten of them left.
        let pace = GIB / 3_600;
        let seconds = history(12, |now| 22 * GIB - now * pace)
            .seconds_to_full()
            .unwrap();
        assert!((seconds / 3_600.0 - 10.0).abs() < 0.1, "{seconds}");
        assert_eq!(history(12, |_| GIB).seconds_to_full(), Some(f64::INFINITY));
        assert_eq!(
            history(12, |now| now * pace).seconds_to_full(),
            Some(f64::INFINITY)
        );
        assert_eq!(
            history(2, |now| 22 * GIB - now * pace).seconds_to_full(),
            None
        );
        let mut kept = history(12, |_| GIB);
        assert!(kept.0.len() <= 181, "{}", kept.0.len());
        kept.add(at(0), GIB);
        assert_eq!(kept.0.len(), 1);
    }

    #[test]
    fn half_empty_file_systems_are_left_alone() {
        let pace = GIB / 3_600;
        let histories = BTreeMap::from([
            ("/".to_owned(), history(6, |now| 26 * GIB - now * pace)),
            ("/young".to_owned(), history(1, |now| 26 * GIB - now * pace)),
        ]);
        let of = |total| {
            let all = [
                filesystem("/", "/dev/sda1", total, 20 * GIB),
                filesystem("/young", "/dev/sdb1", total, 20 * GIB),
            ];
            disk_full_soon(&all, &histories)
        };
        let readings = of(100 * GIB);
        assert_eq!(mounts(&readings), ["/"]);
        assert!((value(&readings[0]).0 / 3_600.0 - 20.0).abs() < 0.1);
        assert_eq!(value(&of(30 * GIB)[0]), (f64::INFINITY, None, false));
    }
}
