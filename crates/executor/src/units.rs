//! Acts on units, over D-Bus.

mod files;
mod systemd;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::Mutex;
use zbus::proxy::CacheProperties;
use zbus::zvariant::{OwnedObjectPath, Value};
use zbus::{Connection, connection};

use crate::policy::UnitFacts;
use linux_api_acts::names::UnitName;
use linux_api_acts::protocol::{Effect, Failure, FailureCode, UnitLimits, UnitVerb, Verb};
use systemd::{ManagerProxy, PropertiesProxy, Read, SERVICE, UNIT};

/// How long the bus may take to connect, and systemd to reply to a call.
const CALL: Duration = Duration::from_secs(2);
/// How long systemd may take to read all of its units again.
const RELOAD: Duration = Duration::from_secs(25);
/// How long a job is waited for; one that takes longer goes on.
const JOB: Duration = Duration::from_secs(30);
/// So many units are followed to see what a verb would stop with its own.
const AFFECTED: usize = 100;
/// A job replaces those that it conflicts with, as systemctl does it.
const MODE: &str = "replace";
/// `ExecMainCode` of a process that ended by itself, see waitid(2).
const EXITED: i32 = 1;
/// The longest text of systemd's that is passed on.
const TEXT: usize = 400;

/// The way to systemd.
#[derive(Debug)]
pub(crate) struct Units {
    bus: String,
    connection: Mutex<Option<Connection>>,
}

/// A unit that was looked at.
#[derive(Debug)]
pub(crate) struct FoundUnit {
    pub(crate) facts: UnitFacts,
    connection: Connection,
    path: OwnedObjectPath,
    /// What it uses now; systemd's largest number where it is not counted.
    memory_bytes: Option<u64>,
}

impl Units {
    /// `bus` is the address of the bus.
    pub(crate) fn new(bus: String) -> Self {
        Self {
            bus,
            connection: Mutex::new(None),
        }
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = kept.as_ref()
            && !connection.is_closed()
        {
            return Ok(connection.clone());
        }
        let built = async {
            let builder = connection::Builder::address(self.bus.as_str())?;
            builder.method_timeout(CALL).build().await
        };
        let connection = match tokio::time::timeout(CALL, built).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(unavailable(&error.to_string())),
            Err(_) => return Err(unavailable("the bus did not respond within 2 s")),
        };
        *kept = Some(connection.clone());
        Ok(connection)
    }

    /// Drops the connection after a failure that may be its own.
    async fn note(&self, failure: Failure) -> Failure {
        if failure.code != FailureCode::Gone && failure.code != FailureCode::System {
            *self.connection.lock().await = None;
        }
        failure
    }

    /// Looks at a unit, and at those that the verb would stop or disable with it.
    pub(crate) async fn find(&self, name: &UnitName, verb: UnitVerb) -> Result<FoundUnit, Failure> {
        let found = async {
            let connection = self.connect().await?;
            find(connection, name, verb).await
        };
        match found.await {
            Ok(found) => Ok(found),
            Err(failure) => Err(self.note(failure).await),
        }
    }

    /// Acts on a unit that was found.
    pub(crate) async fn act(&self, found: &FoundUnit, verb: &Verb) -> Result<Effect, Failure> {
        match act(found, verb).await {
            Ok(effect) => Ok(effect),
            Err(failure) => Err(self.note(failure).await),
        }
    }
}

async fn manager(connection: &Connection) -> Result<ManagerProxy<'static>, Failure> {
    let built = ManagerProxy::builder(connection).cache_properties(CacheProperties::No);
    built.build().await.map_err(|error| failure(&error))
}

async fn properties(
    connection: &Connection,
    path: &OwnedObjectPath,
    interface: &str,
) -> Result<Read, Failure> {
    let built = PropertiesProxy::builder(connection).cache_properties(CacheProperties::No);
    let proxy = async {
        let proxy = built.path(path.clone())?.build().await?;
        proxy.get_all(interface).await
    };
    proxy.await.map(Read).map_err(|error| failure(&error))
}

