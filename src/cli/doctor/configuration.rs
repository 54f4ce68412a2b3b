//! Whether the configuration can be used.

use super::Finding;
use crate::cli::Context;
use crate::cli::additions::additions;
use linux_api_config::{ConfigError, LoadedConfig};
use linux_api_daemon::run::known_routes;

const CHECK: &str = "configuration";

/// What is found, and the configuration when it can be used.
pub(super) fn check(ctx: &Context) -> (Vec<Finding>, Option<LoadedConfig>) {
    let loaded = ctx.load(Vec::new()).and_then(|loaded| {
        known_routes::check(&loaded, &additions())?;
        Ok(loaded)
    });
    match loaded {
        Ok(loaded) => {
            let said = match &loaded.file {
                Some(path) => path.display().to_string(),
                None => "no file; the defaults are in effect".to_owned(),
            };
            let mut findings = vec![Finding::ok(CHECK, said)];
            let misspelt = loaded.misspelt.iter();
            findings
                .extend(misspelt.map(|said| Finding::warn(CHECK, said, "rename it, or unset it")));
            (findings, Some(loaded))
        }
        Err(error) => (problems(&error), None),
    }
}

/// One finding for each problem: a line each is easier to work through.
fn problems(error: &ConfigError) -> Vec<Finding> {
    let advice = if error.is_denied() {
        "sudo linux-api doctor; what depends on the configuration was not checked"
    } else {
        "fix it (docs/configuration.md lists all options); what depends on the configuration was \
         not checked"
    };
    let found = error
        .problems()
        .iter()
        .map(|problem| Finding::fail(CHECK, problem.to_string(), advice));
    found.collect()
}
