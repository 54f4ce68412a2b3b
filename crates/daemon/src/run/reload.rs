//! SIGHUP: the configuration is read again, and what can change while the daemon runs changes.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::signal::unix::Signal;
use tokio::sync::{Notify, oneshot};

use super::Additions;
use super::assembly;
use super::listen::{self, Addresses};
use super::record::Record;
use super::status_line::StatusLine;
use super::systemd;
use crate::alerts::Alerts;
use crate::alerts::settings::Settings;
use crate::notices::Notices;
use crate::server::PolicyHandle;
use crate::telemetry;
use crate::tls::Certificates;
use linux_api_config::{Config, DatabaseUrl, LoadedConfig};
use linux_api_host::Collector;
use linux_api_store::Store;
use linux_api_wire::time::Clock;

/// Options that a reload puts in force; a whole section by its name with a dot.
const RELOADED: [&str; 10] = [
    "log.level",
    "rate_limit.",
    "cors.",
    "routes.",
    "metrics.",
    "server.hosts",
    "server.trusted_proxies",
    "server.insecure",
    "host.labels",
    "alerts.",
];
/// These too, as long as there is TLS before and after.
const CERTIFICATE: [&str; 2] = ["server.tls_certificate", "server.tls_key"];

/// How long the files of a reload may take to be read.
const READING_MAX: Duration = Duration::from_secs(10);

/// Reads the configuration again, from where it was read at the start.
#[derive(Clone)]
pub struct Reader {
    read: Arc<ReadConfig>,
    additions: Additions,
}

type ReadConfig = dyn Fn() -> anyhow::Result<LoadedConfig> + Send + Sync;

