//! A strict parser of the text format 0.0.4, see
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use crate::metrics::{MetricFamily, MetricKind, MetricLabels, MetricSample, MetricValue};

/// The families of a file of at most `most` samples.
///
/// # Errors
/// What is wrong in which line.
pub(super) fn parse(text: &str, most: usize) -> Result<Vec<MetricFamily>, String> {
    // One that is cut off may lack more than that.
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("its last line has no end".to_owned());
    }
    let mut parser = Parser::default();
    for (place, line) in text.split_terminator('\n').enumerate() {
        let read = match line.strip_prefix('#') {
            _ if line.trim().is_empty() => Ok(()),
            Some(comment) => parser.comment(comment),
            None => parser.sample(line),
        };
        read.map_err(|problem| format!("line {}: {problem}", place + 1))?;
        if parser.seen.len() > most {
            return Err(format!("it has more than {most} samples"));
        }
    }
    parser.end()?;
    Ok(parser.families)
}

#[derive(Debug, Default)]
struct Parser {
    families: Vec<MetricFamily>,
    /// Whether the newest family has a line of this kind.
    has_help: bool,
    has_type: bool,
    /// Names of all families.
    names: HashSet<String>,
    /// Names and labels of all samples.
    seen: HashSet<String>,
}

impl Parser {
    /// A line that begins with `#`: `HELP`, `TYPE`, or a remark.
    fn comment(&mut self, comment: &str) -> Result<(), String> {
        let mut words = comment.trim_start().splitn(3, [' ', '\t']);
        let word = words.next().unwrap_or_default();
        if !matches!(word, "HELP" | "TYPE") {
            return Ok(());
        }
        let name = words.next().unwrap_or_default();
        if !is_name(name, true) {
            return Err(format!("{name:?} is no name of a family"));
        }
        let rest = words.next().unwrap_or_default();
        self.begin(name)?;
        let is_second = if word == "HELP" {
            self.has_help
        } else {
            self.has_type
        };
        if is_second {
            return Err(format!("a second {word} of {name}"));
        }
        let family = self.families.last_mut().ok_or("no family")?;
        if word == "HELP" {
            family.help = unescaped(rest, false)?.into();
            self.has_help = true;
            return Ok(());
        }
        if !family.samples.is_empty() {
            return Err(format!("the TYPE of {name} comes after its samples"));
        }
        family.kind = match rest.trim() {
            "counter" => MetricKind::Counter,
            "gauge" => MetricKind::Gauge,
            "histogram" => MetricKind::Histogram,
            "summary" => MetricKind::Summary,
            "untyped" => MetricKind::Unknown,
            other => return Err(format!("{other:?} is no type")),
        };
        self.has_type = true;
        Ok(())
    }

    /// Makes this the newest family.
    fn begin(&mut self, name: &str) -> Result<(), String> {
        if self
            .families
            .last()
            .is_some_and(|family| family.name == name)
        {
            return Ok(());
        }
        self.end()?;
        if !self.names.insert(name.to_owned()) {
            return Err(format!("the lines of {name} are not together"));
        }
        (self.has_help, self.has_type) = (false, false);
        self.families.push(MetricFamily {
            name: name.to_owned().into(),
            help: Cow::Borrowed("Of a file of another program."),
            kind: MetricKind::Unknown,
            samples: Vec::new(),
        });
        Ok(())
    }

    /// `NAME{LABEL="VALUE",…} VALUE`.
    fn sample(&mut self, line: &str) -> Result<(), String> {
        let line = line.trim_start();
        let end = line.find(['{', ' ', '\t']).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        if !is_name(name, true) {
            return Err(format!("{name:?} is no name of a sample"));
        }
        let (mut labels, rest) = labels(rest.trim_start())?;
        let mut words = rest.split_whitespace();
        let text = words.next().ok_or("there is no value")?;
        if words.next().is_some() {
            return Err("timestamps are not supported".to_owned());
        }
        let value: f64 = text.parse().map_err(|_| format!("{text:?} is no value"))?;
        let suffix = self.suffix(name, &labels)?;
        if suffix.is_none() {
            self.begin(name)?;
        }
        let family = self.families.last_mut().ok_or("no family")?;
        let suffix = suffix.unwrap_or_default();
        let is_count = family.kind == MetricKind::Counter || matches!(suffix, "_bucket" | "_count");
        if is_count && (value.is_nan() || value < 0.0) {
            return Err(format!("{text} is no count"));
        }
        for (label, bound) in &mut labels {
            let is_bound = match family.kind {
                MetricKind::Histogram => label == "le",
                MetricKind::Summary => label == "quantile",
                _ => false,
            };
            if is_bound {
                *bound = canonical(bound)?;
            }
        }
        let mut sorted: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}={value:?}"))
            .collect();
        sorted.sort_unstable();
        if !self.seen.insert(format!("{name} {}", sorted.join(","))) {
            return Err("the same sample is there twice".to_owned());
        }
        let whole = text.parse::<u64>();
        let value = whole.map_or(MetricValue::Real(value), MetricValue::Whole);
        family.samples.push(MetricSample {
            suffix,
            labels,
            value,
        });
        Ok(())
    }

    /// What follows the name of the newest family in that of its sample; `None` when it is one of another family.
    fn suffix(&self, name: &str, labels: &MetricLabels) -> Result<Option<&'static str>, String> {
        let Some(family) = self.families.last() else {
            return Ok(None);
        };
        let has = |label: &str| labels.iter().any(|(name, _)| name == label);
        let suffix = name.strip_prefix(&*family.name);
        let suffix = match (family.kind, suffix) {
            (MetricKind::Histogram, Some("_bucket")) if !has("le") => {
                return Err("a bucket has no label le".to_owned());
            }
            (MetricKind::Histogram, Some("_bucket")) => "_bucket",
            (MetricKind::Histogram | MetricKind::Summary, Some("_sum")) => "_sum",
            (MetricKind::Histogram | MetricKind::Summary, Some("_count")) => "_count",
            (MetricKind::Histogram, Some("")) => {
                return Err("a histogram has only buckets, a sum and a count".to_owned());
            }
            (MetricKind::Summary, Some("")) if !has("quantile") => {
                return Err("a quantile has no label quantile".to_owned());
            }
            (_, Some("")) => "",
            _ => return Ok(None),
        };
        Ok(Some(suffix))
    }

    /// Checks the newest family as a whole.
    fn end(&self) -> Result<(), String> {
        let Some(family) = self.families.last() else {
            return Ok(());
        };
        let name = &family.name;
        if family.kind == MetricKind::Histogram {
            check_buckets(family).map_err(|problem| format!("{name}: {problem}"))?;
        }
        // The older format lets a family without samples pass; there is nothing to show of it.
        Ok(())
    }
}

