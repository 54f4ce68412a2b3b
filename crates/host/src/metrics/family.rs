//! Families of `/metrics` as they are made here: node_exporter's names, types and labels.

use std::borrow::Cow;

/// What a family measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only rises, but for a restart.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts per range of values. Only files have these.
    Histogram,
    /// Quantiles. Only files have these.
    Summary,
    /// As node_exporter leaves open what many of the kernel's figures are.
    Unknown,
}

/// A value, whole where it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MetricValue {
    /// Without a fraction and not below zero.
    Whole(u64),
    /// Any other.
    Real(f64),
}

impl From<u64> for MetricValue {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<bool> for MetricValue {
    fn from(value: bool) -> Self {
        Self::Whole(value.into())
    }
}

impl From<f64> for MetricValue {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<usize> for MetricValue {
    fn from(value: usize) -> Self {
        Self::Whole(u64::try_from(value).unwrap_or(u64::MAX))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a scrape has no more than 53 bits for a number below zero"
)]
impl From<i64> for MetricValue {
    fn from(value: i64) -> Self {
        u64::try_from(value).map_or(Self::Real(value as f64), Self::Whole)
    }
}

/// The names and values of the labels of a sample.
pub type MetricLabels = Vec<(Cow<'static, str>, String)>;

/// One value of a family.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSample {
    /// What follows the name of the family: `_bucket`, `_sum` or `_count`, or nothing.
    pub suffix: &'static str,
    /// Its labels.
    pub labels: MetricLabels,
    /// Its value.
    pub value: MetricValue,
}

/// A family: samples of one name.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricFamily {
    /// The name of its samples; that of a counter ends with `_total`, but for some of files.
    pub name: Cow<'static, str>,
    /// What it is about.
    pub help: Cow<'static, str>,
    /// What it measures.
    pub kind: MetricKind,
    /// Its samples.
    pub samples: Vec<MetricSample>,
}

/// Collects samples into families, in whichever order they come.
#[derive(Debug, Default)]
pub(super) struct Families(pub(super) Vec<MetricFamily>);

/// Whether a family may have this name.
fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte == b':';
    name.bytes().next().is_some_and(is_letter)
        && name
            .bytes()
            .all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

/// The labels of a sample as collectors give them.
pub(super) type Labels<'a> = &'a [(&'static str, &'a str)];

impl Families {
    pub(super) fn counter(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
        labels: Labels<'_>,
        value: impl Into<MetricValue>,
    ) {
        self.add(MetricKind::Counter, name.into(), help, labels, value.into());
    }

    pub(super) fn gauge(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
        labels: Labels<'_>,
        value: impl Into<MetricValue>,
    ) {
        self.add(MetricKind::Gauge, name.into(), help, labels, value.into());
    }

    pub(super) fn unknown(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
        labels: Labels<'_>,
        value: impl Into<MetricValue>,
    ) {
        self.add(MetricKind::Unknown, name.into(), help, labels, value.into());
    }

    fn add(
        &mut self,
        kind: MetricKind,
        name: Cow<'static, str>,
        help: impl Into<Cow<'static, str>>,
        labels: Labels<'_>,
        value: MetricValue,
    ) {
        // Some are made of what a file holds.
        if !is_name(&name) {
            return;
        }
        let labels = labels.iter();
        let sample = MetricSample {
            suffix: "",
            labels: labels
                .map(|(name, value)| (Cow::Borrowed(*name), (*value).to_owned()))
                .collect(),
            value,
        };
        // One collector makes a few families, and mostly goes through them in their order.
        let known = self.0.iter_mut().rev().find(|family| family.name == name);
        match known {
            Some(family) => family.samples.push(sample),
            None => self.0.push(MetricFamily {
                name,
                help: help.into(),
                kind,
                samples: vec![sample],
            }),
        }
    }
}
