//! Options of the server's edge: limits, other origins, routes that are switched off.

use std::path::PathBuf;
use std::time::Duration;

use super::collectors::CollectorChange;
use super::day::Day;
use super::list::{List, Network, WebOrigin};
use super::rate::Rate;
use super::route_table::RouteTable;
use super::section::section;

section! {
    /// How many requests each client may send. Each daemon keeps its own limits.
    pub struct RateLimit in "rate_limit" {
        /// Whether limits are enabled.
        enabled: bool = true;
        /// Requests that read, per key. The limit replenishes evenly at the rate; `burst` is how many
        /// may be sent at once after a pause, by default the number before the slash.
        per_key: Rate = Rate::new(10, 1, 60);
        /// Requests that change something, per key.
        per_key_writes: Rate = Rate::new(30, 60, 10);
        /// Requests without a key, per address; an IPv6 network of 64 bits counts as one address.
        per_address: Rate = Rate::new(60, 60, 30);
        /// Keys that are not accepted, per address. Further keys from there are refused unchecked,
        /// except those that this daemon has accepted before.
        failed_keys: Rate = Rate::new(10, 60, 10);
        /// Other limits for single routes, by template or prefix, for one method or all; `GET` means
        /// `HEAD` too. They count per key, or per address where no key is needed, and apart from
        /// the limits above:
        /// `{ "GET /api/v1/system/info/processes" = "2/s burst 10" }`.
        routes: RouteTable<Rate> = RouteTable::default();
    }
}

section! {
    /// Which web pages of other origins may call the API from a browser. None by default.
    pub struct Cors in "cors" {
        /// Their origins, exactly as browsers send them.
        origins: List<WebOrigin> = List::default();
        /// How long browsers may cache the permission.
        max_age: Duration = Duration::from_mins(10),
            in Duration::ZERO..=Duration::from_hours(24);
    }
}

section! {
    /// Who may scrape `/metrics`, and what it shows of the host.
    pub struct Metrics in "metrics" {
        /// Networks whose clients need no key for it. Keys with the scope `metrics:read` may scrape it
        /// from anywhere.
        networks: List<Network> = List::default();
        /// Changes of which parts of the host are shown, by the names of node_exporter's collectors, in
        /// their order: `+interrupts` switches one on, `-arp` one off, `-all` all. docs/prometheus.md
        /// lists them.
        collectors: List<CollectorChange> = List::default();
        /// Directory whose files of other programs (`*.prom`) are shown too. It must belong to root or to
        /// the daemon's account, and only its owner may write to it. Unset: none.
        textfile_dir: Option<PathBuf> = None, example "/var/lib/linux-api-textfile";
    }
}

section! {
    /// Disabled routes.
    pub struct Routes in "routes" {
        /// Routes by template or prefix, for one method or all (`GET` means `HEAD` too), and the
        /// reason that clients get; empty for the default text. `/livez` and `/readyz` can't be switched
        /// off: `{ "/api/v1/admin/*" = "Maintenance until noon." }`.
        disabled: RouteTable<String> = RouteTable::default();
        /// When clients should retry (`Retry-After`).
        retry_after: Duration = Duration::from_mins(5),
            in Duration::from_secs(1)..=Duration::from_hours(24);
    }
}

section! {
    /// Compatibility with the Python Linux-API: its oldest routes, and imported keys.
    pub struct Legacy in "legacy" {
        /// Whether the routes below `/api/legacy` are served. They keep their old limits:
        /// `rate_limit.routes` sets others.
        enabled: bool = true;
        /// The end of these routes as announced to clients (`Sunset`). Nothing happens on that day.
        sunset: Day = Day::new(2027, 12, 31);
        /// Until when imported keys with a slow hash (those of the old SQLite file) are accepted for the
        /// first time. Keys that were used by then keep working.
        pbkdf2_until: Day = Day::new(2027, 12, 31);
        /// How many such hashes are computed per minute, for all clients together. Each takes about
        /// a third of a second of one processor.
        pbkdf2_per_minute: u32 = 12, in 1..=1_000;
    }
}
