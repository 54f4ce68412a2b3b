//! What the hosts of the demonstration say, as a function of the time.

use std::time::Duration;

use super::programs::PROGRAMS;
use linux_api_wire::api::processes::Process;
use linux_api_wire::api::snapshot::{FamilyStatus, Snapshot};
use linux_api_wire::api::system::SystemInfo;
use linux_api_wire::api::users::{CurrentUser, ListedUser, Permissions, UserSummary};
use linux_api_wire::snapshot::{
    Core, Cpu, Disk, FailedUnits, Family, Filesystem, Load, Memory, Network, Pressure,
    PressureShare, Processes, ResourcePressure, Sensor, Session, Swap,
};
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::Role;

const GI: u64 = 1 << 30;
const MI: u64 = 1 << 20;
/// Memory of each host.
pub(super) const MEMORY: u64 = 16 * GI;

/// A host of the script at one moment.
#[derive(Debug)]
pub struct DemoScript {
    name: &'static str,
    number: u32,
    now: Timestamp,
    /// Seconds of the script, and a wave from 0 to 1 that differs from host to host.
    seconds: f64,
    wave: f64,
}

impl DemoScript {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a few hundred years of seconds are exact"
    )]
    pub(crate) fn new(name: &'static str, number: u32, now: Timestamp) -> Self {
        let seconds = now.as_millis().rem_euclid(86_400_000) as f64 / 1000.0;
        let phase = f64::from(number) * 1.7;
        let slow = (seconds / 47.0 + phase).sin();
        let quick = (seconds / 5.3 + phase * 3.0).sin();
        Self {
            name,
            number,
            now,
            seconds,
            wave: (0.5 + 0.32 * slow + 0.14 * quick).clamp(0.02, 0.98),
        }
    }

    /// The same host at another moment.
    pub(crate) fn at(&self, time: Timestamp) -> Self {
        Self::new(self.name, self.number, time)
    }

    /// Whether something was read: ten minutes of each day are missing, from 06:30 on.
    pub(crate) fn was_up(&self) -> bool {
        !(23_400.0..24_000.0).contains(&self.seconds)
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) const fn number(&self) -> u32 {
        self.number
    }

    pub(crate) const fn now(&self) -> Timestamp {
        self.now
    }

    /// How busy the host is in percent.
    pub(super) fn busy(&self) -> f64 {
        let share = [35.0, 28.0, 62.0, 12.0, 97.0, 18.0];
        let most = share[self.number as usize % share.len()];
        most * (0.55 + 0.45 * self.wave)
    }

    /// Bytes a second that come in and go out over the busiest interface.
    pub(super) fn traffic(&self) -> [f64; 2] {
        let networks = self.networks().into_iter();
        let rates = networks.map(|it| [it.received_bytes_per_second, it.sent_bytes_per_second]);
        let sum = |rates: &[f64; 2]| rates[0] + rates[1];
        let busiest = rates.max_by(|one, other| sum(one).total_cmp(&sum(other)));
        busiest.unwrap_or_default()
    }

    pub(crate) fn me(&self) -> CurrentUser {
        CurrentUser {
            user_id: self.users()[0].user_id.clone(),
            user: UserSummary {
                username: "admin".to_owned(),
                created_at: "2026-03-02T09:12:00Z".to_owned(),
                last_login: Some(self.now.to_string()),
                immutable: true,
            },
            user_perm: Permissions {
                is_admin: true,
                activated: true,
                role: Role::Admin.to_string(),
                scopes: Vec::new(),
                hosts: None,
            },
        }
    }

    pub(crate) fn info(&self) -> SystemInfo {
        SystemInfo {
            system: "Linux".to_owned(),
            node_name: self.name.to_owned(),
            release: "6.1.0-28-amd64".to_owned(),
            version: "#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1".to_owned(),
            machine: "x86_64".to_owned(),
            processor: "AMD EPYC 7543 32-Core Processor".to_owned(),
            cpu_count: 8,
            memory_total: 16 * GI,
            disk_total: 200 * GI,
            utc_offset_seconds: Some(0),
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let busy = self.busy();
        let core = |core: u32| {
            let own = busy * (0.6 + 0.8 * ((self.seconds / 7.0 + f64::from(core)).sin().abs()));
            Core {
                core,
                usage_percent: own.min(100.0),
                frequency_mhz: Some(2_400.0 + 12.0 * own),
                ..Core::default()
            }
        };
        let full = if self.number == 2 { 0.93 } else { 0.41 };
        let status = Family::ALL.iter().map(|family| {
            let status = FamilyStatus {
                age_ms: Some(730),
                error: None,
            };
            (*family, status)
        });
        Snapshot {
            host: self.name.to_owned(),
            host_id: Some(super::fleet::id(self.number)),
            time: self.now,
            cpu: Some(Cpu {
                usage_percent: busy,
                user_percent: busy * 0.7,
                system_percent: busy * 0.3,
                iowait_percent: 1.2 * self.wave,
                per_core: (0..8).map(core).collect(),
                ..Cpu::default()
            }),
            load: Some(Load {
                one: busy / 12.0,
                five: busy / 13.0,
                fifteen: busy / 14.0,
            }),
            memory: Some(self.memory()),
            swap: Some(Swap {
                total_bytes: 2 * GI,
                used_bytes: 96 * MI * u64::from(self.number),
            }),
            filesystems: Some(vec![
                filesystem("/", "/dev/vda1", 40 * GI, 0.37),
                filesystem("/srv", "/dev/vdb1", 160 * GI, full),
            ]),
            disks: Some(vec![
                self.disk("vda", 120_000.0, 900_000.0, 5.0),
                self.disk("vdb", 2_100_000.0, 2_400_000.0, 14.0),
            ]),
            networks: Some(self.networks()),
            sensors: Some(vec![Sensor {
                name: "package".to_owned(),
                celsius: Some(38.0 + busy / 3.0),
                high_celsius: Some(85.0),
                critical_celsius: Some(100.0),
                ..Sensor::default()
            }]),
            pressure: Some(Pressure {
                cpu: Some(pressure(busy / 20.0)),
                memory: Some(pressure(0.0)),
                io: Some(pressure(2.5 * self.wave)),
            }),
            uptime_seconds: Some(1_000_000 * u64::from(self.number + 1)),
            processes: Some(Processes {
                total: 213,
                running: 2,
                sleeping: 211,
                ..Processes::default()
            }),
            sessions: Some(vec![Session {
                user: "alice".to_owned(),
                terminal: Some("pts/0".to_owned()),
                remote_host: Some("192.0.2.7".to_owned()),
                started_at: Some(self.now.saturating_sub(Duration::from_mins(42))),
            }]),
            units: Some(self.failed_units()),
            status: status.collect(),
        }
    }

    pub(super) fn memory(&self) -> Memory {
        let share = 0.3 + 0.1 * f64::from(self.number % 6) + 0.05 * self.wave;
        let used = part(16 * GI, share.min(0.95));
        let available = 16 * GI - used;
        let cached = part(available, 0.6);
        Memory {
            total_bytes: 16 * GI,
            used_bytes: used,
            available_bytes: available,
            free_bytes: available - cached,
            cached_bytes: cached,
            ..Memory::default()
        }
    }

    fn disk(&self, device: &str, read: f64, written: f64, busy: f64) -> Disk {
        Disk {
            device: device.to_owned(),
            read_bytes_per_second: read * self.wave * self.wave,
            written_bytes_per_second: written * self.wave,
            busy_percent: busy * self.wave,
            await_ms: Some(0.2 + busy * self.wave / 20.0),
            ..Disk::default()
        }
    }

    /// Two cards, of which one is idle, the host to itself, and a bridge without traffic.
    pub(super) fn networks(&self) -> Vec<Network> {
        let interface = |name: &str, has_device, received, sent, ever| Network {
            interface: name.to_owned(),
            has_device,
            received_bytes_per_second: received * self.wave,
            sent_bytes_per_second: sent * (1.1 - self.wave),
            received_bytes: ever,
            sent_bytes: ever,
            ..Network::default()
        };
        vec![
            interface("lo", false, 21_000.0, 21_000.0, GI),
            interface("eth0", true, 3_400_000.0, 9_100_000.0, 400 * GI),
            interface("eth1", true, 0.0, 0.0, 0),
            interface("docker0", false, 0.0, 0.0, MI),
        ]
    }

    /// One host has a unit that failed.
    fn failed_units(&self) -> FailedUnits {
        match self.number {
            2 => FailedUnits {
                failed: 1,
                failed_names: vec!["backup.service".to_owned()],
                ..FailedUnits::default()
            },
            _ => FailedUnits::default(),
        }
    }

    pub(crate) fn processes(&self) -> Vec<Process> {
        let busy = self.busy() / 62.0;
        let start = self.now.as_millis().div_euclid(86_400_000) * 86_400_000;
        (1_u32..)
            .zip(PROGRAMS)
            .map(
                |(place, (name, command, user, unit, cpu, memory, parent))| {
                    let (pid, parent) = (number(place), number(parent));
                    let wave = 0.6 + 0.4 * (self.seconds / 3.0 + f64::from(pid)).sin();
                    let own = cpu * busy * wave;
                    let started = Timestamp::from_millis(start - i64::from(pid) * 7_919_000);
                    Process {
                        pid,
                        ppid: parent,
                        name: name.to_owned(),
                        command: command.to_owned(),
                        user: Some(user.to_owned()),
                        state: if own > 8.0 { "running" } else { "sleeping" }.to_owned(),
                        cpu_percent: Some(own),
                        cpu_seconds: cpu * self.seconds / 60.0,
                        memory_bytes: memory * MI,
                        memory_percent: Some(linux_api_wire::units::compact::share(
                            memory * MI,
                            16 * GI,
                        )),
                        virtual_bytes: memory * MI * 4,
                        shared_bytes: Some(memory * MI / 4),
                        threads: 1 + u64::from(pid % 4),
                        priority: Some(20),
                        start_time: started.to_string(),
                        start_ticks: u64::from(pid) * 791,
                        unit: Some(unit.to_owned()),
                        read_bytes_per_second: Some(0.0),
                        written_bytes_per_second: Some(own * 9_000.0),
                        ..Process::default()
                    }
                },
            )
            .collect()
    }

    pub(crate) fn users(&self) -> Vec<ListedUser> {
        let user = |number: u32, name: &str, role: Role, active: bool| ListedUser {
            user_id: format!("00000000-0000-4000-8000-{number:012}"),
            username: name.to_owned(),
            created_at: "2026-03-02T09:12:00Z".to_owned(),
            last_login: active.then(|| self.now.to_string()),
            immutable: number == 1,
            role: role.to_string(),
            is_admin: role == Role::Admin,
            activated: active,
            hosts: None,
        };
        vec![
            user(1, "admin", Role::Admin, true),
            user(2, "grafana", Role::Viewer, true),
            user(3, "alice", Role::Admin, true),
            user(4, "intern", Role::Viewer, false),
        ]
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "scripted figures of moderate size"
)]
fn part(most: u64, share: f64) -> u64 {
    (most as f64 * share) as u64
}

fn filesystem(mount: &str, device: &str, total: u64, share: f64) -> Filesystem {
    let mut filesystem = Filesystem {
        mount_point: mount.to_owned(),
        device: device.to_owned(),
        kind: "ext4".to_owned(),
        total_bytes: Some(total),
        used_bytes: Some(part(total, share)),
        available_bytes: Some(total - part(total, share)),
        ..Filesystem::default()
    };
    filesystem.used_percent = filesystem.fullness();
    filesystem
}

fn pressure(avg10: f64) -> ResourcePressure {
    ResourcePressure {
        some: PressureShare {
            avg10,
            avg60: avg10 * 0.8,
            avg300: avg10 * 0.6,
            ..PressureShare::default()
        },
        full: None,
    }
}

/// The number of the program at a place, from 1: number 2 is for kernel threads.
const fn number(place: u32) -> u32 {
    if place > 1 { 300 + 7 * place } else { place }
}

/// A number from 0 to 1 that looks like chance and is not.
pub(crate) fn noise(seed: f64) -> f64 {
    (seed.sin() * 43_758.545).fract().abs()
}
