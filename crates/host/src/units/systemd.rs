//! systemd on the bus, as far as it is read: see org.freedesktop.systemd1(5).

use zbus::zvariant::OwnedObjectPath;

/// The name of systemd.
pub(super) const SYSTEMD: &str = "org.freedesktop.systemd1";
/// The interface of any unit.
pub(super) const UNIT: &str = "org.freedesktop.systemd1.Unit";
/// The interface for the properties of any object.
pub(super) const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// A loaded unit: name, description, load, active and detailed state, the unit that it follows, its
/// object, the number of its job (0 for none), the job's type and object.
pub(super) type Loaded = (
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
/// A unit file: path and state.
pub(super) type File = (String, String);

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1",
    gen_blocking = false
)]
pub(super) trait Manager {
    fn get_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
    fn load_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
    fn ref_unit(&self, name: &str) -> zbus::Result<()>;
    fn unref_unit(&self, name: &str) -> zbus::Result<()>;
    fn list_units(&self) -> zbus::Result<Vec<Loaded>>;
    fn list_units_filtered(&self, states: &[&str]) -> zbus::Result<Vec<Loaded>>;
    fn list_unit_files(&self) -> zbus::Result<Vec<File>>;
}
