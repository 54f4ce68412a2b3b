//! The one layer around every route: limits, authentication, panics, headers, the access log, and
//! the count of requests, which holds the refused ones and those that no route matches too.
//!
//! It is one layer because a chain of small ones costs more than half of the throughput. It stands
//! before the router, finds the route in a table of its own, and denies by default: a route that is
//! not in the table is not found, and one that is not listed as public needs a key, whatever its
//! handler asks for.

mod audited;
mod authenticate;
mod checks;
mod cors;
mod deprecation;
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
use super::extract::{BodyTimeout, ForeignHost, OpenedByNetwork, RequestInfo};
use super::peer::Peer;
use super::state::StoredKeys;
use super::unix_peers::{Account, UnixPeers};
use super::unread::UnreadMemory;
use crate::access_log::AccessLogger;
use crate::auth::identity::Identity;
use crate::auth::verifier::Verifier;
use crate::model::audit::{Origin, Via};
use crate::model::log::AccessLog;
use crate::model::time::Clock;
use crate::recorder::Recorder;
use crate::store::Store;

use audited::Wanted;
use authenticate::Asked;
use limiter::Standing;
use limits::Client;
use policy::Policy;
use tally::Tally;

pub(crate) use authenticate::{Key, key_of};
pub(crate) use checks::RunningChecks;
pub(crate) use deprecation::{Sunset, is_legacy};
pub(crate) use headers::{DOCS_CONTENT_SECURITY, set_common as set_common_headers};
pub use policy::PolicyHandle;
pub(crate) use request_id::RequestIds;
use routes::EXPOSITION;
use routes::Route;
pub(crate) use routes::{PROBES, PUBLIC, RouteTable, UNDOCUMENTED};
pub use tally::OwnProbe;
pub(crate) use throttle::Throttle;

#[cfg(test)]
mod tests;

/// The most bytes of a request's body.
pub(crate) const BODY_MAX: usize = 1 << 20;
/// The most bytes of a request's URI.
const URI_MAX: usize = 8 << 10;

/// What the layer works with.
#[derive(Debug)]
pub(crate) struct EdgeState {
    pub(crate) routes: RouteTable,
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
    pub(crate) body_timeout: BodyTimeout,
    pub(crate) clock: Clock,
    pub(crate) sunset: Sunset,
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
        // Probes ask again and again; why they fail is told by those who notice it first.
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
        // The service that was asked whether it is ready is the one to call.
        let ready = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, ready);
        Box::pin(async move { Ok(state.handle(inner, request).await) })
    }
}

impl<S> Edge<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    /// As [`Service::call`] of a service that is always ready, without a box around the future.
    pub(crate) async fn respond(&self, request: Request) -> Response {
        self.state.handle(self.inner.clone(), request).await
    }
}

/// What is found out about a request on its way in, for its answer and its log line.
#[derive(Debug, Default)]
struct Passage {
    identity: Option<Arc<Identity>>,
    standing: Option<Standing>,
}

