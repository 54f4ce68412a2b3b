//! Hosts with ten thousand of something: the work must grow with the number of things, and no faster.
//!
//! Each row reads a host of files with 10 000 of a thing that changes between two readings, beside
//! one with 5 000: twice as many may take about twice as long.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use linux_api_host::{Collector, HostReader, HostRoots};
use linux_api_wire::snapshot::Family;
use linux_api_wire::time::Timestamp;

use crate::table::{Bar, Row};

const MANY: usize = 10_000;
/// The fastest round counts.
const ROUNDS: usize = 7;
/// What twice as many may cost at most: four times is what comparing each with each would.
const LINEAR: Bar = Bar::AtMost(2.8);

/// Writes the files of a host with so many of a thing, as they are at a round.
type Write = fn(&Path, usize, usize);

pub(crate) fn mounts() -> Vec<Row> {
    let (millis, longest) = every_second(write_mounts, 2 * MANY);
    vec![
        linear(
            "reading with 10 000 mounts",
            Family::Filesystems,
            write_mounts,
        ),
        Row {
            what: "20 000 mounts and a change a second, percent of a core",
            ours: format!("{millis:.1} ms a second"),
            reference: format!("{longest:.1} ms when the table is read"),
            value: millis / 10.0,
            bar: Bar::AtMost(2.0),
        },
    ]
}

pub(crate) fn interfaces() -> Vec<Row> {
    vec![linear(
        "reading with 10 000 interfaces",
        Family::Networks,
        write_interfaces,
    )]
}

pub(crate) fn disks() -> Vec<Row> {
    vec![linear(
        "reading with 10 000 disks",
        Family::Disks,
        write_disks,
    )]
}

pub(crate) fn sensors() -> Vec<Row> {
    vec![linear(
        "reading with 10 000 sensors",
        Family::Sensors,
        write_sensors,
    )]
}

pub(crate) fn sessions() -> Vec<Row> {
    vec![linear(
        "reading with 10 000 logins",
        Family::Sessions,
        write_sessions,
    )]
}

pub(crate) fn processes() -> Vec<Row> {
    let one_group =
        |tree: &Path, count, _| write_processes(tree, count, |_| "/init.scope".to_owned());
    vec![scanned("scan of 10 000 processes", one_group)]
}

pub(crate) fn cgroups() -> Vec<Row> {
    let own_groups = |tree: &Path, count, _| {
        let group =
            |pid: usize| format!("/kubepods.slice/pod{pid:032x}.slice/cri-{pid:064x}.scope");
        write_processes(tree, count, group);
    };
    vec![scanned("scan of 10 000 control groups", own_groups)]
}

fn linear(what: &'static str, family: Family, write: Write) -> Row {
    row(
        what,
        reading(family, write, MANY),
        reading(family, write, MANY / 2),
    )
}

fn row(what: &'static str, many: f64, half: f64) -> Row {
    Row {
        what,
        ours: format!("{many:.1} ms"),
        reference: format!("{half:.1} ms (half as many)"),
        value: many / half,
        bar: LINEAR,
    }
}

fn roots(tree: &Path) -> HostRoots {
    HostRoots {
        procfs: tree.join("proc"),
        sysfs: tree.join("sys"),
        rootfs: tree.to_owned(),
    }
}

/// Milliseconds of processor time that readings of file systems take a second, and the longest of
/// them, while the table changes and is read every second.
fn every_second(write: Write, count: usize) -> (f64, f64) {
    const SECONDS: usize = 12;
    let tree = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut reader = HostReader::new(roots(tree.path()));
    let (mut sum, mut longest) = (0.0, 0.0_f64);
    for round in 0..SECONDS {
        let second = Instant::now();
        write(tree.path(), count, round);
        reader.set_watched(true);
        let start = processor_millis();
        let snapshot = runtime.block_on(reader.read(Timestamp::from_millis(0)));
        let millis = processor_millis() - start;
        assert!(snapshot.is_fresh(Family::Filesystems));
        sum += millis;
        longest = longest.max(millis);
        std::thread::sleep(Duration::from_secs(1).saturating_sub(second.elapsed()));
    }
    #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
    let seconds = SECONDS as f64;
    (sum / seconds, longest)
}

/// What this process has used of the processors, in milliseconds: a reading has threads of its own.
fn processor_millis() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap().as_secs_f64() * 1_000.0
}

/// Milliseconds of the fastest reading of a family after a change; the other families are absent.
fn reading(family: Family, write: Write, count: usize) -> f64 {
    let tree = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut fastest = f64::INFINITY;
    write(tree.path(), count, 0);
    let mut reader = HostReader::new(roots(tree.path()));
    for round in 0..=ROUNDS {
        write(tree.path(), count, round);
        if matches!(family, Family::Sensors | Family::Filesystems) {
            // Their lists are not read each time, and are what is measured.
            reader = HostReader::new(roots(tree.path()));
        }
        reader.set_watched(true);
        let start = Instant::now();
        let snapshot = runtime.block_on(reader.read(Timestamp::from_millis(0)));
        let millis = start.elapsed().as_secs_f64() * 1000.0;
        assert!(snapshot.is_fresh(family), "{:?}", snapshot.status[&family]);
        if round > 0 {
            fastest = fastest.min(millis);
        }
    }
    fastest
}

