//! A strict reader of both text formats, which accepts what scrapers accept.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Format;

/// Beginnings of names that hold the kernel's own, which are written otherwise than Prometheus advises.
pub(super) const KERNEL_NAMES: [&str; 2] = ["node_memory_", "node_netstat_"];

/// A sample: its name and its labels.
type Sample = (String, BTreeMap<String, String>);

/// Panics, with the line, unless a text is valid in its format: each family with one `HELP` and one
/// `TYPE`, its samples together and each there once, values as the format writes them, counters not
/// below zero, buckets that add up, and no family whose samples could be those of another.
pub(super) fn check(text: &str, format: Format) {
    let body = match format {
        Format::OpenMetrics => text.strip_suffix("# EOF\n").expect("no end"),
        Format::Text => text,
    };
    assert!(body.is_empty() || body.ends_with('\n'));
    let mut reader = Reader {
        format,
        ..Reader::default()
    };
    for line in body.split_terminator('\n') {
        let read = match line.strip_prefix("# ") {
            Some(comment) => reader.comment(comment),
            None => reader.sample(line),
        };
        assert!(read.is_some(), "not valid: {line:?}");
    }
    reader.end_family();
}

#[derive(Debug)]
struct Reader {
    format: Format,
    family: String,
    kind: Option<String>,
    /// All names that families have taken.
    names: BTreeSet<String>,
    samples: BTreeSet<Sample>,
    /// Counts of the histogram that is read: by labels, the last bucket and the count.
    buckets: HashMap<BTreeMap<String, String>, (f64, f64)>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            format: Format::Text,
            family: String::new(),
            kind: None,
            names: BTreeSet::new(),
            samples: BTreeSet::new(),
            buckets: HashMap::new(),
        }
    }
}

impl Reader {
    fn comment(&mut self, comment: &str) -> Option<()> {
        let mut words = comment.splitn(3, ' ');
        let (word, name, rest) = (words.next()?, words.next()?, words.next()?);
        match word {
            "HELP" => {
                self.end_family();
                is_name(name, true).then_some(())?;
                unescape(rest, self.format == Format::OpenMetrics)?;
                name.clone_into(&mut self.family);
                self.kind = None;
            }
            "TYPE" => {
                (name == self.family && self.kind.is_none()).then_some(())?;
                for suffix in self.suffixes(rest)? {
                    let is_new = self.names.insert(format!("{name}{suffix}"));
                    is_new.then_some(())?;
                }
                self.kind = Some(rest.to_owned());
            }
            _ => return None,
        }
        Some(())
    }

    /// What the samples of a family have behind its name, and the name itself.
    fn suffixes(&self, kind: &str) -> Option<&'static [&'static str]> {
        Some(match (kind, self.format) {
            ("counter", Format::OpenMetrics) => &["", "_total", "_created"],
            ("counter" | "untyped", Format::Text)
            | ("unknown", Format::OpenMetrics)
            | ("gauge", _) => &[""],
            ("summary", _) => &["", "_sum", "_count"],
            ("histogram", _) => &["", "_bucket", "_sum", "_count"],
            _ => return None,
        })
    }

    fn sample(&mut self, line: &str) -> Option<()> {
        let end = line.find(['{', ' '])?;
        let (name, rest) = line.split_at(end);
        let (mut labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => read_labels(rest)?,
            None => (BTreeMap::new(), rest),
        };
        let value = number(rest.strip_prefix(' ')?)?;
        let suffix = name.strip_prefix(self.family.as_str())?;
        let kind = self.kind.as_deref()?;
        let is_known = match (kind, self.format) {
            ("counter", Format::OpenMetrics) => suffix == "_total",
            ("counter", Format::Text) => suffix.is_empty() && name.ends_with("_total"),
            ("gauge" | "unknown" | "untyped", _) => suffix.is_empty(),
            ("summary", _) => ["", "_sum", "_count"].contains(&suffix),
            _ => ["_bucket", "_sum", "_count"].contains(&suffix),
        };
        is_known.then_some(())?;
        let is_counter = matches!(kind, "counter" | "histogram");
        (!is_counter || (value >= 0.0 && value.is_finite())).then_some(())?;
        let sample = (name.to_owned(), labels.clone());
        self.samples.insert(sample).then_some(())?;
        if suffix == "_bucket" {
            let bound = number(&labels.remove("le")?)?;
            let (last, infinite) = self.buckets.entry(labels).or_default();
            (value >= *last).then_some(())?;
            *last = value;
            if bound.is_infinite() {
                *infinite = value;
            }
        } else if suffix == "_count" && kind == "histogram" {
            let (last, infinite) = self.buckets.get(&labels)?;
            (*last <= value && *infinite >= value).then_some(())?;
        }
        Some(())
    }

    fn end_family(&mut self) {
        assert!(
            self.family.is_empty() || self.kind.is_some(),
            "no type: {}",
            self.family
        );
        self.buckets.clear();
    }
}

fn is_name(name: &str, colons: bool) -> bool {
    let is_letter =
        |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || (colons && byte == b':');
    let mut bytes = name.bytes();
    bytes.next().is_some_and(is_letter)
        && bytes.all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

/// A text without its escapes; `None` when one is not known, or a quote has none.
fn unescape(text: &str, quotes: bool) -> Option<String> {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next()? {
                'n' => '\n',
                '\\' => '\\',
                '"' if quotes => '"',
                _ => return None,
            },
            '"' if quotes => return None,
            other => other,
        });
    }
    Some(plain)
}

/// Reads `NAME="VALUE",…}`; what follows comes back too.
fn read_labels(text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once("=\"")?;
        let mut is_escaped = false;
        let end = after.find(|character| {
            let ends = character == '"' && !is_escaped;
            is_escaped = character == '\\' && !is_escaped;
            ends
        })?;
        let value = unescape(&after[..end], true)?;
        let is_new = labels.insert(name.to_owned(), value).is_none();
        (is_name(name, false) && is_new).then_some(())?;
        rest = &after[end + 1..];
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        rest = rest.strip_prefix(',')?;
    }
}

fn number(text: &str) -> Option<f64> {
    match text {
        "NaN" => return Some(f64::NAN),
        "+Inf" => return Some(f64::INFINITY),
        "-Inf" => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    let is_number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse().ok().filter(|_| is_number)
}

#[test]
fn what_scrapers_refuse_is_refused() {
    let head = "# HELP a A\n# TYPE a gauge\n";
    check(&format!("{head}a 1\n"), Format::Text);
    for text in [
        format!("{head}a 1\na 2\n"),
        format!("{head}a 1\n{head}a{{x=\"1\"}} 1\n"),
        format!("{head}b 1\n"),
        format!("{head}a one\n"),
        format!("{head}a{{x=\"1\",x=\"2\"}} 1\n"),
        format!("{head}a{{x=\"\\x\"}} 1\n"),
        "# HELP a A\na 1\n".to_owned(),
        "# HELP a_total A\n# TYPE a_total counter\na_total -1\n".to_owned(),
    ] {
        let refused = std::panic::catch_unwind(|| check(&text, Format::Text));
        assert!(refused.is_err(), "{text}");
    }
}
