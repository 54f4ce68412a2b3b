//! Which hosts a user or a key is limited to, by the labels of the hosts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use super::fleet::HostLabel;

/// The longest text of a selector, in bytes.
const LENGTH_MAX: usize = 512;
/// The most labels in one selector.
const LABELS_MAX: usize = 8;

/// Labels that a host must have, all of them; any host when there are none.
///
/// Each daemon compares it with the labels of its own configuration file (`host.labels`), which only
/// root of that host writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostSelector(BTreeSet<HostLabel>);

/// The text selects no hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseHostSelectorError {
    /// A part of it is no label, or there is no part.
    #[error("Input should be labels as in host.labels, such as env=dev or env=dev,role=web")]
    Form,
    /// It names two values of one label, which no host has.
    #[error("Input should name each label once")]
    Repeated,
    /// It is too long.
    #[error("Input should have at most {LABELS_MAX} labels and {LENGTH_MAX} bytes")]
    TooLong,
}

impl HostSelector {
    /// Whether it selects every host.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    /// How many labels it names; more of them select fewer hosts.
    #[must_use]
    pub fn label_count(&self) -> usize {
        self.0.len()
    }

    /// Whether a host with these labels is among those that it selects.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let has = |label: &HostLabel| labels.get(&label.name) == Some(&label.value);
        self.0.iter().all(has)
    }

    /// Whether it selects no host that `other` does not select.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.is_superset(&other.0)
    }

    /// The hosts that both select; none when they name different values of one label.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// Its labels that `other` does not name as well.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    /// The form kept in the database; nothing for any host.
    #[must_use]
    pub fn stored(&self) -> Option<String> {
        (!self.is_any()).then(|| self.to_string())
    }

    /// Reads the form kept in the database.
    ///
    /// # Errors
    /// When it is no such form.
    pub fn from_stored(text: Option<&str>) -> Result<Self, ParseHostSelectorError> {
        text.map_or_else(|| Ok(Self::default()), str::parse)
    }
}

/// As [`FromStr`] reads it; `any host` when there are no labels.
impl fmt::Display for HostSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_any() {
            return f.write_str("any host");
        }
        for (index, label) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{}={}", label.name, label.value)?;
        }
        Ok(())
    }
}

impl FromStr for HostSelector {
    type Err = ParseHostSelectorError;

    /// Reads `NAME=VALUE` or several of them with commas in between, at least one; so a value with a
    /// comma in it can't be selected.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > LENGTH_MAX {
            return Err(ParseHostSelectorError::TooLong);
        }
        let mut labels = BTreeSet::new();
        for part in text.split(',') {
            let label: HostLabel = part
                .trim()
                .parse()
                .map_err(|_| ParseHostSelectorError::Form)?;
            if labels.iter().any(|one: &HostLabel| one.name == label.name) {
                return Err(ParseHostSelectorError::Repeated);
            }
            labels.insert(label);
        }
        if labels.len() > LABELS_MAX {
            return Err(ParseHostSelectorError::TooLong);
        }
        Ok(Self(labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(text: &str) -> HostSelector {
        text.parse().unwrap()
    }

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn all_labels_must_be_there() {
        let web = labels(&[("env", "dev"), ("role", "web")]);
        assert!(HostSelector::default().matches(&web));
        assert!(selector("env=dev").matches(&web));
        assert!(selector("role=web, env=dev").matches(&web));
        assert!(!selector("env=prod").matches(&web));
        assert!(!selector("env=dev,rack=7").matches(&web));
        assert!(!selector("env=dev").matches(&labels(&[])));
        assert!(!selector("env=").matches(&labels(&[])));
    }

    #[test]
    fn more_labels_select_fewer_hosts() {
        let any = HostSelector::default();
        let (dev, web) = (selector("env=dev"), selector("env=dev,role=web"));
        assert!(web.is_within(&dev) && dev.is_within(&dev) && dev.is_within(&any));
        assert!(!dev.is_within(&web) && !any.is_within(&dev));
        assert!(!selector("env=prod").is_within(&dev));
        assert_eq!(dev.and(&selector("role=web")), web);
        assert_eq!(web.without(&dev), selector("role=web"));
        let none = dev.and(&selector("env=prod"));
        assert!(!none.matches(&labels(&[("env", "dev")])));
        assert!(!none.matches(&labels(&[("env", "prod")])));
    }

    #[test]
    fn text_round_trips() {
        for text in ["env=dev", "env=dev,role=web", "env="] {
            assert_eq!(selector(text).to_string(), text);
            assert_eq!(selector(text).stored().as_deref(), Some(text));
        }
        assert_eq!(HostSelector::default().stored(), None);
        assert_eq!(HostSelector::default().to_string(), "any host");
        assert_eq!(HostSelector::from_stored(None), Ok(HostSelector::default()));
    }

    #[test]
    fn bad_texts_say_why() {
        for text in ["", "env", "env=dev,", ",", "=dev", "env=dev;role=web,x"] {
            assert_eq!(
                text.parse::<HostSelector>(),
                Err(ParseHostSelectorError::Form),
                "{text}"
            );
        }
        assert_eq!(
            "env=dev,env=prod".parse::<HostSelector>(),
            Err(ParseHostSelectorError::Repeated)
        );
        let long = "a=b,c=d,e=f,g=h,i=j,k=l,m=n,o=p,q=r";
        assert_eq!(
            long.parse::<HostSelector>(),
            Err(ParseHostSelectorError::TooLong)
        );
    }
}
