//! How users and keys are shown to people.

use serde::Serialize;

use crate::cli::Context;
use crate::cli::admin_target::AdminTarget;
use crate::cli::rows::{Cell, Column, Listing, Tone};
use crate::cli::units::minute;
use linux_api_wire::api::keys::ListedKey;
use linux_api_wire::api::users::ListedUser;
use linux_api_wire::time::Timestamp;

/// How users are listed.
pub(super) fn users() -> Listing<ListedUser> {
    Listing {
        columns: vec![
            Column::text("NAME", |user: &ListedUser| user.username.as_str().into()),
            Column::text("ROLE", |user| user.role.as_str().into()),
            Column::text("ACTIVE", |user| yes_or_no(user.activated).into()),
            Column::text("PROTECTED", |user| yes_or_no(user.immutable).into()),
            Column::long("HOSTS", |user| or_all(user.hosts.as_deref()).into()),
            Column::text("CREATED", |user| minute(&user.created_at).into()),
            Column::text("LAST LOGIN", |user| {
                or_never(user.last_login.as_deref()).into()
            }),
            Column::wide("ID", |user| user.user_id.as_str().into()),
        ],
        name: |user| user.username.clone(),
        empty: "there are no users; linux-api user add NAME creates one".to_owned(),
    }
}

/// A key, and what it is good for now.
#[derive(Debug, Serialize)]
pub(super) struct KeyRow {
    #[serde(flatten)]
    key: ListedKey,
    #[serde(skip)]
    state: &'static str,
}

impl KeyRow {
    /// What the keys are good for at `now`.
    pub(super) fn all(keys: Vec<ListedKey>, now: Timestamp) -> Vec<Self> {
        let row = |key| Self {
            state: state_of(&key, now),
            key,
        };
        keys.into_iter().map(row).collect()
    }

    fn scopes(&self) -> String {
        let scopes: Vec<String> = self.key.scopes.iter().map(ToString::to_string).collect();
        if scopes.is_empty() {
            return "all of its role".to_owned();
        }
        scopes.join(",")
    }
}

/// How keys are listed.
pub(super) fn keys() -> Listing<KeyRow> {
    Listing {
        columns: vec![
            Column::text("KEY", |row: &KeyRow| row.key.key_id.as_str().into()),
            Column::long("NAME", |row| row.key.name.as_str().into()),
            Column::text("STATE", |row| {
                let is_usable = row.state == "usable";
                Cell::new(row.state, if is_usable { Tone::Good } else { Tone::Warn })
            }),
            Column::long("SCOPES", |row| row.scopes().into()),
            Column::wide("HOSTS", |row| or_all(row.key.hosts.as_deref()).into()),
            Column::wide("CREATED", |row| minute(&row.key.created_at).into()),
            Column::text("EXPIRES", |row| {
                or_never(row.key.expires_at.as_deref()).into()
            }),
            Column::text("LAST USED", |row| {
                or_never(row.key.last_used.as_deref()).into()
            }),
        ],
        name: |row| row.key.key_id.clone(),
        empty: "no keys; linux-api user key create USER makes one".to_owned(),
    }
}

/// A user and its keys.
#[derive(Debug, Serialize)]
pub(super) struct UserKeys {
    user: ListedUser,
    keys: Vec<KeyRow>,
}

impl UserKeys {
    /// Those of the user with this name or id.
    pub(super) async fn of(place: &AdminTarget, user: &str) -> anyhow::Result<Self> {
        let user = place.user(user).await?;
        let keys = KeyRow::all(place.keys(&user).await?, place.now());
        Ok(Self { user, keys })
    }

    pub(super) fn in_words(&self, ctx: &Context) -> String {
        let user = users().in_words(ctx, std::slice::from_ref(&self.user));
        let keys = if self.keys.is_empty() {
            keys().empty + "\n"
        } else {
            keys().in_words(ctx, &self.keys)
        };
        format!("{user}\n{keys}")
    }
}

fn state_of(key: &ListedKey, now: Timestamp) -> &'static str {
    let has_expired = |text: &String| text.parse().is_ok_and(|time: Timestamp| time <= now);
    if key.revoked_at.is_some() {
        "revoked"
    } else if key.expires_at.as_ref().is_some_and(has_expired) {
        "expired"
    } else {
        "usable"
    }
}

const fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// The labels of the hosts that a user or a key is limited to.
fn or_all(hosts: Option<&str>) -> String {
    hosts.unwrap_or("all").to_owned()
}

fn or_never(time: Option<&str>) -> String {
    time.map_or_else(|| "never".to_owned(), minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_usable_until_it_ends() {
        let key = |expires_at: Option<&str>, revoked_at: Option<&str>| ListedKey {
            key_id: "EXAMPLEkey01".to_owned(),
            name: "one".to_owned(),
            scopes: Vec::new(),
            created_at: "2026-11-23T07:00:00Z".to_owned(),
            expires_at: expires_at.map(str::to_owned),
            last_used: None,
            revoked_at: revoked_at.map(str::to_owned),
            hosts: None,
        };
        let now = "2026-11-23T08:00:00Z".parse().unwrap();
        assert_eq!(state_of(&key(None, None), now), "usable");
        let later = Some("2026-11-23T08:00:00.001Z");
        assert_eq!(state_of(&key(later, None), now), "usable");
        let past = Some("2026-11-23T08:00:00Z");
        assert_eq!(state_of(&key(past, None), now), "expired");
        assert_eq!(state_of(&key(later, past), now), "revoked");
    }
}
