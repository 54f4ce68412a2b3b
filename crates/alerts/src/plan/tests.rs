use super::*;
use crate::testing::{at, firing, resolved};
use Severity::{Critical, Warning};

#[derive(Default)]
struct Sender {
    waiting: Vec<Notice>,
    last_sent: BTreeMap<GroupKey, Timestamp>,
    silences: Vec<Silence>,
    quiet: Vec<QuietHours>,
    down: BTreeSet<String>,
    sent: Vec<Bundle>,
}

impl Sender {
    fn new() -> Self {
        Self::default()
    }

    /// As the daemon that sends does every ten seconds.
    fn run(&mut self, seconds: u64) -> usize {
        let holding = Holding {
            silences: &self.silences,
            quiet: &self.quiet,
            down: &self.down,
        };
        let plan = plan(&self.waiting, &self.last_sent, &holding, at(seconds));
        let is_done = |notice: &Notice| {
            let covered = plan
                .bundles
                .iter()
                .any(|one| one.covers.contains(&notice.id));
            covered || plan.dropped.contains(&notice.id)
        };
        self.waiting.retain(|notice| !is_done(notice));
        for bundle in &plan.bundles {
            self.last_sent.insert(bundle.key.clone(), at(seconds));
        }
        let count = plan.bundles.len();
        self.sent.extend(plan.bundles);
        count
    }

    fn run_until(&mut self, from: u64, until: u64) -> Vec<u64> {
        (from..until)
            .step_by(10)
            .filter(|now| self.run(*now) > 0)
            .collect()
    }
}

fn silence(matchers: &str, from: u64, until: u64) -> Silence {
    Silence {
        id: Uuid::nil(),
        matchers: serde_json::from_str(matchers).unwrap(),
        from: at(from),
        until: Some(at(until)),
        weekly: None,
        comment: String::new(),
        created_by: "alice".to_owned(),
    }
}

#[test]
fn two_hundred_hosts_are_one_message() {
    let mut sender = Sender::new();
    for number in 0..200_u64 {
        let host = format!("web-{number:03}");
        sender
            .waiting
            .push(firing("host_down", &host, Critical, at(number / 20)));
    }
    assert_eq!(sender.run_until(0, 600), [30]);
    assert_eq!(sender.sent[0].notices.len(), 200);
    assert_eq!(sender.sent[0].covers.len(), 200);
    assert!(sender.waiting.is_empty());
}

#[test]
fn a_group_waits_thirty_seconds_and_then_five_minutes() {
    let mut sender = Sender::new();
    let one = |host, severity, seconds| firing("disk_space", host, severity, at(seconds));
    sender.waiting = vec![
        one("a", Warning, 0),
        one("b", Warning, 20),
        one("c", Critical, 0),
    ];
    assert_eq!(sender.run(20), 0);
    assert_eq!(sender.run(30), 2);
    let mut other = one("d", Warning, 40);
    other.instance.rule = "memory_low".parse().unwrap();
    sender.waiting = vec![one("e", Warning, 40), other];
    assert_eq!(sender.run_until(40, 1_000), [70, 330]);
    let shown: Vec<_> = sender.sent.iter().map(|one| one.notices.len()).collect();
    assert_eq!(shown, [2, 1, 1, 1]);
    // A clock that was set back does not hold messages for as long as it was ahead.
    sender.waiting = vec![one("f", Warning, 1_000)];
    for time in sender.last_sent.values_mut() {
        *time = at(100_000);
    }
    assert_eq!(sender.run_until(1_000, 2_000), [1_030]);
    sender.waiting = vec![one("g", Critical, 100_000)];
    assert_eq!(sender.run(2_000), 1);
}