impl Reader {
    /// `read` runs on a thread of its own, which may be left behind when a file system hangs.
    pub fn new(
        read: impl Fn() -> anyhow::Result<LoadedConfig> + Send + Sync + 'static,
        additions: Additions,
    ) -> Self {
        Self {
            read: Arc::new(read),
            additions,
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}

/// Everything that a reload reads from and writes to.
#[derive(Debug)]
pub(super) struct Reload {
    pub(super) reader: Reader,
    /// The configuration at the start, which options that can't be reloaded keep.
    pub(super) started_with: Config,
    pub(super) telemetry: telemetry::Guard,
    pub(super) policy: PolicyHandle,
    pub(super) certificates: Option<Certificates>,
    /// Where the daemon listens until its end.
    pub(super) addresses: Addresses,
    pub(super) notices: Notices,
    pub(super) clock: Clock,
    /// Has a database that is refused looked at again.
    pub(super) retry_database: Arc<Notify>,
    /// What systemd shows afterwards.
    pub(super) status: StatusLine,
    /// The record for commands beside the daemon, and where it is.
    pub(super) record: Record,
    pub(super) data_dir: PathBuf,
    /// Gets its own options again.
    pub(super) alerts: Alerts,
    /// Knows the labels of this host, which limited users are compared with.
    pub(super) store: Store,
    /// Reads what `/metrics` shows of the host.
    pub(super) collector: Collector,
}

impl Reload {
    /// Reloads at each SIGHUP, forever.
    pub(super) async fn run(&self, hangup: &mut Signal) {
        let mut reading = None;
        let mut record = self.record.clone();
        while hangup.recv().await.is_some() {
            systemd::notify_reloading();
            self.retry_database.notify_one();
            let reloaded = match self.read(&mut reading).await {
                Ok(fresh) => self.put_in_force(fresh),
                Err(error) => Err(error),
            };
            match reloaded {
                Ok(waiting) => {
                    tracing::info!("reloaded the configuration");
                    if !waiting.is_empty() {
                        let options = waiting.join(", ");
                        tracing::warn!(%options, "these options changed and wait for a restart");
                    }
                    self.notices.note_reloaded(waiting.clone());
                    record.refused = None;
                    record.waiting = waiting;
                    self.status.send_reloaded(None);
                }
                Err(error) => {
                    let reason = format!("{error:#}").replace('\n', "; ");
                    tracing::error!(%reason, "the new configuration is refused, the old one stays");
                    self.status.send_reloaded(Some(reason.clone()));
                    self.notices.note_refused(self.clock.now(), reason.clone());
                    record.refused = Some(reason);
                }
            }
            record.generation += 1;
            record.keep(&self.data_dir).await;
        }
        std::future::pending::<()>().await;
    }

    /// Reads the files on a thread of its own: one on a file system that hangs must not hold up the
    /// daemon, nor its end. `reading` is the thread of the last reload.
    async fn read(&self, reading: &mut Option<JoinHandle<()>>) -> anyhow::Result<FreshConfig> {
        if reading.as_ref().is_some_and(|last| !last.is_finished()) {
            bail!("the files of the last reload are still being read");
        }
        let reader = self.reader.clone();
        let (send, receive) = oneshot::channel();
        let read = move || {
            // Fails when the deadline has passed.
            let _ = send.send(FreshConfig::read(&reader));
        };
        let thread = thread::Builder::new().name("reload".to_owned()).spawn(read);
        *reading = Some(thread.context("start a thread to read the configuration")?);
        match tokio::time::timeout(READING_MAX, receive).await {
            Ok(Ok(fresh)) => fresh,
            Ok(Err(_ended)) => bail!("reading the configuration panicked"),
            Err(_elapsed) => bail!("the configuration could not be read within {READING_MAX:?}"),
        }
    }

    /// Everything that can fail comes before the first change. Returns what waits for a restart.
    fn put_in_force(&self, fresh: FreshConfig) -> anyhow::Result<Vec<String>> {
        let FreshConfig {
            loaded,
            certificates: fresh,
        } = fresh;
        let config = &loaded.config;
        let is_insecure = self.addresses.check_clear_text(&loaded)?;
        let alerts = Settings::new(&config.alerts)?;
        self.telemetry.set_level(config.log.level.as_str())?;
        self.alerts.configure(alerts);
        self.policy.replace(config, &listen::host_name());
        self.store.set_own_labels(config.host.labels.clone());
        self.collector
            .set_metrics(assembly::metrics_options(config));
        if let (Some(current), Some(fresh)) = (&self.certificates, &fresh) {
            current.replace(fresh);
        }
        shout_if_insecure(is_insecure, &self.notices);
        let mut waiting = changed(&self.started_with, config);
        let keeps_tls = self.certificates.is_some() && fresh.is_some();
        waiting.retain(|option| !(keeps_tls && CERTIFICATE.contains(&option.as_str())));
        Ok(waiting)
    }
}

/// What a reload reads.
struct FreshConfig {
    loaded: LoadedConfig,
    certificates: Option<Certificates>,
}

impl FreshConfig {
    fn read(reader: &Reader) -> anyhow::Result<Self> {
        let loaded = (reader.read)()?;
        super::check::check(&loaded, &reader.additions)?;
        let certificates = listen::certificates(&loaded.config)?;
        Ok(Self {
            loaded,
            certificates,
        })
    }
}

/// Says in the log and in readiness that keys travel in the clear, or no longer says it.
pub(super) fn shout_if_insecure(is_insecure: bool, notices: &Notices) {
    if is_insecure {
        tracing::warn!(
            "server.insecure IS SET: KEYS TRAVEL IN THE CLEAR and everyone on the network path can read them"
        );
    }
    notices.note_insecure(is_insecure);
}

/// The options that differ and are not reloaded.
fn changed(old: &Config, new: &Config) -> Vec<String> {
    let mut names = Vec::new();
    for (old, new) in old.sections().into_iter().zip(new.sections()) {
        for key in new.keys() {
            let path = key.path();
            let reloaded = RELOADED.iter().any(|name| match name.strip_suffix('.') {
                Some(section) => section == key.section,
                None => *name == path,
            });
            if !reloaded && old.value(key.name) != new.value(key.name) {
                names.push(path);
            }
        }
    }
    // Values are shown without their passwords, so one that changed alone is not seen above.
    let (old, new) = (&old.database, &new.database);
    let differ = |old: &Option<DatabaseUrl>, new: &Option<DatabaseUrl>| {
        old.as_ref().map(DatabaseUrl::expose) != new.as_ref().map(DatabaseUrl::expose)
    };
    for (differs, name) in [
        (old.url.expose() != new.url.expose(), "database.url"),
        (
            differ(&old.direct_url, &new.direct_url),
            "database.direct_url",
        ),
        (differ(&old.admin_url, &new.admin_url), "database.admin_url"),
        (differ(&old.owner_url, &new.owner_url), "database.owner_url"),
    ] {
        if differs && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_config::{ConfigValue, Rate};

    #[test]
    fn only_what_needs_a_restart_is_named() {
        let old = Config::default();
        let mut new = old.clone();
        assert!(changed(&old, &new).is_empty());
        new.rate_limit.per_key = Rate::from_text("1/s").unwrap();
        new.rate_limit.enabled = false;
        new.server.hosts = ConfigValue::from_text("a.example").unwrap();
        assert!(changed(&old, &new).is_empty());
        new.server.listen = "127.0.0.1:1".parse().unwrap();
        new.docs.enabled = false;
        assert_eq!(changed(&old, &new), ["server.listen", "docs.enabled"]);
    }

    #[test]
    fn a_password_that_changed_alone_is_noticed() {
        let with = |url: &str| {
            let mut config = Config::default();
            config.database.url = DatabaseUrl::from_text(url).unwrap();
            config
        };
        let (old, new) = (with("postgres://u:a@h/d"), with("postgres://u:b@h/d"));
        assert_eq!(changed(&old, &new), ["database.url"]);
    }
}
