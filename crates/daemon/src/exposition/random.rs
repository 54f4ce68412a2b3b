//! Whatever the files of the host say, a scrape is one that every parser accepts.

use std::path::Path;

use proptest::prelude::*;

use super::{Format, parser, tests};

/// Names that come again, and names that hold what the formats give a meaning.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ab][01]?",
        1 => "[a-z\"\\\\{}=,_:#ä\u{1}\u{7f}-]{1,6}",
        1 => "(Foo|Foo_total|Foo_bytes|Foo\\(bytes\\)|Foo_bytes_total)",
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => any::<u32>().prop_map(|number| number.to_string()),
        1 => any::<u64>().prop_map(|number| number.to_string()),
        1 => Just("-1".to_owned()),
        1 => Just("nan".to_owned()),
        1 => Just(String::new()),
    ]
}

/// Lines of a name between two texts, and so many numbers.
fn lines(
    before: &'static str,
    after: &'static str,
    numbers: std::ops::Range<usize>,
    end: &'static str,
) -> impl Strategy<Value = String> {
    let numbers = prop::collection::vec(number(), numbers);
    let line = (name(), numbers).prop_map(move |(name, numbers)| {
        format!("{before}{name}{after}{}{end}\n", numbers.join(" "))
    });
    prop::collection::vec(line, 0..8).prop_map(|lines| lines.concat())
}

fn mounts() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(vec![
        "ext4",
        "xfs",
        "nfs4",
        "fuse.x",
        "tmpfs",
        "odd\\040kind",
    ]);
    let line = (0..4_u8, name(), kind, name()).prop_map(|(minor, point, kind, source)| {
        format!("20 1 8:{minor} / /{point} rw - {kind} {source} rw\n")
    });
    prop::collection::vec(line, 0..8).prop_map(|lines| lines.concat())
}

/// Files of a host and what they say.
fn files() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>)>> {
    let text =
        |path, text: BoxedStrategy<String>| text.prop_map(move |text| (path, text.into_bytes()));
    let bytes = prop::collection::vec(any::<u8>(), 0..60);
    let psi = || lines("some avg10=0 avg60=0 avg300=0 total=", " ", 0..2, "").boxed();
    let known = vec![
        text("proc/meminfo", lines("", ": ", 1..2, " kB").boxed()),
        text("proc/stat", lines("cpu", " ", 3..11, "").boxed()),
        text("proc/diskstats", lines("8 0 ", " ", 10..19, "").boxed()),
        text(
            "proc/net/dev",
            lines("", ": ", 15..17, "")
                .prop_map(|text| format!("a\nb\n{text}"))
                .boxed(),
        ),
        text("proc/loadavg", lines("", " ", 2..5, "").boxed()),
        text("proc/pressure/cpu", psi()),
        text("proc/pressure/io", psi()),
        text("proc/self/mountinfo", mounts().boxed()),
        text(
            "run/udev/data/b8:0",
            lines("E:ID_MODEL=", " ", 0..2, "").boxed(),
        ),
        text("etc/hostname", name().boxed()),
    ];
    let paths = vec![
        "proc/meminfo",
        "proc/stat",
        "proc/net/dev",
        "proc/self/mountinfo",
        "sys/devices/system/clocksource/clocksource0/available_clocksource",
        "sys/devices/system/clocksource/clocksource0/current_clocksource",
    ];
    let any = (prop::sample::select(paths), bytes);
    let protocols = || {
        let names = lines("", ": ", 1..2, " InErrors");
        (names, lines("", ": ", 2..3, "")).prop_map(|(names, values)| format!("{names}{values}"))
    };
    let collected = vec![
        text(
            "proc/net/sockstat",
            lines("", ": inuse ", 1..2, " mem 7").boxed(),
        ),
        text("proc/net/netstat", protocols().boxed()),
        text(
            "proc/net/snmp",
            lines("Udp", ": InErrors\nUdp: ", 1..2, "").boxed(),
        ),
        text("proc/vmstat", lines("pgpg", " ", 1..2, "").boxed()),
        text(
            "proc/interrupts",
            lines("CPU0 CPU1\n", ": ", 2..3, " chip").boxed(),
        ),
        text(
            "proc/mdstat",
            lines("", " : active raid0 sda[0]\n ", 1..2, " blocks").boxed(),
        ),
        text("sys/class/hwmon/hwmon0/energy1_input", number().boxed()),
        text("sys/class/hwmon/hwmon0/temp1_label", name().boxed()),
        text("sys/class/net/eth0/ifalias", name().boxed()),
        text(
            "proc/spl/kstat/zfs/arcstats",
            lines("name type data\n", " 4 ", 1..2, "").boxed(),
        ),
    ];
    (known, any, collected).prop_map(|(mut all, any, more)| {
        all.push(any);
        all.extend(more);
        all
    })
}

fn write(tree: &Path, files: &[(&'static str, Vec<u8>)]) {
    for (path, content) in files {
        let path = tree.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        // The last file is one of the others, now and then with any bytes behind its text.
        let mut whole = std::fs::read(&path).unwrap_or_default();
        whole.extend_from_slice(content);
        std::fs::write(path, whole).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_scrape_is_valid(files in files()) {
        let tree = tempfile::tempdir().unwrap();
        write(tree.path(), &files);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let exposition = runtime.block_on(tests::of_tree(tree.path()));
        for format in [Format::Text, Format::OpenMetrics] {
            parser::check(&exposition.render(format), format);
        }
    }
}

#[tokio::test]
async fn a_field_of_memory_that_comes_twice_is_told_once() {
    let tree = tempfile::tempdir().unwrap();
    let fields = "MemTotal: 1048576 kB\nMemFree: 524288 kB\nMemAvailable: 600000 kB\n\
        Active: 24484 kB\nInactive: 7468 kB\nActive: 24484 kB\nInactive: 7468 kB\nFoo: 1 kB\n\
        Foo_bytes: 7\nSwapTotal: 0 kB\nSwapFree: 0 kB\n";
    write(tree.path(), &[("proc/meminfo", fields.into())]);
    let exposition = tests::of_tree(tree.path()).await;
    for format in [Format::Text, Format::OpenMetrics] {
        let text = exposition.render(format);
        parser::check(&text, format);
        assert_eq!(text.matches("\nnode_memory_Active_bytes ").count(), 1);
        assert!(text.contains("\nnode_memory_Foo_bytes 1024\n"));
    }
}
