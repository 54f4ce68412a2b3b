//! `interrupts` and `softirqs`: a column for each processor.

use std::borrow::Cow;

use super::{Collect, Families};
use crate::sources::Reread;
use crate::{CollectError, HostRoots};

/// Each interrupt on each processor.
#[derive(Debug)]
pub(super) struct Interrupts(Reread);

impl Interrupts {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(Reread::new(roots.procfs.join("interrupts")))
    }
}

/// A line of such a table: its name, a count for each processor, and what follows.
type Row<'a> = (&'a str, Vec<u64>, Vec<&'a str>);

/// The numbers of the processors, and the lines; those with fewer counts, such as the sum of errors, are left out.
fn table(text: &str) -> Option<(Vec<&str>, Vec<Row<'_>>)> {
    let mut lines = text.lines();
    let cpus = lines.next()?.split_whitespace();
    let cpus: Vec<&str> = cpus
        .map(|one| one.strip_prefix("CPU"))
        .collect::<Option<_>>()?;
    let rows = lines.filter_map(|line| {
        let (name, rest) = line.split_once(':')?;
        let mut words = rest.split_whitespace();
        let counts = words.by_ref().take(cpus.len()).map(str::parse);
        let counts: Vec<u64> = counts.collect::<Result<_, _>>().ok()?;
        (counts.len() == cpus.len()).then(|| (name.trim(), counts, words.collect()))
    });
    let rows = rows.collect();
    (!cpus.is_empty()).then_some((cpus, rows))
}

impl Collect for Interrupts {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let text = self.0.text()?.into_owned();
        let (cpus, rows) = table(&text).ok_or_else(|| self.0.malformed("table of interrupts"))?;
        for (name, counts, rest) in rows {
            if rest.is_empty() {
                continue;
            }
            // A numbered one belongs to a chip and to devices; the others have a description.
            let is_numbered = name.bytes().all(|byte| byte.is_ascii_digit());
            let (info, devices) = if is_numbered {
                (Cow::Borrowed(rest[0]), rest[1..].join(" "))
            } else {
                (Cow::Owned(rest.join(" ")), String::new())
            };
            for (cpu, count) in cpus.iter().zip(counts) {
                let labels = [
                    ("cpu", *cpu),
                    ("devices", &devices),
                    ("info", &info),
                    ("type", name),
                ];
                let help = "Interrupts by processor and kind.";
                families.counter("node_interrupts_total", help, &labels, count);
            }
        }
        Ok(())
    }
}

/// Each kind of software interrupt on each processor.
#[derive(Debug)]
pub(super) struct Softirqs(Reread);

impl Softirqs {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(Reread::new(roots.procfs.join("softirqs")))
    }
}

impl Collect for Softirqs {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let text = self.0.text()?.into_owned();
        let (cpus, rows) = table(&text).ok_or_else(|| self.0.malformed("table of interrupts"))?;
        for (name, counts, _) in rows {
            for (cpu, count) in cpus.iter().zip(counts) {
                let labels = [("cpu", *cpu), ("type", name)];
                let help = "Software interrupts by processor and kind.";
                families.counter("node_softirqs_functions_total", help, &labels, count);
            }
        }
        Ok(())
    }
}
