//! Temperatures that the kernel knows (hwmon).

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::CollectError;
use super::reread::Reread;
use crate::model::snapshot::Sensor;

/// How long the list of sensors is believed; devices come and go.
const LIST_KEPT_FOR: Duration = Duration::from_mins(1);

/// Reads `class/hwmon` of sysfs, see Documentation/hwmon/sysfs-interface.rst of the kernel.
#[derive(Debug)]
pub(super) struct SensorReader {
    folder: PathBuf,
    sensors: Vec<Known>,
    listed_at: Option<Instant>,
}

#[derive(Debug)]
struct Known {
    input: Reread,
    sensor: Sensor,
}

impl SensorReader {
    pub(super) fn new(sysfs: &Path) -> Self {
        Self {
            folder: sysfs.join("class/hwmon"),
            sensors: Vec::new(),
            listed_at: None,
        }
    }

    /// The sensors that answer now.
    ///
    /// # Errors
    /// When the kernel has no list of sensors.
    pub(super) fn read(&mut self, now: Instant) -> Result<Vec<Sensor>, CollectError> {
        let is_listed = self
            .listed_at
            .is_some_and(|then| now.saturating_duration_since(then) < LIST_KEPT_FOR);
        if !is_listed {
            self.sensors = list(&self.folder)?;
            self.listed_at = Some(now);
        }
        // A sensor that gives no value now, such as one of a sleeping device, is left out.
        let read = self.sensors.iter_mut().filter_map(|known| {
            let celsius = degrees(&known.input.text().ok()?)?;
            Some(Sensor {
                celsius,
                ..known.sensor.clone()
            })
        });
        Ok(read.collect())
    }
}

fn list(folder: &Path) -> Result<Vec<Known>, CollectError> {
    let failed = |source| CollectError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut chips = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        chips.push(entry.map_err(failed)?.path());
    }
    chips.sort();
    let mut found = Vec::new();
    for chip in &chips {
        // Old drivers have their files one level deeper.
        for place in [chip.clone(), chip.join("device")] {
            found.extend(list_chip(chip, &place));
        }
    }
    make_unique(&mut found);
    Ok(found.into_iter().map(|(known, _)| known).collect())
}

/// The sensors in one place, each with the name of its device.
fn list_chip(chip: &Path, place: &Path) -> Vec<(Known, String)> {
    let Some(chip_name) = attribute(&place.join("name")) else {
        return Vec::new();
    };
    let device = fs::read_link(chip.join("device")).unwrap_or_else(|_| chip.to_owned());
    let device = device.file_name().unwrap_or_default().to_string_lossy();
    let mut numbers: Vec<u32> = fs::read_dir(place)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let name = entry.ok()?.file_name();
            let number = name
                .to_str()?
                .strip_prefix("temp")?
                .strip_suffix("_input")?;
            number.parse().ok()
        })
        .collect();
    numbers.sort_unstable();
    let known = numbers.into_iter().map(|number| {
        let file = |suffix: &str| place.join(format!("temp{number}_{suffix}"));
        let limit = |suffix| {
            let degrees = degrees(&attribute(&file(suffix))?)?;
            // Drivers write zero or nonsense where there is no limit.
            (degrees > 0.0 && degrees < 1_000.0).then_some(degrees)
        };
        let label = attribute(&file("label")).unwrap_or_else(|| format!("temp{number}"));
        let sensor = Sensor {
            name: format!("{chip_name} {label}"),
            celsius: 0.0,
            high_celsius: limit("max"),
            critical_celsius: limit("crit"),
        };
        let known = Known {
            input: Reread::new(file("input")),
            sensor,
        };
        (known, device.clone().into_owned())
    });
    known.collect()
}

/// Two disks of one kind have chips of one name: then the device tells them apart.
fn make_unique(found: &mut [(Known, String)]) {
    let mut count: HashMap<String, usize> = HashMap::new();
    for (known, _) in found.iter() {
        *count.entry(known.sensor.name.clone()).or_default() += 1;
    }
    for (known, device) in found {
        if count[&known.sensor.name] > 1 {
            known.sensor.name = format!("{} ({device})", known.sensor.name);
        }
    }
}

fn attribute(path: &Path) -> Option<String> {
    let text = String::from_utf8_lossy(&fs::read(path).ok()?)
        .trim()
        .to_owned();
    (!text.is_empty()).then_some(text)
}

/// Thousandths of a degree as text.
fn degrees(text: &str) -> Option<f64> {
    let thousandths: i32 = text.trim().parse().ok()?;
    let degrees = f64::from(thousandths) / 1000.0;
    (degrees > -273.0).then_some(degrees)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collector::testing::Tree;

    #[test]
    fn sensors_are_found_named_apart_and_left_out_while_silent() {
        let tree = Tree::new();
        let write = |file: &str, text: &str| tree.write(&format!("sys/class/hwmon/{file}"), text);
        write("hwmon0/name", "nvme\n");
        write("hwmon0/temp1_input", "38850\n");
        write("hwmon0/temp1_label", "Composite\n");
        write("hwmon0/temp1_crit", "84850\n");
        write("hwmon0/temp1_max", "0\n");
        write("hwmon1/name", "nvme\n");
        write("hwmon1/temp1_input", "41000\n");
        write("hwmon1/temp1_label", "Composite\n");
        write("hwmon2/device/name", "old\n");
        write("hwmon2/device/temp2_input", "-5500\n");
        write("hwmon2/device/fan1_input", "1200\n");
        write("hwmon3/temp1_input", "1\n");
        for (chip, device) in [("hwmon0", "nvme0"), ("hwmon1", "nvme1")] {
            let link = tree.path(format!("sys/class/hwmon/{chip}/device"));
            std::os::unix::fs::symlink(format!("../../{device}"), link).unwrap();
        }
        let mut reader = SensorReader::new(&tree.path("sys"));
        let now = Instant::now();
        let shown = |reader: &mut SensorReader, now| -> Vec<(String, f64)> {
            let sensors = reader.read(now).unwrap();
            sensors
                .into_iter()
                .map(|one| (one.name, one.celsius))
                .collect()
        };
        let all = [
            ("nvme Composite (nvme0)".to_owned(), 38.85),
            ("nvme Composite (nvme1)".to_owned(), 41.0),
            ("old temp2".to_owned(), -5.5),
        ];
        assert_eq!(shown(&mut reader, now), all);
        let first = reader.read(now).unwrap().remove(0);
        assert_eq!(
            (first.high_celsius, first.critical_celsius),
            (None, Some(84.85))
        );

        write("hwmon1/temp1_input", "");
        assert_eq!(shown(&mut reader, now), [all[0].clone(), all[2].clone()]);
        write("hwmon4/name", "late\n");
        write("hwmon4/temp1_input", "20000\n");
        assert_eq!(shown(&mut reader, now).len(), 2);
        assert_eq!(shown(&mut reader, now + LIST_KEPT_FOR).len(), 3);
    }

    #[test]
    fn a_kernel_without_sensors_says_so() {
        let tree = Tree::new();
        let error = SensorReader::new(&tree.path("sys"))
            .read(Instant::now())
            .unwrap_err();
        assert!(error.to_string().contains("class/hwmon"), "{error}");
    }
}
