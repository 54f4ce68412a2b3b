//! What is added up and judged: traffic, and how full file systems are.

use linux_api_tui::query::AnyResponse;
use linux_api_tui::screen::View;
use linux_api_wire::snapshot::{Filesystem, Network};

use super::stage::{Stage, script};

const SIZE: (u16, u16) = (120, 40);

/// The overview of a host with these interfaces and file systems.
fn overview(networks: Vec<Network>, filesystems: Vec<Filesystem>) -> Stage {
    let script = script();
    let mut stage = Stage::answering(SIZE, move |wanted| {
        let mut data = script.respond(wanted).unwrap();
        if let AnyResponse::Snapshot(snapshot) = &mut data {
            snapshot.networks = Some(networks.clone());
            snapshot.filesystems = Some(filesystems.clone());
            // Nothing else is strained.
            if let Some(cpu) = &mut snapshot.cpu {
                cpu.usage_percent = 1.0;
            }
        }
        Some(Ok(data))
    });
    stage.show(View::Overview);
    stage
}

fn interface(name: &str, has_device: bool, received: f64) -> Network {
    Network {
        interface: name.to_owned(),
        has_device,
        received_bytes_per_second: received,
        ..Network::default()
    }
}

fn mounted(at: &str, used: u64, available: u64, read_only: bool) -> Filesystem {
    Filesystem {
        mount_point: at.to_owned(),
        total_bytes: Some(100 << 30),
        used_bytes: Some(used << 30),
        available_bytes: Some(available << 30),
        read_only,
        ..Filesystem::default()
    }
}

/// A bridge over a VLAN over a bond over a card: the byte leaves once.
#[test]
fn a_byte_that_passes_several_interfaces_counts_once() {
    let chain = [
        ("lo", false, 7e6),
        ("eth0", true, 1e6),
        ("bond0", false, 1e6),
        ("bond0.10", false, 1e6),
        ("br0", false, 1e6),
        ("veth1", false, 1e6),
    ];
    let networks = chain.map(|(name, has_device, bytes)| interface(name, has_device, bytes));
    let stage = overview(networks.to_vec(), Vec::new());
    let newest = stage.app.hosts[0].trail.back().expect("a point");
    assert_eq!(newest.received, Some(1e6));
    // Within a container no interface has a device.
    let networks = [interface("lo", false, 7e6), interface("eth0", false, 1e6)];
    let stage = overview(networks.to_vec(), Vec::new());
    let newest = stage.app.hosts[0].trail.back().expect("a point");
    assert_eq!(newest.received, Some(1e6));
}

/// Half of the space is reserved, as ext4 does with a part: nothing is left.
#[test]
fn a_file_system_is_as_full_as_df_says_and_an_image_is_no_trouble() {
    let stage = overview(Vec::new(), vec![mounted("/", 50, 0, false)]);
    assert!(stage.app.hosts[0].has_trouble());
    let text = stage.text();
    let row = text.lines().find(|line| line.contains("│/ ")).unwrap();
    assert!(row.contains(" 100% "), "{row}");
    let image = vec![mounted("/", 100, 0, true), mounted("/var", 10, 90, false)];
    let stage = overview(Vec::new(), image);
    assert!(!stage.app.hosts[0].has_trouble(), "{}", stage.text());
}
