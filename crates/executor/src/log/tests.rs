//! The log as it is on disk: the chain, rotation, crashes, tampering.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use tempfile::TempDir;

use super::stored::History;
use super::*;
use linux_api_acts::protocol::{Effect, Failure, FailureCode};
use linux_api_wire::time::ManualClock;

const DONE: Outcome = Outcome::Done(Effect::Reniced {
    from: 0,
    threads: 1,
});

struct Place {
    folder: TempDir,
    clock: ManualClock,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: ManualClock::at(Timestamp::from_millis(1_000_000_000_000)),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("acts.jsonl")
    }

    fn open(&self) -> ActLog {
        ActLog::open(&self.path(), self.clock.clock()).unwrap()
    }

    fn open_small(&self, bytes: u64) -> ActLog {
        ActLog::open_sized(&self.path(), self.clock.clock(), bytes).unwrap()
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }
}

fn actor() -> &'static Actor {
    static ACTOR: LazyLock<Actor> =
        LazyLock::new(|| serde_json::from_str(r#"{"name":"alice"}"#).unwrap());
    &ACTOR
}

fn verb() -> &'static Verb {
    const TEXT: &str = r#"{"unit.stop":{"unit":"a.service"}}"#;
    static VERB: LazyLock<Verb> = LazyLock::new(|| serde_json::from_str(TEXT).unwrap());
    &VERB
}

fn result(id: &str) -> Event<'_> {
    Event::Result {
        id,
        claimed: actor(),
        verb: verb(),
        outcome: &DONE,
    }
}

fn broken(place: &Place) -> (PathBuf, usize) {
    match verify(&place.path(), None).unwrap_err() {
        Finding::Broken { path, line, .. } => (path, line),
        other => panic!("{other}"),
    }
}

#[test]
fn the_chain_goes_on_over_processes() {
    let place = Place::new();
    assert_eq!(verify(&place.path(), None).unwrap().head, None);
    let mut log = place.open();
    log.append(&result("a")).unwrap();
    drop(log);
    let mut log = place.open();
    assert_eq!(log.head().seq, 1);
    let head = log.append(&result("b")).unwrap();
    let verified = verify(&place.path(), Some(&head)).unwrap();
    assert_eq!(
        (verified.lines, verified.first, verified.head),
        (2, 1, Some(head))
    );
    let mode = fs::metadata(place.path()).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&mode) & 0o777, 0o600);
}

