//! What is to be done, decided from answers and facts alone: no I/O here.

mod acts;
mod configuration;
mod database;
mod program;
mod steps;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::answers::{Answers, Existing, Preset};
use super::facts::{ConfigSummary, Facts, ListenProblem};
use linux_api_config::{ConfigValue, List, Network, Server};

pub use acts::check_units;
pub use configuration::PACKAGED as PACKAGED_CONFIG;
pub use database::{check_name, check_url};
pub use steps::{Content, FileSpec, LocalDatabase, Step, Who};

/// The message for an ordinary account.
pub const ONLY_ROOT: &str =
    "setup changes the system, which only root may do: sudo linux-api setup";
/// Account and group of the daemon.
pub const ACCOUNT: &str = "linux-api";
/// The service's unit.
pub const SERVICE: &str = "linux-api.service";
/// The unit of its Unix socket.
pub const SOCKET: &str = "linux-api.socket";
/// The unit of what acts on the host. It is started by its socket, which is off until an administrator enables it.
pub const EXECUTOR: &str = "linux-api-executor.service";
/// The unit of its socket.
pub const EXECUTOR_SOCKET: &str = "linux-api-executor.socket";
/// What may be done on the host.
pub const POLICY: &str = "/etc/linux-api/policy.toml";
/// Where the executor keeps its log.
pub const LOG_FOLDER: &str = "/var/log/linux-api";
/// The configuration file.
pub const CONFIG: &str = "/etc/linux-api/config.toml";
/// Where a replaced configuration is saved.
pub const OLD_CONFIG: &str = "/etc/linux-api/config.toml.before-setup";
/// The file with the database URL.
pub const URL_FILE: &str = "/etc/linux-api/database_url";
/// The file with the database URL for the daemons of other hosts.
pub const DAEMON_URL_FILE: &str = "/etc/linux-api/database_daemon_url";
/// Where certificate and key are copied to.
pub const TLS_FOLDER: &str = "/etc/linux-api/tls";
/// The copy of the certificate.
pub const CERTIFICATE: &str = "/etc/linux-api/tls/cert.pem";
/// The copy of its key.
pub const TLS_KEY: &str = "/etc/linux-api/tls/key.pem";
/// What the administrator configures.
pub const CONFIG_FOLDER: &str = "/etc/linux-api";
/// Where the daemon keeps its data.
pub const DATA_FOLDER: &str = "/var/lib/linux-api";
/// The file that the first admin's key is left in.
pub const KEY_FILE: &str = "/var/lib/linux-api/first-admin-key";
/// Where packages put the program.
pub const PACKAGED_PROGRAM: &str = "/usr/bin/linux-api";
/// Where packages put units.
pub const PACKAGED_UNITS: &str = "/usr/lib/systemd/system";
/// Where packages put units before /lib became a link.
pub const PACKAGED_UNITS_OF_OLD: &str = "/lib/systemd/system";
/// Where setup puts the program.
pub const PROGRAM: &str = "/usr/local/bin/linux-api";
/// Where setup puts units.
pub const UNITS: &str = "/etc/systemd/system";
/// Where an administrator gives the unit the right to low ports.
pub const PORT_DROP_IN: &str = "/etc/systemd/system/linux-api.service.d/port.conf";
/// Where setup puts what lets the daemon read the journal.
pub const JOURNAL_DROP_IN: &str = "/etc/systemd/system/linux-api.service.d/journal.conf";
/// The group of the accounts that read the journal.
pub const JOURNAL_GROUP: &str = "systemd-journal";
/// The group whose members act on the host over the Unix socket.
pub const OPERATORS: &str = "linux-api-operators";
/// Where setup puts the account's definition.
pub const SYSUSERS: &str = "/etc/sysusers.d/linux-api.conf";
/// Where setup puts the directories' definition.
pub const TMPFILES: &str = "/etc/tmpfiles.d/linux-api.conf";

const SERVICE_TEXT: &str = include_str!("../../../packaging/systemd/linux-api.service");
const SOCKET_TEXT: &str = include_str!("../../../packaging/systemd/linux-api.socket");
const EXECUTOR_TEXT: &str = include_str!("../../../packaging/systemd/linux-api-executor.service");
const EXECUTOR_SOCKET_TEXT: &str =
    include_str!("../../../packaging/systemd/linux-api-executor.socket");
const JOURNAL_TEXT: &str = include_str!("../../../packaging/systemd/linux-api-journal.conf");
const SYSUSERS_TEXT: &str = include_str!("../../../packaging/systemd/sysusers.conf");
const TMPFILES_TEXT: &str = include_str!("../../../packaging/systemd/tmpfiles.conf");

/// What will be done, in this order, unless something is in the way.
#[derive(Debug)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// What has to be fixed first, each with how.
    pub obstacles: Vec<String>,
    /// Notes that are not obstacles.
    pub notes: Vec<String>,
    /// The daemon's address on this host.
    pub address: String,
}