/// Whether the buckets of each histogram rise, end with an infinite one, and have the count.
fn check_buckets(family: &MetricFamily) -> Result<(), &'static str> {
    #[derive(Default)]
    struct Seen {
        last: Option<(f64, f64)>,
        count: Option<f64>,
    }
    let mut all: BTreeMap<Vec<(&str, &str)>, Seen> = BTreeMap::new();
    for sample in &family.samples {
        let labels = sample
            .labels
            .iter()
            .map(|(name, value)| (&**name, value.as_str()));
        let (bounds, mut rest): (Vec<_>, Vec<_>) = labels.partition(|(name, _)| *name == "le");
        rest.sort_unstable();
        let seen = all.entry(rest).or_default();
        let value = match sample.value {
            MetricValue::Real(value) => value,
            MetricValue::Whole(value) => crate::metrics::real(value),
        };
        match sample.suffix {
            "_bucket" => {
                let bound = bounds.first().and_then(|(_, bound)| bound.parse().ok());
                let bound = bound.ok_or("a bucket has no bound")?;
                if seen
                    .last
                    .is_some_and(|(last, count)| last >= bound || count > value)
                {
                    return Err("its buckets do not rise");
                }
                seen.last = Some((bound, value));
            }
            "_count" => seen.count = Some(value),
            _ => {}
        }
    }
    for seen in all.values() {
        let infinite = seen.last.filter(|(bound, _)| *bound == f64::INFINITY);
        let (_, last) = infinite.ok_or("it has no bucket +Inf")?;
        if seen
            .count
            .is_some_and(|count| count.to_bits() != last.to_bits())
        {
            return Err("its count is not that of the bucket +Inf");
        }
    }
    Ok(())
}

/// The labels that a text begins with, if any, and what follows them.
fn labels(text: &str) -> Result<(MetricLabels, &str), String> {
    let mut labels = MetricLabels::new();
    let Some(mut rest) = text.strip_prefix('{') else {
        return Ok((labels, text));
    };
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix('}') {
            return Ok((labels, rest));
        }
        let (name, after) = rest.split_once('=').ok_or("a label has no value")?;
        let name = name.trim_end();
        if !is_name(name, false) {
            return Err(format!("{name:?} is no name of a label"));
        }
        if labels.iter().any(|(known, _)| known == name) {
            return Err(format!("the label {name} is there twice"));
        }
        let quoted = after.trim_start().strip_prefix('"');
        let quoted = quoted.ok_or_else(|| format!("the value of {name} has no quotes"))?;
        let end = end_of_quotes(quoted).ok_or_else(|| format!("the value of {name} has no end"))?;
        let value = unescaped(&quoted[..end], true)?;
        // A label without a value is as one that is not there.
        if !value.is_empty() {
            labels.push((name.to_owned().into(), value));
        }
        rest = quoted[end + 1..].trim_start();
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None if rest.starts_with('}') => {}
            None => return Err("there is no comma between two labels".to_owned()),
        }
    }
}

/// Where the quote is that is not behind a backslash.
fn end_of_quotes(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })
}

fn unescaped(text: &str, quotes: bool) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        match letters.next() {
            Some('\\') => plain.push('\\'),
            Some('n') => plain.push('\n'),
            Some('"') if quotes => plain.push('"'),
            _ => return Err("a backslash stands before something that needs none".to_owned()),
        }
    }
    Ok(plain)
}

/// A bound as OpenMetrics writes it, with a fraction or an exponent.
fn canonical(bound: &str) -> Result<String, String> {
    let number: f64 = bound
        .parse()
        .map_err(|_| format!("{bound:?} is no bound"))?;
    Ok(match number {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ if number.is_nan() => return Err("a bound is no number".to_owned()),
        _ => format!("{number:?}"),
    })
}

/// Whether a text may name a family (`colons`) or a label.
fn is_name(text: &str, colons: bool) -> bool {
    let mut bytes = text.bytes();
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || (colons && byte == b':');
    bytes.next().is_some_and(first)
        && bytes.all(|byte| first(byte) || byte.is_ascii_digit())
        // Those are for Prometheus itself.
        && (colons || !text.starts_with("__"))
}
