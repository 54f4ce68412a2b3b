//! Completion in shells: the script that a shell loads, and the program's part at each Tab.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use clap_complete::CompleteEnv;
use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter as _,
};
use clap_complete::env::{Bash, EnvCompleter, Fish, Shells, Zsh};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{command, output};
use linux_api_client::remotes::Remotes;
use linux_api_config::Environment;
use linux_api_wire::api::acts::SignalName;
use linux_api_wire::api::processes::Column;
use linux_api_wire::api_key::Scope;
use linux_api_wire::series::SERIES;

/// Set by the scripts when they request candidates.
const VARIABLE: &str = "LINUX_API_COMPLETE";
const NAME: &str = "linux-api";
const SHELLS: [&dyn EnvCompleter; 3] = [&Bash, &Zsh, &Fish];
/// How long a Tab may wait for the names of users or units.
const PATIENCE: Duration = Duration::from_millis(1500);

/// A shell that is completed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Shell {
    /// Bash 4.4 or later
    Bash,
    /// Z shell
    Zsh,
    /// Fish
    Fish,
}

impl Shell {
    /// All of them.
    const ALL: [Self; 3] = [Self::Bash, Self::Zsh, Self::Fish];

    fn completer(self) -> &'static dyn EnvCompleter {
        match self {
            Self::Bash => &Bash,
            Self::Zsh => &Zsh,
            Self::Fish => &Fish,
        }
    }

    /// The name that the shell looks for among the completions of packages.
    const fn file(self) -> &'static str {
        match self {
            Self::Bash => "linux-api.bash",
            Self::Zsh => "_linux-api",
            Self::Fish => "linux-api.fish",
        }
    }

    /// The script that the shell loads; `completer` is what it runs at each Tab.
    fn script(self, completer: &str) -> anyhow::Result<String> {
        let mut script = Vec::new();
        self.completer()
            .write_registration(VARIABLE, NAME, NAME, completer, &mut script)
            .context("write the script")?;
        let script = String::from_utf8(script).context("write the script")?;
        Ok(script.trim_start().to_owned())
    }
}

/// The script of each shell, by the name under which a package installs it.
///
/// # Errors
/// When a script can't be written as text.
pub fn scripts() -> anyhow::Result<Vec<(&'static str, String)>> {
    // By name: the directory in which a package installs the program is in every PATH.
    let script = |shell: Shell| Ok((shell.file(), shell.script("linux-api")?));
    Shell::ALL.into_iter().map(script).collect()
}

/// Print the script that completes commands, options and names in a shell
///
/// For this session: `source <(linux-api completion bash)`, the same with zsh, or
/// `linux-api completion fish | source`. Packages install it.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The shell
    shell: Shell,
}

impl Options {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        output::text(&self.shell.script(&completer()?)?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What the shell is to run: by name when it was, so that an upgrade changes nothing.
fn completer() -> anyhow::Result<String> {
    let called = std::env::args_os().next().unwrap_or_default();
    if !called.as_encoded_bytes().contains(&b'/') {
        return Ok(NAME.to_owned());
    }
    let path = std::env::current_exe().context("find this program")?;
    Ok(path.to_string_lossy().into_owned())
}

/// Prints candidates when called by the script of a shell; `None` in a normal run.
///
/// To be called before any thread is started: the environment is changed, so that programs started
/// from here are not taken for questions too.
pub fn answer(arguments: &[OsString]) -> Option<ExitCode> {
    let directory = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(command)
        .var(VARIABLE)
        .bin(NAME)
        .shells(Shells(&SHELLS))
        .try_complete(arguments.iter().cloned(), directory.as_deref());
    match asked {
        Ok(false) => None,
        Ok(true) => Some(ExitCode::SUCCESS),
        Err(error) => Some(output::usage(&error)),
    }
}

/// Completes scopes of keys.
pub(super) fn scopes() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let all = Scope::ALL.into_iter();
        all.map(|scope| CompletionCandidate::new(scope.as_str()).help(Some(scope.meaning().into())))
            .collect()
    })
}

/// Completes the names of the user's remotes.
pub(super) fn remotes() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let environment = Environment::capture();
        let path = environment.config_dir().map(|it| it.join("remotes.toml"));
        let remotes = path.and_then(|path| Remotes::load(&path).ok());
        let remotes = remotes.unwrap_or_default().remotes.into_iter();
        remotes
            .map(|(name, remote)| CompletionCandidate::new(name).help(Some(remote.url.into())))
            .collect()
    })
}

/// Completes the labels of the user's remotes.
pub(super) fn labels() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let environment = Environment::capture();
        let path = environment.config_dir().map(|it| it.join("remotes.toml"));
        let remotes = path.and_then(|path| Remotes::load(&path).ok());
        let remotes = remotes.unwrap_or_default().remotes.into_values();
        let labels = remotes.flat_map(|remote| remote.labels);
        let labels: BTreeSet<String> = labels
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        labels.into_iter().map(CompletionCandidate::new).collect()
    })
}

