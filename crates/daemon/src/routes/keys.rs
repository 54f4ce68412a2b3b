//! API keys: the caller's own, and for admins those of every user.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use utoipa::IntoParams;

use crate::error::ApiError;
use crate::extract::{ApiJson, ApiQuery, Caller, FromBody, FromQuery, PathKey, PathUser, scope};
use crate::issuer::{Issuer, key_refused};
use crate::json::Json;
use crate::params::{BodyReader, QueryReader};
use linux_api_store::{Refusal, Store};
use linux_api_wire::api::keys::{CreateKey, IssuedKey, ListedKey, RotateKey};
use linux_api_wire::api::page::{Cursor, Page};
use linux_api_wire::api::problem::Problem;
use linux_api_wire::api::users::Done;
use linux_api_wire::api_key::KeyId;
use linux_api_wire::audit::Actor;
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::UserId;

/// The longest that a rotated key may live on: a week.
const OVERLAP_MAX: i64 = 7 * 24 * 3600;

impl FromBody for CreateKey {
    fn read(body: &mut BodyReader) -> Self {
        let name = body.required_text("name");
        if let Some(name) = &name {
            if !(1..=64).contains(&name.chars().count()) {
                body.problem("name", "String should have 1 to 64 characters");
            } else if name.chars().any(char::is_control) {
                body.problem("name", "String should not hold control characters");
            }
        }
        let scopes = body.list("scopes");
        let expires_at = body.nullable_text("expires_at");
        if let Some(text) = &expires_at
            && text.parse::<Timestamp>().is_err()
        {
            body.problem(
                "expires_at",
                "Input should be a time such as 2036-01-01T00:00:00Z",
            );
        }
        Self {
            name: name.unwrap_or_default(),
            scopes,
            expires_at,
            hosts: body.hosts(),
        }
    }
}

impl FromBody for RotateKey {
    const IS_OPTIONAL: bool = true;

    fn read(body: &mut BodyReader) -> Self {
        Self {
            overlap_seconds: body.integer("overlap_seconds", 0..=OVERLAP_MAX, 3600),
        }
    }
}

/// Which keys to list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListKeys {
    /// The most keys to return.
    #[param(minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: i64,
    /// Where the next page starts, from `next_cursor` of an earlier response.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

impl FromQuery for ListKeys {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            limit: query.integer("limit", 1..=1000, 100),
            cursor: query.cursor("cursor", |_| true),
        }
    }
}

/// List the caller's keys
///
/// Newest first, expired and revoked ones included, never with a secret.
#[utoipa::path(
    get,
    path = "/api/v1/user/keys",
    tag = "user",
    params(ListKeys),
    responses((status = 200, description = "A page of keys", body = Page<ListedKey>))
)]
pub(crate) async fn list_own_keys(
    caller: Caller<scope::KeysSelf>,
    State(store): State<Store>,
    ApiQuery(query): ApiQuery<ListKeys>,
) -> Result<Json<Page<ListedKey>>, ApiError> {
    list(&store, caller.identity.user.id, query).await
}

/// Create a key for the caller
///
/// The key is shown only once. A key that was narrowed to some scopes can give no others.
#[utoipa::path(
    post,
    path = "/api/v1/user/keys",
    tag = "user",
    request_body = CreateKey,
    responses(
        (status = 201, description = "The new key", body = IssuedKey),
        (status = 404, description = "The caller is a Linux account without a user of its own",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The user has as many keys as allowed", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_own_key(
    caller: Caller<scope::KeysSelf>,
    State(issuer): State<Issuer>,
    ApiJson(body): ApiJson<CreateKey>,
) -> Result<(StatusCode, Json<IssuedKey>), ApiError> {
    let user_id = caller.identity.user.id;
    issuer.create(&caller, user_id, body).await
}

/// Revoke one of the caller's keys
///
/// It ends at once and forever. 204 when it was revoked before.
#[utoipa::path(
    delete,
    path = "/api/v1/user/keys/{key_id}",
    tag = "user",
    params(("key_id" = String, Path, description = "Public id of the key")),
    responses(
        (status = 200, description = "The key is revoked", body = Done),
        (status = 204, description = "Nothing to change"),
    )
)]
pub(crate) async fn revoke_own_key(
    caller: Caller<scope::KeysSelf>,
    State(store): State<Store>,
    PathKey(key_id): PathKey,
) -> Result<Response, ApiError> {
    revoke(
        &store,
        &caller.actor().await?,
        caller.identity.user.id,
        key_id,
    )
    .await
}

