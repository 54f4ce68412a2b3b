//! Which parts of the host `/metrics` shows.

use std::fmt;

use linux_api_wire::metrics_collector::{MetricsCollector, MetricsCollectors};
use linux_api_wire::suggest::nearest;

use super::list::{Element, List};

/// Stands for every collector.
const ALL: &str = "all";

/// One change of what is read by default: `+NAME` or `-NAME`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CollectorChange {
    /// Whether it is switched on.
    is_on: bool,
    /// Which one; all where there is none.
    collector: Option<MetricsCollector>,
}

impl fmt::Display for CollectorChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_on { '+' } else { '-' };
        let name = self.collector.map_or(ALL, MetricsCollector::as_str);
        write!(f, "{sign}{name}")
    }
}

impl Element for CollectorChange {
    const LIST: &'static str = "a list of collectors such as \"+interrupts\" or \"-arp\"";

    fn read(text: &str) -> Result<Self, String> {
        let signed = text.strip_prefix('+').map(|name| (true, name));
        let signed = signed.or_else(|| text.strip_prefix('-').map(|name| (false, name)));
        let Some((is_on, name)) = signed else {
            return Err(format!(
                "expected \"+{text}\" to switch a collector on or \"-{text}\" to switch it off, not {text:?}"
            ));
        };
        let collector = match name {
            ALL => None,
            _ => Some(MetricsCollector::named(name).ok_or_else(|| unknown(name))?),
        };
        Ok(Self { is_on, collector })
    }
}

fn unknown(name: &str) -> String {
    let mut names: Vec<&str> = MetricsCollector::ALL
        .iter()
        .map(|one| one.as_str())
        .collect();
    names.push(ALL);
    let hint = nearest(name, &names).map(|near| format!(" (did you mean {near:?}?)"));
    format!(
        "there is no collector {name:?}{}; there are {}",
        hint.unwrap_or_default(),
        names.join(", ")
    )
}

impl List<CollectorChange> {
    /// What is read by default, after all changes in their order.
    #[must_use]
    pub fn collectors(&self) -> MetricsCollectors {
        let mut collectors = MetricsCollectors::default();
        for change in &self.0 {
            let every = MetricsCollector::ALL.iter().copied();
            let named = every.filter(|one| change.collector.is_none_or(|named| named == *one));
            for one in named {
                if change.is_on {
                    collectors.insert(one);
                } else {
                    collectors.remove(one);
                }
            }
        }
        collectors
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::ConfigValue;

    fn names(text: &str) -> Vec<&'static str> {
        let list = List::<CollectorChange>::from_text(text).unwrap();
        let collectors = list.collectors();
        collectors.iter().map(MetricsCollector::as_str).collect()
    }

    #[test]
    fn changes_count_in_their_order() {
        let default = names("");
        assert!(default.contains(&"arp") && !default.contains(&"interrupts"));
        let changed = names("+interrupts, -arp");
        assert!(!changed.contains(&"arp") && changed.contains(&"interrupts"));
        assert_eq!(changed.len(), default.len());
        assert_eq!(names("-all, +cpu, +stat, -cpu"), ["stat"]);
        assert_eq!(names("+all").len(), MetricsCollector::ALL.len());
    }

    #[test]
    fn what_is_unknown_is_refused_with_what_there_is() {
        let refused = |text| CollectorChange::read(text).unwrap_err();
        let error = refused("+interupts");
        assert!(error.contains("did you mean \"interrupts\"?"), "{error}");
        assert!(error.contains("arp, bonding, conntrack"), "{error}");
        assert!(!refused("-perl").contains("did you mean"));
        assert!(refused("arp").contains("\"+arp\""));
        for text in ["", "+", "-", "+-arp", "+Arp"] {
            assert!(CollectorChange::read(text).is_err(), "{text}");
        }
        for text in ["+interrupts", "-arp", "-all"] {
            assert_eq!(CollectorChange::read(text).unwrap().to_string(), text);
        }
    }
}
