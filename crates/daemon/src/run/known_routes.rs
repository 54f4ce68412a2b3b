//! Whether the configuration names routes that there are.

use std::cell::LazyCell;

use super::Additions;
use crate::server;
use linux_api_config::{ConfigError, LoadedConfig, RoutePattern};

/// Refuses a configuration that limits or switches off a route that does not exist: a typing error
/// there would leave the real one as it is.
///
/// # Errors
/// Names the first such route.
pub fn check(loaded: &LoadedConfig, additions: &Additions) -> Result<(), ConfigError> {
    let config = &loaded.config;
    // Most configurations name no route, and need no table.
    let table = LazyCell::new(|| {
        server::route_table(additions.old_routes.map(|make| make(&config.legacy)))
    });
    let has = |template: &str| table.has(template);
    refuse_unknown(
        loaded,
        &has,
        "rate_limit.routes",
        config.rate_limit.routes.0.keys(),
    )?;
    refuse_unknown(
        loaded,
        &has,
        "routes.disabled",
        config.routes.disabled.0.keys(),
    )
}

fn refuse_unknown<'a>(
    loaded: &LoadedConfig,
    has: &impl Fn(&str) -> bool,
    key: &str,
    patterns: impl Iterator<Item = &'a RoutePattern>,
) -> Result<(), ConfigError> {
    for pattern in patterns {
        if let Some(template) = pattern.template()
            && !has(template)
        {
            let message = format!(
                "there is no route {template}; routes are written as in the documentation, \
                 such as /api/v1/admin/users/{{user_id}}/role, or as a prefix that ends with *"
            );
            return Err(loaded.refuse(key, &message));
        }
    }
    Ok(())
}
