//! How users and keys are shown to people.

use crate::cli::admin_target::AdminTarget;
use crate::cli::output;
use crate::cli::table::table;
use linux_api_wire::api::keys::ListedKey;
use linux_api_wire::api::users::ListedUser;
use linux_api_wire::time::Timestamp;

pub(super) fn print_users(users: &[ListedUser]) -> anyhow::Result<()> {
    let rows = users.iter().map(|user| {
        vec![
            user.username.clone(),
            user.role.clone(),
            yes_or_no(user.activated),
            yes_or_no(user.immutable),
            user.created_at.clone(),
            or_never(user.last_login.as_ref()),
            user.user_id.clone(),
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

pub(super) async fn show(place: &AdminTarget, user: &str, json: bool) -> anyhow::Result<()> {
    let user = place.user(user).await?;
    let keys = place.keys(&user).await?;
    if json {
        return output::json(&serde_json::json!({"user": user, "keys": keys}));
    }
    print_users(std::slice::from_ref(&user))?;
    output::text("")?;
    print_keys(&keys, place.now())
}

pub(super) fn print_keys(keys: &[ListedKey], now: Timestamp) -> anyhow::Result<()> {
    let rows = keys.iter().map(|key| {
        let scopes: Vec<String> = key.scopes.iter().map(ToString::to_string).collect();
        vec![
            key.key_id.clone(),
            key.name.clone(),
            state_of(key, now).to_owned(),
            if scopes.is_empty() {
                "all scopes of the role".to_owned()
            } else {
                scopes.join(",")
            },
            key.created_at.clone(),
            or_never(key.expires_at.as_ref()),
            or_never(key.last_used.as_ref()),
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

fn yes_or_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

fn or_never(time: Option<&String>) -> String {
    time.cloned().unwrap_or_else(|| "never".to_owned())
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
