//! The routes that the Python Linux-API called legacy: other names for what the v1 routes do.
//!
//! They have no users of their own any more. The edge adds to their answers that they are deprecated
//! and what to use instead.

mod system;
mod users;

pub(crate) use system::{
    __path_show_legacy_info, __path_show_legacy_load, __path_show_legacy_processes,
    __path_show_legacy_system_user, __path_show_legacy_uptime, show_legacy_info, show_legacy_load,
    show_legacy_processes, show_legacy_system_user, show_legacy_uptime,
};
pub(crate) use users::{
    __path_create_legacy_user, __path_delete_legacy_user, __path_greet_legacy_admin,
    __path_list_legacy_users, __path_show_legacy_caller, create_legacy_user, delete_legacy_user,
    greet_legacy_admin, list_legacy_users, show_legacy_caller,
};
