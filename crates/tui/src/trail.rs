//! The readings of a host that came while the dashboard ran, by the time at which they were read, and what
//! its daemon has of the time before: together the past that graphs show.

mod past;

use std::collections::VecDeque;
use std::time::Duration;

use super::host::traffic;
use super::widgets::graph::{Reading, seconds};
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::snapshot::Disk;
use linux_api_wire::time::Timestamp;

pub use past::PastQuery;
pub(crate) use past::{Figure, Way};

/// How many readings are kept.
const MOST: usize = 600;
/// A reading after a longer time than this stands for itself alone: nothing is known of the time before.
const APART: Duration = Duration::from_secs(40);
/// How long a reading is that stands for itself alone.
const ALONE: Duration = Duration::from_secs(2);
/// The longest reading of which the daemon knows nothing finer.
const SHORT: Duration = Duration::from_secs(5);
/// How far the end of what the daemon was polled for may be from the first reading.
const NEAR: Duration = Duration::from_secs(2);

/// One reading for the graphs; absent where nothing was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrailPoint {
    /// When it was read, on the clock of the host.
    pub time: Timestamp,
    /// How long a time before that it stands for.
    pub lasted: Duration,
    /// Percent of all processors.
    pub cpu: Option<f64>,
    /// Bytes of main memory.
    pub memory: Option<f64>,
    /// Bytes per second over the interfaces that count as the host's traffic.
    pub received: Option<f64>,
    /// The same, sent.
    pub sent: Option<f64>,
    /// Bytes per second from the disks that count.
    pub read: Option<f64>,
    /// The same, to them.
    pub written: Option<f64>,
    /// In and out of each interface, by its place in the list of names.
    interfaces: Box<[(u16, [f32; 2])]>,
}

/// The readings of a host, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    points: VecDeque<TrailPoint>,
    names: Vec<String>,
    /// Up to when the daemon is polled for the time before; later times are known from readings.
    anchor: Option<Timestamp>,
    /// Whether the next reading is the first one after the host was opened.
    is_opened: bool,
    /// Whether a reading failed since the last one.
    is_broken: bool,
}

impl Trail {
    /// The newest reading.
    #[must_use]
    pub fn back(&self) -> Option<&TrailPoint> {
        self.points.back()
    }

    /// All readings, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &TrailPoint> {
        self.points.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Up to when the daemon is to be polled for the time before.
    pub(crate) const fn anchor(&self) -> Option<Timestamp> {
        self.anchor
    }

    /// Takes note that the host was opened at this time: what its daemon has of the time before is wanted.
    pub(crate) fn open(&mut self, now: Timestamp) {
        self.anchor = Some(now);
        self.is_opened = true;
    }

    /// Takes a reading; one that was there already is none.
    pub(crate) fn push(&mut self, snapshot: &Snapshot) {
        let time = snapshot.time;
        let before = self.points.back().map(|point| point.time);
        if before == Some(time) {
            return;
        }
        // A clock that was set back: what was read by the other one can't be joined to this.
        if before.is_some_and(|before| before > time) {
            self.points.clear();
        }
        let before = self.points.back().map(|point| point.time);
        let apart = before.map(|before| time.since(before));
        let apart = apart.filter(|apart| *apart <= APART && !self.is_broken);
        let is_far = self.anchor.is_none_or(|anchor| {
            let far = anchor.since(time).max(time.since(anchor));
            far > NEAR
        });
        // What is not known from readings the daemon may know.
        if (apart.is_none() && !self.points.is_empty()) || (self.is_opened && is_far) {
            self.anchor = Some(time);
        }
        self.is_opened = false;
        self.is_broken = false;
        if self.points.len() == MOST {
            let first = self.points.pop_front();
            let is_needed = first
                .zip(self.anchor)
                .is_some_and(|(it, anchor)| it.time > anchor);
            if is_needed {
                self.anchor = Some(time);
            }
        }
        let mut point = TrailPoint::of(snapshot);
        point.lasted = apart.unwrap_or(ALONE);
        point.interfaces = self.interfaces(snapshot);
        self.points.push_back(point);
    }

    /// Takes note that a reading failed: the time up to the next one is a gap.
    pub(crate) const fn miss(&mut self) {
        self.is_broken = true;
    }

    fn interfaces(&mut self, snapshot: &Snapshot) -> Box<[(u16, [f32; 2])]> {
        let networks = snapshot.networks.as_deref().unwrap_or_default();
        let mut rates = Vec::with_capacity(networks.len());
        for network in networks {
            let known = self
                .names
                .iter()
                .position(|name| *name == network.interface);
            let place = known.unwrap_or_else(|| {
                self.names.push(network.interface.clone());
                self.names.len() - 1
            });
            if let Ok(place) = u16::try_from(place) {
                rates.push((
                    place,
                    [
                        short(network.received_bytes_per_second),
                        short(network.sent_bytes_per_second),
                    ],
                ));
            }
        }
        rates.into_boxed_slice()
    }

    /// Where readings take over from what the daemon has up to this time: with the one that ends there or
    /// begins before it, so that the newest value is the one that was read.
    fn start_of_live(&self, until: f64) -> f64 {
        let mut all = self.points.iter();
        let first = all.find(|point| seconds(point.time) >= until - NEAR.as_secs_f64());
        let first = first.filter(|point| point.lasted <= SHORT);
        let from = first.map(|point| seconds(point.time) - point.lasted.as_secs_f64());
        from.map_or(until, |from| from.min(until))
    }

