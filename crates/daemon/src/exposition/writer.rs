//! Writes families of series as text, leaving out those without any.
//!
//! Names and labels come from the kernel, which may say a thing twice; a scrape with one sample twice
//! is refused as a whole. So what was written once is not written again.
//!
//! A scrape may cost a quarter of node_exporter's processor time; the general encoder that was here
//! before wrote each brace and comma by itself and in one format only, which cost half of it.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use super::format::Format;
use linux_api_host::metrics::{MetricFamily, MetricKind, MetricValue};

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

/// The name of a family and its help text. Names of counters are without `_total`.
pub(super) type Head<'a> = (&'a str, &'a str);

/// The names and values of a series' labels.
pub(super) type Labels<T, const N: usize> = [(&'static str, T); N];

/// One histogram: its sum, and how many values lie up to each bound, the last bound being infinite.
pub(super) struct Distribution {
    pub(super) sum: f64,
    pub(super) buckets: Vec<(f64, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
    Summary,
    Unknown,
}

impl Kind {
    const fn as_str(self, format: Format) -> &'static str {
        match (self, format) {
            (Self::Counter, _) => "counter",
            (Self::Gauge, _) => "gauge",
            (Self::Histogram, _) => "histogram",
            (Self::Summary, _) => "summary",
            (Self::Unknown, Format::OpenMetrics) => "unknown",
            (Self::Unknown, Format::Text) => "untyped",
        }
    }

    /// What follows a family's name in that of its series.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Gauge | Self::Histogram | Self::Summary | Self::Unknown => "",
        }
    }

    /// What follows a family's name in the names that no other family may have.
    const fn reserved(self) -> &'static [&'static str] {
        match self {
            Self::Counter => &["", "_total", "_created"],
            Self::Gauge | Self::Unknown => &[""],
            Self::Summary => &["", "_sum", "_count", "_created"],
            Self::Histogram => &["", "_bucket", "_sum", "_count", "_created"],
        }
    }
}

/// Writes one family after another.
#[derive(Debug)]
pub(super) struct Writer {
    format: Format,
    text: String,
    /// Names of families and of what they are made of.
    names: HashSet<String>,
    /// Which samples of the family that is being written are there, by a hash of name and labels:
    /// two that are different and have the same one don't occur.
    samples: HashSet<u64>,
    hasher: RandomState,
}

