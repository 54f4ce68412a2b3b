//! The objects of units on the bus.

use std::sync::{Arc, Mutex};

use zbus::interface;

use super::{FakeUnit, State, lock};

pub(super) struct Unit(pub(super) Arc<Mutex<State>>, pub(super) usize);

impl Unit {
    fn get(&self) -> FakeUnit {
        lock(&self.0).units[self.1].clone()
    }
}

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl Unit {
    #[zbus(property)]
    fn id(&self) -> String {
        self.get().id
    }

    #[zbus(property)]
    fn names(&self) -> Vec<String> {
        let unit = self.get();
        [vec![unit.id], unit.aliases].concat()
    }

    #[zbus(property)]
    fn load_state(&self) -> String {
        self.get().load.to_owned()
    }

    #[zbus(property)]
    fn active_state(&self) -> String {
        self.get().active.to_owned()
    }

    #[zbus(property)]
    fn sub_state(&self) -> String {
        self.get().sub.to_owned()
    }

    #[zbus(property)]
    fn description(&self) -> String {
        self.get().description
    }

    #[zbus(property)]
    fn required_by(&self) -> Vec<String> {
        self.get().required_by
    }

    #[zbus(property)]
    fn conflicts(&self) -> Vec<String> {
        self.get().conflicts
    }

    #[zbus(property)]
    fn wants(&self) -> Vec<String> {
        self.get().wants
    }

    #[zbus(property)]
    fn propagates_stop_to(&self) -> Vec<String> {
        self.get().propagates_stop_to
    }

    #[zbus(property)]
    fn fragment_path(&self) -> String {
        self.get().fragment
    }
}

pub(super) struct Service(pub(super) Arc<Mutex<State>>, pub(super) usize);

#[interface(name = "org.freedesktop.systemd1.Service")]
impl Service {
    #[zbus(property)]
    fn memory_current(&self) -> u64 {
        lock(&self.0).units[self.1].memory
    }

    #[zbus(property)]
    fn exec_main_code(&self) -> i32 {
        lock(&self.0).units[self.1].exit.0
    }

    #[zbus(property)]
    fn exec_main_status(&self) -> i32 {
        lock(&self.0).units[self.1].exit.1
    }

    #[zbus(property, name = "NRestarts")]
    fn restarts(&self) -> u32 {
        lock(&self.0).units[self.1].restarts
    }

    #[zbus(property)]
    fn result(&self) -> String {
        let has_failed = lock(&self.0).units[self.1].active == "failed";
        let result = if has_failed { "exit-code" } else { "success" };
        result.to_owned()
    }

    /// What must not be seen.
    #[zbus(property)]
    fn environment(&self) -> Vec<String> {
        vec!["PASSWORD=hunter2".to_owned()]
    }
}

pub(super) struct Timer(pub(super) Arc<Mutex<State>>, pub(super) usize);

#[interface(name = "org.freedesktop.systemd1.Timer")]
impl Timer {
    #[zbus(property, name = "LastTriggerUSec")]
    fn last(&self) -> u64 {
        lock(&self.0).units[self.1].timer.0
    }

    #[zbus(property, name = "NextElapseUSecRealtime")]
    fn next(&self) -> u64 {
        lock(&self.0).units[self.1].timer.1
    }

    #[zbus(property, name = "NextElapseUSecMonotonic")]
    fn next_since_boot(&self) -> u64 {
        u64::MAX
    }
}
