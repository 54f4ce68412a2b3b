//! What is judged on this host: what the sampler has read anyway, and the little that is read beside it.
//!
//! - `view`: the newest snapshot, or why there is none.
//! - `fills`: six hours of what is free on each file system, read back from the database after a start.
//! - `kept`: histories that must outlive the process, in a file.
//! - `units`, `clock`, `own`: what is read seldom, each at its own pace.
//! - `context`: what helps to understand a notice.

use std::path::PathBuf;
use std::time::Duration;

use linux_api_alerts::checks::{self, StorageFacts};
use linux_api_alerts::host_text::HostText;
use linux_api_alerts::notice::ContextKind;
use linux_api_alerts::reading::{Reading, of_series};
use linux_api_alerts::rules::{ProcessMatch, RuleSet};
use linux_api_alerts::subject::{Check, Subject};
use linux_api_host::faults::FaultReader;
use linux_api_host::{ArrayTrouble, Collector, MountWatch, count_running};
use linux_api_store::Store;
use linux_api_wire::process::ProcessScan;
use linux_api_wire::series::{Series, for_each_value};
use linux_api_wire::snapshot::Family;
use linux_api_wire::time::Timestamp;
use tokio::time::Instant;

use super::Alerts;
use super::evaluator::{ReadingSource, SubjectReadings};
use crate::acts::Acts;
use crate::journal::Journal;
use crate::tasks::backups::BackupWatch;
use crate::tasks::flusher::FlusherHandle;
use crate::tasks::sampler::HostSampler;

mod clock;
mod context;
mod fills;
mod kept;
mod own;
#[cfg(test)]
mod tests;
mod units;
mod view;

use clock::ClockLook;
use fills::Fills;
use kept::Kept;
use own::OwnLook;
use units::RestartLook;
use view::View;

/// How long what helps to understand notices may take, of all that begin together: further ones go without.
const CONTEXT_MAX: Duration = Duration::from_secs(5);

/// Where readings come from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The rules in force, and how their notices are sent.
    pub alerts: Alerts,
    /// The newest snapshot.
    pub sampler: HostSampler,
    /// How often there is one.
    pub interval: Duration,
    /// What is read beside it.
    pub collector: Collector,
    /// What is found wrong with the mounts while snapshots are read.
    pub mounts: MountWatch,
    /// The last lines of units that failed.
    pub journal: Journal,
    /// How disks filled up before the start, and the database's clock.
    pub store: Store,
    /// How the writing of measurements goes.
    pub flusher: FlusherHandle,
    /// Whether the executor's log fits.
    pub acts: Acts,
    /// When the newest backup was made.
    pub backups: BackupWatch,
    /// The certificate that this daemon serves with.
    pub certificate: Option<PathBuf>,
    /// Where histories are kept over a restart; without it they begin with the process.
    pub state_folder: Option<PathBuf>,
}

/// Reads what is judged, and keeps the histories that some of it needs.
#[derive(Debug)]
pub struct Readings {
    sources: Sources,
    faults: FaultReader,
    fills: Fills,
    kept: Kept,
    restarts: RestartLook,
    clock: ClockLook,
    own: OwnLook,
    booted_at: Option<Timestamp>,
    /// What is left of the time for context.
    context_left: Duration,
}

impl Readings {
    /// Goes on with the histories that an earlier start kept.
    #[must_use]
    pub fn new(sources: Sources) -> Self {
        Self {
            faults: FaultReader::new(sources.collector.roots()),
            fills: Fills::default(),
            kept: Kept::read(sources.state_folder.as_deref()),
            restarts: RestartLook::default(),
            clock: ClockLook::default(),
            own: OwnLook::new(sources.store.clock().now()),
            booted_at: None,
            context_left: CONTEXT_MAX,
            sources,
        }
    }

