//! What serves users of the Python Linux-API: its old routes, keys that were made by it, and the import
//! of its data.
//!
//! Nothing depends on this crate but the program itself, behind its feature `legacy`: [`additions`] is
//! what a daemon gets from here, [`import`] what `linux-api db import` uses. Migrations and the
//! configuration are the same with and without it.

mod bodies;
pub mod import;
pub mod keys;
mod routes;

use std::num::NonZeroU32;
use std::sync::Arc;

use linux_api_auth::verifier::OtherKeys;
use linux_api_config::Legacy;
use linux_api_daemon::run::Additions;
use linux_api_daemon::state::StoredKeys;
use linux_api_store::Store;

pub use routes::old_routes;

/// What a daemon gets from this crate.
#[must_use]
pub fn additions() -> Additions {
    Additions {
        old_routes: Some(old_routes),
        other_keys: Some(other_keys),
    }
}

/// The check of keys that were imported from the Python program or chosen on one of its routes.
#[must_use]
pub fn other_keys(store: &Store, config: &Legacy) -> Arc<dyn OtherKeys> {
    let limits = keys::Pbkdf2Limits {
        per_minute: NonZeroU32::new(config.pbkdf2_per_minute).unwrap_or(NonZeroU32::MIN),
        until: config.pbkdf2_until.start(),
    };
    keys::in_database(StoredKeys(store.clone()), limits)
}
