//! Whole snapshots of recorded hosts: the trees below `tests/fixtures/host`, in the formats of
//! several kernels. What changes until the second reading lies in the directory `later` of each.

use std::fs;
use std::path::Path;

use super::*;
use crate::testing::Tree;
use linux_api_wire::snapshot::{Memory, Processes, Session, Swap};

const KIB: u64 = 1024;

/// Copies a directory and all below it, over what is there.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The second reading of a recorded host on which these directories exist.
async fn snapshot(host: &str, directories: &[&str]) -> Snapshot {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/host")
        .join(host);
    let tree = Tree::new();
    copy(&recorded, &tree.path(""));
    for directory in directories {
        fs::create_dir_all(tree.path(directory.trim_start_matches('/'))).unwrap();
    }
    let mut reader = HostReader::new(tree.roots());
    let time = Timestamp::from_millis(1);
    reader.read(time).await;
    if recorded.join("later").exists() {
        copy(&recorded.join("later"), &tree.path(""));
    }
    reader.read(time).await
}

/// Usage, user, system, iowait and steal of all processors together.
fn shares(snapshot: &Snapshot) -> [f64; 5] {
    let cpu = snapshot.cpu.as_ref().unwrap();
    [
        cpu.usage_percent,
        cpu.user_percent,
        cpu.system_percent,
        cpu.iowait_percent,
        cpu.steal_percent,
    ]
}

/// Usage, iowait, steal and clock of each processor.
fn cores(snapshot: &Snapshot) -> Vec<(f64, f64, f64, Option<f64>)> {
    let cores = &snapshot.cpu.as_ref().unwrap().per_core;
    let figures = cores.iter().map(|core| {
        (
            core.usage_percent,
            core.iowait_percent,
            core.steal_percent,
            core.frequency_mhz,
        )
    });
    figures.collect()
}

/// Mount point, type and device, with a mark for what is remote.
fn mounts(snapshot: &Snapshot) -> Vec<String> {
    let all = snapshot.filesystems.as_ref().unwrap().iter();
    let line = |one: &linux_api_wire::snapshot::Filesystem| {
        let remote = if one.network { " (remote)" } else { "" };
        assert_eq!(one.error, None, "{}", one.mount_point);
        assert!(one.total_bytes.unwrap() > 0);
        format!("{} {} {}{remote}", one.mount_point, one.kind, one.device)
    };
    all.map(line).collect()
}

/// Device, bytes read and bytes written since the start.
fn disks(snapshot: &Snapshot) -> Vec<(&str, u64, u64)> {
    let disks = snapshot.disks.as_ref().unwrap().iter();
    disks
        .map(|disk| (disk.device.as_str(), disk.read_bytes, disk.written_bytes))
        .collect()
}

/// Interface, bytes received and sent, errors and drops.
fn networks(snapshot: &Snapshot) -> Vec<(&str, u64, u64, u64, u64)> {
    let networks = snapshot.networks.as_ref().unwrap().iter();
    let figures = networks.map(|one| {
        let name = one.interface.as_str();
        (
            name,
            one.received_bytes,
            one.sent_bytes,
            one.errors,
            one.drops,
        )
    });
    figures.collect()
}

fn averages(snapshot: &Snapshot) -> [f64; 3] {
    let load = snapshot.load.as_ref().unwrap();
    [load.one, load.five, load.fifteen]
}

fn error(snapshot: &Snapshot, family: Family) -> &str {
    snapshot.status[&family].error.as_deref().unwrap_or("")
}

