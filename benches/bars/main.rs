//! The bars that the program is held to, each measured beside its reference in the same run.
//!
//! `make bench` prints one table; `make bench ONLY=scan` runs the groups whose name contains that
//! word, `make bench ONLY=soak SOAK_SECONDS=1800` the long one, which runs only when it is named.
//! Each group is one file with a function that returns rows, listed in [`GROUPS`].

#![expect(clippy::unwrap_used, reason = "a bench may panic")]

mod bare_server;
mod daemon;
mod growth;
mod http;
mod large_hosts;
mod load;
mod measuring;
mod postgres;
mod process_list;
mod process_scan;
mod queries;
mod resources;
mod scrape;
mod table;
mod wrk;

use table::Row;

/// As in the program itself, or the bare server would be compared with another allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A group of rows, by the name that picks it.
type Group = (&'static str, fn() -> Vec<Row>);

const GROUPS: &[Group] = &[
    ("start", resources::start),
    ("memory", resources::memory),
    ("idle", resources::idle),
    ("record", measuring::record),
    ("flush", measuring::flush),
    ("queries", queries::rows),
    ("scrape", scrape::rows),
    ("http", http::rows),
    ("scan", process_scan::rows),
    ("list", process_list::rows),
    ("hash_memory", growth::unknown_keys),
    ("mounts", large_hosts::mounts),
    ("interfaces", large_hosts::interfaces),
    ("processes", large_hosts::processes),
    ("disks", large_hosts::disks),
    ("cgroups", large_hosts::cgroups),
    ("sessions", large_hosts::sessions),
    ("sensors", large_hosts::sensors),
];

/// Groups that run only when they are named: they take long.
const ON_DEMAND: &[Group] = &[("soak", growth::soak)];

/// A setting of the bench itself.
#[expect(
    clippy::disallowed_methods,
    reason = "a bench has no configuration to read it from"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn main() {
    // cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    if let [mode, folder] = &arguments[..]
        && mode == bare_server::MODE
    {
        bare_server::run(folder.as_ref());
        return;
    }
    let only = arguments.first().map_or("", String::as_str);
    let mut rows = Vec::new();
    let asked = GROUPS.iter().filter(|(name, _)| name.contains(only));
    let named = ON_DEMAND.iter().filter(|(name, _)| *name == only);
    for (_, measure) in asked.chain(named) {
        rows.extend(measure());
    }
    table::print(&rows);
}
