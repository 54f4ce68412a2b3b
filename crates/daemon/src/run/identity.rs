//! Which host this is, and which start of its daemon.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rand::TryRng;
use sha2::{Digest, Sha256};

use linux_api_config::Host;
use linux_api_host::Collector;
use linux_api_wire::fleet::HostIdentity;

/// Where an id is kept that was made up.
const FILE: &str = "host-id";

/// The host as the database knows it. An id that has to be made up is kept in `state_folder`; without
/// one it is another each time.
///
/// # Errors
/// When there is no machine id and a made-up one can't be read or kept.
pub fn host(
    config: &Host,
    collector: &Collector,
    state_folder: Option<&Path>,
) -> anyhow::Result<HostIdentity> {
    let id = match (chosen(config), state_folder) {
        (Some(id), _) => id,
        (None, Some(folder)) => kept(folder)?,
        (None, None) => random_id()?,
    };
    Ok(identity(id, config, collector))
}

/// The host as the database knows it, without making up an id: nothing when there is none yet.
///
/// # Errors
/// When the id is kept in a file that can't be read.
pub fn known(
    config: &Host,
    collector: &Collector,
    state_folder: &Path,
) -> anyhow::Result<Option<HostIdentity>> {
    let id = match chosen(config) {
        Some(id) => Some(id),
        None => read(&state_folder.join(FILE))?,
    };
    Ok(id.map(|id| identity(id, config, collector)))
}

fn identity(id: String, config: &Host, collector: &Collector) -> HostIdentity {
    let name = collector.system_info().map(|info| info.node_name);
    HostIdentity {
        name: name.unwrap_or_else(|_| id.clone()),
        id: id.into(),
        labels: config.labels.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The id that needs not be made up.
fn chosen(config: &Host) -> Option<String> {
    let configured = config.id.clone();
    configured.or_else(|| of_machine_id(&config.rootfs))
}

/// The id that was made up before.
fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match linux_api_files::read_text(path) {
        // An empty one was cut off by a loss of power.
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|id| !id.is_empty())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
    }
}

/// A new id for every start.
pub(super) fn instance_id() -> anyhow::Result<Arc<str>> {
    random_id().map(Arc::from)
}

/// machine-id(5) requires that the id itself is not exposed, so this is a hash of it.
fn of_machine_id(rootfs: &Path) -> Option<String> {
    let text = linux_api_files::read_text(&rootfs.join("etc/machine-id")).ok()?;
    let machine_id = text.trim();
    let is_id = machine_id.len() == 32 && machine_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let hash = Sha256::digest(format!("linux-api host {machine_id}"));
    is_id.then(|| hex(&hash[..8]))
}

/// An id that was made up once and is kept.
fn kept(folder: &Path) -> anyhow::Result<String> {
    let path = folder.join(FILE);
    let cannot = || format!("keep the id of this host in {}", path.display());
    if let Some(id) = read(&path)? {
        return Ok(id);
    }
    let id = random_id()?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(cannot)?;
    // Linked when it is whole: several daemons may start at once.
    let unfinished = folder.join(format!("{FILE}.{id}"));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .with_context(cannot)?;
    writeln!(file, "{id}").with_context(cannot)?;
    file.sync_all().with_context(cannot)?;
    let linked = fs::hard_link(&unfinished, &path);
    let is_taken = |error: &std::io::Error| error.kind() == ErrorKind::AlreadyExists;
    let id = match (linked, read(&path)?) {
        (Ok(()), _) => id,
        (Err(error), Some(other)) if is_taken(&error) => other,
        (Err(error), None) if is_taken(&error) => {
            fs::rename(&unfinished, &path).with_context(cannot)?;
            return Ok(id);
        }
        (Err(error), _) => return Err(error).with_context(cannot),
    };
    fs::remove_file(&unfinished).with_context(cannot)?;
    let folder = fs::File::open(folder).with_context(cannot)?;
    folder.sync_all().with_context(cannot)?;
    Ok(id)
}

fn random_id() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 8];
    rand::rngs::SysRng
        .try_fill_bytes(&mut bytes)
        .context("generate random bytes")?;
    Ok(hex(&bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_configured_one_or_of_the_machine_or_made_up_and_kept() {
        let root = tempfile::tempdir().unwrap();
        let state = root.path().join("state");
        let id = |config: &Host| {
            let found = host(config, &Collector::default(), Some(&state));
            found.unwrap().id.to_string()
        };
        let mut config = Host {
            rootfs: root.path().to_owned(),
            ..Host::default()
        };
        let before = known(&config, &Collector::default(), &state).unwrap();
        assert!(before.is_none() && !state.exists());
        let made_up = id(&config);
        let after = known(&config, &Collector::default(), &state).unwrap();
        assert_eq!(after.unwrap().id.to_string(), made_up);
        assert_eq!(made_up.len(), 16);
        assert_eq!(id(&config), made_up);
        // What a loss of power left is no id.
        fs::write(state.join(FILE), "").unwrap();
        assert!(
            known(&config, &Collector::default(), &state)
                .unwrap()
                .is_none()
        );
        let made_up = id(&config);
        assert_eq!((made_up.len(), id(&config)), (16, made_up.clone()));
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1);

        fs::create_dir(root.path().join("etc")).unwrap();
        let file = root.path().join("etc/machine-id");
        fs::write(&file, "uninitialized\n").unwrap();
        assert_eq!(id(&config), made_up);
        fs::write(&file, "0123456789abcdef0123456789abcdef\n").unwrap();
        let of_machine = id(&config);
        assert_ne!(of_machine, made_up);
        assert_eq!(of_machine.len(), 16);
        assert!(!"0123456789abcdef0123456789abcdef".contains(&of_machine));

        config.id = Some("web-1".to_owned());
        assert_eq!(id(&config), "web-1");
    }
}
