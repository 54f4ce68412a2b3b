use super::*;
use linux_api_wire::request_stats::RequestMethod;

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn after(minutes: u64) -> Timestamp {
    START.saturating_add(Duration::from_mins(minutes))
}

fn queue(limits: Limits) -> Queue {
    Queue::new("host".into(), "a1".into(), limits)
}

fn recorded(minute: Timestamp, route: &str, requests: u64) -> RecordedRequests {
    let mut stats = RequestStats::default();
    for _ in 0..requests {
        stats.add(200, Duration::from_millis(5));
    }
    RecordedRequests {
        minute,
        key: RequestKey {
            route: route.into(),
            method: RequestMethod::Get,
        },
        stats,
    }
}

fn sample(minute: u64) -> HostSample {
    HostSample {
        name: "load.one".to_owned(),
        labels: String::new(),
        time: after(minute),
        samples: 30,
        mean: 0.5,
        max: 1.0,
    }
}

/// The minutes among these buckets, with their instances and requests.
fn minutes(buckets: &[RequestBucket]) -> Vec<(Timestamp, &str, u64)> {
    buckets
        .iter()
        .filter(|one| one.resolution == Resolution::Minute)
        .map(|one| (one.time, &*one.instance_id, one.stats.requests))
        .collect()
}

#[track_caller]
fn assert_balanced(queue: &Queue) {
    let now = queue.counters();
    assert_eq!(
        now.recorded + now.recovered,
        now.stored + now.dropped + now.queued,
        "{now:?}"
    );
}

#[test]
fn a_bucket_is_written_as_a_whole_each_time_it_grew() {
    let mut queue = queue(Limits::default());
    queue.add(vec![recorded(START, "/a", 3)]);
    let first = queue.buckets(1_000);
    assert_eq!(first.len(), 3, "its minute, its hour and its day");
    assert_eq!(minutes(&first), [(START, "a1", 3)]);
    queue.note_stored(&first, 0);
    assert!(queue.is_empty());
    assert_balanced(&queue);

    queue.add(vec![recorded(START, "/a", 2)]);
    let second = queue.buckets(1_000);
    assert_eq!(minutes(&second), [(START, "a1", 5)]);
    assert_eq!(queue.counters().queued, 2);
    queue.note_stored(&second, 0);
    assert_eq!(queue.counters().stored, 5);
    assert_balanced(&queue);
}

#[test]
fn what_came_while_a_state_was_written_still_waits() {
    let mut queue = queue(Limits::default());
    queue.add(vec![recorded(START, "/a", 3)]);
    let sent = queue.buckets(1_000);
    queue.add(vec![recorded(START, "/a", 4)]);
    queue.note_stored(&sent, 0);
    assert_eq!(minutes(&queue.buckets(1_000)), [(START, "a1", 7)]);
    assert_eq!((queue.counters().stored, queue.counters().queued), (3, 4));
}

#[test]
fn stored_buckets_are_forgotten_when_they_are_over() {
    let mut queue = queue(Limits::default());
    queue.add(vec![recorded(START, "/a", 1), recorded(after(1), "/a", 1)]);
    let before = queue.counters().queued_bytes;
    queue.forget(after(100_000));
    assert_eq!(
        queue.buckets(1_000).len(),
        4,
        "what waits is never forgotten"
    );
    assert_eq!(before, queue.bucket_bytes as u64);
    queue.note_stored(&queue.buckets(1_000), 0);
    assert_eq!(
        queue.counters().queued_bytes,
        0,
        "what is stored does not wait"
    );
    queue.forget(after(3));
    assert_eq!(queue.entries.len(), 3, "one minute is over");
    queue.forget(after(100_000));
    assert_eq!((queue.entries.len(), queue.bucket_bytes), (0, 0));
    assert!(before > 0);
}

