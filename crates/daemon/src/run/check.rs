//! Everything that is looked at before a daemon opens anything: by `serve`, by a reload and by
//! `config check`.

use super::Additions;
use super::known_routes;
use super::{database, listen};
use linux_api_config::{LoadedConfig, Origin};
use linux_api_wire::time::Clock;

/// Looks at everything that can be wrong with a configuration before anything is opened: what it
/// names, and what it says together.
///
/// # Errors
/// Names the first thing that is wrong, and where it is written.
pub fn check(loaded: &LoadedConfig, additions: &Additions) -> anyhow::Result<()> {
    let config = &loaded.config;
    known_routes::check(loaded, additions)?;
    let is_said = !matches!(loaded.origins.of("legacy.enabled"), Origin::Default);
    if config.legacy.enabled && is_said && additions.old_routes.is_none() {
        let message =
            "this program was built without legacy: remove the option, or set it to false";
        return Err(loaded.refuse("legacy.enabled", message).into());
    }
    listen::check(loaded)?;
    crate::alerts::settings::check(loaded)?;
    if config.demo.enabled && !config.server.listen.ip().is_loopback() {
        anyhow::bail!(
            "the demo's key is public, so it only listens on loopback: change server.listen"
        );
    }
    database::store(config, None, &Clock::system())?;
    Ok(())
}
