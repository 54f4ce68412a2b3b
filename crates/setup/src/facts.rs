//! What is there already, looked up before anything is decided. Changes nothing.

mod address;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use rustls::InconsistentKeys;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use secrecy::{ExposeSecret, SecretString};

use self::address::{first_free_port, is_own_port, may_bind_low, refused};
use super::answers::{Answers, Existing, Kind, PackageManager, Tls};
use super::apply::links;
use super::database;
use super::plan::{
    ACCOUNT, CONFIG, EXECUTOR, EXECUTOR_SOCKET, JOURNAL_GROUP, LocalDatabase, PACKAGED_PROGRAM,
    PACKAGED_UNITS, PACKAGED_UNITS_OF_OLD, POLICY, PROGRAM, SERVICE, SOCKET, SYSUSERS, TMPFILES,
    UNITS, URL_FILE,
};
use super::service;
use super::tree::{Tree, TreeError};
use linux_api_config::{Config, DatabaseUrl, Environment, Flag, Sources};

pub use self::address::ListenProblem;

/// The largest configuration file that is looked at.
const CONFIG_LIMIT: u64 = 1 << 20;
/// The largest file with a URL that is looked at.
const URL_LIMIT: u64 = 4096;
/// The largest certificate file that is looked at.
const PEM_LIMIT: usize = 1 << 20;

/// The host as it is.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Facts {
    /// It is the running system and no directory with another one.
    pub is_live: bool,
    /// This process has the rights of root.
    pub is_root: bool,
    /// systemd runs the system.
    pub has_systemd: bool,
    /// Where a package put the units, when program and units came with one.
    pub packaged_units: Option<PathBuf>,
    /// The program to install when they did not.
    pub program: PathBuf,
    /// That program was named explicitly.
    pub program_is_named: bool,
    /// It is the one that came with the package.
    pub program_is_packaged: bool,
    /// Why it can't be installed.
    pub program_refused: Option<String>,
    /// What setup put here before the package came, and what hides the package's now.
    pub left_behind: Vec<PathBuf>,
    /// There is a group whose members read the journal.
    pub has_journal_group: bool,
    /// The policy that is there: what may be done on the host.
    pub policy: Option<String>,
    /// The configuration file.
    pub config: Option<FoundConfig>,
    /// The database URL that is kept for the daemon.
    pub database_url: Option<SecretString>,
    /// Certificate and key of the answers.
    pub tls: Option<Result<TlsFiles, String>>,
    /// The URL of the answers, read from its file when it has one.
    pub given_url: Option<Result<SecretString, String>>,
    /// The daemon runs under systemd, or is just starting or stopping.
    pub service_runs: bool,
    /// The first port that does not take the rights of root.
    pub first_free_port: u16,
    /// An administrator lets the unit listen below that.
    pub may_bind_low: bool,
    /// Why the daemon could not listen where it is to.
    pub address_refused: Option<ListenProblem>,
    /// The system's package manager.
    pub package_manager: Option<PackageManager>,
    /// There is an account that a PostgreSQL server of this host runs as.
    pub has_local_server: bool,
    /// Why role and database of the answers can't be made on it.
    pub local_refused: Option<String>,
}

/// A configuration that is there.
#[derive(Debug)]
pub struct FoundConfig {
    /// Its text.
    pub text: String,
    /// What it says, or why it is wrong.
    pub says: Result<ConfigSummary, String>,
}

/// What setup has to know of a configuration that it keeps.
#[derive(Debug, Clone)]
pub struct ConfigSummary {
    /// Where the daemon listens.
    pub listen: SocketAddr,
    /// The daemon itself speaks TLS.
    pub has_tls: bool,
    /// The database.
    pub database: DatabaseUrl,
}

/// A certificate and its key that belong together.
#[derive(Debug)]
pub struct TlsFiles {
    /// In PEM.
    pub certificate: String,
    /// In PEM.
    pub key: SecretString,
}

/// What would be installed.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Where it is.
    pub path: PathBuf,
    /// It was named; otherwise it is the running program.
    pub is_named: bool,
}

