//! Changes on a host: what they are called, what follows from them, and how a daemon makes them.

mod alerts;

pub use alerts::{AlertAct, AlertRef, NewSilence, SilenceRef};

use linux_api_client::acts::UnitVerb;
use linux_api_client::error::ClientError;
use linux_api_client::remotes::check_name;
use linux_api_client::{Address, Client};
use linux_api_wire::api::acts::{
    ProcessActResult, ProcessActResults, ProcessIdentity, SendSignal, SendSignals, SetNices,
    SignalName, UnitActResult,
};
use linux_api_wire::api::keys::{CreateKey, IssuedKey, RotateKey};
use linux_api_wire::api::users::{RegisterUser, RegisteredUser};
use linux_api_wire::api_key::Scope;
use linux_api_wire::user::Role;

/// How long a replaced key keeps working.
const OVERLAP_SECONDS: i64 = 3600;

/// A user, by id, and its name for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the line above says it")]
pub struct UserRef {
    pub id: String,
    pub name: String,
}

/// Whose a key is: by id, or the caller's own without one; and the name for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the line above says it")]
pub struct KeyOwner {
    pub id: Option<String>,
    pub name: String,
}

/// A key, by id, and its name for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the line above says it")]
pub struct KeyRef {
    pub owner: KeyOwner,
    pub id: String,
    pub name: String,
}

/// What a new key is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewKey {
    /// What it is called.
    pub name: String,
    /// What it may do; all that the role of its user allows when empty.
    pub scopes: Vec<Scope>,
    /// When it ends; never without.
    pub expires_at: Option<String>,
}

impl NewKey {
    /// What a question says of it besides its name.
    fn in_words(&self) -> String {
        let scopes: Vec<&str> = self.scopes.iter().map(|scope| scope.as_str()).collect();
        let scopes = if scopes.is_empty() {
            "It may do all that the role of its user allows".to_owned()
        } else {
            format!("It may do {}", scopes.join(", "))
        };
        match self.expires_at.as_deref().and_then(|end| end.get(..16)) {
            Some(end) => format!("{scopes}, until {} UTC.", end.replace('T', " ")),
            None => format!("{scopes}, and never ends."),
        }
    }
}

/// A process, so that no other can be meant, and its name and user for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the line above says it")]
pub struct ProcessRef {
    pub identity: ProcessIdentity,
    pub name: String,
    pub user: String,
}

/// Most characters of a name in a question.
const NAME: usize = 40;

impl ProcessRef {
    /// What a question calls it.
    #[must_use]
    pub fn in_words(&self) -> String {
        let brief = |text: &str| text.chars().take(NAME).collect::<String>();
        let (name, user) = (brief(&self.name), brief(&self.user));
        format!("process {} {name} of {user}", self.identity.pid)
    }

    /// The same among others.
    #[must_use]
    pub fn in_brief(&self) -> String {
        let name: String = self.name.chars().take(NAME).collect();
        format!("{} {name}", self.identity.pid)
    }
}

/// Each of several processes: none is left out of a question.
fn all_in_words(processes: &[ProcessRef]) -> String {
    let each: Vec<String> = processes.iter().map(ProcessRef::in_brief).collect();
    format!("{} processes ({})", processes.len(), each.join(", "))
}

fn identities(processes: &[ProcessRef]) -> Vec<ProcessIdentity> {
    processes.iter().map(|process| process.identity).collect()
}

/// A remote that is to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRemote {
    /// What it is called.
    pub name: String,
    /// Where it is; never a URL that a daemon or a database supplied.
    pub address: String,
}

impl NewRemote {
    /// The remote of this name behind ssh.
    ///
    /// # Errors
    /// When the name can be none of a remote or of a host, in words.
    pub fn over_ssh(name: &str) -> Result<Self, String> {
        check_name(name).map_err(|error| error.to_string())?;
        let address = format!("ssh://{name}");
        let parsed = address.parse::<Address>();
        parsed.map_err(|error| error.to_string())?;
        Ok(Self {
            name: name.to_owned(),
            address,
        })
    }
}

