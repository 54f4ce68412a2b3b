//! A private bus with a fake systemd on it: what is called is recorded, jobs end as the test says.

#![expect(
    clippy::needless_pass_by_value,
    clippy::unused_self,
    clippy::used_underscore_binding,
    reason = "methods have the form that systemd's have on the bus"
)]

#[path = "bus/objects.rs"]
mod objects;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};

use objects::{Service, Timer, Unit};
use zbus::object_server::SignalEmitter;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue};
use zbus::{Connection, connection, interface};

const DAEMON: &str = "/usr/bin/dbus-daemon";

/// The bus; it ends with the test.
pub(crate) struct Bus {
    daemon: Child,
    pub(crate) address: String,
}

impl Bus {
    /// Starts one below `folder`, where the system's bus is below the root; none where dbus-daemon is not
    /// installed.
    pub(crate) fn start(folder: &Path) -> Option<Self> {
        if !Path::new(DAEMON).exists() {
            super::left_out::for_want_of("dbus-daemon", "apt-get install dbus");
            return None;
        }
        let socket = folder.join("run/dbus/system_bus_socket");
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let address = format!("unix:path={}", socket.display());
        let configuration = format!(
            "<busconfig><type>session</type><listen>{address}</listen><auth>EXTERNAL</auth>\
             <policy context=\"default\"><allow send_destination=\"*\"/><allow receive_sender=\"*\"/>\
             <allow own=\"*\"/></policy></busconfig>"
        );
        let file = folder.join("bus.conf");
        std::fs::write(&file, configuration).unwrap();
        let mut daemon = Command::new(DAEMON)
            .arg(format!("--config-file={}", file.display()))
            .args(["--nofork", "--nopidfile", "--print-address"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It prints its address once it listens.
        let mut line = String::new();
        BufReader::new(daemon.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.starts_with("unix:"), "{line}");
        Some(Self { daemon, address })
    }

    pub(crate) fn pid(&self) -> i32 {
        self.daemon.id().try_into().unwrap()
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// A unit as systemd has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeUnit {
    pub(crate) id: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) load: &'static str,
    pub(crate) active: &'static str,
    pub(crate) is_loaded: bool,
    pub(crate) has_file: bool,
    pub(crate) required_by: Vec<String>,
    pub(crate) conflicts: Vec<String>,
    pub(crate) wants: Vec<String>,
    pub(crate) propagates_stop_to: Vec<String>,
    pub(crate) fragment: String,
    pub(crate) memory: u64,
    pub(crate) exit: (i32, i32),
    /// How often systemd restarted it.
    pub(crate) restarts: u32,
    pub(crate) description: String,
    pub(crate) sub: &'static str,
    /// When a timer ran last and runs next, in microseconds since 1970.
    pub(crate) timer: (u64, u64),
    /// What its next job ends with; empty when it does not end.
    pub(crate) job: &'static str,
}

pub(crate) fn unit(id: &str) -> FakeUnit {
    FakeUnit {
        id: id.to_owned(),
        load: "loaded",
        active: "active",
        is_loaded: true,
        has_file: true,
        memory: 10 << 20,
        job: "done",
        sub: "running",
        description: format!("The unit {id}"),
        ..FakeUnit::default()
    }
}

#[derive(Debug, Default)]
struct State {
    units: Vec<FakeUnit>,
    calls: Vec<String>,
}

/// The fake, on its bus.
pub(crate) struct Systemd {
    state: Arc<Mutex<State>>,
    _connection: Connection,
}

impl Systemd {
    pub(crate) async fn start(bus: &Bus, units: Vec<FakeUnit>) -> Self {
        let state = Arc::new(Mutex::new(State {
            units,
            calls: Vec::new(),
        }));
        let root = "/org/freedesktop/systemd1";
        let mut builder = connection::Builder::address(bus.address.as_str())
            .unwrap()
            .serve_at(root, Manager(Arc::clone(&state)))
            .unwrap();
        let count = lock(&state).units.len();
        for index in 0..count {
            let path = path(index);
            let (unit, service) = (
                Unit(Arc::clone(&state), index),
                Service(Arc::clone(&state), index),
            );
            builder = builder.serve_at(path.clone(), unit).unwrap();
            builder = builder
                .serve_at(path.clone(), Timer(Arc::clone(&state), index))
                .unwrap();
            builder = builder.serve_at(path, service).unwrap();
        }
        let builder = builder.name("org.freedesktop.systemd1").unwrap();
        Self {
            state,
            _connection: builder.build().await.unwrap(),
        }
    }

    /// What was called since the last time, without looks.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.state).calls)
    }

    pub(crate) fn change(&self, id: &str, change: impl FnOnce(&mut FakeUnit)) {
        let mut state = lock(&self.state);
        change(state.units.iter_mut().find(|unit| unit.id == id).unwrap());
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap()
}

fn path(index: usize) -> OwnedObjectPath {
    format!("/org/freedesktop/systemd1/unit/u{index}")
        .try_into()
        .unwrap()
}

#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.freedesktop.systemd1")]
enum SystemdError {
    #[zbus(error)]
    ZBus(zbus::Error),
    NoSuchUnit(String),
    OnlyByDependency(String),
}

/// A unit in a list, as org.freedesktop.systemd1(5) has it.
type Listed = (
    String,
    String,
    String,
    String,
    String,
    String,
    OwnedObjectPath,
    u32,
    String,
    OwnedObjectPath,
);

struct Manager(Arc<Mutex<State>>);

impl Manager {
    fn look(&self, name: &str) -> Option<(usize, FakeUnit)> {
        let state = lock(&self.0);
        let is_it = |unit: &FakeUnit| unit.id == name || unit.aliases.iter().any(|it| it == name);
        let index = state.units.iter().position(is_it)?;
        Some((index, state.units[index].clone()))
    }

    fn listed(&self, is_wanted: impl Fn(&FakeUnit) -> bool) -> Vec<Listed> {
        let state = lock(&self.0);
        let all = state.units.iter().enumerate();
        let listed = all.filter(|(_, unit)| unit.is_loaded && is_wanted(unit));
        let one = |(index, unit): (usize, &FakeUnit)| {
            (
                unit.id.clone(),
                unit.description.clone(),
                unit.load.to_owned(),
                unit.active.to_owned(),
                unit.sub.to_owned(),
                String::new(),
                path(index),
                0,
                String::new(),
                OwnedObjectPath::default(),
            )
        };
        listed.map(one).collect()
    }

    fn record(&self, call: String) {
        lock(&self.0).calls.push(call);
    }

    async fn job(
        &self,
        emitter: &SignalEmitter<'_>,
        verb: &str,
        name: &str,
        mode: &str,
    ) -> Result<OwnedObjectPath, SystemdError> {
        self.record(format!("{verb} {name} {mode}"));
        let Some((index, unit)) = self.look(name) else {
            return Err(SystemdError::NoSuchUnit(name.to_owned()));
        };
        if unit.job == "refused" {
            let text = "Operation refused, unit may be requested by dependency only.";
            return Err(SystemdError::OnlyByDependency(text.to_owned()));
        }
        let job: OwnedObjectPath = format!("/org/freedesktop/systemd1/job/{index}")
            .try_into()
            .unwrap();
        // Another one's ends first; then this one, before the call has returned.
        let other = ObjectPath::try_from("/org/freedesktop/systemd1/job/999").unwrap();
        Self::job_removed(emitter, 999, other, "x.service", "canceled").await?;
        if !unit.job.is_empty() {
            let job = ObjectPath::from(&job);
            Self::job_removed(emitter, 1, job, name, unit.job).await?;
        }
        if verb == "stop" {
            lock(&self.0).units[index].active = "inactive";
        }
        Ok(job)
    }
}

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    fn subscribe(&self) {
        self.record("subscribe".to_owned());
    }

    fn reload(&self) {
        self.record("reload systemd".to_owned());
    }

    fn get_unit(&self, name: &str) -> Result<OwnedObjectPath, SystemdError> {
        match self.look(name) {
            Some((index, unit)) if unit.is_loaded => Ok(path(index)),
            _ => Err(SystemdError::NoSuchUnit(format!("Unit {name} not loaded."))),
        }
    }

    fn load_unit(&self, name: &str) -> Result<OwnedObjectPath, SystemdError> {
        self.record(format!("load {name}"));
        let found = self.look(name);
        found
            .map(|(index, _)| path(index))
            .ok_or_else(|| SystemdError::NoSuchUnit(name.to_owned()))
    }

    fn ref_unit(&self, name: &str) -> Result<(), SystemdError> {
        self.record(format!("keep {name}"));
        match self.look(name) {
            Some((_, unit)) if unit.load == "loaded" => Ok(()),
            _ => Err(SystemdError::NoSuchUnit(name.to_owned())),
        }
    }

    fn unref_unit(&self, name: &str) {
        self.record(format!("let go {name}"));
    }

    fn list_units(&self) -> Vec<Listed> {
        self.record("list units".to_owned());
        self.listed(|_| true)
    }

    fn list_units_filtered(&self, states: Vec<String>) -> Vec<Listed> {
        self.record(format!("list units {states:?}"));
        let has = |state: &str| states.iter().any(|one| one == state);
        self.listed(|unit| has(unit.active) || has(unit.sub))
    }

    fn list_unit_files(&self) -> Vec<(String, String)> {
        self.record("list files".to_owned());
        let state = lock(&self.0);
        let of_unit = |unit: &FakeUnit| {
            let file = |name: &String, state: &str| {
                (format!("/usr/lib/systemd/system/{name}"), state.to_owned())
            };
            let aliases = unit.aliases.iter().map(move |name| file(name, "alias"));
            let own = std::iter::once(file(&unit.id, "enabled"));
            own.chain(aliases).collect::<Vec<_>>()
        };
        let with_file = state.units.iter().filter(|unit| unit.has_file);
        with_file.flat_map(of_unit).collect()
    }

    fn list_unit_files_by_patterns(
        &self,
        _states: Vec<String>,
        patterns: Vec<String>,
    ) -> Vec<(String, String)> {
        let found = patterns.iter().filter_map(|name| self.look(name));
        found
            .filter(|(_, unit)| unit.has_file)
            .map(|(_, unit)| {
                (
                    format!("/etc/systemd/system/{}", unit.id),
                    "enabled".to_owned(),
                )
            })
            .collect()
    }

    async fn start_unit(
        &self,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        name: &str,
        mode: &str,
    ) -> Result<OwnedObjectPath, SystemdError> {
        self.job(&emitter, "start", name, mode).await
    }

    async fn stop_unit(
        &self,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        name: &str,
        mode: &str,
    ) -> Result<OwnedObjectPath, SystemdError> {
        self.job(&emitter, "stop", name, mode).await
    }

    async fn restart_unit(
        &self,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        name: &str,
        mode: &str,
    ) -> Result<OwnedObjectPath, SystemdError> {
        self.job(&emitter, "restart", name, mode).await
    }

    async fn reload_unit(
        &self,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        name: &str,
        mode: &str,
    ) -> Result<OwnedObjectPath, SystemdError> {
        self.job(&emitter, "reload", name, mode).await
    }

    fn reset_failed_unit(&self, name: &str) {
        self.record(format!("reset-failed {name}"));
    }

    fn enable_unit_files(
        &self,
        files: Vec<String>,
        runtime: bool,
        force: bool,
    ) -> (bool, Vec<(String, String, String)>) {
        self.record(format!("enable {files:?} {runtime} {force}"));
        (true, Vec::new())
    }

    fn disable_unit_files(
        &self,
        files: Vec<String>,
        runtime: bool,
    ) -> Vec<(String, String, String)> {
        self.record(format!("disable {files:?} {runtime}"));
        Vec::new()
    }

    fn set_unit_properties(
        &self,
        name: &str,
        runtime: bool,
        properties: Vec<(String, OwnedValue)>,
    ) {
        let values: HashMap<String, u64> = properties
            .into_iter()
            .map(|(name, value)| (name, u64::try_from(value).unwrap()))
            .collect();
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort();
        self.record(format!("set {name} {runtime} {values:?}"));
    }

    #[zbus(signal)]
    async fn job_removed(
        emitter: &SignalEmitter<'_>,
        id: u32,
        job: ObjectPath<'_>,
        unit: &str,
        result: &str,
    ) -> zbus::Result<()>;
}
