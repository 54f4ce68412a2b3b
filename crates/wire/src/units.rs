//! Figures as people read them, for commands in full and for the dashboard in [`compact`] form. What is not
//! a number a person could meet is a question mark.

use std::time::Duration;

use crate::time::Timestamp;

/// Stands for what is not known.
pub const NOT_KNOWN: &str = "-";

/// A number of bytes below 1024 with the unit, in three digits or so.
fn scaled(value: f64, units: &[&str; 6]) -> String {
    if !value.is_finite() || value < 0.0 {
        return "?".to_owned();
    }
    let (mut value, mut unit) = (value, 0);
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 9.95);
    format!("{value:.digits$} {}", units[unit])
}

/// Bytes with binary units: `812 B`, `1.2 GiB`, `130 MiB`.
#[must_use]
pub fn bytes(value: f64) -> String {
    scaled(value, &["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// [`bytes`] of a whole number.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
#[must_use]
pub fn size(value: u64) -> String {
    bytes(value as f64)
}

/// [`bytes`] per second.
#[must_use]
pub fn rate(value: f64) -> String {
    format!("{}/s", bytes(value))
}

/// Percent with one decimal below 100: `7.5%`, `100%`, `1600%`.
#[must_use]
pub fn percent(value: f64) -> String {
    match &*compact::percent(value) {
        "?" => "?".to_owned(),
        number => format!("{number}%"),
    }
}

/// What part `used` is of `total`, in percent; `None` of nothing.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
#[must_use]
pub fn share(used: u64, total: u64) -> Option<f64> {
    (total > 0).then(|| used as f64 / total as f64 * 100.0)
}

/// A span in its two largest units: `3 d 4 h`, `12 min 7 s`, `8 s`.
#[must_use]
pub fn span(seconds: u64) -> String {
    match largest(seconds) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// Whole days, hours and minutes of a span.
const fn largest(seconds: u64) -> (u64, u64, u64) {
    (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60)
}

/// CPU time as in top: `1:02.33`, `5h12m`.
#[must_use]
pub fn cpu_time(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".to_owned();
    }
    let duration = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    let whole = duration.as_secs();
    if whole >= 3600 {
        return format!("{}h{:02}m", whole / 3600, whole / 60 % 60);
    }
    let hundredths = duration.subsec_millis() / 10;
    format!("{}:{:02}.{hundredths:02}", whole / 60, whole % 60)
}

/// A duration in seconds as `340 µs`, `12.5 ms`, `1.20 s`.
#[must_use]
pub fn latency(seconds: f64) -> String {
    match seconds {
        seconds if !seconds.is_finite() || seconds < 0.0 => "?".to_owned(),
        seconds if seconds < 0.001 => format!("{:.0} us", seconds * 1e6),
        seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{seconds:.2} s"),
    }
}

/// A count with its noun: `1 host`, `2 hosts`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{end}")
}

/// A value of a series in its unit, as the API names units.
#[must_use]
pub fn value(value: f64, unit: &str) -> String {
    match unit {
        "bytes" => bytes(value),
        "bytes_per_second" => rate(value),
        "percent" => percent(value),
        "celsius" if value.is_finite() => format!("{value:.1} °C"),
        "seconds" if value.is_finite() && value >= 0.0 => {
            span(Duration::try_from_secs_f64(value).map_or(0, |it| it.as_secs()))
        }
        _ if !value.is_finite() => "?".to_owned(),
        _ if value.fract() == 0.0 && value.abs() < 1e15 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

/// A time in UTC without its fraction of a second, `2026-11-23 07:02:00`; a text that is no time as it is.
#[must_use]
pub fn time(text: &str) -> String {
    match text.parse::<Timestamp>() {
        Ok(time) => moment(time),
        Err(_) => text.to_owned(),
    }
}

/// [`time`] to the minute, `2026-11-23 07:02`, for columns where seconds say nothing.
#[must_use]
pub fn minute(text: &str) -> String {
    let Ok(parsed) = text.parse::<Timestamp>() else {
        return text.to_owned();
    };
    moment(parsed).chars().take(16).collect()
}

/// [`time`] of one that was read already.
#[must_use]
pub fn moment(time: Timestamp) -> String {
    let text = time.to_string();
    let text = text.trim_end_matches('Z').replace('T', " ");
    text.split_once('.')
        .map_or(text.clone(), |(whole, _)| whole.to_owned())
}

/// Values as a line of bars between the smallest and the largest, in at most `width` characters; a gap
/// is a space.
#[must_use]
pub fn sparkline(values: &[Option<f64>], width: usize, utf8: bool) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const PLAIN: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];
    let known = || values.iter().flatten().copied().filter(|it| it.is_finite());
    let low = known().fold(f64::INFINITY, f64::min);
    let high = known().fold(f64::NEG_INFINITY, f64::max);
    let bars = if utf8 { BARS } else { PLAIN };
    let columns = values.len().min(width);
    let bar = |column: usize| {
        // Each value is in one column.
        let (begin, end) = (
            column * values.len() / columns,
            (column + 1) * values.len() / columns,
        );
        let inside = values[begin..end].iter().flatten().copied();
        let Some(value) = inside.filter(|it| it.is_finite()).reduce(f64::max) else {
            return ' ';
        };
        if high <= low {
            return bars[0];
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 7"
        )]
        let place = ((value - low) / (high - low) * 7.0).round().clamp(0.0, 7.0) as usize;
        bars[place]
    };
    (0..columns).map(bar).collect()
}

/// The last whole step before a time.
#[must_use]
pub fn floor(time: Timestamp, step: u64) -> Timestamp {
    let step = i64::try_from(step).unwrap_or(i64::MAX / 1000) * 1000;
    Timestamp::from_millis(time.as_millis().div_euclid(step) * step)
}

/// The same where room is scarce: units of one or two letters.
pub mod compact {
    use std::time::Duration;

    /// Bytes with a binary unit in at most 6 characters: `812 B`, `1.2 Gi`, `130 Mi`.
    #[must_use]
    pub fn bytes(value: f64) -> String {
        super::scaled(value, &["B", "Ki", "Mi", "Gi", "Ti", "Pi"])
    }

    /// [`bytes`] of a whole number.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    pub fn size(value: u64) -> String {
        bytes(value as f64)
    }

    /// [`bytes`] per second.
    #[must_use]
    pub fn rate(value: f64) -> String {
        format!("{}/s", bytes(value))
    }

    /// Percent with one decimal below 100: `7.5`, `100`, `1600`.
    #[must_use]
    pub fn percent(value: f64) -> String {
        match value {
            value if !value.is_finite() || value < 0.0 => "?".to_owned(),
            value if value < 99.95 => format!("{value:.1}"),
            value => format!("{value:.0}"),
        }
    }

    /// What part `used` is of `total`, in percent; 0 of nothing.
    #[must_use]
    pub fn share(used: u64, total: u64) -> f64 {
        super::share(used, total).unwrap_or(0.0)
    }

    /// A span in its two largest units: `3d 4h`, `12m 7s`, `8 s`.
    #[must_use]
    pub fn span(duration: Duration) -> String {
        let seconds = duration.as_secs();
        match super::largest(seconds) {
            (0, 0, 0) => format!("{seconds} s"),
            (0, 0, minutes) => format!("{minutes}m {}s", seconds % 60),
            (0, hours, minutes) => format!("{hours}h {minutes}m"),
            (days, hours, _) => format!("{days}d {hours}h"),
        }
    }

    /// A count in at most 5 characters: `999`, `12.3k`, `4.5M`.
    #[must_use]
    pub fn count(value: f64) -> String {
        match value {
            value if !value.is_finite() || value < 0.0 => "?".to_owned(),
            value if value < 10_000.0 => format!("{value:.0}"),
            value if value < 999_950.0 => format!("{:.1}k", value / 1e3),
            value if value < 999_950_000.0 => format!("{:.1}M", value / 1e6),
            value => format!("{:.1}G", value / 1e9),
        }
    }

    /// A number of things: `1 user`, `2 users`; `plural` is what is added for several.
    #[must_use]
    pub fn counted(number: usize, thing: &str, plural: &str) -> String {
        let plural = if number == 1 { "" } else { plural };
        format!("{number} {thing}{plural}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_have_their_unit() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1.0 KiB");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(130 << 20), "130 MiB");
        assert_eq!(size(8 << 40), "8.0 TiB");
        assert_eq!(bytes(f64::NAN), "?");
        assert_eq!(rate(880.4), "880 B/s");
        assert_eq!(percent(7.46), "7.5%");
        assert_eq!(percent(99.96), "100%");
        assert_eq!(percent(-1.0), "?");
        assert_eq!(share(1, 0), None);
        assert_eq!(span(8), "8 s");
        assert_eq!(span(727), "12 min 7 s");
        assert_eq!(span(4 * 3600), "4 h 0 min");
        assert_eq!(span(3 * 86_400 + 4 * 3600 + 7), "3 d 4 h");
        assert_eq!(cpu_time(62.334), "1:02.33");
        assert_eq!(cpu_time(18_720.0), "5h12m");
        assert_eq!(value(2.0, "count"), "2");
        assert_eq!(value(0.523, "count"), "0.52");
        assert_eq!(value(41.25, "celsius"), "41.2 °C");
    }

    #[test]
    fn times_are_shown_to_the_second_and_other_texts_as_they_are() {
        assert_eq!(time("2026-11-23T07:02:00.250Z"), "2026-11-23 07:02:00");
        assert_eq!(time("2026-11-23T07:02:00Z"), "2026-11-23 07:02:00");
        assert_eq!(time("never"), "never");
    }

    #[test]
    fn a_sparkline_shows_the_shape_and_the_gaps() {
        let values = [Some(0.0), Some(7.0), None, Some(3.0)];
        assert_eq!(sparkline(&values, 80, true), "▁█ ▄");
        assert_eq!(sparkline(&values, 80, false), "_# -");
        assert_eq!(sparkline(&values, 2, true), "█▄");
        assert_eq!(sparkline(&[Some(5.0); 3], 80, true), "▁▁▁");
        assert_eq!(sparkline(&[], 80, true), "");
    }

    #[test]
    fn sizes_keep_three_digits() {
        let shown = |value: u64| compact::size(value);
        assert_eq!(shown(0), "0 B");
        assert_eq!(shown(999), "999 B");
        assert_eq!(shown(1023), "1.0 Ki");
        assert_eq!(shown(1_162_092_544), "1.1 Gi");
        assert_eq!(shown(u64::MAX), "16384 Pi");
        assert_eq!(compact::bytes(-1.0), "?");
        assert_eq!(compact::bytes(f64::NAN), "?");
    }

    #[test]
    fn shares_spans_and_times_are_short() {
        assert_eq!(compact::percent(7.54), "7.5");
        assert_eq!(compact::percent(99.99), "100");
        assert_eq!(compact::percent(f64::INFINITY), "?");
        assert!(compact::share(1, 0).abs() < f64::EPSILON);
        assert_eq!(compact::span(Duration::from_secs(8)), "8 s");
        assert_eq!(compact::span(Duration::from_secs(98_765)), "1d 3h");
        assert_eq!(cpu_time(62.335), "1:02.33");
        assert_eq!(cpu_time(18_720.0), "5h12m");
        assert_eq!(cpu_time(1e300), cpu_time(1e299));
        assert_eq!(latency(0.000_34), "340 us");
        assert_eq!(latency(0.0125), "12.5 ms");
        assert_eq!(compact::count(12_345.0), "12.3k");
        assert_eq!(compact::counted(1, "process", "es"), "1 process");
        assert_eq!(compact::counted(0, "user", "s"), "0 users");
    }
}