async fn find(
    connection: Connection,
    name: &UnitName,
    verb: UnitVerb,
) -> Result<FoundUnit, Failure> {
    let manager = manager(&connection).await?;
    let path = match manager.get_unit(name.as_str()).await {
        Ok(path) => path,
        Err(error) if is_missing(&error) => {
            // Loading an instance would make it, out of any text.
            if name.is_instance() && !has_file(&manager, name).await? {
                return Err(gone(name.as_str(), "there is no such instance"));
            }
            let loaded = manager.load_unit(name.as_str()).await;
            loaded.map_err(|error| failure(&error))?
        }
        Err(error) => return Err(failure(&error)),
    };
    let unit = properties(&connection, &path, UNIT).await?;
    let state = unit.text("LoadState");
    if state != "loaded" {
        let why = match &*state {
            "not-found" => "there is no such unit",
            "masked" => "it is masked",
            _ => "systemd can't load it",
        };
        return Err(gone(name.as_str(), why));
    }
    let mut facts = facts(&unit);
    facts.affected = affected(&connection, &manager, &unit, verb).await?;
    if matches!(verb, UnitVerb::Enable | UnitVerb::Disable) {
        let mut paths = unit.texts("DropInPaths");
        paths.insert(0, unit.text("FragmentPath"));
        let install = files::read_install(paths.iter().map(PathBuf::from));
        facts.names.extend(install.alias);
        // They are enabled and disabled with it.
        facts
            .affected
            .extend(install.also.into_iter().map(|id| UnitFacts {
                names: vec![id.clone()],
                id,
                affected: Vec::new(),
            }));
    }
    let memory_bytes = if verb == UnitVerb::Limits {
        properties(&connection, &path, SERVICE)
            .await?
            .number("MemoryCurrent")
    } else {
        None
    };
    Ok(FoundUnit {
        facts,
        connection,
        path,
        memory_bytes,
    })
}

async fn has_file(manager: &ManagerProxy<'_>, name: &UnitName) -> Result<bool, Failure> {
    let files = manager
        .list_unit_files_by_patterns(&[], &[name.as_str()])
        .await;
    let files = files.map_err(|error| failure(&error))?;
    let is_it = |(path, _): &(String, String)| path.rsplit('/').next() == Some(name.as_str());
    Ok(files.iter().any(is_it))
}

fn facts(unit: &Read) -> UnitFacts {
    UnitFacts {
        id: unit.text("Id"),
        names: unit.texts("Names"),
        affected: Vec::new(),
    }
}

/// The units that systemd would stop with this one: those that need it and, for a start, those that
/// conflict with it. Only what runs can be stopped.
async fn affected(
    connection: &Connection,
    manager: &ManagerProxy<'_>,
    unit: &Read,
    verb: UnitVerb,
) -> Result<Vec<UnitFacts>, Failure> {
    const NEED: &[&str] = &["RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf"];
    let mut open: Vec<String> = match verb {
        UnitVerb::Stop => NEED.iter().flat_map(|name| unit.texts(name)).collect(),
        UnitVerb::Start | UnitVerb::Restart => {
            let conflicts = ["Conflicts", "ConflictedBy"];
            conflicts.iter().flat_map(|name| unit.texts(name)).collect()
        }
        _ => Vec::new(),
    };
    let mut seen = BTreeSet::from([unit.text("Id")]);
    let mut found = Vec::new();
    while let Some(name) = open.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        if seen.len() > AFFECTED {
            return Err(Failure {
                code: FailureCode::System,
                message: format!("more than {AFFECTED} units depend on it: that is not for here"),
            });
        }
        let path = match manager.get_unit(&name).await {
            Ok(path) => path,
            // What is not loaded does not run.
            Err(error) if is_missing(&error) => continue,
            Err(error) => return Err(failure(&error)),
        };
        let other = properties(connection, &path, UNIT).await?;
        if matches!(&*other.text("ActiveState"), "inactive" | "failed") {
            continue;
        }
        open.extend(NEED.iter().flat_map(|name| other.texts(name)));
        found.push(facts(&other));
    }
    Ok(found)
}