    /// What is known of a figure since a time, from readings.
    pub(crate) fn live(&self, figure: &Figure<'_>, after: f64) -> impl Iterator<Item = Reading> {
        let interface = match figure {
            Figure::Interface(name, _) => self.names.iter().position(|own| own == name),
            _ => None,
        };
        self.points.iter().filter_map(move |point| {
            let value = point.value(figure, interface)?;
            let to = seconds(point.time);
            let from = (to - point.lasted.as_secs_f64()).max(after);
            (to > after && value.is_finite()).then(|| Reading::flat(from, to, value))
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a graph needs no more digits"
)]
fn short(value: f64) -> f32 {
    value as f32
}

/// Whether a disk is counted in the host's traffic: what is written to a volume or an array is written to
/// the disks below it too.
#[must_use]
pub(crate) fn counts(disk: &Disk, all: &[Disk]) -> bool {
    let is_above = |disk: &Disk| {
        let name = disk.device.as_str();
        ["dm-", "md", "loop", "zram"]
            .iter()
            .any(|kind| name.starts_with(kind))
    };
    !is_above(disk) || all.iter().all(is_above)
}

impl TrailPoint {
    fn of(snapshot: &Snapshot) -> Self {
        let networks = || {
            let all = snapshot.networks.as_deref()?;
            let (_, counts) = traffic(all);
            Some(all.iter().filter(move |network| counts(network)))
        };
        let disks = || {
            let all = snapshot.disks.as_deref()?;
            Some(all.iter().filter(|disk| counts(disk, all)))
        };
        #[expect(clippy::cast_precision_loss, reason = "a graph needs no more digits")]
        let bytes = |bytes: u64| bytes as f64;
        Self {
            time: snapshot.time,
            cpu: snapshot.cpu.as_ref().map(|cpu| cpu.usage_percent),
            memory: snapshot.memory.as_ref().map(|it| bytes(it.used_bytes)),
            received: networks().map(|all| all.map(|it| it.received_bytes_per_second).sum()),
            sent: networks().map(|all| all.map(|it| it.sent_bytes_per_second).sum()),
            read: disks().map(|all| all.map(|it| it.read_bytes_per_second).sum()),
            written: disks().map(|all| all.map(|it| it.written_bytes_per_second).sum()),
            ..Self::default()
        }
    }

    fn value(&self, figure: &Figure<'_>, interface: Option<usize>) -> Option<f64> {
        match figure {
            Figure::Cpu => self.cpu,
            Figure::Memory => self.memory,
            Figure::Network(Way::In) => self.received,
            Figure::Network(Way::Out) => self.sent,
            Figure::Disks(Way::In) => self.read,
            Figure::Disks(Way::Out) => self.written,
            Figure::Interface(_, way) => {
                let place = interface?;
                let mut all = self.interfaces.iter();
                let found = all.find(|(own, _)| usize::from(*own) == place)?;
                Some(f64::from(found.1[usize::from(*way == Way::Out)]))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_wire::snapshot::Cpu;

    fn at(second: i64, cpu: f64) -> Snapshot {
        Snapshot {
            time: Timestamp::from_millis(1_795_417_320_000 + second * 1000),
            cpu: Some(Cpu {
                usage_percent: cpu,
                ..Cpu::default()
            }),
            ..Snapshot::default()
        }
    }

    fn live(trail: &Trail) -> Vec<(i64, i64)> {
        let base = 1_795_417_320.0;
        #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
        let second = |time: f64| (time - base).round() as i64;
        let all = trail.live(&Figure::Cpu, 0.0);
        all.map(|it| (second(it.from), second(it.to))).collect()
    }

    #[test]
    fn a_reading_lasts_from_the_one_before_and_a_failure_is_a_gap() {
        let mut trail = Trail::default();
        for second in [0, 2, 2, 4] {
            trail.push(&at(second, 1.0));
        }
        assert_eq!(
            live(&trail),
            [(-2, 0), (0, 2), (2, 4)],
            "no reading counts twice"
        );
        trail.miss();
        trail.push(&at(20, 1.0));
        trail.push(&at(22, 1.0));
        assert_eq!(live(&trail)[3..], [(18, 20), (20, 22)]);
        trail.push(&at(400, 1.0));
        assert_eq!(live(&trail)[5..], [(398, 400)], "too far apart");
    }

    #[test]
    fn the_daemon_is_polled_for_what_readings_do_not_know() {
        let mut trail = Trail::default();
        let start = at(0, 1.0).time;
        trail.open(start);
        trail.push(&at(1, 1.0));
        assert_eq!(trail.anchor(), Some(start), "near enough");
        trail.open(start);
        trail.push(&at(3_600, 1.0));
        let other = at(3_600, 1.0).time;
        assert_eq!(trail.anchor(), Some(other), "its clock is another");
        trail.push(&at(3_602, 1.0));
        assert_eq!(trail.anchor(), Some(other));
        trail.miss();
        trail.push(&at(3_700, 1.0));
        assert_eq!(trail.anchor(), Some(at(3_700, 1.0).time), "a gap");
        for second in 0..700 {
            trail.push(&at(3_702 + second * 2, 1.0));
        }
        let newest = trail.back().unwrap().time;
        let anchor = trail.anchor().unwrap();
        let oldest = trail.iter().next().unwrap().time;
        assert!(
            anchor >= oldest && anchor < newest,
            "readings go on where the daemon ends"
        );
        trail.push(&at(0, 1.0));
        assert_eq!(trail.len(), 1, "a clock that was set back");
    }
}