/// A change on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Make a user of this name, and whether it is an admin.
    AddUser(String, bool),
    /// Let a user in, or keep it out.
    SetActive(UserRef, bool),
    /// Make a user an admin, or a viewer.
    SetAdmin(UserRef, bool),
    /// Delete a user.
    DeleteUser(UserRef),
    /// Make a key.
    CreateKey(KeyOwner, NewKey),
    /// Replace a key.
    RotateKey(KeyRef),
    /// End a key.
    RevokeKey(KeyRef),
    /// Copy this program to a host behind ssh that has none.
    CopyProgram,
    /// Send a signal to a process, and after so many seconds KILL.
    Signal(ProcessRef, SignalName, Option<u8>),
    /// Send a signal to several processes, and after so many seconds KILL.
    SignalAll(Vec<ProcessRef>, SignalName, Option<u8>),
    /// Set the nice value of a process.
    Renice(ProcessRef, i8),
    /// Set the nice value of several processes.
    ReniceAll(Vec<ProcessRef>, i8),
    /// Do something with a unit.
    Unit(String, UnitVerb),
    /// Do something about alerts.
    Alerts(AlertAct),
}

/// How a change went.
#[derive(Debug, Clone)]
pub enum ChangeOutcome {
    /// There was nothing to change.
    Unchanged,
    /// It was done.
    Done,
    /// There is a new user with its first key.
    User(RegisteredUser),
    /// There is a new key.
    Key(IssuedKey),
    /// What became of an act on a process.
    Process(ProcessActResult),
    /// What became of an act on several processes.
    Processes(ProcessActResults),
    /// What became of an act on a unit.
    Unit(UnitActResult),
}

impl KeyRef {
    fn in_words(&self) -> String {
        let Self { owner, id, name } = self;
        format!("the key {name} ({id}) of {}", owner.name)
    }
}

