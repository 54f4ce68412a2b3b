//! Changes on a host: what they are called, what follows from them, and how a daemon makes them.

use linux_api_client::Client;
use linux_api_client::acts::UnitVerb;
use linux_api_client::error::ClientError;
use linux_api_wire::api::acts::{
    ProcessActResult, ProcessIdentity, SendSignal, SignalName, UnitActResult,
};
use linux_api_wire::api::keys::{CreateKey, IssuedKey, RotateKey};
use linux_api_wire::api::users::{RegisterUser, RegisteredUser};
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
    /// Make a key of this name.
    CreateKey(KeyOwner, String),
    /// Replace a key.
    RotateKey(KeyRef),
    /// End a key.
    RevokeKey(KeyRef),
    /// Copy this program to a host behind ssh that has none.
    CopyProgram,
    /// Send a signal to a process, and after so many seconds KILL.
    Signal(ProcessRef, SignalName, Option<u8>),
    /// Set the nice value of a process.
    Renice(ProcessRef, i8),
    /// Do something with a unit.
    Unit(String, UnitVerb),
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
            Self::CreateKey(owner, name) => format!("create the key {name} of {}", owner.name),
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
            Self::Renice(process, nice) => {
                format!("set the nice value {nice} of {}", process.in_words())
            }
            Self::Unit(unit, UnitVerb::ResetFailed) => {
                format!("reset the failed state of {unit}")
            }
            Self::Unit(unit, verb) => format!("{verb} {unit}"),
        }
    }

    /// What a person should know before; nothing where the words say it all.
    pub(crate) const fn consequence(&self) -> Option<&'static str> {
        match self {
            Self::RevokeKey(_) => Some("The key ends at once and for ever."),
            Self::RotateKey(_) => Some("The old key keeps working for an hour."),
            Self::DeleteUser(_) => Some("All keys of the user end at once."),
            Self::CopyProgram => {
                Some("Only that account can run it; linux-api remote clean removes it.")
            }
            Self::Signal(_, SignalName::Kill, _) => Some("It has no time to save anything."),
            Self::Signal(_, SignalName::Stop, _) => Some("It halts until it gets CONT."),
            _ => None,
        }
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
            Self::CreateKey(owner, name) => {
                let key = CreateKey {
                    name: name.clone(),
                    scopes: Vec::new(),
                    expires_at: None,
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
            Self::Unit(unit, verb) => {
                let result = client.act_on_unit(unit, *verb).await?;
                return Ok(ChangeOutcome::Unit(result));
            }
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
