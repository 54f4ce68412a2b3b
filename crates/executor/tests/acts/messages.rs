//! A million messages that no daemon sends: no crash, and no act.

use std::sync::Arc;

use linux_api_acts::frame;
use linux_api_acts::protocol::{Message, Outcome, Reply, Response};
use linux_api_executor::executor::{Executor, Peer};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use super::support::{Place, Sleeper, request};

const MESSAGES: u32 = 1_000_000;

const PARTS: &[&str] = &[
    "a;id",
    "-o Foo=x",
    "../x",
    "curl-",
    "lib.*",
    "\\u0000",
    "\\u001b[2J",
    "\u{202e}",
    "\\ud800",
    "nginx.service",
    "reboot.target",
    "getty@.service",
    "$(id)",
    "null",
    "-1",
    "18446744073709551616",
    "1e999",
    "[]",
    "{}",
    "\"",
    "\\",
    "unit.start",
    "unit.stop",
    "process.signal",
    "KILL",
    "act",
    "test",
    "status",
    "not_after",
    "9999-12-31T23:59:59Z",
    "signature",
    "verb",
    ",",
    ":",
    "{",
    "}",
];

/// A valid message with something wrong somewhere: a byte, a part, a cut, a repetition.
fn damage(random: &mut SmallRng, text: &mut Vec<u8>) {
    for _ in 0..random.random_range(1..4) {
        let place = random.random_range(0..=text.len());
        match random.random_range(0..5) {
            0 if place < text.len() => text[place] = random.random(),
            1 => {
                let part = PARTS.choose(random).unwrap();
                text.splice(place..place, part.bytes());
            }
            2 => text.truncate(place),
            3 => {
                let from = random.random_range(0..=place);
                let again = text[from..place].to_vec();
                text.splice(place..place, again);
            }
            _ => {
                // A value in place of another one.
                let part = PARTS.choose(random).unwrap();
                let end = (place + part.len()).min(text.len());
                text.splice(place..end, part.bytes());
            }
        }
    }
}

#[tokio::test]
async fn a_million_damaged_messages_do_nothing() {
    // Root's own processes and all units: whatever gets through would be done.
    let place = Place::new("processes.min_uid = 4294967295\nunits.allow = [\"nothing-*\"]");
    let mut sleeper = Sleeper::start();
    let executor = Arc::new(Executor::new(place.settings()));
    let peer = Peer { uid: 0, pid: None };
    let mut verbs = vec![sleeper.verb("KILL"), sleeper.verb("TERM")];
    for name in [
        "start",
        "stop",
        "restart",
        "reload",
        "reset-failed",
        "enable",
        "disable",
    ] {
        let json = format!(r#"{{"unit.{name}":{{"unit":"nginx.service"}}}}"#);
        verbs.push(super::support::verb(&json));
    }
    let seeds: Vec<Vec<u8>> = verbs
        .into_iter()
        .flat_map(|verb| {
            [
                Message::Act(request(verb.clone())),
                Message::Test(request(verb)),
            ]
        })
        .map(|message| serde_json::to_vec(&message).unwrap())
        .collect();
    let mut random = SmallRng::seed_from_u64(20_261_130);
    let (mut readable, mut malformed) = (0, 0);
    for number in 0..MESSAGES {
        let mut text = seeds.choose(&mut random).unwrap().clone();
        damage(&mut random, &mut text);
        let Ok(message) = frame::parse::<Message>(&text) else {
            malformed += 1;
            continue;
        };
        readable += 1;
        // Handling takes some file accesses; each hundredth goes all the way.
        if number % 100 != 0 {
            continue;
        }
        match executor.handle(peer, message).await {
            Reply::Act(Response { outcome, .. }) | Reply::Test(outcome) => {
                assert!(!matches!(outcome, Outcome::Done(_)), "{outcome:?}");
            }
            Reply::Status(_) | Reply::Records(_) | Reply::Malformed(_) => {}
        }
    }
    assert!(sleeper.lives());
    assert!(place.lines("act").is_empty());
    // Both ends of the parser were reached.
    assert!(
        readable > MESSAGES / 100 && malformed > MESSAGES / 2,
        "{readable} {malformed}"
    );
}

#[tokio::test]
async fn many_refused_requests_are_a_line_in_the_log() {
    let place = Place::new("");
    let sleeper = Sleeper::start();
    let executor = Executor::new(place.settings());
    let peer = Peer { uid: 0, pid: None };
    for _ in 0..10_000 {
        let reply = executor
            .handle(peer, Message::Act(request(sleeper.verb("KILL"))))
            .await;
        assert!(matches!(
            reply,
            Reply::Act(Response {
                outcome: Outcome::Refused(_),
                ..
            })
        ));
    }
    executor.write_counts().await;
    let lines = place.lines("refused");
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (&lines[0]["count"], &lines[0]["last"]),
        (&10_000.into(), &"policy".into())
    );
}
