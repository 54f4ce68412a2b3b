//! Everything that is looked at before a daemon opens anything: by `serve`, by a reload and by
//! `config check`.

use super::known_routes;
use super::{database, listen};
use linux_api_config::Loaded;
use linux_api_wire::time::Clock;

/// Looks at everything that can be wrong with a configuration before anything is opened: what it
/// names, and what it says together.
///
/// # Errors
/// Names the first thing that is wrong, and where it is written.
pub fn check(loaded: &Loaded) -> anyhow::Result<()> {
    let config = &loaded.config;
    known_routes::check(loaded)?;
    listen::check(loaded)?;
    if config.demo.enabled && !config.server.listen.ip().is_loopback() {
        anyhow::bail!(
            "the demo's key is public, so it only listens on loopback: change server.listen"
        );
    }
    database::store(config, None, &Clock::system())?;
    Ok(())
}
