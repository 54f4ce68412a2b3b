//! Pressure stall information: time lost to waiting, see Documentation/accounting/psi.rst of the
//! kernel.

use std::path::Path;

use super::CollectError;
use super::reread::Reread;
use crate::model::snapshot::{Pressure, PressureShare, ResourcePressure};

/// Reads the three files below `pressure` of the process file system.
#[derive(Debug)]
pub(super) struct PressureReader {
    cpu: Reread,
    memory: Reread,
    io: Reread,
}

impl PressureReader {
    pub(super) fn new(procfs: &Path) -> Self {
        let file = |name: &str| Reread::new(procfs.join("pressure").join(name));
        Self {
            cpu: file("cpu"),
            memory: file("memory"),
            io: file("io"),
        }
    }

    /// # Errors
    /// When the kernel does not measure it (too old, or started with `psi=0`).
    pub(super) fn read(&mut self) -> Result<Pressure, CollectError> {
        Ok(Pressure {
            cpu: resource(&mut self.cpu)?,
            memory: resource(&mut self.memory)?,
            io: resource(&mut self.io)?,
        })
    }
}

fn resource(file: &mut Reread) -> Result<ResourcePressure, CollectError> {
    let pressure = parse(&file.text()?);
    pressure.ok_or_else(|| file.malformed("pressure"))
}

fn parse(text: &str) -> Option<ResourcePressure> {
    let (mut some, mut full) = (None, None);
    for line in text.lines() {
        match line.split_once(' ')? {
            ("some", rest) => some = Some(share(rest)?),
            ("full", rest) => full = Some(share(rest)?),
            _ => {}
        }
    }
    Some(ResourcePressure { some: some?, full })
}

fn share(line: &str) -> Option<PressureShare> {
    let mut share = PressureShare::default();
    for word in line.split_whitespace() {
        let (key, value) = word.split_once('=')?;
        match key {
            "avg10" => share.avg10 = value.parse().ok()?,
            "avg60" => share.avg60 = value.parse().ok()?,
            "avg300" => share.avg300 = value.parse().ok()?,
            "total" => share.total_us = value.parse().ok()?,
            _ => {}
        }
    }
    Some(share)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            "some avg10\n",
            "some\n",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
