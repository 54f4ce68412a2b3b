//! Sends requests of channels, heartbeats and probes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use linux_api_alerts::channels::{HttpChannel, SigningSecret};
use linux_api_alerts::delivery::{Reception, reception};
use linux_api_alerts::message::Message;
use linux_api_alerts::name::Name;
use linux_api_config::{Channel, ChannelKind};
use linux_api_wire::time::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use reqwest::{Client, RequestBuilder, Response, Url};
use secrecy::{ExposeSecret as _, SecretString};

use super::mail::MailChannel;
use super::resolver::{self, CheckedResolver};
use super::settings::read_secret;

/// How long a request may take, its response included.
pub const REQUEST_TIME: Duration = Duration::from_secs(10);
/// How much of a response is read: admins see it when they test a channel.
pub const BODY_MAX: usize = 200;
/// How receivers know the program.
const PROGRAM: &str = concat!("linux-api/", env!("CARGO_PKG_VERSION"));

/// A channel with its secrets.
#[derive(Debug, Clone)]
pub enum ReadyChannel {
    /// Over HTTP.
    Http(HttpChannel),
    /// Over SMTP.
    Mail(Box<MailChannel>),
}

impl ReadyChannel {
    /// Reads the secrets of a channel.
    ///
    /// # Errors
    /// Names the file that can't be used, without its content.
    pub fn read(channel: &Channel) -> Result<Self, String> {
        let secret = |path: &Path| read_secret(path);
        let maybe =
            |path: Option<&std::path::PathBuf>| path.map(|path| read_secret(path)).transpose();
        let http = match &channel.kind {
            ChannelKind::Generic {
                url_file,
                secret_file,
            } => HttpChannel::Generic {
                url: url(url_file)?,
                secret: SigningSecret::parse(&secret(secret_file)?)
                    .map_err(|error| format!("{}: {error}", secret_file.display()))?,
            },
            ChannelKind::Slack { url_file } => HttpChannel::Slack {
                url: url(url_file)?,
            },
            ChannelKind::Discord { url_file } => HttpChannel::Discord {
                url: url(url_file)?,
            },
            ChannelKind::Teams { url_file } => HttpChannel::Teams {
                url: url(url_file)?,
            },
            ChannelKind::Ntfy {
                url_file,
                topic_file,
                token_file,
            } => HttpChannel::Ntfy {
                url: url(url_file)?,
                topic: secret(topic_file)?,
                token: maybe(token_file.as_ref())?,
            },
            ChannelKind::Gotify {
                url_file,
                token_file,
            } => HttpChannel::Gotify {
                url: url(url_file)?,
                token: secret(token_file)?,
            },
            ChannelKind::Telegram {
                token_file,
                chat,
                url_file,
            } => HttpChannel::Telegram {
                url: match url_file {
                    Some(path) => url(path)?,
                    None => "https://api.telegram.org".to_owned().into(),
                },
                token: secret(token_file)?,
                chat: chat.clone(),
            },
            ChannelKind::Alertmanager {
                url_file,
                user,
                password_file,
            } => HttpChannel::Alertmanager {
                url: url(url_file)?,
                user: user.clone().zip(maybe(password_file.as_ref())?),
            },
            ChannelKind::Apprise { url_file, tag } => HttpChannel::Apprise {
                url: url(url_file)?,
                tag: tag.clone(),
            },
            ChannelKind::Mail(options) => {
                let password = maybe(options.password_file.as_ref())?;
                let mail = MailChannel::new(options, password)?;
                return Ok(Self::Mail(Box::new(mail)));
            }
        };
        Ok(Self::Http(http))
    }

    /// Its address, cut.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Http(channel) => channel.shown(),
            Self::Mail(mail) => mail.shown(),
        }
    }
}

/// A URL from its file.
///
/// # Errors
/// Names the file when it holds none, without what it holds.
pub(super) fn url(path: &Path) -> Result<SecretString, String> {
    let secret = read_secret(path)?;
    let parsed = Url::parse(secret.expose_secret()).ok();
    let is_http = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    if parsed.as_ref().is_some_and(is_http) {
        Ok(secret)
    } else {
        Err(format!(
            "{}: expected a URL with http or https",
            path.display()
        ))
    }
}

/// The channels of this daemon, as far as their secrets can be read.
#[derive(Debug, Clone, Default)]
pub struct ChannelSet {
    /// Those that can be used, and why others can't be.
    pub all: BTreeMap<Name, Result<ReadyChannel, String>>,
}

impl ChannelSet {
    /// Reads the secrets of all channels.
    #[must_use]
    pub fn read(channels: &[Channel]) -> Self {
        let read = |channel: &Channel| (channel.name.clone(), ReadyChannel::read(channel));
        Self {
            all: channels.iter().map(read).collect(),
        }
    }