/// Completes the columns of the process list.
pub(super) fn columns() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let all = Column::ALL.iter();
        all.map(|column| CompletionCandidate::new(column.as_str()))
            .collect()
    })
}

/// Completes the names of series.
pub(super) fn series() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        SERIES
            .iter()
            .map(|series| CompletionCandidate::new(series.name).help(Some(series.meaning.into())))
            .collect()
    })
}

/// Completes the names of signals.
pub(super) fn signals() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let all = SignalName::ALL.into_iter();
        all.map(|signal| {
            CompletionCandidate::new(signal.as_str()).help(Some(signal.meaning().into()))
        })
        .collect()
    })
}

/// Completes the names of units of the host that is meant.
pub(super) fn units() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let units: Vec<KnownUnit> = rows_of(&["unit", "list", "--json"]).unwrap_or_default();
        units
            .into_iter()
            .map(|unit| CompletionCandidate::new(unit.name).help(Some(unit.description.into())))
            .collect()
    })
}

#[derive(Debug, Deserialize)]
struct KnownUnit {
    name: String,
    description: String,
}

/// Completes the names of users: of the database, or of the daemon that `--remote` names.
pub(super) fn users() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let users: Vec<KnownUser> = rows_of(&["user", "list", "--json"]).unwrap_or_default();
        users
            .into_iter()
            .map(|user| CompletionCandidate::new(user.username).help(Some(user.role.into())))
            .collect()
    })
}

#[derive(Debug, Deserialize)]
struct KnownUser {
    username: String,
    role: String,
}

/// Completes the names of rules of alerts.
pub(super) fn rules() -> ArgValueCandidates {
    ArgValueCandidates::new(|| named(&["alert", "rule", "list"]))
}

/// Completes the names of channels of alerts.
pub(super) fn channels() -> ArgValueCandidates {
    ArgValueCandidates::new(|| named(&["alert", "channel", "list"]))
}

/// Completes the names of the hosts that share the database of the daemon.
pub(super) fn hosts() -> ArgValueCandidates {
    ArgValueCandidates::new(|| named(&["fleet", "list"]))
}

/// Completes the names of backups, and paths.
pub(super) fn backups() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let start = current.as_encoded_bytes();
        let mut candidates = named(&["db", "backups"]);
        candidates.retain(|it| it.get_value().as_encoded_bytes().starts_with(start));
        candidates.extend(PathCompleter::any().complete(current));
        candidates
    })
}

#[derive(Debug, Deserialize)]
struct KnownName {
    name: String,
}

/// The names in what a command lists.
fn named(command: &[&str]) -> Vec<CompletionCandidate> {
    let rows: Vec<KnownName> = rows_of(&[command, &["--json"]].concat()).unwrap_or_default();
    let names = rows.into_iter().map(|row| row.name);
    names.map(CompletionCandidate::new).collect()
}

/// By a process of its own, which has the rights and the deadlines of the command.
fn rows_of<T: DeserializeOwned>(arguments: &[&str]) -> Option<Vec<T>> {
    let mut command = Command::new("/proc/self/exe");
    command
        .args(arguments)
        .args(passed_on(std::env::args_os()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let mut stdout = child.stdout.take()?;
    let (said, listen) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.read_to_string(&mut text);
        // The receiver is gone when it took too long.
        let _ = said.send(read.map(|_| text));
    });
    let text = listen.recv_timeout(PATIENCE);
    let _ = child.kill();
    let _ = child.wait();
    serde_json::from_str(&text.ok()?.ok()?).ok()
}

/// The options on the line being completed that say which users are meant.
fn passed_on(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut passed = Vec::new();
    let mut words = words.skip_while(|word| word != "--").skip(1).peekable();
    while let Some(word) = words.next() {
        for option in ["--remote", "-r", "--config"] {
            if word == option {
                if let Some(value) = words.peek() {
                    passed.extend([OsString::from(option), value.clone()]);
                }
            } else if word.to_string_lossy().starts_with(&format!("{option}=")) {
                passed.push(word.clone());
            }
        }
    }
    passed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_choose_the_users_are_passed_on() {
        let words = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let passed = passed_on(words.into_iter()).into_iter();
            let passed = passed.map(|word| word.into_string().unwrap());
            passed.collect::<Vec<String>>().join(" ")
        };
        assert_eq!(words("p -- linux-api user show "), "");
        assert_eq!(
            words("p -- linux-api user --remote web show --config=/etc/x a"),
            "--remote web --config=/etc/x"
        );
        assert_eq!(words("p -- linux-api user show --remote"), "");
    }
}
