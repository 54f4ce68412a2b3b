//! The order of an act, over the socket.

use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use linux_api_acts::client::{CallError, Client};
use linux_api_acts::protocol::{Effect, FailureCode, Outcome, PolicyState, RefusalCode, Response};
use linux_api_executor::executor::Executor;
use linux_api_executor::log::verify;
use linux_api_executor::server::Listener;

use super::support::{Place, Sleeper, assert_refused, refusal, request};

const OPEN: &str = "processes.min_uid = 0\n";

fn done(response: &Response) -> &Effect {
    match &response.outcome {
        Outcome::Done(effect) => effect,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_act_is_in_the_log_before_and_after_it() {
    let place = Place::new(OPEN);
    let running = place.start();
    let mut sleeper = Sleeper::start();
    let request = request(sleeper.verb("TERM"));
    let response = running.client.act(request.clone()).await.unwrap();
    assert!(matches!(
        done(&response),
        Effect::Signalled { ended: true, .. }
    ));
    assert!(!response.replayed && !sleeper.lives());
    let (acts, results) = (place.lines("act"), place.lines("result"));
    assert_eq!((acts.len(), results.len()), (1, 1));
    assert_eq!(acts[0]["claimed"]["name"], "alice");
    assert_eq!(acts[0]["verb"]["process.signal"]["signal"], "TERM");
    assert_eq!(acts[0]["id"], request.id.as_str());
    let rule = format!(
        "{}:1: processes.min_uid = 0",
        place.path("policy.toml").display()
    );
    assert_eq!(acts[0]["rule"], rule);
    assert_eq!(acts[0]["peer_pid"], std::process::id());
    assert!(acts[0]["seq"].as_u64() < results[0]["seq"].as_u64());
    let verified = verify(&place.path("acts.jsonl"), response.head.as_ref()).unwrap();
    assert_eq!(verified.head, response.head);
    running.stop().await;
}

#[tokio::test]
async fn a_policy_that_is_missing_or_wrong_closes_everything() {
    let place = Place::new("");
    let running = place.start();
    let mut sleeper = Sleeper::start();
    for (policy, code) in [
        (Some(""), RefusalCode::Policy),
        (
            Some("processes.min_uid = 0\nunits.allow = [\"a b\"]"),
            RefusalCode::Closed,
        ),
        (None, RefusalCode::Closed),
    ] {
        match policy {
            Some(text) => place.write_policy(text),
            None => std::fs::remove_file(place.path("policy.toml")).unwrap(),
        }
        let response = running
            .client
            .act(request(sleeper.verb("KILL")))
            .await
            .unwrap();
        let refusal = refusal(response.outcome);
        assert_eq!(refusal.code, code);
        assert!(refusal.remedy.is_some(), "{refusal:?}");
    }
    let status = running.client.status().await.unwrap();
    assert!(matches!(status.policy, PolicyState::Closed(_)) && status.refused == 3);
    // It is read again: no restart.
    place.write_policy(OPEN);
    assert!(sleeper.lives() && place.lines("act").is_empty());
    done(
        &running
            .client
            .act(request(sleeper.verb("KILL")))
            .await
            .unwrap(),
    );
    assert!(!sleeper.lives());
    running.stop().await;
    let counted = place.lines("refused");
    assert_eq!(
        counted
            .iter()
            .map(|line| line["count"].as_u64().unwrap())
            .sum::<u64>(),
        3
    );
}

#[tokio::test]
async fn the_same_request_is_done_once_over_a_restart_too() {
    let place = Place::new(OPEN);
    let running = place.start();
    let sleeper = Sleeper::start();
    let first = request(sleeper.verb("STOP"));
    let response = running.client.act(first.clone()).await.unwrap();
    for _ in 0..2 {
        let again = running.client.act(first.clone()).await.unwrap();
        assert!(again.replayed && again.outcome == response.outcome);
    }
    // Later, with another deadline: it is the same request.
    let mut later = first.clone();
    later.not_after = later.not_after.saturating_add(Duration::from_secs(5));
    assert!(running.client.act(later).await.unwrap().replayed);
    // Its result can be had when it would be too late to begin it.
    let mut late = first.clone();
    late.not_after = late.not_after.saturating_sub(Duration::from_mins(2));
    let late = running.client.act(late).await.unwrap();
    assert!(late.replayed && late.outcome == response.outcome);
    let mut other = first.clone();
    other.verb = sleeper.verb("CONT");
    running.refuses(other.clone(), RefusalCode::IdReused).await;
    let mut foreign = first.clone();
    foreign.actor.key = None;
    running.refuses(foreign, RefusalCode::IdReused).await;
    running.stop().await;
    let running = place.start();
    let again = running.client.act(first.clone()).await.unwrap();
    assert!(again.replayed && again.outcome == response.outcome);
    running.refuses(other, RefusalCode::IdReused).await;
    assert_eq!(place.lines("act").len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn two_at_the_same_time_are_one_act() {
    let place = Place::new(OPEN);
    let running = place.start();
    let sleeper = Sleeper::start();
    let same = request(sleeper.verb("STOP"));
    let calls = (0..8).map(|_| running.client.act(same.clone()));
    let responses = futures_util::future::try_join_all(calls).await.unwrap();
    assert_eq!(responses.iter().filter(|it| !it.replayed).count(), 1);
    assert!(
        responses
            .iter()
            .all(|it| it.outcome == responses[0].outcome)
    );
    assert_eq!(place.lines("act").len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn an_act_that_was_begun_and_lost_is_not_repeated() {
    let place = Place::new(OPEN);
    let running = place.start();
    let sleeper = Sleeper::start();
    let first = request(sleeper.verb("STOP"));
    done(&running.client.act(first.clone()).await.unwrap());
    running.stop().await;
    // As a kill between the act and its result leaves it.
    let path = place.path("acts.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.contains("\"event\":\"result\""));
    let lines: Vec<&str> = lines.collect();
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    let running = place.start();
    let again = running.client.act(first).await.unwrap();
    assert!(matches!(again.outcome, Outcome::Failed(it) if it.code == FailureCode::Unknown));
    assert!(again.replayed);
    running.stop().await;
}

#[tokio::test]
async fn the_31st_act_of_a_minute_is_refused_over_a_restart_too() {
    let place = Place::new(OPEN);
    let running = place.start();
    let sleeper = Sleeper::start();
    for _ in 0..20 {
        done(
            &running
                .client
                .act(request(sleeper.verb("CONT")))
                .await
                .unwrap(),
        );
    }
    running.stop().await;
    let running = place.start();
    for _ in 0..10 {
        done(
            &running
                .client
                .act(request(sleeper.verb("CONT")))
                .await
                .unwrap(),
        );
    }
    let refused = running
        .client
        .act(request(sleeper.verb("CONT")))
        .await
        .unwrap();
    let refused = refusal(refused.outcome);
    assert!(refused.code == RefusalCode::Rate && refused.message.contains("30/minute"));
    assert_eq!(place.lines("act").len(), 30);
    place.write_policy("rate = \"40/minute\"\nprocesses.min_uid = 0");
    done(
        &running
            .client
            .act(request(sleeper.verb("CONT")))
            .await
            .unwrap(),
    );
    running.stop().await;
}

#[tokio::test]
async fn what_can_not_be_recorded_does_not_happen() {
    let place = Place::new(OPEN);
    std::fs::create_dir(place.path("acts.jsonl")).unwrap();
    let running = place.start();
    let mut sleeper = Sleeper::start();
    let response = running
        .client
        .act(request(sleeper.verb("KILL")))
        .await
        .unwrap();
    assert_refused(response.outcome, RefusalCode::Log);
    assert!(sleeper.lives() && response.head.is_none());
    let status = running.client.status().await.unwrap();
    assert!(status.log.problem.is_some(), "{status:?}");
    std::fs::remove_dir(place.path("acts.jsonl")).unwrap();
    done(
        &running
            .client
            .act(request(sleeper.verb("KILL")))
            .await
            .unwrap(),
    );
    assert_eq!(running.client.status().await.unwrap().log.problem, None);
    running.stop().await;
}

#[tokio::test]
async fn requests_out_of_time_or_range_are_refused() {
    let place = Place::new(OPEN);
    let running = place.start();
    let mut sleeper = Sleeper::start();
    let good = request(sleeper.verb("KILL"));
    let mut late = good.clone();
    late.not_after = late.not_after.saturating_sub(Duration::from_secs(31));
    let mut early = good.clone();
    early.not_after = early.not_after.saturating_add(Duration::from_secs(45));
    for expired in [late, early] {
        let response = running.client.act(expired).await.unwrap();
        assert_refused(response.outcome, RefusalCode::Expired);
    }
    let mut signed = good.clone();
    signed.signature = Some("ed25519:AAAA".to_owned());
    running.refuses(signed, RefusalCode::Invalid).await;
    // The daemon, as which the test requests.
    let own = Sleeper::start().process();
    let mut process = own;
    process.pid = std::process::id();
    let identity = linux_api_host::read_identity("/proc".as_ref(), process.pid).unwrap();
    let verb = super::support::verb(&format!(
        r#"{{"process.signal":{{"process":{{"pid":{},"start_ticks":{}}},"signal":"KILL"}}}}"#,
        process.pid, identity.start_ticks
    ));
    running.refuses(request(verb), RefusalCode::Policy).await;
    assert!(sleeper.lives());
    running.stop().await;
}

#[tokio::test]
async fn a_test_decides_and_does_nothing() {
    let place = Place::new(OPEN);
    let running = place.start();
    let mut sleeper = Sleeper::start();
    let outcome = running
        .client
        .test(request(sleeper.verb("KILL")))
        .await
        .unwrap();
    assert!(
        matches!(&outcome, Outcome::Done(Effect::Allowed(it)) if it.allowed),
        "{outcome:?}"
    );
    place.write_policy("");
    let outcome = running
        .client
        .test(request(sleeper.verb("KILL")))
        .await
        .unwrap();
    assert_refused(outcome, RefusalCode::Policy);
    assert!(sleeper.lives() && place.lines("act").is_empty());
    running.stop().await;
}

#[tokio::test]
async fn only_root_the_daemon_and_who_is_named_may_connect() {
    let place = Place::new("peer_uids = [4242]");
    let mut settings = place.settings();
    settings.daemon_uid = Some(977);
    let executor = Executor::new(settings);
    let own = rustix::process::geteuid().as_raw();
    for uid in [0, 977, 4242, own] {
        assert!(executor.admits(uid), "{uid}");
    }
    assert!(!executor.admits(4243));
    // A policy with a mistake lets no one else in, and the daemon still gets the reason.
    place.write_policy("peer_uids = [4242]\nx = 1");
    assert!(!executor.admits(4242) && executor.admits(977));
    let _listener = Listener::bind(&place.path("executor.sock"), None).unwrap();
    let mode = std::fs::metadata(place.path("executor.sock"))
        .unwrap()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_socket_that_someone_listens_at_is_not_replaced() {
    let place = Place::new("");
    let running = place.start();
    let path = place.path("executor.sock");
    let kind = || Listener::bind(&path, None).unwrap_err().kind();
    assert_eq!(kind(), ErrorKind::AddrInUse);
    running.client.status().await.unwrap();
    running.stop().await;
    assert!(!path.exists());
    // What a kill leaves is replaced, other files are not.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    drop(Listener::bind(&path, None).unwrap());
    std::fs::write(&path, "").unwrap();
    assert_eq!(kind(), ErrorKind::AlreadyExists);
}

#[tokio::test]
async fn without_an_executor_the_reason_and_the_remedy_are_known() {
    let place = Place::new("");
    let path = place.path("executor.sock");
    let call = async || Client::new(&path).status().await.unwrap_err();
    let CallError::Absent { remedy, .. } = call().await else {
        panic!("there is none");
    };
    assert!(remedy.contains("enable --now"), "{remedy}");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    // systemd leaves its file when the socket is stopped, and it is not started by the next boot.
    let CallError::Absent { reason, remedy, .. } = call().await else {
        panic!("there is none");
    };
    assert_eq!(reason, "has no listener");
    assert!(remedy.contains("enable --now"), "{remedy}");
    // Something else listens there.
    std::fs::remove_file(&path).unwrap();
    let other = tokio::net::UnixListener::bind(&path).unwrap();
    let accept = tokio::spawn(async move {
        let (mut stream, _) = other.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n")
            .await
            .unwrap();
    });
    assert!(matches!(call().await, CallError::Unreached(_)));
    accept.await.unwrap();
}

#[tokio::test]
async fn another_version_is_refused_with_the_reason() {
    let place = Place::new("");
    let running = place.start();
    let path = place.path("executor.sock");
    let read = tokio::task::spawn_blocking(move || {
        let mut stream = UnixStream::connect(path).unwrap();
        let hello = br#"{"protocol":2,"program":"9.0.0"}"#;
        stream
            .write_all(&u32::try_from(hello.len()).unwrap().to_be_bytes())
            .unwrap();
        stream.write_all(hello).unwrap();
        let mut text = String::new();
        let mut length = [0; 4];
        std::io::Read::read_exact(&mut stream, &mut length).unwrap();
        std::io::Read::read_to_string(&mut stream, &mut text).unwrap();
        text
    });
    let text = read.await.unwrap();
    assert!(text.contains("and not 2 of 9.0.0"), "{text}");
    running.stop().await;
}

#[tokio::test]
async fn the_log_is_read_through_once_a_day_and_a_change_shows_in_the_status() {
    let place = Place::new(OPEN);
    let running = place.start();
    let sleeper = Sleeper::start();
    done(
        &running
            .client
            .act(request(sleeper.verb("CONT")))
            .await
            .unwrap(),
    );
    running.stop().await;
    assert_eq!(place.lines("verified").len(), 1);
    let running = place.start();
    assert!(
        running
            .client
            .status()
            .await
            .unwrap()
            .log
            .verified
            .is_some()
    );
    running.stop().await;
    assert_eq!(place.lines("verified").len(), 1);
    // As if the day were over, with one name changed.
    let path = place.path("acts.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text
        .replace("\"event\":\"verified\"", "\"event\":\"else\"")
        .replace("alice", "mally");
    std::fs::write(&path, text).unwrap();
    let running = place.start();
    let problem = loop {
        let status = running.client.status().await.unwrap();
        if let Some(problem) = status.log.problem {
            break problem;
        }
        tokio::task::yield_now().await;
    };
    assert!(
        problem.contains("changed, removed or inserted"),
        "{problem}"
    );
    running.stop().await;
    // The next process says it too, before it looks itself.
    let running = place.start();
    let status = running.client.status().await.unwrap();
    assert_eq!(status.log.problem, Some(problem));
    running.stop().await;
    assert_eq!(place.lines("verified").len(), 1);
}