impl Writer {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            text: String::with_capacity(64 << 10),
            names: HashSet::with_capacity(512),
            samples: HashSet::new(),
            hasher: RandomState::new(),
        }
    }

    /// All that was written.
    pub(super) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    pub(super) fn counters<T: AsRef<str>, N: Into<Number>, const L: usize>(
        &mut self,
        head: Head<'_>,
        series: impl IntoIterator<Item = (Labels<T, L>, N)>,
    ) {
        self.family(head, Kind::Counter, series, Self::number);
    }

    pub(super) fn gauges<T: AsRef<str>, N: Into<Number>, const L: usize>(
        &mut self,
        head: Head<'_>,
        series: impl IntoIterator<Item = (Labels<T, L>, N)>,
    ) {
        self.family(head, Kind::Gauge, series, Self::number);
    }

    pub(super) fn histograms<T: AsRef<str>, const L: usize>(
        &mut self,
        head: Head<'_>,
        series: impl IntoIterator<Item = (Labels<T, L>, Distribution)>,
    ) {
        self.family(head, Kind::Histogram, series, Self::distribution);
    }

    /// A counter that there is one of, when it is known.
    pub(super) fn counter<N: Into<Number>>(&mut self, head: Head<'_>, value: Option<N>) {
        self.counters(head, value.map(|value| (NONE, value)));
    }

    /// A gauge that there is one of, when it is known.
    pub(super) fn gauge<N: Into<Number>>(&mut self, head: Head<'_>, value: Option<N>) {
        self.gauges(head, value.map(|value| (NONE, value)));
    }

    /// Writes a family that the host's collectors made. A counter whose name does not end as names of counters
    /// do is one of a file: it is shown without a type, as OpenMetrics has no such counters.
    pub(super) fn metrics(&mut self, family: &MetricFamily) {
        let stem = family.name.strip_suffix(Kind::Counter.suffix());
        let (name, kind) = match (family.kind, stem) {
            (MetricKind::Counter, Some(stem)) => (stem, Kind::Counter),
            (MetricKind::Counter, None) | (MetricKind::Unknown, _) => {
                (&*family.name, Kind::Unknown)
            }
            (MetricKind::Gauge, _) => (&*family.name, Kind::Gauge),
            (MetricKind::Histogram, _) => (&*family.name, Kind::Histogram),
            (MetricKind::Summary, _) => (&*family.name, Kind::Summary),
        };
        if family.samples.is_empty() || !self.begin((name, &family.help), kind) {
            return;
        }
        for sample in &family.samples {
            let suffix = if kind == Kind::Counter {
                kind.suffix()
            } else {
                sample.suffix
            };
            let value = match sample.value {
                MetricValue::Whole(value) => Number::Whole(value),
                MetricValue::Real(value) => Number::Real(value),
            };
            self.sample(name, suffix, &sample.labels, None, value);
        }
    }

    /// Writes the head of a family; `false` when another has its name.
    fn begin(&mut self, (name, help): Head<'_>, kind: Kind) -> bool {
        if !self.reserve(name, kind) {
            return false;
        }
        self.samples.clear();
        // The older format calls a family of counters by the name of its series.
        let suffix = match self.format {
            Format::OpenMetrics => "",
            Format::Text => kind.suffix(),
        };
        self.push(&["# HELP ", name, suffix, " "]);
        self.escaped(help, self.format == Format::OpenMetrics);
        let kind = kind.as_str(self.format);
        self.push(&["\n# TYPE ", name, suffix, " ", kind, "\n"]);
        true
    }

    /// Writes a family unless there is nothing in it.
    fn family<T, V, const L: usize>(
        &mut self,
        (name, help): Head<'_>,
        kind: Kind,
        series: impl IntoIterator<Item = (Labels<T, L>, V)>,
        write: impl Fn(&mut Self, &str, Kind, &Labels<T, L>, V),
    ) {
        let mut series = series.into_iter();
        let Some(first) = series.next() else { return };
        if !self.begin((name, help), kind) {
            return;
        }
        for (labels, value) in std::iter::once(first).chain(series) {
            write(self, name, kind, &labels, value);
        }
    }

    /// Whether a family may have this name, which is then taken.
    fn reserve(&mut self, name: &str, kind: Kind) -> bool {
        let names = kind
            .reserved()
            .iter()
            .map(|suffix| format!("{name}{suffix}"));
        let names: Vec<String> = names.collect();
        if names.iter().any(|name| self.names.contains(name)) {
            return false;
        }
        self.names.extend(names);
        true
    }

    fn number<T: AsRef<str>, const L: usize>(
        &mut self,
        name: &str,
        kind: Kind,
        labels: &Labels<T, L>,
        value: impl Into<Number>,
    ) {
        self.sample(name, kind.suffix(), labels, None, value.into());
    }

    fn distribution<T: AsRef<str>, const L: usize>(
        &mut self,
        name: &str,
        _: Kind,
        labels: &Labels<T, L>,
        value: Distribution,
    ) {
        let mut count = 0;
        for (bound, more) in value.buckets {
            count += more;
            self.sample(name, "_bucket", labels, Some(bound), Number::Whole(count));
        }
        self.sample(name, "_sum", labels, None, Number::Real(value.sum));
        self.sample(name, "_count", labels, None, Number::Whole(count));
    }

    /// One line.
    fn sample<K: AsRef<str>, T: AsRef<str>>(
        &mut self,
        name: &str,
        suffix: &str,
        labels: &[(K, T)],
        bound: Option<f64>,
        value: Number,
    ) {
        let start = self.text.len();
        // Single characters and texts that the compiler knows are written in place; each other piece
        // is a call of its own.
        self.text.push_str(name);
        if !suffix.is_empty() {
            self.text.push_str(suffix);
        }
        let mut before = '{';
        if let Some(bound) = bound {
            self.text.push_str("{le=\"");
            self.real(bound);
            self.text.push('"');
            before = ',';
        }
        for (name, value) in labels {
            self.text.push(before);
            self.text.push_str(name.as_ref());
            self.text.push_str("=\"");
            self.escaped(value.as_ref(), true);
            self.text.push('"');
            before = ',';
        }
        if before == ',' {
            self.text.push('}');
        }
        if !self
            .samples
            .insert(self.hasher.hash_one(&self.text[start..]))
        {
            self.text.truncate(start);
            return;
        }
        self.text.push(' ');
        match value {
            Number::Whole(value) => self.text.push_str(itoa::Buffer::new().format(value)),
            Number::Real(value) => self.real(value),
        }
        self.text.push('\n');
    }

    /// As both formats write floating point numbers.
    fn real(&mut self, value: f64) {
        if value.is_infinite() {
            self.text
                .push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
        } else {
            // With a fraction or an exponent, and `NaN`.
            self.text.push_str(zmij::Buffer::new().format(value));
        }
    }

    fn escaped(&mut self, text: &str, quotes: bool) {
        let is_special = |byte: &u8| matches!(byte, b'\\' | b'\n') || (quotes && *byte == b'"');
        if !text.as_bytes().iter().any(is_special) {
            self.text.push_str(text);
            return;
        }
        for one in text.chars() {
            match one {
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '"' if quotes => self.text.push_str("\\\""),
                one => self.text.push(one),
            }
        }
    }

    fn push(&mut self, parts: &[&str]) {
        for part in parts {
            self.text.push_str(part);
        }
    }
}