impl Change {
    /// What is to be done, in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::AddUser(name, true) => format!("add admin {name}"),
            Self::AddUser(name, false) => format!("add user {name}"),
            Self::SetActive(user, true) => format!("activate {}", user.name),
            Self::SetActive(user, false) => format!("deactivate {}", user.name),
            Self::SetAdmin(user, true) => format!("make {} an admin", user.name),
            Self::SetAdmin(user, false) => format!("make {} a viewer", user.name),
            Self::DeleteUser(user) => format!("delete {} and its keys", user.name),
            Self::CreateKey(owner, key) => format!("create the key {} of {}", key.name, owner.name),
            Self::RotateKey(key) => format!("rotate {}", key.in_words()),
            Self::RevokeKey(key) => format!("revoke {}", key.in_words()),
            Self::CopyProgram => "copy linux-api to that account".to_owned(),
            Self::Signal(process, signal, None) => {
                format!("send {} to {}", signal.as_str(), process.in_words())
            }
            Self::Signal(process, signal, Some(after)) => {
                let (signal, process) = (signal.as_str(), process.in_words());
                format!("send {signal}, and after {after} s KILL, to {process}")
            }
            Self::SignalAll(processes, signal, None) => {
                format!("send {} to {}", signal.as_str(), all_in_words(processes))
            }
            Self::SignalAll(processes, signal, Some(after)) => {
                let (signal, all) = (signal.as_str(), all_in_words(processes));
                format!("send {signal}, and after {after} s KILL, to {all}")
            }
            Self::Renice(process, nice) => {
                format!("set the nice value {nice} of {}", process.in_words())
            }
            Self::ReniceAll(processes, nice) => {
                format!("set the nice value {nice} of {}", all_in_words(processes))
            }
            Self::Unit(unit, UnitVerb::ResetFailed) => {
                format!("reset the failed state of {unit}")
            }
            Self::Unit(unit, verb) => format!("{verb} {unit}"),
            Self::Alerts(act) => act.in_words(),
        }
    }

    /// Whether its words say of which host it is: the daemon that does it may be that of another one.
    pub(crate) const fn names_its_host(&self) -> bool {
        matches!(self, Self::Alerts(_))
    }

    /// What a person should know before; nothing where the words say it all.
    pub(crate) fn consequence(&self) -> Option<String> {
        let text = match self {
            Self::CreateKey(_, key) => return Some(key.in_words()),
            Self::RevokeKey(_) => "The key ends at once and permanently.",
            Self::RotateKey(_) => "The old key keeps working for an hour.",
            Self::DeleteUser(_) => "All keys of the user end at once.",
            Self::CopyProgram => "Only that account can run it; linux-api remote clean removes it.",
            Self::Signal(_, SignalName::Kill, _) => "It has no time to save anything.",
            Self::SignalAll(_, SignalName::Kill, _) => "They have no time to save anything.",
            Self::Signal(_, SignalName::Stop, _) => "It halts until it gets CONT.",
            Self::SignalAll(_, SignalName::Stop, _) => "They halt until they get CONT.",
            Self::Alerts(act) => return Some(act.consequence()),
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// Makes the change.
    pub(crate) async fn send(&self, client: &Client) -> Result<ChangeOutcome, ClientError> {
        let is_changed = match self {
            Self::AddUser(name, admin) => {
                let user = RegisterUser {
                    username: name.clone(),
                    is_admin: *admin,
                    role: None,
                    activate: true,
                    scopes: Vec::new(),
                    hosts: None,
                };
                return Ok(ChangeOutcome::User(client.register_user(&user).await?));
            }
            Self::SetActive(user, active) => client.set_active(&user.id, *active).await?.is_some(),
            Self::SetAdmin(user, admin) => {
                let role = if *admin { Role::Admin } else { Role::Viewer };
                client.set_role(&user.id, role).await?.is_some()
            }
            Self::DeleteUser(user) => {
                client.delete_user(&user.id).await?;
                true
            }
            Self::CreateKey(owner, key) => {
                let key = CreateKey {
                    name: key.name.clone(),
                    scopes: key.scopes.clone(),
                    expires_at: key.expires_at.clone(),
                    hosts: None,
                };
                let key = client.create_key(owner.id.as_deref(), &key).await?;
                return Ok(ChangeOutcome::Key(key));
            }
            Self::RotateKey(KeyRef { owner, id, .. }) => {
                let rotate = RotateKey {
                    overlap_seconds: OVERLAP_SECONDS,
                };
                let key = client.rotate_key(owner.id.as_deref(), id, &rotate).await?;
                return Ok(ChangeOutcome::Key(key));
            }
            Self::Signal(process, signal, escalate_after) => {
                let signal = SendSignal {
                    signal: *signal,
                    start_ticks: process.identity.start_ticks,
                    escalate_after: *escalate_after,
                };
                let result = client.signal_process(process.identity.pid, &signal).await?;
                return Ok(ChangeOutcome::Process(result));
            }
            Self::Renice(process, nice) => {
                let result = client.renice_process(process.identity, *nice).await?;
                return Ok(ChangeOutcome::Process(result));
            }
            Self::SignalAll(processes, signal, escalate_after) => {
                let signals = SendSignals {
                    signal: *signal,
                    processes: identities(processes),
                    escalate_after: *escalate_after,
                };
                let results = client.signal_processes(&signals).await?;
                return Ok(ChangeOutcome::Processes(results));
            }
            Self::ReniceAll(processes, nice) => {
                let nices = SetNices {
                    nice: *nice,
                    processes: identities(processes),
                };
                let results = client.renice_processes(&nices).await?;
                return Ok(ChangeOutcome::Processes(results));
            }
            Self::Unit(unit, verb) => {
                let result = client.act_on_unit(unit, *verb).await?;
                return Ok(ChangeOutcome::Unit(result));
            }
            Self::Alerts(act) => return act.send(client).await,
            Self::CopyProgram => {
                client.allow_push();
                client.current_user().await?;
                true
            }
            Self::RevokeKey(KeyRef { owner, id, .. }) => {
                let revoked = client.revoke_key(owner.id.as_deref(), id).await?;
                revoked.is_some()
            }
        };
        Ok(if is_changed {
            ChangeOutcome::Done
        } else {
            ChangeOutcome::Unchanged
        })
    }
}
