use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::families::SLOW;
use linux_api_wire::snapshot::Load;

const SHORT: Duration = Duration::from_millis(30);
const NOW: Timestamp = Timestamp::from_millis(1_000);

fn uptime(_: &Given) -> FamilyReader {
    Box::new(|_| Ok(FamilyValue::Uptime(7)))
}

fn status(snapshot: &Snapshot, family: Family) -> (bool, Option<&str>) {
    let status = &snapshot.status[&family];
    (status.age.is_some(), status.error.as_deref())
}

#[tokio::test]
async fn a_family_that_is_stuck_delays_the_others_once() {
    static IS_STUCK: AtomicBool = AtomicBool::new(false);
    let stuck: MakeReader = |_| {
        Box::new(|_| {
            while IS_STUCK.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(FamilyValue::Load(Load::default()))
        })
    };
    let plans = [
        (Family::Load, Duration::ZERO, stuck),
        (Family::Uptime, Duration::ZERO, uptime as MakeReader),
    ];
    let mut reader = HostReader::with_plans(HostRoots::default(), &plans, SHORT);
    let first = reader.read(NOW).await;
    assert_eq!(status(&first, Family::Load), (true, None));

    IS_STUCK.store(true, Ordering::SeqCst);
    for _ in 0..20 {
        let snapshot = reader.read(NOW).await;
        let (has_value, error) = status(&snapshot, Family::Load);
        assert!(has_value && snapshot.load.is_some());
        assert!(error.unwrap().starts_with("no answer for 0."), "{error:?}");
        assert!(!snapshot.is_fresh(Family::Load) && snapshot.is_fresh(Family::Uptime));
    }
    let stuck_since = reader.slots[&Family::Load].started;
    IS_STUCK.store(false, Ordering::SeqCst);
    while !reader.read(NOW).await.is_fresh(Family::Load) {
        tokio::task::yield_now().await;
    }
    reader.read(NOW).await;
    assert!(reader.slots[&Family::Load].started > stuck_since);
}

#[tokio::test]
async fn a_panic_is_the_error_of_its_family_and_a_new_reader_goes_on() {
    let panics: MakeReader = |_| {
        let mut readings = 0;
        Box::new(move |_| {
            readings += 1;
            assert_ne!(readings, 2, "on purpose");
            Ok(FamilyValue::Load(Load::default()))
        })
    };
    let plans = [
        (Family::Load, Duration::ZERO, panics),
        (Family::Uptime, Duration::ZERO, uptime as MakeReader),
    ];
    let mut reader = HostReader::with_plans(HostRoots::default(), &plans, DEADLINE);
    assert_eq!(status(&reader.read(NOW).await, Family::Load), (true, None));
    let second = reader.read(NOW).await;
    assert_eq!(
        status(&second, Family::Load),
        (true, Some("reading it panicked"))
    );
    assert_eq!(status(&second, Family::Uptime), (true, None));
    assert_eq!(status(&reader.read(NOW).await, Family::Load), (true, None));
}

#[tokio::test]
async fn what_cannot_be_read_is_absent_with_the_reason() {
    let tree = crate::testing::Tree::new();
    tree.write("proc/uptime", "12.50 1.00\n");
    let mut reader = HostReader::new(tree.roots());
    let snapshot = reader.read(NOW).await;
    assert_eq!(snapshot.uptime_seconds.as_deref(), Some(&12));
    assert_eq!((snapshot.cpu, snapshot.sensors), (None, None));
    let status = |family| &snapshot.status[&family];
    let error = status(Family::Cpu).error.as_deref().unwrap();
    assert!(error.contains("/stat: No such file"), "{error}");
    assert_eq!(status(Family::Cpu).age, None);
    assert_eq!(snapshot.status.len(), Family::ALL.len());
}

#[tokio::test]
async fn slow_families_are_read_less_often_and_show_their_age() {
    static READINGS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let slow: MakeReader = |_| {
        Box::new(|_| {
            READINGS.fetch_add(1, Ordering::SeqCst);
            Ok(FamilyValue::Uptime(1))
        })
    };
    let plans = [(Family::Uptime, SLOW, slow)];
    let mut reader = HostReader::with_plans(HostRoots::default(), &plans, DEADLINE);
    let first = reader.read(NOW).await.status[&Family::Uptime].age;
    let second = reader.read(NOW).await.status[&Family::Uptime].age;
    assert!(second > first);
    assert_eq!(READINGS.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn while_somebody_looks_processes_are_as_fresh_as_the_rest() {
    let tree = crate::testing::Tree::new();
    let mut reader = HostReader::new(tree.roots());
    for pid in 1..=4 {
        tree.write_process(pid, b"job", 'S');
        reader.set_watched(pid >= 3);
        let snapshot = reader.read(NOW).await;
        let expected = if pid >= 3 { pid } else { 1 };
        assert_eq!(snapshot.processes.unwrap().total, expected);
    }
}

#[tokio::test]
async fn this_host_is_read_whole() {
    let mut reader = HostReader::new(HostRoots::default());
    reader.read(NOW).await;
    let snapshot = reader.read(NOW).await;
    assert!(!snapshot.host.is_empty());
    for family in [
        Family::Cpu,
        Family::Load,
        Family::Memory,
        Family::Swap,
        Family::Filesystems,
        Family::Disks,
        Family::Networks,
        Family::Uptime,
        Family::Processes,
    ] {
        assert_eq!(status(&snapshot, family), (true, None), "{family}");
    }
    assert!(!snapshot.networks.unwrap().is_empty());
    assert!(snapshot.processes.unwrap().total > 0);
}
