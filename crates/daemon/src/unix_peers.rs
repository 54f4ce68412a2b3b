//! Callers on the Unix socket: the kernel names their account, so they need no key.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;

use super::error::ApiError;
use crate::tasks::key_watch;
use linux_api_auth::identity::Identity;
use linux_api_host::Collector;
use linux_api_store::Store;
use linux_api_wire::api_key::{Scope, Scopes};
use linux_api_wire::audit::Via;
use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::{Role, User, UserId};

/// How long the groups of a Linux account are believed.
const ACCOUNT_AGE: Duration = Duration::from_secs(10);
/// The most accounts that are remembered.
const ACCOUNTS_MAX: usize = 1024;

/// Which Linux accounts need no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnixAccounts {
    /// Those that the configuration names, `server.unix_peers`, `server.unix_viewer_group` and
    /// `server.unix_operator_group`.
    Configured {
        /// Linux account to user name.
        users: BTreeMap<String, String>,
        /// Members of this Linux group are viewers; there are none when it is empty.
        viewer_group: String,
        /// Members of this Linux group are operators; there are none when it is empty.
        operator_group: String,
    },
    /// The account with this uid and root, which are viewers; no user of the database is looked up.
    Own(u32),
}

/// Which Linux accounts are which users.
#[derive(Debug)]
pub(crate) struct UnixPeers {
    accounts: UnixAccounts,
    store: Store,
    collector: Collector,
    /// How long a mapped account keeps its last identity while the database is away.
    outage_grace: Duration,
    known: Mutex<HashMap<(u32, u32), CachedIdentity>>,
}

#[derive(Debug, Clone)]
struct CachedIdentity {
    identity: Arc<Identity>,
    revision: i64,
    /// When it was last read, from the database where it is there.
    since: Instant,
}

impl UnixPeers {
    pub(crate) fn new(
        accounts: UnixAccounts,
        store: Store,
        collector: Collector,
        outage_grace: Duration,
    ) -> Self {
        Self {
            accounts,
            store,
            collector,
            outage_grace,
            known: Mutex::default(),
        }
    }

    /// The identity of an account. While the database is away, a mapped account keeps the one it had
    /// for `outage_grace`; after that, and without one, the members of the viewers' group may still read
    /// the host, and root and the members of the operators' group act on it besides.
    ///
    /// # Errors
    /// 401 when the account belongs to no user, 503 when the database is away.
    pub(crate) async fn identify(&self, uid: u32, gid: u32) -> Result<Arc<Identity>, ApiError> {
        let known = self.lock().get(&(uid, gid)).cloned();
        if matches!(self.accounts, UnixAccounts::Own(_)) {
            // What such an account may do depends on its uid alone, which does not change.
            return match known {
                Some(known) => Ok(known.identity),
                None => self.identify_own(uid, gid).await,
            };
        }
        self.store.note_use();
        if known.is_some() {
            let max_age = key_watch::max_age(self.store.engine());
            self.store.check_revision(max_age).await;
        }
        let revision = self.store.known_auth_revision();
        if let Some(known) = &known
            && known.revision == revision
            && known.since.elapsed() < ACCOUNT_AGE
            && self.store.is_ready()
        {
            return Ok(Arc::clone(&known.identity));
        }
        let via = Via::Unix(uid);
        let (user, scopes) = match self.user(uid, gid).await {
            Ok(user) => (user, Scopes::ALL),
            Err(error) if !error.status().is_server_error() || self.store.is_ready() => {
                return Err(error);
            }
            Err(away) => {
                if let Some(known) = known
                    && known.since.elapsed() <= self.outage_grace
                    && !self.store.is_replaced()
                {
                    return Ok(known.identity);
                }
                let role = match self.role_by_group(uid, gid).await? {
                    None | Some(Role::Viewer) if uid == 0 => Role::Operator,
                    Some(role) => role,
                    None => return Err(away),
                };
                let account = self.account(uid).await?;
                let identity = Identity {
                    user: member(uid, account, role),
                    scopes: without_database(role),
                    hosts: HostSelector::default(),
                    via,
                };
                return Ok(Arc::new(identity));
            }
        };
        let hosts = user.hosts.clone();
        let identity = Arc::new(Identity {
            user,
            scopes,
            hosts,
            via,
        });
        self.remember((uid, gid), &identity, revision);
        Ok(identity)
    }

    /// The identity of an account of a daemon that knows no others than its own.
    async fn identify_own(&self, uid: u32, gid: u32) -> Result<Arc<Identity>, ApiError> {
        let identity = Arc::new(Identity {
            user: self.user(uid, gid).await?,
            scopes: Scopes::ALL,
            hosts: HostSelector::default(),
            via: Via::Unix(uid),
        });
        self.remember((uid, gid), &identity, self.store.known_auth_revision());
        Ok(identity)
    }