/// Looks around in `tree`.
///
/// # Errors
/// When a symbolic link or something else is in the way of what has to be read.
pub async fn gather(
    tree: &Tree,
    program: &Candidate,
    answers: &Answers,
) -> Result<Facts, TreeError> {
    let is_live = tree.is_live();
    let service_runs = is_live && service::is_up(SERVICE).await;
    let config = find_config(tree)?;
    let kept = config
        .as_ref()
        .filter(|_| answers.configuration == Existing::Keep)
        .and_then(|config| config.says.as_ref().ok());
    let listen = kept.map_or(answers.listen, |says| says.listen);
    let is_own = service_runs && is_own_port(config.as_ref(), listen);
    let packaged = exists(tree, PACKAGED_PROGRAM)?;
    let mut packaged_units = None;
    for folder in [PACKAGED_UNITS, PACKAGED_UNITS_OF_OLD] {
        // /lib is a link to /usr/lib on merged systems, which is then the first one.
        let found = exists(tree, &format!("{folder}/{SERVICE}")).unwrap_or(false);
        if packaged && packaged_units.is_none() && found {
            packaged_units = Some(PathBuf::from(folder));
        }
    }
    let is_packaged = packaged_units.is_some();
    let is_root = rustix::process::geteuid().is_root();
    let database_url = read_url(tree)?;
    let local_refused = match answers.database.kind() {
        // Only root may act as the server's account.
        Kind::Local if is_live && is_root && kept.is_none() => {
            let local = LocalDatabase::from(&answers.database);
            database::refuses_local(&local, database_url.as_ref()).await
        }
        _ => None,
    };
    Ok(Facts {
        is_live,
        is_root,
        has_systemd: Path::new("/run/systemd/system").is_dir(),
        packaged_units,
        program: program.path.clone(),
        program_is_named: program.is_named,
        program_is_packaged: is_same(&program.path, &tree.outside(Path::new(PACKAGED_PROGRAM))),
        program_refused: if is_packaged {
            None
        } else {
            super::program::refusal(program).await
        },
        left_behind: if is_packaged {
            left_behind(tree)?
        } else {
            Vec::new()
        },
        has_journal_group: is_listed(tree, "/etc/group", JOURNAL_GROUP)?,
        policy: read_policy(tree)?,
        config,
        database_url,
        tls: answers.tls.as_ref().map(read_tls),
        given_url: given_url(answers),
        service_runs,
        first_free_port: first_free_port(is_live),
        may_bind_low: may_bind_low(tree),
        address_refused: if is_live && !is_own {
            refused(listen)
        } else {
            None
        },
        package_manager: answers.database.package_manager.or_else(|| {
            [
                (PackageManager::Apt, "usr/bin/apt-get"),
                (PackageManager::Dnf, "usr/bin/dnf"),
            ]
            .into_iter()
            .find(|(_, path)| tree.outside(Path::new(path)).exists())
            .map(|(manager, _)| manager)
        }),
        has_local_server: is_live && database::has_local_server(),
        local_refused,
    })
}

/// The policy, as much of it as any has.
fn read_policy(tree: &Tree) -> Result<Option<String>, TreeError> {
    let found = read_if_allowed(tree, POLICY, CONFIG_LIMIT)?;
    Ok(found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

fn exists(tree: &Tree, path: &str) -> Result<bool, TreeError> {
    Ok(tree.look(Path::new(path))?.is_some())
}

fn find_config(tree: &Tree) -> Result<Option<FoundConfig>, TreeError> {
    let Some(content) = read_if_allowed(tree, CONFIG, CONFIG_LIMIT)? else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&content).into_owned();
    let loaded = flags_below(tree, &text).and_then(|flags| {
        let sources = Sources {
            config_path: Some(tree.outside(Path::new(CONFIG))),
            environment: Environment::default(),
            flags,
        };
        Config::load(&sources).map_err(|error| error.to_string())
    });
    let says = loaded.map(|loaded| ConfigSummary {
        listen: loaded.config.server.listen,
        has_tls: loaded.config.server.tls_certificate.is_some(),
        database: loaded.config.database.url,
    });
    Ok(Some(FoundConfig { text, says }))
}

/// The URLs in the files that a configuration names. In a directory with a system these are files
/// below it, and none of this machine's.
fn flags_below(tree: &Tree, text: &str) -> Result<Vec<Flag>, String> {
    let mut flags = Vec::new();
    // A text that is not TOML is reported where it is read as a whole.
    let table = text.parse::<toml::Table>().unwrap_or_default();
    for (key, name) in [
        ("database.url", "url_file"),
        ("database.direct_url", "direct_url_file"),
    ] {
        let path = table.get("database").and_then(|section| section.get(name));
        let Some(path) = path
            .and_then(toml::Value::as_str)
            .filter(|_| !tree.is_live())
        else {
            continue;
        };
        let content = tree
            .read(Path::new(path), URL_LIMIT)
            .map_err(|error| error.to_string())?
            .ok_or_else(|| {
                let path = tree.outside(Path::new(path));
                format!("database.{name}: {} is not there", path.display())
            })?;
        let value = String::from_utf8_lossy(&content).trim().to_owned();
        flags.push(Flag {
            key,
            value,
            name: "--root",
        });
    }
    Ok(flags)
}

/// Whether both are there and are the same file.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    let (one, other) = (std::fs::canonicalize(one), std::fs::canonicalize(other));
    one.is_ok() && one.ok() == other.ok()
}