#[tokio::test]
async fn kernel_3_10_with_cgroup_v1() {
    let read = snapshot("kernel-3.10-cgroup-v1", &["/boot"]).await;
    assert_eq!(shares(&read), [50.0, 35.0, 15.0, 10.0, 0.0]);
    let clock = Some(2593.75);
    // The second one's softirq counter went back.
    let expected = [(60.0, 0.0, 0.0, clock), (41.18, 19.61, 0.0, clock)];
    assert_eq!(cores(&read), expected);
    assert_eq!(averages(&read), [0.08, 0.03, 0.05]);
    let memory = Memory {
        total_bytes: 1_016_232 * KIB,
        used_bytes: 446_232 * KIB,
        available_bytes: 570_000 * KIB,
        free_bytes: 200_000 * KIB,
        buffers_bytes: 50_000 * KIB,
        cached_bytes: 340_000 * KIB,
        shared_bytes: 20_000 * KIB,
    };
    assert_eq!(read.memory.as_deref(), Some(&memory));
    let swap = Swap {
        total_bytes: 2_097_148 * KIB,
        used_bytes: 97_148 * KIB,
    };
    assert_eq!(read.swap.as_deref(), Some(&swap));
    let moved = (80_000 * 512, 64_080 * 512);
    assert_eq!(
        disks(&read),
        [("sda", moved.0, moved.1), ("dm-0", moved.0, moved.1)]
    );
    let sda = &read.disks.as_ref().unwrap()[0];
    assert!(sda.reads_per_second == 0.0 && sda.writes_per_second > 0.0);
    let eth0 = ("eth0", 123_456_789, 987_654_321, 4, 42);
    assert_eq!(networks(&read), [("lo", 1_000, 1_000, 0, 0), eth0]);
    let expected = ["/ xfs /dev/mapper/centos-root", "/boot xfs /dev/sda1"];
    assert_eq!(mounts(&read), expected);
    assert_eq!(read.uptime_seconds.as_deref(), Some(&350_735));
    let processes = Processes {
        total: 5,
        running: 0,
        sleeping: 3,
        idle: 0,
        blocked: 1,
        stopped: 0,
        zombie: 1,
    };
    assert_eq!(read.processes.as_deref(), Some(&processes));
    assert!(error(&read, Family::Pressure).contains("pressure/cpu: No such file"));
    assert_eq!(read.pressure, None);
}

#[tokio::test]
async fn kernel_6_18_with_cgroup_v2() {
    let remote = ["/mnt/backup disk", "/home/alice/remote"];
    let directories = ["/boot/efi", "/data", "/tank", remote[0], remote[1]];
    let read = snapshot("kernel-6.18-cgroup-v2", &directories).await;
    assert_eq!(&*read.host, "metal-01");
    assert_eq!(shares(&read), [52.5, 25.0, 17.5, 5.0, 10.0]);
    let expected = [
        (100.0, 0.0, 0.0, Some(3400.12)),
        (70.0, 10.0, 0.0, Some(800.0)),
        (40.0, 0.0, 40.0, Some(2600.0)),
        (0.0, 10.0, 0.0, Some(5100.5)),
    ];
    assert_eq!(cores(&read), expected);
    assert_eq!(averages(&read), [1.25, 0.75, 0.5]);
    let memory = read.memory.as_ref().unwrap();
    assert_eq!(memory.used_bytes, 8_000_000 * KIB);
    assert_eq!(memory.cached_bytes, 13_500_000 * KIB);
    assert_eq!(read.swap.as_ref().unwrap().used_bytes, 0);
    let disk = ("nvme0n1", 109_615_802 * 512, 123_007_528 * 512);
    assert_eq!(disks(&read), [disk, ("md0", 80 * 512, 160 * 512)]);
    // The interface that came meanwhile has no rate yet.
    let expected = [
        ("lo", 5, 5, 0, 0),
        ("enp5s0", 8_000_100_000, 4_000_000_000, 0, 12),
        ("wg0", 100, 200, 7, 8),
    ];
    assert_eq!(networks(&read), expected);
    let expected = [
        "/ btrfs /dev/nvme0n1p2",
        "/boot/efi vfat /dev/nvme0n1p1",
        "/data ext4 /dev/md0",
        "/tank zfs tank",
        "/mnt/backup disk nfs4 nas:/export/backup (remote)",
        "/home/alice/remote fuse.sshfs alice@example:/ (remote)",
    ];
    assert_eq!(mounts(&read), expected);
    assert!(read.filesystems.as_ref().unwrap()[4].read_only);
    let sensors: Vec<(&str, f64, Option<f64>, Option<f64>)> = read
        .sensors
        .as_ref()
        .unwrap()
        .iter()
        .map(|one| {
            let named = one.name.as_str();
            (
                named,
                one.celsius.unwrap(),
                one.high_celsius,
                one.critical_celsius,
            )
        })
        .collect();
    let expected = [
        ("coretemp Package id 0", 47.0, Some(80.0), Some(100.0)),
        ("coretemp Core 0", 45.0, Some(80.0), Some(100.0)),
        ("nvme Composite", 36.85, None, None),
    ];
    assert_eq!(sensors, expected);
    let pressure = read.pressure.as_ref().unwrap();
    let all = [pressure.cpu, pressure.memory, pressure.io].map(Option::unwrap);
    let some = all.map(|one| (one.some.avg10, one.some.avg60, one.some.avg300));
    assert_eq!(
        some,
        [(1.5, 2.25, 3.75), (0.0, 0.1, 0.2), (12.34, 5.0, 1.0)]
    );
    let full = all.map(|one| one.full.map(|full| (full.avg10, full.total_us)));
    assert_eq!(full, [Some((0.0, 0)), Some((0.0, 21)), Some((10.0, 700))]);
    let session = Session {
        user: "alice".to_owned(),
        terminal: Some("pts/0".to_owned()),
        remote_host: Some("192.0.2.44".to_owned()),
        started_at: Some(Timestamp::from_millis(1_764_000_000_000)),
    };
    assert_eq!(*read.sessions.unwrap(), [session]);
    let processes = Processes {
        total: 5,
        running: 1,
        sleeping: 2,
        idle: 1,
        blocked: 0,
        stopped: 1,
        zombie: 0,
    };
    assert_eq!(read.processes.as_deref(), Some(&processes));
    // A recorded tree has no bus.
    for (family, status) in &read.status {
        let is_read = status.error.is_none();
        assert_eq!(is_read, *family != Family::Units, "{family}: {status:?}");
    }
}

