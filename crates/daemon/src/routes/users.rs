//! The caller's own user, and the making and deleting of users.

use axum::extract::State;
use axum::http::StatusCode;
use uuid::Uuid;

use crate::error::ApiError;
use crate::extract::{ApiJson, Caller, FromBody, scope};
use crate::issuer::read_hosts;
use crate::json::Json;
use crate::params::BodyReader;
use crate::state::StoredKeys;
use linux_api_auth::key::PlainKey;
use linux_api_auth::verifier::Verifier;
use linux_api_store::api_keys::NewKey;
use linux_api_store::users::NewUser;
use linux_api_store::{Refusal, Store, StoreError};
use linux_api_wire::api::problem::Problem;
use linux_api_wire::api::users::{
    CurrentUser, DeleteUser, Done, Permissions, RegisterUser, RegisteredUser,
};
use linux_api_wire::api_key::{Scope, Scopes};
use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::user::{ParseRoleError, Role, UserId, parse_user_name};

impl FromBody for RegisterUser {
    fn read(body: &mut BodyReader) -> Self {
        let mut username = String::new();
        if let Some(text) = body.required_text("username") {
            match parse_user_name(&text) {
                Ok(name) => username = name,
                Err(error) => body.problem("username", error.to_string()),
            }
        }
        Self {
            username,
            is_admin: body.boolean("is_admin", false),
            role: read_role(body),
            activate: body.boolean("activate", false),
            scopes: body.list("scopes"),
            hosts: body.hosts(),
        }
    }
}

/// A role by its name, which must not contradict `is_admin`.
fn read_role(body: &mut BodyReader) -> Option<Role> {
    let role = body.text("role")?.parse();
    if let Err(error) = &role {
        let error: &ParseRoleError = error;
        body.problem("role", error.to_string());
    }
    role.ok()
}

impl FromBody for DeleteUser {
    fn read(body: &mut BodyReader) -> Self {
        let user_id = body.text("user_id").unwrap_or_else(|| "me".to_owned());
        if user_id != "me" && Uuid::parse_str(&user_id).is_err() {
            body.problem(
                "user_id",
                "Value error, user_id must be 'me' or a valid UUID",
            );
        }
        Self { user_id }
    }
}

/// Register a user
///
/// Creates a user with one key, which is shown only once. A key that was narrowed to some scopes
/// gives the new key no more than those, and a caller that is limited to some hosts makes no user of
/// others.
#[utoipa::path(
    post,
    path = "/api/v1/user/register",
    tag = "user",
    request_body = RegisterUser,
    responses(
        (status = 200, description = "The new user and its key", body = RegisteredUser),
        (status = 409, description = "The name is taken", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn register_user(
    caller: Caller<scope::UsersAdmin>,
    State(store): State<Store>,
    State(verifier): State<Verifier<StoredKeys>>,
    ApiJson(body): ApiJson<RegisterUser>,
) -> Result<Json<RegisteredUser>, ApiError> {
    let secret = PlainKey::generate()?;
    let key = NewKey {
        id: secret.id(),
        hash: verifier.hasher().hash(&secret).await?,
        name: "first key".to_owned(),
        scopes: match Scopes::only(body.scopes) {
            Scopes::ALL => caller.identity.scopes,
            chosen => chosen,
        },
        expires_at: None,
        hosts: HostSelector::default(),
    };
    let user = NewUser {
        name: body.username,
        role: body.role.unwrap_or(if body.is_admin {
            Role::Admin
        } else {
            Role::Viewer
        }),
        active: body.activate,
        immutable: false,
        hosts: read_hosts(body.hosts.as_deref())?,
    };
    let user = store
        .create_user(&caller.actor().await?, &user, &key)
        .await
        .map_err(|error| match error {
            StoreError::Refused(Refusal::NameTaken) => {
                let detail = "This username is already taken";
                ApiError::refused(StatusCode::CONFLICT, "name_taken", detail)
            }
            other => other.into(),
        })?;
    Ok(Json(RegisteredUser {
        username: user.name,
        user_id: user.id.to_string(),
        api_key: secret.expose().to_owned(),
    }))
}

/// Delete a user
///
/// Deletes the caller, or the user with the given id, which for another than itself only an admin
/// may. The last active admin and immutable users stay.
#[utoipa::path(
    delete,
    path = "/api/v1/user/delete",
    tag = "user",
    request_body = DeleteUser,
    responses(
        (status = 200, description = "The user and its keys are gone", body = Done),
        (status = 404, description = "There is no such user", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delete_user(
    caller: Caller<scope::KeysSelf>,
    State(store): State<Store>,
    ApiJson(body): ApiJson<DeleteUser>,
) -> Result<Json<Done>, ApiError> {
    let own = caller.identity.user.id;
    let id = Uuid::parse_str(&body.user_id).map_or(own, UserId);
    let needed = if id == own {
        Scope::KeysSelf
    } else {
        let allowed = caller.identity.allow(Scope::UsersAdmin);
        allowed.map_err(|denied| ApiError::from(denied).about(format!("user:{id}")))?;
        Scope::UsersAdmin
    };
    store
        .delete_user(&caller.actor_for(needed).await?, id)
        .await
        .map_err(|error| match error {
            StoreError::Refused(Refusal::UserNotFound) => ApiError::refused(
                StatusCode::NOT_FOUND,
                "user_not_found",
                "Requested user not found.",
            ),
            StoreError::Refused(Refusal::Immutable) => {
                let detail = "Could not delete user: user is immutable";
                ApiError::refused(StatusCode::FORBIDDEN, "user_immutable", detail)
            }
            StoreError::Refused(Refusal::LastAdmin) => {
                let detail = "Can not delete the last admin account.";
                ApiError::refused(StatusCode::FORBIDDEN, "last_admin", detail)
            }
            other => other.into(),
        })?;
    Ok(Json(Done {
        detail: "User deleted".to_owned(),
    }))
}

/// Show the caller
///
/// Who the key belongs to and what it may do.
#[utoipa::path(
    get,
    path = "/api/v1/user/me",
    tag = "user",
    responses((status = 200, description = "The caller", body = CurrentUser))
)]
pub(crate) async fn show_current_user(
    caller: Caller<scope::KeysSelf>,
    State(store): State<Store>,
) -> Result<Json<CurrentUser>, ApiError> {
    let known = &caller.identity.user;
    // The remembered identity does not see its own last login; the row does. Callers on the Unix
    // socket may have none.
    let stored = store.find_user(known.id).await?;
    let user = stored.as_ref().unwrap_or(known);
    Ok(Json(CurrentUser {
        user_id: user.id.to_string(),
        user: user.into(),
        user_perm: Permissions {
            is_admin: user.role == Role::Admin,
            activated: user.active,
            role: user.role.to_string(),
            scopes: caller.identity.scopes.names(),
            hosts: caller.identity.hosts.stored(),
        },
    }))
}
