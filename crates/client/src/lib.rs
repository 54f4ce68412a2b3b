//! Typed calls to a daemon over HTTP, and the remotes and keys they need.
//!
//! Knows nothing of the server, the store or the host, only the types of `wire`. A response is bounded in
//! time and size, because a daemon may be broken or hostile.
//!
//! Start at [`Client`]: it is made for a [`Target`] (address and key) and has one method per route.
//!
//! - [`remotes::Remotes`]: the daemons that the user has named, in a file.
//! - [`keys::Keys`]: their keys, in the desktop's keyring, the kernel's, or a private file.
//! - [`local`]: finds the daemon of this machine and its key.
//! - [`ssh`], [`channel`], [`tunnel`]: daemons that are reached through the user's ssh, or in this process.
//! - [`acts`], [`units`], [`logs`]: what is done on a host, and what systemd and its journal say.
//! - [`alerts`]: what fires, rules, silences and channels.
//! - [`events::EventStream`]: the live stream; [`backoff::Backoff`]: pauses between retries.
//! - [`error::ClientError`]: what went wrong, and what to do about it.

pub mod acts;
mod address;
pub mod alerts;
pub mod backoff;
mod body;
mod calls;
pub mod channel;
pub mod error;
pub mod events;
pub mod keys;
pub mod local;
pub mod logs;
pub mod raw;
pub mod remotes;
pub mod ssh;
mod statistics;
mod tls;
pub mod tunnel;
pub mod units;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{ClientBuilder, Method, RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use address::{Address, AddressError};
pub use calls::{AuditQuery, ProcessPage, UserPage};
use channel::{ChannelClient, Connect};
use error::ClientError;
use ssh::{Ssh, SshHost};
pub use statistics::{Buckets, HistoryRange, HostQuery, HostSelection};

/// Longest time to set up a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest time for the response to a read, its body included.
pub const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time for a change: it hashes keys and waits for the database.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept; below the daemon's header timeout of ten seconds, which
/// also ends idle connections.
const POOL_IDLE: Duration = Duration::from_secs(8);

/// What the program calls itself in requests.
const PROGRAM: &str = concat!("linux-api/", env!("CARGO_PKG_VERSION"));

/// Where a daemon is and how to get in.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it listens.
    pub address: Address,
    /// The API key; none over a Unix socket, and for probes.
    pub key: Option<SecretString>,
    /// Certificates in PEM to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// What makes its connections, where the address is not one of the network or of a file.
    pub connect: Option<Arc<dyn Connect>>,
}

impl Target {
    /// A daemon without a key, whose connections this program makes itself.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self {
            address,
            key: None,
            ca_file: None,
            connect: None,
        }
    }

    /// A host behind ssh; `may_push` allows this program to be copied there when it has none.
    #[must_use]
    pub fn ssh(host: SshHost, may_push: bool) -> Self {
        Self {
            connect: Some(Arc::new(Ssh::new(host.clone(), may_push))),
            ..Self::new(Address::Ssh(host))
        }
    }
}

/// A connection to one daemon; clones share it.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    address: Address,
    /// Longest time for a request, when it is not the usual one.
    timeout: Option<Duration>,
}

#[derive(Debug, Clone)]
enum Transport {
    /// By address: TCP, TLS, Unix sockets.
    Address(reqwest::Client),
    /// Over connections that something else makes.
    Channel(ChannelClient),
}

/// Whom to believe.
#[derive(Debug, Clone, Copy)]
enum Trust {
    /// Who has a certificate that is trusted.
    Certificates,
    /// Any certificate: for probes that carry no key.
    Anybody,
}

/// Trusts the certificates of a file and no others.
fn trust_only(builder: ClientBuilder, path: &Path) -> Result<ClientBuilder, String> {
    let shown = path.display();
    let pem = linux_api_files::read(path, linux_api_files::TEXT_MAX)
        .map_err(|error| format!("read the CA file {shown}: {error}"))?;
    let certificates = reqwest::Certificate::from_pem_bundle(&pem)
        .map_err(|error| format!("read the CA file {shown}: {error}"))?;
    if certificates.is_empty() {
        return Err(format!("{shown} holds no certificate"));
    }
    Ok(builder.tls_certs_only(certificates))
}

impl Client {
    /// Prepares the connection; nothing is sent yet.
    ///
    /// # Errors
    /// When the key would travel unprotected, or it or the CA file is unusable.
    pub fn new(target: &Target) -> Result<Self, ClientError> {
        Self::prepare(target, Trust::Certificates)
    }

    /// Prepares a connection for probes of a daemon on this machine. No key is sent and no response
    /// is acted on, so a certificate that is for the name that others use will do.
    ///
    /// # Errors
    /// When the connection can't be prepared.
    pub fn for_probes(address: Address) -> Result<Self, ClientError> {
        Self::prepare(&Target::new(address), Trust::Anybody)
    }

