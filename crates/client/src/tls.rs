//! The certificates that the system trusts, read once for all connections: two hundred hosts would
//! otherwise read and keep them two hundred times.

use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;

/// A configuration that trusts what the system trusts; clones share it.
pub(super) fn of_system() -> Result<ClientConfig, rustls::Error> {
    static SYSTEM: OnceLock<ClientConfig> = OnceLock::new();
    if let Some(known) = SYSTEM.get() {
        return Ok(known.clone());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    Ok(SYSTEM.get_or_init(|| config).clone())
}
