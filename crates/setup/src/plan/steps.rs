//! The steps of a plan, and their titles.

use std::path::PathBuf;

use secrecy::SecretString;

use super::{
    ACCOUNT, DAEMON_URL_FILE, EXECUTOR_SOCKET, OPERATORS, POLICY, PROGRAM, SERVICE, SOCKET,
    URL_FILE,
};
use crate::answers::{Database, PackageManager};

/// Who a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Root and its group.
    Root,
    /// Root, and the daemon's group may read.
    RootForService,
    /// The daemon's account and group.
    Service,
}

impl Who {
    /// As chown(1) takes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root:root",
            Self::RootForService => "root:linux-api",
            Self::Service => "linux-api:linux-api",
        }
    }
}

/// What a file holds.
#[derive(Debug, Clone)]
pub enum Content {
    /// Text that may be shown.
    Text(String),
    /// Text that may not.
    Secret(SecretString),
}

/// A file to be written.
#[derive(Debug, Clone)]
pub struct FileSpec {
    /// Where.
    pub path: PathBuf,
    /// What is in it.
    pub content: Content,
    /// Who may do what.
    pub mode: u32,
    /// Who it belongs to.
    pub owner: Who,
}

/// A database on the PostgreSQL server of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalDatabase {
    /// The role that owns it.
    pub role: String,
    /// Its name.
    pub name: String,
    /// Directory of the server's Unix socket.
    pub socket: PathBuf,
    /// The server's port.
    pub port: u16,
}

impl From<&Database> for LocalDatabase {
    fn from(wish: &Database) -> Self {
        Self {
            role: wish.role.clone(),
            name: wish.name.clone(),
            socket: wish.socket.clone(),
            port: wish.port,
        }
    }
}

impl LocalDatabase {
    /// Its URL. Over TCP, where the server requires the password: on the socket it would
    /// know the daemon by its account, and root, who runs the other commands, not at all.
    #[must_use]
    pub fn url(&self, password: &str) -> String {
        let Self {
            role, name, port, ..
        } = self;
        format!("postgres://{role}:{password}@127.0.0.1:{port}/{name}")
    }

    /// The same database for the role that daemons of other hosts have.
    #[must_use]
    pub fn for_daemons(&self) -> Self {
        Self {
            role: format!("{}_daemon", self.role),
            ..self.clone()
        }
    }

    /// The password in a URL that setup made for this database.
    #[must_use]
    pub fn password_in<'a>(&self, url: &'a str) -> Option<&'a str> {
        let empty = self.url("");
        let at = empty.find('@')?;
        let password = url.strip_prefix(&empty[..at])?.strip_suffix(&empty[at..])?;
        let made_here =
            !password.is_empty() && password.bytes().all(|byte| byte.is_ascii_alphanumeric());
        made_here.then_some(password)
    }
}

/// One thing to do.
#[derive(Debug, Clone)]
pub enum Step {
    /// Copy the program to where it stays.
    Program {
        /// The copy's original.
        from: PathBuf,
    },
    /// Remove a file that an installation without a package left and that hides the package's.
    Remove(PathBuf),
    /// Write a file.
    File(FileSpec),
    /// Make the daemon's account, and the group of operators.
    Account,
    /// Make a directory.
    Folder {
        /// Where.
        path: PathBuf,
        /// Who may do what.
        mode: u32,
        /// Who it belongs to.
        owner: Who,
    },
    /// Install the PostgreSQL server.
    Install(PackageManager),
    /// Make role and database.
    LocalDatabase(LocalDatabase),
    /// See that the database can be used.
    CheckDatabase {
        /// Its URL; without one that of setup's own file, which a step before has written.
        url: Option<SecretString>,
    },
    /// Have systemd start the daemon with the system.
    Enable {
        /// Where the units are.
        units: PathBuf,
    },
    /// Have systemd listen for what is to be done on the host.
    EnableActs {
        /// Where the units are.
        units: PathBuf,
    },
    /// Start the daemon, or start it again when it runs with something older.
    Start {
        /// It is known to run with something else.
        outdated: bool,
    },
    /// Wait until it is ready.
    Ready(String),
    /// Make the role of the daemons of other hosts, with the rights that they need.
    DaemonRole(LocalDatabase),
    /// Take the first admin's key from where the daemon left it.
    Key,
}

impl Step {
    /// What it does, for people.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::Program { from } => format!("install {} as {PROGRAM}", from.display()),
            Self::Remove(path) => format!(
                "remove {}: it hides the file of the package",
                path.display()
            ),
            Self::File(file) => format!(
                "write {} ({:04o} {})",
                file.path.display(),
                file.mode,
                file.owner.as_str()
            ),
            Self::Account => {
                format!("create the system account {ACCOUNT} and the group {OPERATORS}")
            }
            Self::Folder { path, mode, owner } => {
                format!("make {} ({mode:04o} {})", path.display(), owner.as_str())
            }
            Self::Install(manager) => {
                let commands: Vec<String> = manager
                    .commands()
                    .iter()
                    .map(|command| command.join(" "))
                    .collect();
                format!("install the PostgreSQL server: {}", commands.join("; "))
            }
            Self::LocalDatabase(local) => format!(
                "create the role {} and the database {} on the server at {}, and store the URL in \
                 {URL_FILE}",
                local.role,
                local.name,
                local.socket.display()
            ),
            Self::CheckDatabase { .. } => "check that the database can be used".to_owned(),
            Self::Enable { .. } => format!("enable {SOCKET} and {SERVICE}"),
            Self::EnableActs { .. } => format!(
                "enable {EXECUTOR_SOCKET}: what {POLICY} allows can be done through the daemon"
            ),
            Self::Start { .. } => {
                format!("start {SERVICE}: it applies migrations and creates the first admin")
            }
            Self::Ready(address) => format!("wait until {address}/readyz responds"),
            Self::DaemonRole(local) => format!(
                "create the role {} for daemons of other hosts, and store its URL in {DAEMON_URL_FILE}",
                local.role
            ),
            Self::Key => "read the first admin's key".to_owned(),
        }
    }
}

impl PackageManager {
    /// What installs the server and starts it, one command after the other.
    #[must_use]
    pub const fn commands(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Apt => &[
                &["/usr/bin/apt-get", "update"],
                &[
                    "/usr/bin/apt-get",
                    "install",
                    "--yes",
                    "--no-install-recommends",
                    "postgresql",
                ],
            ],
            Self::Dnf => &[
                &[
                    "/usr/bin/dnf",
                    "--assumeyes",
                    "install",
                    "postgresql-server",
                ],
                &["/usr/bin/postgresql-setup", "--initdb"],
                &[
                    "/usr/bin/systemctl",
                    "enable",
                    "--now",
                    "postgresql.service",
                ],
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_url_made_here_gives_its_password() {
        let local = LocalDatabase {
            role: "linux_api".to_owned(),
            name: "fleet".to_owned(),
            socket: "/run/postgresql".into(),
            port: 5433,
        };
        let url = local.url("abc123");
        assert_eq!(url, "postgres://linux_api:abc123@127.0.0.1:5433/fleet");
        assert_eq!(local.password_in(&url), Some("abc123"));
        for other in [
            "postgres://linux_api:abc@127.0.0.1:5432/fleet",
            "postgres://linux_api:a'b@127.0.0.1:5433/fleet",
            "postgres://linux_api:@127.0.0.1:5433/fleet",
            "postgres://other:abc@127.0.0.1:5433/fleet",
            "",
        ] {
            assert_eq!(local.password_in(other), None, "{other}");
        }
    }
}