/// All that setup put in place of a package, when its service still stands before the package's.
/// The service comes last: until it is gone, an interrupted run finds the rest again.
fn left_behind(tree: &Tree) -> Result<Vec<PathBuf>, TreeError> {
    let service = format!("{UNITS}/{SERVICE}");
    let is_link = |path: &str| -> Result<bool, TreeError> {
        let found = tree.look(Path::new(path))?;
        Ok(found.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink))
    };
    // `systemctl mask` makes a link, which is intended.
    if is_link(&service)? {
        return Ok(Vec::new());
    }
    let text = tree.read(Path::new(&service), CONFIG_LIMIT)?;
    let text = text.unwrap_or_default();
    let starts_own = format!("ExecStart={PROGRAM} serve");
    let is_own = String::from_utf8_lossy(&text)
        .lines()
        .any(|line| line == starts_own);
    if !is_own {
        return Ok(Vec::new());
    }
    let links = links().map(|(link, _)| link);
    let files = [
        format!("{UNITS}/{EXECUTOR_SOCKET}"),
        format!("{UNITS}/{EXECUTOR}"),
        format!("{UNITS}/{SOCKET}"),
        SYSUSERS.to_owned(),
        TMPFILES.to_owned(),
        PROGRAM.to_owned(),
        service,
    ];
    let mut left = Vec::new();
    for path in links.into_iter().chain(files) {
        if exists(tree, &path)? {
            left.push(PathBuf::from(path));
        }
    }
    Ok(left)
}

/// Without the rights of root, what only root may read counts as absent: then only a plan is shown.
fn read_if_allowed(tree: &Tree, path: &str, limit: u64) -> Result<Option<Vec<u8>>, TreeError> {
    match tree.read(Path::new(path), limit) {
        Err(TreeError::Io { source, .. })
            if source.kind() == io::ErrorKind::PermissionDenied && !tree.gives_away() =>
        {
            Ok(None)
        }
        other => other,
    }
}

fn read_url(tree: &Tree) -> Result<Option<SecretString>, TreeError> {
    let content = read_if_allowed(tree, URL_FILE, URL_LIMIT)?;
    let text = content.map(|content| String::from_utf8_lossy(&content).trim().to_owned());
    Ok(text.filter(|text| !text.is_empty()).map(SecretString::from))
}

fn given_url(answers: &Answers) -> Option<Result<SecretString, String>> {
    let database = &answers.database;
    match (&database.url, &database.url_file) {
        (Some(_), Some(_)) => Some(Err("give either url or url_file, not both".to_owned())),
        (Some(url), None) => Some(Ok(url.expose_secret().trim().into())),
        (None, Some(path)) => Some(match linux_api_files::read_text(path) {
            Ok(text) => Ok(text.trim().into()),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }),
        (None, None) => None,
    }
}

