//! `cpuinfo`: what the processors are.

use std::collections::HashMap;

use super::Source;
use crate::HostRoots;

/// What is needed of the file. Many machines name no model and no clock.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct CpuInfo {
    /// Model of the first processor that has one.
    pub(crate) model: Option<String>,
    /// Clock in MHz by the processor's number.
    pub(crate) clocks: HashMap<u32, f64>,
}

/// The file, see proc(5).
pub(crate) fn source(roots: &HostRoots) -> Source<CpuInfo> {
    Source::new(roots.procfs.join("cpuinfo"), "processors", |text| {
        Some(parse(text))
    })
}

fn parse(text: &str) -> CpuInfo {
    let mut info = CpuInfo::default();
    let mut processor: Option<u32> = None;
    for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match key.trim() {
            "processor" => processor = value.parse().ok(),
            "model name" if info.model.is_none() => info.model = Some(value.to_owned()),
            "cpu MHz" => {
                let clock = processor.zip(value.parse().ok());
                info.clocks.extend(clock.filter(|(_, mhz)| *mhz > 0.0));
            }
            _ => {}
        }
    }
    info
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_belongs_to_the_processor_above_it() {
        let text = "processor\t: 0\nmodel name\t: Fast: v2\nflags: a: b\nprocessor : 1\n\
            model name\t: other\ncpu MHz\t: 2596.146\nprocessor\t: 2\ncpu MHz\t: 0.0\n";
        let expected = CpuInfo {
            model: Some("Fast: v2".to_owned()),
            clocks: HashMap::from([(1, 2596.146)]),
        };
        assert_eq!(parse(text), expected);
        assert_eq!(parse("nothing\n"), CpuInfo::default());
    }
}
