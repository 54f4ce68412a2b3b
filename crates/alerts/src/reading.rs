//! What was read of the host, before any threshold.

use std::collections::BTreeMap;

use linux_api_wire::series::for_each_value;
use linux_api_wire::snapshot::Snapshot;

use crate::host_text::HostText;
use crate::labels::Labels;
use crate::subject::amount;

/// One instance as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Which one.
    pub labels: Labels,
    /// What was read of it.
    pub measure: Measure,
}

/// What was read of an instance.
#[derive(Debug, Clone, PartialEq)]
pub enum Measure {
    /// A value.
    Value(Value),
    /// Nothing, and why: neither well nor firing.
    NoData(HostText),
    /// It is not there any more, and that is well.
    Gone,
}

/// A value as it was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Value {
    /// The value that thresholds are about, in the unit of the subject.
    pub main: f64,
    /// The value of the second condition, where the check has one and it is known.
    pub second: Option<f64>,
    /// Whether it is bad beyond all thresholds, where the check knows such a state.
    pub is_extreme: bool,
    /// The value for people: `97.2% used, 12 GiB free of 500 GiB`.
    pub text: HostText,
}

impl Reading {
    /// A value of a check.
    #[must_use]
    pub fn value(labels: Labels, main: f64, text: &str) -> Self {
        let value = Value {
            main,
            text: HostText::new(text),
            ..Value::default()
        };
        Self {
            labels,
            measure: Measure::Value(value),
        }
    }

    /// No data, and why.
    #[must_use]
    pub fn no_data(labels: Labels, why: &str) -> Self {
        Self {
            labels,
            measure: Measure::NoData(HostText::new(why)),
        }
    }

    /// Its value with the second one.
    #[must_use]
    pub fn with_second(mut self, second: Option<f64>) -> Self {
        if let Measure::Value(value) = &mut self.measure {
            value.second = second;
        }
        self
    }

    /// Its value, beyond all thresholds or not.
    #[must_use]
    pub fn with_extreme(mut self, is_extreme: bool) -> Self {
        if let Measure::Value(value) = &mut self.measure {
            value.is_extreme = is_extreme;
        }
        self
    }
}

/// A value of a series as a reading.
#[must_use]
pub fn of_series(unit: &str, label: Option<(&str, &str)>, value: f64) -> Reading {
    let labels = label.map_or_else(Labels::default, |(key, value)| Labels::one(key, value));
    Reading::value(labels, value, &amount(value, unit))
}

/// The readings of all series in a snapshot, by the name of the series. A series that is not fresh is not
/// among them: there is no data.
#[must_use]
pub fn of_snapshot(snapshot: &Snapshot) -> BTreeMap<&'static str, Vec<Reading>> {
    let mut all: BTreeMap<&'static str, Vec<Reading>> = BTreeMap::new();
    for_each_value(snapshot, |series, label, value| {
        let label = series.label.map(|key| (key, label));
        let reading = of_series(series.unit, label, value);
        all.entry(series.name).or_default().push(reading);
    });
    all
}