async fn act(found: &FoundUnit, verb: &Verb) -> Result<Effect, Failure> {
    let manager = manager(&found.connection).await?;
    let id = &*found.facts.id;
    let job = match verb {
        Verb::Start(_) | Verb::Stop(_) | Verb::Restart(_) | Verb::Reload(_) => {
            run_job(&manager, id, verb).await?
        }
        Verb::ResetFailed(_) => {
            manager
                .reset_failed_unit(id)
                .await
                .map_err(|error| late(&error))?;
            Job::None
        }
        Verb::Enable(_) => {
            let done = manager.enable_unit_files(&[id], false, false).await;
            let (has_install, _) = done.map_err(|error| late(&error))?;
            if !has_install {
                return Err(Failure {
                    code: FailureCode::System,
                    message: format!(
                        "{id} has no [Install] section: nothing starts it with the system"
                    ),
                });
            }
            reload(&found.connection).await?;
            Job::None
        }
        Verb::Disable(_) => {
            let done = manager.disable_unit_files(&[id], false).await;
            done.map_err(|error| late(&error))?;
            reload(&found.connection).await?;
            Job::None
        }
        Verb::Limits(limits) => {
            set_limits(&manager, found, limits).await?;
            Job::None
        }
        Verb::Signal(_) | Verb::Renice(_) => return Err(late(&zbus::Error::Unsupported)),
    };
    Ok(state(found, job).await)
}

enum Job {
    None,
    Ended(String),
    Pending,
}

/// Starts a job and waits for its end.
async fn run_job(manager: &ManagerProxy<'_>, id: &str, verb: &Verb) -> Result<Job, Failure> {
    // A short job would be over before its end could be listened for.
    let removed = manager.receive_job_removed().await;
    let mut removed = removed.map_err(|error| failure(&error))?;
    match manager.subscribe().await {
        Ok(()) => {}
        Err(error) if has_name(&error, "org.freedesktop.systemd1.AlreadySubscribed") => {}
        Err(error) => return Err(failure(&error)),
    }
    let job = match verb {
        Verb::Start(_) => manager.start_unit(id, MODE).await,
        Verb::Stop(_) => manager.stop_unit(id, MODE).await,
        Verb::Restart(_) => manager.restart_unit(id, MODE).await,
        _ => manager.reload_unit(id, MODE).await,
    };
    let job = job.map_err(|error| late(&error))?;
    let end = async {
        while let Some(signal) = removed.next().await {
            if let Ok(it) = signal.args()
                && it.job().as_str() == job.as_str()
            {
                return Some((*it.result()).to_owned());
            }
        }
        None
    };
    match tokio::time::timeout(JOB, end).await {
        Ok(Some(result)) => Ok(Job::Ended(result)),
        Ok(None) => Err(Failure {
            code: FailureCode::Unknown,
            message: "the bus closed the connection while the job ran".to_owned(),
        }),
        Err(_) => Ok(Job::Pending),
    }
}

