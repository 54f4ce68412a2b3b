//! Extractors: the caller, and parameters that are checked all at once.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use uuid::Uuid;

use super::client_address::ClientAddress;
use super::edge::RequestId;
use super::error::ApiError;
use super::params::{BodyReader, QueryReader};
use super::peer::Peer;
use super::unix_peers::Account;
use linux_api_auth::identity::Identity;
use linux_api_host::units::{AnyUnit, NoUnitName};
use linux_api_wire::api::problem::FieldProblem;
use linux_api_wire::api_key::Scope;
use linux_api_wire::audit::{Actor, Origin};
use linux_api_wire::authority;
use linux_api_wire::user::{Role, UserId};

/// What the edge layer found out about a request. One value, since each extension of a request takes
/// an allocation.
#[derive(Debug, Clone)]
pub(crate) struct RequestInfo {
    /// Its id.
    pub(crate) id: RequestId,
    /// The other end of its connection.
    pub(crate) peer: Option<Peer>,
    /// Where it comes from, over the network and past trusted proxies.
    pub(crate) address: Option<ClientAddress>,
    /// Its caller; absent on public routes.
    pub(crate) identity: Option<Arc<Identity>>,
    /// The Linux account on the Unix socket, unless it sent a key.
    pub(crate) account: Option<Account>,
    /// Whether its host is none of ours, which only probes may do.
    pub(crate) is_for_foreign_host: bool,
    /// Whether it needs no key because of where it comes from.
    pub(crate) is_opened_by_network: bool,
    /// How long the client may take to send the body; absent without one.
    pub(crate) body_timeout: Option<Duration>,
}

/// Whether a request comes from the host that the daemon runs on, and from no page of a foreign site.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FromThisHost(pub(crate) bool);

impl<A: Sync> FromRequestParts<A> for FromThisHost {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &A) -> Result<Self, Infallible> {
        let Some(info) = parts.extensions.get::<RequestInfo>() else {
            return Ok(Self(false));
        };
        let is_near = match info.address {
            Some(address) => address.known().is_some_and(|address| address.is_loopback()),
            None => matches!(info.peer, Some(Peer::Unix { .. })),
        };
        Ok(Self(is_near && !info.is_for_foreign_host))
    }
}

/// A scope as a type, so that a handler's signature says who may call it.
pub trait RequiredScope: Send + Sync {
    /// The scope.
    const SCOPE: Scope;
}

/// One type per scope.
pub mod scope {
    use super::{RequiredScope, Scope};

    macro_rules! scopes {
        ($($name:ident)*) => {$(
            #[doc = concat!("Stands for [`Scope::", stringify!($name), "`].")]
            #[derive(Debug)]
            pub struct $name;

            impl RequiredScope for $name {
                const SCOPE: Scope = Scope::$name;
            }
        )*};
    }

    scopes!(HostRead MetricsRead StatsRead KeysSelf UsersAdmin AuditRead LogsRead ProcessesAct UnitsAct
        AlertsRead AlertsWrite);
}

/// The sender of the request, allowed to do what `S` names.
#[derive(Debug)]
pub struct Caller<S> {
    /// Who the key or the Linux account says it is.
    pub identity: Arc<Identity>,
    /// The other end of its connection.
    pub(crate) peer: Option<Peer>,
    address: Option<IpAddr>,
    request_id: RequestId,
    /// On the Unix socket, unless it sent a key.
    account: Option<Account>,
    required: PhantomData<S>,
}

impl<S: RequiredScope> Caller<S> {
    /// The caller, about to make a change that takes `S`. To be called right before the change, after
    /// all waiting: here a Linux account is looked up afresh.
    ///
    /// # Errors
    /// 401 when the account is no longer this user, 503 when that can't be found out.
    pub async fn actor(&self) -> Result<Actor, ApiError> {
        self.actor_for(S::SCOPE).await
    }

    /// As [`Self::actor`], for a change that takes another scope.
    ///
    /// # Errors
    /// As [`Self::actor`].
    pub async fn actor_for(&self, scope: Scope) -> Result<Actor, ApiError> {
        let role = match &self.account {
            Some(account) => account.confirm(self.identity.user.id).await?,
            None => Role::Viewer,
        };
        self.actor_as(role, scope)
    }

