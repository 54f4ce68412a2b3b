//! `uptime`: time since the host started.

use std::time::Duration;

use super::Source;
use crate::HostRoots;

/// The file, see proc(5).
pub(crate) fn source(roots: &HostRoots) -> Source<Duration> {
    Source::new(roots.procfs.join("uptime"), "uptime", parse)
}

fn parse(text: &str) -> Option<Duration> {
    let seconds = text.split_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hundredths_of_a_second_are_read() {
        assert_eq!(
            parse("987.65 1500.00\n"),
            Some(Duration::from_millis(987_650))
        );
        for text in ["", "up\n", "-1.00 1.00\n", "NaN 1.00\n"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
