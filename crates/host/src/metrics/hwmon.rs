//! Sensors of the hardware, see Documentation/hwmon/sysfs-interface.rst of the kernel.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::attributes::names;
use super::{Collect, Families};
use crate::{CollectError, HostRoots};

/// Kinds of sensors that are shown.
const KINDS: [&str; 14] = [
    "beep_enable",
    "cpu",
    "curr",
    "energy",
    "fan",
    "freq",
    "humidity",
    "in",
    "intrusion",
    "power",
    "pwm",
    "temp",
    "update_interval",
    "vrm",
];
/// No attribute of a sensor is longer.
const VALUE_BYTES: usize = 128;

/// `class/hwmon`.
#[derive(Debug)]
pub(super) struct Hwmon(PathBuf);

impl Hwmon {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(roots.sysfs.join("class/hwmon"))
    }
}

/// The attributes of each sensor of a chip, by the sensor's kind and number.
type Sensors = BTreeMap<(&'static str, u32), BTreeMap<String, String>>;

impl Collect for Hwmon {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        for name in names(&self.0)? {
            let directory = self.0.join(name);
            let chip = chip_name(&directory);
            let mut sensors = Sensors::new();
            // Old drivers have their files one level deeper.
            for place in [directory.clone(), directory.join("device")] {
                read_sensors(&place, &mut sensors);
            }
            if let Some(name) = attribute(&directory.join("name")).map(|name| clean(&name)) {
                let labels = [("chip", chip.as_str()), ("chip_name", &name)];
                let help = "What the driver calls a chip; always 1.";
                families.gauge("node_hwmon_chip_names", help, &labels, 1_u64);
            }
            for ((kind, number), attributes) in &sensors {
                let sensor = format!("{kind}{number}");
                if let Some(label) = attributes.get("label") {
                    let labels = [
                        ("chip", chip.as_str()),
                        ("label", label),
                        ("sensor", &sensor),
                    ];
                    let help = "What the driver calls a sensor; always 1.";
                    families.gauge("node_hwmon_sensor_label", help, &labels, 1_u64);
                }
                for (element, value) in attributes {
                    write(families, [&chip, &sensor], kind, element, value, attributes);
                }
            }
        }
        Ok(())
    }
}

fn read_sensors(place: &Path, sensors: &mut Sensors) {
    for file in names(place).unwrap_or_default() {
        if let Some((kind, number, element)) = parts(&file)
            && let Some(value) = attribute(&place.join(&file))
        {
            let attributes = sensors.entry((kind, number)).or_default();
            attributes.insert(element.to_owned(), value);
        }
    }
}

/// Kind, number and element of a file such as `temp1_max`; `pwm1` has no element, `beep_enable` no number.
fn parts(file: &str) -> Option<(&'static str, u32, &str)> {
    let known = |kind: &str| KINDS.iter().copied().find(|one| *one == kind);
    let Some(first) = file.find(|one: char| one.is_ascii_digit()) else {
        return Some((known(file)?, 0, ""));
    };
    let (kind, rest) = file.split_at(first);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, element) = rest.split_at(digits);
    let element = match element {
        "" => "",
        _ => element.strip_prefix('_').filter(|one| !one.is_empty())?,
    };
    Some((known(kind)?, number.parse().ok()?, element))
}

/// What a file holds; `None` also where the driver can't read its device, or the file is empty.
fn attribute(path: &Path) -> Option<String> {
    let mut buffer = [0; VALUE_BYTES];
    // A directory of the same name fails here.
    let length = File::open(path).ok()?.read_at(&mut buffer, 0).ok()?;
    let text = String::from_utf8_lossy(&buffer[..length]);
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// In small letters, with lines for what names of families may not hold.
fn clean(name: &str) -> String {
    let allowed = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit() || one == ':';
    let lower = name.to_lowercase();
    let letters = lower
        .chars()
        .map(|one| if allowed(one) { one } else { '_' });
    letters.collect::<String>().trim_matches('_').to_owned()
}

/// A name that stays the same over restarts, unlike the number of the chip: by its device, else by its driver.
fn chip_name(directory: &Path) -> String {
    let last = |path: &Path| {
        let name = path.file_name().unwrap_or_default();
        clean(&name.to_string_lossy())
    };
    if let Ok(device) = fs::canonicalize(directory.join("device")) {
        let kind = device.parent().map(last).unwrap_or_default();
        let name = last(&device);
        match (kind.is_empty(), name.is_empty()) {
            (false, false) => return format!("{kind}_{name}"),
            (true, false) => return name,
            _ => {}
        }
    }
    let name = attribute(&directory.join("name")).map(|name| clean(&name));
    name.filter(|name| !name.is_empty())
        .unwrap_or_else(|| last(&fs::canonicalize(directory).unwrap_or_default()))
}

const THOUSAND: f64 = 1e3;
const MILLION: f64 = 1e6;

/// Adds one attribute under the name and in the unit that node_exporter has for it.
fn write(
    families: &mut Families,
    [chip, sensor]: [&str; 2],
    kind: &str,
    element: &str,
    value: &str,
    attributes: &BTreeMap<String, String>,
) {
    let value = value.parse::<f64>().ok();
    let Some(value) = value.filter(|value| value.is_finite()) else {
        return;
    };
    let labels = [("chip", chip), ("sensor", sensor)];
    // The value itself has no word of its own, unless the sensor has a file without one.
    let element_name = match element {
        "" => String::new(),
        "input" if !attributes.contains_key("") => String::new(),
        _ => format!("_{}", clean(element)),
    };
    let name = format!("node_hwmon_{kind}{element_name}");
    let help = match element {
        "" | "input" => format!("What a sensor ({kind}) measures."),
        _ => format!("{element} of a sensor ({kind})."),
    };
    let mut gauge = |name: String, value: f64| families.gauge(name, help.clone(), &labels, value);
    match (kind, element) {
        ("beep_enable", _) => gauge("node_hwmon_beep_enabled".to_owned(), value),
        ("vrm", _) => gauge("node_hwmon_voltage_regulator_version".to_owned(), value),
        ("update_interval", _) => {
            gauge(
                "node_hwmon_update_interval_seconds".to_owned(),
                value / THOUSAND,
            );
        }
        (_, "label") => {}
        (_, "fault" | "alarm") | ("temp", "type") => gauge(name, value),
        (_, "beep") => gauge(format!("{name}_enabled"), value),
        ("in" | "cpu", _) => gauge(format!("{name}_volts"), value / THOUSAND),
        ("temp", _) => gauge(format!("{name}_celsius"), value / THOUSAND),
        ("curr", _) => gauge(format!("{name}_amps"), value / THOUSAND),
        ("energy", _) => {
            let name = format!("{name}_joule_total");
            families.counter(name, help, &labels, (value / MILLION).max(0.0));
        }
        ("power", "accuracy") | ("humidity", _) => gauge(name, value / MILLION),
        ("power", "average_interval" | "average_interval_min" | "average_interval_max") => {
            gauge(format!("{name}_seconds"), value / THOUSAND);
        }
        ("power", _) => gauge(format!("{name}_watt"), value / MILLION),
        ("fan", "input" | "min" | "max" | "target") => gauge(format!("{name}_rpm"), value),
        // That of a graphics card is known by its label.
        ("freq", "input") => {
            if let Some(label) = attributes.get("label") {
                let labels = [("chip", chip), ("sensor", &*clean(label))];
                families.gauge(format!("{name}_freq_mhz"), help, &labels, value / MILLION);
            }
        }
        _ => gauge(name, value),
    }
}