/// Replace one of the caller's keys
///
/// The new key has the old one's name, scopes and expiry; the old one works on for the overlap.
#[utoipa::path(
    post,
    path = "/api/v1/user/keys/{key_id}/rotate",
    tag = "user",
    params(("key_id" = String, Path, description = "Public id of the key")),
    request_body = RotateKey,
    responses(
        (status = 201, description = "The new key", body = IssuedKey),
        (status = 409, description = "The key has ended, or the user has as many as allowed",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn rotate_own_key(
    caller: Caller<scope::KeysSelf>,
    State(issuer): State<Issuer>,
    PathKey(key_id): PathKey,
    ApiJson(body): ApiJson<RotateKey>,
) -> Result<(StatusCode, Json<IssuedKey>), ApiError> {
    let user_id = caller.identity.user.id;
    issuer.rotate(&caller, user_id, key_id, body).await
}

/// List a user's keys
///
/// Newest first, expired and revoked ones included, never with a secret.
#[utoipa::path(
    get,
    path = "/api/v1/admin/users/{user_id}/keys",
    tag = "admin",
    params(("user_id" = Uuid, Path, description = "Id of the user"), ListKeys),
    responses((status = 200, description = "A page of keys", body = Page<ListedKey>))
)]
pub(crate) async fn list_user_keys(
    _caller: Caller<scope::UsersAdmin>,
    State(store): State<Store>,
    PathUser(user_id): PathUser,
    ApiQuery(query): ApiQuery<ListKeys>,
) -> Result<Json<Page<ListedKey>>, ApiError> {
    if store.find_user(user_id).await?.is_none() {
        return Err(key_refused(Refusal::UserNotFound.into()));
    }
    list(&store, user_id, query).await
}

/// Create a key for a user
///
/// The key is shown only once. Only the user itself can create keys of an immutable user.
#[utoipa::path(
    post,
    path = "/api/v1/admin/users/{user_id}/keys",
    tag = "admin",
    params(("user_id" = Uuid, Path, description = "Id of the user")),
    request_body = CreateKey,
    responses(
        (status = 201, description = "The new key", body = IssuedKey),
        (status = 409, description = "The user has as many keys as allowed", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_user_key(
    caller: Caller<scope::UsersAdmin>,
    State(issuer): State<Issuer>,
    PathUser(user_id): PathUser,
    ApiJson(body): ApiJson<CreateKey>,
) -> Result<(StatusCode, Json<IssuedKey>), ApiError> {
    issuer.create(&caller, user_id, body).await
}

/// Revoke a user's key
///
/// It ends at once and forever. 204 when it was revoked before.
#[utoipa::path(
    delete,
    path = "/api/v1/admin/users/{user_id}/keys/{key_id}",
    tag = "admin",
    params(
        ("user_id" = Uuid, Path, description = "Id of the user"),
        ("key_id" = String, Path, description = "Public id of the key")
    ),
    responses(
        (status = 200, description = "The key is revoked", body = Done),
        (status = 204, description = "Nothing to change"),
    )
)]
pub(crate) async fn revoke_user_key(
    caller: Caller<scope::UsersAdmin>,
    State(store): State<Store>,
    PathUser(user_id): PathUser,
    PathKey(key_id): PathKey,
) -> Result<Response, ApiError> {
    revoke(&store, &caller.actor().await?, user_id, key_id).await
}

/// Replace a user's key
///
/// The new key has the old one's name, scopes and expiry; the old one works on for the overlap.
#[utoipa::path(
    post,
    path = "/api/v1/admin/users/{user_id}/keys/{key_id}/rotate",
    tag = "admin",
    params(
        ("user_id" = Uuid, Path, description = "Id of the user"),
        ("key_id" = String, Path, description = "Public id of the key")
    ),
    request_body = RotateKey,
    responses(
        (status = 201, description = "The new key", body = IssuedKey),
        (status = 409, description = "The key has ended, or the user has as many as allowed",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn rotate_user_key(
    caller: Caller<scope::UsersAdmin>,
    State(issuer): State<Issuer>,
    PathUser(user_id): PathUser,
    PathKey(key_id): PathKey,
    ApiJson(body): ApiJson<RotateKey>,
) -> Result<(StatusCode, Json<IssuedKey>), ApiError> {
    issuer.rotate(&caller, user_id, key_id, body).await
}

async fn list(
    store: &Store,
    user_id: UserId,
    query: ListKeys,
) -> Result<Json<Page<ListedKey>>, ApiError> {
    let limit = u32::try_from(query.limit).unwrap_or(1);
    let after = query.cursor.map(|cursor| (cursor.time, KeyId(cursor.id)));
    let keys = store.list_keys(user_id, after, limit).await?;
    let next_cursor = keys
        .last()
        .filter(|_| i64::try_from(keys.len()) == Ok(query.limit))
        .map(|last| {
            Cursor {
                time: last.created_at,
                id: last.id.to_string(),
            }
            .encode()
        });
    Ok(Json(Page {
        items: keys.iter().map(ListedKey::from).collect(),
        next_cursor,
    }))
}

async fn revoke(
    store: &Store,
    actor: &Actor,
    user_id: UserId,
    key_id: String,
) -> Result<Response, ApiError> {
    let revoked = store
        .revoke_key(actor, user_id, &KeyId(key_id))
        .await
        .map_err(key_refused)?;
    Ok(if revoked {
        Json(Done {
            detail: "Key revoked".to_owned(),
        })
        .into_response()
    } else {
        StatusCode::NO_CONTENT.into_response()
    })
}
