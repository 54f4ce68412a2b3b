//! The environment of the process, read once.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use directories::ProjectDirs;

/// What the names of configuration variables start with.
pub(super) const PREFIX: &str = "LINUX_API__";
/// What names that are nearly those of configuration variables start with.
const NEARLY: &str = "LINUX_API";

const STATE_DIRECTORY: &str = "STATE_DIRECTORY";
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

/// Variables besides the configuration's that are looked at.
const KNOWN: [&str; 17] = [
    STATE_DIRECTORY,
    CREDENTIALS_DIRECTORY,
    // Set by systemd when standard output or standard error is the journal.
    JOURNAL_STREAM,
    // The daemon's process, for what systemd runs to reload it.
    "MAINPID",
    // The key of clients.
    "LINUX_API_KEY",
    // What is imported from the Python Linux-API, and the secret of its keys.
    "LINUX_API_IMPORT_POSTGRES_URL",
    "API_KEY_SECRET",
    // Whether there may be a keyring.
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_RUNTIME_DIR",
    // What the terminal can show.
    "NO_COLOR",
    "COLORTERM",
    "TERM",
    "TERMINFO",
    "TERMINFO_DIRS",
    "LC_ALL",
    "LC_CTYPE",
    "LANG",
];

/// The variables and directories that matter; `Debug` leaves out the values of variables.
#[derive(Clone, Default)]
pub struct Environment {
    /// Configuration variables and those of systemd.
    pub variables: BTreeMap<String, OsString>,
    /// The system's configuration file, used when it exists.
    pub system_config: Option<PathBuf>,
    /// The user's configuration file, used when it exists and the system's does not.
    pub user_config: Option<PathBuf>,
    /// Where the user's programs keep their data.
    pub user_data: Option<PathBuf>,
    /// Where the user's programs keep what they remember between runs.
    pub user_state: Option<PathBuf>,
}

impl Environment {
    /// Reads the environment of this process; nothing else does.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    pub fn capture() -> Self {
        let user = ProjectDirs::from("", "", "linux-api");
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with(NEARLY) || KNOWN.contains(&name.as_str()))
            .collect();
        Self {
            variables,
            system_config: Some(PathBuf::from("/etc/linux-api/config.toml")),
            user_config: user
                .as_ref()
                .map(|user| user.config_dir().join("config.toml")),
            user_data: user.as_ref().map(|user| user.data_dir().to_owned()),
            user_state: user
                .as_ref()
                .and_then(|user| user.state_dir().map(Into::into)),
        }
    }

    /// A variable as text; one that is empty or not UTF-8 counts as unset.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name)?.to_str()?;
        (!value.is_empty()).then_some(value)
    }

    /// Where the user's programs keep their configuration.
    #[must_use]
    pub fn config_dir(&self) -> Option<&Path> {
        self.user_config.as_deref().and_then(Path::parent)
    }

    /// Only these variables, no configuration file and no directories.
    pub fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        Self {
            variables,
            ..Self::default()
        }
    }

    /// The configuration variables, in the order of their names.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&str, &OsStr)> {
        self.variables
            .iter()
            .filter(|(name, _)| name.starts_with(PREFIX))
            .map(|(name, value)| (name.as_str(), value.as_os_str()))
    }

    /// Variables that are nearly those of the configuration, and are not read.
    pub(super) fn nearly_settings(&self) -> impl Iterator<Item = &str> {
        let names = self.variables.keys().map(String::as_str);
        names.filter(|name| {
            name.starts_with(NEARLY) && !name.starts_with(PREFIX) && !KNOWN.contains(name)
        })
    }

    /// Where systemd put secrets, if it did.
    pub(super) fn credentials_dir(&self) -> Option<PathBuf> {
        self.variables
            .get(CREDENTIALS_DIRECTORY)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
    }

    /// Whether a stream of this device and inode is the one that systemd connected to the journal
    /// (`$JOURNAL_STREAM`, systemd.exec(5)).
    #[must_use]
    pub fn is_journal(&self, device: u64, inode: u64) -> bool {
        self.variables
            .get(JOURNAL_STREAM)
            .is_some_and(|stream| *stream == *format!("{device}:{inode}"))
    }

    /// Where a daemon of this account keeps its data: systemd's state directory (the first, when there
    /// are several), else the user's.
    #[must_use]
    pub fn data_dir(&self) -> Option<PathBuf> {
        let state = self.variables.get(STATE_DIRECTORY);
        state
            .and_then(|list| std::env::split_paths(list).next())
            .filter(|path| !path.as_os_str().is_empty())
            .or_else(|| self.user_data.clone())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys())
            .field("system_config", &self.system_config)
            .field("user_config", &self.user_config)
            .field("user_data", &self.user_data)
            .field("user_state", &self.user_state)
            .finish()
    }
}
