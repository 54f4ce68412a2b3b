//! The table that is printed.

use std::io::Write;

/// One measured bar.
pub(crate) struct Row {
    pub(crate) what: &'static str,
    /// With its unit.
    pub(crate) ours: String,
    /// With its unit; empty where the bar is absolute.
    pub(crate) reference: String,
    /// Ours divided by the reference, or ours in the unit of the bar.
    pub(crate) value: f64,
    pub(crate) bar: Bar,
}

/// What a value is held to.
#[derive(Clone, Copy)]
pub(crate) enum Bar {
    AtMost(f64),
    AtLeast(f64),
    /// Only to be known.
    None,
}

impl Bar {
    /// Whether a value is good enough; anything is where there is no bar.
    pub(crate) const fn is_held(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
            Self::None => true,
        }
    }

    const fn holds(self, value: f64) -> &'static str {
        match self {
            Self::None => "",
            _ if self.is_held(value) => "yes",
            _ => "NO",
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtMost(limit) => format!("<= {limit}"),
            Self::AtLeast(limit) => format!(">= {limit}"),
            Self::None => String::new(),
        }
    }
}

/// Says why rows are missing.
pub(crate) fn note(line: &str) {
    let mut output = std::io::stderr().lock();
    writeln!(output, "{line}").unwrap();
}

pub(crate) fn print(rows: &[Row]) {
    let heads = ["what", "ours", "reference", "ratio", "bar", "holds"].map(str::to_owned);
    let mut lines = vec![heads];
    for row in rows {
        lines.push([
            row.what.to_owned(),
            row.ours.clone(),
            row.reference.clone(),
            format!("{:.2}", row.value),
            row.bar.text(),
            row.bar.holds(row.value).to_owned(),
        ]);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..6).map(|column| width(column).unwrap_or(0)).collect();
    let mut output = std::io::stdout().lock();
    for (index, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        writeln!(output, "| {} |", cells.join(" | ")).unwrap();
        if index == 0 {
            let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            writeln!(output, "| {} |", dashes.join(" | ")).unwrap();
        }
    }
}

/// The one in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
