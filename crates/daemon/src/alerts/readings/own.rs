//! How this daemon itself is doing.

use std::path::Path;
use std::time::Duration;

use linux_api_alerts::checks::{Certificate, OwnFacts};
use linux_api_wire::time::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::time::Instant;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::Sources;

/// How often the certificate is read.
const CERTIFICATE_AGE: Duration = Duration::from_mins(10);

/// What is remembered of the daemon's own state.
#[derive(Debug)]
pub(super) struct OwnLook {
    started: Timestamp,
    database_away_since: Option<Timestamp>,
    flusher_stuck_since: Option<Timestamp>,
    certificate: Option<(Instant, Certificate)>,
}

impl OwnLook {
    pub(super) const fn new(started: Timestamp) -> Self {
        Self {
            started,
            database_away_since: None,
            flusher_stuck_since: None,
            certificate: None,
        }
    }

    /// What does not work. While the database is away, that measurements are not written is no news.
    pub(super) fn facts(&mut self, sources: &Sources, now: Timestamp) -> OwnFacts {
        let is_away = !sources.store.is_ready();
        let health = sources.flusher.health();
        let is_stuck = !is_away && health.is_stuck();
        let began = health.last_success.unwrap_or(now);
        let away = since(&mut self.database_away_since, is_away, now, now);
        let stuck = since(&mut self.flusher_stuck_since, is_stuck, began, now);
        OwnFacts {
            flusher_stuck_since: stuck,
            database_away_since: away,
            backup: sources.backups.newest(self.started),
            audit_chain: sources.acts.health().log_problem,
            channels: sources.alerts.failing_channels(),
        }
    }

    /// The certificate that the daemon serves with, where it has one.
    pub(super) async fn certificates(&mut self, path: Option<&Path>) -> Vec<Certificate> {
        let Some(path) = path else {
            return Vec::new();
        };
        let is_recent = |(then, _): &&(Instant, Certificate)| then.elapsed() < CERTIFICATE_AGE;
        if let Some((_, known)) = self.certificate.as_ref().filter(is_recent) {
            return vec![known.clone()];
        }
        let not_after = match tokio::fs::read(path).await {
            Ok(text) => end_of_chain(&text),
            Err(error) => Err(error.to_string()),
        };
        let read = Certificate {
            name: path.display().to_string(),
            not_after,
        };
        self.certificate = Some((Instant::now(), read.clone()));
        vec![read]
    }
}

/// Since when something holds: `began` when it begins to, nothing when it does not hold. No later than now.
fn since(
    known: &mut Option<Timestamp>,
    holds: bool,
    began: Timestamp,
    now: Timestamp,
) -> Option<Timestamp> {
    *known = holds.then(|| known.unwrap_or(began).min(now));
    *known
}

/// When the first certificate of a chain ends: from then on clients refuse it.
fn end_of_chain(text: &[u8]) -> Result<Timestamp, String> {
    let mut end: Option<Timestamp> = None;
    for der in CertificateDer::pem_slice_iter(text) {
        let der = der.map_err(|error| format!("it is no PEM file: {error}"))?;
        let parsed = X509Certificate::from_der(&der);
        let (_, certificate) = parsed.map_err(|error| format!("it is no certificate: {error}"))?;
        let seconds = certificate.validity().not_after.timestamp();
        let one = Timestamp::from_millis(seconds.saturating_mul(1000));
        end = Some(end.map_or(one, |end| end.min(one)));
    }
    end.ok_or_else(|| "it contains no certificate".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_keeps_its_beginning() {
        let at = Timestamp::from_millis;
        let mut known = None;
        assert_eq!(since(&mut known, false, at(1), at(5)), None);
        assert_eq!(since(&mut known, true, at(1), at(5)), Some(at(1)));
        assert_eq!(since(&mut known, true, at(7), at(9)), Some(at(1)));
        assert_eq!(
            since(&mut known, true, at(7), at(0)),
            Some(at(0)),
            "set back"
        );
        assert_eq!(since(&mut known, false, at(9), at(9)), None);
    }

    #[tokio::test]
    async fn a_chain_ends_with_its_first_end() {
        let pem = |year: i32| {
            let mut parameters = rcgen::CertificateParams::new(vec!["a".to_owned()]).unwrap();
            parameters.not_after = rcgen::date_time_ymd(year, 1, 2);
            let key = rcgen::KeyPair::generate().unwrap();
            parameters.self_signed(&key).unwrap().pem()
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chain.pem");
        std::fs::write(&path, format!("{}{}", pem(2040), pem(2031))).unwrap();
        let mut look = OwnLook::new(Timestamp::from_millis(0));
        let read = look.certificates(Some(&path)).await;
        assert_eq!(
            read[0].not_after,
            "2031-01-02T00:00:00Z".parse().map_err(|_| String::new())
        );
        assert!(look.certificates(None).await.is_empty());
        for (text, expected) in [
            ("", "no certificate"),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "no certificate",
            ),
            (
                "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
                "no PEM file",
            ),
        ] {
            let error = end_of_chain(text.as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let mut missing = OwnLook::new(Timestamp::from_millis(0));
        let read = missing
            .certificates(Some(Path::new("/nowhere/a.pem")))
            .await;
        assert!(read[0].not_after.is_err());
    }
}
