//! How long the process list takes with many processes; nothing to compare with.

use std::time::Duration;

use crate::daemon::{Daemon, UNLIMITED};
use crate::load;
use crate::process_scan::Sleepers;
use crate::table::{Bar, Row};

const DURATION: Duration = Duration::from_secs(5);

pub(crate) fn rows() -> Vec<Row> {
    let _sleepers = Sleepers::start();
    let home = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(home.path(), UNLIMITED);
    let measure = |what, query: &str| {
        let path = format!("/api/v1/system/processes?{query}");
        let load = load::run(daemon.address, &path, &daemon.headers(), 1, DURATION);
        let (half, most) = (load.percentile_ms(0.5), load.percentile_ms(0.99));
        Row {
            what,
            ours: format!("p50 {half:.2} ms, p99 {most:.2} ms"),
            reference: String::new(),
            value: half,
            bar: Bar::None,
        }
    };
    vec![
        measure("2000 processes, the top 50 by CPU", "sort=cpu&limit=50"),
        measure("2000 processes, 1000 of them whole", "limit=1000"),
        measure(
            "2000 processes, picked by a filter",
            "filter=user+%3D+root+and+name+~+%22^s%22&limit=50",
        ),
    ]
}
