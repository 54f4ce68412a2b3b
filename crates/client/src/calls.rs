//! One method per route of the API.

use reqwest::Method;
use reqwest::header::LINK;
use serde::Serialize;

use super::error::ClientError;
use super::{Client, body};
use linux_api_wire::api::audit::AuditEntry;
use linux_api_wire::api::fleet::ForgottenHost;
use linux_api_wire::api::health::{Liveness, Readiness};
use linux_api_wire::api::keys::{CreateKey, IssuedKey, ListedKey, RotateKey};
use linux_api_wire::api::network::NetworkDetail;
use linux_api_wire::api::page::Page;
use linux_api_wire::api::processes::{ProcessDetail, ProcessList};
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::api::system::{
    CpuAverage, CpuValues, ListedProcess, LoadAverage, LoadValues, NamedAccount, SystemAverage,
    SystemInfo, SystemValues, Uptime,
};
use linux_api_wire::api::users::{
    CurrentUser, DeleteUser, Done, ListedUser, RegisterUser, RegisteredUser, RoleChanged,
    SetUserHosts, UserChanged,
};
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::Role;

/// No query string.
const NONE: &[(&str, &str)] = &[];

/// One page of users.
#[derive(Debug, Clone)]
pub struct UserPage {
    /// Newest first.
    pub users: Vec<ListedUser>,
    /// How many there are in all, when the daemon says so.
    pub total: Option<u64>,
    /// Leads to the next page, when there is one.
    pub next_cursor: Option<String>,
}

/// Which rows of the audit log to list; all conditions must hold.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AuditQuery {
    /// The most rows, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page starts, from an earlier response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Name of the user who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// What was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// On what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// `done` or `refused`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// At or after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// At or before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

/// Which processes to list; see the API's description for the values.
#[derive(Debug, Clone, Serialize)]
pub struct ProcessPage<'a> {
    /// In the filter language; empty for all.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub filter: &'a str,
    /// The column to sort by.
    pub sort: &'a str,
    /// `asc` or `desc`.
    pub order: &'a str,
    /// The columns to return; all that the daemon knows when empty.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub fields: &'a str,
    /// The most processes, 1 to 1000.
    pub limit: usize,
    /// Where the page starts, from an earlier response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A cursor and a size for lists that have no other conditions.
#[derive(Debug, Serialize)]
struct PageQuery<'a> {
    limit: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
}

/// Every call fails with a [`ClientError`] that says what to do about it.
#[expect(
    clippy::missing_errors_doc,
    reason = "said once, above: all of them fail in the same ways"
)]
impl Client {
    /// Whether the process lives; needs no key.
    pub async fn liveness(&self) -> Result<Liveness, ClientError> {
        self.get("/livez", NONE).await
    }

    /// Whether the daemon can do its work; needs no key. A daemon that is not ready is a response
    /// too, not an error.
    pub async fn readiness(&self) -> Result<Readiness, ClientError> {
        let request = self
            .request(Method::GET, "/readyz")
            .timeout(self.read_timeout());
        let response = self.execute(request).await?;
        match response.status().as_u16() {
            200 | 503 => body::json(&self.address, response).await,
            _ => Err(body::refusal(&self.address, response).await),
        }
    }

    /// Who the key belongs to.
    pub async fn current_user(&self) -> Result<CurrentUser, ClientError> {
        self.get("/api/v1/user/me", NONE).await
    }

    /// Creates a user and its first key.
    pub async fn register_user(&self, user: &RegisterUser) -> Result<RegisteredUser, ClientError> {
        let request = self.request(Method::POST, "/api/v1/user/register");
        self.expect_change(request.json(user)).await
    }

    /// Deletes a user: `me` or the id of another.
    pub async fn delete_user(&self, user_id: &str) -> Result<Done, ClientError> {
        let body = DeleteUser {
            user_id: user_id.to_owned(),
        };
        let request = self.request(Method::DELETE, "/api/v1/user/delete");
        self.expect_change(request.json(&body)).await
    }