#[test]
fn a_clock_that_goes_back_never_replaces_what_is_stored() {
    let mut queue = queue(Limits::default());
    queue.add(vec![recorded(after(10), "/a", 5)]);
    queue.note_stored(&queue.buckets(1_000), 0);
    queue.forget(after(13));
    queue.add(vec![
        recorded(after(10), "/a", 1),
        recorded(after(9), "/a", 1),
    ]);
    let buckets = queue.buckets(1_000);
    assert_eq!(
        minutes(&buckets),
        [(after(9), "a1.1", 1), (after(10), "a1.1", 1)]
    );
    assert!(buckets.iter().all(|one| &*one.instance_id == "a1.1"));
    assert_balanced(&queue);
}

/// Hours and days can be forgotten while no request comes that would bring later minutes.
#[test]
fn a_clock_that_was_ahead_never_replaces_hours_and_days() {
    for (ahead, after_that) in [(151, 11), (16 * 60 + 3, 957)] {
        let mut queue = queue(Limits::default());
        queue.add(vec![recorded(after(10), "/a", 5)]);
        queue.note_stored(&queue.buckets(1_000), 0);
        queue.forget(after(ahead));
        queue.add(vec![recorded(after(after_that), "/a", 1)]);
        let buckets = queue.buckets(1_000);
        assert!(
            buckets.iter().all(|one| &*one.instance_id == "a1.1"),
            "{buckets:?}"
        );
        assert_balanced(&queue);
    }
}

#[test]
fn the_oldest_minutes_are_dropped_and_counted_when_too_many_wait() {
    let limits = Limits {
        bucket_bytes: 100_000,
        sample_bytes: 10 * bytes_of(&sample(0)),
    };
    let mut queue = queue(limits);
    for minute in 0..2_000 {
        queue.add(vec![recorded(after(minute), "/a", 2)]);
        queue.add_samples(vec![sample(minute)]);
        assert!(queue.bucket_bytes <= limits.bucket_bytes);
        assert!(queue.sample_bytes <= limits.sample_bytes);
        assert_balanced(&queue);
    }
    let counters = queue.counters();
    assert!(counters.dropped > 0 && counters.dropped.is_multiple_of(2));
    assert_eq!(counters.dropped_samples, 1_990);
    let kept = queue.buckets(usize::MAX);
    assert_eq!(minutes(&kept).last(), Some(&(after(1_999), "a1", 2)));
    let hours: u64 = kept
        .iter()
        .filter(|one| one.resolution == Resolution::Hour)
        .map(|one| one.stats.requests)
        .sum();
    assert_eq!(hours, 4_000, "hours still hold what their minutes lost");
    // What follows in the minute of a dropped bucket must not replace what is stored of it.
    queue.add(vec![recorded(START, "/a", 1)]);
    assert_eq!(&*queue.instance_id, "a1.1");
    assert_balanced(&queue);
}

#[test]
fn batches_are_bounded_and_the_rest_waits() {
    let mut queue = queue(Limits::default());
    for minute in 0..10 {
        queue.add(vec![recorded(after(minute), "/a", 1)]);
    }
    // Each bucket is two rows: itself and its one status.
    let batch = queue.buckets(6);
    assert_eq!(batch.len(), 3);
    queue.note_stored(&batch, 0);
    assert_eq!(minutes(&queue.buckets(usize::MAX)).len(), 7);
}

#[test]
fn recovered_buckets_keep_their_instance_and_count_once() {
    let mut first = queue(Limits::default());
    first.add(vec![recorded(START, "/a", 3)]);
    let older = first.buckets(1_000);
    first.add(vec![recorded(START, "/a", 2)]);
    let newer = first.buckets(1_000);

    for files in [[&older, &newer], [&newer, &older]] {
        let mut queue = Queue::new("host".into(), "b2".into(), Limits::default());
        queue.add(vec![recorded(START, "/a", 7)]);
        for file in files {
            queue.recover(file.clone(), vec![sample(0)]);
        }
        let buckets = queue.buckets(usize::MAX);
        assert_eq!(minutes(&buckets), [(START, "a1", 5), (START, "b2", 7)]);
        assert_eq!(
            (queue.counters().recovered, queue.counters().recorded),
            (5, 7)
        );
        assert_balanced(&queue);
    }
}