/// Decides what to do.
#[must_use]
pub fn plan(answers: &Answers, facts: &Facts) -> Plan {
    let mut planner = Planner::new(answers, facts);
    let kept = planner.kept();
    let (listen, has_tls) = match &kept {
        Some(says) => (says.listen, says.has_tls),
        None => (answers.listen, answers.tls.is_some()),
    };
    planner.check_address(listen, facts.address_refused.as_ref());
    planner.check_port(listen.port(), kept.is_some());
    // First of all: what a database refuses must not be half installed.
    let url = match &kept {
        Some(says) => {
            planner.check_kept_database(&says.database);
            None
        }
        None => planner.check_given_database(),
    };
    planner.add_program();
    planner.add_account();
    if kept.is_none() {
        planner.add_database(url);
        planner.add_tls();
        planner.add_configuration();
    }
    planner.add_units();
    let scheme = if has_tls { "https" } else { "http" };
    let address = format!("{scheme}://{}", reachable(listen));
    if facts.is_live {
        let outdated = !facts.left_behind.is_empty();
        planner.steps.push(Step::Start { outdated });
        planner.steps.push(Step::Ready(address.clone()));
        if kept.is_none() {
            planner.add_daemon_role();
        }
        planner.steps.push(Step::Key);
    }
    Plan {
        steps: planner.steps,
        obstacles: planner.obstacles,
        notes: planner.notes,
        address,
    }
}

/// Obstacles that no answer can remove: they are reported before the first prompt.
#[must_use]
pub fn unanswerable(answers: &Answers, facts: &Facts) -> Vec<String> {
    let mut planner = Planner::new(answers, facts);
    planner.add_program();
    planner.obstacles
}

/// Where this host reaches a daemon that listens on `address`.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
        });
    }
    address
}

/// What is in the way of listening where `answers` say, when trying it came out as `refused`: a question
/// about the address is put again with it.
#[must_use]
pub fn obstacles_of_address(
    answers: &Answers,
    facts: &Facts,
    refused: Option<&ListenProblem>,
) -> Vec<String> {
    let mut planner = Planner::empty(answers, facts);
    planner.check_address(answers.listen, refused);
    planner.check_port(answers.listen.port(), false);
    planner.check_protection();
    planner.obstacles
}

struct Planner<'a> {
    answers: &'a Answers,
    facts: &'a Facts,
    steps: Vec<Step>,
    obstacles: Vec<String>,
    notes: Vec<String>,
}

impl<'a> Planner<'a> {
    /// A plan that says nothing yet but what the surroundings are missing.
    fn new(answers: &'a Answers, facts: &'a Facts) -> Self {
        let mut planner = Self::empty(answers, facts);
        planner.check_surroundings();
        planner
    }

