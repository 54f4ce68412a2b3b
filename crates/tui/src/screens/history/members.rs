//! The curves of the past: each is one member of a series on a host.

use crate::app::App;
use crate::host::HostState;
use crate::query::{EarlierHistoryQuery, HistoryQuery};
use crate::sanitize::clean;
use crate::widgets::graph::{Reading, Unit, Window, stored};
use linux_api_wire::api::history::HistorySeries;

/// One curve: a member of a series on a host.
pub(super) struct Member {
    pub(super) series: &'static str,
    /// The host where there are several, and which member of the series it is.
    pub(super) who: String,
    pub(super) unit: Unit,
    pub(super) readings: Vec<Reading>,
    /// The same of the time that is laid behind, moved to where it is drawn.
    pub(super) behind: Vec<Reading>,
}

/// The readings of a curve that begin within a time that is laid behind are drawn so much later.
fn moved(mut readings: Vec<Reading>, seconds: f64) -> Vec<Reading> {
    for reading in &mut readings {
        reading.from += seconds;
        reading.to += seconds;
    }
    readings
}

/// The members of the wanted series on a host.
pub(super) fn members_of(app: &App, host: &HostState, prefix: Option<&str>) -> Vec<Member> {
    let query = app.history_query(host);
    let cache = &host.responses.history;
    let Some((of, history)) = cache.query().zip(cache.value()) else {
        return Vec::new();
    };
    let earlier = app.earlier_query(host);
    let held = host.responses.earlier_history.query();
    let is_earlier = |held: &&EarlierHistoryQuery| {
        let wanted: Option<&HistoryQuery> = earlier.as_ref().map(|it| &it.0);
        // Another range than this one would be moved to where it was not.
        wanted.is_some_and(|wanted| wanted.to == held.0.to && wanted.from == held.0.from)
    };
    let behind = held
        .filter(is_earlier)
        .and(host.responses.earlier_history.value());
    let before = app.screens.history.behind.before().unwrap_or_default();
    let names = query.series.iter().filter(|name| of.series.contains(name));
    let mut members = Vec::new();
    for name in names {
        let series = history.series.iter();
        let own = series.filter(|it| it.name == *name && !it.points.is_empty());
        for series in own {
            let same =
                |other: &&HistorySeries| other.name == series.name && other.labels == series.labels;
            let earlier = behind.and_then(|all| all.series.iter().find(same).zip(Some(all.step)));
            let earlier = earlier.map(|(series, step)| stored(&series.points, step));
            members.push(Member {
                series: name,
                who: who(series, prefix),
                unit: Unit::named(&series.unit),
                readings: stored(&series.points, history.step),
                behind: moved(earlier.unwrap_or_default(), before.as_secs_f64()),
            });
        }
    }
    members
}

/// Which host, where there are several, and which member of its series a curve is.
fn who(series: &HistorySeries, prefix: Option<&str>) -> String {
    let labels = series.labels.values().map(String::as_str);
    let parts: Vec<&str> = prefix.into_iter().chain(labels).collect();
    clean(&parts.join(" ")).trim_end().to_owned()
}

impl Member {
    pub(super) fn full_name(&self) -> String {
        format!("{} {}", self.series, self.who)
            .trim_end()
            .to_owned()
    }
}

/// The reading that holds at a moment.
pub(super) fn at(readings: &[Reading], moment: f64) -> Option<&Reading> {
    readings
        .iter()
        .find(|it| it.from <= moment && moment < it.to)
}

/// The value at the cursor; without one the newest, the mean and the largest of what is seen.
pub(super) fn figures(
    member: &Member,
    window: Window,
    cursor: Option<f64>,
    is_single: bool,
) -> String {
    let value = |value: f64| member.unit.value(value);
    if let Some(cursor) = cursor {
        return match at(&member.readings, cursor) {
            None => "nothing stored".to_owned(),
            Some(it) if is_single => format!("mean {}  max {}", value(it.mean), value(it.max)),
            Some(it) => value(it.mean),
        };
    }
    let seen = member.readings.iter();
    let seen: Vec<&Reading> = seen
        .filter(|it| it.to > window.from && it.from < window.to)
        .collect();
    let Some(newest) = seen.last() else {
        return "nothing stored".to_owned();
    };
    if !is_single {
        return value(newest.mean);
    }
    let time: f64 = seen.iter().map(|it| it.length()).sum();
    let sum: f64 = seen.iter().map(|it| it.mean * it.length()).sum();
    let largest = seen.iter().map(|it| it.max).fold(f64::MIN, f64::max);
    format!(
        "last {}  mean {}  max {}",
        value(newest.mean),
        value(sum / time.max(f64::MIN_POSITIVE)),
        value(largest)
    )
}