    fn prepare(target: &Target, trust: Trust) -> Result<Self, ClientError> {
        let address = target.address.clone();
        let unsafe_to_use = |reason: String| ClientError::Unsafe {
            address: address.to_string(),
            reason,
        };
        if target.key.is_some() && !address.is_private() {
            return Err(unsafe_to_use(
                "plain http would expose the key on the network; use https".to_owned(),
            ));
        }
        let connect = match (&target.connect, &address) {
            (Some(connect), _) => Some(Arc::clone(connect)),
            (None, Address::Ssh(host)) => Some(Arc::new(Ssh::new(host.clone(), false)) as _),
            (None, _) => None,
        };
        if let Some(connect) = connect {
            let transport = Transport::Channel(ChannelClient::new(connect));
            return Ok(Self {
                transport,
                address,
                timeout: None,
            });
        }
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(PROGRAM));
        if let Some(key) = &target.key {
            let mut value = HeaderValue::from_str(key.expose_secret()).map_err(|_| {
                unsafe_to_use("the key holds characters that no key has".to_owned())
            })?;
            value.set_sensitive(true);
            headers.insert("x-api-key", value);
        }
        // The same provider everywhere: two in one binary would have to be distinguished.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(4)
            // A redirect would carry the key to a host that the user did not choose.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if let Address::Unix(path) = &address {
            builder = builder.unix_socket(path.clone());
        }
        builder = match (trust, &target.ca_file) {
            // Nothing is encrypted there: the system's certificates need not be read.
            _ if !address.is_encrypted() => builder.tls_certs_only([]),
            (Trust::Anybody, _) => builder.tls_danger_accept_invalid_certs(true),
            (Trust::Certificates, Some(path)) => {
                trust_only(builder, path).map_err(unsafe_to_use)?
            }
            (Trust::Certificates, None) => {
                let tls = tls::of_system().map_err(|error| {
                    unsafe_to_use(format!("read the system's certificates: {error}"))
                })?;
                builder.tls_backend_preconfigured(tls)
            }
        };
        let http = builder
            .build()
            .map_err(|error| unsafe_to_use(format!("prepare the connection: {error}")))?;
        let transport = Transport::Address(http);
        Ok(Self {
            transport,
            address,
            timeout: None,
        })
    }

    /// The same connection with another deadline for each request, its response included. Connecting
    /// takes three seconds at most in any case.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self {
            timeout: Some(timeout),
            ..self
        }
    }

    /// The deadline of a read.
    fn read_timeout(&self) -> Duration {
        self.timeout.unwrap_or(READ_TIMEOUT)
    }

    /// Where the daemon is.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Allows this program to be copied to a host behind ssh that has none; the next request does it.
    pub fn allow_push(&self) {
        if let Transport::Channel(channel) = &self.transport {
            channel.connect.allow_push();
        }
    }

    /// What kind of session the present one is, for people, such as one that keeps no history.
    #[must_use]
    pub fn session(&self) -> Option<String> {
        match &self.transport {
            Transport::Channel(channel) => channel.connect.session(),
            Transport::Address(_) => None,
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = self.address.url(path);
        match &self.transport {
            Transport::Address(http) => http.request(method, url),
            Transport::Channel(_) => builder().request(method, url).header(USER_AGENT, PROGRAM),
        }
    }

    /// Sets up what all requests need and what is not counted in their time.
    async fn prepare_connection(&self) -> Result<(), ClientError> {
        match &self.transport {
            Transport::Address(_) => Ok(()),
            Transport::Channel(channel) => channel.connect.prepare().await,
        }
    }

    /// Sends a request; the response may be a refusal.
    async fn execute(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let failed = |error: reqwest::Error| ClientError::of(&self.address, &error);
        match &self.transport {
            Transport::Address(_) => request.send().await.map_err(failed),
            Transport::Channel(channel) => {
                let request = request.build().map_err(failed)?;
                channel.execute(&self.address, request).await
            }
        }
    }

    /// Gets a JSON document.
    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &(impl Serialize + ?Sized),
    ) -> Result<T, ClientError> {
        let request = self.request(Method::GET, path).query(query);
        let response = self.send(request.timeout(self.read_timeout())).await?;
        body::json(&self.address, response).await
    }

    /// Requests a change; `None` when the daemon says that there was nothing to change.
    async fn change<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<Option<T>, ClientError> {
        let response = self
            .send(request.timeout(self.timeout.unwrap_or(WRITE_TIMEOUT)))
            .await?;
        if response.status() == reqwest::StatusCode::NO_CONTENT {
            return Ok(None);
        }
        body::json(&self.address, response).await.map(Some)
    }

    /// Sends a request and lets only a success pass.
    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = self.execute(request).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(body::refusal(&self.address, response).await)
    }
}

/// Builds requests that are sent otherwise.
fn builder() -> &'static reqwest::Client {
    static BUILDER: OnceLock<reqwest::Client> = OnceLock::new();
    BUILDER.get_or_init(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().tls_certs_only([]).no_proxy();
        client.build().unwrap_or_default()
    })
}
