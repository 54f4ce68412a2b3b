//! What the host is made of: product and firmware, NVMe controllers, distribution.

use std::path::PathBuf;

use super::attributes::{names, text};
use super::{Collect, Families};
use crate::{CollectError, HostRoots, read_text};

/// Labels and the files they come from; serial numbers are for root alone.
const DMI: [(&str, &str); 20] = [
    ("bios_date", "bios_date"),
    ("bios_release", "bios_release"),
    ("bios_vendor", "bios_vendor"),
    ("bios_version", "bios_version"),
    ("board_asset_tag", "board_asset_tag"),
    ("board_name", "board_name"),
    ("board_serial", "board_serial"),
    ("board_vendor", "board_vendor"),
    ("board_version", "board_version"),
    ("chassis_asset_tag", "chassis_asset_tag"),
    ("chassis_serial", "chassis_serial"),
    ("chassis_vendor", "chassis_vendor"),
    ("chassis_version", "chassis_version"),
    ("product_family", "product_family"),
    ("product_name", "product_name"),
    ("product_serial", "product_serial"),
    ("product_sku", "product_sku"),
    ("product_uuid", "product_uuid"),
    ("product_version", "product_version"),
    ("system_vendor", "sys_vendor"),
];

/// `class/dmi/id`, which does not change: read once.
#[derive(Debug)]
pub(super) struct Dmi {
    directory: PathBuf,
    known: Vec<(&'static str, String)>,
}

impl Dmi {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self {
            directory: roots.sysfs.join("class/dmi/id"),
            known: Vec::new(),
        }
    }
}

impl Collect for Dmi {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        if self.known.is_empty() {
            names(&self.directory)?;
            let read = DMI.iter().filter_map(|(label, file)| {
                let text = text(&self.directory.join(file))?;
                Some((*label, text))
            });
            self.known = read.collect();
        }
        if self.known.is_empty() {
            return Err(super::malformed(
                &self.directory,
                "description of the machine",
            ));
        }
        let labels = self
            .known
            .iter()
            .map(|(label, text)| (*label, text.as_str()));
        let labels: Vec<(&str, &str)> = labels.collect();
        let help = "Maker, product, board, chassis and firmware; always 1.";
        families.gauge("node_dmi_info", help, &labels, 1_u64);
        Ok(())
    }
}

/// `class/nvme`.
#[derive(Debug)]
pub(super) struct Nvme(PathBuf);

impl Nvme {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(roots.sysfs.join("class/nvme"))
    }
}

impl Collect for Nvme {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        for name in names(&self.0)? {
            let directory = self.0.join(&name);
            let read = |file| text(&directory.join(file)).unwrap_or_default();
            let (firmware, model) = (read("firmware_rev"), read("model"));
            let (serial, state) = (read("serial"), read("state"));
            let labels = [
                ("device", name.as_str()),
                ("firmware_revision", &firmware),
                ("model", &model),
                ("serial", &serial),
                ("state", &state),
            ];
            let help = "Model, firmware and state of an NVMe controller; always 1.";
            families.gauge("node_nvme_info", help, &labels, 1_u64);
        }
        Ok(())
    }
}

/// `os-release`, see os-release(5).
#[derive(Debug)]
pub(super) struct Distribution([PathBuf; 2]);

impl Distribution {
    pub(super) fn new(roots: &HostRoots) -> Self {
        let file = |path: &str| roots.rootfs.join(path);
        Self([file("etc/os-release"), file("usr/lib/os-release")])
    }
}

/// Labels, which are the fields' names in small letters.
const OS: [&str; 12] = [
    "build_id",
    "id",
    "id_like",
    "image_id",
    "image_version",
    "name",
    "pretty_name",
    "variant",
    "variant_id",
    "version",
    "version_codename",
    "version_id",
];

impl Collect for Distribution {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let text = read_text(&self.0[0]).or_else(|_| read_text(&self.0[1]))?;
        let field = |name: &str| field(&text, name).unwrap_or_default();
        let values = OS.map(|label| field(&label.to_uppercase()));
        let labels = OS.iter().zip(&values);
        let labels: Vec<(&str, &str)> = labels.map(|(label, value)| (*label, &**value)).collect();
        let help = "The distribution by its names and versions; always 1.";
        families.gauge("node_os_info", help, &labels, 1_u64);
        if let Some(version) = major_minor(&field("VERSION_ID")) {
            let (id, like, name) = (field("ID"), field("ID_LIKE"), field("NAME"));
            let labels = [("id", id.as_str()), ("id_like", &like), ("name", &name)];
            let help = "Version of the distribution, major and minor.";
            families.gauge("node_os_version", help, &labels, version);
        }
        // A day, at whose beginning in UTC support ends.
        let end = field("SUPPORT_END");
        if let Ok(day) = chrono::NaiveDate::parse_from_str(&end, "%Y-%m-%d") {
            let second = day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
            let help = "When the distribution's support ends.";
            families.gauge("node_os_support_end_timestamp_seconds", help, &[], second);
        }
        Ok(())
    }
}

/// The value of a field, without its quotes.
fn field(text: &str, name: &str) -> Option<String> {
    let mut values = text.lines().filter_map(|line| {
        let (key, value) = line.trim().split_once('=')?;
        (key == name).then_some(value.trim())
    });
    // As in a shell, the last assignment counts.
    let value = values.next_back()?;
    for quote in ['"', '\''] {
        let inner = value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner {
            return Some(unescaped(inner));
        }
    }
    Some(value.to_owned())
}

/// Without the backslashes that stand before `"`, `$`, `` ` `` and themselves.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => plain.extend(letters.next()),
            _ => plain.push(letter),
        }
    }
    plain
}

/// The number that a version such as `20.04.2` begins with.
fn major_minor(version: &str) -> Option<f64> {
    let mut points = 0;
    let end = version.find(|one: char| {
        points += usize::from(one == '.');
        !(one.is_ascii_digit() || one == '.' && points == 1)
    });
    version[..end.unwrap_or(version.len())].parse().ok()
}
