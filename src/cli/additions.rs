//! What crates behind features add to the program.

use linux_api_config::Legacy;
use linux_api_daemon::run::Additions;
use linux_api_daemon::server;

/// What a daemon of this build has beside its own.
#[cfg(feature = "legacy")]
pub(super) fn additions() -> Additions {
    linux_api_legacy::additions()
}

/// What a daemon of this build has beside its own.
#[cfg(not(feature = "legacy"))]
pub(super) fn additions() -> Additions {
    Additions::default()
}

/// The OpenAPI document of a daemon of this build.
///
/// # Errors
/// When it can't be written as JSON.
pub fn openapi() -> serde_json::Result<String> {
    server::openapi_document(additions().routes(&Legacy::default()))
}