fn scanned(what: &'static str, write: Write) -> Row {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let measure = |count| {
        let tree = tempfile::tempdir().unwrap();
        write(tree.path(), count, 0);
        let rounds = (0..ROUNDS).map(|_| {
            let collector = Collector::new(roots(tree.path()));
            let scan = runtime.block_on(collector.shared_processes()).unwrap();
            assert_eq!(scan.processes.len(), count);
            scan.duration.as_secs_f64() * 1000.0
        });
        rounds.fold(f64::INFINITY, f64::min)
    };
    row(what, measure(MANY), measure(MANY / 2))
}

fn file(tree: &Path, path: &str, text: &str) {
    let path = tree.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Pods and containers: bind mounts of one device, and an overlay each.
fn write_mounts(tree: &Path, count: usize, round: usize) {
    let mut text = String::from("26 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n");
    for number in (0..count).map(|number| number + round) {
        let id = 100 + number;
        let _ = if number % 2 == 1 {
            writeln!(
                text,
                "{id} 26 0:{id} / /var/lib/docker/overlay2/{number:064x}/merged rw,relatime \
                 shared:{number} - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w"
            )
        } else {
            writeln!(
                text,
                "{id} 26 8:1 /var/lib/kubelet/pods/{number:036x}/volume-subpaths/x \
                 /var/lib/kubelet/pods/{number:036x}/volumes/x rw,relatime shared:{number} - ext4 \
                 /dev/sda1 rw"
            )
        };
    }
    file(tree, "proc/1/mountinfo", &text);
}

fn write_interfaces(tree: &Path, count: usize, round: usize) {
    let mut text = String::from("Inter-|\n face |\n");
    for number in 0..count {
        let bytes = number + 1_000 * round;
        let _ = writeln!(
            text,
            "veth{number}: {bytes} 1 0 0 0 0 0 0 {bytes} 1 0 0 0 0 0 0"
        );
    }
    file(tree, "proc/net/dev", &text);
}

fn write_disks(tree: &Path, count: usize, round: usize) {
    let mut text = String::new();
    for number in 0..count {
        let _ = writeln!(
            text,
            "252 {number} dm-{number} {round} 0 8 1 {round} 0 8 1 0 {round} 2"
        );
    }
    file(tree, "proc/diskstats", &text);
}

/// A hundred chips of one kind, each with a hundred sensors of one label.
fn write_sensors(tree: &Path, count: usize, round: usize) {
    for number in 0..count {
        let (chip, sensor) = (number / 100, number % 100);
        let folder = format!("sys/class/hwmon/hwmon{chip}");
        if round == 0 {
            file(tree, &format!("{folder}/name"), "chip\n");
            file(tree, &format!("{folder}/temp{sensor}_label"), "Other\n");
            file(tree, &format!("{folder}/temp{sensor}_input"), "33000\n");
        }
    }
}

fn write_sessions(tree: &Path, count: usize, round: usize) {
    if round > 0 {
        return;
    }
    for number in 0..count {
        let text =
            format!("UID=1000\nUSER=user{number}\nCLASS=user\nTTY=pts/{number}\nREALTIME=1\n");
        file(tree, &format!("run/systemd/sessions/{number}"), &text);
    }
}

fn write_processes(tree: &Path, count: usize, group: impl Fn(usize) -> String) {
    file(tree, "proc/uptime", "100000.00 1.00\n");
    file(tree, "proc/meminfo", "MemTotal: 1048576 kB\n");
    for pid in 1..=count {
        let stat = format!(
            "{pid} (job) S 1 {pid} {pid} 0 -1 4194560 0 0 0 0 1 2 0 0 20 0 1 0 {pid} 1048576 16 \
             18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 4096 4128 0 0 0\n"
        );
        file(tree, &format!("proc/{pid}/stat"), &stat);
        file(
            tree,
            &format!("proc/{pid}/io"),
            "read_bytes: 1\nwrite_bytes: 2\n",
        );
        file(
            tree,
            &format!("proc/{pid}/cmdline"),
            "/usr/bin/job\0--fast\0",
        );
        file(
            tree,
            &format!("proc/{pid}/status"),
            "Name:\tjob\nTgid:\t7\nUid:\t0\t33\t33\t33\n",
        );
        file(
            tree,
            &format!("proc/{pid}/cgroup"),
            &format!("0::{}\n", group(pid)),
        );
    }
}
