//! Writes families of series, leaving out those without any.

use std::fmt;

use prometheus_client::encoding::{
    CounterValueEncoder, DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet,
    GaugeValueEncoder, NoLabelSet,
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
        (name, help): Head<'_>,
        series: impl IntoIterator<Item = (L, N)>,
    ) -> fmt::Result
    where
        L: EncodeLabelSet,
        N: Into<Number>,
    {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        let kind = MetricType::Counter;
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in series {
            let value: Number = value.into();
            let mut one = family.encode_family(&labels)?;
            one.encode_counter::<NoLabelSet, _, f64>(&value, None)?;
        }
        Ok(())
    }

    pub(super) fn gauges<L, N>(
        &mut self,
        (name, help): Head<'_>,
        series: impl IntoIterator<Item = (L, N)>,
    ) -> fmt::Result
    where
        L: EncodeLabelSet,
        N: Into<Number>,
    {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        let kind = MetricType::Gauge;
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in series {
            let value: Number = value.into();
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    pub(super) fn histograms<L>(
        &mut self,
        (name, help): Head<'_>,
        series: impl IntoIterator<Item = (L, Distribution)>,
    ) -> fmt::Result
    where
        L: EncodeLabelSet,
    {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        let kind = MetricType::Histogram;
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, one) in series {
            let count = one.buckets.iter().map(|(_, count)| count).sum();
            let mut series = family.encode_family(&labels)?;
            series.encode_histogram::<NoLabelSet>(one.sum, count, &one.buckets, None)?;
        }
        Ok(())
    }

    /// A counter that there is one of, when it is known.
    pub(super) fn counter<N: Into<Number>>(
        &mut self,
        (name, help): Head<'_>,
        value: Option<N>,
    ) -> fmt::Result {
        let Some(value) = value else {
            return Ok(());
        };
        let value: Number = value.into();
        let kind = MetricType::Counter;
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        family.encode_counter::<NoLabelSet, _, f64>(&value, None)
    }

    /// A gauge that there is one of, when it is known.
    pub(super) fn gauge<N: Into<Number>>(
        &mut self,
        (name, help): Head<'_>,
        value: Option<N>,
    ) -> fmt::Result {
        let Some(value) = value else {
            return Ok(());
        };
        let value: Number = value.into();
        let kind = MetricType::Gauge;
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        family.encode_gauge(&value)
    }
}
