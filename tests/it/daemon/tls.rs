//! TLS with certificates of an authority of the test's own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustix::process::Signal;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

use crate::daemon::process::{Daemon, eventually, linux_api};

/// Makes certificates that its root vouches for.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: rcgen::Certificate,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "Test authority");
        let root = params.self_signed(&key).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            root,
        }
    }

    /// Writes a certificate for localhost and its key; returns the serial number's last byte.
    pub(crate) fn issue(&self, folder: &Path, serial: u64) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.serial_number = Some(serial.into());
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let paths = (folder.join("cert.pem"), folder.join("key.pem"));
        fs::write(&paths.0, certificate.pem()).unwrap();
        // Never with the new certificate and an open key.
        let _ = fs::remove_file(&paths.1);
        fs::write(&paths.1, "").unwrap();
        fs::set_permissions(&paths.1, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&paths.1, key.serialize_pem()).unwrap();
        paths
    }

    fn client(&self, versions: &[&'static rustls::SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }

    pub(crate) fn connect(
        &self,
        address: &str,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> StreamOwned<ClientConnection, std::net::TcpStream> {
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(self.client(versions), name).unwrap();
        let stream = std::net::TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        StreamOwned::new(client, stream)
    }
}

/// Sends a request on an open connection and reads the response's head.
pub(crate) fn ask(
    connection: &mut StreamOwned<ClientConnection, std::net::TcpStream>,
    path: &str,
) -> std::io::Result<String> {
    use std::io::{Read, Write};
    write!(connection, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Ok(text.into_owned());
            }
        }
        match connection.read(&mut buffer)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => answer.extend_from_slice(&buffer[..read]),
        }
    }
}

/// The serial number of the certificate that new connections get.
fn serial(authority: &Authority, address: &str) -> Vec<u8> {
    let mut connection = authority.connect(address, rustls::ALL_VERSIONS);
    ask(&mut connection, "/livez").unwrap();
    let certificates = connection.conn.peer_certificates().unwrap();
    // Version and serial number lead the signed part: … a0 03 02 01 02 02 LENGTH SERIAL.
    let der = certificates[0].as_ref();
    let mark = [0xa0, 0x03, 0x02, 0x01, 0x02, 0x02];
    let at = der.windows(6).position(|six| six == mark).unwrap() + 6;
    der[at + 1..=at + usize::from(der[at])].to_vec()
}

fn start(home: &TempDir, listen: &str, files: &(PathBuf, PathBuf)) -> Daemon {
    let mut command = linux_api(home.path(), &["serve", "--listen", listen]);
    command
        .env("LINUX_API__SERVER__TLS_CERTIFICATE", &files.0)
        .env("LINUX_API__SERVER__TLS_KEY", &files.1);
    Daemon::start_command(command)
}

#[test]
fn with_a_certificate_it_speaks_tls_1_2_and_1_3_beyond_loopback_too() {
    let (home, authority) = (TempDir::new().unwrap(), Authority::new());
    let files = authority.issue(home.path(), 1);
    let daemon = start(&home, "0.0.0.0:0", &files);
    let address = daemon.address.replace("0.0.0.0", "127.0.0.1");
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut connection = authority.connect(&address, &[version]);
        for _ in 0..2 {
            let answer = ask(&mut connection, "/livez").unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        }
    }
    // Clear text is no request.
    assert_eq!(
        crate::daemon::process::request(&address, "GET", "/livez", None).0,
        0
    );

    let mut status = linux_api(home.path(), &["status"]);
    status
        .env("LINUX_API__SERVER__LISTEN", &daemon.address)
        .env("LINUX_API__SERVER__TLS_CERTIFICATE", &files.0)
        .env("LINUX_API__SERVER__TLS_KEY", &files.1);
    let status = status.output().unwrap();
    assert!(status.status.success(), "{status:?}");
    assert!(String::from_utf8_lossy(&status.stdout).contains("https://127.0.0.1:"));
    assert!(daemon.end(Signal::TERM).success());
}

#[test]
fn a_new_certificate_serves_new_connections_and_breaks_none() {
    let (home, authority) = (TempDir::new().unwrap(), Authority::new());
    let files = authority.issue(home.path(), 1);
    let daemon = start(&home, "127.0.0.1:0", &files);
    let mut old = authority.connect(&daemon.address, rustls::ALL_VERSIONS);
    ask(&mut old, "/livez").unwrap();
    assert_eq!(serial(&authority, &daemon.address), [1]);

    authority.issue(home.path(), 2);
    daemon.signal(Signal::HUP);
    eventually(|| serial(&authority, &daemon.address) == [2]);
    let answer = ask(&mut old, "/livez").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");

    // A broken one changes nothing, and is reported.
    fs::write(&files.0, "nonsense").unwrap();
    daemon.signal(Signal::HUP);
    eventually(|| {
        ask(&mut old, "/readyz")
            .unwrap()
            .contains("contains no certificate")
    });
    assert_eq!(serial(&authority, &daemon.address), [2]);
}

#[test]
fn a_certificate_that_cannot_be_used_stops_the_start() {
    let (home, authority) = (TempDir::new().unwrap(), Authority::new());
    let files = authority.issue(home.path(), 1);
    fs::set_permissions(&files.1, fs::Permissions::from_mode(0o644)).unwrap();
    let mut command = linux_api(home.path(), &["serve", "--listen", "127.0.0.1:0"]);
    command
        .env("LINUX_API__SERVER__TLS_CERTIFICATE", &files.0)
        .env("LINUX_API__SERVER__TLS_KEY", &files.1);
    let output = command.output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("is world-readable"), "{said}");
}

#[test]
fn beyond_loopback_it_refuses_clear_text_unless_told_to() {
    let home = TempDir::new().unwrap();
    let mut command = linux_api(home.path(), &["serve", "--listen", "0.0.0.0:0"]);
    let refused = command.output().unwrap();
    assert_eq!(refused.status.code(), Some(78));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        said.contains("--listen") && said.contains("set server.tls_certificate"),
        "{said}"
    );

    command.env("LINUX_API__SERVER__INSECURE", "true");
    let daemon = Daemon::start_command(command);
    let address = daemon.address.replace("0.0.0.0", "127.0.0.1");
    let (status, body) = crate::daemon::process::request(&address, "GET", "/readyz", None);
    assert_eq!(status, 200);
    assert!(body.contains("keys travel in the clear"), "{body}");
    let log = fs::read_to_string(home.path().join("log")).unwrap();
    assert!(log.contains("KEYS TRAVEL IN THE CLEAR"), "{log}");
}
