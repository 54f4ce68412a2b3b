//! What daemon, commands and executor have in common: the messages about acts on the host, the daemon's
//! side of them, and the text of the policy. Nothing here acts.

pub mod client;
pub mod frame;
pub mod names;
pub mod policy_text;
pub mod protocol;

/// The socket of the packaged unit.
pub const SOCKET: &str = "/run/linux-api-executor/executor.sock";
/// The policy of this host.
pub const POLICY: &str = "/etc/linux-api/policy.toml";
/// The executor's log.
pub const LOG: &str = "/var/log/linux-api/acts.jsonl";
/// The account of the daemon, the only one beside root that may connect.
pub const ACCOUNT: &str = "linux-api";
/// The bus of the system.
pub const SYSTEM_BUS: &str = "unix:path=/run/dbus/system_bus_socket";
