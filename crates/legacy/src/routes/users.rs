//! Users, as the legacy routes show and change them.

use axum::extract::State;
use axum::http::StatusCode;
use utoipa::IntoParams;

use crate::bodies::{
    LegacyCaller, LegacyCreated, LegacyDone, LegacyGreeting, LegacyNewUser, LegacyRole, LegacyUser,
    LegacyUsers,
};
use crate::keys::{ImportedSecrets, OWN_SECRET, hmac_hash, imported_key_id, new_secret};
use linux_api_auth::key::PlainKey;
use linux_api_auth::verifier::Verifier;
use linux_api_daemon::handler::{ApiError, ApiQuery, Caller, FromQuery, Json, QueryReader, scope};
use linux_api_daemon::state::StoredKeys;
use linux_api_store::api_keys::NewKey;
use linux_api_store::users::{NewUser, UserPosition};
use linux_api_store::{Refusal, Store, StoreError};
use linux_api_wire::api::problem::Problem;
use linux_api_wire::api_key::{Scope, Scopes};
use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::user::User;

/// Fewest characters of a chosen key.
const KEY_MIN: usize = 32;
/// Most characters of one: the edge reads no longer ones.
const KEY_MAX: usize = 256;
/// Most characters of a name.
const NAME_MAX: usize = 64;
/// How many users are read at once.
const PAGE: u32 = 1_000;

const NOT_CREATED: &str = "User creation failed or user already exists";
const NOT_DELETED: &str = "User deletion failed or user does not exist";

/// Show the caller
#[utoipa::path(
    get,
    path = "/api/legacy/user/user-info",
    tag = "legacy",
    responses((status = 200, description = "The caller", body = LegacyCaller))
)]
pub(super) async fn show_legacy_caller(caller: Caller<scope::KeysSelf>) -> Json<LegacyCaller> {
    let user = &caller.identity.user;
    Json(LegacyCaller {
        username: user.name.clone(),
        role: user.role.into(),
    })
}

/// Greet an admin
#[utoipa::path(
    get,
    path = "/api/legacy/admin/admin-area",
    tag = "legacy",
    responses((status = 200, description = "A greeting", body = LegacyGreeting))
)]
pub(super) async fn greet_legacy_admin(caller: Caller<scope::UsersAdmin>) -> Json<LegacyGreeting> {
    let user = &caller.identity.user;
    let (name, role) = (&user.name, LegacyRole::from(user.role).as_str());
    Json(LegacyGreeting {
        message: format!("Admin access granted for {name} with role {role}!"),
    })
}

/// List all users
#[utoipa::path(
    get,
    path = "/api/legacy/admin/users",
    tag = "legacy",
    responses((status = 200, description = "All users, the oldest first", body = LegacyUsers))
)]
pub(super) async fn list_legacy_users(
    _caller: Caller<scope::UsersAdmin>,
    State(store): State<Store>,
) -> Result<Json<LegacyUsers>, ApiError> {
    let mut all: Vec<User> = Vec::new();
    let mut page = UserPosition::Offset(0);
    loop {
        let users = store.list_users(page, PAGE).await?;
        let Some(last) = users.last() else { break };
        page = UserPosition::After(last.created_at, last.id);
        all.extend(users);
    }
    let users = all.iter().rev().map(LegacyUser::from).collect();
    Ok(Json(LegacyUsers { users }))
}

/// Which user to make.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CreateLegacyUser {
    /// Its name: 1 to 64 letters, digits and underscores.
    username: String,
    /// Its role.
    #[param(inline)]
    role: LegacyRole,
    /// Its key, at least 32 characters; a new one is made unless it is given. What is in a URL may
    /// end up in logs.
    #[param(default = "", required = false)]
    api_key: String,
}

impl FromQuery for CreateLegacyUser {
    fn read(query: &mut QueryReader) -> Self {
        let role = match query.text("role", usize::MAX).as_deref() {
            Some("user") => LegacyRole::User,
            Some("admin") => LegacyRole::Admin,
            other => {
                let problem = match other {
                    None => "Field required",
                    Some(_) => "Input should be 'user' or 'admin'",
                };
                query.problem("role", problem);
                LegacyRole::User
            }
        };
        Self {
            username: query.required_text("username"),
            role,
            api_key: query.text("api_key", usize::MAX).unwrap_or_default(),
        }
    }
}