    /// One page of users, newest first; `limit` is 1 to 100.
    pub async fn list_users(
        &self,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<UserPage, ClientError> {
        let request = self
            .request(Method::GET, "/api/v1/admin/users")
            .query(&PageQuery { limit, cursor });
        let response = self.send(request.timeout(self.read_timeout())).await?;
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let total = header("x-total-count").and_then(|text| text.parse().ok());
        let next_cursor = header(LINK.as_str()).and_then(|link| next_cursor(&link));
        let users = body::json(&self.address, response).await?;
        Ok(UserPage {
            users,
            total,
            next_cursor,
        })
    }

    /// Limits a user to hosts with these labels, or to none; `None` when it was so already.
    pub async fn set_hosts(
        &self,
        user_id: &str,
        hosts: Option<&str>,
    ) -> Result<Option<UserChanged>, ClientError> {
        let path = format!("/api/v1/admin/users/{}/hosts", segment(user_id));
        let body = SetUserHosts {
            hosts: hosts.map(str::to_owned),
        };
        self.change(self.request(Method::PATCH, &path).json(&body))
            .await
    }

    /// Sets a user's role; `None` when it had it already. A daemon of an earlier release knows no operators,
    /// and makes a viewer: then the response has no role.
    pub async fn set_role(
        &self,
        user_id: &str,
        role: Role,
    ) -> Result<Option<RoleChanged>, ClientError> {
        let path = format!("/api/v1/admin/users/{}/role", segment(user_id));
        let request = self.request(Method::PATCH, &path);
        let is_admin = (role == Role::Admin).to_string();
        let query = [("is_admin", is_admin.as_str()), ("role", role.as_str())];
        self.change(request.query(&query)).await
    }

    /// Lets a user use the API, or ends that; `None` when there was nothing to change.
    pub async fn set_active(
        &self,
        user_id: &str,
        active: bool,
    ) -> Result<Option<UserChanged>, ClientError> {
        let verb = if active { "activate" } else { "deactivate" };
        let path = format!("/api/v1/admin/users/{}/{verb}", segment(user_id));
        self.change(self.request(Method::PATCH, &path)).await
    }

    /// Protects a user from every change; `None` when it is protected already.
    pub async fn protect_user(&self, user_id: &str) -> Result<Option<UserChanged>, ClientError> {
        let path = format!("/api/v1/admin/users/{}/protect", segment(user_id));
        self.change(self.request(Method::PATCH, &path)).await
    }

    /// One page of keys: the caller's own, or for admins those of `user_id`.
    pub async fn list_keys(
        &self,
        user_id: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<Page<ListedKey>, ClientError> {
        let query = PageQuery { limit: 100, cursor };
        self.get(&keys_path(user_id), &query).await
    }

    /// Makes a key for the caller, or for admins for `user_id`.
    pub async fn create_key(
        &self,
        user_id: Option<&str>,
        key: &CreateKey,
    ) -> Result<IssuedKey, ClientError> {
        let request = self.request(Method::POST, &keys_path(user_id));
        self.expect_change(request.json(key)).await
    }

    /// Replaces a key; the old one works on for the overlap.
    pub async fn rotate_key(
        &self,
        user_id: Option<&str>,
        key_id: &str,
        rotate: &RotateKey,
    ) -> Result<IssuedKey, ClientError> {
        let path = format!("{}/{}/rotate", keys_path(user_id), segment(key_id));
        let request = self.request(Method::POST, &path);
        self.expect_change(request.json(rotate)).await
    }

    /// Ends a key at once; `None` when it had ended before.
    pub async fn revoke_key(
        &self,
        user_id: Option<&str>,
        key_id: &str,
    ) -> Result<Option<Done>, ClientError> {
        let path = format!("{}/{}", keys_path(user_id), segment(key_id));
        self.change(self.request(Method::DELETE, &path)).await
    }

    /// One page of the audit log, newest first.
    pub async fn list_audit(&self, query: &AuditQuery) -> Result<Page<AuditEntry>, ClientError> {
        self.get("/api/v1/admin/audit", query).await
    }

    /// The newest reading of the host.
    pub async fn snapshot(&self) -> Result<Snapshot, ClientError> {
        self.get("/api/v1/system/snapshot", NONE).await
    }

    /// One page of processes.
    pub async fn processes(&self, query: &ProcessPage<'_>) -> Result<ProcessList, ClientError> {
        self.get("/api/v1/system/processes", query).await
    }

    /// All that can be read of one process.
    pub async fn process(&self, pid: u32) -> Result<ProcessDetail, ClientError> {
        self.get(&format!("/api/v1/system/processes/{pid}"), NONE)
            .await
    }

    /// Interfaces, sockets by state, and one page of listening sockets, 1 to 1000.
    pub async fn network(
        &self,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<NetworkDetail, ClientError> {
        self.get("/api/v1/system/network", &PageQuery { limit, cursor })
            .await
    }

    /// How long the host has been up.
    pub async fn uptime(&self) -> Result<Uptime, ClientError> {
        self.get("/api/v1/system/info/uptime", NONE).await
    }

    /// The processes in brief.
    pub async fn processes_in_brief(&self) -> Result<Vec<ListedProcess>, ClientError> {
        self.get("/api/v1/system/info/processes", NONE).await
    }

    /// What the host is.
    pub async fn system_info(&self) -> Result<SystemInfo, ClientError> {
        self.get("/api/v1/system/info/system-info", NONE).await
    }

    /// A Linux account of the host.
    pub async fn account(&self, name: &str) -> Result<NamedAccount, ClientError> {
        let query = [("username", name)];
        self.get("/api/v1/system/info/system-user", &query).await
    }

    /// Average loads of all minutes that are kept.
    pub async fn load_average(&self) -> Result<LoadAverage, ClientError> {
        self.get("/api/v1/system/load/average", NONE).await
    }

    /// The last `minutes` loads, one per minute, 1 to 1440.
    pub async fn load_values(&self, minutes: u16) -> Result<LoadValues, ClientError> {
        let query = [("n", minutes)];
        self.get("/api/v1/system/load/values", &query).await
    }

    /// The average use of the processors over all minutes that are kept.
    pub async fn cpu_average(&self) -> Result<CpuAverage, ClientError> {
        self.get("/api/v1/system/load/cpu/average", NONE).await
    }

    /// The average load of the system over all minutes that are kept.
    pub async fn system_average(&self) -> Result<SystemAverage, ClientError> {
        self.get("/api/v1/system/load/system/average", NONE).await
    }

    /// The last `minutes` uses of the processors, one per minute, 1 to 1440.
    pub async fn cpu_values(&self, minutes: u16) -> Result<CpuValues, ClientError> {
        let query = [("n", minutes)];
        self.get("/api/v1/system/load/cpu/values", &query).await
    }

    /// The last `minutes` loads of the system, one per minute, 1 to 1440.
    pub async fn system_values(&self, minutes: u16) -> Result<SystemValues, ClientError> {
        let query = [("n", minutes)];
        self.get("/api/v1/system/load/system/values", &query).await
    }

    /// Forgets a host of the daemon's database that is down.
    pub async fn forget_host(&self, host_id: &str) -> Result<ForgottenHost, ClientError> {
        let path = format!("/api/v1/fleet/hosts/{}", dotted_segment(host_id));
        let request = self.request(Method::DELETE, &path);
        self.expect_change(request).await
    }

    /// A change that always has a response body.
    pub(super) async fn expect_change<T: serde::de::DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<T, ClientError> {
        self.change(request)
            .await?
            .ok_or_else(|| ClientError::BadAnswer {
                address: self.address.to_string(),
                reason: "it is empty".to_owned(),
            })
    }
}

fn keys_path(user_id: Option<&str>) -> String {
    match user_id {
        None => "/api/v1/user/keys".to_owned(),
        Some(id) => format!("/api/v1/admin/users/{}/keys", segment(id)),
    }
}

/// A value as one segment of a path: ids come from the daemon and may hold anything. No id has
/// dots; encoded twice they can't be taken for the way up.
fn segment(value: &str) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
            b'.' => "%252E".to_owned(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// [`segment`] of a name that has dots.
pub(super) fn dotted_segment(name: &str) -> String {
    match name {
        // Ways up, whichever way they are encoded.
        "." | ".." => segment(name),
        // Other dots are a part of the name.
        _ => segment(name).replace("%252E", "."),
    }
}

/// The cursor in a `Link` header's `rel="next"`.
pub(super) fn next_cursor(link: &str) -> Option<String> {
    let next = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    let target = next.split_once('<')?.1.split_once('>')?.0;
    let query = target.split_once('?')?.1;
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "cursor")
        .map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_within_their_segment() {
        assert_eq!(segment("EXAMPLEkey01"), "EXAMPLEkey01");
        let address: crate::Address = "http://localhost".parse().unwrap();
        for id in ["..", "../../me", "a?b", ".", "a/b"] {
            let path = keys_path(Some(id));
            let url = address.url(&path);
            assert_eq!(url.path(), path, "{id}");
            assert_eq!(url.path().matches('/').count(), 6, "{id}");
        }
        assert_eq!(keys_path(Some("ä")), "/api/v1/admin/users/%C3%A4/keys");
    }

    #[test]
    fn the_next_page_is_found_in_the_link() {
        let link = "</api/v1/admin/users?limit=2&cursor=MTox%3D>; rel=\"next\"";
        assert_eq!(next_cursor(link).as_deref(), Some("MTox="));
        assert_eq!(next_cursor("</a?cursor=x>; rel=\"prev\""), None);
        assert_eq!(next_cursor("nonsense"), None);
    }
}
