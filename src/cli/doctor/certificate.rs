//! Whether the certificate can be used, and for how long.

use std::path::Path;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Finding;
use linux_api_config::Server;
use linux_api_daemon::tls::Certificates;
use linux_api_wire::time::{Clock, Timestamp};

const CHECK: &str = "certificate";
/// From so long before its expiry on it is a warning.
const SOON: Duration = Duration::from_hours(24 * 14);
const RENEW: &str = "renew it, then reload the daemon: systemctl reload linux-api, or SIGHUP";

pub(super) fn check(server: &Server) -> Finding {
    let (Some(certificate), Some(key)) = (&server.tls_certificate, &server.tls_key) else {
        return Finding::ok(CHECK, "none: the daemon serves plain HTTP");
    };
    if let Err(error) = Certificates::load(certificate, key) {
        let mut said = error.to_string();
        if let Some(cause) = std::error::Error::source(&error) {
            said = format!("{said}: {cause}");
        }
        return Finding::fail(
            CHECK,
            said,
            "check server.tls_certificate and server.tls_key",
        );
    }
    match validity(certificate) {
        Some((from, to)) => judge(Clock::system().now(), from, to),
        None => Finding::fail(
            CHECK,
            format!("{} can't be read", certificate.display()),
            "check server.tls_certificate",
        ),
    }
}

/// From when to when the first certificate of a file holds.
fn validity(path: &Path) -> Option<(Timestamp, Timestamp)> {
    let first = CertificateDer::pem_file_iter(path).ok()?.next()?.ok()?;
    let (_, certificate) = X509Certificate::from_der(&first).ok()?;
    let validity = certificate.validity();
    let time = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
    Some((
        time(validity.not_before.timestamp()),
        time(validity.not_after.timestamp()),
    ))
}

fn judge(now: Timestamp, from: Timestamp, to: Timestamp) -> Finding {
    if now < from {
        return Finding::fail(CHECK, format!("not valid before {from}"), "check the clock");
    }
    if now >= to {
        return Finding::fail(CHECK, format!("expired at {to}"), RENEW);
    }
    if to.since(now) < SOON {
        return Finding::warn(CHECK, format!("expires soon, at {to}"), RENEW);
    }
    Finding::ok(CHECK, format!("valid until {to}"))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::cli::doctor::Verdict;

    #[test]
    fn a_certificate_ends() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (from, to) = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
        let result = |now: &str| judge(at(now), from, to).result;
        assert_eq!(result("2025-12-31T23:59:59Z"), Verdict::Fail);
        assert_eq!(result("2026-01-01T00:00:00Z"), Verdict::Ok);
        assert_eq!(result("2026-12-17T23:59:59Z"), Verdict::Ok);
        assert_eq!(result("2026-12-18T00:00:01Z"), Verdict::Warn);
        assert_eq!(result("2027-01-01T00:00:00Z"), Verdict::Fail);
    }

    #[test]
    fn the_file_is_read_and_must_fit_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (
            folder.path().join("cert.pem"),
            folder.path().join("key.pem"),
        );
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(&certificate, made.cert.pem()).unwrap();
        let write_key = |text: String| {
            fs::write(&key, text).unwrap();
            fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        };
        write_key(made.signing_key.serialize_pem());
        let server = Server {
            tls_certificate: Some(certificate.clone()),
            tls_key: Some(key.clone()),
            ..Server::default()
        };
        // By default, certificates of rcgen are valid from 1975 to 4096.
        let found = check(&server);
        assert_eq!(found.result, Verdict::Ok, "{found:?}");
        assert!(found.detail.starts_with("valid until 4096-"), "{found:?}");
        write_key(other.signing_key.serialize_pem());
        assert_eq!(check(&server).result, Verdict::Fail);
        assert_eq!(check(&Server::default()).result, Verdict::Ok);
    }
}
