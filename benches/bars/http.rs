//! Requests a second of whole routes, with a key, limits and logs, beside a bare handler.

use std::time::Duration;

use crate::bare_server::BareServer;
use crate::daemon::{Daemon, UNLIMITED};
use crate::load::{self, Load};
use crate::table::{Bar, Row, median};

const CONNECTIONS: usize = 32;
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;

pub(crate) fn rows() -> Vec<Row> {
    let home = tempfile::tempdir().unwrap();
    // Whatever limits there are by default, they are to be worked through and not to be hit.
    let daemon = Daemon::start(home.path(), UNLIMITED);
    vec![
        beside_bare(
            &daemon,
            "GET /system/info/uptime, requests/s",
            "/api/v1/system/info/uptime",
            0.7,
        ),
        beside_bare(
            &daemon,
            "GET /system/info/processes, requests/s",
            "/api/v1/system/info/processes",
            0.5,
        ),
    ]
}

fn beside_bare(daemon: &Daemon, what: &'static str, path: &str, bar: f64) -> Row {
    let headers = daemon.headers();
    let (head, body) = load::fetch(daemon.address, path, &headers);
    let bare = BareServer::start(&head, &body);
    let rate = |load: Load| load.requests_per_second;
    // In turns, so that whatever else the machine does hits both.
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(rate(load::run(
            daemon.address,
            path,
            &headers,
            CONNECTIONS,
            ROUND,
        )));
        theirs.push(rate(load::run(
            bare.address,
            path,
            &headers,
            CONNECTIONS,
            ROUND,
        )));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    Row {
        what,
        ours: format!("{ours:.0}"),
        reference: format!("{theirs:.0} (bare axum, {} bytes)", body.len()),
        value: ours / theirs,
        bar: Bar::AtLeast(bar),
    }
}
