//! A fake systemd-timedated.

use zbus::{Connection, connection, interface};

use super::bus::Bus;

struct Timedate(bool);

#[interface(name = "org.freedesktop.timedate1")]
impl Timedate {
    #[zbus(property, name = "NTPSynchronized")]
    fn is_synchronised(&self) -> bool {
        self.0
    }
}

/// Serves it on a bus, for as long as the connection is kept.
pub(crate) async fn serve_clock(bus: &Bus, is_synchronised: bool) -> Connection {
    let builder = connection::Builder::address(bus.address.as_str()).unwrap();
    let path = "/org/freedesktop/timedate1";
    let builder = builder.serve_at(path, Timedate(is_synchronised)).unwrap();
    let builder = builder.name("org.freedesktop.timedate1").unwrap();
    builder.build().await.unwrap()
}
