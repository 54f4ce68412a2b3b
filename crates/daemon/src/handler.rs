//! What handlers in other crates are written with: extractors, errors, bodies, and the handlers that
//! theirs are other names for.

pub use crate::error::ApiError;
pub use crate::extract::{ApiQuery, Caller, FromQuery, RequiredScope, scope};
pub use crate::json::{Json, WrittenJson};
pub use crate::params::QueryReader;
pub use crate::routes::system::{
    ShowSystemUser, WrittenList, list_processes, show_system_info, show_system_user, show_uptime,
};
