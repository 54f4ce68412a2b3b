//! All users, for admins.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::error::ApiError;
use crate::extract::{ApiJson, ApiQuery, Caller, FromBody, FromQuery, PathUser, scope};
use crate::issuer::read_hosts;
use crate::json::Json;
use crate::params::{BodyReader, QueryReader};
use linux_api_store::users::UserPosition;
use linux_api_store::{Refusal, Store, StoreError};
use linux_api_wire::api::page::Cursor;
use linux_api_wire::api::users::{ListedUser, RoleChanged, SetUserHosts, UserChanged};
use linux_api_wire::user::{Role, UserId};

/// Which users to list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListUsers {
    /// Which page, from 1; ignored when `cursor` is given.
    #[param(minimum = 1, default = 1, required = false)]
    page: i64,
    /// The most users to return.
    #[param(minimum = 1, maximum = 100, default = 50, required = false)]
    limit: i64,
    /// Where the next page starts, from the `Link` header of an earlier response.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

impl FromQuery for ListUsers {
    fn read(query: &mut QueryReader) -> Self {
        // Any page of the largest size stays within what the databases count.
        let page = query.integer("page", 1..=i64::MAX / 100, 1);
        let limit = query.integer("limit", 1..=100, 50);
        let cursor = query.cursor("cursor", |id| Uuid::parse_str(id).is_ok());
        Self {
            page,
            limit,
            cursor,
        }
    }
}

impl ListUsers {
    fn start(&self) -> UserPosition {
        match &self.cursor {
            Some(Cursor { time, id }) => {
                UserPosition::After(*time, UserId(Uuid::parse_str(id).unwrap_or_default()))
            }
            None => UserPosition::Offset((self.page - 1).saturating_mul(self.limit)),
        }
    }
}

/// List users
///
/// Newest first. `X-Total-Count` says how many there are, `Link` leads to the next page.
#[utoipa::path(
    get,
    path = "/api/v1/admin/users",
    tag = "admin",
    params(ListUsers),
    responses((status = 200, description = "A page of users", body = Vec<ListedUser>, headers(
        ("X-Total-Count" = u64, description = "How many users there are"),
        ("Link" = String, description = "The next page, when there is one")
    )))
)]
pub(crate) async fn list_users(
    _caller: Caller<scope::UsersAdmin>,
    State(store): State<Store>,
    ApiQuery(query): ApiQuery<ListUsers>,
) -> Result<Response, ApiError> {
    let limit = u32::try_from(query.limit).unwrap_or(1);
    let users = store.list_users(query.start(), limit).await?;
    let total = store.count_users().await?;
    let listed: Vec<ListedUser> = users.iter().map(ListedUser::from).collect();
    let mut response = Json(listed).into_response();
    let headers = response.headers_mut();
    headers.insert("x-total-count", total.into());
    if let Some(last) = users
        .last()
        .filter(|_| i64::try_from(users.len()) == Ok(query.limit))
    {
        let cursor = Cursor {
            time: last.created_at,
            id: last.id.to_string(),
        }
        .encode();
        let link = format!("</api/v1/admin/users?limit={limit}&cursor={cursor}>; rel=\"next\"");
        if let Ok(link) = HeaderValue::from_str(&link) {
            headers.insert(header::LINK, link);
        }
    }
    Ok(response)
}

/// Which role to set.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SetRole {
    /// Whether the user is to be an admin, else a viewer; `role` counts before it.
    #[param(default = false, required = false)]
    is_admin: bool,
    /// The role to set.
    role: Option<Role>,
}

impl FromQuery for SetRole {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            is_admin: query.boolean("is_admin", false),
            role: query.parsed("role"),
        }
    }
}

/// Set a user's role
///
/// 204 when the user has the role already.
#[utoipa::path(
    patch,
    path = "/api/v1/admin/users/{user_id}/role",
    tag = "admin",
    params(("user_id" = Uuid, Path, description = "Id of the user"), SetRole),
    responses(
        (status = 200, description = "The role is set", body = RoleChanged),
        (status = 204, description = "Nothing to change"),
    )
)]
pub(crate) async fn set_user_role(
    caller: Caller<scope::UsersAdmin>,
    State(store): State<Store>,
    PathUser(id): PathUser,
    ApiQuery(query): ApiQuery<SetRole>,
) -> Result<Response, ApiError> {
    let role = query.role.unwrap_or(if query.is_admin {
        Role::Admin
    } else {
        Role::Viewer
    });
    let changed = store
        .set_role(&caller.actor().await?, id, role)
        .await
        .map_err(|error| refused(error, "Can't set users role: user is immutable"))?;
    Ok(if changed {
        Json(RoleChanged {
            success: true,
            user_id: id.to_string(),
            is_admin: role == Role::Admin,
            role: Some(role.to_string()),
        })
        .into_response()
    } else {
        StatusCode::NO_CONTENT.into_response()
    })
}

impl FromBody for SetUserHosts {
    fn read(body: &mut BodyReader) -> Self {
        if !body.has("hosts") {
            body.problem("hosts", "Field required");
        }
        Self {
            hosts: body.hosts(),
        }
    }
}

