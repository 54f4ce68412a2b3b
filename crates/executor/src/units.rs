//! Acts on units, over D-Bus.

mod affected;
mod files;
mod systemd;

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::Mutex;
use zbus::zvariant::{OwnedObjectPath, Value};

use crate::policy::UnitFacts;
use linux_api_acts::names::UnitName;
use linux_api_acts::protocol::{
    Effect, Failure, FailureCode, UnitLimit, UnitLimits, UnitVerb, Verb,
};
use systemd::{Properties, SERVICE, Systemd, UNIT};

/// How long all looks at a unit and those that it affects may take.
const LOOK: Duration = Duration::from_secs(10);
/// How long a job is waited for; one that takes longer goes on.
const JOB: Duration = Duration::from_secs(30);
/// A job replaces those that it conflicts with, as systemctl does it.
const MODE: &str = "replace";
/// `ExecMainCode` of a process that ended by itself, see waitid(2).
const EXITED: i32 = 1;

/// A change of a file: kind, path, target of a link.
type FileChange = (String, String, String);

/// The way to systemd.
#[derive(Debug)]
pub(crate) struct Units {
    bus: String,
    systemd: Mutex<Option<Systemd>>,
}

/// A unit that was looked at.
#[derive(Debug)]
pub(crate) struct FoundUnit {
    pub(crate) facts: UnitFacts,
    systemd: Systemd,
    path: OwnedObjectPath,
    /// What it uses now; systemd's largest number where it is not counted.
    memory_bytes: Option<u64>,
}

impl Units {
    /// `bus` is the address of the bus.
    pub(crate) fn new(bus: String) -> Self {
        Self {
            bus,
            systemd: Mutex::new(None),
        }
    }

    async fn connect(&self) -> Result<Systemd, Failure> {
        let mut kept = self.systemd.lock().await;
        if let Some(systemd) = kept.as_ref().filter(|systemd| !systemd.is_closed()) {
            return Ok(systemd.clone());
        }
        let systemd = Systemd::connect(&self.bus).await?;
        Ok(kept.insert(systemd).clone())
    }

    /// Drops the connection after a failure that may be its own.
    async fn checked<T>(&self, result: Result<T, Failure>) -> Result<T, Failure> {
        if let Err(failure) = &result
            && matches!(
                failure.code,
                FailureCode::Unavailable | FailureCode::Unknown
            )
        {
            *self.systemd.lock().await = None;
        }
        result
    }

    /// Looks at a unit, and at those that the verb would change with it.
    pub(crate) async fn find(&self, name: &UnitName, verb: UnitVerb) -> Result<FoundUnit, Failure> {
        let found = find(self.connect().await?, name, verb);
        let late = |_| Failure::new(FailureCode::Unavailable, "systemd takes too long to reply");
        let found = tokio::time::timeout(LOOK, found).await.map_err(late);
        self.checked(found.flatten()).await
    }

    /// All names of a unit that processes run in; its own alone where systemd does not know it.
    pub(crate) async fn names(&self, unit: &str) -> Result<Vec<String>, Failure> {
        let systemd = self.connect().await?;
        let names = async {
            let mut names = vec![unit.to_owned()];
            if let Some(path) = systemd.unit(unit).await? {
                names.extend(systemd.properties(&path, UNIT).await?.texts("Names"));
            }
            Ok(names)
        };
        self.checked(names.await).await
    }

    /// Acts on a unit that was found.
    pub(crate) async fn act(&self, found: &FoundUnit, verb: &Verb) -> Result<Effect, Failure> {
        let done = act(found, verb).await;
        self.checked(done).await
    }
}

impl Systemd {
    /// Loads a unit, unless an instance would be made of a template that has no such instance.
    async fn load(&self, name: &str) -> Result<OwnedObjectPath, Failure> {
        if let Some(path) = self.unit(name).await? {
            return Ok(path);
        }
        if name.contains('@') {
            let none: [&str; 0] = [];
            let arguments = (&none[..], &[name][..]);
            let files: Vec<(String, String)> =
                self.call("ListUnitFilesByPatterns", &arguments).await?;
            let is_it = |(path, _): &(String, String)| path.rsplit('/').next() == Some(name);
            if !files.iter().any(is_it) {
                return Err(gone(name, "there is no such instance"));
            }
        }
        self.call("LoadUnit", &name).await
    }
}

