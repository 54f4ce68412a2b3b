//! Beside the node_exporter that is installed: the same families, types and labels on the host of the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::Format;
use super::tests::of_roots;
use linux_api_host::HostRoots;
use linux_api_host::metrics::MetricsOptions;

/// Families that docs/prometheus.md lists as not there, by the beginning of their names, and those of the exporter
/// itself.
const LEFT_OUT: [&str; 12] = [
    "node_bcache_",
    "node_btrfs_",
    "node_disk_ata_",
    "node_disk_device_mapper_info",
    "node_disk_filesystem_info",
    "node_exporter_build_info",
    "node_fibrechannel_",
    "node_filesystem_mount_info",
    "node_infiniband_",
    "node_systemd_",
    "node_tape_",
    "node_zfs_zpool_",
];

struct Exporter {
    child: Child,
    address: SocketAddr,
}

impl Exporter {
    /// `None` where it is not installed.
    fn start() -> Option<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let child = Command::new("prometheus-node-exporter")
            .arg(format!("--web.listen-address={address}"))
            .arg("--web.disable-exporter-metrics")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let exporter = Self {
            child: child.ok()?,
            address,
        };
        while TcpStream::connect(address).is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(exporter)
    }

    fn scrape(&self) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let request = b"GET /metrics HTTP/1.0\r\n\r\n";
        stream.write_all(request).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Type and sets of labels of each family of the host.
type Families = BTreeMap<String, (String, BTreeSet<Vec<String>>)>;

fn families(text: &str) -> Families {
    let mut families = Families::new();
    let mut kind = String::new();
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            kind = head.split_once(' ').unwrap().1.to_owned();
        } else if !line.starts_with('#') && line.starts_with("node_") {
            let end = line.find(['{', ' ']).unwrap();
            let family = families.entry(line[..end].to_owned());
            let family = family.or_insert_with(|| (kind.clone(), BTreeSet::new()));
            family.1.insert(labels(&line[end..]));
        }
    }
    families
}

/// The names of the labels that have a value, sorted.
fn labels(text: &str) -> Vec<String> {
    // Parts between quotes in turn are names with what is around them, and values.
    let mut parts = text.split('"');
    let mut names = Vec::new();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        let name = name.trim_matches(['{', ',', '=', '}', ' ']);
        if !value.is_empty() {
            names.push(name.to_owned());
        }
    }
    names.sort();
    names
}

#[tokio::test]
async fn families_types_and_labels_are_those_of_node_exporter() {
    let Some(exporter) = Exporter::start() else {
        let _ = writeln!(
            std::io::stderr(),
            "skipped: prometheus-node-exporter is not installed"
        );
        return;
    };
    let theirs = families(&exporter.scrape());
    let exposition = of_roots(HostRoots::default(), MetricsOptions::default()).await;
    let ours = families(&exposition.render(Format::Text));
    assert!(theirs.len() > 100, "{}", theirs.len());
    let mut wrong = Vec::new();
    for (name, (kind, sets)) in &theirs {
        if LEFT_OUT.iter().any(|one| name.starts_with(one)) {
            continue;
        }
        let Some((our_kind, our_sets)) = ours.get(name) else {
            wrong.push(format!("{name} is not there"));
            continue;
        };
        // Which file systems and devices there are is decided otherwise; their labels are the same.
        // Newer releases than the one that is installed have more labels.
        let is_part =
            |set: &Vec<String>, ours: &Vec<String>| set.iter().all(|one| ours.contains(one));
        let missing = sets
            .iter()
            .filter(|set| !our_sets.iter().any(|ours| is_part(set, ours)));
        let missing: Vec<&Vec<String>> = missing.collect();
        if kind != our_kind || !missing.is_empty() {
            wrong.push(format!(
                "{name}: {kind} {missing:?}, not {our_kind} {our_sets:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
