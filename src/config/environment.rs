//! What the process is told by its surroundings, read once.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use directories::ProjectDirs;

/// What the names of configuration variables start with.
pub(super) const PREFIX: &str = "LINUX_API__";

const STATE_DIRECTORY: &str = "STATE_DIRECTORY";
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

/// The variables of systemd that matter here.
const OF_SYSTEMD: [&str; 3] = [STATE_DIRECTORY, CREDENTIALS_DIRECTORY, JOURNAL_STREAM];

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
            .filter(|(name, _)| name.starts_with(PREFIX) || OF_SYSTEMD.contains(&name.as_str()))
            .collect();
        Self {
            variables,
            system_config: Some(PathBuf::from("/etc/linux-api/config.toml")),
            user_config: user
                .as_ref()
                .map(|user| user.config_dir().join("config.toml")),
            user_data: user.as_ref().map(|user| user.data_dir().to_owned()),
        }
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

    /// systemd's state directory (the first, when there are several), else the user's.
    pub(super) fn data_dir(&self) -> Option<PathBuf> {
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
            .finish()
    }
}