async fn find(systemd: Systemd, name: &UnitName, verb: UnitVerb) -> Result<FoundUnit, Failure> {
    let path = systemd.load(name.as_str()).await?;
    let unit = systemd.properties(&path, UNIT).await?;
    match &*unit.text("LoadState") {
        "loaded" => {}
        "not-found" => return Err(gone(name.as_str(), "there is no such unit")),
        "masked" => return Err(gone(name.as_str(), "it is masked")),
        _ => return Err(gone(name.as_str(), "systemd can't load it")),
    }
    let mut facts = UnitFacts {
        id: unit.text("Id"),
        names: unit.texts("Names"),
        affected: affected::by_job(&systemd, &unit, verb).await?,
    };
    let mut memory_bytes = None;
    match verb {
        UnitVerb::Enable | UnitVerb::Disable => {
            let (names, others) = affected::by_files(&systemd, &unit, verb).await?;
            facts.names.extend(names);
            facts.affected.extend(others);
        }
        UnitVerb::Limits => {
            let service = systemd.properties(&path, SERVICE).await?;
            memory_bytes = service.number("MemoryCurrent");
        }
        _ => {}
    }
    Ok(FoundUnit {
        facts,
        systemd,
        path,
        memory_bytes,
    })
}

async fn act(found: &FoundUnit, verb: &Verb) -> Result<Effect, Failure> {
    let (systemd, id) = (&found.systemd, &*found.facts.id);
    let job = match verb {
        Verb::Start(_) => run_job(systemd, "StartUnit", id).await?,
        Verb::Stop(_) => run_job(systemd, "StopUnit", id).await?,
        Verb::Restart(_) => run_job(systemd, "RestartUnit", id).await?,
        Verb::Reload(_) => run_job(systemd, "ReloadUnit", id).await?,
        Verb::ResetFailed(_) => {
            let reset = systemd.call::<()>("ResetFailedUnit", &id).await;
            reset.map_err(late)?;
            Job::None
        }
        Verb::Enable(_) => {
            let arguments = (&[id][..], false, false);
            let done: Result<(bool, Vec<FileChange>), _> =
                systemd.call("EnableUnitFiles", &arguments).await;
            let (has_install, _) = done.map_err(late)?;
            if !has_install {
                let message =
                    format!("{id} has no [Install] section: nothing starts it with the system");
                return Err(Failure::new(FailureCode::System, message));
            }
            reload(systemd).await?;
            Job::None
        }
        Verb::Disable(_) => {
            let arguments = (&[id][..], false);
            let done: Result<Vec<FileChange>, _> =
                systemd.call("DisableUnitFiles", &arguments).await;
            done.map_err(late)?;
            reload(systemd).await?;
            Job::None
        }
        Verb::Limits(limits) => {
            set_limits(found, limits).await?;
            Job::None
        }
        Verb::Signal(_) | Verb::Renice(_) => {
            let message = "this verb is not about a unit";
            return Err(Failure::new(FailureCode::System, message));
        }
    };
    Ok(state(found, job).await)
}

enum Job {
    None,
    Ended(String),
    Pending,
}

