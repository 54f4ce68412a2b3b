//! The first admin: made once, by the daemon that finds an empty database.

use std::fmt;
use std::sync::Arc;

use linux_api_auth::hash::Hasher;
use linux_api_auth::key::PlainKey;
use linux_api_config::Config;
use linux_api_store::api_keys::NewKey;
use linux_api_store::users::NewUser;
use linux_api_store::{Store, StoreError};
use linux_api_wire::api_key::Scopes;
use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::user::Role;

/// Name of the first admin.
const NAME: &str = "admin";

/// Creates the first admin of an empty database; returns its key when this process made it.
pub(super) async fn create(store: &Store, config: &Config) -> anyhow::Result<Option<PlainKey>> {
    if store.count_users().await? > 0 {
        return Ok(None);
    }
    let secret = PlainKey::generate()?;
    let key = NewKey {
        id: secret.id(),
        hash: Hasher::new(config.auth.hash_queue).hash(&secret).await?,
        name: if config.demo.enabled {
            "demo key"
        } else {
            "first key"
        }
        .to_owned(),
        scopes: Scopes::ALL,
        expires_at: None,
        hosts: HostSelector::default(),
    };
    let user = NewUser {
        name: NAME.to_owned(),
        role: Role::Admin,
        active: true,
        immutable: true,
        hosts: HostSelector::default(),
    };
    match store.create_first_admin(&user, &key).await {
        Ok(created) => Ok(created.map(|_| secret)),
        // All else works without users, and one that is created elsewhere is known here at once.
        Err(error @ StoreError::AdminRequired(_)) => {
            tracing::error!(
                %error,
                "the database has no users yet: create one with `linux-api user add NAME --admin`"
            );
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Shows the first admin's key when it is created after the start.
#[derive(Clone)]
pub struct LateKey(Arc<Show>);

type Show = dyn Fn(&PlainKey) -> anyhow::Result<()> + Send + Sync;

impl LateKey {
    /// `show` is called at most once.
    pub fn new(show: impl Fn(&PlainKey) -> anyhow::Result<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(show))
    }

    /// Shows the key once. When that fails, the log says so and how to get another one.
    pub(super) fn show(&self, key: &PlainKey) {
        if let Err(error) = (self.0)(key) {
            tracing::error!(
                %error,
                "can't show the first admin's key; create another one: linux-api user key create admin"
            );
        }
    }
}

impl fmt::Debug for LateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LateKey")
    }
}
