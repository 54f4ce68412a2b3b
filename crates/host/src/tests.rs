//! Scans that are shared, and files that are read.

use std::task::{Context, Waker};

use super::testing::Tree;
use super::*;

#[tokio::test(start_paused = true)]
async fn a_scan_is_shared_for_one_second() {
    let tree = Tree::new();
    tree.write_process(1, b"init", 'S');
    let collector = tree.collector();
    let (first, second) = tokio::join!(collector.shared_processes(), collector.shared_processes());
    let first = first.unwrap();
    assert!(Arc::ptr_eq(&first, &second.unwrap()));

    tree.write_process(2, b"kthreadd", 'S');
    tokio::time::advance(Duration::from_millis(999)).await;
    let clone = collector.clone();
    assert!(Arc::ptr_eq(
        &first,
        &clone.shared_processes().await.unwrap()
    ));
    tokio::time::advance(Duration::from_millis(2)).await;
    let next = collector.shared_processes().await.unwrap();
    assert_eq!(next.processes.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_scan_whose_reader_left_serves_the_next_one() {
    let tree = Tree::new();
    tree.write_process(1, b"init", 'S');
    let collector = tree.collector();
    let mut left = Box::pin(collector.shared_processes());
    // Begins the scan, which on a busy machine may be over before this thread goes on.
    let mut context = Context::from_waker(Waker::noop());
    assert!(left.as_mut().poll(&mut context).is_pending());
    drop(left);
    // Waits for the lock that the scan holds.
    let kept = Arc::clone(&collector.0.scans).lock_owned().await;
    let scan = Arc::clone(&kept.last.as_ref().unwrap().1);
    drop(kept);
    assert!(Arc::ptr_eq(
        &scan,
        &collector.shared_processes().await.unwrap()
    ));
}

#[tokio::test(start_paused = true)]
async fn the_first_reader_of_rates_gets_some_after_a_quarter_of_a_second() {
    let tree = Tree::new();
    tree.write_process(1, b"init", 'S');
    let collector = tree.collector();
    let start = Instant::now();
    let (one, two) = tokio::join!(collector.rated_processes(), collector.rated_processes());
    let scan = one.unwrap();
    assert!(Arc::ptr_eq(&scan, &two.unwrap()));
    assert!(start.elapsed() < Duration::from_millis(300));
    assert_eq!(scan.processes[0].cpu_percent, Some(0.0));

    // A look once a minute is often enough to be measured, and rarely enough to be forgotten.
    tokio::time::advance(Duration::from_mins(2)).await;
    let start = Instant::now();
    let scan = collector.rated_processes().await.unwrap();
    assert_eq!(scan.processes[0].cpu_percent, Some(0.0));
    assert!(start.elapsed() < Duration::from_millis(300));

    // Who wants no rates does not wait, and leaves something to measure from.
    tokio::time::advance(Duration::from_mins(2)).await;
    let plain = collector.shared_processes().await.unwrap();
    assert_eq!(plain.processes[0].cpu_percent, None);
    let scan = collector.rated_processes().await.unwrap();
    assert_eq!(scan.processes[0].cpu_percent, Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn processes_are_counted_for_each_reader_and_once_a_second() {
    let tree = Tree::new();
    tree.write_process(1, b"init", 'S');
    let collector = tree.collector();
    let count = async || collector.presence().await.unwrap().processes.unwrap().total;
    assert_eq!(count().await, 1);
    tree.write_process(2, b"job", 'S');
    assert_eq!(count().await, 1);
    tokio::time::advance(SCAN_KEPT_FOR).await;
    assert_eq!(count().await, 2);
    assert_eq!(collector.presence().await.unwrap().sessions, None);
}

#[tokio::test]
async fn a_failed_scan_is_tried_again() {
    let tree = Tree::new();
    let collector = tree.collector();
    let error = collector.shared_processes().await.unwrap_err();
    assert!(error.to_string().contains("/proc"), "{error}");
    tree.write_process(1, b"init", 'S');
    let scan = collector.shared_processes().await.unwrap();
    assert_eq!(scan.processes.len(), 1);
}

#[tokio::test]
async fn a_panic_in_a_reading_is_an_error() {
    let read = |_: &Collector| -> Result<(), CollectError> { panic!("on purpose") };
    let result = Collector::default().blocking(read).await;
    assert!(matches!(result, Err(CollectError::Stopped)));
}
