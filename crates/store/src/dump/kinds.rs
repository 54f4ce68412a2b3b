//! What kind of value a column holds.

use super::Kind;

/// What SQLite calls integers and other engines do not. A test compares this with PostgreSQL.
const SQLITE_BOOLEANS: &[(&str, &str)] = &[
    ("fleet_stats", "imported"),
    ("fleet_stats_daily", "imported"),
    ("fleet_stats_hourly", "imported"),
    ("hosts", "reboot_required"),
    ("users", "active"),
    ("users", "immutable"),
];
const SQLITE_TIMES: &[(&str, &str)] = &[
    ("alert_deliveries", "next_attempt"),
    ("alert_deliveries", "updated_at"),
    ("alert_messages", "made_at"),
    ("alert_notices", "time"),
    ("alert_rules", "updated_at"),
    ("alert_silences", "until_time"),
    ("alert_states", "evaluated_at"),
    ("alert_states", "fired_at"),
    ("alert_states", "since"),
    ("api_keys", "created_at"),
    ("api_keys", "expires_at"),
    ("api_keys", "last_used"),
    ("api_keys", "revoked_at"),
    ("audit_log", "time"),
    ("host_hours", "time"),
    ("host_minutes", "time"),
    ("fleet_buckets", "time"),
    ("fleet_stats", "time"),
    ("fleet_stats_daily", "time"),
    ("fleet_stats_hourly", "time"),
    ("fleet_status", "time"),
    ("fleet_status_daily", "time"),
    ("fleet_status_hourly", "time"),
    ("host_samples", "time"),
    ("host_samples_daily", "time"),
    ("host_samples_hourly", "time"),
    ("host_samples_old", "time"),
    ("host_series", "last_day"),
    ("hosts", "facts_time"),
    ("hosts", "first_seen"),
    ("hosts", "last_seen"),
    ("hosts", "sample_time"),
    ("imported_users", "imported_at"),
    ("leases", "expires_at"),
    ("migration_log", "finished_at"),
    ("migration_log", "started_at"),
    ("request_stats", "time"),
    ("request_stats_daily", "time"),
    ("request_stats_hourly", "time"),
    ("request_status", "time"),
    ("request_status_daily", "time"),
    ("request_status_hourly", "time"),
    ("users", "created_at"),
    ("users", "last_login"),
];

/// What SQLite calls texts and are lists.
const SQLITE_REALS: &[(&str, &str)] = &[
    ("host_hours", "max"),
    ("host_hours", "mean"),
    ("host_minutes", "max"),
    ("host_minutes", "mean"),
];
const SQLITE_INTEGERS: &[(&str, &str)] = &[
    ("host_hours", "samples_odd"),
    ("host_minutes", "samples"),
    ("host_minutes", "series"),
];

pub(super) fn kind_of(table: &str, column: &str, declared: &str) -> Option<Kind> {
    let is_in = |list: &[(&str, &str)]| list.contains(&(table, column));
    Some(match declared {
        "integer" if is_in(SQLITE_BOOLEANS) => Kind::Bool,
        "integer" if is_in(SQLITE_TIMES) => Kind::Time,
        "text" if is_in(SQLITE_REALS) => Kind::Reals,
        "text" if is_in(SQLITE_INTEGERS) => Kind::Integers,
        "text" | "uuid" | "character varying" => Kind::Text,
        "integer" | "bigint" | "smallint" => Kind::Integer,
        "real" | "double precision" => Kind::Real,
        "boolean" => Kind::Bool,
        "timestamp with time zone" => Kind::Time,
        "blob" | "bytea" => Kind::Bytes,
        "real[]" => Kind::Reals,
        "bigint[]" | "smallint[]" => Kind::Integers,
        _ => return None,
    })
}
