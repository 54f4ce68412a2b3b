//! Temperatures that the kernel knows (hwmon).

use std::collections::{HashMap, HashSet};
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::sources::Reread;
use crate::{CollectError, HostRoots};
use linux_api_wire::snapshot::Sensor;

/// How long the list of sensors is used; devices come and go.
const LIST_KEPT_FOR: Duration = Duration::from_mins(1);

/// What a sensor of a computer can measure, in degrees. Inputs that are not wired up, and chips on a
/// bus that has an error, give much more or less.
const PLAUSIBLE: RangeInclusive<f64> = -100.0..=400.0;

/// Reads `class/hwmon` of sysfs, see Documentation/hwmon/sysfs-interface.rst of the kernel.
#[derive(Debug)]
pub(super) struct SensorReader {
    directory: PathBuf,
    sensors: Vec<Channel>,
    listed_at: Option<Instant>,
}

#[derive(Debug)]
struct Channel {
    input: Reread,
    sensor: Sensor,
}

/// Where a sensor is, to distinguish those of one name.
#[derive(Debug, Clone)]
struct Origin {
    device: String,
    /// `hwmon` and a number.
    chip: String,
    /// `temp` and a number.
    channel: String,
}

impl SensorReader {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self {
            directory: roots.sysfs.join("class/hwmon"),
            sensors: Vec::new(),
            listed_at: None,
        }
    }

    /// The sensors that give a value now.
    ///
    /// # Errors
    /// When the kernel has no list of sensors.
    pub(super) fn read(&mut self, now: Instant) -> Result<Vec<Sensor>, CollectError> {
        let is_listed = self
            .listed_at
            .is_some_and(|then| now.saturating_duration_since(then) < LIST_KEPT_FOR);
        if !is_listed {
            self.sensors = list(&self.directory)?;
            self.listed_at = Some(now);
        }
        // A sensor that gives no value now, such as one of a sleeping device, is left out.
        let read = self.sensors.iter_mut().filter_map(|channel| {
            let celsius = degrees(&channel.input.text().ok()?)?;
            let is_plausible = PLAUSIBLE.contains(&celsius);
            Some(Sensor {
                celsius: is_plausible.then_some(celsius),
                error: (!is_plausible).then(|| format!("the sensor says {celsius} °C")),
                ..channel.sensor.clone()
            })
        });
        Ok(read.collect())
    }
}

fn list(directory: &Path) -> Result<Vec<Channel>, CollectError> {
    let failed = |source| CollectError::Read {
        path: directory.to_owned(),
        source,
    };
    let entries = fs::read_dir(directory).map_err(failed)?;
    let mut chips: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    chips.sort();
    let mut found = Vec::new();
    for chip in &chips {
        // Old drivers have their files one level deeper.
        for place in [chip.clone(), chip.join("device")] {
            found.extend(list_chip(chip, &place));
        }
    }
    make_unique(&mut found);
    Ok(found.into_iter().map(|(channel, _)| channel).collect())
}

/// The sensors in one place.
fn list_chip(chip: &Path, place: &Path) -> Vec<(Channel, Origin)> {
    let Some(chip_name) = attribute(&place.join("name")) else {
        return Vec::new();
    };
    let device = fs::read_link(chip.join("device")).unwrap_or_else(|_| chip.to_owned());
    let name = |path: &Path| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let (device, chip) = (name(&device), name(chip));
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
    let channels = numbers.into_iter().map(|number| {
        let file = |suffix: &str| place.join(format!("temp{number}_{suffix}"));
        let limit = |suffix| {
            let degrees = degrees(&attribute(&file(suffix))?)?;
            // Drivers write zero or nonsense where there is no limit.
            (degrees > 0.0 && PLAUSIBLE.contains(&degrees)).then_some(degrees)
        };
        let label = attribute(&file("label")).unwrap_or_else(|| format!("temp{number}"));
        let sensor = Sensor {
            name: format!("{chip_name} {label}"),
            high_celsius: limit("max"),
            critical_celsius: limit("crit"),
            ..Sensor::default()
        };
        let origin = Origin {
            device: device.clone(),
            chip: chip.clone(),
            channel: format!("temp{number}"),
        };
        let channel = Channel {
            input: Reread::new(file("input")),
            sensor,
        };
        (channel, origin)
    });
    channels.collect()
}