#[test]
fn a_second_process_can_not_write() {
    let place = Place::new();
    let log = place.open();
    let second = ActLog::open(&place.path(), place.clock.clock());
    assert_eq!(second.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(log);
    place.open();
}

#[test]
fn one_changed_byte_is_found_over_a_rotation_too() {
    let place = Place::new();
    let mut log = place.open_small(900);
    for number in 0..20 {
        log.append(&result(&format!("id-{number}"))).unwrap();
    }
    drop(log);
    let whole = verify(&place.path(), None).unwrap();
    assert_eq!(whole.head.unwrap().seq, 20);
    let rotated = numbered(&place.path(), 2);
    let text = fs::read_to_string(&rotated).unwrap();
    let second = text.lines().nth(1).unwrap();
    fs::write(
        &rotated,
        text.replace(second, &second.replace("id-", "ix-")),
    )
    .unwrap();
    // The line after it no longer fits; it may be in the next file.
    let (path, line) = broken(&place);
    let after = if text.lines().count() > 2 {
        (rotated.clone(), 3)
    } else {
        (numbered(&place.path(), 1), 1)
    };
    assert_eq!((path, line), after);
    fs::write(&rotated, &text).unwrap();
    verify(&place.path(), None).unwrap();
    // A file that is gone from the middle.
    fs::rename(&rotated, place.folder.path().join("elsewhere")).unwrap();
    assert_eq!(broken(&place).1, 1);
}

#[test]
fn removed_inserted_and_swapped_lines_are_found() {
    let place = Place::new();
    let mut log = place.open();
    for id in ["a", "b", "c", "d"] {
        log.append(&result(id)).unwrap();
    }
    let head = log.head();
    drop(log);
    let text = place.text();
    let lines: Vec<&str> = text.lines().collect();
    let write = |lines: &[&str]| fs::write(place.path(), lines.join("\n") + "\n").unwrap();
    write(&[lines[0], lines[2], lines[3]]);
    assert_eq!(broken(&place).1, 2);
    write(&[lines[0], lines[1], lines[1], lines[2], lines[3]]);
    assert_eq!(broken(&place).1, 3);
    write(&[lines[0], lines[2], lines[1], lines[3]]);
    assert_eq!(broken(&place).1, 2);
    write(&[lines[0], "{}", lines[1], lines[2], lines[3]]);
    assert_eq!(broken(&place).1, 3);
    // The end shows only to one who knows it.
    write(&lines[..3]);
    verify(&place.path(), None).unwrap();
    let missing = verify(&place.path(), Some(&head)).unwrap_err();
    assert!(matches!(missing, Finding::Other(4)), "{missing}");
}

#[test]
fn files_are_bounded_and_the_first_lines_are_dropped() {
    let place = Place::new();
    let mut log = place.open_small(900);
    for number in 0..100 {
        log.append(&result(&number.to_string())).unwrap();
    }
    drop(log);
    let mut bytes = 0;
    for number in 0..FILES {
        bytes += fs::metadata(numbered(&place.path(), number)).unwrap().len();
    }
    assert!(bytes <= 900 * FILES as u64, "{bytes}");
    assert!(!numbered(&place.path(), FILES).exists());
    let verified = verify(&place.path(), None).unwrap();
    assert!(verified.first > 1 && verified.head.unwrap().seq == 100);
}

#[test]
fn a_rotation_that_a_kill_cut_short_goes_on() {
    let place = Place::new();
    let mut log = place.open_small(900);
    for number in 0..12 {
        log.append(&result(&number.to_string())).unwrap();
    }
    drop(log);
    // Killed after the first file was moved and before there was a new one.
    for number in (0..4).rev() {
        let path = numbered(&place.path(), number);
        if path.exists() {
            fs::rename(&path, numbered(&place.path(), number + 1)).unwrap();
        }
    }
    assert!(!place.path().exists());
    let mut log = place.open_small(900);
    assert_eq!(log.head().seq, 12);
    log.append(&result("on")).unwrap();
    let verified = verify(&place.path(), None).unwrap();
    assert_eq!((verified.lines, verified.first), (13, 1));
}

#[test]
fn a_line_that_a_crash_cut_off_stays_and_is_explained() {
    for cut in [1, 20, 60] {
        let place = Place::new();
        let mut log = place.open();
        log.append(&result("a")).unwrap();
        log.append(&result("b")).unwrap();
        drop(log);
        let text = place.text();
        fs::write(place.path(), &text[..text.len() - cut]).unwrap();
        let mut log = place.open();
        log.append(&result("c")).unwrap();
        drop(log);
        let verified = verify(&place.path(), None).unwrap();
        // Of the first cut only the end of the line is missing.
        assert_eq!(verified.torn.len(), usize::from(cut > 1), "{cut}");
        assert!(place.text().contains("\"event\":\"resumed\""));
        // Once more, between the end of the line and the one that explains it.
        let text = place.text();
        let torn = text
            .lines()
            .position(|line| line.contains("resumed"))
            .unwrap();
        let before: Vec<&str> = text.lines().take(torn).collect();
        fs::write(place.path(), before.join("\n") + "\n").unwrap();
        place.open().append(&result("d")).unwrap();
        verify(&place.path(), None).unwrap();
    }
}

#[test]
fn what_looks_cut_off_and_is_not_explained_is_broken() {
    let place = Place::new();
    let mut log = place.open();
    for id in ["a", "b", "c"] {
        log.append(&result(id)).unwrap();
    }
    drop(log);
    let text = place.text();
    let lines: Vec<&str> = text.lines().collect();
    let cut = &lines[1][..30];
    fs::write(place.path(), [lines[0], cut, lines[2]].join("\n") + "\n").unwrap();
    assert_eq!(broken(&place).1, 3);
}

#[test]
fn a_line_that_does_not_fit_is_not_written() {
    let place = Place::new();
    let mut log = place.open();
    let outcome = Outcome::Failed(Failure {
        code: FailureCode::System,
        message: "x".repeat(LINE_BYTES),
    });
    let written = log.append(&Event::Result {
        id: "a",
        claimed: actor(),
        verb: verb(),
        outcome: &outcome,
    });
    assert_eq!(written.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    assert!(place.text().is_empty());
}

#[test]
fn acts_of_the_last_day_are_found_over_rotations_and_with_their_results() {
    let place = Place::new();
    let mut log = place.open_small(900);
    for id in ["old", "first", "second", "open"] {
        log.append(&Event::Act {
            id,
            claimed: actor(),
            peer_uid: 0,
            peer_pid: Some(7),
            verb: verb(),
            rule: "x",
            fingerprint: "f",
            automatic: None,
        })
        .unwrap();
        if id != "open" {
            log.append(&result(id)).unwrap();
        }
        if id == "old" {
            place.clock.advance(Duration::from_hours(25));
        }
    }
    assert!(numbered(&place.path(), 1).exists());
    let since = place
        .clock
        .clock()
        .now()
        .saturating_sub(Duration::from_hours(24));
    let History { acts, checked, .. } = history(&place.path(), since).unwrap();
    let found: Vec<_> = acts
        .iter()
        .map(|it| (&*it.id, it.outcome.is_some()))
        .collect();
    assert_eq!(found, [("first", true), ("second", true), ("open", false)]);
    assert_eq!(checked, None);
}

#[test]
fn links_and_pipes_are_no_logs() {
    let place = Place::new();
    let target = place.folder.path().join("passwd");
    fs::write(&target, "").unwrap();
    std::os::unix::fs::symlink(&target, place.path()).unwrap();
    assert!(ActLog::open(&place.path(), Clock::system()).is_err());
    let missing = Path::new("/nonexistent/acts.jsonl");
    assert!(ActLog::open(missing, Clock::system()).is_err());
}

#[test]
fn records_are_returned_after_a_known_line_over_rotations_and_in_parts() {
    let place = Place::new();
    let mut log = place.open_small(40_000);
    assert_eq!(records_after(&place.path(), None).unwrap().last, None);
    let mut heads = Vec::new();
    for number in 0..300 {
        let id = number.to_string();
        let act = Event::Act {
            id: &id,
            claimed: actor(),
            peer_uid: 0,
            peer_pid: None,
            verb: verb(),
            rule: "x",
            fingerprint: "f",
            automatic: None,
        };
        heads.push(log.append(&act).unwrap());
        heads.push(log.append(&result(&id)).unwrap());
    }
    log.append(&Event::Refused {
        count: 1,
        last: "rate",
    })
    .unwrap();
    assert!(numbered(&place.path(), 2).exists());
    let read_all = |mut after: Option<Head>| {
        let (mut found, mut parts) = (Vec::new(), 0);
        loop {
            let part = records_after(&place.path(), after.as_ref()).unwrap();
            let size = serde_json::to_vec(&part).unwrap().len();
            assert!(size <= linux_api_acts::frame::MAX_BYTES, "{size}");
            found.extend(part.records.into_iter().map(|record| record.line));
            parts += 1;
            after = part.last;
            if !part.more {
                // The line that is about no act was read too.
                assert_eq!(after.map(|head| head.seq), Some(601));
                return (found, parts);
            }
        }
    };
    let (all, parts) = read_all(None);
    assert_eq!(all, heads);
    assert!(parts > 2, "{parts}");
    assert_eq!(read_all(Some(heads[250].clone())).0, heads[251..]);
    let known = log.head();
    let nothing = records_after(&place.path(), Some(&known)).unwrap();
    assert!(nothing.records.is_empty() && nothing.last == Some(known));
    // A line of another log: this one is read from its beginning.
    let other = Head {
        hash: NOTHING.to_owned(),
        ..heads[250].clone()
    };
    assert_eq!(read_all(Some(other)).0, heads);
}

#[test]
fn a_file_that_moves_while_files_are_opened_is_read_once() {
    let place = Place::new();
    let mut log = place.open();
    for id in ["a", "b"] {
        log.append(&result(id)).unwrap();
    }
    // It was opened by its first name and is there by its second.
    fs::hard_link(place.path(), numbered(&place.path(), 1)).unwrap();
    assert_eq!(verify(&place.path(), None).unwrap().lines, 2);
    let all = records_after(&place.path(), None).unwrap();
    assert_eq!(all.records.len(), 2);
}

#[test]
fn the_chain_is_whole_whatever_words_another_release_had() {
    let place = Place::new();
    let mut log = place.open();
    let head = log.append(&result("a")).unwrap();
    drop(log);
    let line = format!(
        r#"{{"seq":2,"time":"2026-11-30T00:00:00Z","prev":"{}","event":"act","id":"b","verb":{{"host.freeze":{{}}}},"outcome":{{"frozen":7}}}}"#,
        head.hash
    );
    fs::write(place.path(), format!("{}{line}\n", place.text())).unwrap();
    let head = place.open().append(&result("c")).unwrap();
    let verified = verify(&place.path(), Some(&head)).unwrap();
    assert_eq!((verified.lines, verified.torn.len()), (3, 0));
    let known = records_after(&place.path(), None).unwrap();
    let ids: Vec<&str> = known.records.iter().map(|it| it.id.as_str()).collect();
    assert_eq!((ids, known.last), (vec!["a", "c"], Some(head)));
}

#[test]
fn what_the_last_look_has_found_is_remembered() {
    let place = Place::new();
    let mut log = place.open();
    let mut verified = |problem| {
        log.append(&Event::Verified { lines: 1, problem }).unwrap();
        let history = history(&place.path(), Timestamp::from_millis(0)).unwrap();
        place.clock.advance(Duration::from_hours(1));
        (history.checked, history.verified, history.problem)
    };
    let (first, whole, none) = verified(None);
    assert!(first.is_some() && whole == first && none.is_none());
    let (second, whole, problem) = verified(Some("changed"));
    assert!(second > first && whole == first);
    assert_eq!(problem.as_deref(), Some("changed"));
    assert_eq!(verified(None).2, None);
}
