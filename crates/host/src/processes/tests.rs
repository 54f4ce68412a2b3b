use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::*;
use crate::testing::{Tree, stat_line};
use linux_api_wire::process::{IoRates, ProcessIo, ProcessStatus, Unavailable};

const ID: &str = "3f4e5d6c7b8a99887766554433221100ffeeddccbbaa99887766554433221100";
const TIME: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A host and what its scans remember.
struct Host {
    tree: Tree,
    scanner: Scanner,
    names: AccountNames,
}

impl Host {
    /// A host without processes.
    fn new() -> Self {
        let tree = Tree::new();
        tree.write_process(1, b"init", 'S');
        fs::remove_dir_all(tree.path("proc/1")).unwrap();
        Self {
            tree,
            scanner: Scanner::default(),
            names: AccountNames::default(),
        }
    }

    fn scan(&mut self) -> ProcessScan {
        self.try_scan().unwrap()
    }

    fn try_scan(&mut self) -> Result<ProcessScan, CollectError> {
        self.scanner.scan(&self.tree.roots(), &self.names, TIME)
    }

    /// The only process there is.
    fn only(&mut self) -> Process {
        let mut processes = self.scan().processes;
        assert_eq!(processes.len(), 1);
        processes.remove(0)
    }

    fn stat(&self, pid: u32, used: u64, started: u64) {
        let line = stat_line(pid, b"job", 'R', used, started);
        self.tree.write(&format!("proc/{pid}/stat"), line);
    }

