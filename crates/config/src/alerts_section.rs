//! Options of alerts: where notices are sent, and when.

use std::path::PathBuf;
use std::time::Duration;

use linux_api_alerts::window::{WeeklyWindow, Zone};
use toml::Value;

use super::channels::Channels;
use super::list::{Element, List, Network};
use super::section::section;
use super::value::ConfigValue;

section! {
    /// Alerts: who gets notices, and when.
    pub struct Alerts in "alerts" {
        /// Whether rules are judged and notices are sent.
        enabled: bool = true;
        /// Directory with files of rules (`*.toml`); what is in them can't be changed over the API.
        rules_dir: PathBuf = PathBuf::from("/etc/linux-api/alerts.d");
        /// Who gets notices. Each has a `name`, a `kind` and the keys of that kind (docs/alerts.md);
        /// addresses, tokens and passwords are in files of their own, which the daemon reads again every
        /// minute. Without any, alerts are only shown.
        channels: Channels = Channels::default();
        /// Private networks that receivers and peers may be in, this host's loopback included. All other
        /// addresses that are not public are refused, those that a name is resolved to as well.
        networks: List<Network> = List::default();
        /// Times of the week in which warnings wait: `Mon-Fri 22:00-06:00`, `daily 22:00-07:00`. Critical
        /// notices are sent nevertheless, unless their rule says otherwise.
        quiet_hours: List<WeeklyWindow> = List::default();
        /// Time zone of the quiet hours.
        time_zone: Zone = Zone::utc();
        /// File with a URL that is requested every minute while alerts are judged and the database can be
        /// used: a service that watches it notices when this daemon is gone.
        heartbeat_file: Option<PathBuf> = None, example "/etc/linux-api/secrets/heartbeat_url";
        /// Addresses of daemons with databases of their own, to be watched by this one:
        /// `https://db-01.example.org:8443`. Those that share a database watch each other anyway.
        peers: Vec<String> = Vec::new();
        /// How long notices and the log of deliveries are kept.
        keep: Duration = Duration::from_hours(24 * 90),
            in Duration::from_hours(24)..=Duration::from_hours(24 * 3_650);
    }
}

impl Element for WeeklyWindow {
    const LIST: &'static str = "a list of times such as \"Mon-Fri 22:00-06:00\"";

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| format!("{error}"))
    }
}

impl ConfigValue for Zone {
    fn type_name() -> String {
        "a time zone such as \"Europe/Berlin\"".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| format!("{error}"))
    }

    fn to_toml(&self) -> Option<Value> {
        Some(self.name().into())
    }
}
