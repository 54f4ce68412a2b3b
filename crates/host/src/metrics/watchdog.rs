//! Watchdog timers, see Documentation/watchdog/watchdog-kernel-api.rst of the kernel.

use std::path::PathBuf;

use super::attributes::{names, text};
use super::{Collect, Families};
use crate::sources::read_number;
use crate::{CollectError, HostRoots};

/// `class/watchdog`.
#[derive(Debug)]
pub(super) struct Watchdogs(PathBuf);

impl Watchdogs {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(roots.sysfs.join("class/watchdog"))
    }
}

/// File, end of the family's name, what it is.
const NUMBERS: [(&str, &str, &str); 7] = [
    (
        "access_cs0",
        "access_cs0",
        "Whether the host was started from its second firmware.",
    ),
    (
        "bootstatus",
        "bootstatus",
        "Why the host was started, as bits.",
    ),
    (
        "fw_version",
        "fw_version",
        "Version of the timer's firmware.",
    ),
    (
        "nowayout",
        "nowayout",
        "Whether the timer can't be stopped.",
    ),
    (
        "pretimeout",
        "pretimeout_seconds",
        "How long before the reset a warning comes.",
    ),
    ("timeleft", "timeleft_seconds", "How long until the reset."),
    (
        "timeout",
        "timeout_seconds",
        "How long the timer runs without being fed.",
    ),
];

impl Collect for Watchdogs {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        for name in names(&self.0)? {
            let directory = self.0.join(&name);
            for (file, family, help) in NUMBERS {
                if let Some(value) = read_number::<i64>(&directory.join(file)) {
                    let family = format!("node_watchdog_{family}");
                    families.gauge(family, help, &[("name", &name)], value);
                }
            }
            let word = |file| text(&directory.join(file)).unwrap_or_default();
            let labels = [
                ("identity", &*word("identity")),
                ("name", &name),
                ("options", &word("options")),
                ("pretimeout_governor", &word("pretimeout_governor")),
                ("state", &word("state")),
                ("status", &word("status")),
            ];
            let help = "What a watchdog timer is; always 1.";
            families.gauge("node_watchdog_info", help, &labels, 1_u64);
        }
        Ok(())
    }
}
