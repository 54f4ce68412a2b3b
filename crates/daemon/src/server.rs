//! The HTTP server: an accept loop of its own around the router, because ready-made ones have no
//! header timeout and no cap on connections.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::Request;
use axum::response::Response;
use tokio_util::sync::CancellationToken;

use crate::access_log::AccessLogger;
use crate::acts::Acts;
use crate::alerts::Alerts;
use crate::edge::{AccessPolicy, Edge, EdgeRoutes, EdgeState, RequestIds, RunningChecks, Throttle};
use crate::issuer::Issuer;
use crate::journal::Journal;
use crate::notices::Notices;
use crate::old_routes::OldRoutes;
use crate::peer::Peer;
use crate::recorder::Recorder;
use crate::router;
use crate::routes::system::WrittenList;
use crate::state::{AppState, Docs, HistorySince, OwnHost, SharedState, StoredKeys};
use crate::streams::{Guard, StreamLimits, Streams};
use crate::tasks::flusher::FlusherHandle;
use crate::tasks::sampler::HostSampler;
pub use crate::unix_peers::UnixAccounts;
use crate::unix_peers::UnixPeers;
use crate::unread::UnreadMemory;
use linux_api_auth::verifier::Verifier;
use linux_api_host::Collector;
use linux_api_store::Store;
use linux_api_wire::log::AccessLog;
use linux_api_wire::time::{Clock, Timestamp};

pub use crate::connections::{Limits, Listener, ListeningSocket, serve};
pub use crate::edge::{OwnProbe, PolicyHandle};

/// Everything that the service is made of.
#[derive(Debug)]
pub struct Parts {
    /// The database.
    pub store: Store,
    /// Checks keys.
    pub verifier: Verifier<StoredKeys>,
    /// Reads the host.
    pub collector: Collector,
    /// Reads its journal.
    pub journal: Journal,
    /// What was read of the host.
    pub host: HostSampler,
    /// Acts on the host.
    pub acts: Acts,
    /// Alerts at work.
    pub alerts: Alerts,
    /// Id of the host in the database.
    pub host_id: Arc<str>,
    /// What live streams may take up.
    pub stream_limits: StreamLimits,
    /// Ends live streams.
    pub stop: CancellationToken,
    /// How the writing of measurements goes.
    pub flusher: FlusherHandle,
    /// The time.
    pub clock: Clock,
    /// Where the access log goes.
    pub access_log: AccessLogger,
    /// Which requests it holds.
    pub access: AccessLog,
    /// Counts requests.
    pub recorder: Recorder,
    /// From when on a request is slow.
    pub slow: Duration,
    /// Random bits that request ids of this process begin with.
    pub request_id_prefix: u32,
    /// How long a handler may take.
    pub request_timeout: Duration,
    /// How long a client may take to send a body.
    pub body_timeout: Duration,
    /// Which Linux accounts need no key on the Unix socket.
    pub unix_accounts: UnixAccounts,
    /// When the history began of a daemon that keeps none beyond its end; absent for the others.
    pub history_since: Option<Timestamp>,
    /// How long what is known of users and keys is good enough while the database is away.
    pub outage_grace: Duration,
    /// Whether the documentation is served.
    pub docs_enabled: bool,
    /// What the documentation is called.
    pub docs_title: String,
    /// What its first page says in place of the usual words.
    pub docs_description: Option<String>,
    /// Routes that will end and that another crate brings along.
    pub old_routes: Option<OldRoutes>,
    /// Limits, hosts, origins and routes as configured.
    pub policy: PolicyHandle,
    /// What readiness says about the configuration.
    pub notices: Notices,
    /// Shown at the top of the documentation; the demo's key for instance.
    pub notice: Option<String>,
}

/// Everything that responds to requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Service(Edge<Router>);

impl Service {
    /// The response to one request from `peer`, which is taken out of its place.
    pub(crate) async fn respond(&self, request: &mut Request<Body>, peer: Peer) -> Response {
        self.0.respond(request, peer).await
    }
}

impl tower::Service<Request<Body>> for Service {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.0.call(request)
    }
}

/// The service that handles requests.
///
/// # Errors
/// When the OpenAPI document can't be written as JSON.
pub fn service(mut parts: Parts) -> serde_json::Result<Service> {
    let (router, entries, openapi) = if parts.docs_enabled {
        let (router, mut document, entries) = router::documented(parts.old_routes.as_mut());
        document.info.title = parts.docs_title;
        if let Some(description) = parts.docs_description {
            document.info.description = Some(description);
        }
        if let Some(notice) = &parts.notice {
            let description = document.info.description.get_or_insert_default();
            description.push_str("\n\n");
            description.push_str(notice);
        }
        (router, entries, document.to_json()?.into())
    } else {
        let (router, entries) = router::undocumented(parts.old_routes.as_mut());
        (router, entries, Bytes::new())
    };
    let unix_peers = Arc::new(UnixPeers::new(
        parts.unix_accounts,
        parts.store.clone(),
        parts.collector.clone(),
        parts.outage_grace,
    ));
    parts.store.set_own_host(Arc::clone(&parts.host_id));
    let unread = UnreadMemory::default();
    let streams = Streams::new(
        parts.stream_limits,
        parts.host.clone(),
        Guard {
            verifier: parts.verifier.clone(),
            unix_peers: Arc::clone(&unix_peers),
            store: parts.store.clone(),
        },
        parts.collector.clone(),
        parts.alerts.clone(),
        parts.stop,
        unread.clone(),
    );
    let edge = EdgeState {
        routes: EdgeRoutes::new(&entries),
        policy: parts.policy,
        verifier: parts.verifier.clone(),
        checks: RunningChecks::default(),
        store: parts.store.clone(),
        unix_peers,
        access_log: parts.access_log,
        access: AccessPolicy {
            which: parts.access,
            slow: parts.slow,
        },
        recorder: parts.recorder.clone(),
        request_ids: RequestIds::new(parts.request_id_prefix),
        request_timeout: parts.request_timeout,
        body_timeout: parts.body_timeout,
        clock: parts.clock.clone(),
        deprecation: parts.old_routes.map(|old| old.deprecation),
        causes: Throttle::default(),
        unread: unread.clone(),
    };
    let state = AppState {
        issuer: Issuer {
            store: parts.store.clone(),
            verifier: parts.verifier.clone(),
            clock: parts.clock.clone(),
        },
        store: parts.store,
        verifier: parts.verifier,
        collector: parts.collector,
        journal: parts.journal,
        load: parts.host.load(),
        host: parts.host,
        acts: parts.acts,
        alerts: parts.alerts,
        own_host: OwnHost(parts.host_id),
        history_since: HistorySince(parts.history_since),
        streams,
        clock: parts.clock,
        docs: Docs {
            enabled: parts.docs_enabled,
            openapi,
            files: Arc::default(),
        },
        recorder: parts.recorder,
        flusher: parts.flusher,
        notices: parts.notices,
        written_list: WrittenList::new(unread.clone()),
        unread,
    };
    let service = router::service(router, SharedState(Arc::new(state)), Arc::new(edge));
    Ok(Service(service))
}

/// All routes that the service has with these old ones.
pub(crate) fn route_table(mut old: Option<OldRoutes>) -> EdgeRoutes {
    EdgeRoutes::new(&router::undocumented(old.as_mut()).1)
}

/// The OpenAPI document of the service, for people to read.
///
/// # Errors
/// When it can't be written as JSON.
pub fn openapi_document(mut old: Option<OldRoutes>) -> serde_json::Result<String> {
    router::documented(old.as_mut()).1.to_pretty_json()
}
