//! `/api/v1/system/units`, against a fake systemd on a private bus.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use linux_api_host::units::Units;
use linux_api_host::{HostReader, HostRoots};
use linux_api_wire::snapshot::Family;
use linux_api_wire::time::{Clock, Timestamp};
use linux_api_wire::user::Role;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::api::app::{App, Caller, START, Setup};
use crate::api::database::Database;
use crate::support::bus::{Bus, FakeUnit, Systemd, unit};
use crate::support::timedate::serve_clock;

const UNITS: &str = "/api/v1/system/units";

struct Stage {
    app: App,
    viewer: Caller,
    systemd: Systemd,
    bus: Bus,
    database: Database,
}

fn roots(database: &Database) -> HostRoots {
    HostRoots {
        rootfs: database.folder.path().to_owned(),
        ..HostRoots::default()
    }
}

impl Stage {
    async fn new(units: Vec<FakeUnit>) -> Option<Self> {
        let database = Database::sqlite();
        let bus = Bus::start(database.folder.path())?;
        let systemd = Systemd::start(&bus, units).await;
        let mut setup = Setup::new(&database);
        setup.roots = roots(&database);
        let app = App::with(setup).await;
        let viewer = app.user("alice1", Role::Viewer).await;
        Some(Self {
            app,
            viewer,
            systemd,
            bus,
            database,
        })
    }

