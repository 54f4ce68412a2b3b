//! TLS for connections over the network, with certificates that can change while it runs.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{InconsistentKeys, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// Why a certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{} contains no {expected} in PEM format", path.display())]
    Empty {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// Others could take the key.
    #[error("{path} is world-readable: chmod 640 {path}", path = path.display())]
    KeyIsOpen {
        /// Where it is.
        path: PathBuf,
    },
    /// The certificate and the key don't go together, or are no TLS certificate and key at all.
    #[error("{} and its key can't be used: {}", path.display(), in_words(reason))]
    Unusable {
        /// Where the certificate is.
        path: PathBuf,
        /// What is wrong with them.
        reason: rustls::Error,
    },
}

/// What rustls says, but for what it says in words of Rust.
fn in_words(reason: &rustls::Error) -> String {
    match reason {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            "the key is that of another certificate".to_owned()
        }
        other => other.to_string(),
    }
}

/// The certificate that new connections are served with. Cheap to clone; all clones change
/// together.
#[derive(Debug, Clone)]
pub struct Certificates(Arc<RwLock<Arc<ServerConfig>>>);

impl Certificates {
    /// Reads the certificate chain and its key.
    ///
    /// # Errors
    /// When a file can't be read or used, or the key is world-readable.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let unusable = |reason| TlsError::Unusable {
            path: certificate.to_owned(),
            reason,
        };
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(read_chain(certificate)?, read_key(key)?);
        let mut config = config.map_err(unusable)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(RwLock::new(Arc::new(config)))))
    }

    /// Serves new connections with the certificate of `fresh`; those that are open stay.
    pub fn replace(&self, fresh: &Self) {
        let fresh = fresh.current();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
    }

    fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current())
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |error| explain(path, "certificate", error);
    let text = read(path)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(wrong)?;
    if chain.is_empty() {
        return Err(explain(path, "certificate", pem::Error::NoItemsFound));
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let wrong = |error| explain(path, "private key", error);
    let about = std::fs::metadata(path).map_err(|error| wrong(pem::Error::Io(error)))?;
    if about.permissions().mode() & 0o007 != 0 {
        let path = path.to_owned();
        return Err(TlsError::KeyIsOpen { path });
    }
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(wrong)
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    linux_api_files::read(path, linux_api_files::TEXT_MAX).map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })
}

fn explain(path: &Path, expected: &'static str, error: pem::Error) -> TlsError {
    let path = path.to_owned();
    match error {
        pem::Error::Io(source) => TlsError::Read { path, source },
        _ => TlsError::Empty { path, expected },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use tempfile::TempDir;

    use super::*;

    fn write(folder: &TempDir, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn what_is_wrong_with_a_certificate_or_key_is_said_with_its_file() {
        let folder = TempDir::new().unwrap();
        let made = || generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let CertifiedKey { cert, signing_key } = made();
        let certificate = write(&folder, "cert.pem", &cert.pem(), 0o644);
        let key = write(&folder, "key.pem", &signing_key.serialize_pem(), 0o640);
        assert!(Certificates::load(&certificate, &key).is_ok());

        let error = |certificate: &Path, key: &Path| {
            Certificates::load(certificate, key)
                .unwrap_err()
                .to_string()
        };
        let missing = folder.path().join("missing.pem");
        let shown = |path: &Path| path.display().to_string();
        assert_eq!(
            error(&missing, &key),
            format!("cannot read {}", shown(&missing))
        );
        assert_eq!(
            error(&key, &key),
            format!("{} contains no certificate in PEM format", shown(&key))
        );
        assert!(error(&certificate, &certificate).contains("is world-readable"));
        let empty = write(&folder, "empty.pem", "", 0o600);
        assert_eq!(
            error(&certificate, &empty),
            format!("{} contains no private key in PEM format", shown(&empty))
        );
        let other = write(
            &folder,
            "other.pem",
            &made().signing_key.serialize_pem(),
            0o600,
        );
        let message = error(&certificate, &other);
        assert!(
            message.ends_with(
                "cert.pem and its key can't be used: the key is that of another certificate"
            ),
            "{message}"
        );
    }
}