/// Reads a certificate and its key.
///
/// # Errors
/// In words: when one can't be read or is none, or they do not belong together.
pub fn read_tls(tls: &Tls) -> Result<TlsFiles, String> {
    let read = |path: &Path| {
        let text = linux_api_files::read_text(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        if text.len() > PEM_LIMIT {
            return Err(format!("{}: too large for a PEM file", path.display()));
        }
        Ok(text)
    };
    let (certificate, key) = (read(&tls.certificate)?, read(&tls.key)?);
    let at = |path: &Path, what: &str| format!("{}: {what}", path.display());
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| at(&tls.certificate, &error.to_string()))?;
    if chain.is_empty() {
        return Err(at(&tls.certificate, "holds no certificate in PEM"));
    }
    let der = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|_| at(&tls.key, "holds no key in PEM"))?;
    CertifiedKey::from_der(chain, der, &ring::default_provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => at(
            &tls.key,
            "does not fit the certificate: it is that of another one",
        ),
        other => at(&tls.key, &format!("does not fit the certificate: {other}")),
    })?;
    Ok(TlsFiles {
        certificate,
        key: key.into(),
    })
}

/// The numbers of the daemon's account and group below the root, when they exist.
///
/// # Errors
/// When the list of accounts can't be read.
pub fn account(tree: &Tree) -> Result<Option<(u32, u32)>, TreeError> {
    let user = number(tree, "/etc/passwd", ACCOUNT)?;
    let group = number(tree, "/etc/group", ACCOUNT)?;
    Ok(user.zip(group))
}

/// Whether an account or group of this name is in this list.
pub(super) fn is_listed(tree: &Tree, list: &str, name: &str) -> Result<bool, TreeError> {
    Ok(number(tree, list, name)?.is_some())
}

fn number(tree: &Tree, list: &str, wanted: &str) -> Result<Option<u32>, TreeError> {
    let content = tree.read(Path::new(list), 1 << 24)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&content);
    let found = text
        .lines()
        .filter_map(entry)
        .find(|(name, _)| name == wanted);
    Ok(found.and_then(|(_, numbers)| numbers.first().copied()))
}

/// Name and numbers of a line of passwd(5) or group(5).
fn entry(line: &str) -> Option<(String, Vec<u32>)> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let numbers = fields.skip(1).map_while(|field| field.parse().ok());
    Some((name, numbers.collect()))
}

#[cfg(test)]
impl Facts {
    /// A system where nothing has been installed yet, and nothing is in the way.
    pub(super) fn bare() -> Self {
        Self {
            is_live: true,
            is_root: true,
            has_systemd: true,
            packaged_units: None,
            program: PathBuf::from("/home/alice/linux-api"),
            program_is_named: false,
            program_is_packaged: false,
            program_refused: None,
            left_behind: Vec::new(),
            has_journal_group: true,
            policy: None,
            config: None,
            database_url: None,
            tls: None,
            given_url: None,
            service_runs: false,
            first_free_port: 1024,
            may_bind_low: false,
            address_refused: None,
            package_manager: Some(PackageManager::Apt),
            has_local_server: true,
            local_refused: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_found_by_its_name_alone() {
        let folder = tempfile::tempdir().unwrap();
        let tree = Tree::open(folder.path()).unwrap();
        assert_eq!(account(&tree).unwrap(), None);
        let etc = folder.path().join("etc");
        std::fs::create_dir(&etc).unwrap();
        std::fs::write(
            etc.join("passwd"),
            "root:x:0:0:root:/root:/bin/sh\nlinux-api-old:x:5:5::/:/\nlinux-api:x:998:997:d:/:/\n",
        )
        .unwrap();
        assert_eq!(account(&tree).unwrap(), None);
        std::fs::write(etc.join("group"), "linux-api:x:997:alice\n").unwrap();
        assert_eq!(account(&tree).unwrap(), Some((998, 997)));
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
            let (certificate, key) = (
                folder.path().join(format!("{name}.pem")),
                folder.path().join(format!("{name}.key")),
            );
            std::fs::write(&certificate, made.cert.pem()).unwrap();
            std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
            Tls { certificate, key }
        };
        let (one, other) = (make("one"), make("other"));
        assert!(read_tls(&one).is_ok());
        let mixed = Tls {
            certificate: one.certificate.clone(),
            key: other.key,
        };
        assert!(read_tls(&mixed).unwrap_err().contains("does not fit"));
        let swapped = Tls {
            certificate: one.key.clone(),
            key: one.certificate,
        };
        assert!(read_tls(&swapped).unwrap_err().contains("no certificate"));
    }
}
