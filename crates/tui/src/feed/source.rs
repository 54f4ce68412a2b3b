//! Where a feed gets its answers: a daemon, or the script of the demonstration.

use std::time::Duration;

use crate::demo::DemoHost;
use crate::message::{Call, Data, Health, Outcome, ProcessQuery, ProcessRows, Requests, Wanted};
use linux_api_client::error::ClientError;
use linux_api_client::{Buckets, Client, HistoryRange, ProcessPage};
use linux_api_wire::api::keys::{CreateKey, ListedKey, RotateKey};
use linux_api_wire::api::users::RegisterUser;
use linux_api_wire::time::Timestamp;

/// Most processes that are asked for in one answer: with the longest command lines they stay below
/// what an answer may have.
const PAGE: usize = 500;
/// Most pages of one list: ten thousand processes.
const PAGES: usize = 20;
/// Most rows of statistics in one answer, as the API allows.
const BUCKETS: u32 = 1000;
/// How far back the small graphs of requests go.
const MINUTES: Duration = Duration::from_mins(30);
/// For how long a replaced key works on.
const OVERLAP_SECONDS: i64 = 3600;
/// The columns of the process list that are shown.
const FIELDS: &str = "pid,ppid,name,command,uid,user,state,cpu_percent,cpu_seconds,memory_bytes,\
                      memory_percent,threads,nice,start_time,unit,container,\
                      read_bytes_per_second,written_bytes_per_second";

/// Somebody who can be asked about a host.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A daemon.
    Daemon(Client),
    /// A daemon that can't even be asked: its key or address is unusable.
    Unusable(ClientError),
    /// A host of the demonstration.
    Demo(DemoHost),
}

impl Source {
    pub(super) async fn fetch(&self, wanted: &Wanted) -> Result<Data, ClientError> {
        let client = match self {
            Self::Daemon(client) => client,
            Self::Unusable(error) => return Err(error.clone()),
            Self::Demo(host) => return host.fetch(wanted).await,
        };
        Ok(match wanted {
            Wanted::Me => Data::Me(client.current_user().await?),
            Wanted::Info => Data::Info(client.system_info().await?),
            Wanted::Snapshot => Data::Snapshot(Box::new(client.snapshot().await?)),
            Wanted::Processes(query) => Data::Processes(processes(client, query).await?),
            Wanted::Process(pid) => Data::Process(Box::new(client.process(*pid).await?)),
            Wanted::Readiness => Data::Readiness(client.readiness().await?),
            Wanted::Health => {
                let (database, metrics) =
                    tokio::try_join!(client.database_health(), client.metrics_health())?;
                Data::Health(Box::new(Health { database, metrics }))
            }
            Wanted::Requests(now) => Data::Requests(requests(client, *now).await?),
            Wanted::History(query) => Data::History(
                client
                    .history(&HistoryRange {
                        series: vec![query.series.to_owned()],
                        from: query.from,
                        to: query.to,
                        step: query.step,
                    })
                    .await?,
            ),
            Wanted::Users => Data::Users(users(client).await?),
            Wanted::Keys(user_id) => Data::Keys(keys(client, user_id.as_deref()).await?),
        })
    }

    pub(super) async fn call(&self, call: &Call) -> Result<Outcome, ClientError> {
        let client = match self {
            Self::Daemon(client) => client,
            Self::Unusable(error) => return Err(error.clone()),
            Self::Demo(host) => return host.call(call),
        };
        let changed = |changed: bool| {
            if changed {
                Outcome::Done
            } else {
                Outcome::Unchanged
            }
        };
        Ok(match call {
            Call::AddUser { name, admin } => Outcome::User(
                client
                    .register_user(&RegisterUser {
                        username: name.clone(),
                        is_admin: *admin,
                        activate: true,
                        scopes: Vec::new(),
                    })
                    .await?,
            ),
            Call::SetActive {
                user_id, active, ..
            } => changed(client.set_active(user_id, *active).await?.is_some()),
            Call::SetRole { user_id, admin, .. } => {
                changed(client.set_role(user_id, *admin).await?.is_some())
            }
            Call::DeleteUser { user_id, .. } => {
                client.delete_user(user_id).await?;
                Outcome::Done
            }
            Call::CreateKey { user_id, name, .. } => {
                let key = CreateKey {
                    name: name.clone(),
                    scopes: Vec::new(),
                    expires_at: None,
                };
                Outcome::Key(client.create_key(user_id.as_deref(), &key).await?)
            }
            Call::RotateKey {
                user_id, key_id, ..
            } => {
                let rotate = RotateKey {
                    overlap_seconds: OVERLAP_SECONDS,
                };
                let user_id = user_id.as_deref();
                Outcome::Key(client.rotate_key(user_id, key_id, &rotate).await?)
            }
            Call::RevokeKey {
                user_id, key_id, ..
            } => {
                let user_id = user_id.as_deref();
                changed(client.revoke_key(user_id, key_id).await?.is_some())
            }
        })
    }
}

async fn processes(client: &Client, query: &ProcessQuery) -> Result<ProcessRows, ClientError> {
    let mut rows = ProcessRows::default();
    let mut cursor = None;
    for _ in 0..PAGES {
        let page = client
            .processes(&ProcessPage {
                filter: &query.filter,
                sort: query.sort,
                order: if query.descending { "desc" } else { "asc" },
                fields: FIELDS,
                limit: query.limit.saturating_sub(rows.items.len()).clamp(1, PAGE),
                cursor,
            })
            .await?;
        rows.total = page.total;
        rows.items.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() || rows.items.len() >= query.limit {
            break;
        }
    }
    Ok(rows)
}

/// What the newest hour holds, and its minutes. Hours are merged by the daemon: percentiles of
/// minutes can't be averaged.
async fn requests(client: &Client, now: Timestamp) -> Result<Requests, ClientError> {
    let hour = Buckets {
        bucket: "1h",
        start: now.saturating_sub(Duration::from_hours(1)),
        limit: BUCKETS,
    };
    let minutes = Buckets {
        bucket: "1m",
        start: now.saturating_sub(MINUTES),
        limit: BUCKETS,
    };
    let (hours, minutes, codes) = tokio::try_join!(
        client.route_metrics(&hour),
        client.route_metrics(&minutes),
        client.status_codes(&hour),
    )?;
    Ok(Requests {
        hours,
        minutes,
        codes,
    })
}

async fn keys(client: &Client, user_id: Option<&str>) -> Result<Vec<ListedKey>, ClientError> {
    let mut keys = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES {
        let page = client.list_keys(user_id, cursor.as_deref()).await?;
        keys.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(keys)
}

async fn users(
    client: &Client,
) -> Result<Vec<linux_api_wire::api::users::ListedUser>, ClientError> {
    let mut users = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES {
        let page = client.list_users(100, cursor.as_deref()).await?;
        users.extend(page.users);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(users)
}
