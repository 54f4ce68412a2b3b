//! Errors of the memory, see Documentation/driver-api/edac.rst of the kernel.

use std::path::PathBuf;

use super::attributes::{number, numbered};
use super::{Collect, Families};
use crate::{CollectError, HostRoots};

/// `devices/system/edac/mc`: a directory for each controller, and in it one for each row.
#[derive(Debug)]
pub(super) struct Edac(PathBuf);

impl Edac {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(roots.sysfs.join("devices/system/edac/mc"))
    }
}

/// Prefix of the files, beginning of the families' names, what they are called.
const KINDS: [(&str, &str, &str); 2] = [
    ("ce", "correctable", "corrected"),
    ("ue", "uncorrectable", "not corrected"),
];

impl Collect for Edac {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        for (controller_number, name) in numbered(&self.0, "mc")? {
            let directory = self.0.join(name);
            let controller_number = controller_number.to_string();
            let controller = ("controller", controller_number.as_str());
            for (file, kind, word) in KINDS {
                let errors = number(&directory.join(format!("{file}_count")))?;
                let family = format!("node_edac_{kind}_errors_total");
                let help = format!("Errors of the memory that were {word}.");
                families.counter(family, help, &[controller], errors);
                let errors = number(&directory.join(format!("{file}_noinfo_count")))?;
                let family = format!("node_edac_csrow_{kind}_errors_total");
                let help = format!("Errors of a row of the memory that were {word}.");
                let labels = [controller, ("csrow", "unknown")];
                families.counter(family.clone(), help.clone(), &labels, errors);
                for (row, name) in numbered(&directory, "csrow")? {
                    let errors = number(&directory.join(name).join(format!("{file}_count")))?;
                    let row = row.to_string();
                    let labels = [controller, ("csrow", row.as_str())];
                    families.counter(family.clone(), help.clone(), &labels, errors);
                }
            }
        }
        Ok(())
    }
}
