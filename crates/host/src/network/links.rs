//! `class/net`: what each interface is.

use std::collections::BTreeMap;
use std::path::Path;

use super::word;
use crate::sources::read_number;

/// Most interfaces: a host of containers may have thousands.
const LINKS_MAX: usize = 4096;

/// What an interface is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    /// Its state as the kernel says.
    pub state: Option<String>,
    /// Its addresses with the length of their networks.
    pub addresses: Vec<String>,
    /// Its hardware address; none for one that has only zeros.
    pub hardware_address: Option<String>,
    /// The longest packet in bytes.
    pub mtu: Option<u32>,
    /// Megabits a second, where it has a speed.
    pub speed_mbit: Option<u32>,
}

/// All interfaces by name; none where the directory can't be read.
pub(super) fn read(sysfs: &Path) -> BTreeMap<String, Link> {
    let directory = sysfs.join("class/net");
    let Ok(entries) = std::fs::read_dir(&directory) else {
        return BTreeMap::new();
    };
    let links = entries.flatten().take(LINKS_MAX).filter_map(|entry| {
        let path = entry.path();
        // Beside interfaces there may be files, such as bonding_masters.
        let state = word(&path.join("operstate"))?;
        let hardware_address = word(&path.join("address"));
        let is_real = |text: &String| text.bytes().any(|byte| !matches!(byte, b'0' | b':'));
        let link = Link {
            state: Some(state),
            addresses: Vec::new(),
            hardware_address: hardware_address.filter(is_real),
            mtu: read_number(&path.join("mtu")),
            // -1 where it is not known; virtual ones refuse to say.
            speed_mbit: read_number::<i64>(&path.join("speed"))
                .and_then(|speed| u32::try_from(speed).ok())
                .filter(|speed| *speed > 0),
        };
        Some((entry.file_name().to_string_lossy().into_owned(), link))
    });
    links.collect()
}