    /// Whether there are channels and all of them can be used: only then this daemon may send for all.
    #[must_use]
    pub fn can_send(&self) -> bool {
        !self.all.is_empty() && self.all.values().all(Result::is_ok)
    }

    /// Why the first channel that can't be used can't be.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let mut all = self.all.iter();
        all.find_map(|(name, one)| one.as_ref().err().map(|why| format!("{name}: {why}")))
    }

    /// Those that a notice goes to: the ones that its rule names, as far as there are any, or all. A notice of
    /// a rule that names none that exists is sent to all rather than to no one.
    #[must_use]
    pub fn meant(&self, named: &[Name]) -> Vec<Name> {
        let found: Vec<Name> = named
            .iter()
            .filter(|name| self.all.contains_key(*name))
            .cloned()
            .collect();
        if found.is_empty() {
            self.all.keys().cloned().collect()
        } else {
            found
        }
    }
}

/// What became of an attempt to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendResult {
    /// What the receiver did.
    pub reception: Reception,
    /// The status of its response, if there was one.
    pub status: Option<u16>,
    /// What went wrong, without the address.
    pub error: Option<String>,
    /// The begin of its response.
    pub body: String,
}

/// Sends, with the addresses of receivers checked.
#[derive(Debug, Clone)]
pub struct Sender {
    http: Client,
    networks: Arc<[IpNet]>,
}

impl Sender {
    /// A sender that may reach public addresses and these private networks.
    ///
    /// # Errors
    /// When the certificates that the system trusts can't be read.
    pub fn new(networks: &[IpNet]) -> Result<Self, String> {
        let networks: Arc<[IpNet]> = networks.into();
        // The same provider everywhere: two in one binary would have to be distinguished.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .timeout(REQUEST_TIME)
            // A redirect would lead to an address that no one configured.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .dns_resolver(Arc::new(CheckedResolver {
                networks: Arc::clone(&networks),
            }))
            .build()
            .map_err(|error| format!("prepare requests: {error}"))?;
        Ok(Self { http, networks })
    }

    /// Sends a message to a channel; `now` is what a signature covers.
    pub async fn send(
        &self,
        channel: &ReadyChannel,
        message: &Message,
        now: Timestamp,
    ) -> SendResult {
        match channel {
            ReadyChannel::Mail(mail) => {
                match mail.send(message, &self.networks, REQUEST_TIME).await {
                    Ok(response) => SendResult {
                        reception: Reception::Taken,
                        status: response.parse().ok(),
                        error: None,
                        body: response,
                    },
                    Err(error) => failed(error),
                }
            }
            ReadyChannel::Http(channel) => {
                let request = channel.request(message, now);
                let Ok(url) = Url::parse(request.url.expose_secret()) else {
                    return failed("the address is no URL".to_owned());
                };
                let mut builder = self.http.post(url.clone()).body(request.body);
                builder = builder.header(CONTENT_TYPE, "application/json");
                for (name, value) in request.headers {
                    let Ok(mut value) = HeaderValue::from_str(value.expose_secret()) else {
                        return failed(format!("the value of {name} can't be a header"));
                    };
                    value.set_sensitive(true);
                    builder = builder.header(HeaderName::from_static(name), value);
                }
                self.received(&url, builder).await
            }
        }
    }

    /// Requests a URL; the status of a response that is not one of success is an error too.
    ///
    /// # Errors
    /// Says what went wrong, without the URL.
    pub async fn get(&self, url: &Url) -> Result<(), String> {
        let response = self.respond(url, self.http.get(url.clone())).await?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("status {}", status.as_u16())),
        }
    }

    async fn received(&self, url: &Url, request: RequestBuilder) -> SendResult {
        let mut response = match self.respond(url, request).await {
            Ok(response) => response,
            Err(error) => return failed(error),
        };
        let status = response.status().as_u16();
        let after = response.headers().get(RETRY_AFTER);
        let after = after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let mut body = Vec::new();
        while body.len() < BODY_MAX
            && let Ok(Some(part)) = response.chunk().await
        {
            body.extend_from_slice(&part);
        }
        body.truncate(BODY_MAX);
        let reception = reception(status, after.map(Duration::from_secs));
        let error = (reception != Reception::Taken).then(|| format!("status {status}"));
        SendResult {
            reception,
            status: Some(status),
            error,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    async fn respond(&self, url: &Url, request: RequestBuilder) -> Result<Response, String> {
        resolver::check_literal(url, &self.networks)?;
        let request = request.header(USER_AGENT, PROGRAM);
        request.send().await.map_err(cut)
    }
}

fn failed(error: String) -> SendResult {
    SendResult {
        reception: Reception::Retry(None),
        status: None,
        error: Some(error),
        body: String::new(),
    }
}

/// An error with its causes, without the address, which is a secret.
fn cut(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no response within {} s", REQUEST_TIME.as_secs());
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&error);
    while let Some(error) = cause {
        write!(text, ": {error}").expect("a string takes any text");
        cause = error.source();
    }
    text
}
