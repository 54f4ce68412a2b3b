//! The one layer around every route: limits, authentication, panics, headers, the access log, and
//! the count of requests, which holds the refused ones and those that no route matches too.
//!
//! It is one layer because a chain of small ones costs more than half of the throughput. It runs
//! after routing, so it knows the route template, and denies by default: a route that is not listed
//! as public needs a key, whatever its handler asks for.

mod request_id;
mod routes;

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http_body_util::Limited;
use tower::{Layer, Service};

use super::error::{ApiError, PROBLEM_JSON};
use super::extract::{BodyTimeout, RequestId};
use super::peer::Peer;
use super::state::StoredKeys;
use super::unix_peers::UnixPeers;
use crate::access_log::{AccessLogger, AccessRecord};
use crate::auth::identity::Identity;
use crate::auth::verifier::Verifier;
use crate::model::log::AccessLog;
use crate::model::request_stats::{RequestMethod, UNMATCHED_ROUTE};
use crate::model::time::Clock;
use crate::recorder::Recorder;

pub(crate) use request_id::RequestIds;
pub(crate) use routes::{PUBLIC, RouteTable};

/// The most bytes of a request's body.
pub(crate) const BODY_MAX: usize = 1 << 20;
/// The most bytes of a request's URI.
const URI_MAX: usize = 8 << 10;
/// The longest text that can be a key; anything longer is refused unread.
const KEY_MAX: usize = 256;

/// What the layer works with.
#[derive(Debug)]
pub(crate) struct EdgeState {
    pub(crate) routes: RouteTable,
    pub(crate) verifier: Verifier<StoredKeys>,
    pub(crate) unix_peers: Arc<UnixPeers>,
    pub(crate) access_log: AccessLogger,
    pub(crate) access: AccessPolicy,
    pub(crate) recorder: Recorder,
    pub(crate) request_ids: RequestIds,
    pub(crate) request_timeout: Duration,
    pub(crate) body_timeout: BodyTimeout,
    pub(crate) clock: Clock,
}

/// Which requests the access log holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccessPolicy {
    pub(crate) which: AccessLog,
    /// From when on a request is slow.
    pub(crate) slow: Duration,
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

impl EdgeState {
    async fn handle<S>(&self, inner: S, mut request: Request) -> Response
    where
        S: Service<Request, Response = Response, Error = Infallible> + Send,
        S::Future: Send,
    {
        let started = Instant::now();
        let request_id: Arc<str> = self.request_ids.next();
        let template = request.extensions().get::<MatchedPath>().cloned();
        let template = template.as_ref().map(MatchedPath::as_str);
        let method = request.method().clone();
        let address = request.extensions().get::<Peer>().and_then(Peer::address);
        request
            .extensions_mut()
            .insert(RequestId(Arc::clone(&request_id)));

        let mut identity = None;
        let outcome = match self.admit(&mut request, template).await {
            Ok(found) => {
                identity = found;
                self.run(inner, request).await
            }
            Err(error) => error.into_response(),
        };
        let response = complete(outcome, template, &method, &request_id, &self.routes);

        let (status, duration) = (response.status().as_u16(), started.elapsed());
        let (now, route) = (self.clock.now(), template.unwrap_or(UNMATCHED_ROUTE));
        let counted = RequestMethod::from_name(method.as_str());
        self.recorder.record(counted, route, status, duration, now);
        if self.access.which.wants(status, duration, self.access.slow) {
            let identity: Option<Arc<Identity>> = identity;
            self.access_log.record(AccessRecord {
                time: now,
                // Methods that are not in the standard are logged without their text, which is the
                // client's.
                method: counted.as_str(),
                route: route.into(),
                status,
                duration,
                request_id: (*request_id).into(),
                user_id: identity.as_ref().map(|identity| identity.user.id),
                key_id: identity
                    .as_ref()
                    .and_then(|identity| identity.key_id().cloned()),
                address,
            });
        }
        response
    }

    /// Everything that can refuse a request before its handler runs.
    async fn admit(
        &self,
        request: &mut Request,
        template: Option<&str>,
    ) -> Result<Option<Arc<Identity>>, ApiError> {
        if request
            .uri()
            .path_and_query()
            .map_or(0, |path| path.as_str().len())
            > URI_MAX
        {
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
        if !self.routes.needs_key(template, request.method()) {
            return Ok(None);
        }
        let peer = request.extensions().get::<Peer>().copied();
        let identity = self.authenticate(request.headers(), peer).await?;
        request.extensions_mut().insert(Arc::clone(&identity));
        Ok(Some(identity))
    }

    async fn authenticate(
        &self,
        headers: &HeaderMap,
        peer: Option<Peer>,
    ) -> Result<Arc<Identity>, ApiError> {
        if let Some(key) = key_of(headers)? {
            return Ok(self.verifier.verify(key).await?);
        }
        match peer {
            Some(Peer::Unix { uid, gid }) => Box::pin(self.unix_peers.identify(uid, gid)).await,
            _ => Err(ApiError::key_missing()),
        }
    }

    async fn run<S>(&self, mut inner: S, request: Request) -> Response
    where
        S: Service<Request, Response = Response, Error = Infallible> + Send,
        S::Future: Send,
    {
        let handler = AssertUnwindSafe(inner.call(request)).catch_unwind();
        match tokio::time::timeout(self.request_timeout, handler).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Err(_panic)) => ApiError::panicked().into_response(),
            Err(_elapsed) => ApiError::timed_out().into_response(),
        }
    }
}

/// The key that a request carries: `X-API-Key`, or `Authorization: Bearer`.
pub(crate) fn key_of(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
    let invalid = || ApiError::from(crate::auth::verifier::Rejected::Invalid);
    let given = match (headers.get(X_API_KEY), headers.get(header::AUTHORIZATION)) {
        (Some(value), _) => value.to_str().map_err(|_| invalid())?.trim(),
        (None, Some(value)) => {
            let text = value.to_str().map_err(|_| invalid())?;
            match text.split_once(' ') {
                Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim(),
                _ => return Err(invalid()),
            }
        }
        (None, None) => return Ok(None),
    };
    if given.is_empty() {
        return Err(ApiError::key_missing());
    }
    if given.len() > KEY_MAX {
        return Err(invalid());
    }
    Ok(Some(given))
}

/// Gives every answer its common headers, and every error its body.
fn complete(
    mut response: Response,
    template: Option<&str>,
    method: &Method,
    request_id: &str,
    routes: &RouteTable,
) -> Response {
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
        && let Some(allowed) = template.and_then(|template| routes.allowed(template))
    {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    set_common_headers(response.headers_mut(), request_id);
    response
}

fn set_common_headers(headers: &mut HeaderMap, request_id: &str) {
    const X_API_VERSION: HeaderName = HeaderName::from_static("x-api-version");
    const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
    headers.reserve(7);
    headers.insert(X_API_VERSION, HeaderValue::from_static("v1"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-cache, must-revalidate, proxy-revalidate"),
    );
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(header::EXPIRES, HeaderValue::from_static("0"));
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(X_REQUEST_ID, value);
    }
}
