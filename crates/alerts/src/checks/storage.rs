//! Faults of storage, and its temperature.

use linux_api_wire::snapshot::Sensor;

use crate::labels::Labels;
use crate::reading::Reading;

/// What does not work of the storage of a host. What is not listed works.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageFacts {
    /// Arrays that miss disks: the name, and how many are missing.
    pub degraded: Vec<(String, u32)>,
    /// Arrays that don't run: the name, and the kernel's word for their state.
    pub not_running: Vec<(String, String)>,
    /// Mount points of file systems that were mounted to be written and can only be read now.
    pub turned_read_only: Vec<String>,
    /// Mount points of `/etc/fstab` (without `noauto` and `nofail`) that nothing is mounted on.
    pub missing_mounts: Vec<String>,
}

/// The faults, as instances with the labels `fault` and `device`.
#[must_use]
pub fn storage_fault(facts: &StorageFacts) -> Vec<Reading> {
    let fault = |fault: &str, device: &str, text: &str| {
        Reading::value(Labels::one("fault", fault).and("device", device), 1.0, text)
    };
    let degraded = facts.degraded.iter().map(|(array, missing)| {
        fault(
            "degraded",
            array,
            &format!("the array misses disks: {missing}"),
        )
    });
    let stopped = facts.not_running.iter().map(|(array, state)| {
        let text = format!("the array does not run: {state}");
        fault("not_running", array, &text)
    });
    let turned = facts.turned_read_only.iter();
    let turned = turned.map(|mount| fault("read_only", mount, "turned read-only"));
    let missing = facts.missing_mounts.iter();
    let missing = missing.map(|mount| fault("not_mounted", mount, "of fstab, is not mounted"));
    let arrays = degraded.chain(stopped);
    arrays.chain(turned).chain(missing).collect()
}

/// What the kernel names sensors of disks by.
const DISK_CHIPS: [&str; 2] = ["nvme", "drivetemp"];
/// Where only the critical temperature is known, what is so near to it counts as high.
const NEAR_CRITICAL: f64 = 5.0;

/// How far disks are above what their makers call high, in degrees. Sensors without a limit of their own have no
/// reading.
#[must_use]
pub fn storage_temperature(sensors: &[Sensor]) -> Vec<Reading> {
    let is_disk = |one: &&Sensor| DISK_CHIPS.iter().any(|chip| one.name.starts_with(chip));
    let reading = |one: &Sensor| {
        let critical = one
            .critical_celsius
            .map(|critical| critical - NEAR_CRITICAL);
        let limit = one.high_celsius.filter(|it| *it > 0.0).or(critical)?;
        let labels = Labels::one("sensor", &one.name);
        Some(match (one.celsius, &one.error) {
            (Some(celsius), None) => {
                let text = format!("{celsius:.0} °C, high from {limit:.0} °C on");
                Reading::value(labels, celsius - limit, &text)
            }
            (_, error) => {
                let why = error.as_deref().unwrap_or("no temperature");
                Reading::no_data(labels, why)
            }
        })
    };
    sensors.iter().filter(is_disk).filter_map(reading).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Measure;

    #[test]
    fn each_fault_is_an_instance() {
        let facts = StorageFacts {
            degraded: vec![("md0".to_owned(), 1)],
            not_running: vec![("md1".to_owned(), "broken".to_owned())],
            turned_read_only: vec!["/data".to_owned()],
            missing_mounts: vec!["/backup".to_owned()],
        };
        let shown: Vec<String> = storage_fault(&facts)
            .iter()
            .map(|it| it.labels.to_string())
            .collect();
        assert_eq!(
            shown,
            [
                r#"{device="md0",fault="degraded"}"#,
                r#"{device="md1",fault="not_running"}"#,
                r#"{device="/data",fault="read_only"}"#,
                r#"{device="/backup",fault="not_mounted"}"#,
            ]
        );
        assert_eq!(storage_fault(&StorageFacts::default()), []);
    }

    #[test]
    fn disks_are_compared_with_their_own_limits() {
        let sensor = |name: &str, celsius, high, critical| Sensor {
            name: name.to_owned(),
            celsius,
            high_celsius: high,
            critical_celsius: critical,
            error: None,
        };
        let readings = storage_temperature(&[
            sensor("nvme Composite", Some(72.0), Some(70.0), Some(80.0)),
            sensor("drivetemp temp1", Some(58.0), None, Some(60.0)),
            sensor("nvme Sensor 1", Some(90.0), None, None),
            sensor("coretemp Package id 0", Some(99.0), Some(80.0), None),
            sensor("nvme Sensor 2", None, Some(70.0), None),
        ]);
        assert_eq!(readings.len(), 3);
        let value = |reading: &Reading| match &reading.measure {
            Measure::Value(value) => Some(value.main),
            _ => None,
        };
        assert_eq!(value(&readings[0]), Some(2.0));
        assert_eq!(value(&readings[1]), Some(3.0));
        assert_eq!(value(&readings[2]), None);
    }
}