/// Create a user
#[utoipa::path(
    post,
    path = "/api/legacy/admin/user/create",
    tag = "legacy",
    params(CreateLegacyUser),
    responses(
        (status = 200, description = "The new user and its key", body = LegacyCreated),
        (status = 400, description = "The name or the key is taken or unusable", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn create_legacy_user(
    caller: Caller<scope::UsersAdmin>,
    State(store): State<Store>,
    State(verifier): State<Verifier<StoredKeys>>,
    ApiQuery(query): ApiQuery<CreateLegacyUser>,
) -> Result<Json<LegacyCreated>, ApiError> {
    let name = usable_name(&query.username)?;
    let scopes = caller.identity.scopes;
    let (api_key, key) = if query.api_key.is_empty() {
        let secret = PlainKey::generate()?;
        let hash = verifier.hasher().hash(&secret).await?;
        let key = new_key(secret.id(), hash, scopes);
        (secret.expose().to_owned(), key)
    } else {
        let key = given_key(&store, &query.api_key, scopes).await?;
        (query.api_key, key)
    };
    let user = NewUser {
        name,
        role: query.role.into(),
        active: true,
        immutable: false,
        hosts: HostSelector::default(),
    };
    let actor = caller.actor().await?;
    let made = store.create_user(&actor, &user, &key).await;
    let user = made.map_err(|error| match error {
        StoreError::Refused(Refusal::NameTaken) => {
            ApiError::refused(StatusCode::BAD_REQUEST, "name_taken", NOT_CREATED)
        }
        // Another request was faster with the same chosen key.
        StoreError::Refused(Refusal::KeyTaken) => {
            ApiError::refused(StatusCode::BAD_REQUEST, "key_taken", NOT_CREATED)
        }
        other => other.into(),
    })?;
    Ok(Json(LegacyCreated {
        user: LegacyNewUser {
            username: user.name,
            role: query.role,
            api_key,
        },
    }))
}

fn not_created(code: &'static str, detail: &'static str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, code, detail)
}

fn usable_name(text: &str) -> Result<String, ApiError> {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if text.is_empty() || text.len() > NAME_MAX || !text.bytes().all(is_usual) {
        return Err(not_created(
            "username_invalid",
            "User creation failed: a name has 1 to 64 letters, digits and underscores.",
        ));
    }
    Ok(text.to_ascii_lowercase())
}

/// A key that was chosen by a user. It has a secret's length but not this program's form, so it is found by
/// an HMAC, as imported keys are.
async fn given_key(store: &Store, text: &str, scopes: Scopes) -> Result<NewKey, ApiError> {
    let length = text.chars().count();
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    let is_long_enough = (KEY_MIN..=KEY_MAX).contains(&length);
    if !is_long_enough || !is_visible || text.starts_with("lapi_") {
        return Err(not_created(
            "key_invalid",
            "User creation failed: a given key has 32 to 256 visible ASCII characters and does not \
             begin with lapi_.",
        ));
    }
    let secret = store.keep_secret(OWN_SECRET, &new_secret()?).await?;
    let secrets = ImportedSecrets::from_settings(store.imported_keys().await?.settings);
    let taken = store.find_key_by_hash(&secrets.hashes(text)).await?;
    if taken.is_some() {
        return Err(not_created("key_taken", NOT_CREATED));
    }
    let hash = hmac_hash(&secret, text);
    Ok(new_key(imported_key_id(&hash), hash, scopes))
}

fn new_key(id: linux_api_wire::api_key::KeyId, hash: String, scopes: Scopes) -> NewKey {
    NewKey {
        id,
        hash,
        name: "first key".to_owned(),
        scopes,
        expires_at: None,
        hosts: HostSelector::default(),
    }
}

/// Which user to delete.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeleteLegacyUser {
    /// Its name.
    username: String,
}

impl FromQuery for DeleteLegacyUser {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            username: query.required_text("username"),
        }
    }
}

/// Delete a user
///
/// Only an admin may delete another user; `admin` can't be deleted.
#[utoipa::path(
    delete,
    path = "/api/legacy/users/delete",
    tag = "legacy",
    params(DeleteLegacyUser),
    responses(
        (status = 200, description = "The user and its keys are gone", body = LegacyDone),
        (status = 400, description = "There is no such user", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete_legacy_user(
    caller: Caller<scope::KeysSelf>,
    State(store): State<Store>,
    ApiQuery(query): ApiQuery<DeleteLegacyUser>,
) -> Result<Json<LegacyDone>, ApiError> {
    let forbidden = |code, detail| ApiError::new(StatusCode::FORBIDDEN, code, detail);
    if query.username == "admin" {
        let detail = "The admin account cannot be deleted.";
        return Err(forbidden("user_immutable", detail));
    }
    let own = &caller.identity.user;
    let (id, needed) = if query.username == own.name {
        (Some(own.id), Scope::KeysSelf)
    } else {
        if !caller.identity.user.role.eq(&Scope::UsersAdmin.role()) {
            let detail =
                "Admin access required for performing this action on other user's accounts.";
            return Err(forbidden("admin_required", detail));
        }
        caller.identity.allow(Scope::UsersAdmin)?;
        let found = store.find_user_by_name(&query.username).await?;
        (found.map(|user| user.id), Scope::UsersAdmin)
    };
    let Some(id) = id else {
        let missing = ApiError::new(StatusCode::BAD_REQUEST, "user_not_found", NOT_DELETED);
        return Err(missing);
    };
    let actor = caller.actor_for(needed).await?;
    let deleted = store.delete_user(&actor, id).await;
    let refused = |code, detail| ApiError::refused(StatusCode::FORBIDDEN, code, detail);
    deleted.map_err(|error| match error {
        StoreError::Refused(Refusal::UserNotFound) => {
            ApiError::refused(StatusCode::BAD_REQUEST, "user_not_found", NOT_DELETED)
        }
        StoreError::Refused(Refusal::Immutable) => {
            refused("user_immutable", "Could not delete user: user is immutable")
        }
        StoreError::Refused(Refusal::LastAdmin) => {
            refused("last_admin", "Can not delete the last admin account.")
        }
        other => other.into(),
    })?;
    Ok(Json(LegacyDone {
        status: "success".to_owned(),
    }))
}
