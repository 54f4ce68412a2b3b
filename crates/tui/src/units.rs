//! Numbers as people read them. What is not a number a person could meet is a question mark.

use std::time::Duration;

use linux_api_wire::time::Timestamp;

const SIZES: [&str; 6] = ["B", "Ki", "Mi", "Gi", "Ti", "Pi"];

/// Bytes with a binary unit in at most 6 characters: `812 B`, `1.2 Gi`, `130 Mi`.
#[must_use]
pub(crate) fn bytes(value: f64) -> String {
    if !value.is_finite() || value < 0.0 {
        return "?".to_owned();
    }
    let mut value = value;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < SIZES.len() {
        value /= 1024.0;
        unit += 1;
    }
    let decimals = usize::from(unit > 0 && value < 9.95);
    format!("{value:.decimals$} {}", SIZES[unit])
}

/// [`bytes`] of a whole number.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn size(value: u64) -> String {
    bytes(value as f64)
}

/// [`bytes`] per second.
#[must_use]
pub(crate) fn rate(value: f64) -> String {
    format!("{}/s", bytes(value))
}

/// Percent with one decimal below 100: `7.5`, `100`, `1600`.
#[must_use]
pub(crate) fn percent(value: f64) -> String {
    match value {
        value if !value.is_finite() || value < 0.0 => "?".to_owned(),
        value if value < 99.95 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

/// What part `used` is of `total`, in percent; 0 of nothing.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(crate) fn share(used: u64, total: u64) -> f64 {
    if total == 0 {
        return 0.0;
    }
    used as f64 / total as f64 * 100.0
}

/// A span in its two largest units: `3d 4h`, `12m 7s`, `8 s`.
#[must_use]
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, ..) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

/// CPU time as in top: `1:02.33`, `5h12m`.
#[must_use]
pub(crate) fn cpu_time(seconds: f64) -> String {
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
pub(crate) fn latency(seconds: f64) -> String {
    match seconds {
        seconds if !seconds.is_finite() || seconds < 0.0 => "?".to_owned(),
        seconds if seconds < 0.001 => format!("{:.0} us", seconds * 1e6),
        seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{seconds:.2} s"),
    }
}

/// A count in at most 5 characters: `999`, `12.3k`, `4.5M`.
#[must_use]
pub(crate) fn count(value: f64) -> String {
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
pub(crate) fn counted(number: usize, thing: &str, plural: &str) -> String {
    let plural = if number == 1 { "" } else { plural };
    format!("{number} {thing}{plural}")
}

/// The last whole step before a time.
pub(crate) fn floor(time: Timestamp, step: u64) -> Timestamp {
    let step = i64::try_from(step).unwrap_or(i64::MAX / 1000) * 1000;
    Timestamp::from_millis(time.as_millis().div_euclid(step) * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_three_digits() {
        let shown = |value: u64| size(value);
        assert_eq!(shown(0), "0 B");
        assert_eq!(shown(999), "999 B");
        assert_eq!(shown(1023), "1.0 Ki");
        assert_eq!(shown(1_162_092_544), "1.1 Gi");
        assert_eq!(shown(u64::MAX), "16384 Pi");
        assert_eq!(bytes(-1.0), "?");
        assert_eq!(bytes(f64::NAN), "?");
    }

    #[test]
    fn shares_spans_and_times_are_short() {
        assert_eq!(percent(7.54), "7.5");
        assert_eq!(percent(99.99), "100");
        assert_eq!(percent(f64::INFINITY), "?");
        assert!(share(1, 0).abs() < f64::EPSILON);
        assert_eq!(span(Duration::from_secs(8)), "8 s");
        assert_eq!(span(Duration::from_secs(98_765)), "1d 3h");
        assert_eq!(cpu_time(62.335), "1:02.33");
        assert_eq!(cpu_time(18_720.0), "5h12m");
        assert_eq!(cpu_time(1e300), cpu_time(1e299));
        assert_eq!(latency(0.000_34), "340 us");
        assert_eq!(latency(0.0125), "12.5 ms");
        assert_eq!(count(12_345.0), "12.3k");
        assert_eq!(counted(1, "process", "es"), "1 process");
        assert_eq!(counted(0, "user", "s"), "0 users");
    }
}
