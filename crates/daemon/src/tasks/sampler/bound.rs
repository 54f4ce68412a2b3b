//! Which series are kept when a host has more than there is room for.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use linux_api_wire::series::{SERIES, Series};
use linux_api_wire::snapshot::Family;

/// The most series of a host that are kept.
pub(super) const SERIES_MAX: usize = 1024;
/// So many members of each family have their place whatever the others have: a thousand interfaces
/// leave room for the sensors.
const RESERVED: usize = 16;

/// How many series each member of a family has: an interface, say, has two.
static SERIES_EACH: LazyLock<HashMap<Family, usize>> = LazyLock::new(|| {
    let mut each = HashMap::new();
    for series in SERIES.iter().filter(|series| series.label.is_some()) {
        *each.entry(series.family).or_default() += 1;
    }
    each
});

/// Admits the members of the families, as long as there is room. The series that a host has one of
/// are always admitted; of the others a member is admitted with all its series, or with none.
#[derive(Debug)]
pub(super) struct Bound {
    members: HashMap<Family, HashSet<Box<str>>>,
    /// Room that is not reserved for anyone.
    free: usize,
}

impl Default for Bound {
    fn default() -> Self {
        let single = SERIES.iter().filter(|series| series.label.is_none());
        let reserved: usize = SERIES_EACH.values().map(|each| each * RESERVED).sum();
        Self {
            members: HashMap::new(),
            free: SERIES_MAX.saturating_sub(single.count() + reserved),
        }
    }
}

impl Bound {
    /// Whether this member of a series is kept, which it then is until the end.
    pub(super) fn admits(&mut self, series: &Series, label: &str) -> bool {
        let Some(each) = SERIES_EACH
            .get(&series.family)
            .filter(|_| series.label.is_some())
        else {
            return true;
        };
        let members = self.members.entry(series.family).or_default();
        if members.contains(label) {
            return true;
        }
        if members.len() >= RESERVED {
            let Some(free) = self.free.checked_sub(*each) else {
                return false;
            };
            self.free = free;
        }
        members.insert(label.into());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str) -> &'static Series {
        SERIES.iter().find(|series| series.name == name).unwrap()
    }

    #[test]
    fn a_thousand_interfaces_leave_room_for_the_rest() {
        let mut bound = Bound::default();
        let [received, sent] =
            ["received", "sent"].map(|way| series(&format!("network.{way}_bytes_per_second")));
        let mut admitted = 0;
        for number in 0..1_000 {
            let label = format!("veth{number}");
            let both = [received, sent].map(|series| bound.admits(series, &label));
            assert_eq!(both[0], both[1]);
            admitted += usize::from(both[0]);
            assert_eq!(bound.admits(received, &label), both[0]);
        }
        assert!((300..500).contains(&admitted), "{admitted}");
        for number in 0..RESERVED {
            assert!(bound.admits(series("sensor.celsius"), &number.to_string()));
        }
        assert!(!bound.admits(received, "one more"));
        for single in SERIES.iter().filter(|series| series.label.is_none()) {
            assert!(bound.admits(single, ""));
        }
    }

    #[test]
    fn never_more_are_admitted_than_there_is_room_for() {
        let mut bound = Bound::default();
        let mut admitted = 0;
        for series in SERIES {
            for number in 0..2 * SERIES_MAX {
                let label = series.label.map_or(String::new(), |_| number.to_string());
                admitted += usize::from(bound.admits(series, &label));
                if series.label.is_none() {
                    break;
                }
            }
        }
        assert!(
            admitted <= SERIES_MAX && admitted > SERIES_MAX / 2,
            "{admitted}"
        );
    }
}
