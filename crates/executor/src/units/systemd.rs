//! systemd on the bus, as far as it is used: see org.freedesktop.systemd1(5).

use std::collections::HashMap;

use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};

/// The interface of any unit.
pub(super) const UNIT: &str = "org.freedesktop.systemd1.Unit";
/// The interface of services.
pub(super) const SERVICE: &str = "org.freedesktop.systemd1.Service";
/// The name of systemd.
pub(super) const SYSTEMD: &str = "org.freedesktop.systemd1";

/// A change of a file: kind, path, target of a link.
pub(super) type FileChange = (String, String, String);

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1",
    gen_blocking = false
)]
pub(super) trait Manager {
    fn subscribe(&self) -> zbus::Result<()>;
    fn reload(&self) -> zbus::Result<()>;
    fn get_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
    fn load_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
    fn list_unit_files_by_patterns(
        &self,
        states: &[&str],
        patterns: &[&str],
    ) -> zbus::Result<Vec<(String, String)>>;
    fn start_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn stop_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn reload_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn reset_failed_unit(&self, name: &str) -> zbus::Result<()>;
    fn enable_unit_files(
        &self,
        files: &[&str],
        runtime: bool,
        force: bool,
    ) -> zbus::Result<(bool, Vec<FileChange>)>;
    fn disable_unit_files(&self, files: &[&str], runtime: bool) -> zbus::Result<Vec<FileChange>>;
    fn set_unit_properties(
        &self,
        name: &str,
        runtime: bool,
        properties: &[(&str, Value<'_>)],
    ) -> zbus::Result<()>;
    #[zbus(signal)]
    fn job_removed(
        &self,
        id: u32,
        job: ObjectPath<'_>,
        unit: &str,
        result: &str,
    ) -> zbus::Result<()>;
}

#[zbus::proxy(
    interface = "org.freedesktop.DBus.Properties",
    default_service = "org.freedesktop.systemd1",
    gen_blocking = false
)]
pub(super) trait Properties {
    fn get_all(&self, interface: &str) -> zbus::Result<HashMap<String, OwnedValue>>;
}

/// The properties of an object, read at once.
pub(super) struct Read(pub(super) HashMap<String, OwnedValue>);

impl Read {
    fn get<'a, T: TryFrom<&'a Value<'a>>>(&'a self, name: &str) -> Option<T> {
        let value: &Value<'_> = self.0.get(name)?;
        T::try_from(value).ok()
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.get::<&str>(name).unwrap_or_default().to_owned()
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)
    }

    pub(super) fn signed(&self, name: &str) -> Option<i32> {
        self.get(name)
    }

    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let Some(Value::Array(array)) = self.0.get(name).map(|value| &**value) else {
            return Vec::new();
        };
        let text = |value: &Value<'_>| match value {
            Value::Str(text) => Some(text.as_str().to_owned()),
            _ => None,
        };
        array.iter().filter_map(text).collect()
    }
}
