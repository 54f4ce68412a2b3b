//! The one layer around every route: limits, authentication, panics, headers, the access log, and
//! the count of requests, which holds the refused ones and those that no route matches too.
//!
//! It is one layer because a chain of small ones costs more than half of the throughput. It stands
//! before the router, finds the route in a table of its own, and denies by default: a route that is
//! not in the table is not found, and one that is not listed as public needs a key, whatever its
//! handler requires.

mod audited;
mod authenticate;
mod checks;
mod cors;
mod headers;
mod limiter;
mod limiter_store;
mod limits;
mod policy;
mod request_id;
mod routes;
mod tally;
mod throttle;

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http_body_util::Limited;
use tower::{Layer, Service};

use super::client_address::{ClientAddress, client_address};
use super::error::{ApiError, PROBLEM_JSON};
use super::extract::RequestInfo;
use super::peer::Peer;
use super::state::StoredKeys;
use super::unix_peers::{Account, UnixPeers};
use super::unread::UnreadMemory;
use crate::access_log::AccessLogger;
use crate::acts;
use crate::old_routes::Deprecation;
use crate::recorder::Recorder;
use linux_api_auth::identity::Identity;
use linux_api_auth::verifier::Verifier;
use linux_api_store::Store;
use linux_api_wire::audit::{Origin, Via};
use linux_api_wire::log::AccessLog;
use linux_api_wire::time::Clock;

use audited::AuditedChange;
use authenticate::RequestContext;
use limiter::Standing;
use limits::Client;
use policy::Policy;
use tally::Tally;

pub(crate) use authenticate::{Key, key_of};
pub(crate) use checks::RunningChecks;
pub(crate) use headers::{DOCS_CONTENT_SECURITY, set_common as set_common_headers};
pub use policy::PolicyHandle;
pub(crate) use request_id::{RequestId, RequestIds};
use routes::EXPOSITION;
use routes::Route;
pub(crate) use routes::{EdgeRoutes, PROBES, UNDOCUMENTED};
pub use tally::OwnProbe;
pub(crate) use throttle::Throttle;

#[cfg(test)]
mod tests;

/// The most bytes of a request's body.
pub(crate) const BODY_MAX: usize = 1 << 20;
/// The most headers of a request. hyper refuses more than a hundred by itself; a lower number of its
/// own would cost it two copies of 3 KB per request.
const HEADERS_MAX: usize = 64;
/// The most bytes of a request's URI.
const URI_MAX: usize = 8 << 10;

/// What the layer works with.
#[derive(Debug)]
pub(crate) struct EdgeState {
    pub(crate) routes: EdgeRoutes,
    pub(crate) policy: PolicyHandle,
    pub(crate) verifier: Verifier<StoredKeys>,
    pub(crate) checks: RunningChecks,
    /// Holds the audit log.
    pub(crate) store: Store,
    pub(crate) unix_peers: Arc<UnixPeers>,
    pub(crate) access_log: AccessLogger,
    pub(crate) access: AccessPolicy,
    pub(crate) recorder: Recorder,
    pub(crate) request_ids: RequestIds,
    pub(crate) request_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) clock: Clock,
    /// What responses of deprecated routes announce.
    pub(crate) deprecation: Option<Deprecation>,
    /// When it was last said why requests fail.
    pub(crate) causes: Throttle,
    /// Bounds what clients leave unread.
    pub(crate) unread: UnreadMemory,
}

/// Which requests the access log holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccessPolicy {
    pub(crate) which: AccessLog,
    /// From when on a request is slow.
    pub(crate) slow: Duration,
}

impl AccessPolicy {
    fn wants(self, template: Option<&str>, status: u16, duration: Duration) -> bool {
        // Probes come repeatedly; why they fail is logged where it is noticed first.
        let is_probe = template.is_some_and(|template| PROBES.contains(&template));
        (self.which == AccessLog::All || !is_probe) && self.which.wants(status, duration, self.slow)
    }
}

/// Wraps a service in the edge.
#[derive(Debug, Clone)]
pub(crate) struct EdgeLayer(pub(crate) Arc<EdgeState>);