/// Starts a job and waits for its end.
async fn run_job(systemd: &Systemd, method: &str, id: &str) -> Result<Job, Failure> {
    // A short job would be over before its end could be listened for.
    let mut ended = systemd.ended_jobs().await?;
    match systemd.call::<()>("Subscribe", &()).await {
        // This connection has subscribed before, says systemd.
        Err(failure) if failure.code != FailureCode::System => return Err(failure),
        _ => {}
    }
    let job: Result<OwnedObjectPath, _> = systemd.call(method, &(id, MODE)).await;
    let job = job.map_err(late)?;
    let end = async {
        while let Some(signal) = ended.next().await {
            let body = signal.body();
            let read: zbus::Result<(u32, OwnedObjectPath, String, String)> = body.deserialize();
            if let Ok((_, path, _, result)) = read
                && path == job
            {
                return Some(result);
            }
        }
        None
    };
    match tokio::time::timeout(JOB, end).await {
        Ok(Some(result)) => Ok(Job::Ended(result)),
        Ok(None) => {
            let message = "the bus closed the connection while the job ran";
            Err(Failure::new(FailureCode::Unknown, message))
        }
        Err(_) => Ok(Job::Pending),
    }
}

/// Has systemd see changed links, as systemctl does. When it does not respond in time the links are made all
/// the same, and it reads on.
async fn reload(systemd: &Systemd) -> Result<(), Failure> {
    match systemd.call::<()>("Reload", &()).await {
        Err(failure) if failure.code != FailureCode::Unavailable => Err(failure),
        _ => Ok(()),
    }
}

async fn set_limits(found: &FoundUnit, limits: &UnitLimits) -> Result<(), Failure> {
    /// Microseconds of processor time in a second, for each percent.
    const PER_PERCENT: u64 = 10_000;
    let id = &*found.facts.id;
    let used = found.memory_bytes.filter(|bytes| *bytes != u64::MAX);
    if let (Some(UnitLimit::Of(most)), Some(used)) = (limits.memory_max, used)
        && most < used
    {
        let message =
            format!("{id} uses {used} bytes: memory_max of {most} would end its processes");
        return Err(Failure::new(FailureCode::System, message));
    }
    let values = [
        ("MemoryMax", limits.memory_max, 1),
        ("MemoryHigh", limits.memory_high, 1),
        ("CPUQuotaPerSecUSec", limits.cpu_quota, PER_PERCENT),
        ("IOWeight", limits.io_weight.map(UnitLimit::Of), 1),
        ("TasksMax", limits.tasks_max, 1),
    ];
    let set = values.into_iter().filter_map(|(name, limit, factor)| {
        let value = match limit? {
            UnitLimit::Of(value) => value.saturating_mul(factor),
            UnitLimit::Infinity(_) => u64::MAX,
        };
        Some((name, Value::U64(value)))
    });
    let arguments = (id, !limits.persistent, set.collect::<Vec<_>>());
    let done = found.systemd.call("SetUnitProperties", &arguments).await;
    done.map_err(late)
}

/// The state after the act; what can't be read is left out, as the act has happened.
async fn state(found: &FoundUnit, job: Job) -> Effect {
    let FoundUnit {
        facts,
        systemd,
        path,
        ..
    } = found;
    let unit = systemd.properties(path, UNIT).await.unwrap_or_default();
    let mut service = Properties::default();
    if facts.id.ends_with(".service") {
        service = systemd.properties(path, SERVICE).await.unwrap_or_default();
    }
    let status = service.signed("ExecMainStatus");
    let (exit_code, exit_signal) = match service.signed("ExecMainCode") {
        Some(EXITED) => (status, None),
        Some(2 | 3) => (None, status),
        _ => (None, None),
    };
    Effect::Unit {
        unit: facts.id.clone(),
        pending: matches!(job, Job::Pending),
        job: match job {
            Job::Ended(result) => Some(result),
            Job::None | Job::Pending => None,
        },
        active: unit.text("ActiveState"),
        sub: unit.text("SubState"),
        result: Some(service.text("Result")).filter(|result| !result.is_empty()),
        exit_code,
        exit_signal,
    }
}

fn gone(name: &str, why: &str) -> Failure {
    Failure::new(FailureCode::Gone, format!("{name}: {why}"))
}

/// The call of the act itself failed: without systemd's word it may have happened.
fn late(mut failure: Failure) -> Failure {
    if failure.code == FailureCode::Unavailable {
        failure.code = FailureCode::Unknown;
        failure
            .message
            .push_str("; whether it happened is not known");
    }
    failure
}
