//! How users and keys are shown to people.

use crate::api::keys::ListedKey;
use crate::api::users::ListedUser;
use crate::cli::database::Administration;
use crate::cli::output;
use crate::cli::table::table;
use crate::model::api_key::ApiKey;
use crate::model::time::Timestamp;
use crate::model::user::User;
use crate::store::api_keys::has_ended;

use super::find;

/// How many keys are read at once.
const PAGE: u32 = 1000;

pub(super) fn print_users(users: &[User]) -> anyhow::Result<()> {
    let rows = users.iter().map(|user| {
        vec![
            user.name.clone(),
            user.role.to_string(),
            yes_or_no(user.active),
            yes_or_no(user.immutable),
            user.created_at.to_string(),
            time_or_never(user.last_login),
            user.id.to_string(),
        ]
    });
    let heads = [
        "NAME",
        "ROLE",
        "ACTIVE",
        "PROTECTED",
        "CREATED",
        "LAST LOGIN",
        "ID",
    ];
    output::text(&table(&heads, &rows.collect::<Vec<_>>()))
}

pub(super) async fn show(admin: &Administration, user: &str, json: bool) -> anyhow::Result<()> {
    let user = find(admin, user).await?;
    let keys = keys_of(admin, &user).await?;
    if json {
        return output::json(&serde_json::json!({
            "user": ListedUser::from(&user),
            "keys": keys.iter().map(ListedKey::from).collect::<Vec<_>>(),
        }));
    }
    print_users(std::slice::from_ref(&user))?;
    output::text("")?;
    print_keys(&keys, admin.store.clock().now())
}

/// All keys of a user, newest first, ended ones included.
pub(super) async fn keys_of(admin: &Administration, user: &User) -> anyhow::Result<Vec<ApiKey>> {
    let mut keys: Vec<ApiKey> = Vec::new();
    loop {
        let after = keys.last().map(|last| (last.created_at, last.id.clone()));
        let page = admin.store.list_keys(user.id, after, PAGE).await?;
        if page.is_empty() {
            return Ok(keys);
        }
        keys.extend(page);
    }
}

pub(super) fn print_keys(keys: &[ApiKey], now: Timestamp) -> anyhow::Result<()> {
    let rows = keys.iter().map(|key| {
        let scopes: Vec<String> = key
            .scopes
            .chosen()
            .iter()
            .map(ToString::to_string)
            .collect();
        vec![
            key.id.to_string(),
            key.name.clone(),
            state_of(key, now).to_owned(),
            if scopes.is_empty() {
                "all of the role".to_owned()
            } else {
                scopes.join(",")
            },
            key.created_at.to_string(),
            time_or_never(key.expires_at),
            time_or_never(key.last_used),
        ]
    });
    let heads = [
        "KEY",
        "NAME",
        "STATE",
        "SCOPES",
        "CREATED",
        "EXPIRES",
        "LAST USED",
    ];
    output::text(&table(&heads, &rows.collect::<Vec<_>>()))
}

fn state_of(key: &ApiKey, now: Timestamp) -> &'static str {
    if key.revoked_at.is_some() {
        "revoked"
    } else if has_ended(key, now) {
        "expired"
    } else {
        "usable"
    }
}

fn yes_or_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

fn time_or_never(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "never".to_owned(), |time| time.to_string())
}