/// Has systemd see changed links, as systemctl does.
async fn reload(connection: &Connection) -> Result<(), Failure> {
    // Its reply comes when all units are read, later than that of other calls.
    let call = connection.call_method(
        Some(systemd::SYSTEMD),
        "/org/freedesktop/systemd1",
        Some("org.freedesktop.systemd1.Manager"),
        "Reload",
        &(),
    );
    match tokio::time::timeout(RELOAD, call).await {
        // systemd goes on reading; the links are made.
        Ok(Err(zbus::Error::InputOutput(error)))
            if error.kind() == std::io::ErrorKind::TimedOut =>
        {
            Ok(())
        }
        Ok(Err(error)) => Err(late(&error)),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

async fn set_limits(
    manager: &ManagerProxy<'_>,
    found: &FoundUnit,
    limits: &UnitLimits,
) -> Result<(), Failure> {
    /// Microseconds of processor time in a second, for each percent.
    const PER_PERCENT: u64 = 10_000;
    let used = found.memory_bytes.filter(|bytes| *bytes != u64::MAX);
    if let (Some(linux_api_acts::protocol::Limit::Of(most)), Some(used)) = (limits.memory_max, used)
        && most < used
    {
        return Err(Failure {
            code: FailureCode::System,
            message: format!(
                "{} uses {used} bytes: memory_max of {most} would end its processes",
                found.facts.id
            ),
        });
    }
    let values = [
        (
            "MemoryMax",
            limits.memory_max.map(|limit| limit.on_the_bus(1)),
        ),
        (
            "MemoryHigh",
            limits.memory_high.map(|limit| limit.on_the_bus(1)),
        ),
        (
            "CPUQuotaPerSecUSec",
            limits.cpu_quota.map(|limit| limit.on_the_bus(PER_PERCENT)),
        ),
        ("IOWeight", limits.io_weight),
        (
            "TasksMax",
            limits.tasks_max.map(|limit| limit.on_the_bus(1)),
        ),
    ];
    let set: Vec<(&str, Value<'_>)> = values
        .into_iter()
        .filter_map(|(name, value)| Some((name, Value::U64(value?))))
        .collect();
    let id = &*found.facts.id;
    let done = manager
        .set_unit_properties(id, !limits.persistent, &set)
        .await;
    done.map_err(|error| late(&error))
}

/// The state after the act; what can't be read is left out, as the act has happened.
async fn state(found: &FoundUnit, job: Job) -> Effect {
    let unit = properties(&found.connection, &found.path, UNIT).await;
    let unit = unit.unwrap_or_else(|_| Read(std::collections::HashMap::new()));
    let is_service = found.facts.id.ends_with(".service");
    let service = if is_service {
        properties(&found.connection, &found.path, SERVICE)
            .await
            .ok()
    } else {
        None
    };
    let code = service.as_ref().and_then(|it| it.signed("ExecMainCode"));
    let status = service.as_ref().and_then(|it| it.signed("ExecMainStatus"));
    let (exit_code, exit_signal) = match code {
        Some(EXITED) => (status, None),
        Some(2 | 3) => (None, status),
        _ => (None, None),
    };
    Effect::Unit {
        unit: found.facts.id.clone(),
        pending: matches!(job, Job::Pending),
        job: match job {
            Job::Ended(result) => Some(result),
            Job::None | Job::Pending => None,
        },
        active: unit.text("ActiveState"),
        sub: unit.text("SubState"),
        result: service
            .map(|it| it.text("Result"))
            .filter(|it| !it.is_empty()),
        exit_code,
        exit_signal,
    }
}

fn has_name(error: &zbus::Error, name: &str) -> bool {
    matches!(error, zbus::Error::MethodError(found, ..) if found.as_str() == name)
}

fn is_missing(error: &zbus::Error) -> bool {
    has_name(error, "org.freedesktop.systemd1.NoSuchUnit")
}

fn gone(name: &str, why: &str) -> Failure {
    Failure {
        code: FailureCode::Gone,
        message: format!("{name}: {why}"),
    }
}

fn unavailable(why: &str) -> Failure {
    Failure {
        code: FailureCode::Unavailable,
        message: format!("systemd can't be reached: {}", short(why)),
    }
}

/// A call before the act failed.
fn failure(error: &zbus::Error) -> Failure {
    match error {
        zbus::Error::MethodError(name, text, _) => {
            let code = if is_missing(error) {
                FailureCode::Gone
            } else {
                FailureCode::System
            };
            let text = text.as_deref().unwrap_or(name.as_str());
            Failure {
                code,
                message: format!("systemd: {}", short(text)),
            }
        }
        error => unavailable(&error.to_string()),
    }
}

/// The call of the act itself failed: without systemd's word it may have happened.
fn late(error: &zbus::Error) -> Failure {
    match failure(error) {
        failure if failure.code == FailureCode::Unavailable => Failure {
            code: FailureCode::Unknown,
            message: format!("{}; whether it happened is not known", failure.message),
        },
        failure => failure,
    }
}

/// One line of a text that others wrote, for a log and a screen.
fn short(text: &str) -> String {
    let plain = |one: char| if one.is_control() { ' ' } else { one };
    text.chars().map(plain).take(TEXT).collect()
}
