//! What commands need to talk to daemons: the list of remotes, keys, and the daemon of this machine.

use std::path::PathBuf;

use anyhow::Context as _;
use secrecy::SecretString;

use super::Context;
use linux_api_client::keys::Keys;
use linux_api_client::local::{self, Places};
use linux_api_client::remotes::Remotes;
use linux_api_client::{Address, Target};
use linux_api_config::Config;

/// Where the packaged daemon has its socket.
const SYSTEM_SOCKET: &str = "/run/linux-api/api.sock";
/// The file with the first admin's key, in the data directory.
pub(super) const FIRST_KEY_FILE: &str = "first-admin-key";

impl Context {
    /// The file with the user's remotes.
    pub(super) fn remotes_file(&self) -> anyhow::Result<PathBuf> {
        let folder = self
            .environment
            .config_dir()
            .context("the configuration directory is unknown: set HOME or XDG_CONFIG_HOME")?;
        Ok(folder.join("remotes.toml"))
    }

    /// The user's remotes, none when there is no place for them.
    pub(super) fn remotes(&self) -> anyhow::Result<Remotes> {
        match self.remotes_file() {
            Ok(path) => Ok(Remotes::load(&path)?),
            Err(_) => Ok(Remotes::default()),
        }
    }

    /// The places where the user's keys are.
    pub(super) fn keys(&self) -> Keys {
        let folder = self.environment.config_dir();
        let folder = folder.map_or_else(|| PathBuf::from("keys"), |folder| folder.join("keys"));
        let bus = self.environment.text("DBUS_SESSION_BUS_ADDRESS").is_some();
        let runtime = self.environment.text("XDG_RUNTIME_DIR");
        let socket = runtime.map(|folder| PathBuf::from(folder).join("bus"));
        Keys::new(folder, bus || socket.is_some_and(|socket| socket.exists()))
    }

    /// The key that the environment gives to scripts.
    pub(super) fn key_from_environment(&self) -> Option<SecretString> {
        let key = self.environment.text("LINUX_API_KEY")?;
        Some(SecretString::from(key.trim()))
    }

    /// Where the daemon of a remote's name or of a URL is, and how to get in.
    pub(super) async fn target(&self, name_or_url: &str) -> anyhow::Result<Target> {
        let key = self.key_from_environment();
        let mut remotes = self.remotes()?;
        for remote in remotes.remotes.values_mut() {
            remote.push |= self.options.push;
        }
        if let Ok(remote) = remotes.get(name_or_url) {
            return Ok(remote
                .target(name_or_url, &self.keys(), key.as_ref())
                .await?);
        }
        if !name_or_url.contains(':') {
            // No URL: then it was meant as a name.
            remotes.get(name_or_url)?;
        }
        let address: Address = name_or_url
            .parse()
            .with_context(|| name_or_url.to_owned())?;
        let known = remotes.remotes.iter().find(|(_, remote)| {
            let same = remote.url.parse::<Address>();
            same.is_ok_and(|same| same == address)
        });
        if let Some((name, remote)) = known {
            return Ok(remote.target(name, &self.keys(), key.as_ref()).await?);
        }
        Ok(match address {
            Address::Ssh(host) => Target::ssh(host, self.options.push),
            address => Target {
                key: key.filter(|_| address.needs_key()),
                ..Target::new(address)
            },
        })
    }

    /// The sockets at which a daemon of this machine may listen, the likeliest first.
    pub(super) fn sockets(&self) -> Vec<PathBuf> {
        let loaded = self.load(Vec::new()).ok();
        let configured = loaded.and_then(|loaded| loaded.config.server.unix.clone());
        let system = PathBuf::from(SYSTEM_SOCKET);
        configured.into_iter().chain([system]).collect()
    }

    /// The daemon of this machine, found without configuration.
    pub(super) async fn local_target(&self) -> anyhow::Result<Target> {
        // A system configuration that this user may not read says nothing to a client.
        let loaded = self.load(Vec::new()).ok();
        let config = loaded.as_ref().map(|loaded| &loaded.config);
        let listen = config.map_or_else(|| Config::default().server.listen, |it| it.server.listen);
        let data = loaded.as_ref().map(|loaded| loaded.data_dir.clone());
        let data = data.or_else(|| self.environment.user_data.clone());
        let places = Places {
            sockets: self.sockets(),
            listen,
            key_file: data.unwrap_or_default().join(FIRST_KEY_FILE),
        };
        let key = self.key_from_environment();
        Ok(local::find(&places, &self.keys(), key.as_ref()).await?)
    }
}