    /// Each subject of these rules with what was read of it, or why it could not be read; `host_down`, which is
    /// no host's own, is not among them.
    pub async fn read_for(&mut self, rules: &RuleSet, now: Timestamp) -> SubjectReadings {
        self.context_left = CONTEXT_MAX;
        let view = View::of(&self.sources.sampler, self.sources.interval);
        self.booted_at = view.booted_at().or(self.booted_at);
        if let Ok(filesystems) = view.filesystems() {
            self.fills.add(filesystems, now);
        }
        self.fills.restore(&self.sources.store, now).await;
        let subjects = subjects(rules);
        let series = series(&subjects, &view);
        let mut read = SubjectReadings::with_capacity(subjects.len());
        for subject in subjects {
            let readings = match subject {
                Subject::Series { series: one, .. } => view.fresh(one.family).map(|_| {
                    let of_this = series.iter().filter(|(name, _)| *name == one.name);
                    of_this.map(|(_, reading)| reading.clone()).collect()
                }),
                Subject::Check(Check::ProcessMissing) => Ok(self.processes(rules).await),
                Subject::Check(check) => self.check(check, &view, now).await,
            };
            read.push((subject, readings));
        }
        self.kept.write(self.sources.state_folder.as_deref()).await;
        read
    }

    async fn check(
        &mut self,
        check: Check,
        view: &View,
        now: Timestamp,
    ) -> Result<Vec<Reading>, String> {
        match check {
            Check::DiskSpace => Ok(checks::disk_space(view.filesystems()?)),
            Check::DiskInodes => Ok(checks::disk_inodes(view.filesystems()?)),
            Check::DiskFullSoon => {
                let filesystems = view.filesystems()?;
                Ok(checks::disk_full_soon(filesystems, self.fills.histories()))
            }
            Check::MemoryLow => {
                let memory = view.part(Family::Memory, |all| all.memory.as_deref())?;
                Ok(checks::memory_low(Some(memory), view.pressure().ok()))
            }
            Check::OomKill => {
                let counter = self.faults.oom_kills().map_err(|error| error.to_string())?;
                self.kept.add_oom_kills(now, counter);
                Ok(self.kept.oom_kills().reading(now))
            }
            Check::Pressure => Ok(checks::pressure(view.pressure()?)),
            Check::Load => {
                let load = view.part(Family::Load, |all| all.load.as_deref())?;
                let pressure = view.last_pressure();
                Ok(checks::load(Some(load), view.processors(), pressure))
            }
            Check::UnitFailed => {
                view.fresh(Family::Units)?;
                let units = self.sources.collector.units();
                if let Some(counters) = self.restarts.look(units).await {
                    self.kept.add_restarts(now, &counters);
                }
                let frequent = self.kept.restarts().frequent(now);
                Ok(checks::unit_failed(&units.failed_names(), &frequent))
            }
            Check::StorageFault => self.storage_faults(),
            Check::StorageTemperature => {
                let sensors = view.part(Family::Sensors, |all| all.sensors.as_deref())?;
                Ok(checks::storage_temperature(sensors))
            }
            Check::ClockOff => {
                let Sources {
                    collector, store, ..
                } = &self.sources;
                self.clock.look(collector.units(), store).await;
                let since = self.kept.unsynchronised(self.clock.is_synchronised(), now);
                Ok(checks::clock_off(self.clock.facts(since), now))
            }
            Check::CertificateExpires => {
                let certificate = self.sources.certificate.as_deref();
                let certificates = self.own.certificates(certificate).await;
                Ok(checks::certificate_expires(&certificates, now))
            }
            Check::LinuxApi => Ok(checks::linux_api(&self.own.facts(&self.sources, now), now)),
            // Counted for all rules at once, judged by one daemon for all hosts, known to the evaluator.
            Check::ProcessMissing | Check::HostDown | Check::GaveUp => Ok(Vec::new()),
        }
    }

