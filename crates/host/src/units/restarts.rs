//! How often systemd has restarted services, which it only says of one at a time.

use std::collections::BTreeMap;

use futures_util::stream::{StreamExt as _, TryStreamExt as _, iter};
use zbus::Connection;
use zbus::zvariant::OwnedObjectPath;

use super::detail::property;
use super::systemd::Loaded;
use super::{Units, UnitsUnavailable, manager};

/// The interface of services.
const SERVICE: &str = "org.freedesktop.systemd1.Service";
/// Detailed states of a service that runs, starts or is about to be started again; others have ended.
const STATES: [&str; 9] = [
    "running",
    "exited",
    "auto-restart",
    "auto-restart-queued",
    "start",
    "start-pre",
    "start-post",
    "reload",
    "condition",
];
/// How many requests are under way at once.
const AT_ONCE: usize = 16;
/// The most services that are looked at.
const SERVICES: usize = 1_000;

impl Units {
    /// How often systemd restarted each service that runs, starts or waits for its next start, since it was last
    /// started by hand; those that were never restarted are left out. Empty with systemd before 235, which does
    /// not count.
    ///
    /// One request for each such service: for every few minutes, not for every few seconds.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn restarts(&self) -> Result<BTreeMap<String, u64>, UnitsUnavailable> {
        self.in_time(async {
            let connection = self.connect().await?;
            let manager = manager(&connection).await?;
            let services = services(manager.list_units_filtered(&STATES).await?);
            let reads = services
                .into_iter()
                .map(|(name, path)| restarts_of(&connection, name, path));
            let read: Vec<Option<(String, u64)>> =
                iter(reads).buffer_unordered(AT_ONCE).try_collect().await?;
            Ok(read.into_iter().flatten().collect())
        })
        .await
    }
}

/// The services among units that have these states, with their objects.
fn services(loaded: Vec<Loaded>) -> Vec<(String, OwnedObjectPath)> {
    let services = loaded
        .into_iter()
        .filter(|unit| unit.0.ends_with(".service"));
    let named = services.map(|unit| (unit.0, unit.6));
    named.take(SERVICES).collect()
}

/// The counter of a service, unless it is 0 or the service has ended meanwhile.
async fn restarts_of(
    connection: &Connection,
    name: String,
    path: OwnedObjectPath,
) -> zbus::Result<Option<(String, u64)>> {
    let found = property(connection, &path, SERVICE, "NRestarts").await?;
    let count = found.and_then(|(_, value)| u32::try_from(value).ok());
    Ok(count
        .filter(|count| *count > 0)
        .map(|count| (name, count.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_services_are_looked_at_and_not_more_than_a_thousand() {
        let loaded = |name: String| {
            let path = OwnedObjectPath::try_from("/a").unwrap();
            let text = String::new;
            let (load, active, sub) = (text(), text(), text());
            let (job, none) = (text(), text());
            (
                name,
                text(),
                load,
                active,
                sub,
                none,
                path.clone(),
                0,
                job,
                path,
            )
        };
        let few = ["a.service", "b.socket", "c.scope", "service"];
        let found = services(few.map(|name| loaded(name.to_owned())).into());
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a.service"]);
        let many = (0..SERVICES + 5).map(|number| loaded(format!("x@{number}.service")));
        assert_eq!(services(many.collect()).len(), SERVICES);
    }
}
