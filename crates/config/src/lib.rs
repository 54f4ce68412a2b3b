//! What the administrator configures: defaults, then the file, the environment and the flags.
//!
//! Every option is defined once, in `sections.rs` and `edge_sections.rs`; reading, showing, the commented
//! example and the reference are made from that definition. Knows nothing of the crates that use it.
//!
//! Start at [`Config::load`], which takes [`Sources`] and returns [`LoadedConfig`] or a [`ConfigError`] with all
//! problems at once. To add an option, add a field with its default and doc comment to its section; a new type
//! of value implements `ConfigValue`.
//!
//! - [`Section`], [`Key`]: the options as data, for `config show` and the reference.
//! - [`Environment`]: the only reader of environment variables in the program.
//! - [`example()`], [`reference()`]: the commented file and `docs/configuration.md`.

mod alerts_section;
mod channels;
mod collectors;
mod database_url;
mod day;
mod duration;
mod edge_sections;
mod environment;
mod error;
mod example;
mod list;
mod load;
mod log_filter;
mod origin;
mod rate;
mod reference;
mod route_table;
mod secret_file;
mod section;
mod sections;
mod show;
mod size;
pub mod tui;
mod validate;
mod value;

pub use alerts_section::Alerts;
pub use channels::{Channel, ChannelKind, Channels, MailOptions, MailSecurity};
pub use collectors::CollectorChange;
pub use database_url::{DatabaseUrl, Engine};
pub use day::Day;
pub use edge_sections::{Cors, Legacy, Metrics, RateLimit, Routes};
pub use environment::Environment;
pub use error::{ConfigError, Problem};
pub use example::example;
pub use list::{Element, HostPattern, List, Network, WebOrigin};
pub use load::{Flag, LoadedConfig, Sources};
pub use log_filter::LogFilter;
pub use origin::{Origin, Origins};
pub use rate::Rate;
pub use reference::reference;
pub use route_table::{RouteEntry, RoutePattern, RouteTable};
pub use section::{Key, Section};
pub use sections::{
    Auth, Backup, BeforeMigration, Config, DATABASE_FILE, Database, Demo, Docs, Flusher, Host, Log,
    Retention, SYSTEM_DATA, Sampler, Server,
};
pub use size::Size;
pub use value::ConfigValue;