const NONE: Labels<&str, 0> = [];

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_host::metrics::MetricSample;

    fn written(format: Format) -> String {
        let mut writer = Writer::new(format);
        writer.counters(("a", "Some \"a\"\\"), [([("x", "\"\\\n")], 1_u64)]);
        writer.gauge(("b", "Some b"), Some(f64::NEG_INFINITY));
        writer.gauge(("c", "No c"), None::<u64>);
        let one = Distribution {
            sum: 0.25,
            buckets: vec![(1.0, 2), (f64::INFINITY, 1)],
        };
        writer.histograms(("d", "Some d"), [([("y", "z")], one)]);
        writer.finish()
    }

    #[test]
    fn the_older_format_names_counters_as_their_series() {
        let expected = r#"# HELP a_total Some "a"\\
# TYPE a_total counter
a_total{x="\"\\\n"} 1
# HELP b Some b
# TYPE b gauge
b -Inf
# HELP d Some d
# TYPE d histogram
d_bucket{le="1.0",y="z"} 2
d_bucket{le="+Inf",y="z"} 3
d_sum{y="z"} 0.25
d_count{y="z"} 3
"#;
        assert_eq!(written(Format::Text), expected);
    }

    #[test]
    fn families_of_collectors_keep_their_names_and_types() {
        let sample = |suffix, value| MetricSample {
            suffix,
            labels: vec![("a".into(), "\"".to_owned())],
            value,
        };
        let family = |name: &'static str, kind, suffix| MetricFamily {
            name: name.into(),
            help: "Help.".into(),
            kind,
            samples: vec![sample(suffix, MetricValue::Real(0.5))],
        };
        let all = [
            family("c_total", MetricKind::Counter, ""),
            family("odd", MetricKind::Counter, ""),
            family("g", MetricKind::Gauge, ""),
            family("u", MetricKind::Unknown, ""),
            family("s", MetricKind::Summary, "_sum"),
            // Another has its name.
            family("c", MetricKind::Gauge, ""),
        ];
        let written = |format| {
            let mut writer = Writer::new(format);
            for family in &all {
                writer.metrics(family);
            }
            let text = writer.finish();
            let lines = text.lines().filter(|line| !line.starts_with("# HELP"));
            lines.map(str::to_owned).collect::<Vec<String>>()
        };
        let series = |name: &str| format!("{name}{{a=\"\\\"\"}} 0.5");
        let expected = |c: &str, unknown: &str| {
            let head = |name: &str, kind: &str| format!("# TYPE {name} {kind}");
            vec![
                head(c, "counter"),
                series("c_total"),
                head("odd", unknown),
                series("odd"),
                head("g", "gauge"),
                series("g"),
                head("u", unknown),
                series("u"),
                head("s", "summary"),
                series("s_sum"),
            ]
        };
        assert_eq!(written(Format::Text), expected("c_total", "untyped"));
        let mut open_metrics = expected("c", "unknown");
        open_metrics.push("# EOF".to_owned());
        assert_eq!(written(Format::OpenMetrics), open_metrics);
    }

    #[test]
    fn nothing_is_written_twice() {
        let mut writer = Writer::new(Format::Text);
        writer.gauges(
            ("a", "A"),
            [([("x", "1")], 1_u64), ([("x", "1")], 2), ([("x", "2")], 3)],
        );
        writer.counter(("b", "B"), Some(1_u64));
        for name in ["a", "b", "b_total", "b_created"] {
            writer.gauge((name, "Another"), Some(9_u64));
        }
        writer.counter(("a", "Another"), Some(9_u64));
        let expected = "# HELP a A\n# TYPE a gauge\na{x=\"1\"} 1\na{x=\"2\"} 3\n\
            # HELP b_total B\n# TYPE b_total counter\nb_total 1\n";
        assert_eq!(writer.finish(), expected);
    }

    #[test]
    fn the_newer_format_names_their_family_and_has_an_end() {
        let text = written(Format::OpenMetrics);
        let head = "# HELP a Some \\\"a\\\"\\\\\n# TYPE a counter\na_total{x=\"\\\"\\\\\\n\"} 1\n";
        assert!(text.starts_with(head), "{text}");
        assert!(text.ends_with("\n# EOF\n"), "{text}");
    }
}
