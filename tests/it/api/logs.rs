//! `/api/v1/system/logs`: real journal files read by the real journalctl, and a small program in its place
//! where it has to be slow or wrong.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use linux_api_host::HostRoots;
use linux_api_wire::user::Role;
use serde_json::{Value, json};

use crate::api::app::{App, Caller, Setup};
use crate::api::database::Database;
use crate::support::journal_files::{BOOTS, FakeEntry, JournalFiles, fake_journalctl};

#[path = "logs/search.rs"]
mod search;

const LOGS: &str = "/api/v1/system/logs";

struct Stage {
    app: App,
    reader: Caller,
    database: Database,
}

impl Stage {
    async fn of(database: Database, program: Option<&Path>) -> Self {
        let mut setup = Setup::new(&database);
        setup.roots = HostRoots {
            rootfs: database.folder.path().to_owned(),
            ..HostRoots::default()
        };
        setup.journalctl = program.map(Path::to_owned);
        let app = App::with(setup).await;
        let reader = app.user("alice1", Role::Admin).await;
        Self {
            app,
            reader,
            database,
        }
    }

    /// With these entries in its journal.
    async fn new(entries: impl IntoIterator<Item = FakeEntry>) -> Option<Self> {
        let database = Database::sqlite();
        let mut files = JournalFiles::start(database.folder.path())?;
        files.write(entries);
        files.finish();
        Some(Self::of(database, None).await)
    }

    /// With a program of this C code in place of journalctl.
    async fn with_program(code: &str) -> Self {
        let database = Database::sqlite();
        let program = fake_journalctl(database.folder.path(), code);
        Self::of(database, Some(&program)).await
    }

    async fn get(&self, query: &str) -> Value {
        let path = format!("{LOGS}?{query}");
        self.app.get(&self.reader.key, &path).await.expect(200)
    }