/// Limit a user to some hosts
///
/// Daemons of other hosts refuse the user and all its keys with 403 from then on, and end its streams. A
/// host counts by the labels in the configuration file of its daemon. 204 when nothing changes.
#[utoipa::path(
    patch,
    path = "/api/v1/admin/users/{user_id}/hosts",
    tag = "admin",
    params(("user_id" = Uuid, Path, description = "Id of the user")),
    request_body = SetUserHosts,
    responses(
        (status = 200, description = "The hosts are set", body = UserChanged),
        (status = 204, description = "Nothing to change"),
    )
)]
pub(crate) async fn set_user_hosts(
    caller: Caller<scope::UsersAdmin>,
    State(store): State<Store>,
    PathUser(id): PathUser,
    ApiJson(body): ApiJson<SetUserHosts>,
) -> Result<Response, ApiError> {
    let hosts = read_hosts(body.hosts.as_deref())?;
    let changed = store
        .set_hosts(&caller.actor().await?, id, &hosts)
        .await
        .map_err(|error| refused(error, "Can't limit user: user is immutable"))?;
    Ok(user_changed(changed, id))
}

/// Activate a user
///
/// 204 when the user is active already.
#[utoipa::path(
    patch,
    path = "/api/v1/admin/users/{user_id}/activate",
    tag = "admin",
    params(("user_id" = Uuid, Path, description = "Id of the user")),
    responses(
        (status = 200, description = "The user is active", body = UserChanged),
        (status = 204, description = "Nothing to change"),
    )
)]
pub(crate) async fn activate_user(
    caller: Caller<scope::UsersAdmin>,
    State(store): State<Store>,
    PathUser(id): PathUser,
) -> Result<Response, ApiError> {
    let immutable = "Can't activate user: user is immutable";
    set_active(&caller, &store, id, true, immutable).await
}

/// Deactivate a user
///
/// 204 when the user is not active. Admins can't deactivate themselves or the last active admin.
#[utoipa::path(
    patch,
    path = "/api/v1/admin/users/{user_id}/deactivate",
    tag = "admin",
    params(("user_id" = Uuid, Path, description = "Id of the user")),
    responses(
        (status = 200, description = "The user is not active any more", body = UserChanged),
        (status = 204, description = "Nothing to change"),
    )
)]
pub(crate) async fn deactivate_user(
    caller: Caller<scope::UsersAdmin>,
    State(store): State<Store>,
    PathUser(id): PathUser,
) -> Result<Response, ApiError> {
    let immutable = "Can't deactivate user: user is immutable";
    set_active(&caller, &store, id, false, immutable).await
}

/// Protect a user
///
/// From then on only the user itself can change or delete it and its keys; only someone with direct
/// database access removes the protection (`linux-api user protect --off`). 204 when the user is
/// protected already.
#[utoipa::path(
    patch,
    path = "/api/v1/admin/users/{user_id}/protect",
    tag = "admin",
    params(("user_id" = Uuid, Path, description = "Id of the user")),
    responses(
        (status = 200, description = "The user is protected", body = UserChanged),
        (status = 204, description = "Nothing to change"),
    )
)]
pub(crate) async fn protect_user(
    caller: Caller<scope::UsersAdmin>,
    State(store): State<Store>,
    PathUser(id): PathUser,
) -> Result<Response, ApiError> {
    let changed = store
        .set_immutable(&caller.actor().await?, id, true)
        .await
        .map_err(|error| refused(error, "Can't protect user: user is immutable"))?;
    Ok(user_changed(changed, id))
}

async fn set_active(
    caller: &Caller<scope::UsersAdmin>,
    store: &Store,
    id: UserId,
    active: bool,
    immutable: &'static str,
) -> Result<Response, ApiError> {
    let changed = store
        .set_active(&caller.actor().await?, id, active)
        .await
        .map_err(|error| refused(error, immutable))?;
    Ok(user_changed(changed, id))
}

fn user_changed(changed: bool, id: UserId) -> Response {
    if !changed {
        return StatusCode::NO_CONTENT.into_response();
    }
    Json(UserChanged {
        success: true,
        user_id: id.to_string(),
    })
    .into_response()
}

fn refused(error: StoreError, immutable: &'static str) -> ApiError {
    let StoreError::Refused(refusal) = error else {
        return error.into();
    };
    let forbidden = |code, detail| ApiError::refused(StatusCode::FORBIDDEN, code, detail);
    match refusal {
        Refusal::UserNotFound => ApiError::user_not_found(),
        Refusal::Immutable => forbidden("user_immutable", immutable),
        Refusal::OwnRole => forbidden("own_role", "Can't change your own admin perm."),
        Refusal::OwnHosts => forbidden("own_hosts", "Can't change your own hosts."),
        Refusal::OwnAccount => forbidden("own_account", "Can't deactivate own admin account."),
        Refusal::LastAdmin => forbidden("last_admin", "At least one active admin must remain."),
        other => StoreError::Refused(other).into(),
    }
}
