//! How many acts rules of alerts had done: at most three in an hour, whatever the daemon says. They are counted by
//! the time since the boot, so that a clock that is set frees none of them.

use std::io;
use std::path::Path;
use std::time::Duration;

use linux_api_wire::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The most automatic acts within [`WINDOW`].
pub(crate) const MOST: usize = 3;
/// For how long an act counts.
pub(crate) const WINDOW: Duration = Duration::from_hours(1);

/// A moment that no setting of the clock moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moment {
    /// The boot, as the kernel names it.
    boot: String,
    /// Seconds since then, those of a suspended host too.
    uptime: u64,
}

impl Moment {
    /// Now; `procfs` is where `/proc` is.
    pub(crate) fn now(procfs: &Path) -> io::Result<Self> {
        let boot = linux_api_files::read_text(&procfs.join("sys/kernel/random/boot_id"))?;
        let uptime = linux_api_files::read_text(&procfs.join("uptime"))?;
        let seconds = uptime.split('.').next().and_then(|it| it.parse().ok());
        Ok(Self {
            boot: boot.trim().to_owned(),
            uptime: seconds.ok_or(io::ErrorKind::InvalidData)?,
        })
    }
}

/// The automatic acts that count, with their times by the clock.
#[derive(Debug, Default)]
pub(crate) struct Brake(pub(crate) Vec<(Timestamp, Moment)>);

impl Brake {
    /// How long to wait until another act is possible; nothing when it is now.
    pub(crate) fn wait(&mut self, clock: Timestamp, now: &Moment) -> Option<Duration> {
        let age = |(time, then): &(Timestamp, Moment)| {
            let uptime = Duration::from_secs(now.uptime);
            if then.boot == now.boot {
                uptime.saturating_sub(Duration::from_secs(then.uptime))
            } else {
                // It is at least as long ago as this boot.
                clock.since(*time).max(uptime)
            }
        };
        self.0.retain(|act| age(act) < WINDOW);
        let mut ages: Vec<Duration> = self.0.iter().map(age).collect();
        ages.sort_unstable();
        // The one that has to be over first.
        ages.get(MOST - 1).map(|age| WINDOW.saturating_sub(*age))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(boot: &str, uptime: u64) -> Moment {
        let boot = boot.to_owned();
        Moment { boot, uptime }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn a_fourth_act_waits_for_an_hour_of_the_host_whatever_its_clock_shows() {
        let acts = [100, 200, 300].map(|uptime| (at(1_000), moment("a", uptime)));
        let mut brake = Brake(acts.to_vec());
        for clock in [0, 1_000, 1_000_000_000] {
            let wait = brake.wait(at(clock), &moment("a", 400));
            assert_eq!(wait, Some(Duration::from_mins(55)), "{clock}");
        }
        assert!(brake.wait(at(0), &moment("a", 3_699)).is_some());
        assert_eq!(brake.wait(at(0), &moment("a", 3_700)), None);
        assert_eq!(brake.0.len(), 2);
    }

    #[test]
    fn acts_before_a_boot_count_by_the_clock_and_no_longer_than_an_hour_of_this_boot() {
        let acts = vec![(at(10_000), moment("a", 90_000)); 3];
        let wait = |clock, uptime| {
            let wait = Brake(acts.clone()).wait(at(clock), &moment("b", uptime));
            wait.map(|wait| wait.as_secs())
        };
        assert_eq!(wait(10_600, 60), Some(3_000));
        assert_eq!(wait(13_600, 60), None);
        // A clock that was ahead, or is behind now.
        assert_eq!(wait(0, 60), Some(3_540));
        assert_eq!(wait(0, 3_600), None);
    }

    #[test]
    fn the_time_since_the_boot_is_read_as_the_kernel_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let kernel = folder.path().join("sys/kernel/random");
        std::fs::create_dir_all(&kernel).unwrap();
        assert!(Moment::now(folder.path()).is_err());
        std::fs::write(kernel.join("boot_id"), "b1\n").unwrap();
        std::fs::write(folder.path().join("uptime"), "4711.93 9000.00\n").unwrap();
        assert_eq!(Moment::now(folder.path()).unwrap(), moment("b1", 4_711));
        std::fs::write(folder.path().join("uptime"), "soon\n").unwrap();
        assert!(Moment::now(folder.path()).is_err());
        assert!(Moment::now("/proc".as_ref()).unwrap().uptime > 0);
    }
}