    async fn get(&self, query: &str) -> Value {
        let path = format!("{UNITS}{query}");
        self.app.get(&self.viewer.key, &path).await.expect(200)
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.bus.pid()).unwrap(), signal).unwrap();
    }
}

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|unit| unit["name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_units_are_two_calls_for_all_who_list_them_within_a_second() {
    let mut units: Vec<FakeUnit> = (0..500)
        .map(|at| unit(&format!("u{at:03}.service")))
        .collect();
    units[7].active = "failed";
    units[7].sub = "failed";
    let Some(stage) = Stage::new(units).await else {
        return;
    };
    let query = "?limit=100";
    let (one, two, three) = tokio::join!(
        stage.get(query),
        stage.get(query),
        stage.get("?state=failed")
    );
    assert_eq!(one, two);
    assert_eq!((&one["total"], &one["failed"]), (&json!(500), &json!(1)));
    assert_eq!(names(&one).len(), 100);
    assert_eq!(names(&three), ["u007.service"]);
    assert_eq!(three["items"][0]["description"], "The unit u007.service");
    assert_eq!(three["items"][0]["enabled"], "enabled");
    let mut calls = stage.systemd.calls();
    calls.sort_unstable();
    assert_eq!(calls, ["list files", "list units"]);

    let mut all: Vec<String> = names(&one).into_iter().map(str::to_owned).collect();
    let mut page = one;
    while let Some(cursor) = page["next_cursor"].as_str() {
        page = stage.get(&format!("{query}&cursor={cursor}")).await;
        all.extend(names(&page).into_iter().map(str::to_owned));
    }
    assert_eq!(all.len(), 500);
    assert!(all.is_sorted());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_after_an_act_is_read_after_it() {
    let Some(stage) = Stage::new(vec![unit("nginx.service")]).await else {
        return;
    };
    let operator = stage.app.user("operator1", Role::Operator).await;
    let before = stage.get("").await;
    assert_eq!(stage.get("").await, before);
    assert_eq!(stage.systemd.calls(), ["list units", "list files"]);
    // Also one whose result is not known: here no executor is there.
    let restart = format!("{UNITS}/nginx.service/restart");
    stage
        .app
        .post(&operator.key, &restart, json!({}))
        .await
        .expect_code(501, "actions_unavailable");
    stage.get("").await;
    assert_eq!(stage.systemd.calls(), ["list units"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_that_stalls_is_unavailable_within_its_deadline_and_well_again_after_it() {
    let Some(stage) = Stage::new(vec![unit("nginx.service")]).await else {
        return;
    };
    assert_eq!(names(&stage.get("").await), ["nginx.service"]);
    stage.signal(Signal::STOP);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let begin = Instant::now();
    let (list, show, other) = tokio::join!(
        stage.app.get(&stage.viewer.key, UNITS),
        stage
            .app
            .get(&stage.viewer.key, "/api/v1/system/units/nginx.service"),
        async {
            let other = stage
                .app
                .get(&stage.viewer.key, "/api/v1/system/info/uptime")
                .await;
            (other, begin.elapsed())
        }
    );
    let took = begin.elapsed();
    stage.signal(Signal::CONT);
    for reply in [list, show] {
        let body = reply.expect_code(503, "units_unavailable");
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains("did not respond within 2 s"), "{detail}");
        assert_eq!(reply.header("retry-after"), Some("10"));
    }
    // 2 s is the deadline; the rest is what a busy machine takes.
    assert!(took < Duration::from_secs(4), "{took:?}");
    other.0.expect(200);
    assert!(other.1 < Duration::from_secs(1), "{:?}", other.1);
    let well = async {
        while stage.app.get(&stage.viewer.key, UNITS).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), well)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_bus_the_reason_is_given() {
    let database = Database::sqlite();
    let mut setup = Setup::new(&database);
    setup.roots = roots(&database);
    let app = App::with(setup).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    for path in ["", "/nginx.service"] {
        let reply = app.get(&viewer.key, &format!("{UNITS}{path}")).await;
        let body = reply.expect_code(503, "units_unavailable");
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains("there is no system bus"), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_is_shown_by_any_of_its_names_and_without_its_secrets() {
    let mut web = unit("nginx.service");
    web.aliases = vec!["web.service".to_owned()];
    web.exit = (1, 3);
    let mut timer = unit("backup.timer");
    timer.timer = (1_799_999_000_000_000, 1_800_003_600_000_000);
    let mut unloaded = unit("old.service");
    unloaded.is_loaded = false;
    let mut broken = unit("broken.service");
    (broken.is_loaded, broken.load, broken.active) = (false, "bad-setting", "inactive");
    let mut fileless = unit("app@x.service");
    fileless.is_loaded = false;
    fileless.has_file = false;
    let Some(stage) = Stage::new(vec![web, timer, unloaded, broken, fileless]).await else {
        return;
    };
    for name in ["nginx.service", "web.service"] {
        let shown = stage.get(&format!("/{name}")).await;
        assert_eq!(shown["name"], "nginx.service");
        assert_eq!(shown["aliases"], json!(["nginx.service", "web.service"]));
        assert_eq!(
            (&shown["exit_code"], &shown["memory_bytes"]),
            (&json!(3), &json!(10 << 20))
        );
        // A viewer sees no line of a log.
        assert_eq!(shown["log"], Value::Null);
        assert!(!shown.to_string().contains("hunter2"), "{shown}");
    }
    stage
        .systemd
        .change("nginx.service", |unit| unit.active = "inactive");
    assert_eq!(stage.get("/nginx.service").await["active"], "inactive");
    let shown = stage.get("/backup.timer").await;
    let time = |millis| json!(Timestamp::from_millis(millis).to_string());
    assert_eq!(shown["last_trigger"], time(1_799_999_000_000));
    assert_eq!(shown["next_trigger"], time(1_800_003_600_000));
    assert_eq!(shown["memory_bytes"], Value::Null);
    assert!(START.as_millis() > 1_799_999_000_000);

    let listed = stage.get("").await;
    assert_eq!(
        names(&listed),
        [
            "backup.timer",
            "broken.service",
            "nginx.service",
            "old.service"
        ]
    );
    assert_eq!(listed["items"][3]["active"], Value::Null);
    stage.systemd.calls();
    assert_eq!(stage.get("/old.service").await["name"], "old.service");
    // It is loaded once, and not for each property.
    let calls = stage.systemd.calls();
    let own: Vec<&String> = calls
        .iter()
        .filter(|call| call.ends_with(" old.service"))
        .collect();
    assert_eq!(
        own,
        ["keep old.service", "load old.service", "let go old.service"]
    );
    let broken = stage.get("/broken.service").await;
    assert_eq!(
        [&broken["load"], &broken["active"]],
        ["bad-setting", "inactive"]
    );
    stage.systemd.calls();
    // What has no file is not loaded: systemd would make a unit of any text.
    for name in ["app@x.service", "nope.service", "app@.service"] {
        let reply = stage
            .app
            .get(&stage.viewer.key, &format!("{UNITS}/{name}"))
            .await;
        reply.expect_code(404, "unit_not_found");
    }
    let calls = stage.systemd.calls();
    assert!(
        !calls
            .iter()
            .any(|call| call.starts_with("load") || call.starts_with("keep")),
        "{calls:?}"
    );
    let long = format!("{}.service", "a".repeat(300));
    for name in [
        "nginx",
        "-.exe",
        "a%3Bid.service",
        "..%2Fx.service",
        "a%0A.service",
        &long,
    ] {
        let reply = stage
            .app
            .get(&stage.viewer.key, &format!("{UNITS}/{name}"))
            .await;
        reply.expect_code(422, "validation_failed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_descriptions_are_escaped_and_cut() {
    let mut hostile = unit("a.service");
    hostile.description = format!("\u{1b}]0;evil\u{7}\n\u{202e}{}", "x".repeat(6 << 10));
    let Some(stage) = Stage::new(vec![hostile]).await else {
        return;
    };
    for path in ["", "/a.service"] {
        let reply = stage
            .app
            .get(&stage.viewer.key, &format!("{UNITS}{path}"))
            .await;
        reply.expect(200);
        assert!(!reply.body.iter().any(|byte| *byte < 0x20 || *byte == 0x7f));
        assert!(reply.body.len() < 3 << 10, "{}", reply.body.len());
    }
    let list = stage.get("").await;
    let shown = list["items"][0]["description"].as_str().unwrap();
    assert!(
        shown.starts_with("\u{1b}]0;evil\u{7}\n\u{202e}xxx"),
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_have_what_failed_and_poll_for_it_once_in_ten_seconds() {
    let mut failed = unit("backup.service");
    (failed.active, failed.sub) = ("failed", "failed");
    let mut looping = unit("app.service");
    (looping.active, looping.sub) = ("activating", "auto-restart");
    let Some(stage) = Stage::new(vec![failed, looping, unit("fine.service")]).await else {
        return;
    };
    let mut reader = HostReader::new(roots(&stage.database));
    let found = async {
        loop {
            let snapshot = reader.read(START).await;
            if snapshot.is_fresh(Family::Units) {
                break snapshot;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let snapshot = tokio::time::timeout(Duration::from_secs(10), found)
        .await
        .unwrap();
    let units = snapshot.units.unwrap();
    assert_eq!(
        (units.failed, &units.failed_names[..]),
        (1, &["backup.service".to_owned()][..])
    );
    assert_eq!(
        (units.restarting, &units.restarting_names[..]),
        (1, &["app.service".to_owned()][..])
    );
    for _ in 0..20 {
        reader.read(START).await;
    }
    assert_eq!(stage.systemd.calls().len(), 1);
}

#[tokio::test]
async fn restarts_are_counted_of_services_that_live_and_all_names_of_failed_ones_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let Some(bus) = Bus::start(folder.path()) else {
        return;
    };
    let failed = (0..25).map(|number| FakeUnit {
        active: "failed",
        sub: "failed",
        restarts: 9,
        ..unit(&format!("failed-{number:02}.service"))
    });
    let waiting = FakeUnit {
        active: "activating",
        sub: "auto-restart",
        restarts: 7,
        ..unit("waits.service")
    };
    let mut all: Vec<FakeUnit> = failed.collect();
    all.extend([waiting, unit("never.service")]);
    for (name, restarts) in [("runs.service", 3), ("no-service.socket", 2)] {
        let runs = FakeUnit {
            restarts,
            ..unit(name)
        };
        all.push(runs);
    }
    let _systemd = Systemd::start(&bus, all).await;
    let units = Units::new(folder.path(), Clock::system());
    let expected = [("runs.service", 3), ("waits.service", 7)];
    let expected = expected.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(units.restarts().await, Ok(BTreeMap::from(expected)));
    assert_eq!(*units.failed_names(), [""; 0]);
    let summary = units.failed().await.unwrap();
    assert_eq!((summary.failed, summary.failed_names.len()), (25, 20));
    assert_eq!(units.failed_names().len(), 25);

    // The bus says that there is no such service, and the connection stays.
    assert_eq!(units.is_clock_synchronised().await, Ok(None));
    let _clock = serve_clock(&bus, false).await;
    assert_eq!(units.is_clock_synchronised().await, Ok(Some(false)));
}