impl EdgeState {
    async fn handle<S>(&self, inner: S, mut request: Request) -> Response
    where
        S: Service<Request, Response = Response, Error = Infallible> + Send,
        S::Future: Send,
    {
        let request_id: Arc<str> = self.request_ids.next();
        let policy = self.policy.load();
        let route = self.routes.find(request.uri().path());
        let template = route.map(|route| route.template.as_str());
        let method = request.method().clone();
        let announces_end = is_legacy(request.uri().path()) && method != Method::OPTIONS;
        let peer = request.extensions().get::<Peer>().copied();
        let client = client_of(&request, peer, &policy);
        let client_address = client.and_then(Client::address);
        let address = client_address.map(ClientAddress::nearest);
        let id = Arc::clone(&request_id);
        let mut tally = Tally::begin(self, template, method.as_str(), id, address);
        tally.is_own = request.extensions().get::<OwnProbe>().is_some();
        let origin = policy.cors.origin(request.headers());
        let wanted = Wanted::by(&method, template, request.uri().path());
        request.extensions_mut().insert(RequestInfo {
            id: Arc::clone(&request_id),
            address: client_address,
        });

        let mut passage = Passage::default();
        let admitted = match check_host(&policy, &mut request, template, peer) {
            Err(error) => Err(error.into_response()),
            Ok(()) => match policy.cors.preflight(&method, request.headers()) {
                Some(answer) => Err(answer),
                None => self
                    .admit(&mut request, route, client, &policy, &mut passage)
                    .await
                    .map_err(IntoResponse::into_response),
            },
        };
        tally.identity.clone_from(&passage.identity);
        let outcome = match admitted {
            Ok(()) if route.is_none() => ApiError::not_found().into_response(),
            Ok(()) => self.run(inner, request).await,
            Err(answer) => answer,
        };
        if let Some(wanted) = wanted
            && let Some(error) = outcome.extensions().get::<ApiError>()
            && !error.is_audited()
            // What the daemon could not do is in its log. It is mostly the database that failed, and
            // nobody is to wait for it once more.
            && !error.status().is_server_error()
        {
            let identity = passage.identity.as_deref();
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
        self.tell_cause(&outcome);
        let mut response = complete(outcome, route, &method, &request_id, passage.standing);
        if announces_end {
            self.sunset.announce(response.headers_mut(), template);
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
        passage: &mut Passage,
    ) -> Result<(), ApiError> {
        self.bound(request)?;
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
        let asked = Asked {
            method: request.method(),
            path,
            client,
            limits: policy.limits.as_ref(),
        };
        // Unknown paths need no key: they are refused anyway.
        if !route.is_some_and(|route| route.needs_key(request.method())) {
            return asked.count_keyless(&mut passage.standing);
        }
        if template == Some(EXPOSITION)
            && client
                .address()
                .and_then(ClientAddress::known)
                .is_some_and(|address| policy.is_scraper(address))
            && key_of(request.headers()) == Key::Missing
        {
            asked.count_keyless(&mut passage.standing)?;
            request.extensions_mut().insert(OpenedByNetwork);
            return Ok(());
        }
        let identity = self
            .authenticate(&asked, request.headers(), &mut passage.standing)
            .await?;
        passage.identity = Some(Arc::clone(&identity));
        asked.count_caller(&identity, &mut passage.standing)?;
        if let (Via::Unix(uid), Client::Account { gid, .. }) = (&identity.via, client) {
            let account = Account::new(*uid, gid, Arc::clone(&self.unix_peers));
            request.extensions_mut().insert(account);
        }
        request.extensions_mut().insert(identity);
        Ok(())
    }

    /// Bounds what a request may bring.
    fn bound(&self, request: &mut Request) -> Result<(), ApiError> {
        let target = request.uri().path_and_query();
        if target.map_or(0, |target| target.as_str().len()) > URI_MAX {
            return Err(ApiError::uri_too_long());
        }
        if !request.body().is_end_stream() {
            let announced = request.body().size_hint().lower();
            if announced > BODY_MAX as u64 {
                return Err(ApiError::body_too_large());
            }
            let body = std::mem::take(request.body_mut());
            *request.body_mut() = Body::new(Limited::new(body, BODY_MAX));
            request.extensions_mut().insert(self.body_timeout);
        }
        Ok(())
    }

    /// Notes in the audit log that somebody asked for a change that was not made.
    async fn note_refusal(
        &self,
        error: &ApiError,
        wanted: Wanted,
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
    fn tell_cause(&self, outcome: &Response) {
        let error = outcome.extensions().get::<ApiError>();
        let Some(cause) = error.and_then(ApiError::cause) else {
            return;
        };
        if !self.causes.is_due() {
            return;
        }
        // An outage may end by itself; a full disk wants somebody.
        if outcome.status() == StatusCode::INSUFFICIENT_STORAGE {
            tracing::error!(cause, "requests fail because of the database");
        } else {
            tracing::warn!(cause, "requests fail because of the database");
        }
    }

    async fn run<S>(&self, mut inner: S, request: Request) -> Response
    where
        S: Service<Request, Response = Response, Error = Infallible> + Send,
        S::Future: Send,
    {
        let mut handler = pin!(AssertUnwindSafe(inner.call(request)).catch_unwind());
        // Most handlers are done at once, and need no deadline.
        let first = poll_fn(|context| Poll::Ready(handler.as_mut().poll(context))).await;
        let done = match first {
            Poll::Ready(done) => Ok(done),
            Poll::Pending => tokio::time::timeout(self.request_timeout, handler).await,
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
    request: &mut Request,
    template: Option<&str>,
    peer: Option<Peer>,
) -> Result<(), ApiError> {
    let local = peer.as_ref().and_then(Peer::local);
    let checked = policy.hosts.check(request.uri(), request.headers(), local);
    match checked {
        Err(_) if template.is_some_and(|template| PROBES.contains(&template)) => {
            request.extensions_mut().insert(ForeignHost);
            Ok(())
        }
        other => Ok(other?),
    }
}

/// Gives every answer its common headers, and every error its body.
fn complete(
    mut response: Response,
    route: Option<&Route>,
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
        let problem = error.into_problem(template, request_id);
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
