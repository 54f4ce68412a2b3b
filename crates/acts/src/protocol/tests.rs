//! The wire form of messages, and what is refused.

use super::*;

fn message(verb: &str) -> String {
    format!(
        r#"{{"act":{{"id":"a","not_after":"2026-11-30T00:00:00Z","actor":{{"name":"alice"}},"verb":{verb}}}}}"#
    )
}

fn read(text: &str) -> Result<Message, serde_json::Error> {
    serde_json::from_str(text)
}

fn verb(text: &str) -> Result<Verb, serde_json::Error> {
    read(&message(text)).map(|message| match message {
        Message::Act(request) => request.verb,
        _ => panic!("it is an act"),
    })
}

const VERBS: [&str; 10] = [
    r#"{"process.signal":{"process":{"pid":7,"start_ticks":9},"signal":"TERM","escalate_after":5}}"#,
    r#"{"process.renice":{"process":{"pid":7,"start_ticks":9},"nice":10}}"#,
    r#"{"unit.start":{"unit":"nginx.service"}}"#,
    r#"{"unit.stop":{"unit":"nginx.service"}}"#,
    r#"{"unit.restart":{"unit":"nginx.service"}}"#,
    r#"{"unit.reload":{"unit":"nginx.service"}}"#,
    r#"{"unit.reset-failed":{"unit":"nginx.service"}}"#,
    r#"{"unit.enable":{"unit":"nginx.service"}}"#,
    r#"{"unit.disable":{"unit":"nginx.service"}}"#,
    r#"{"unit.limits":{"unit":"nginx.service","persistent":true,"memory_max":67108864,"cpu_quota":"infinity"}}"#,
];

#[test]
fn every_verb_has_one_form() {
    for text in VERBS {
        let verb = verb(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(serde_json::to_string(&verb).unwrap(), text);
        assert_eq!(verb.check(), Ok(()), "{text}");
    }
    for kind in UnitVerb::ALL {
        let text = serde_json::to_string(&kind).unwrap();
        assert_eq!(text.trim_matches('"'), kind.as_str());
    }
}

#[test]
fn what_has_no_place_is_refused() {
    for text in [
        r#"{"unit.start":{"unit":"nginx.service","force":true}}"#,
        r#"{"unit.start":{"unit":"a.service","unit":"b.service"}}"#,
        r#"{"unit.start":{"unit":"a.service"},"unit.stop":{"unit":"a.service"}}"#,
        r#"{"unit.start":{"unit":"reboot.target"}}"#,
        r#"{"unit.start":{"unit":"a;id"}}"#,
        r#"{"unit.start":{"unit":"-o Foo=x"}}"#,
        r#"{"unit.start":{"unit":"../x"}}"#,
        r#"{"unit.start":{}}"#,
        r#"{"unit.kill":{"unit":"a.service"}}"#,
        r#"{"process.signal":{"process":{"pid":-1,"start_ticks":9},"signal":"TERM"}}"#,
        r#"{"process.signal":{"process":{"pid":4294967296,"start_ticks":9},"signal":"TERM"}}"#,
        r#"{"process.signal":{"process":{"pid":7},"signal":"TERM"}}"#,
        r#"{"process.signal":{"process":{"pid":7,"start_ticks":9},"signal":"SIGTERM"}}"#,
        r#"{"process.signal":{"process":{"pid":7,"start_ticks":9},"signal":9}}"#,
        r#"{"unit.limits":{"unit":"a.service","memory_max":"none"}}"#,
        r#"{"unit.limits":{"unit":"a.service","memory_max":-1}}"#,
        "null",
        r#""reboot""#,
    ] {
        assert!(verb(text).is_err(), "{text}");
    }
    let whole = message(VERBS[4]);
    assert!(read(&whole).is_ok());
    for (from, to) in [
        (r#""id":"a""#, r#""id":"a b""#),
        (r#""id":"a","#, ""),
        (r#""id":"a""#, r#""id":"a","policy":"x""#),
        (r#""name":"alice""#, r#""name":"alice","uid":0"#),
        (r#""name":"alice""#, r#""name":"""#),
        ("2026-11-30T00:00:00Z", "tomorrow"),
        (r#"{"act":"#, r#"{"do":"#),
    ] {
        let changed = whole.replace(from, to);
        assert_ne!(changed, whole);
        assert!(read(&changed).is_err(), "{changed}");
    }
}

#[test]
fn arguments_have_ranges() {
    let wrong = |text: &str| verb(text).unwrap().check().unwrap_err();
    let signal = VERBS[0];
    for (from, to) in [
        (r#""escalate_after":5"#, r#""escalate_after":0"#),
        (r#""escalate_after":5"#, r#""escalate_after":31"#),
        ("TERM", "KILL"),
    ] {
        assert!(wrong(&signal.replace(from, to)).contains("escalate_after"));
    }
    assert!(wrong(&VERBS[1].replace("10", "20")).contains("-20 and 19"));
    let limits = VERBS[9];
    for (from, to) in [
        ("67108864", "33554431"),
        (r#""infinity""#, "4"),
        (r#""infinity""#, "1000001"),
        (r#""cpu_quota":"infinity""#, r#""tasks_max":15"#),
        (r#""cpu_quota":"infinity""#, r#""io_weight":9"#),
        (r#""cpu_quota":"infinity""#, r#""io_weight":10001"#),
        ("nginx.service", "nginx.socket"),
    ] {
        wrong(&limits.replace(from, to));
    }
    wrong(r#"{"unit.limits":{"unit":"nginx.service"}}"#);
}

#[test]
fn an_older_daemon_reads_past_what_a_reply_has_gained() {
    let text = r#"{"act":{"id":"a","replayed":false,"head":null,"later":1,"outcome":{"refused":
        {"code":"policy","message":"no","later":2}}}}"#;
    let reply: Reply = serde_json::from_str(text).unwrap();
    assert!(matches!(
        reply,
        Reply::Act(Response {
            outcome: Outcome::Refused(_),
            ..
        })
    ));
}
