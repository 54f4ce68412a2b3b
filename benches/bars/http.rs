//! Whole routes with a key, limits and logs, beside a bare handler with the same allocator that
//! sends the same bytes and headers: processor time of the server per request, and requests per
//! second.

use std::net::SocketAddr;
use std::time::Duration;

use crate::bare_server::BareServer;
use crate::daemon::{Daemon, UNLIMITED};
use crate::load;
use crate::scrape::cpu_seconds;
use crate::table::{Bar, Row, median};
use crate::wrk;

const CONNECTIONS: usize = 32;
const ROUND: Duration = Duration::from_secs(3);
const ROUNDS: usize = 5;

pub(crate) fn rows() -> Vec<Row> {
    let home = tempfile::tempdir().unwrap();
    // Whatever limits there are by default, they are to be worked through and not to be hit.
    let daemon = Daemon::start(home.path(), UNLIMITED);
    let uptime = beside_bare(
        &daemon,
        "/api/v1/system/info/uptime",
        [
            (
                "GET /system/info/uptime, processor time of a request",
                Bar::AtMost(1.25),
            ),
            ("GET /system/info/uptime, requests/s", Bar::AtLeast(0.7)),
        ],
    );
    let processes = beside_bare(
        &daemon,
        "/api/v1/system/info/processes",
        [
            (
                "GET /system/info/processes, processor time of a request",
                Bar::None,
            ),
            ("GET /system/info/processes, requests/s", Bar::AtLeast(0.5)),
        ],
    );
    uptime.into_iter().chain(processes).collect()
}

/// What one server came to in one round.
struct Round {
    cpu_micros: f64,
    requests_per_second: f64,
}

/// Rows of processor time and of requests a second.
fn beside_bare(daemon: &Daemon, path: &str, rows: [(&'static str, Bar); 2]) -> [Row; 2] {
    let headers = daemon.headers();
    let (head, body) = load::fetch(daemon.address, path, &headers);
    let bare = BareServer::start(&head, &body);
    let has_wrk = wrk::is_installed();
    // In turns, so that whatever else the machine does hits both.
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(round(has_wrk, daemon.address, daemon.id(), path, &headers));
        theirs.push(round(has_wrk, bare.address, bare.id(), path, &headers));
    }
    let by = if has_wrk {
        "wrk"
    } else {
        "own load generator, which flatters us: wrk is not installed"
    };
    let middle =
        |all: &[Round], part: fn(&Round) -> f64| median(all.iter().map(part).collect::<Vec<_>>());
    let row = |(what, bar), part: fn(&Round) -> f64, unit: &str, digits: usize| {
        let (ours, theirs) = (middle(&ours, part), middle(&theirs, part));
        Row {
            what,
            ours: format!("{ours:.digits$}{unit}"),
            reference: format!(
                "{theirs:.digits$}{unit} (bare axum, {} bytes, {by})",
                body.len()
            ),
            value: ours / theirs,
            bar,
        }
    };
    let [cpu, rate] = rows;
    [
        row(cpu, |round| round.cpu_micros, " µs", 2),
        row(rate, |round| round.requests_per_second, "", 0),
    ]
}

fn round(has_wrk: bool, address: SocketAddr, pid: u32, path: &str, headers: &str) -> Round {
    let before = cpu_seconds(pid);
    let (requests, requests_per_second) = if has_wrk {
        wrk::run(address, path, headers, CONNECTIONS, ROUND)
    } else {
        let load = load::run(address, path, headers, CONNECTIONS, ROUND);
        (load.requests(), load.requests_per_second)
    };
    Round {
        cpu_micros: (cpu_seconds(pid) - before) * 1e6 / requests,
        requests_per_second,
    }
}
