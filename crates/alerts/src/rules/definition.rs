//! A rule as it is written: in a file, in a request, in a row of the database.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::amount::{Amount, AmountVisitor};

/// A rule as it is written. What is absent has its default; [`compile`](super::compile()) checks it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleDefinition {
    /// Its name, see [`crate::name::Name`].
    pub name: String,
    /// What it is for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it fires. A disabled rule still wins where it is the most specific one, so that it is an exception.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The stored series that it judges; either this or `check`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// The built-in check that it judges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// The process that must run, for `process_missing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessMatch>,
    /// Which instances: for each label a pattern, or a list of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, OneOrMore>,
    /// Which hosts, by their labels: `env=prod,role=web`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<String>,
    /// `above` or `below`, for a series; checks have their side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// From where on it warns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<LevelDefinition>,
    /// From where on it is critical.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical: Option<LevelDefinition>,
    /// How far inside a threshold a value must be to clear, in the unit of the value; 5 % of the threshold
    /// unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hysteresis: Option<Amount>,
    /// How long a value must be bad; 5 minutes unless set.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub pending: Option<String>,
    /// How long a value must be well again; 5 minutes unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_firing: Option<String>,
    /// After how long a notice is repeated, or `never`; 12 hours unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<String>,
    /// The channels that it uses; all of them when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
    /// A unit to restart when it fires, or `$unit` for the one that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<String>,
    /// Whether its notices wait for the end of quiet hours. Unless set, warnings do and critical ones
    /// do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<bool>,
}

/// Which processes are meant: those of a unit, or those that run a file as an account. A name alone says
/// too little: any user can give it to a process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessMatch {
    /// A unit of systemd.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The path of the executable file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executable: Option<String>,
    /// The account that runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
}

impl ProcessMatch {
    /// The label `process` of its instance.
    #[must_use]
    pub fn label(&self) -> String {
        match (&self.unit, &self.executable, self.uid) {
            (Some(unit), ..) => unit.clone(),
            (None, Some(path), Some(uid)) => format!("{path} of uid {uid}"),
            (None, path, _) => path.clone().unwrap_or_default(),
        }
    }
}

/// One text, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMore {
    /// One.
    One(String),
    /// Several.
    More(Vec<String>),
}

impl OneOrMore {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(all) => all,
        }
    }
}

/// A threshold as it is written: the bound, or a table with the bound at `at`.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelDefinition {
    /// The threshold.
    pub at: Amount,
    /// The value at which it clears.
    pub clear: Option<Amount>,
    /// How long a value must be bad, where it differs from that of the rule. Its key is `for`.
    pub pending: Option<String>,
    /// Further keys: the second condition of some checks.
    pub second: BTreeMap<String, Amount>,
}

impl LevelDefinition {
    /// A threshold without more.
    #[must_use]
    pub fn at(at: Amount) -> Self {
        Self {
            at,
            clear: None,
            pending: None,
            second: BTreeMap::new(),
        }
    }
}

impl Serialize for LevelDefinition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Self::at(self.at.clone()) {
            return self.at.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("at", &self.at)?;
        if let Some(clear) = &self.clear {
            map.serialize_entry("clear", clear)?;
        }
        if let Some(pending) = &self.pending {
            map.serialize_entry("for", pending)?;
        }
        for (key, bound) in &self.second {
            map.serialize_entry(key, bound)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for LevelDefinition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LevelVisitor)
    }
}

struct LevelVisitor;

impl<'de> Visitor<'de> for LevelVisitor {
    type Value = LevelDefinition;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a threshold, or a table with the threshold at \"at\"")
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<LevelDefinition, E> {
        AmountVisitor.visit_f64(value).map(LevelDefinition::at)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<LevelDefinition, E> {
        AmountVisitor.visit_i64(value).map(LevelDefinition::at)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<LevelDefinition, E> {
        AmountVisitor.visit_u64(value).map(LevelDefinition::at)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<LevelDefinition, E> {
        AmountVisitor.visit_str(value).map(LevelDefinition::at)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LevelDefinition, A::Error> {
        let table = LevelTable::deserialize(MapAccessDeserializer::new(map))?;
        Ok(LevelDefinition {
            at: table.at,
            clear: table.clear,
            pending: table.pending,
            second: table.second,
        })
    }
}

#[derive(Deserialize)]
struct LevelTable {
    at: Amount,
    clear: Option<Amount>,
    #[serde(rename = "for")]
    pending: Option<String>,
    #[serde(flatten)]
    second: BTreeMap<String, Amount>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_reads_back_as_json_and_toml() {
        let text = r#"
            name = "data_space"
            check = "disk_space"
            hosts = "env=prod"
            warning = { at = 90, free = "100GiB", clear = 87.5, for = "10min" }
            critical = 97
            for = "1min"
            repeat = "never"
            channels = ["ops"]

            [labels]
            mount_point = ["/data", "/srv/*"]
        "#;
        let rule: RuleDefinition = toml::from_str(text).unwrap();
        let warning = rule.warning.clone().unwrap();
        assert_eq!(warning.at, Amount::Number(90.0));
        assert_eq!(warning.pending.as_deref(), Some("10min"));
        assert_eq!(warning.second["free"], Amount::Text("100GiB".to_owned()));
        assert_eq!(rule.labels["mount_point"].all().len(), 2);
        let json = serde_json::to_string(&rule).unwrap();
        assert!(json.contains(r#""critical":97.0"#), "{json}");
        assert!(!json.contains("keep_firing"), "{json}");
        assert_eq!(serde_json::from_str::<RuleDefinition>(&json).unwrap(), rule);
    }

    #[test]
    fn a_wrong_type_is_named() {
        let error = |text: &str| toml::from_str::<RuleDefinition>(text).unwrap_err();
        let wrong = error("name = \"a\"\nwarning = true\n");
        assert!(
            wrong.message().contains("a threshold, or a table"),
            "{wrong}"
        );
        let unknown = error("name = \"a\"\nthreshold = 3\n");
        assert!(
            unknown.message().contains("unknown field `threshold`"),
            "{unknown}"
        );
    }
}