/// Gives each sensor a name of its own. Two disks of one kind have chips of one name: then the device
/// is added, within one device the channel, and where that is not enough the chip.
fn make_unique(found: &mut [(Channel, Origin)]) {
    let by: [fn(&Origin) -> String; 4] = [
        |origin| origin.device.clone(),
        |origin| origin.channel.clone(),
        |origin| format!("{} {}", origin.device, origin.channel),
        |origin| format!("{} {}", origin.chip, origin.channel),
    ];
    let mut groups: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, (channel, _)) in found.iter().enumerate() {
        let group = groups.entry(channel.sensor.name.clone()).or_default();
        group.push(index);
    }
    for (name, group) in groups {
        if group.len() == 1 {
            continue;
        }
        // The last one is unique, unless an old driver has its files in two places.
        let is_unique = |by: &&fn(&Origin) -> String| {
            let names: HashSet<String> = group.iter().map(|index| by(&found[*index].1)).collect();
            names.len() == group.len()
        };
        let by = by.iter().find(is_unique).unwrap_or(&by[3]);
        for index in group {
            let (channel, origin) = &mut found[index];
            channel.sensor.name = format!("{name} ({})", by(origin));
        }
    }
    // A label can be any text, also a name that was made here.
    let mut taken = HashSet::new();
    for (Channel { sensor, .. }, origin) in found {
        let mut number = 1;
        let name = sensor.name.clone();
        while !taken.insert(sensor.name.clone()) {
            number += 1;
            let Origin { chip, channel, .. } = origin;
            sensor.name = format!("{name} ({chip} {channel} {number})");
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
#[expect(
    clippy::cast_precision_loss,
    reason = "what has more than 53 bits is no temperature"
)]
fn degrees(text: &str) -> Option<f64> {
    let thousandths: i64 = text.trim().parse().ok()?;
    Some(thousandths as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;

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
        let mut reader = SensorReader::new(&tree.roots());
        let now = Instant::now();
        let shown = |reader: &mut SensorReader, now| -> Vec<(String, f64)> {
            let sensors = reader.read(now).unwrap();
            sensors
                .into_iter()
                .map(|one| (one.name, one.celsius.unwrap()))
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
        let error = SensorReader::new(&tree.roots())
            .read(Instant::now())
            .unwrap_err();
        assert!(error.to_string().contains("class/hwmon"), "{error}");
    }

    /// The names of sensors of one label, given the device, chip and channel of each.
    fn names(sensors: &[(&str, &str, &str)]) -> Vec<String> {
        let known = |(device, chip, channel): &(&str, &str, &str)| {
            let origin = Origin {
                device: (*device).to_owned(),
                chip: (*chip).to_owned(),
                channel: (*channel).to_owned(),
            };
            let sensor = Sensor {
                name: "chip Other".to_owned(),
                ..Sensor::default()
            };
            let input = Reread::new("");
            (Channel { input, sensor }, origin)
        };
        let mut found: Vec<(Channel, Origin)> = sensors.iter().map(known).collect();
        make_unique(&mut found);
        let names = found.into_iter().map(|(channel, _)| channel.sensor.name);
        names.collect()
    }

    #[test]
    fn sensors_of_one_label_get_names_of_their_own() {
        assert_eq!(
            names(&[("a", "hwmon0", "temp1"), ("a", "hwmon0", "temp2")]),
            ["chip Other (temp1)", "chip Other (temp2)"]
        );
        let all = [
            ("a", "hwmon0", "temp1"),
            ("a", "hwmon0", "temp2"),
            ("b", "hwmon1", "temp1"),
        ];
        assert_eq!(
            names(&all),
            [
                "chip Other (a temp1)",
                "chip Other (a temp2)",
                "chip Other (b temp1)"
            ]
        );
        assert_eq!(
            names(&[("a", "hwmon0", "temp1"), ("a", "hwmon1", "temp1")]),
            ["chip Other (hwmon0 temp1)", "chip Other (hwmon1 temp1)"]
        );
        let same = names(&[("a", "hwmon0", "temp1"), ("a", "hwmon0", "temp1")]);
        assert_ne!(same[0], same[1]);
    }

    #[test]
    fn two_sensors_of_one_chip_and_label_are_both_shown() {
        let tree = Tree::new();
        let write = |file: &str, text: &str| tree.write(&format!("sys/class/hwmon/{file}"), text);
        write("hwmon0/name", "dell_smm\n");
        for (number, input) in [("1", "33000"), ("2", "34000")] {
            write(&format!("hwmon0/temp{number}_input"), input);
            write(&format!("hwmon0/temp{number}_label"), "Other\n");
        }
        let mut reader = SensorReader::new(&tree.roots());
        let shown = reader.read(Instant::now()).unwrap();
        let shown: Vec<_> = shown
            .into_iter()
            .map(|one| (one.name, one.celsius))
            .collect();
        let expected = [
            ("dell_smm Other (temp1)".to_owned(), Some(33.0)),
            ("dell_smm Other (temp2)".to_owned(), Some(34.0)),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_can_not_be_a_temperature_is_none_with_the_reason() {
        let tree = Tree::new();
        let write = |file: &str, text: &str| tree.write(&format!("sys/class/hwmon/{file}"), text);
        write("hwmon0/name", "nct6793\n");
        for (number, input) in [
            (1, "27000"),
            (2, "-100000"),
            (3, "2147483647"),
            (5, "65261850"),
            (7, "-273150"),
            (15, "3892313987"),
        ] {
            write(&format!("hwmon0/temp{number}_input"), input);
        }
        let mut reader = SensorReader::new(&tree.roots());
        let shown = reader.read(Instant::now()).unwrap();
        let celsius: Vec<Option<f64>> = shown.iter().map(|one| one.celsius).collect();
        let expected = [Some(27.0), Some(-100.0), None, None, None, None];
        assert_eq!(celsius, expected);
        assert_eq!(shown[0].error, None);
        let reason = shown[2].error.as_deref();
        assert_eq!(reason, Some("the sensor says 2147483.647 °C"));
    }
}
