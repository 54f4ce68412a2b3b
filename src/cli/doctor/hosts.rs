//! Whether this host's id in the database is its own: a copied machine has the id of the original.

use std::time::Duration;

use super::Finding;
use linux_api_config::LoadedConfig;
use linux_api_daemon::run::identity;
use linux_api_host::{Collector, HostRoots};
use linux_api_store::Store;
use linux_api_wire::fleet::{HostIdentity, HostRow};
use linux_api_wire::time::{Clock, Timestamp};

const CHECK: &str = "host id";
const PAGE: u32 = 1_000;
/// A daemon that lives has written within this time.
const ALIVE: Duration = Duration::from_mins(2);

pub(super) async fn check(loaded: &LoadedConfig, store: Option<&Store>) -> Finding {
    let host = &loaded.config.host;
    let collector = Collector::new(HostRoots {
        procfs: host.procfs.clone(),
        sysfs: host.sysfs.clone(),
        rootfs: host.rootfs.clone(),
    });
    let own = match identity::known(host, &collector, &loaded.data_dir) {
        Ok(Some(own)) => own,
        Ok(None) => return Finding::ok(CHECK, "none yet; the daemon generates one"),
        Err(error) => {
            return Finding::fail(
                CHECK,
                format!("{error:#}"),
                "set host.id to a name of its own",
            );
        }
    };
    let Some(store) = store else {
        return Finding::ok(CHECK, own.id.to_string());
    };
    match all(store).await {
        Ok(hosts) => judge(&own, &hosts, Clock::system().now()),
        Err(error) => Finding::warn(
            CHECK,
            format!("can't read the list of hosts: {error}"),
            "see the checks of the database and its migrations",
        ),
    }
}

async fn all(store: &Store) -> Result<Vec<HostRow>, linux_api_store::StoreError> {
    let mut hosts: Vec<HostRow> = Vec::new();
    loop {
        let after = hosts
            .last()
            .map(|last| (last.name.clone(), last.id.clone()));
        let after = after
            .as_ref()
            .map(|(name, id)| (name.as_str(), id.as_str()));
        let page = store.list_hosts(after, PAGE).await?;
        if page.is_empty() {
            return Ok(hosts);
        }
        hosts.extend(page);
    }
}

fn judge(own: &HostIdentity, hosts: &[HostRow], now: Timestamp) -> Finding {
    let alive = |row: &&HostRow| now.since(row.last_seen) < ALIVE;
    let same_id = hosts.iter().find(|row| *row.id == *own.id);
    if let Some(other) = same_id.filter(|row| row.name != own.name).filter(alive) {
        return Finding::fail(
            CHECK,
            format!("{} is also used by the host {}", own.id, other.name),
            "give each its own: set host.id here, or make a new /etc/machine-id on the copy \
             (systemd-machine-id-setup) and restart",
        );
    }
    let same_name = hosts.iter().filter(|row| row.name == own.name);
    if let Some(other) = same_name.filter(|row| *row.id != *own.id).find(alive) {
        return Finding::warn(
            CHECK,
            format!("another host is called {} too (id {})", own.name, other.id),
            "rename one of them, or distinguish them by host.labels",
        );
    }
    Finding::ok(
        CHECK,
        match same_id {
            Some(_) => format!("{}, one of {} in the database", own.id, hosts.len()),
            None => format!("{}, not in the database yet", own.id),
        },
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::cli::doctor::Verdict;

    #[test]
    fn an_id_that_two_hosts_use_fails() {
        let now: Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
        let row = |id: &str, name: &str, seconds: u64| HostRow {
            id: id.to_owned(),
            name: name.to_owned(),
            labels: BTreeMap::new(),
            version: "1".to_owned(),
            instance_id: "i".to_owned(),
            first_seen: now,
            last_seen: now.saturating_sub(Duration::from_secs(seconds)),
            facts: None,
            clock_ahead: None,
        };
        let own = HostIdentity {
            id: "a".into(),
            name: "web-1".to_owned(),
            labels: BTreeMap::new(),
            version: "1".to_owned(),
        };
        let result = |rows: &[HostRow]| judge(&own, rows, now).result;
        assert_eq!(result(&[]), Verdict::Ok);
        assert_eq!(
            result(&[row("a", "web-1", 5), row("b", "web-2", 5)]),
            Verdict::Ok
        );
        assert_eq!(result(&[row("a", "web-2", 5)]), Verdict::Fail);
        // Renamed since, or long gone.
        assert_eq!(result(&[row("a", "web-2", 500)]), Verdict::Ok);
        let twins = [row("a", "web-1", 5), row("b", "web-1", 5)];
        assert_eq!(result(&twins), Verdict::Warn);
    }
}
