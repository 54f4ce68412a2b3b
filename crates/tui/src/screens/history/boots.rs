//! When a host was started, by how long it said that it was up.

use super::query::UPTIME;
use linux_api_wire::api::history::History;

/// How far a start may be from where the points around it say that it was, in seconds beside a step.
const TOLERANCE: f64 = 5.0;

/// The starts within a history, in seconds since 1970: the uptime steps back there.
#[expect(clippy::cast_precision_loss, reason = "a step is a few days at most")]
pub(super) fn boots(history: &History) -> Vec<f64> {
    let uptime = history.series.iter().find(|series| series.name == UPTIME);
    let points = uptime.map_or(&[][..], |uptime| uptime.points.as_slice());
    let step = history.step.max(1) as f64;
    let mut boots = Vec::new();
    for pair in points.windows(2) {
        let [[before, _, longest], [after, _, since]] = [pair[0], pair[1]];
        if since >= longest {
            continue;
        }
        // The largest uptime of a step is that of its end.
        let boot = after + step - since;
        let is_between = boot >= before - TOLERANCE && boot <= after + step + TOLERANCE;
        if is_between {
            boots.push(boot.clamp(before, after + step));
        }
    }
    boots
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_wire::api::history::HistorySeries;

    fn of(points: &[[f64; 3]]) -> Vec<f64> {
        boots(&History {
            from: String::new(),
            to: String::new(),
            history_since: None,
            step: 60,
            series: vec![HistorySeries {
                name: UPTIME.to_owned(),
                points: points.to_vec(),
                ..HistorySeries::default()
            }],
            next_cursor: None,
        })
    }

    #[test]
    fn a_start_is_where_the_uptime_steps_back() {
        let up = |time: f64, longest: f64| [time, longest - 30.0, longest];
        assert!(of(&[up(0.0, 1_000.0), up(60.0, 1_060.0)]).is_empty());
        // Down from about 120 to 290.
        let found = of(&[
            up(0.0, 1_000.0),
            up(60.0, 1_060.0),
            up(300.0, 70.0),
            up(360.0, 130.0),
        ]);
        assert_eq!(found, [290.0]);
        // A clock that was set says nothing that can be believed.
        assert!(of(&[up(0.0, 9_000.0), up(60.0, 8_000.0)]).is_empty());
        assert!(of(&[]).is_empty());
    }
}
