//! Requests that are made up: durations as real ones are spread.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use linux_api_daemon::recorder::Recorder;
use linux_api_wire::request_stats::{RequestMethod, RequestStats};
use linux_api_wire::time::Clock;

/// What clients of one daemon do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traffic {
    /// How many routes they request.
    pub(super) routes: u32,
    /// Requests to each of them a minute.
    pub(super) each: u32,
}

impl Traffic {
    /// The names of the routes.
    pub(super) fn names(self) -> Vec<String> {
        const FIRST: [&str; 6] = [
            "/livez",
            "/readyz",
            "/metrics",
            "/api/v1/system/snapshot",
            "/api/v1/system/history",
            "/api/v1/fleet/hosts",
        ];
        let names = (0..self.routes as usize).map(|number| {
            let known = FIRST.get(number).copied().map(str::to_owned);
            known.unwrap_or_else(|| format!("/played/{number}"))
        });
        names.collect()
    }

    /// Counts requests at an even pace, from `begin` on until stopped.
    pub(super) async fn run(
        self,
        recorder: Recorder,
        clock: Clock,
        begin: CancellationToken,
        stop: CancellationToken,
    ) {
        let pace = Duration::from_mins(1) / self.each;
        let names = self.names();
        let request = async {
            begin.cancelled().await;
            let mut next = Instant::now() + pace.mul_f64(rand::random());
            loop {
                sleep_until(next).await;
                next += pace;
                for name in &names {
                    let now = clock.now();
                    recorder.record(RequestMethod::Get, name, status(), duration(), now);
                }
            }
        };
        stop.run_until_cancelled(request).await;
    }
}

/// This many requests.
pub(super) fn stats(requests: u32) -> RequestStats {
    let mut stats = RequestStats::default();
    for _ in 0..requests {
        stats.add(status(), duration());
    }
    stats
}

/// Most are good.
fn status() -> u16 {
    if rand::random_ratio(1, 100) { 503 } else { 200 }
}

/// Most last a millisecond, some ten, few a hundred.
fn duration() -> Duration {
    let normal: f64 = (0..12).map(|_| rand::random::<f64>()).sum::<f64>() - 6.0;
    Duration::from_secs_f64(0.001 * normal.exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_have_names_of_their_own() {
        let traffic = Traffic { routes: 8, each: 1 };
        let mut names = traffic.names();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 8);
    }

    #[test]
    fn durations_are_spread() {
        let stats = stats(200);
        assert_eq!(stats.requests, 200);
        assert!(stats.max > 4.0 * stats.min, "{} {}", stats.min, stats.max);
    }
}