#[test]
fn what_fired_and_ended_within_the_wait_is_sent_once() {
    let mut sender = Sender::new();
    let began = firing("unit_failed", "a", Warning, at(0));
    sender.waiting = vec![resolved(&began, at(20)), began];
    assert_eq!(sender.run(30), 1);
    let sent = &sender.sent[0];
    assert_eq!(sent.notices.len(), 1);
    assert_eq!(sent.notices[0].kind, NoticeKind::Resolved);
    assert_eq!(sent.key.severity, Warning);
    assert_eq!(sent.covers.len(), 2);
    // From a warning to critical within the wait: it fires, as critical.
    let began = firing("disk_space", "a", Warning, at(100));
    let mut worse = began.clone();
    (worse.id, worse.time) = (Uuid::max(), at(110));
    (worse.kind, worse.before) = (NoticeKind::Escalated, Some(Warning));
    worse.after = Some(Critical);
    sender.waiting = vec![began, worse];
    assert_eq!(sender.run(130), 1);
    let sent = &sender.sent[1].notices[0];
    assert_eq!((sent.kind, sent.before), (NoticeKind::Firing, None));
    assert_eq!(sender.sent[1].key.severity, Critical);
}

#[test]
fn a_silence_holds_and_what_still_fires_afterwards_is_sent() {
    let mut sender = Sender::new();
    sender.silences = vec![silence(r#"{"host":"a"}"#, 0, 600)];
    let began = firing("disk_space", "a", Warning, at(0));
    sender.waiting = vec![began.clone(), firing("disk_space", "b", Warning, at(0))];
    assert_eq!(sender.run_until(0, 1_000), [30, 600]);
    assert_eq!(sender.sent[0].notices[0].host.as_str(), "b");
    assert_eq!(sender.sent[1].notices[0].id, began.id);
}

#[test]
fn what_comes_and_goes_within_a_silence_is_not_sent() {
    let mut sender = Sender::new();
    sender.silences = vec![silence(r#"{"host":"a"}"#, 0, 600)];
    let began = firing("disk_space", "a", Warning, at(10));
    sender.waiting = vec![began.clone()];
    assert_eq!(sender.run_until(10, 300), [] as [u64; 0]);
    sender.waiting.push(resolved(&began, at(300)));
    assert_eq!(sender.run_until(300, 1_000), [] as [u64; 0]);
    assert!(sender.waiting.is_empty());
    // What fired before and is resolved within is sent when the silence ends; with a firing after it, nothing is.
    sender.silences = vec![silence(r#"{"host":"a"}"#, 2_000, 3_000)];
    let ended = resolved(&began, at(2_100));
    sender.waiting = vec![ended.clone()];
    assert_eq!(sender.run_until(2_100, 4_000), [3_000]);
    assert_eq!(sender.sent[0].notices[0].kind, NoticeKind::Resolved);
    sender.silences = vec![silence(r#"{"host":"a"}"#, 5_000, 6_000)];
    sender.waiting = vec![
        resolved(&began, at(5_100)),
        firing("disk_space", "a", Warning, at(5_200)),
    ];
    assert_eq!(sender.run_until(5_200, 7_000), [] as [u64; 0]);
    assert!(sender.waiting.is_empty());
}

#[test]
fn a_silence_that_was_made_after_the_notice_counts() {
    let mut sender = Sender::new();
    sender.waiting = vec![firing("disk_space", "a", Warning, at(0))];
    sender.silences = vec![silence(r#"{"rule":"disk_space"}"#, 20, 100)];
    assert_eq!(sender.run_until(0, 90), [] as [u64; 0]);
    // It ends, and what fires is sent at once: it has waited long enough.
    assert_eq!(sender.run_until(90, 200), [100]);
}

#[test]
fn few_notices_are_kept_of_an_instance_that_is_silenced_for_long() {
    let mut sender = Sender::new();
    sender.silences = vec![silence(r#"{"host":"a"}"#, 100, 100_000)];
    // It fired before, so what is known of it is a warning; it ends and fires as critical.
    let began = firing("disk_space", "a", Warning, at(0));
    let mut now = 1_000;
    for _ in 0..20 {
        let mut critical = firing("disk_space", "a", Critical, at(now + 100));
        critical.id = Uuid::from_u128(u128::from(now));
        sender.waiting.push(resolved(&began, at(now)));
        sender.waiting.push(critical.clone());
        sender.run(now + 100);
        assert!(sender.waiting.len() <= 2, "{}", sender.waiting.len());
        now += 1_000;
    }
    assert_eq!(sender.run_until(99_900, 100_100), [100_000]);
    let sent = &sender.sent[0].notices[0];
    assert_eq!(sent.kind, NoticeKind::Escalated);
    assert_eq!((sent.before, sent.after), (Some(Warning), Some(Critical)));
}

#[test]
fn warnings_wait_for_the_morning() {
    let mut sender = Sender::new();
    let hours = r#"{"windows":["daily 22:00-07:00"],"zone":"UTC"}"#;
    sender.quiet = vec![serde_json::from_str(hours).unwrap()];
    let (night, morning) = (3 * 3600, 7 * 3600);
    let short = firing("memory_low", "c", Warning, at(night));
    sender.waiting = vec![
        firing("disk_space", "a", Warning, at(night)),
        firing("disk_space", "b", Critical, at(night)),
        resolved(&short, at(night + 600)),
        short,
    ];
    assert_eq!(sender.run_until(night, 8 * 3600), [night + 30, morning]);
    assert_eq!(sender.sent[0].key.severity, Critical);
    assert_eq!(sender.sent[1].notices[0].host.as_str(), "a");
    assert_eq!(sender.sent.len(), 2);
    assert!(sender.waiting.is_empty());
}

#[test]
fn a_host_that_is_down_has_its_other_alerts_wait() {
    let mut sender = Sender::new();
    sender.down = BTreeSet::from(["a".to_owned()]);
    sender.waiting = vec![
        firing("host_down", "a", Critical, at(0)),
        firing("certificate_expires", "a", Warning, at(0)),
        firing("certificate_expires", "b", Warning, at(0)),
    ];
    assert_eq!(sender.run_until(0, 300), [30]);
    let shown: Vec<_> = sender
        .sent
        .iter()
        .map(|one| one.notices[0].host.as_str())
        .collect();
    assert_eq!(shown, ["b", "a"]);
    sender.down.clear();
    assert_eq!(sender.run_until(300, 600), [330]);
    assert_eq!(sender.sent[2].notices[0].host.as_str(), "a");
}

#[test]
fn a_message_has_the_same_id_for_the_same_notices() {
    let notices = [
        firing("disk_space", "a", Warning, at(0)),
        firing("disk_space", "b", Warning, at(5)),
    ];
    let holding = Holding {
        silences: &[],
        quiet: &[],
        down: &BTreeSet::new(),
    };
    let sent = BTreeMap::new();
    let first = plan(&notices, &sent, &holding, at(35));
    let mut turned = notices.clone();
    turned.reverse();
    let again = plan(&turned, &sent, &holding, at(95));
    assert_eq!(first.bundles[0].id, again.bundles[0].id);
    let less = plan(&notices[..1], &sent, &holding, at(95));
    assert_ne!(first.bundles[0].id, less.bundles[0].id);
}

#[test]
fn giving_up_is_sent_beside_the_alert() {
    let mut sender = Sender::new();
    let began = firing("unit_failed", "a", Warning, at(0));
    let mut gave_up = began.clone();
    (gave_up.id, gave_up.kind) = (Uuid::max(), NoticeKind::GaveUp);
    gave_up.before = Some(Warning);
    sender.waiting = vec![began, gave_up];
    assert_eq!(sender.run(30), 1);
    let kinds: Vec<NoticeKind> = sender.sent[0].notices.iter().map(|it| it.kind).collect();
    assert_eq!(kinds.len(), 2);
    assert!(kinds.contains(&NoticeKind::GaveUp) && kinds.contains(&NoticeKind::Firing));
}
