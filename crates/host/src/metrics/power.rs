//! Batteries, mains, thermal zones and the energy that processors took.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::attributes::{if_there, names, number, numbered, text, word};
use super::{Collect, Families, real};
use crate::sources::read_number;
use crate::{CollectError, HostRoots, read_text};

const MILLION: f64 = 1e6;

/// Numbers of a supply that are shown as they are: name of the family, file.
const PLAIN: [(&str, &str); 10] = [
    ("authentic", "authentic"),
    ("calibrate", "calibrate"),
    ("capacity", "capacity"),
    ("capacity_alert_max", "capacity_alert_max"),
    ("capacity_alert_min", "capacity_alert_min"),
    ("cyclecount", "cycle_count"),
    ("online", "online"),
    ("present", "present"),
    ("time_to_empty_seconds", "time_to_empty_now"),
    ("time_to_full_seconds", "time_to_full_now"),
];
/// Those in millionths of their unit.
const MILLIONTHS: [(&str, &str); 31] = [
    ("charge_ampere", "charge_now"),
    ("charge_control_limit", "charge_control_limit"),
    ("charge_control_limit_max", "charge_control_limit_max"),
    ("charge_counter", "charge_counter"),
    ("charge_empty", "charge_empty"),
    ("charge_empty_design", "charge_empty_design"),
    ("charge_full", "charge_full"),
    ("charge_full_design", "charge_full_design"),
    ("charge_term_current", "charge_term_current"),
    ("constant_charge_current", "constant_charge_current"),
    ("constant_charge_current_max", "constant_charge_current_max"),
    ("constant_charge_voltage", "constant_charge_voltage"),
    ("constant_charge_voltage_max", "constant_charge_voltage_max"),
    ("current_ampere", "current_now"),
    ("current_boot", "current_boot"),
    ("current_max", "current_max"),
    ("energy_empty", "energy_empty"),
    ("energy_empty_design", "energy_empty_design"),
    ("energy_full", "energy_full"),
    ("energy_full_design", "energy_full_design"),
    ("energy_watthour", "energy_now"),
    ("input_current_limit", "input_current_limit"),
    ("power_watt", "power_now"),
    ("precharge_current", "precharge_current"),
    ("voltage_boot", "voltage_boot"),
    ("voltage_max", "voltage_max"),
    ("voltage_max_design", "voltage_max_design"),
    ("voltage_min", "voltage_min"),
    ("voltage_min_design", "voltage_min_design"),
    ("voltage_ocv", "voltage_ocv"),
    ("voltage_volt", "voltage_now"),
];
/// Those in tenths of a degree.
const TENTHS: [(&str, &str); 8] = [
    ("temp_alert_max_celsius", "temp_alert_max"),
    ("temp_alert_min_celsius", "temp_alert_min"),
    ("temp_ambient_celsius", "temp_ambient"),
    ("temp_ambient_max_celsius", "temp_ambient_max"),
    ("temp_ambient_min_celsius", "temp_ambient_min"),
    ("temp_celsius", "temp"),
    ("temp_max_celsius", "temp_max"),
    ("temp_min_celsius", "temp_min"),
];
/// Texts of a supply, which are labels.
const TEXTS: [&str; 11] = [
    "capacity_level",
    "charge_type",
    "health",
    "manufacturer",
    "model_name",
    "scope",
    "serial_number",
    "status",
    "technology",
    "type",
    "usb_type",
];

/// `class/power_supply`, see Documentation/ABI/testing/sysfs-class-power of the kernel.
#[derive(Debug)]
pub(super) struct Supplies(PathBuf);

impl Supplies {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(roots.sysfs.join("class/power_supply"))
    }
}

