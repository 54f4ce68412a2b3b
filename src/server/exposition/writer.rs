//! Writes families of series, leaving out those without any.

use std::fmt;

use prometheus_client::encoding::{
    CounterValueEncoder, DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet,
    GaugeValueEncoder, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;

/// A value that is written without a fraction when it has none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Whole(u64),
    Real(f64),
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<bool> for Number {
    fn from(value: bool) -> Self {
        Self::Whole(value.into())
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl EncodeCounterValue for Number {
    fn encode(&self, encoder: &mut CounterValueEncoder<'_>) -> fmt::Result {
        match self {
            Self::Whole(value) => EncodeCounterValue::encode(value, encoder),
            Self::Real(value) => EncodeCounterValue::encode(value, encoder),
        }
    }
}

impl EncodeGaugeValue for Number {
    fn encode(&self, encoder: &mut GaugeValueEncoder<'_>) -> fmt::Result {
        match self {
            Self::Whole(value) => EncodeGaugeValue::encode(value, encoder),
            Self::Real(value) => EncodeGaugeValue::encode(value, encoder),
        }
    }
}

/// The name of a family and what it tells. Names of counters are without `_total`.
pub(super) type Head<'a> = (&'a str, &'a str);

/// One histogram: its sum, and how many values lie up to each bound, the last bound being infinite.
pub(super) struct Distribution {
    pub(super) sum: f64,
    pub(super) buckets: Vec<(f64, u64)>,
}

/// Writes one family after another.
pub(super) struct Writer<'a>(DescriptorEncoder<'a>);

impl<'a> Writer<'a> {
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    pub(super) fn counters<L, N>(
        &mut self,
        head: Head<'_>,
        series: impl IntoIterator<Item = (L, N)>,
    ) -> fmt::Result
    where
        L: EncodeLabelSet,
        N: Into<Number>,
    {
        self.family(head, MetricType::Counter, series, |mut one, value| {
            one.encode_counter::<NoLabelSet, _, f64>(&value.into(), None)
        })
    }

    pub(super) fn gauges<L, N>(
        &mut self,
        head: Head<'_>,
        series: impl IntoIterator<Item = (L, N)>,
    ) -> fmt::Result
    where
        L: EncodeLabelSet,
        N: Into<Number>,
    {
        self.family(head, MetricType::Gauge, series, |mut one, value| {
            one.encode_gauge(&value.into())
        })
    }

    pub(super) fn histograms<L>(
        &mut self,
        head: Head<'_>,
        series: impl IntoIterator<Item = (L, Distribution)>,
    ) -> fmt::Result
    where
        L: EncodeLabelSet,
    {
        self.family(head, MetricType::Histogram, series, |mut one, value| {
            let count = value.buckets.iter().map(|(_, count)| count).sum();
            one.encode_histogram::<NoLabelSet>(value.sum, count, &value.buckets, None)
        })
    }

    /// A counter that there is one of, when it is known.
    pub(super) fn counter<N: Into<Number>>(
        &mut self,
        head: Head<'_>,
        value: Option<N>,
    ) -> fmt::Result {
        self.alone(head, MetricType::Counter, value, |mut one, value| {
            one.encode_counter::<NoLabelSet, _, f64>(&value.into(), None)
        })
    }

    /// A gauge that there is one of, when it is known.
    pub(super) fn gauge<N: Into<Number>>(
        &mut self,
        head: Head<'_>,
        value: Option<N>,
    ) -> fmt::Result {
        self.alone(head, MetricType::Gauge, value, |mut one, value| {
            one.encode_gauge(&value.into())
        })
    }

    /// Writes a family of one series without labels, when its value is known.
    fn alone<V>(
        &mut self,
        (name, help): Head<'_>,
        kind: MetricType,
        value: Option<V>,
        write: impl FnOnce(MetricEncoder<'_>, V) -> fmt::Result,
    ) -> fmt::Result {
        value.map_or(Ok(()), |value| {
            write(self.0.encode_descriptor(name, help, None, kind)?, value)
        })
    }

    /// Writes a family unless there is nothing in it.
    fn family<L, V>(
        &mut self,
        (name, help): Head<'_>,
        kind: MetricType,
        series: impl IntoIterator<Item = (L, V)>,
        mut write: impl FnMut(MetricEncoder<'_>, V) -> fmt::Result,
    ) -> fmt::Result
    where
        L: EncodeLabelSet,
    {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in series {
            write(family.encode_family(&labels)?, value)?;
        }
        Ok(())
    }
}