#[tokio::test]
async fn kernel_5_10_with_both_cgroups_seen_from_a_container() {
    let read = snapshot("kernel-5.10-hybrid", &[]).await;
    assert_eq!(&*read.host, "node-7");
    // No time has passed between the readings: what was true before still is.
    assert_eq!(shares(&read), [20.0, 10.0, 10.0, 0.0, 0.0]);
    assert_eq!(mounts(&read), ["/ ext4 /dev/vda1"]);
    assert_eq!(disks(&read), [("vda", 8 * 512, 16 * 512)]);
    assert_eq!(networks(&read), [("lo", 0, 0, 0, 0), ("ens3", 1, 1, 0, 0)]);
    let pressure = read.pressure.as_ref().unwrap();
    let cpu = pressure.cpu.unwrap();
    assert_eq!((cpu.some.avg10, cpu.full), (0.5, None));
    assert!(pressure.io.unwrap().full.is_some());
    assert_eq!(*read.swap.unwrap(), Swap::default());
    let processes = read.processes.as_ref().unwrap();
    assert_eq!((processes.total, processes.stopped), (2, 1));
}

#[tokio::test]
async fn a_container_that_sees_only_itself() {
    let read = snapshot("container", &["/data"]).await;
    assert_eq!(shares(&read), [25.0, 12.5, 12.5, 0.0, 0.0]);
    let usage: Vec<f64> = cores(&read).iter().map(|core| core.0).collect();
    assert_eq!(usage, [20.0, 33.33]);
    assert_eq!(mounts(&read), ["/ overlay overlay", "/data ext4 /dev/vda1"]);
    assert_eq!(disks(&read), []);
    assert_eq!(
        networks(&read),
        [("lo", 0, 0, 0, 0), ("eth0", 10, 20, 0, 0)]
    );
    assert_eq!((&read.sensors, &read.sessions), (&None, &None));
    let expected = "class/hwmon: No such file or directory (os error 2)";
    assert!(error(&read, Family::Sensors).ends_with(expected));
    assert!(error(&read, Family::Sessions).contains("run/utmp: No such file"));
    assert_eq!(read.processes.unwrap().total, 1);
}

#[tokio::test]
async fn a_host_with_128_processors() {
    let read = snapshot("many-cores", &[]).await;
    assert_eq!(shares(&read), [25.0, 25.0, 0.0, 0.0, 0.0]);
    let cores = cores(&read);
    assert_eq!(cores.len(), 128);
    assert_eq!(cores[31], (100.0, 0.0, 0.0, Some(2031.5)));
    assert_eq!(cores[127], (0.0, 0.0, 0.0, Some(2127.5)));
    assert_eq!(averages(&read), [64.0, 63.5, 60.25]);
    assert_eq!(read.memory.unwrap().total_bytes, 1_056_784_384 * KIB);
    assert_eq!(read.uptime_seconds.as_deref(), Some(&31_536_000));
    assert_eq!(read.disks, None);
}

#[tokio::test]
async fn a_tiny_host_with_an_old_kernel() {
    let read = snapshot("tiny", &["/overlay"]).await;
    assert_eq!(shares(&read), [20.0, 10.0, 10.0, 0.0, 0.0]);
    let memory = read.memory.as_ref().unwrap();
    assert_eq!(memory.used_bytes, 18_000 * KIB);
    assert_eq!(memory.available_bytes, 10_000 * KIB);
    let expected = [
        "/overlay jffs2 /dev/mtdblock3",
        "/ overlay overlayfs:/overlay",
    ];
    assert_eq!(mounts(&read), expected);
    let bridge = ("br-lan", 4_294_967_295, 4_294_967_295, 0, 0);
    assert_eq!(networks(&read), [("lo", 0, 0, 0, 0), bridge]);
    assert_eq!(cores(&read), [(20.0, 0.0, 0.0, None)]);
}