    fn empty(answers: &'a Answers, facts: &'a Facts) -> Self {
        Self {
            answers,
            facts,
            steps: Vec::new(),
            obstacles: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn obstacle(&mut self, text: impl Into<String>) {
        self.obstacles.push(text.into());
    }

    fn check_surroundings(&mut self) {
        if !self.facts.is_live {
            return;
        }
        if !self.facts.is_root {
            self.obstacle(ONLY_ROOT);
        }
        if !self.facts.has_systemd {
            self.obstacle(
                "systemd does not run this system, and setup installs the daemon as its service: start \
                 `linux-api serve` by what runs your services, or prepare another system's folder \
                 with --root DIR",
            );
        }
    }

    /// The configuration that stays as it is, when that was decided.
    fn kept(&mut self) -> Option<ConfigSummary> {
        let found = self.facts.config.as_ref()?;
        if self.answers.configuration != Existing::Keep {
            return None;
        }
        match &found.says {
            Ok(says) => Some(says.clone()),
            Err(why) => {
                let text = format!(
                    "the configuration to be kept is wrong; fix it, or set \
                     configuration = \"replace\":\n{why}"
                );
                self.obstacle(text);
                None
            }
        }
    }

    fn check_address(&mut self, listen: SocketAddr, refused: Option<&ListenProblem>) {
        match refused {
            Some(ListenProblem::Taken) => self.obstacle(format!(
                "another program listens on {listen} already: `ss -ltnp` names it; end it, or \
                 choose another address (listen = \"ADDRESS:PORT\" in a file of answers)"
            )),
            Some(ListenProblem::Other(why)) => self.obstacle(format!(
                "nothing can listen on {listen}: {why}; choose an address of this host \
                 (listen = \"ADDRESS:PORT\" in a file of answers)"
            )),
            None => {}
        }
    }

    /// The daemon has no rights of root, with which the address was tried.
    fn check_port(&mut self, port: u16, kept: bool) {
        let first = self.facts.first_free_port;
        if port == 0 {
            self.obstacle(
                "port 0 is another port at each start, so clients would not find the daemon: choose \
                 one (listen = \"ADDRESS:PORT\" in a file of answers)",
            );
        } else if port < first && !self.facts.may_bind_low && !(kept && self.facts.service_runs) {
            self.obstacle(format!(
                "only root may listen on port {port}, and the daemon runs without root privileges: \
                 choose a port from {first} up and have a proxy in front of it listen on {port} \
                 (packaging/examples), or give the unit the right first, in {PORT_DROP_IN}: \
                 [Service], AmbientCapabilities=CAP_NET_BIND_SERVICE, \
                 CapabilityBoundingSet=CAP_NET_BIND_SERVICE"
            ));
        }
    }

    /// Whether keys may travel to the address is a rule of the configuration.
    fn check_protection(&mut self) {
        let mut networks = Vec::new();
        for text in &self.answers.trusted_proxies {
            match List::<Network>::from_text(text) {
                Ok(list) => networks.extend(list.0),
                Err(why) => self.obstacle(format!("trusted_proxies: {why}")),
            }
        }
        let server = Server {
            listen: self.answers.listen,
            trusted_proxies: List(networks),
            tls_certificate: self.answers.tls.as_ref().map(|tls| tls.certificate.clone()),
            ..Server::default()
        };
        if !server.carries_keys_safely(server.listen.ip()) {
            self.obstacle(format!(
                "{} can be reached from other machines, and without TLS everyone on the network path can \
                 read the keys: answer with a certificate ([tls] certificate, key), with \
                 trusted_proxies when a proxy with TLS stands in front, or listen on 127.0.0.1",
                server.listen
            ));
        }
    }

    fn file(&mut self, path: &str, content: Content, mode: u32, owner: Who) {
        self.steps.push(Step::File(FileSpec {
            path: PathBuf::from(path),
            content,
            mode,
            owner,
        }));
    }

    fn add_account(&mut self) {
        if self.facts.packaged_units.is_none() {
            let text = |text: &str| Content::Text(text.to_owned());
            self.file(SYSUSERS, text(SYSUSERS_TEXT), 0o644, Who::Root);
            self.file(TMPFILES, text(TMPFILES_TEXT), 0o644, Who::Root);
        }
        self.steps.push(Step::Account);
        self.steps.push(Step::Folder {
            path: CONFIG_FOLDER.into(),
            mode: 0o750,
            owner: Who::RootForService,
        });
        self.steps.push(Step::Folder {
            path: DATA_FOLDER.into(),
            mode: 0o700,
            owner: Who::Service,
        });
    }

    fn add_tls(&mut self) {
        let Some(tls) = &self.facts.tls else { return };
        match tls {
            Ok(files) => {
                let certificate = Content::Text(files.certificate.clone());
                let key = Content::Secret(files.key.clone());
                self.steps.push(Step::Folder {
                    path: TLS_FOLDER.into(),
                    mode: 0o755,
                    owner: Who::Root,
                });
                self.file(CERTIFICATE, certificate, 0o644, Who::Root);
                // Members of the daemon's group are viewers and must not read it.
                self.file(TLS_KEY, key, 0o400, Who::Service);
            }
            Err(why) => self.obstacle(format!("the certificate can't be used: {why}")),
        }
    }

    fn add_configuration(&mut self) {
        self.check_protection();
        let text = configuration::text(self.answers);
        let found = self.facts.config.as_ref().map(|found| &found.text);
        let differs = found.filter(|found| **found != text && *found != PACKAGED_CONFIG);
        if let Some(old) = differs {
            if self.answers.configuration != Existing::Replace {
                self.obstacle(format!(
                    "{CONFIG} exists already and differs: keep it \
                     (configuration = \"keep\" in the answers), or have it saved and replaced \
                     (configuration = \"replace\")"
                ));
                return;
            }
            let old = Content::Secret(old.as_str().into());
            self.file(OLD_CONFIG, old, 0o640, Who::RootForService);
        }
        self.file(CONFIG, Content::Text(text), 0o640, Who::RootForService);
    }

    fn add_units(&mut self) {
        self.add_policy();
        let folder = if let Some(folder) = &self.facts.packaged_units {
            folder.clone()
        } else {
            let own = |text: &str| text.replace(PACKAGED_PROGRAM, PROGRAM);
            let folder = Path::new(UNITS);
            for (name, text) in [
                (EXECUTOR_SOCKET, EXECUTOR_SOCKET_TEXT.to_owned()),
                (EXECUTOR, own(EXECUTOR_TEXT)),
                (SOCKET, SOCKET_TEXT.to_owned()),
                (SERVICE, own(SERVICE_TEXT)),
            ] {
                let path = folder.join(name);
                let path = path.to_string_lossy();
                self.file(&path, Content::Text(text), 0o644, Who::Root);
            }
            folder.to_owned()
        };
        self.add_logs();
        self.steps.push(Step::Enable {
            units: folder.clone(),
        });
        if self.answers.acts.preset != Preset::Watch {
            self.steps.push(Step::EnableActs { units: folder });
        }
    }
}

#[cfg(test)]
mod tests;
