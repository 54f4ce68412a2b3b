//! The first admin: made once, its key shown once.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;

use anyhow::Context as _;
use rustix::fs::OFlags;

use crate::auth::hash::Hasher;
use crate::auth::key::PlainKey;
use crate::cli::{Context, output};
use crate::config::{Config, Loaded};
use crate::model::api_key::Scopes;
use crate::model::user::Role;
use crate::store::Store;
use crate::store::api_keys::NewKey;
use crate::store::users::NewUser;

/// Name of the first admin.
const NAME: &str = "admin";

/// Makes the first admin of an empty database; answers its key when this process made it.
pub(super) async fn create(
    store: &Store,
    config: &Config,
    demo: bool,
) -> anyhow::Result<Option<PlainKey>> {
    if store.count_users().await? > 0 {
        return Ok(None);
    }
    let secret = PlainKey::generate()?;
    let key = NewKey {
        id: secret.id(),
        hash: Hasher::new(config.auth.hash_queue).hash(&secret).await?,
        name: if demo { "demo key" } else { "first key" }.to_owned(),
        scopes: Scopes::ALL,
        expires_at: None,
    };
    let user = NewUser {
        name: NAME.to_owned(),
        role: Role::Admin,
        active: true,
        immutable: true,
    };
    Ok(store.create_first_admin(&user, &key).await?.map(|_| secret))
}

/// Shows the first admin's key once: on standard output, or in a private file when that is the
/// journal, which others may read.
pub(super) fn show_key(
    loaded: &Loaded,
    ctx: &Context,
    key: Option<&PlainKey>,
    addresses: &[SocketAddr],
) -> anyhow::Result<()> {
    let Some(address) = addresses.first() else {
        return Ok(());
    };
    let Some(key) = key else {
        return output::text(&format!("linux-api listens on http://{address}"));
    };
    if output_is_journal(ctx) {
        let path = loaded.data_dir.join("first-admin-key");
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&path)
            .with_context(|| format!("write the first key to {}", path.display()))?;
        writeln!(file, "{}", key.expose())?;
        return output::text(&format!(
            "linux-api listens on http://{address}\n\
             The first admin's key is in {}; remove the file once you have it.",
            path.display()
        ));
    }
    output::text(&format!(
        "linux-api listens on http://{address}\n\nThe key of the first admin, shown this once:\n\n\
         {key}\n\nTry it:\n\n  curl -H \"X-API-Key: {key}\" \
         http://{address}/api/v1/system/info/uptime\n",
        key = key.expose(),
    ))
}

fn output_is_journal(ctx: &Context) -> bool {
    rustix::fs::fstat(std::io::stdout())
        .is_ok_and(|output| ctx.environment.is_journal(output.st_dev, output.st_ino))
}
