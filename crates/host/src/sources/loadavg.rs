//! `loadavg`: the kernel's load averages.

use super::Source;
use crate::HostRoots;
use linux_api_wire::snapshot::Load;

/// The file, see proc(5).
pub(crate) fn source(roots: &HostRoots) -> Source<Load> {
    Source::new(roots.procfs.join("loadavg"), "load averages", parse)
}

fn parse(text: &str) -> Option<Load> {
    let mut averages = text.split_whitespace().map(|word| {
        let average = word.parse::<f64>().ok()?;
        (average.is_finite() && average >= 0.0).then_some(average)
    });
    Some(Load {
        one: averages.next()??,
        five: averages.next()??,
        fifteen: averages.next()??,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_averages_or_nothing() {
        let load = parse("0.52 0.58 12.59 3/108 2395\n").unwrap();
        assert_eq!((load.one, load.five, load.fifteen), (0.52, 0.58, 12.59));
        for text in ["", "0.1 0.2", "0.1 x 0.3", "NaN 1 1", "-1 1 1", "1 inf 1"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