    fn remember(&self, account: (u32, u32), identity: &Arc<Identity>, revision: i64) {
        let entry = CachedIdentity {
            identity: Arc::clone(identity),
            revision,
            since: Instant::now(),
        };
        let mut accounts = self.lock();
        if accounts.len() >= ACCOUNTS_MAX {
            accounts.clear();
        }
        accounts.insert(account, entry);
    }

    /// Looks an account up afresh: whether it still is the user with the id `known`, and in which role.
    ///
    /// # Errors
    /// 401 when it is not, 503 when that can't be found out.
    async fn confirm(&self, uid: u32, gid: u32, known: UserId) -> Result<Role, ApiError> {
        let user = self.user(uid, gid).await?;
        if user.id == known {
            return Ok(user.role);
        }
        let detail = format!(
            "The Linux account with uid {uid} is not the user any more that it was when the \
             request came in."
        );
        Err(peer_unknown(detail))
    }

    async fn user(&self, uid: u32, gid: u32) -> Result<User, ApiError> {
        let users = match &self.accounts {
            UnixAccounts::Configured { users, .. } => users,
            UnixAccounts::Own(own) if uid == *own || uid == 0 => {
                // It has a number where its name can't be found out.
                let account = self.account(uid).await.unwrap_or_default();
                return Ok(member(uid, account, Role::Viewer));
            }
            UnixAccounts::Own(own) => {
                let detail = format!(
                    "This daemon belongs to the Linux account with uid {own}, and serves no other \
                     but root."
                );
                return Err(peer_unknown(detail));
            }
        };
        let account = self.account(uid).await?;
        if let Some(name) = account.as_ref().and_then(|name| users.get(name))
            && let Some(user) = self.store.find_user_by_name(name).await?
        {
            return Ok(user);
        }
        let is_root_in_need = uid == 0 && !self.store.is_ready();
        let role = match self.role_by_group(uid, gid).await? {
            _ if is_root_in_need => Role::Operator,
            Some(role) => role,
            None => {
                let detail = format!(
                    "The Linux account with uid {uid} is neither in server.unix_peers nor in the groups of \
                     server.unix_viewer_group and server.unix_operator_group; send a key."
                );
                return Err(peer_unknown(detail));
            }
        };
        Ok(member(uid, account, role))
    }

    /// The name of an account.
    async fn account(&self, uid: u32) -> Result<Option<String>, ApiError> {
        let account = self.collector.find_account_by_uid(uid).await;
        let account = account.map_err(|error| ApiError::host_unreadable(&error))?;
        Ok(account.map(|account| account.user_name))
    }

    /// The role of an account that is no user of the database.
    async fn role_by_group(&self, uid: u32, gid: u32) -> Result<Option<Role>, ApiError> {
        let UnixAccounts::Configured {
            viewer_group,
            operator_group,
            ..
        } = &self.accounts
        else {
            return Ok(None);
        };
        for (group, role) in [
            (operator_group, Role::Operator),
            (viewer_group, Role::Viewer),
        ] {
            if group.is_empty() {
                continue;
            }
            let is_member = self.collector.is_in_group(uid, gid, group).await;
            if is_member.map_err(|error| ApiError::host_unreadable(&error))? {
                return Ok(Some(role));
            }
        }
        Ok(None)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(u32, u32), CachedIdentity>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an account may do that is no user while the database is away: what needs no database.
fn without_database(role: Role) -> Scopes {
    let all = [
        Scope::HostRead,
        Scope::LogsRead,
        Scope::ProcessesAct,
        Scope::UnitsAct,
    ];
    Scopes::only(all.into_iter().filter(|scope| scope.role() <= role))
}

fn peer_unknown(detail: String) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "peer_unknown", detail)
}

/// The Linux account behind a request without a key, for looking at it again before it changes
/// anything: neither what the configuration maps it to nor its groups are in the database.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    uid: u32,
    gid: u32,
    peers: Arc<UnixPeers>,
}

impl Account {
    pub(crate) fn new(uid: u32, gid: u32, peers: Arc<UnixPeers>) -> Self {
        Self { uid, gid, peers }
    }

    /// The role of the account, when it still is the user with the id `known`, looked up afresh.
    ///
    /// # Errors
    /// 401 when it is not, 503 when that can't be found out.
    pub(crate) async fn confirm(&self, known: UserId) -> Result<Role, ApiError> {
        self.peers.confirm(self.uid, self.gid, known).await
    }

    /// The account as it counts now, also while the database is away.
    ///
    /// # Errors
    /// As [`UnixPeers::identify`].
    pub(crate) async fn identify(&self) -> Result<Arc<Identity>, ApiError> {
        self.peers.identify(self.uid, self.gid).await
    }
}

/// A user that stands for a Linux account and has no row in the database.
fn member(uid: u32, account: Option<String>, role: Role) -> User {
    User {
        id: UserId::of_account(uid),
        name: account.unwrap_or_else(|| uid.to_string()),
        role,
        active: true,
        immutable: true,
        hosts: HostSelector::default(),
        created_at: Timestamp::from_millis(0),
        last_login: None,
    }
}