impl<S> Layer<S> for EdgeLayer {
    type Service = Edge<S>;

    fn layer(&self, inner: S) -> Edge<S> {
        Edge {
            state: Arc::clone(&self.0),
            inner,
        }
    }
}

/// A service with the edge around it.
#[derive(Debug, Clone)]
pub(crate) struct Edge<S> {
    state: Arc<EdgeState>,
    inner: S,
}

impl<S> Service<Request> for Edge<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let state = Arc::clone(&self.state);
        // The service that was polled for readiness is the one to call.
        let ready = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, ready);
        let mut request = request;
        let peer = request.extensions().get::<Peer>().copied();
        Box::pin(async move { Ok(state.handle(inner, &mut request, peer).await) })
    }
}

impl<S> Edge<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    /// As [`Service::call`] of a service that is always ready, for a request from `peer`, without a
    /// box around the future. The request is taken out of its place: a future has room for each
    /// argument twice, and is copied whole.
    pub(crate) async fn respond(&self, request: &mut Request, peer: Peer) -> Response {
        let inner = self.inner.clone();
        self.state.handle(inner, request, Some(peer)).await
    }
}

impl EdgeState {
    async fn handle<S>(&self, mut inner: S, request: &mut Request, peer: Option<Peer>) -> Response
    where
        S: Service<Request, Response = Response, Error = Infallible> + Send,
        S::Future: Send,
    {
        let request_id = self.request_ids.next();
        let policy = self.policy.load();
        let route = self.routes.find(request.uri().path());
        let template = route.map(|route| route.template.as_str());
        let method = request.method().clone();
        let is_old = |old: &&Deprecation| old.covers(request.uri().path());
        let deprecation = self.deprecation.as_ref().filter(is_old);
        let client = client_of(request, peer, &policy);
        let client_address = client.and_then(Client::address);
        let address = client_address.map(ClientAddress::nearest);
        let mut tally = Tally::begin(self, template, method.as_str(), request_id, address);
        tally.is_own = request.extensions().get::<OwnProbe>().is_some();
        let origin = policy.cors.origin(request.headers());
        let wanted = AuditedChange::by(&method, route, request.uri().path());
        let mut info = RequestInfo {
            id: request_id,
            peer,
            address: client_address,
            identity: None,
            account: None,
            is_for_foreign_host: false,
            is_opened_by_network: false,
            body_timeout: None,
        };
        let mut standing = None;
        let admitted = match check_host(&policy, request, template, &mut info) {
            Err(error) => Err(error.into_response()),
            Ok(()) => match policy.cors.preflight(&method, request.headers()) {
                Some(answer) => Err(answer),
                None => self
                    .admit(request, route, client, &policy, &mut info, &mut standing)
                    .await
                    .map_err(IntoResponse::into_response),
            },
        };
        tally.identity.clone_from(&info.identity);
        let action = wanted.as_ref().map(|wanted| wanted.action);
        let longest = acts::longest(action, self.request_timeout);
        let outcome = match admitted {
            Ok(()) if route.is_none() => ApiError::not_found().into_response(),
            Ok(()) => {
                request.extensions_mut().insert(info);
                self.run(inner.call(std::mem::take(request)), longest).await
            }
            Err(answer) => answer,
        };
        if let Some(wanted) = wanted
            && let Some(error) = outcome.extensions().get::<ApiError>()
            && !error.is_audited()
            // What the daemon could not do is in its log. It is mostly the database that failed, and
            // no other caller has to wait for it.
            && !error.status().is_server_error()
        {
            let identity = tally.identity.as_deref();
            // Boxed, so that the future of every other request stays small.
            Box::pin(self.note_refusal(error, wanted, identity, address, &request_id)).await;
        }
        if method != Method::POST
            && let Some(error) = outcome.extensions().get::<ApiError>()
            && error.is_audited()
            && error.status() == StatusCode::UNAUTHORIZED
        {
            // The key ended while the request waited. Every refusal of a key takes one hash, and what
            // is posted has taken it for the new key.
            Box::pin(self.verifier.hasher().spend()).await;
        }
        self.log_cause(&outcome);
        let mut response = complete(
            outcome,
            (route, deprecation),
            &method,
            &request_id,
            standing,
        );
        if method != Method::OPTIONS
            && let Some(deprecation) = deprecation
        {
            deprecation.announce(response.headers_mut(), template);
        }
        if let Some(origin) = origin {
            cors::allow(response.headers_mut(), origin);
        }

        tally.end(response.status().as_u16());
        response
    }