    fn arguments(&self) -> Vec<String> {
        let file = self.database.folder.path().join("arguments");
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

fn messages(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    items
        .map(|entry| entry["message"].as_str().unwrap().to_owned())
        .collect()
}

fn lines(range: impl Iterator<Item = u64>) -> Vec<String> {
    range.map(|number| format!("line {number}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_pages_both_ways_lose_and_double_nothing() {
    const ALL: u64 = 1_000;
    let Some(stage) = Stage::new((0..ALL).map(FakeEntry::new)).await else {
        return;
    };
    let mut page = stage.get("limit=20").await;
    assert_eq!(messages(&page), lines(ALL - 20..ALL));
    let mut back = vec![messages(&page)];
    while let Some(cursor) = page["older_cursor"].as_str() {
        page = stage.get(&format!("limit=20&cursor={cursor}")).await;
        assert_eq!(page["partial"], false);
        back.push(messages(&page));
    }
    assert_eq!(back.len(), 50);
    back.reverse();
    assert_eq!(back.concat(), lines(0..ALL));

    let mut page = stage.get("limit=20&direction=newer").await;
    assert_eq!(page["older_cursor"], Value::Null);
    let mut on = messages(&page);
    while page["items"].as_array().unwrap().len() == 20 {
        let cursor = page["newer_cursor"].as_str().unwrap();
        page = stage
            .get(&format!("limit=20&direction=newer&cursor={cursor}"))
            .await;
        on.extend(messages(&page));
    }
    assert_eq!(on, lines(0..ALL));
    assert_eq!(
        (&page["items"], &page["newer_cursor"]),
        (&json!([]), &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_are_selected_and_a_cursor_of_another_selection_loses_none() {
    let entries = (0..90).map(|number| FakeEntry {
        unit: ["app.service", "web.service", "init.scope"][usize::try_from(number % 3).unwrap()],
        priority: if number % 10 == 0 { 3 } else { 6 },
        boot: usize::from(number >= 60),
        ..FakeEntry::new(number)
    });
    let Some(stage) = Stage::new(entries).await else {
        return;
    };
    let of = async |query: &str| messages(&stage.get(query).await);
    assert_eq!(of("unit=web.service").await, lines((1..90).step_by(3)));
    assert_eq!(of("priority=err").await, lines((0..90).step_by(10)));
    assert_eq!(
        of("priority=4&unit=app.service").await,
        lines([0, 30, 60].into_iter())
    );
    assert_eq!(
        of("grep=LINE%208%5B0-3%5D%24&limit=5").await,
        Vec::<String>::new()
    );
    assert_eq!(of("grep=line%208%5B0-3%5D%24").await, lines(80..84));
    assert_eq!(of(&format!("boot={}", BOOTS[0])).await, lines(0..60));
    assert_eq!(of("boot=0&limit=3").await, lines(87..90));
    assert_eq!(of("boot=-1&limit=3").await, lines(57..60));
    let times = "since=2026-11-23T07:00:00.010Z&until=2026-11-23T07:00:00.020Z";
    assert_eq!(of(times).await, lines(10..21));
    assert_eq!(
        of(&format!("{times}&direction=newer&limit=4")).await,
        lines(10..14)
    );

    // The entry of the cursor is none of web.service's: no entry is passed over for it.
    let page = stage.get("limit=45").await;
    let cursor = page["older_cursor"].as_str().unwrap();
    assert_eq!(page["items"][0]["message"], "line 45");
    let older = of(&format!("unit=web.service&limit=2&cursor={cursor}")).await;
    assert_eq!(older, lines([40, 43].into_iter()));
    let newer = format!("unit=web.service&limit=2&direction=newer&cursor={cursor}");
    assert_eq!(of(&newer).await, lines([46, 49].into_iter()));
    // Beside a cursor the times hold too.
    let bounded = format!("since=2026-11-23T07:00:00.040Z&cursor={cursor}");
    assert_eq!(of(&bounded).await, lines(40..45));
    let bounded = format!("until=2026-11-23T07:00:00.048Z&direction=newer&cursor={cursor}");
    assert_eq!(of(&bounded).await, lines(46..49));

    let unknown = stage
        .app
        .get(&stage.reader.key, &format!("{LOGS}?boot=-9"))
        .await;
    unknown.expect_invalid(&[(&["query", "boot"], "The journal has no such boot")]);
    let wrong = stage
        .app
        .get(&stage.reader.key, &format!("{LOGS}?grep=("))
        .await;
    let body = wrong.expect_code(422, "validation_failed");
    assert_eq!(
        body["errors"][0]["location"],
        json!(["query", "grep"]),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_every_form_are_shown_and_marked() {
    let hostile = |number, message: &[u8]| FakeEntry {
        message: message.to_vec(),
        ..FakeEntry::new(number)
    };
    let escape = "\u{1b}]0;evil\u{7}\u{202e}".to_owned() + &"x".repeat(2_000);
    let Some(stage) = Stage::new([
        hostile(0, "größe".as_bytes()),
        hostile(1, escape.as_bytes()),
        hostile(2, b"bad\xff\xfe utf8"),
        hostile(3, "y".repeat(6 << 10).as_bytes()),
        hostile(4, b"two\nlines"),
        hostile(5, b""),
    ])
    .await
    else {
        return;
    };
    let reply = stage.app.get(&stage.reader.key, LOGS).await;
    let page = reply.expect(200);
    assert!(!reply.body.iter().any(|byte| *byte < 0x20 || *byte == 0x7f));
    let shown = |place: usize| {
        let entry = &page["items"][place];
        (
            entry["message"].as_str().unwrap(),
            entry["message_state"].as_str().unwrap(),
        )
    };
    assert_eq!(shown(0), ("größe", "text"));
    assert_eq!(shown(1), (&*escape, "text"));
    assert_eq!(shown(2), ("bad\u{fffd}\u{fffd} utf8", "binary"));
    assert_eq!(shown(3), ("", "too_long"));
    assert_eq!(shown(4), ("two\nlines", "text"));
    assert_eq!(shown(5), ("", "text"));
    let first = &page["items"][0];
    assert_eq!(first["time"], "2026-11-23T07:00:00.000000Z");
    assert_eq!(
        (&first["unit"], &first["pid"]),
        (&json!("app.service"), &json!(4711))
    );
    assert_eq!(
        (&first["identifier"], &first["priority"]),
        (&json!("app"), &json!(6))
    );
    assert_eq!(first["boot_id"], BOOTS[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_has_a_megabyte_at_most_and_goes_on_after_it() {
    let entries = (0..600).map(|number| FakeEntry {
        message: format!("{number} {}", "z".repeat(3_000)).into_bytes(),
        ..FakeEntry::new(number)
    });
    let Some(stage) = Stage::new(entries).await else {
        return;
    };
    let first = stage.get("limit=1000").await;
    assert_eq!(first["partial"], true);
    let cursor = first["older_cursor"].as_str().unwrap();
    let second = stage.get(&format!("limit=1000&cursor={cursor}")).await;
    let count = |page: &Value| page["items"].as_array().unwrap().len();
    assert_eq!(
        (second["partial"].clone(), count(&first) + count(&second)),
        (json!(false), 600)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_could_be_options_are_refused_and_no_program_is_started() {
    let stage = Stage::with_program("").await;
    let long = format!("unit={}.service", "a".repeat(300));
    for query in [
        "unit=--output=cat",
        "unit=-o",
        "unit=a%00b.service",
        "unit=*.service",
        "unit=a.service%20--all",
        "unit=../x.service",
        "priority=9",
        "priority=err..debug",
        "priority=--all",
        "boot=all",
        "boot=--list-boots",
        "cursor=",
        "cursor=--all",
        "cursor=s=0;i=1",
        "direction=sideways",
        "grep=a%0Ab",
        "since=yesterday",
        "since=--all",
        "since=2026-01-02&until=2026-01-01",
        "limit=0",
        "limit=1001",
        &long,
    ] {
        for path in [LOGS.to_owned(), format!("{LOGS}/stream")] {
            let is_of_stream = ["unit", "priority", "cursor", "grep"]
                .iter()
                .any(|name| query.starts_with(name));
            if path != LOGS && !is_of_stream {
                continue;
            }
            let reply = stage
                .app
                .get(&stage.reader.key, &format!("{path}?{query}"))
                .await;
            reply.expect_code(422, "validation_failed");
        }
    }
    assert_eq!(stage.arguments(), Vec::<String>::new());

    // A pattern is always the value of its option; there is no environment but the language.
    let page = stage
        .get("grep=--output%3Dcat&unit=-.mount&priority=warning&boot=0")
        .await;
    assert_eq!(page["items"], json!([]));
    let mut arguments = stage.arguments();
    assert!(arguments.pop().unwrap().starts_with("pid "));
    let directory = stage.database.folder.path().join("var/log/journal");
    assert_eq!(
        arguments,
        [
            "--quiet",
            "--no-pager",
            "--output=json",
            "--output-fields=MESSAGE,PRIORITY,UNIT,_SYSTEMD_UNIT,SYSLOG_IDENTIFIER,_COMM,_PID",
            &format!("--directory={}", directory.display()),
            "--unit=-.mount",
            "--priority=4",
            "--boot=0",
            "--grep=--output=cat",
            "--reverse",
            "env LC_ALL=C",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_hangs_is_ended_and_the_page_has_what_it_printed() {
    let stage = Stage::with_program(
        r#"puts("{\"__CURSOR\":\"c\",\"__REALTIME_TIMESTAMP\":\"1795417330123456\",\"MESSAGE\":\"one\"}");
        fflush(stdout); sleep(600);"#,
    )
    .await;
    let begin = Instant::now();
    // More than run at once: those beyond are refused and come back later.
    let get = || stage.app.get(&stage.reader.key, LOGS);
    let replies = tokio::join!(get(), get(), get(), get(), get());
    let took = begin.elapsed();
    assert!(
        (Duration::from_secs(5)..Duration::from_secs(20)).contains(&took),
        "{took:?}"
    );
    let replies: [_; 5] = replies.into();
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        4,
        "{statuses:?}"
    );
    for reply in replies {
        if reply.status == 200 {
            let page = reply.json();
            assert_eq!(
                (messages(&page), &page["partial"]),
                (vec!["one".to_owned()], &json!(true))
            );
            assert_eq!(page["older_cursor"], "c");
        } else {
            reply.expect_code(503, "busy");
            assert_eq!(reply.header("retry-after"), Some("1"));
        }
    }
    let pids = stage.arguments();
    let pids: BTreeSet<&str> = pids
        .iter()
        .filter_map(|line| line.strip_prefix("pid "))
        .collect();
    assert_eq!(pids.len(), 4);
    for pid in pids {
        assert!(!Path::new("/proc").join(pid).exists(), "{pid} still runs");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_takes_its_program_along() {
    let stage = Stage::with_program("sleep(600);").await;
    let started = async {
        loop {
            let arguments = stage.arguments();
            let pid = arguments.iter().find_map(|line| line.strip_prefix("pid "));
            if let Some(pid) = pid {
                break pid.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let pid = tokio::select! {
        pid = started => pid,
        reply = stage.app.get(&stage.reader.key, LOGS) => panic!("{}", reply.text()),
    };
    let gone = async {
        while Path::new("/proc").join(&pid).exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(3), gone)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_keeps_the_journal_from_being_read_is_said_with_its_remedy() {
    let text = async |stage: &Stage, code: &str| {
        let reply = stage.app.get(&stage.reader.key, LOGS).await;
        let body = reply.expect_code(503, code);
        body["detail"].as_str().unwrap().to_owned()
    };
    let stage = Stage::with_program(
        r#"fputs("No journal files were opened due to insufficient permissions.\n", stderr); return 1;"#,
    )
    .await;
    let detail = text(&stage, "logs_unavailable").await;
    // As it is, it can be copied.
    assert!(
        detail.ends_with(": sudo linux-api setup --logs"),
        "{detail}"
    );
    let stage = Stage::with_program(r#"fputs("Odd\n", stderr); return 3;"#).await;
    assert!(
        text(&stage, "logs_unavailable")
            .await
            .contains("journalctl failed: Odd")
    );
    let nowhere = Path::new("/nonexistent/journalctl");
    let stage = Stage::of(Database::sqlite(), Some(nowhere)).await;
    let detail = text(&stage, "logs_unavailable").await;
    assert!(
        detail.contains("/nonexistent/journalctl is not there"),
        "{detail}"
    );
    let reply = stage
        .app
        .get(&stage.reader.key, &format!("{LOGS}/stream"))
        .await;
    reply.expect_code(503, "logs_unavailable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_get_no_line() {
    let stage = Stage::with_program(r#"puts("secret");"#).await;
    let viewer = stage.app.user("bob123", Role::Viewer).await;
    for path in [LOGS, "/api/v1/system/logs/stream"] {
        let reply = stage.app.get(&viewer.key, path).await;
        reply.expect_code(403, "role_required");
    }
    assert_eq!(stage.arguments(), Vec::<String>::new());
}
