//! Changes on a host: what they are called, what follows from them, and how a daemon is asked to make them.

use linux_api_client::Client;
use linux_api_client::error::ClientError;
use linux_api_wire::api::keys::{CreateKey, IssuedKey, RotateKey};
use linux_api_wire::api::users::{RegisterUser, RegisteredUser};

/// How long a replaced key keeps working.
const OVERLAP_SECONDS: i64 = 3600;

/// A change on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Make a user of this name.
    AddUser {
        /// Its name.
        name: String,
        /// Whether it is an admin.
        admin: bool,
    },
    /// Let a user in, or keep it out.
    SetActive {
        /// Whose id.
        user_id: String,
        /// Its name, for people.
        name: String,
        /// In or out.
        active: bool,
    },
    /// Make a user an admin or a viewer.
    SetRole {
        /// Whose id.
        user_id: String,
        /// Its name, for people.
        name: String,
        /// Admin or viewer.
        admin: bool,
    },
    /// Delete a user.
    DeleteUser {
        /// Whose id.
        user_id: String,
        /// Its name, for people.
        name: String,
    },
    /// Make a key.
    CreateKey {
        /// Whose; the caller's own when absent.
        user_id: Option<String>,
        /// The name of that user, for people.
        user: String,
        /// What to call it.
        name: String,
    },
    /// Replace a key.
    RotateKey {
        /// Whose; the caller's own when absent.
        user_id: Option<String>,
        /// The name of that user, for people.
        user: String,
        /// Which.
        key_id: String,
        /// What it is called, for people.
        name: String,
    },
    /// End a key.
    RevokeKey {
        /// Whose; the caller's own when absent.
        user_id: Option<String>,
        /// The name of that user, for people.
        user: String,
        /// Which.
        key_id: String,
        /// What it is called, for people.
        name: String,
    },
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
}

impl Change {
    /// What is to be done, in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::AddUser { name, admin: true } => format!("add admin {name}"),
            Self::AddUser { name, .. } => format!("add user {name}"),
            Self::SetActive {
                name, active: true, ..
            } => format!("activate {name}"),
            Self::SetActive { name, .. } => format!("deactivate {name}"),
            Self::SetRole {
                name, admin: true, ..
            } => format!("make {name} an admin"),
            Self::SetRole { name, .. } => format!("make {name} a viewer"),
            Self::DeleteUser { name, .. } => format!("delete {name} and its keys"),
            Self::CreateKey { user, name, .. } => format!("create the key {name} of {user}"),
            Self::RotateKey {
                user, key_id, name, ..
            } => format!("rotate the key {name} ({key_id}) of {user}"),
            Self::RevokeKey {
                user, key_id, name, ..
            } => format!("revoke the key {name} ({key_id}) of {user}"),
        }
    }

    /// What a person should know before; nothing where the words say it all.
    pub(crate) const fn consequence(&self) -> Option<&'static str> {
        match self {
            Self::RevokeKey { .. } => Some("The key ends at once and for ever."),
            Self::RotateKey { .. } => Some("The old key keeps working for an hour."),
            Self::DeleteUser { .. } => Some("All keys of the user end at once."),
            _ => None,
        }
    }

    /// Makes the change.
    pub(crate) async fn send(&self, client: &Client) -> Result<ChangeOutcome, ClientError> {
        let changed = |changed: bool| {
            if changed {
                ChangeOutcome::Done
            } else {
                ChangeOutcome::Unchanged
            }
        };
        Ok(match self {
            Self::AddUser { name, admin } => ChangeOutcome::User(
                client
                    .register_user(&RegisterUser {
                        username: name.clone(),
                        is_admin: *admin,
                        activate: true,
                        scopes: Vec::new(),
                    })
                    .await?,
            ),
            Self::SetActive {
                user_id, active, ..
            } => changed(client.set_active(user_id, *active).await?.is_some()),
            Self::SetRole { user_id, admin, .. } => {
                changed(client.set_role(user_id, *admin).await?.is_some())
            }
            Self::DeleteUser { user_id, .. } => {
                client.delete_user(user_id).await?;
                ChangeOutcome::Done
            }
            Self::CreateKey { user_id, name, .. } => {
                let key = CreateKey {
                    name: name.clone(),
                    scopes: Vec::new(),
                    expires_at: None,
                };
                ChangeOutcome::Key(client.create_key(user_id.as_deref(), &key).await?)
            }
            Self::RotateKey {
                user_id, key_id, ..
            } => {
                let rotate = RotateKey {
                    overlap_seconds: OVERLAP_SECONDS,
                };
                let user_id = user_id.as_deref();
                ChangeOutcome::Key(client.rotate_key(user_id, key_id, &rotate).await?)
            }
            Self::RevokeKey {
                user_id, key_id, ..
            } => {
                let user_id = user_id.as_deref();
                changed(client.revoke_key(user_id, key_id).await?.is_some())
            }
        })
    }
}