    /// Everything that can refuse a request before its handler runs.
    async fn admit(
        &self,
        request: &mut Request,
        route: Option<&Route>,
        client: Option<Client>,
        policy: &Policy,
        info: &mut RequestInfo,
        standing: &mut Option<Standing>,
    ) -> Result<(), ApiError> {
        info.body_timeout = self.bound(request)?;
        if route.is_some_and(|route| route.is_probe) {
            return Ok(());
        }
        let template = route.map(|route| route.template.as_str());
        let path = template.unwrap_or_else(|| request.uri().path());
        if let Some((reason, retry_after)) = policy.disabled.find(request.method().as_str(), path) {
            return Err(ApiError::route_disabled(reason.to_owned(), retry_after));
        }
        let Some(client) = client else {
            // Only a service without the accept loop around it knows no peer.
            return Err(ApiError::key_missing());
        };
        let asked = RequestContext {
            method: request.method(),
            path,
            client,
            limits: policy.limits.as_ref(),
        };
        // Unknown paths need no key: they are refused anyway.
        if !route.is_some_and(|route| route.needs_key(request.method())) {
            return asked.count_keyless(standing);
        }
        if template == Some(EXPOSITION)
            && client
                .address()
                .and_then(ClientAddress::known)
                .is_some_and(|address| policy.is_scraper(address))
            && key_of(request.headers()) == Key::Missing
        {
            asked.count_keyless(standing)?;
            info.is_opened_by_network = true;
            return Ok(());
        }
        let identity = self
            .authenticate(&asked, request.headers(), standing)
            .await?;
        let identity = info.identity.insert(identity);
        asked.count_caller(identity, standing)?;
        if !identity.hosts.is_any() {
            self.check_limit(identity)?;
        }
        if let (Via::Unix(uid), Client::Account { gid, .. }) = (&identity.via, client) {
            info.account = Some(Account::new(*uid, gid, Arc::clone(&self.unix_peers)));
        }
        Ok(())
    }

    /// Refuses a caller that is limited to other hosts than this one.
    fn check_limit(&self, identity: &Identity) -> Result<(), ApiError> {
        let here = self.store.own_labels();
        identity
            .allow_on(&here)
            .map_err(|_| ApiError::other_host(&identity.user.name, &identity.hosts, &here))
    }

    /// Bounds what a request may bring. Returns for how long its body may come, when it has one.
    fn bound(&self, request: &mut Request) -> Result<Option<Duration>, ApiError> {
        if request.headers().len() > HEADERS_MAX {
            return Err(ApiError::head_too_large());
        }
        let target = request.uri().path_and_query();
        if target.map_or(0, |target| target.as_str().len()) > URI_MAX {
            return Err(ApiError::uri_too_long());
        }
        if request.body().is_end_stream() {
            return Ok(None);
        }
        let announced = request.body().size_hint().lower();
        if announced > BODY_MAX as u64 {
            return Err(ApiError::body_too_large());
        }
        let body = std::mem::take(request.body_mut());
        *request.body_mut() = Body::new(Limited::new(body, BODY_MAX));
        Ok(Some(self.body_timeout))
    }

    /// Records a refused change in the audit log.
    async fn note_refusal(
        &self,
        error: &ApiError,
        wanted: AuditedChange,
        identity: Option<&Identity>,
        address: Option<IpAddr>,
        request_id: &str,
    ) {
        let request_id = request_id.to_owned();
        let origin = match identity {
            Some(identity) => identity.origin(address, request_id),
            None => Origin::nobody(address, request_id),
        };
        let target = error.target().map(str::to_owned).or(wanted.target);
        let target = target.unwrap_or_else(|| format!("by:{}", origin.name));
        let reason = error.reason().to_owned();
        let noted = self
            .store
            .note_refusal(&origin, wanted.action, target, reason);
        // The request is refused either way; the log holds what the table could not take.
        if let Err(error) = noted.await {
            tracing::warn!(%error, "a refused change is missing from the audit log");
        }
    }

