//! Everything read of the host at one moment.
//!
//! A snapshot has one part per [`Family`]. A part that can't be read is absent, never zero, and its
//! [`FamilyStatus`] says why. The types of the parts are the wire format as well: a second set of
//! the same structs would only have to be kept equal. Numbers are per second, percent (0 to 100),
//! bytes or degrees Celsius, as their names say.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::time::Timestamp;

mod families;

pub use families::{
    Core, Cpu, CpuSeconds, Disk, FailedUnits, Filesystem, Load, Memory, Network, Pressure,
    PressureShare, Processes, ResourcePressure, Sensor, Session, Swap,
};

/// Defines the families once: variant, name, field of the snapshot and what it holds.
macro_rules! define_families {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $field:ident: $type:ty;)+) => {
        /// A part of the snapshot that is read by itself.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
        )]
        #[serde(rename_all = "lowercase")]
        pub enum Family {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Family {
            /// All of them, in the order in which snapshots show them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The field of a snapshot that holds it: its name, but for the uptime, whose unit
            /// stands in the field.
            #[must_use]
            pub const fn field(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($field),)+
                }
            }
        }

        /// What one family was read as.
        #[derive(Debug, Clone)]
        pub enum FamilyValue {
            $($(#[doc = $doc])+ $variant($type),)+
        }

        /// Everything read of the host at one moment.
        #[derive(Debug, Clone, Default)]
        pub struct Snapshot {
            /// Name of the host.
            pub host: Arc<str>,
            /// When it was taken, by the wall clock.
            pub time: Timestamp,
            /// The same by the monotonic clock, which ages are measured with.
            pub taken: Option<Instant>,
            $($(#[doc = $doc])+ pub $field: Option<Arc<$type>>,)+
            /// How the reading of each family went.
            pub status: BTreeMap<Family, FamilyStatus>,
        }

        impl Snapshot {
            /// Puts in what a family was read as.
            pub fn set(&mut self, value: FamilyValue) {
                match value {
                    $(FamilyValue::$variant(value) => self.$field = Some(Arc::new(value)),)+
                }
            }

            /// Takes a family out.
            pub fn clear(&mut self, family: Family) {
                match family {
                    $(Family::$variant => self.$field = None,)+
                }
            }
        }
    };
}

define_families! {
    /// What the processors do.
    Cpu = "cpu", cpu: Cpu;
    /// Processes that run or wait to.
    Load = "load", load: Load;
    /// Main memory.
    Memory = "memory", memory: Memory;
    /// Swap space.
    Swap = "swap", swap: Swap;
    /// Mounted file systems that hold files.
    Filesystems = "filesystems", filesystems: Vec<Filesystem>;
    /// Whole disks.
    Disks = "disks", disks: Vec<Disk>;
    /// Network interfaces.
    Networks = "networks", networks: Vec<Network>;
    /// Temperatures.
    Sensors = "sensors", sensors: Vec<Sensor>;
    /// Time lost to waiting for resources.
    Pressure = "pressure", pressure: Pressure;
    /// Whole seconds since the host started.
    Uptime = "uptime", uptime_seconds: u64;
    /// How many processes there are.
    Processes = "processes", processes: Processes;
    /// Who is logged in.
    Sessions = "sessions", sessions: Vec<Session>;
    /// Units of systemd that have failed.
    Units = "units", units: FailedUnits;
}

impl Snapshot {
    /// How long ago it was taken, whatever was done to the wall clock since.
    #[must_use]
    pub fn since_taken(&self) -> Duration {
        self.taken.map_or(Duration::ZERO, |taken| taken.elapsed())
    }

    /// Whether a family was read without an error, so that its value is of about now.
    #[must_use]
    pub fn is_fresh(&self, family: Family) -> bool {
        self.status
            .get(&family)
            .is_some_and(|status| status.error.is_none() && status.age.is_some())
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// There is no such family.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {}", names())]
pub struct UnknownFamily;

fn names() -> String {
    let names: Vec<&str> = Family::ALL.iter().map(|family| family.as_str()).collect();
    names.join(", ")
}

impl FromStr for Family {
    type Err = UnknownFamily;

    /// Reads the family's name, or the name of its field.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL
            .iter()
            .find(|family| family.as_str() == text || family.field() == text);
        found.copied().ok_or(UnknownFamily)
    }
}

/// How the reading of one family went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FamilyStatus {
    /// Age of the value when the snapshot was taken; absent when there is no value.
    pub age: Option<Duration>,
    /// Why the newest reading failed. The value, when there is one, is then an older one.
    pub error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_found_by_their_name_and_their_field() {
        for family in Family::ALL {
            assert_eq!(family.as_str().parse(), Ok(*family));
            assert_eq!(family.field().parse(), Ok(*family));
        }
        let error = "CPU".parse::<Family>().unwrap_err().to_string();
        assert!(
            error.starts_with("expected one of cpu, load, memory"),
            "{error}"
        );
    }

    #[test]
    fn a_family_is_written_by_its_name_as_the_document_says() {
        use utoipa::PartialSchema;
        let schema = serde_json::to_value(Family::schema()).unwrap();
        let names: Vec<&str> = Family::ALL.iter().map(|one| one.as_str()).collect();
        assert_eq!(schema["enum"], serde_json::json!(names));
        assert_eq!(
            serde_json::to_value(Family::ALL).unwrap(),
            serde_json::json!(names)
        );
    }

    #[test]
    fn a_family_is_fresh_only_with_a_value_and_without_an_error() {
        let mut snapshot = Snapshot::default();
        assert!(!snapshot.is_fresh(Family::Uptime));
        snapshot.set(FamilyValue::Uptime(7));
        let mut status = FamilyStatus {
            age: Some(Duration::ZERO),
            error: None,
        };
        snapshot.status.insert(Family::Uptime, status.clone());
        assert!(snapshot.is_fresh(Family::Uptime));
        assert_eq!(snapshot.uptime_seconds.as_deref(), Some(&7));
        status.error = Some("gone".to_owned());
        snapshot.status.insert(Family::Uptime, status);
        assert!(!snapshot.is_fresh(Family::Uptime));
        snapshot.clear(Family::Uptime);
        assert_eq!(snapshot.uptime_seconds, None);
    }
}