    fn storage_faults(&self) -> Result<Vec<Reading>, String> {
        let arrays = self.faults.faulty_arrays();
        let arrays = arrays.map_err(|error| error.to_string())?;
        let mounts = self.sources.mounts.faults()?;
        let mut facts = StorageFacts {
            turned_read_only: mounts.turned_read_only.clone(),
            missing_mounts: mounts.missing.clone(),
            ..StorageFacts::default()
        };
        for array in arrays {
            match array.trouble {
                ArrayTrouble::Degraded(missing) => facts.degraded.push((array.name, missing)),
                ArrayTrouble::NotRunning(state) => facts.not_running.push((array.name, state)),
            }
        }
        Ok(checks::storage_fault(&facts))
    }

    /// How many processes run of each that a rule names; one scan for all of them.
    async fn processes(&self, rules: &RuleSet) -> Vec<Reading> {
        let mut wanted: Vec<&ProcessMatch> = Vec::new();
        for process in rules
            .rules()
            .iter()
            .filter_map(|rule| rule.process.as_ref())
        {
            if !wanted.contains(&process) {
                wanted.push(process);
            }
        }
        if wanted.is_empty() {
            return Vec::new();
        }
        let collector = &self.sources.collector;
        let scan = collector.shared_processes().await.ok();
        let procfs = &collector.roots().procfs;
        let counted: Vec<(ProcessMatch, Option<u64>)> = wanted
            .into_iter()
            .map(|process| {
                let count = scan.as_ref().map(|scan| match process {
                    ProcessMatch {
                        executable: Some(executable),
                        uid: Some(uid),
                        ..
                    } => count_running(procfs, scan, executable, *uid),
                    ProcessMatch { unit, .. } => of_unit(scan, unit.as_deref()),
                });
                (process.clone(), count)
            })
            .collect();
        checks::process_missing(&counted)
    }
}

impl ReadingSource for Readings {
    async fn read(&mut self, now: Timestamp) -> SubjectReadings {
        let rules = self.sources.alerts.rules();
        self.read_for(&rules.set, now).await
    }

    fn booted_at(&self) -> Option<Timestamp> {
        self.booted_at
    }

    async fn context(&mut self, kind: &ContextKind) -> Vec<HostText> {
        let Sources {
            collector, journal, ..
        } = &self.sources;
        let started = Instant::now();
        let reading = context::of(kind, collector, journal, &self.fills);
        let read = tokio::time::timeout(self.context_left, reading).await;
        self.context_left = self.context_left.saturating_sub(started.elapsed());
        read.unwrap_or_default()
    }
}

/// What the rules are about, each once.
fn subjects(rules: &RuleSet) -> Vec<Subject> {
    let mut subjects: Vec<Subject> = Vec::new();
    for rule in rules.rules() {
        let elsewhere = [Check::HostDown, Check::GaveUp].map(Subject::Check);
        if !elsewhere.contains(&rule.subject) && !subjects.contains(&rule.subject) {
            subjects.push(rule.subject);
        }
    }
    subjects
}

/// The readings of the series among these subjects, by the name of the series.
fn series(subjects: &[Subject], view: &View) -> Vec<(&'static str, Reading)> {
    let is_wanted = |one: &Series| subjects.iter().any(|subject| subject.name() == one.name);
    let is_series = |subject: &Subject| matches!(subject, Subject::Series { .. });
    let mut found = Vec::new();
    if let (Some(snapshot), true) = (view.snapshot(), subjects.iter().any(is_series)) {
        for_each_value(snapshot, |one, label, value| {
            if is_wanted(one) {
                let label = one.label.map(|key| (key, label));
                found.push((one.name, of_series(one.unit, label, value)));
            }
        });
    }
    found
}

/// How many processes of a scan are of this unit.
fn of_unit(scan: &ProcessScan, unit: Option<&str>) -> u64 {
    let of_it = scan.processes.iter();
    of_it
        .filter(|one| unit.is_some() && one.description.placement.unit.as_deref() == unit)
        .count() as u64
}
