//! The configuration of alerts in the form that the tasks use.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use linux_api_alerts::quiet::QuietHours;
use linux_api_alerts::window::Weekly;
use linux_api_config::{self as config, Channel, ChannelKind, LoadedConfig, MailOptions, Network};
use reqwest::Url;

use super::mail;

/// What alerts are configured to do.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Whether rules are judged and notices are sent.
    pub enabled: bool,
    /// Where files of rules are.
    pub rules_dir: PathBuf,
    /// Who gets notices.
    pub channels: Vec<Channel>,
    /// Private networks that receivers and peers may be in.
    pub networks: Vec<IpNet>,
    /// When warnings wait.
    pub quiet: Vec<QuietHours>,
    /// The file with the URL to request every minute.
    pub heartbeat_file: Option<PathBuf>,
    /// Daemons with databases of their own.
    pub peers: Vec<Peer>,
    /// How long notices and the log of deliveries are kept.
    pub keep: Duration,
}

/// A daemon with a database of its own, which this one watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its address as it is configured.
    pub address: String,
    /// Its host and port, for people.
    pub name: String,
    /// What is requested of it.
    pub probe: Url,
}

/// An option that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct SettingsProblem {
    /// The option with its section.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
}

impl Settings {
    /// Alerts that do nothing, for a daemon that keeps nothing.
    #[must_use]
    pub fn disabled() -> Self {
        Self::default()
    }

    /// The settings of a configuration.
    ///
    /// # Errors
    /// Names the option that can't be used.
    pub fn new(config: &config::Alerts) -> Result<Self, SettingsProblem> {
        let problem = |key, message| SettingsProblem { key, message };
        for channel in &config.channels.0 {
            if let ChannelKind::Mail(options) = &channel.kind {
                check_mail(options).map_err(|message| {
                    problem("alerts.channels", format!("{}: {message}", channel.name))
                })?;
            }
        }
        let peers = config.peers.iter().map(|address| peer(address));
        let peers: Result<Vec<Peer>, String> = peers.collect();
        let mut quiet = Vec::new();
        if !config.quiet_hours.0.is_empty() {
            let weekly = Weekly {
                windows: config.quiet_hours.0.clone(),
                zone: config.time_zone.clone(),
            };
            weekly
                .check()
                .map_err(|message| problem("alerts.quiet_hours", message))?;
            quiet.push(QuietHours { weekly });
        }
        Ok(Self {
            enabled: config.enabled,
            rules_dir: config.rules_dir.clone(),
            channels: config.channels.0.clone(),
            networks: config.networks.0.iter().map(Network::net).collect(),
            quiet,
            heartbeat_file: config.heartbeat_file.clone(),
            peers: peers.map_err(|message| problem("alerts.peers", message))?,
            keep: config.keep,
        })
    }
}

/// Looks at what only this crate can read of the configuration of alerts.
///
/// # Errors
/// Names the first thing that is wrong, and where it is written.
pub(crate) fn check(loaded: &LoadedConfig) -> anyhow::Result<()> {
    Settings::new(&loaded.config.alerts)
        .map(|_| ())
        .map_err(|problem| loaded.refuse(problem.key, &problem.message).into())
}

fn check_mail(options: &MailOptions) -> Result<(), String> {
    let addresses = options.to.iter().map(|to| ("to", to));
    for (key, address) in addresses.chain([("from", &options.from)]) {
        mail::address(address).map_err(|error| format!("{key}: {error}: {address:?}"))?;
    }
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte);
    if options.host.is_empty() || !options.host.bytes().all(is_host) {
        return Err(format!(
            "host: expected a name or an address, not {:?}",
            options.host
        ));
    }
    Ok(())
}

fn peer(address: &str) -> Result<Peer, String> {
    let wrong = || {
        format!("expected an address such as \"https://db-01.example.org:8443\", not {address:?}")
    };
    let url = Url::parse(address).map_err(|_| wrong())?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    let is_http = matches!(url.scheme(), "http" | "https");
    let host = url.host_str().ok_or_else(wrong)?;
    if !is_plain || !is_http || url.path() != "/" {
        return Err(wrong());
    }
    let name = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    Ok(Peer {
        address: address.to_owned(),
        name,
        probe: url.join("/livez").map_err(|_| wrong())?,
    })
}

/// A secret from its file, without the line break at its end.
///
/// # Errors
/// Names the file.
pub(super) fn read_secret(path: &Path) -> Result<secrecy::SecretString, String> {
    let text =
        linux_api_files::read_text(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let text = text.trim();
    if text.is_empty() || text.contains(['\n', '\r']) {
        return Err(format!(
            "{}: expected one line with the secret",
            path.display()
        ));
    }
    Ok(text.to_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(change: impl FnOnce(&mut config::Alerts)) -> SettingsProblem {
        let mut config = config::Alerts::default();
        change(&mut config);
        Settings::new(&config).unwrap_err()
    }

    #[test]
    fn what_can_not_be_used_is_named() {
        for peer in [
            "db-01",
            "ftp://db-01",
            "https://a:b@db-01",
            "https://db-01/x",
        ] {
            let problem = problem(|config| config.peers = vec![peer.to_owned()]);
            assert_eq!(problem.key, "alerts.peers", "{peer}");
        }
        let mail = |change: fn(&mut MailOptions)| {
            let mut options = MailOptions {
                host: "mail.example.org".to_owned(),
                port: None,
                security: config::MailSecurity::default(),
                user: None,
                password_file: None,
                from: "alerts@example.org".to_owned(),
                to: vec!["ops@example.org".to_owned()],
            };
            change(&mut options);
            let channel = Channel {
                name: "mail".parse().unwrap(),
                kind: ChannelKind::Mail(options),
            };
            problem(|config| config.channels.0.push(channel)).message
        };
        assert!(mail(|it| it.to.push("ops".to_owned())).starts_with("mail: to: "));
        assert!(mail(|it| it.from = "a@b\nBcc: c@d".to_owned()).starts_with("mail: from: "));
        assert!(mail(|it| it.host = "a b".to_owned()).starts_with("mail: host: "));
    }

    #[test]
    fn a_peer_is_probed_at_its_livez() {
        let one = peer("https://db-01.example.org:8443").unwrap();
        assert_eq!(one.probe.as_str(), "https://db-01.example.org:8443/livez");
        assert_eq!(one.name, "db-01.example.org:8443");
    }
}