    /// Logs why the database fails requests, once in a while: it fails all of them alike.
    fn log_cause(&self, outcome: &Response) {
        let error = outcome.extensions().get::<ApiError>();
        let Some(cause) = error.and_then(ApiError::cause) else {
            return;
        };
        if !self.causes.is_due() {
            return;
        }
        // An outage may end by itself; a full disk needs an operator.
        if outcome.status() == StatusCode::INSUFFICIENT_STORAGE {
            tracing::error!(cause, "requests fail because of the database");
        } else {
            tracing::warn!(cause, "requests fail because of the database");
        }
    }

    async fn run(
        &self,
        handler: impl Future<Output = Result<Response, Infallible>> + Send,
        longest: Duration,
    ) -> Response {
        let mut handler = pin!(AssertUnwindSafe(handler).catch_unwind());
        // Most handlers are done at once, and need no deadline.
        let first = poll_fn(|context| Poll::Ready(handler.as_mut().poll(context))).await;
        let done = match first {
            Poll::Ready(done) => Ok(done),
            Poll::Pending => Box::pin(tokio::time::timeout(longest, handler)).await,
        };
        match done {
            Ok(Ok(Ok(response))) => self.unread.bound(response),
            Ok(Err(_panic)) => ApiError::panicked().into_response(),
            Err(_elapsed) => ApiError::timed_out().into_response(),
        }
    }
}

/// Where a request comes from, past trusted proxies.
fn client_of(request: &Request, peer: Option<Peer>, policy: &Policy) -> Option<Client> {
    Some(match peer? {
        Peer::Tcp { remote, .. } => {
            let is_proxy = |address| policy.is_proxy(address);
            let address = client_address(remote.ip(), request.headers(), is_proxy);
            Client::Address(address)
        }
        Peer::Unix { uid, gid } => Client::Account { uid, gid },
    })
}

/// Probes may be for any host or none, as load balancers send them. A page of a foreign site could
/// then read them too, so that only those with a host of ours get what is for this host alone.
fn check_host(
    policy: &Policy,
    request: &Request,
    template: Option<&str>,
    info: &mut RequestInfo,
) -> Result<(), ApiError> {
    let local = info.peer.as_ref().and_then(Peer::local);
    let checked = policy.hosts.check(request.uri(), request.headers(), local);
    match checked {
        Err(_) if template.is_some_and(|template| PROBES.contains(&template)) => {
            info.is_for_foreign_host = true;
            Ok(())
        }
        other => Ok(other?),
    }
}

/// Gives every response its common headers, and every error its body.
fn complete(
    mut response: Response,
    (route, deprecation): (Option<&Route>, Option<&Deprecation>),
    method: &Method,
    request_id: &str,
    standing: Option<Standing>,
) -> Response {
    let template = route.map(|route| route.template.as_str());
    let error = response.extensions_mut().remove::<ApiError>().or_else(|| {
        // What the router itself refused comes without a body.
        match response.status() {
            StatusCode::NOT_FOUND if template.is_none() => Some(ApiError::not_found()),
            StatusCode::METHOD_NOT_ALLOWED => Some(ApiError::method_not_allowed()),
            _ => None,
        }
    });
    if let Some(error) = error {
        let problem =
            error.into_problem(template, deprecation.map(|old| old.key_refused), request_id);
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        *response.body_mut() = if *method == Method::HEAD {
            Body::empty()
        } else {
            Body::from(body)
        };
    }
    if response.status() == StatusCode::METHOD_NOT_ALLOWED
        && let Some(allowed) = route.and_then(Route::allowed)
    {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    headers::set_common(response.headers_mut(), request_id, standing);
    response
}