impl Collect for Supplies {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        for name in names(&self.0)? {
            let directory = self.0.join(&name);
            let labels = [("power_supply", name.as_str())];
            let mut add = |all: &[(&str, &str)], divisor: Option<f64>| {
                for (family, file) in all {
                    let Some(value) = read_number::<i64>(&directory.join(file)) else {
                        continue;
                    };
                    let family = format!("node_power_supply_{family}");
                    let help = format!("{file} of a battery or the mains, in its unit.");
                    match divisor {
                        None => families.gauge(family, help, &labels, value),
                        Some(divisor) => {
                            families.gauge(family, help, &labels, signed(value) / divisor);
                        }
                    }
                }
            };
            add(&PLAIN, None);
            add(&MILLIONTHS, Some(MILLION));
            add(&TENTHS, Some(10.0));
            let texts = TEXTS.map(|file| word(&directory.join(file)).unwrap_or_default());
            let mut labels = vec![("power_supply", name.as_str())];
            let known = TEXTS
                .iter()
                .zip(&texts)
                .filter(|(_, text)| !text.is_empty());
            labels.extend(known.map(|(label, text)| (*label, text.as_str())));
            let help = "What a battery or the mains is; always 1.";
            families.gauge("node_power_supply_info", help, &labels, 1_u64);
        }
        Ok(())
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "millionths of a volt or a degree have less than 53 bits"
)]
fn signed(value: i64) -> f64 {
    value as f64
}

/// `class/thermal`, see Documentation/driver-api/thermal/sysfs-api.rst of the kernel.
#[derive(Debug)]
pub(super) struct Thermal(PathBuf);

impl Thermal {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(roots.sysfs.join("class/thermal"))
    }
}

impl Collect for Thermal {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        for (number, name) in numbered(&self.0, "thermal_zone")? {
            let directory = self.0.join(name);
            // One that is switched off gives an error.
            let Some(millis) = read_number::<i64>(&directory.join("temp")) else {
                continue;
            };
            let kind = text(&directory.join("type")).unwrap_or_default();
            let labels = [("type", kind.as_str()), ("zone", &number.to_string())];
            let help = "Temperature of a thermal zone in degrees Celsius.";
            families.gauge(
                "node_thermal_zone_temp",
                help,
                &labels,
                signed(millis) / 1e3,
            );
        }
        for (number, name) in numbered(&self.0, "cooling_device")? {
            let directory = self.0.join(name);
            let state = |file| read_number::<i64>(&directory.join(file));
            let (Some(current), Some(most)) = (state("cur_state"), state("max_state")) else {
                continue;
            };
            let kind = text(&directory.join("type")).unwrap_or_default();
            let number = number.to_string();
            let labels = [("name", number.as_str()), ("type", &kind)];
            let help = "How much a cooling device does: 0 is nothing.";
            families.gauge("node_cooling_device_cur_state", help, &labels, current);
            let help = "The most that a cooling device can do.";
            families.gauge("node_cooling_device_max_state", help, &labels, most);
        }
        Ok(())
    }
}

/// `class/powercap`, see Documentation/power/powercap/powercap.rst of the kernel. Its counters are for root alone:
/// they show what others compute.
#[derive(Debug)]
pub(super) struct Rapl(PathBuf);

impl Rapl {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(roots.sysfs.join("class/powercap"))
    }
}

impl Collect for Rapl {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        // The number of the next zone of a name that has none of its own.
        let mut next: BTreeMap<String, u64> = BTreeMap::new();
        for zone in names(&self.0)? {
            let directory = self.0.join(&zone);
            // What is above the zones has no name.
            let Some(name) = if_there(read_text(&directory.join("name")))? else {
                continue;
            };
            let name = name.trim();
            let numbered = name.split_once('-');
            let numbered = numbered.and_then(|(name, number)| Some((name, number.parse().ok()?)));
            let (name, index) =
                numbered.unwrap_or_else(|| (name, next.get(name).copied().unwrap_or_default()));
            next.insert(name.to_owned(), index + 1);
            let joules = real(number(&directory.join("energy_uj"))?) / MILLION;
            let (path, index) = (directory.to_string_lossy(), index.to_string());
            let labels = [("index", index.as_str()), ("path", &path)];
            let allowed = |one: char| one.is_ascii_alphanumeric() || one == '_';
            let name: String = name
                .chars()
                .map(|one| if allowed(one) { one } else { '_' })
                .collect();
            let family = format!("node_rapl_{name}_joules_total");
            let help = format!("Energy that {name} took, until its counter begins again.");
            families.counter(family, help, &labels, joules);
        }
        Ok(())
    }
}
