//! The clock, and what ends by it.

use linux_api_wire::time::Timestamp;
use linux_api_wire::units;

use crate::labels::Labels;
use crate::reading::Reading;
use crate::subject::amount;

/// What is known of the clock.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ClockFacts {
    /// How far it is off, in seconds, in either direction; absent where nothing measures it.
    pub offset: Option<f64>,
    /// What the offset was measured against, for people: `the clock of the database`.
    pub reference: Option<&'static str>,
    /// Since when it is not synchronised; absent while it is.
    pub unsynchronised_since: Option<Timestamp>,
    /// Whether it is known at all if it is synchronised.
    pub is_known: bool,
}

/// How far the clock is off, in seconds; the second value is for how long it has not been synchronised.
#[must_use]
pub fn clock_off(facts: ClockFacts, now: Timestamp) -> Vec<Reading> {
    if !facts.is_known && facts.offset.is_none() {
        let why = "nothing says whether the clock is synchronised";
        return vec![Reading::no_data(Labels::default(), why)];
    }
    let offset = facts
        .offset
        .map(f64::abs)
        .filter(|offset| offset.is_finite());
    let loose = facts.unsynchronised_since.map(|since| now.since(since));
    let mut parts = Vec::new();
    if let Some(offset) = offset {
        let from = facts.reference.map(|it| format!(" from {it}"));
        let (off, from) = (amount(offset, "seconds"), from.unwrap_or_default());
        parts.push(format!("off by {off}{from}"));
    }
    if let Some(loose) = loose {
        parts.push(format!(
            "not synchronised for {}",
            units::span(loose.as_secs())
        ));
    }
    if parts.is_empty() {
        parts.push("synchronised".to_owned());
    }
    let text = parts.join(", ");
    let loose = facts
        .is_known
        .then(|| loose.map_or(0.0, |it| it.as_secs_f64()));
    let reading = Reading::value(Labels::default(), offset.unwrap_or(0.0), &text);
    vec![reading.with_second(loose)]
}

/// A certificate and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// What it is for, or where it is.
    pub name: String,
    /// When it ends, or why that is not known.
    pub not_after: Result<Timestamp, String>,
}

/// Seconds until certificates end; negative after that.
#[must_use]
pub fn certificate_expires(certificates: &[Certificate], now: Timestamp) -> Vec<Reading> {
    let reading = |one: &Certificate| {
        let labels = Labels::one("certificate", &one.name);
        match &one.not_after {
            Err(why) => Reading::no_data(labels, why),
            Ok(end) if *end > now => {
                let left = end.since(now);
                let text = format!("ends in {}", units::span(left.as_secs()));
                Reading::value(labels, left.as_secs_f64(), &text)
            }
            Ok(end) => {
                let over = now.since(*end);
                let text = format!("ended {} ago", units::span(over.as_secs()));
                Reading::value(labels, -over.as_secs_f64(), &text)
            }
        }
    };
    certificates.iter().map(reading).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Measure, Value};
    use crate::testing::at;

    fn value(readings: &[Reading]) -> &Value {
        match &readings[0].measure {
            Measure::Value(value) => value,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_clock_is_off_in_both_directions_or_loose() {
        let known = ClockFacts {
            is_known: true,
            ..ClockFacts::default()
        };
        let behind = ClockFacts {
            offset: Some(-0.75),
            ..known
        };
        let readings = clock_off(behind, at(0));
        assert_eq!(
            (value(&readings).main, value(&readings).second),
            (0.75, Some(0.0))
        );
        assert_eq!(value(&readings).text.as_str(), "off by 750 ms");
        let against = ClockFacts {
            reference: Some("the clock of the database"),
            ..behind
        };
        let text = value(&clock_off(against, at(0))).text.clone();
        assert_eq!(
            text.as_str(),
            "off by 750 ms from the clock of the database"
        );
        let loose = ClockFacts {
            unsynchronised_since: Some(at(0)),
            ..known
        };
        let readings = clock_off(loose, at(3_600));
        assert_eq!(
            (value(&readings).main, value(&readings).second),
            (0.0, Some(3_600.0))
        );
        assert_eq!(
            value(&clock_off(known, at(0))).text.as_str(),
            "synchronised"
        );
        let none = clock_off(ClockFacts::default(), at(0));
        assert!(matches!(none[0].measure, Measure::NoData(_)));
    }

    #[test]
    fn certificates_end_and_have_ended() {
        let of = |seconds| Certificate {
            name: "api".to_owned(),
            not_after: Ok(at(seconds)),
        };
        let soon = certificate_expires(&[of(86_400)], at(0));
        assert_eq!(Some(value(&soon).main), Some(86_400.0));
        assert_eq!(value(&soon).text.as_str(), "ends in 1 d 0 h");
        let over = certificate_expires(&[of(0)], at(60));
        assert_eq!(Some(value(&over).main), Some(-60.0));
        assert_eq!(value(&over).text.as_str(), "ended 1 min 0 s ago");
    }
}
