//! Whether the configuration names routes that there are.

use crate::server;
use linux_api_config::{ConfigError, Loaded, RoutePattern};

/// Refuses a configuration that limits or switches off a route that does not exist: a typing error
/// there would leave the real one as it is.
///
/// # Errors
/// Names the first such route.
pub fn check(loaded: &Loaded) -> Result<(), ConfigError> {
    let config = &loaded.config;
    refuse_unknown(
        loaded,
        "rate_limit.routes",
        config.rate_limit.routes.0.keys(),
    )?;
    refuse_unknown(loaded, "routes.disabled", config.routes.disabled.0.keys())
}

fn refuse_unknown<'a>(
    loaded: &Loaded,
    key: &str,
    patterns: impl Iterator<Item = &'a RoutePattern>,
) -> Result<(), ConfigError> {
    for pattern in patterns {
        if let Some(template) = pattern.template()
            && !server::has_route(template)
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
