//! A host that is made up: a virtual machine with one file system, two disks and one interface, which is
//! 43 series.

use std::sync::Arc;
use std::time::Duration;

use linux_api_daemon::tasks::sampler::Source;
use linux_api_wire::fleet::{HostIdentity, HostSample};
use linux_api_wire::series::{SeriesKey, for_each_value};
use linux_api_wire::snapshot::{
    Cpu, Disk, Family, FamilyStatus, FamilyValue, Filesystem, Load, Memory, Network, Pressure,
    PressureShare, Processes, ResourcePressure, Session, Snapshot, Swap,
};
use linux_api_wire::time::Timestamp;

/// What a real daemon reads in a minute, every two seconds.
const READINGS: u64 = 30;

/// Which host a played daemon is on.
pub(super) fn identity(number: u32) -> HostIdentity {
    let role = ["web", "db", "cache", "batch"][number as usize % 4];
    let labels = [
        ("role", role.to_owned()),
        ("rack", (number / 40).to_string()),
    ];
    HostIdentity {
        id: format!("{:016x}", 0xf1ee_7000_0000 + u64::from(number)).into(),
        name: format!("played-{number:05}"),
        labels: labels.map(|(name, value)| (name.to_owned(), value)).into(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Readings that differ each time, as those of a host at work do.
#[derive(Debug)]
pub(super) struct PlayedHost {
    name: Arc<str>,
    memory: u64,
    /// How full its file system is, about.
    fill_percent: u32,
}

/// Every so many hosts, one has a file system that is nearly full.
const FULL_EVERY: u32 = 20;

impl PlayedHost {
    pub(super) fn new(number: u32) -> Self {
        Self {
            name: identity(number).name.into(),
            memory: u64::from(4 + number % 13) << 30,
            fill_percent: if number.is_multiple_of(FULL_EVERY) {
                90
            } else {
                20 + number % 50
            },
        }
    }

    fn snapshot(&self, time: Timestamp) -> Snapshot {
        let mut snapshot = Snapshot {
            host: Arc::clone(&self.name),
            time,
            ..Snapshot::default()
        };
        for value in self.values(time) {
            snapshot.set(value);
        }
        for family in Family::ALL {
            let status = FamilyStatus {
                age: Some(Duration::ZERO),
                error: None,
            };
            snapshot.status.insert(*family, status);
        }
        snapshot
    }

    fn values(&self, time: Timestamp) -> Vec<FamilyValue> {
        let (user, system) = (up_to(60.0), up_to(20.0));
        let available = some_of(self.memory);
        vec![
            FamilyValue::Cpu(Cpu {
                usage_percent: user + system,
                user_percent: user,
                system_percent: system,
                iowait_percent: up_to(5.0),
                steal_percent: up_to(2.0),
                irq_percent: up_to(1.0),
                softirq_percent: up_to(1.0),
                ..Cpu::default()
            }),
            FamilyValue::Load(Load {
                one: up_to(8.0),
                five: up_to(6.0),
                fifteen: up_to(4.0),
            }),
            FamilyValue::Memory(Memory {
                total_bytes: self.memory,
                used_bytes: self.memory - available,
                available_bytes: available,
                buffers_bytes: some_of(self.memory / 64),
                cached_bytes: some_of(self.memory / 4),
                ..Memory::default()
            }),
            FamilyValue::Swap(Swap {
                total_bytes: 1 << 30,
                used_bytes: some_of(1 << 28),
            }),
            FamilyValue::Filesystems(vec![filesystem(self.fill_percent)]),
            FamilyValue::Disks(["vda", "vdb"].map(disk).into()),
            FamilyValue::Networks(vec![Network {
                interface: "eth0".to_owned(),
                has_device: true,
                received_bytes_per_second: up_to(1e7),
                sent_bytes_per_second: up_to(1e7),
                ..Network::default()
            }]),
            FamilyValue::Pressure(Pressure {
                cpu: Some(pressure()),
                memory: Some(pressure()),
                io: Some(pressure()),
            }),
            FamilyValue::Uptime(time.as_millis().unsigned_abs() / 1_000 % 10_000_000),
            FamilyValue::Processes(Processes {
                total: small(300),
                running: small(8),
                blocked: small(3),
                zombie: small(2),
                ..Processes::default()
            }),
            FamilyValue::Sessions(vec![Session::default(); small(3) as usize]),
        ]
    }

    /// What is stored of the minute that begins at `time`.
    pub(super) fn minute(&self, time: Timestamp) -> Vec<HostSample> {
        let mut samples = Vec::new();
        for_each_value(&self.snapshot(time), |series, label, mean| {
            let key = SeriesKey {
                series,
                label: label.into(),
            };
            samples.push(HostSample {
                name: series.name.to_owned(),
                labels: key.stored_labels(),
                time,
                samples: READINGS,
                mean,
                max: mean * (1.0 + up_to(0.5)),
            });
        });
        samples
    }
}

impl Source for PlayedHost {
    async fn read(&mut self, time: Timestamp) -> Snapshot {
        self.snapshot(time)
    }
}

/// It grows and shrinks by some percent.
fn filesystem(fill_percent: u32) -> Filesystem {
    const SIZE: u64 = 100 << 30;
    let used_percent = f64::from(fill_percent) + up_to(4.0);
    let used = SIZE / 100 * u64::from(fill_percent) + some_of(SIZE / 25);
    Filesystem {
        mount_point: "/".to_owned(),
        total_bytes: Some(SIZE),
        used_bytes: Some(used),
        available_bytes: Some(SIZE - used),
        used_percent: Some(used_percent),
        inodes_total: Some(6_553_600),
        inodes_used: Some(some_of(1_000_000)),
        ..Filesystem::default()
    }
}

fn disk(device: &str) -> Disk {
    Disk {
        device: device.to_owned(),
        read_bytes_per_second: up_to(1e7),
        written_bytes_per_second: up_to(1e7),
        busy_percent: up_to(100.0),
        ..Disk::default()
    }
}

fn pressure() -> ResourcePressure {
    let share = || PressureShare {
        avg10: up_to(10.0),
        ..PressureShare::default()
    };
    ResourcePressure {
        some: share(),
        full: Some(share()),
    }
}

fn up_to(most: f64) -> f64 {
    rand::random::<f64>() * most
}

fn some_of(whole: u64) -> u64 {
    rand::random_range(0..=whole)
}

fn small(most: u32) -> u32 {
    rand::random_range(0..=most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_43_series_and_an_id_of_its_own() {
        let time = Timestamp::from_millis(60_000);
        let minute = PlayedHost::new(7).minute(time);
        assert_eq!(minute.len(), 43);
        assert!(minute.iter().all(|sample| sample.time == time));
        assert_ne!(identity(7).id, identity(8).id);
    }
}