    /// The caller, about to act on the host by `S`, which it may also while the database is away. To be
    /// called right before the act: here a Linux account is looked up afresh.
    ///
    /// # Errors
    /// 401 when the account is no longer this user, 403 when it may no longer act.
    pub(crate) async fn actor_of_act(&self) -> Result<(Actor, Role), ApiError> {
        let Some(account) = &self.account else {
            self.identity.allow(S::SCOPE)?;
            let actor = self.actor_as(Role::Viewer, S::SCOPE)?;
            return Ok((actor, self.identity.user.role));
        };
        let role = match account.confirm(self.identity.user.id).await {
            Ok(role) => role,
            Err(error) if error.status().is_server_error() => {
                // What it was known as before the outage, or what its groups say.
                let now = account.identify().await?;
                now.allow(S::SCOPE)?;
                if now.user.id != self.identity.user.id {
                    return Err(error);
                }
                now.user.role
            }
            Err(error) => return Err(error),
        };
        authority::allow(
            role,
            self.identity.user.active,
            self.identity.scopes,
            S::SCOPE,
        )?;
        Ok((self.actor_as(role, S::SCOPE)?, role))
    }

    fn actor_as(&self, role: Role, scope: Scope) -> Result<Actor, ApiError> {
        // Absent only for a caller that came in by no door of this service.
        let actor = Actor::of_caller(self.origin(), scope).ok_or_else(ApiError::key_missing)?;
        Ok(actor.with_account_role(role))
    }

    /// The caller as the audit log names it.
    pub(crate) fn origin(&self) -> Origin {
        let request_id = self.request_id.to_string();
        self.identity.origin(self.address, request_id)
    }
}

impl<S: RequiredScope, A: Sync> FromRequestParts<A> for Caller<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &A) -> Result<Self, ApiError> {
        // Absent only when a route is public and yet requires a caller.
        let info = parts.extensions.get::<RequestInfo>();
        let info = info.ok_or_else(ApiError::key_missing)?;
        let identity = info.identity.as_ref().ok_or_else(ApiError::key_missing)?;
        identity.allow(S::SCOPE)?;
        Ok(Self {
            identity: Arc::clone(identity),
            peer: info.peer,
            address: info.address.map(ClientAddress::nearest),
            request_id: info.id,
            account: info.account.clone(),
            required: PhantomData,
        })
    }
}

/// A client that may scrape `/metrics`: a caller, or any client on an allowed network.
#[derive(Debug)]
pub(crate) struct Scraper;

impl<A: Sync> FromRequestParts<A> for Scraper {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &A) -> Result<Self, ApiError> {
        let info = parts.extensions.get::<RequestInfo>();
        if !info.is_some_and(|info| info.is_opened_by_network) {
            Caller::<scope::MetricsRead>::from_request_parts(parts, state).await?;
        }
        Ok(Self)
    }
}

/// Parameters that a request's query string gives.
pub trait FromQuery: Sized {
    /// Reads all of them; the reader collects what is wrong.
    fn read(query: &mut QueryReader) -> Self;
}

/// The query string, every field checked; unknown ones are ignored, of repeated ones the last
/// counts.
#[derive(Debug)]
pub struct ApiQuery<T>(pub T);

impl<T: FromQuery, A: Sync> FromRequestParts<A> for ApiQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &A) -> Result<Self, ApiError> {
        let mut reader = QueryReader::new(parts.uri.query().unwrap_or(""));
        let value = T::read(&mut reader);
        reader.finish()?;
        Ok(Self(value))
    }
}

/// What a request's JSON object holds.
pub(crate) trait FromBody: Sized {
    /// Whether a request without a body means the same as one with an empty object: where every field
    /// has a default, and the defaults do no harm.
    const IS_OPTIONAL: bool = false;

    fn read(body: &mut BodyReader) -> Self;
}

/// The JSON body, every field checked.
#[derive(Debug)]
pub(crate) struct ApiJson<T>(pub(crate) T);

impl<T: FromBody, A: Send + Sync> FromRequest<A> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &A) -> Result<Self, ApiError> {
        let is_json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_none_or(|kind| {
                let essence = kind
                    .to_str()
                    .unwrap_or("")
                    .split(';')
                    .next()
                    .unwrap_or("")
                    .trim();
                essence.eq_ignore_ascii_case("application/json")
                    || essence.to_ascii_lowercase().ends_with("+json")
            });
        let unsupported = || {
            ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body must be application/json.",
            )
        };
        // Programs name the type of a form with an empty body too.
        if !is_json && !T::IS_OPTIONAL {
            return Err(unsupported());
        }
        let mut bytes = read_body(request, state).await?;
        if bytes.is_empty() && T::IS_OPTIONAL {
            bytes = Bytes::from_static(b"{}");
        } else if !is_json {
            return Err(unsupported());
        }
        let mut reader = BodyReader::new(&bytes)?;
        let value = T::read(&mut reader);
        reader.finish()?;
        Ok(Self(value))
    }
}

