//! Each collector on recorded files: exact values, and what malformed and missing files do.

mod hardware;
mod kernel;
mod network;
mod storage;

use super::{MetricValue, MetricsOptions, collectors, family::Families};
use crate::testing::Tree;
use linux_api_wire::metrics_collector::MetricsCollector;

/// What a collector finds in a tree, a line for each sample, sorted, and whether it succeeded.
fn read(tree: &Tree, collector: MetricsCollector) -> (Vec<String>, bool) {
    let options = MetricsOptions {
        collectors: [collector].into_iter().collect(),
        textfile_dir: None,
    };
    let mut families = Families::default();
    let mut all = collectors(&tree.roots(), &options);
    let is_well = all
        .iter_mut()
        .all(|(_, one)| one.collect(&mut families).is_ok());
    assert!(!all.is_empty(), "{collector}");
    let mut lines = Vec::new();
    for family in families.0 {
        assert!(
            !family.help.is_empty() && !family.samples.is_empty(),
            "{}",
            family.name
        );
        for sample in family.samples {
            let labels = sample
                .labels
                .iter()
                .map(|(name, value)| format!("{name}={value}"));
            let labels = labels.collect::<Vec<String>>().join(",");
            let value = match sample.value {
                MetricValue::Whole(value) => value.to_string(),
                MetricValue::Real(value) => format!("{value:?}"),
            };
            let name = family.name.trim_start_matches("node_");
            lines.push(format!("{name}{{{labels}}} {value}").replace("{}", ""));
        }
    }
    lines.sort();
    (lines, is_well)
}

/// The lines of a collector that succeeds.
#[track_caller]
fn good(tree: &Tree, collector: MetricsCollector) -> Vec<String> {
    let (lines, is_well) = read(tree, collector);
    assert!(is_well, "{lines:?}");
    lines
}

/// The lines of a collector that succeeds are these and no others.
#[track_caller]
fn shows(tree: &Tree, collector: MetricsCollector, expected: &[&str]) {
    assert_eq!(good(tree, collector), expected);
}

/// A collector fails and shows nothing for each of these texts of its file, and without the file.
#[track_caller]
fn refuses(collector: MetricsCollector, file: &str, texts: &[&str]) {
    assert_eq!(
        read(&Tree::new(), collector),
        (Vec::new(), false),
        "no file"
    );
    for text in texts {
        let tree = Tree::new();
        tree.write(file, text);
        assert_eq!(read(&tree, collector), (Vec::new(), false), "{text:?}");
    }
}

#[test]
fn an_empty_host_fails_quietly() {
    use MetricsCollector as Name;
    let tree = Tree::new();
    // What is there on every host, or says that there is none.
    let always = [
        Name::Cpu,
        Name::Pressure,
        Name::Selinux,
        Name::Textfile,
        Name::Timex,
    ];
    // Read elsewhere.
    let elsewhere = [
        Name::Diskstats,
        Name::Filesystem,
        Name::Loadavg,
        Name::Meminfo,
        Name::Netdev,
        Name::Stat,
        Name::Systemd,
        Name::Time,
        Name::Uname,
    ];
    for name in Name::ALL
        .iter()
        .copied()
        .filter(|name| !elsewhere.contains(name))
    {
        let (lines, is_well) = read(&tree, name);
        assert_eq!(is_well, always.contains(&name), "{name}");
        assert!(is_well || lines.is_empty(), "{name}: {lines:?}");
    }
}
