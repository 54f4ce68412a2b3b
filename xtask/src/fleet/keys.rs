//! Users of the played fleet and their keys.

use linux_api_auth::hash::Hasher;
use linux_api_auth::key::PlainKey;
use linux_api_store::Store;
use linux_api_store::api_keys::NewKey;
use linux_api_store::users::NewUser;
use linux_api_wire::api_key::Scopes;
use linux_api_wire::audit::Actor;
use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::time::Clock;
use linux_api_wire::user::{Role, User};

use super::site::Site;

/// How many people watch the fleet, each many hosts with one key.
const CLIENTS: usize = 20;

pub(super) struct Keys(Vec<PlainKey>);

impl Keys {
    pub(super) async fn create(site: &Site) -> anyhow::Result<Self> {
        let store = site.open(Clock::system()).await?;
        let mut keys = Vec::new();
        for number in 0..CLIENTS {
            keys.push(create(&store, &format!("client-{number}")).await?.1);
        }
        store.close().await;
        Ok(Self(keys))
    }

    /// The key that a client uses.
    pub(super) fn of_client(&self, number: usize) -> &PlainKey {
        &self.0[number % self.0.len()]
    }
}

/// A new admin with a key.
pub(super) async fn create(store: &Store, name: &str) -> anyhow::Result<(User, PlainKey)> {
    let secret = PlainKey::generate()?;
    let key = NewKey {
        hosts: HostSelector::default(),
        id: secret.id(),
        hash: Hasher::new(1).hash(&secret).await?,
        name: "fleet".to_owned(),
        scopes: Scopes::ALL,
        expires_at: None,
    };
    let user = NewUser {
        hosts: HostSelector::default(),
        name: name.to_owned(),
        role: Role::Admin,
        active: true,
        immutable: false,
    };
    let user = store.create_user(&Actor::system(), &user, &key).await?;
    Ok((user, secret))
}
