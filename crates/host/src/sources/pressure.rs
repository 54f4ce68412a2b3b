//! Pressure stall information: time lost to waiting, see Documentation/accounting/psi.rst of the
//! kernel.

use super::Source;
use crate::{CollectError, HostRoots};
use linux_api_wire::snapshot::{Pressure, PressureShare, ResourcePressure};

/// Reads the three files below `pressure` of the process file system.
#[derive(Debug)]
pub(crate) struct PressureFiles {
    cpu: Source<ResourcePressure>,
    memory: Source<ResourcePressure>,
    io: Source<ResourcePressure>,
}

impl PressureFiles {
    pub(crate) fn new(roots: &HostRoots) -> Self {
        let directory = roots.procfs.join("pressure");
        let file = |name| Source::new(directory.join(name), "pressure", parse);
        Self {
            cpu: file("cpu"),
            memory: file("memory"),
            io: file("io"),
        }
    }

    /// # Errors
    /// When the kernel does not measure it (too old, or started with `psi=0`).
    pub(crate) fn read(&mut self) -> Result<Pressure, CollectError> {
        let (cpu, memory, io) = (self.cpu.read(), self.memory.read(), self.io.read());
        if let (Err(_), Err(_)) = (&memory, &io) {
            // When there is none of them, the first says why.
            let cpu = Some(cpu?);
            return Ok(Pressure {
                cpu,
                ..Pressure::default()
            });
        }
        Ok(Pressure {
            cpu: cpu.ok(),
            memory: memory.ok(),
            io: io.ok(),
        })
    }
}

/// The lines `some` and `full`; others, and a `full` that is odd, cost nothing else.
fn parse(text: &str) -> Option<ResourcePressure> {
    let line = |kind: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| share(line.strip_prefix(kind)?.strip_prefix(' ')?))
    };
    Some(ResourcePressure {
        some: line("some")?,
        full: line("full"),
    })
}

fn share(line: &str) -> Option<PressureShare> {
    let mut share = PressureShare::default();
    let average = |text: &str| {
        let average = text.parse::<f64>().ok()?;
        (average.is_finite() && average >= 0.0).then_some(average)
    };
    for word in line.split_whitespace() {
        let (key, value) = word.split_once('=')?;
        match key {
            "avg10" => share.avg10 = average(value)?,
            "avg60" => share.avg60 = average(value)?,
            "avg300" => share.avg300 = average(value)?,
            "total" => share.total_us = value.parse().ok()?,
            _ => {}
        }
    }
    Some(share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;

    #[test]
    fn an_older_kernel_has_no_full_line_for_processors() {
        let cpu = parse("some avg10=1.50 avg60=0.25 avg300=0.05 total=12345\n").unwrap();
        let some = PressureShare {
            avg10: 1.5,
            avg60: 0.25,
            avg300: 0.05,
            total_us: 12345,
        };
        assert_eq!(cpu, ResourcePressure { some, full: None });
    }

    #[test]
    fn what_is_no_pressure_is_refused() {
        for text in [
            "",
            "full avg10=0.00\n",
            "some avg10=x\n",
            "some avg10=NaN\n",
            "some avg10=-1\n",
            "some avg10\n",
            "some\n",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_odd_line_or_file_costs_nothing_else() {
        let tree = Tree::new();
        let good = "some avg10=1.50 avg60=0.25 avg300=0.05 total=12345\n";
        tree.write("proc/pressure/cpu", "some avg10=inf\n");
        tree.write("proc/pressure/memory", "");
        tree.write("proc/pressure/io", format!("odd\nfull avg10=x\n{good}"));
        let mut reader = PressureFiles::new(&tree.roots());
        let pressure = reader.read().unwrap();
        assert_eq!((pressure.cpu, pressure.memory), (None, None));
        let io = pressure.io.unwrap();
        assert_eq!((io.some.total_us, io.full), (12345, None));
    }
}