    fn io(&self, pid: u32, read: u64, written: u64) {
        let text = format!("rchar: 1\nread_bytes: {read}\nwrite_bytes: {written}\n");
        self.tree.write(&format!("proc/{pid}/io"), text);
    }
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[test]
fn everything_is_read() {
    let mut host = Host::new();
    host.tree
        .write("etc/passwd", "web:x:33:33::/var/www:/bin/false\n");
    host.stat(7, 250, 50_000);
    host.io(7, 4096, 8192);
    host.tree.write("proc/7/cmdline", "/usr/bin/job\0--fast\0");
    host.tree.write(
        "proc/7/status",
        "Name:\tjob\nTgid:\t7\nUid:\t0\t33\t33\t33\n",
    );
    let group = format!("0::/system.slice/docker-{ID}.scope\n");
    host.tree.write("proc/7/cgroup", group);
    let scan = host.scan();
    assert_eq!((scan.time, scan.interval), (TIME, None));
    assert_eq!(scan.memory_total_bytes, 1 << 30);
    let process = scan.find(7).unwrap();
    assert_eq!(scan.find(8), None);
    let page = rustix::param::page_size() as u64;
    assert_eq!(
        (process.pid, process.ppid, process.start_ticks),
        (7, 1, 50_000)
    );
    assert_eq!(process.state, ProcessStatus::Running);
    assert_eq!((process.threads, process.nice), (2, 0));
    assert_eq!(
        (process.memory_bytes, process.virtual_bytes),
        (16 * page, 1 << 20)
    );
    assert_eq!(process.tty.as_deref(), Some("pts/0"));
    let about = &process.description;
    assert_eq!(
        (about.name.as_str(), about.command.as_str()),
        ("job", "/usr/bin/job --fast")
    );
    assert_eq!((about.uid, about.user.as_deref()), (Some(33), Some("web")));
    // Up for 1000 s, of which it came after 500 (at 100 ticks a second).
    let ticks = rustix::param::clock_ticks_per_second();
    let started = Duration::from_millis(1_000_000 - 50_000_000 / ticks);
    assert_eq!(about.start_time, TIME.saturating_sub(started));
    assert_eq!(about.placement.container.as_deref(), Some(ID));
    assert_eq!(about.placement.unit, Some(format!("docker-{ID}.scope")));
    let io = ProcessIo {
        read_bytes: 4096,
        written_bytes: 8192,
        rates: None,
    };
    assert_eq!((process.io, process.cpu_percent), (Ok(io), None));
}

#[test]
fn what_is_missing_is_unknown_and_not_zero() {
    let mut host = Host::new();
    host.stat(7, 1, 1);
    let process = host.only();
    assert_eq!(process.io, Err(Unavailable::NotSupported));
    let about = &process.description;
    assert_eq!((about.uid, about.user.as_deref()), (None, None));
    assert_eq!(
        (about.command.as_str(), &about.placement.cgroup),
        ("", &None)
    );
}

#[tokio::test(start_paused = true)]
async fn rates_are_means_since_the_scan_before() {
    let mut host = Host::new();
    let ticks = rustix::param::clock_ticks_per_second();
    host.stat(7, 100, 1);
    host.io(7, 1000, 0);
    assert_eq!(host.only().cpu_percent, None);
    pass(2).await;
    host.stat(7, 100 + 3 * ticks, 1);
    host.io(7, 5000, 300);
    let process = host.only();
    assert_eq!(process.cpu_percent, Some(150.0));
    let rates = IoRates {
        read_bytes_per_second: 2000.0,
        written_bytes_per_second: 150.0,
    };
    assert_eq!(process.io.unwrap().rates, Some(rates));
    // Counters that go back are no negative rate.
    pass(1).await;
    host.stat(7, 10, 1);
    assert_eq!(host.only().cpu_percent, Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_reused_pid_inherits_nothing() {
    let mut host = Host::new();
    let ticks = rustix::param::clock_ticks_per_second();
    host.stat(7, 1000 * ticks, 1);
    host.tree.write("proc/7/cmdline", "old\0");
    host.io(7, 1 << 40, 0);
    host.scan();
    pass(2).await;
    // Another one, from a second ago.
    host.stat(7, ticks, 999 * ticks);
    host.tree.write("proc/7/cmdline", "new\0");
    host.io(7, 4000, 0);
    let process = host.only();
    assert_eq!(process.cpu_percent, Some(50.0));
    assert_eq!(process.description.command, "new");
    let rates = process.io.unwrap().rates.unwrap();
    assert_eq!(rates.read_bytes_per_second.to_bits(), 2000_f64.to_bits());
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_only_hidden_is_not_taken_for_a_new_one() {
    let mut host = Host::new();
    host.stat(1, 0, 0);
    host.scan();
    pass(2).await;
    host.stat(7, 500_000, 1);
    host.io(7, 1 << 40, 0);
    let scan = host.scan();
    let process = scan.find(7).unwrap();
    assert_eq!(
        (process.cpu_percent, process.io.unwrap().rates),
        (None, None)
    );
}

#[tokio::test(start_paused = true)]
async fn rates_start_anew_after_a_minute_without_readers() {
    let mut host = Host::new();
    host.stat(7, 100, 1);
    host.scan();
    pass(61).await;
    let scan = host.scan();
    assert_eq!((scan.interval, scan.processes[0].cpu_percent), (None, None));
    pass(1).await;
    assert_eq!(host.only().cpu_percent, Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_description_is_kept_until_another_program_runs_or_some_time_is_over() {
    let mut host = Host::new();
    host.stat(7, 0, 1);
    host.tree.write("proc/7/cmdline", "one\0");
    let first = host.only().description;
    host.tree.write("proc/7/cmdline", "two\0");
    pass(2).await;
    assert!(Arc::ptr_eq(&first, &host.only().description));
    // The arguments of another program lie elsewhere.
    let line = String::from_utf8(stat_line(7, b"job", 'R', 0, 1)).unwrap();
    host.tree
        .write("proc/7/stat", line.replace("4096 4128", "8192 8200"));
    assert_eq!(host.only().description.command, "two");
    host.tree.write("proc/7/cmdline", "three\0");
    // 30 seconds, or up to nine less: the last digit of the pid.
    pass(22).await;
    assert_eq!(host.only().description.command, "two");
    pass(1).await;
    let third = host.only().description;
    assert_eq!(third.command, "three");
    // Looked at again, and the same: still shared.
    pass(23).await;
    assert!(Arc::ptr_eq(&third, &host.only().description));
    host.tree
        .write("proc/7/stat", stat_line(7, b"other", 'R', 0, 1));
    assert_eq!(host.only().description.name, "other");
}

#[tokio::test(start_paused = true)]
async fn a_young_process_is_described_in_every_scan() {
    let mut host = Host::new();
    let ticks = rustix::param::clock_ticks_per_second();
    host.stat(7, 0, 997 * ticks);
    host.tree.write("proc/7/cgroup", "0::/\n");
    host.scan();
    host.tree
        .write("proc/7/cgroup", "0::/system.slice/job.service\n");
    pass(1).await;
    let unit = host.only().description.placement.unit.clone();
    assert_eq!(unit.as_deref(), Some("job.service"));
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_is_forgotten() {
    let mut host = Host::new();
    for pid in 1..=50 {
        host.stat(pid, 0, 1);
    }
    assert_eq!(host.scan().processes.len(), 50);
    for pid in 2..=50 {
        fs::remove_dir_all(host.tree.path(format!("proc/{pid}"))).unwrap();
    }
    pass(1).await;
    host.scan();
    assert_eq!(host.scanner.records.len(), 1);
}

#[test]
fn hostile_names_are_kept_and_do_not_forge_anything() {
    for name in [
        b")".as_slice(),
        b"a) R 1",
        b"((",
        b"a\nb",
        b"\x1b]0;x\x07",
        b"",
        b" ",
        b"7 (x) Z",
        b"a\xffb",
    ] {
        let mut host = Host::new();
        let line = stat_line(7, name, 'S', 0, 1);
        host.tree.write("proc/7/stat", line);
        host.tree
            .write("proc/7/cmdline", [name, b"\0\x1b[2J\0"].concat());
        host.tree.write(
            "proc/7/status",
            "Name:\tx\\nUid:\\t0\\t0\nUid:\t9\t9\t9\t9\n",
        );
        let process = host.only();
        let about = &process.description;
        assert_eq!(about.name, String::from_utf8_lossy(name));
        assert!(about.command.ends_with(" \u{1b}[2J"));
        assert_eq!(
            (process.state, process.ppid, about.uid),
            (ProcessStatus::Sleeping, 1, Some(9))
        );
    }
}

#[test]
fn processes_are_in_order_and_vanished_ones_are_left_out() {
    let mut host = Host::new();
    for pid in [10, 9, 1] {
        host.stat(pid, 0, 1);
    }
    fs::create_dir(host.tree.path("proc/5")).unwrap();
    host.tree.write("proc/6/stat", "");
    host.tree
        .write("proc/self/stat", stat_line(9, b"p", 'R', 0, 1));
    host.tree.write("proc/version", "Linux");
    let pids: Vec<u32> = host
        .scan()
        .processes
        .iter()
        .map(|process| process.pid)
        .collect();
    assert_eq!(pids, [1, 9, 10]);
}

#[test]
fn malformed_files_are_named() {
    for (file, content) in [("proc/uptime", "soon"), ("proc/uptime", "-1 0")] {
        let mut host = Host::new();
        host.stat(7, 0, 1);
        host.tree.write(file, content);
        let error = host.try_scan().unwrap_err().to_string();
        assert!(error.contains(file), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_odd_process_costs_what_is_odd_and_no_other_row() {
    let mut host = Host::new();
    for pid in 1..=4 {
        host.stat(pid, 0, 1);
        host.io(pid, 10, 20);
    }
    // Known before, and not known before.
    for is_odd in [false, true, true] {
        if is_odd {
            host.tree.write("proc/1/io", "");
            host.tree.write("proc/2/io", "read_bytes: x\n");
            host.tree.write("proc/3/stat", "3 (job) S 1");
        }
        host.tree.write("proc/meminfo", "MemTotal: much\n");
        let scan = host.scan();
        assert_eq!(scan.memory_total_bytes, 0);
        let expected: &[u32] = if is_odd { &[1, 2, 4] } else { &[1, 2, 3, 4] };
        let pids: Vec<u32> = scan.processes.iter().map(|one| one.pid).collect();
        assert_eq!(pids, expected);
        for pid in [1, 2] {
            let io = scan.find(pid).unwrap().io;
            let missing = io.err() == Some(Unavailable::NotSupported);
            assert_eq!(missing, is_odd, "{pid}: {io:?}");
        }
        assert!(scan.find(4).unwrap().io.is_ok());
        if is_odd {
            host.scanner = Scanner::default();
        }
        pass(2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_by_another_clock_is_never_after_now() {
    let mut host = Host::new();
    // The uptime of the container, and ticks since the start of its host.
    host.tree.write("proc/uptime", "3600.00 3000.00\n");
    host.stat(700, 3, 120_960_000_000);
    assert_eq!(host.only().description.start_time, TIME);
    // It is no new process in every scan, whose description would be read each time.
    host.tree.write("proc/700/cmdline", "late\0");
    pass(2).await;
    let process = host.only();
    assert_eq!(process.description.command, "");
    assert_eq!(process.cpu_percent, Some(0.0));
}

#[test]
fn processes_are_dated_by_the_clock_that_fits_the_first_one() {
    let seconds = Duration::from_secs;
    let (container, machine) = (seconds(3_600), seconds(1_209_600));
    let first = machine.checked_sub(container);
    assert_eq!(fitting(container, machine, first), machine);
    assert_eq!(fitting(container, machine, Some(seconds(1))), container);
    assert_eq!(fitting(container, machine, None), container);
    assert_eq!(fitting(container, machine, Some(2 * machine)), container);
}

#[test]
fn a_live_process_with_a_hostile_name_is_listed() {
    const NAME: &str = "a) R 1\n\x1b[2J (";
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join(NAME);
    std::os::unix::fs::symlink("/bin/cat", &program).unwrap();
    let mut child = Command::new(&program)
        .arg0("cat")
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The kernel sets its name a moment before its arguments; a process that echoes has both.
    let mut answer = [0];
    child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
    let stdout = child.stdout.as_mut().unwrap();
    stdout.read_exact(&mut answer).unwrap();
    let names = AccountNames::default();
    let scan = Scanner::default().scan(&HostRoots::default(), &names, TIME);
    let details = read_details(
        &HostRoots::default(),
        &names,
        scan.as_ref().unwrap(),
        child.id(),
    );
    child.kill().unwrap();
    child.wait().unwrap();
    let scan = scan.unwrap();
    let found = scan.find(child.id()).unwrap();
    assert_eq!(found.description.name, NAME);
    assert_eq!(found.description.command, "cat -");
    assert_eq!(found.ppid, std::process::id());
    let details = details.unwrap().unwrap();
    assert_eq!(details.arguments, ["cat", "-"]);
    assert_eq!(details.process, *found);
    assert!(details.open_files.unwrap() >= 3);
    let limits = details.limits.unwrap();
    assert!(
        limits
            .iter()
            .any(|limit| limit.name == "Max open files" && limit.soft.is_some())
    );
    // Its directory is gone, or that of another process.
    let after = read_details(&HostRoots::default(), &names, &scan, child.id()).unwrap();
    assert!(after.is_none_or(|other| other.process.start_ticks != found.start_ticks));
}

#[test]
fn details_of_a_reused_pid_are_those_of_the_new_process() {
    let mut host = Host::new();
    host.stat(7, 100, 1);
    let scan = host.scan();
    host.stat(7, 5, 40_000);
    host.tree.write("proc/7/cmdline", "new\0one\0");
    let read = |pid| read_details(&host.tree.roots(), &host.names, &scan, pid).unwrap();
    let details = read(7).unwrap();
    assert_eq!(details.process.start_ticks, 40_000);
    assert_eq!(details.process.cpu_percent, None);
    assert_eq!(details.arguments, ["new", "one"]);
    assert_eq!(details.open_files, Err(Unavailable::NotSupported));
    assert_eq!(read(8), None);
    // The directory of a thread, which the list does not have.
    host.tree.write("proc/7/status", "Name:\tx\nTgid:\t6\n");
    assert_eq!(read(7), None);
}

#[test]
fn this_host_is_listed_while_processes_come_and_go() {
    let (mut scanner, names) = (Scanner::default(), AccountNames::default());
    let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
    for _ in 0..20 {
        let mut child = Command::new("/bin/true")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let scan = scanner.scan(&HostRoots::default(), &names, TIME).unwrap();
        let own = scan.find(std::process::id()).unwrap();
        assert!(own.memory_bytes > 0 && own.threads > 0 && own.io.is_ok());
        assert!(scan.processes.is_sorted_by(|a, b| a.pid < b.pid));
        child.wait().unwrap();
    }
    // Other tests open files beside this one, but not a hundred.
    assert!(descriptors() < 500);
}