async fn read_body<A: Send + Sync>(request: Request<Body>, state: &A) -> Result<Bytes, ApiError> {
    let info = request.extensions().get::<RequestInfo>();
    let timeout = info.and_then(|info| info.body_timeout);
    let whole = Bytes::from_request(request, state);
    let read = match timeout {
        Some(limit) => tokio::time::timeout(limit, whole)
            .await
            .map_err(|_| ApiError::body_too_slow())?,
        // A request without a body.
        None => whole.await,
    };
    read.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(error)
            if error.status() == StatusCode::PAYLOAD_TOO_LARGE =>
        {
            ApiError::body_too_large()
        }
        _ => ApiError::new(
            StatusCode::BAD_REQUEST,
            "body_unreadable",
            "The body could not be read to its end.",
        ),
    })
}

/// The `{user_id}` of the path, in any of UUID's spellings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathUser(pub(crate) UserId);

impl<A: Send + Sync> FromRequestParts<A> for PathUser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &A) -> Result<Self, ApiError> {
        let text = path_field(parts, state, "user_id").await?;
        match Uuid::parse_str(&text) {
            Ok(id) => Ok(Self(UserId(id))),
            Err(error) => Err(ApiError::invalid(vec![FieldProblem {
                location: vec!["path".to_owned(), "user_id".to_owned()],
                message: format!("Input should be a valid UUID, {error}"),
            }])),
        }
    }
}

/// The `{key_id}` of the path.
#[derive(Debug, Clone)]
pub(crate) struct PathKey(pub(crate) String);

impl<A: Send + Sync> FromRequestParts<A> for PathKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &A) -> Result<Self, ApiError> {
        let text = path_field(parts, state, "key_id").await?;
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(Self(text));
        }
        Err(ApiError::invalid(vec![FieldProblem {
            location: vec!["path".to_owned(), "key_id".to_owned()],
            message: "Input should be 12 letters and digits".to_owned(),
        }]))
    }
}

/// The `{host_id}` of the path.
#[derive(Debug, Clone)]
pub(crate) struct PathHost(pub(crate) String);

impl<A: Send + Sync> FromRequestParts<A> for PathHost {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &A) -> Result<Self, ApiError> {
        let text = path_field(parts, state, "host_id").await?;
        if (1..=64).contains(&text.len()) && !text.contains(char::is_control) {
            return Ok(Self(text));
        }
        Err(ApiError::invalid(vec![FieldProblem {
            location: vec!["path".to_owned(), "host_id".to_owned()],
            message: "Input should be 1 to 64 bytes without control characters".to_owned(),
        }]))
    }
}

/// The `{pid}` of the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathPid(pub(crate) u32);

impl<A: Send + Sync> FromRequestParts<A> for PathPid {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &A) -> Result<Self, ApiError> {
        let text = path_field(parts, state, "pid").await?;
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let pid = is_number.then(|| text.parse().ok()).flatten();
        pid.map(Self).ok_or_else(|| {
            ApiError::invalid(vec![FieldProblem {
                location: vec!["path".to_owned(), "pid".to_owned()],
                message: format!("Input should be a whole number from 0 to {}", u32::MAX),
            }])
        })
    }
}

/// The `{name}` of the path, of a unit.
#[derive(Debug, Clone)]
pub(crate) struct PathUnit(pub(crate) AnyUnit);

impl<A: Send + Sync> FromRequestParts<A> for PathUnit {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &A) -> Result<Self, ApiError> {
        let text = path_field(parts, state, "name").await?;
        text.parse().map(Self).map_err(|error: NoUnitName| {
            ApiError::invalid(vec![FieldProblem {
                location: vec!["path".to_owned(), "name".to_owned()],
                message: error.to_string(),
            }])
        })
    }
}

pub(crate) async fn path_field<A: Send + Sync>(
    parts: &mut Parts,
    state: &A,
    name: &str,
) -> Result<String, ApiError> {
    let path: Path<Vec<(String, String)>> =
        Path::from_request_parts(parts, state).await.map_err(|_| {
            ApiError::invalid(vec![FieldProblem {
                location: vec!["path".to_owned(), name.to_owned()],
                message: "Input should be valid UTF-8".to_owned(),
            }])
        })?;
    let field = path.0.into_iter().find(|(field, _)| field == name);
    field.map(|(_, text)| text).ok_or_else(ApiError::not_found)
}
