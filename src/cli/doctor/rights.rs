//! Whether the database account of this host may do what its daemon needs, and no more than that where
//! many hosts share the database.

use super::Finding;
use linux_api_config::LoadedConfig;
use linux_api_store::Store;
use linux_api_store::roles::AccountRights;

const CHECK: &str = "database role";
/// Hosts that are counted; one more than this is many.
const HOSTS_MAX: u32 = 2;

pub(super) async fn check(loaded: &LoadedConfig, store: Option<&Store>) -> Option<Finding> {
    let store = store?;
    let rights = match store.account_rights().await {
        Ok(rights) => rights?,
        Err(error) => {
            return Some(Finding::warn(
                CHECK,
                format!("can't look at the rights of the account: {error}"),
                "see the check of the database",
            ));
        }
    };
    // An account that may read nothing knows no hosts; that is the finding then.
    let hosts = store.list_hosts(None, HOSTS_MAX).await;
    let is_shared = hosts.is_ok_and(|hosts| hosts.len() > 1);
    let has_admin = loaded.config.database.admin_url.is_some();
    Some(judge(&rights, is_shared, has_admin))
}

fn judge(rights: &AccountRights, is_shared: bool, has_admin: bool) -> Finding {
    let role = &rights.role;
    if !rights.missing.is_empty() {
        let some: Vec<&str> = rights.missing.iter().take(3).map(String::as_str).collect();
        return Finding::fail(
            CHECK,
            format!("{role} lacks rights: {}", some.join(", ")),
            format!(
                "as the owner of the schema, give it what a daemon needs: linux-api db grant --role \
                 {role}"
            ),
        );
    }
    let advice =
        "give daemons a role of their own (docs/postgresql.md, Many hosts on one database)";
    if rights.owns_schema && is_shared {
        return Finding::warn(
            CHECK,
            format!(
                "{role} owns the schema, and other hosts share the database: root of this host can change \
                 users and keys of all"
            ),
            advice,
        );
    }
    if rights.may_change_users && is_shared && !rights.owns_schema {
        return Finding::warn(
            CHECK,
            format!(
                "{role} may change users, and other hosts share the database: root of this host can \
                 change users and keys of all"
            ),
            "leave database.url to a role for daemons, and name this one in database.admin_url on one \
             or two hosts",
        );
    }
    let what = match (rights.owns_schema, rights.may_change_users, has_admin) {
        (true, ..) => "owns the schema; no other host shares the database",
        (_, true, _) => "may change users; no other host shares the database",
        (.., true) => "has the rights of a daemon; users are changed by database.admin_url",
        _ => "has the rights of a daemon; users are changed on another host",
    };
    Finding::ok(CHECK, format!("{role} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Verdict;

    fn rights(owns_schema: bool, may_change_users: bool, missing: &[&str]) -> AccountRights {
        AccountRights {
            role: "linux_api".to_owned(),
            owns_schema,
            may_change_users,
            missing: missing.iter().map(|need| (*need).to_owned()).collect(),
        }
    }

    #[test]
    fn much_power_matters_where_hosts_share_the_database() {
        for (owns, may_change, is_shared, expected) in [
            (true, true, false, Verdict::Ok),
            (true, true, true, Verdict::Warn),
            (false, true, false, Verdict::Ok),
            (false, true, true, Verdict::Warn),
            (false, false, true, Verdict::Ok),
        ] {
            let found = judge(&rights(owns, may_change, &[]), is_shared, false);
            assert_eq!(found.result, expected, "{found:?}");
        }
        let found = judge(&rights(false, false, &["insert on hosts"]), true, false);
        assert_eq!(found.result, Verdict::Fail);
        assert!(found.detail.contains("insert on hosts"), "{found:?}");
        assert!(found.advice.unwrap().contains("db grant --role linux_api"));
    }
}
