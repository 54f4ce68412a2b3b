//! Every view in six conditions: loading, normal, empty, stale, error and a terminal that is too
//! small; and with names that mean harm.

use std::time::Duration;

use crossterm::event::KeyCode;
use linux_api_client::error::ClientError;
use linux_api_tui::change::{Change, ChangeOutcome};
use linux_api_tui::message::{AppMessage, FeedEvent};
use linux_api_tui::query::{
    AnyQuery, AnyResponse, FleetTrails, ProcessRows, RequestCounts, SnapshotQuery, UsersQuery,
};
use linux_api_tui::screen::View;
use linux_api_wire::api::alerts::AlertList;
use linux_api_wire::api::history::History;
use linux_api_wire::api::logs::LogPage;
use linux_api_wire::api::network::NetworkDetail;
use linux_api_wire::api::processes::ProcessDetail;
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::api::units::{UnitDetail, UnitList};
use linux_api_wire::api::users::RegisteredUser;
use unicode_width::UnicodeWidthStr;

use super::poison::{HOSTILE, poison};
use super::stage::{Stage, offline, refused, script};

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (160, 48);

fn snapshot(name: &str, stage: &Stage) {
    insta::assert_snapshot!(name, stage.text());
}

fn named(condition: &str, view: View) -> String {
    format!("{}_{condition}", view.title().to_lowercase())
}

/// A view; every host of the fleet responds alike.
fn answering(
    view: View,
    size: (u16, u16),
    answer: impl Fn(&AnyQuery) -> Option<Result<AnyResponse, ClientError>> + 'static,
) -> Stage {
    let mut stage = if view == View::Fleet {
        Stage::fleet_answering(size, answer)
    } else {
        Stage::answering(size, answer)
    };
    stage.show(view);
    stage
}

/// A view of the script.
fn scripted(view: View, size: (u16, u16)) -> Stage {
    let mut stage = if view == View::Fleet {
        Stage::fleet(size)
    } else {
        Stage::one(size)
    };
    stage.show(view);
    stage
}

/// All hosts stop answering, and a while passes.
fn goes_stale(stage: &mut Stage) {
    for host in 0..stage.app.hosts.len() {
        let error = offline();
        let retry_in = Duration::from_secs(8);
        stage.send(AppMessage::Host(
            host,
            Box::new(FeedEvent::Down { error, retry_in }),
        ));
    }
    stage.wait(Duration::from_secs(5));
}

#[test]
fn loading() {
    for view in View::ALL {
        let mut stage = answering(*view, SMALL, |_| None);
        stage.wait(Duration::from_secs(3));
        snapshot(&named("loading", *view), &stage);
    }
}

#[test]
fn normal() {
    for view in View::ALL {
        snapshot(&named("normal", *view), &scripted(*view, SMALL));
        snapshot(&named("large", *view), &scripted(*view, LARGE));
    }
}

#[test]
fn empty() {
    for view in View::ALL {
        let script = script();
        let stage = answering(*view, SMALL, move |wanted| {
            Some(match wanted {
                AnyQuery::Snapshot(SnapshotQuery) => Ok(AnyResponse::Snapshot(nothing_read())),
                AnyQuery::Processes(_) => Ok(AnyResponse::Processes(ProcessRows::default())),
                AnyQuery::Requests(_) => Ok(AnyResponse::Requests(RequestCounts::default())),
                AnyQuery::History(_) => Ok(AnyResponse::History(no_history())),
                AnyQuery::Rates(_) => Ok(AnyResponse::Rates(no_history())),
                AnyQuery::Network(_) => Ok(AnyResponse::Network(NetworkDetail::default())),
                AnyQuery::Fleet(_) => Ok(AnyResponse::Fleet(Vec::new())),
                AnyQuery::FleetTrail(_) => Ok(AnyResponse::FleetTrail(FleetTrails::new())),
                AnyQuery::Users(UsersQuery) => Ok(AnyResponse::Users(Vec::new())),
                AnyQuery::Keys(_) => Ok(AnyResponse::Keys(Vec::new())),
                AnyQuery::Units(_) => Ok(AnyResponse::Units(no_units())),
                AnyQuery::Logs(_) => Ok(AnyResponse::Logs(no_lines())),
                AnyQuery::Alerts(_) => Ok(AnyResponse::Alerts(AlertList::default())),
                AnyQuery::HostAlerts(_) => Ok(AnyResponse::HostAlerts(AlertList::default())),
                other => script.respond(other),
            })
        });
        snapshot(&named("empty", *view), &stage);
    }
}

fn no_history() -> History {
    History {
        from: "2026-11-23T06:02:00Z".to_owned(),
        to: "2026-11-23T07:02:00Z".to_owned(),
        history_since: None,
        step: 60,
        series: Vec::new(),
        next_cursor: None,
    }
}

fn no_units() -> UnitList {
    UnitList {
        time: "2026-11-23T07:02:00Z".to_owned(),
        total: 0,
        failed: 0,
        items: Vec::new(),
        next_cursor: None,
    }
}

fn no_lines() -> LogPage {
    LogPage {
        items: Vec::new(),
        partial: false,
        older_cursor: None,
        newer_cursor: None,
    }
}

/// A reading of a host that lets nothing be read.
fn nothing_read() -> Snapshot {
    let status = serde_json::json!({"age_ms": null, "error": "permission denied"});
    let families = ["cpu", "memory", "filesystems", "pressure"];
    let status: serde_json::Map<_, _> = families
        .into_iter()
        .map(|family| (family.to_owned(), status.clone()))
        .collect();
    serde_json::from_value(serde_json::json!({
        "host": "web-01", "time": "2026-11-23T07:02:00Z", "status": status,
    }))
    .unwrap()
}

#[test]
fn stale() {
    for view in View::ALL {
        let mut stage = scripted(*view, SMALL);
        goes_stale(&mut stage);
        snapshot(&named("stale", *view), &stage);
    }
}

#[test]
fn error() {
    for view in View::ALL {
        let stage = answering(*view, SMALL, |_| Some(Err(refused())));
        snapshot(&named("error", *view), &stage);
    }
}

#[test]
fn a_terminal_that_is_too_small_says_so() {
    for view in View::ALL {
        let text = scripted(*view, (40, 12)).text();
        assert!(text.contains("too small: 40x12, needs 60x16"), "{text}");
    }
    snapshot("too_small", &scripted(View::Fleet, (40, 12)));
}

#[test]
fn the_smallest_terminal_that_is_large_enough_shows_every_view() {
    for view in View::ALL {
        let stage = scripted(*view, (60, 16));
        snapshot(&named("smallest", *view), &stage);
    }
}

#[test]
fn the_fleet() {
    let mut stage = Stage::fleet(SMALL);
    stage.keys("!");
    snapshot("fleet_faults", &stage);
    let mut stage = Stage::fleet(SMALL);
    stage.keys("/env=dev");
    snapshot("fleet_filter", &stage);
    stage.keys("nothing");
    snapshot("fleet_filtered_away", &stage);
}

/// The script, with another response about single processes.
fn with_process(
    answer: impl Fn(ProcessDetail) -> Option<Result<AnyResponse, ClientError>> + 'static,
) -> Stage {
    let script = script();
    let mut stage = Stage::answering(SMALL, move |wanted| {
        match (wanted, script.respond(wanted)) {
            (AnyQuery::Process(_), Ok(AnyResponse::Process(detail))) => answer(detail),
            (_, other) => Some(other),
        }
    });
    stage.show(View::Processes);
    stage.key(KeyCode::Enter);
    stage
}

#[test]
fn one_process() {
    let whole = |detail| Some(Ok(AnyResponse::Process(detail)));
    let mut stage = with_process(whole);
    snapshot("process_normal", &stage);
    goes_stale(&mut stage);
    snapshot("process_stale", &stage);
    snapshot("process_loading", &with_process(|_| None));
    snapshot("process_error", &with_process(|_| Some(Err(refused()))));
    let gone = ClientError::Refused {
        address: String::new(),
        status: 404,
        code: "process_not_found".to_owned(),
        detail: "There is no such process.".to_owned(),
        retry_after: None,
    };
    snapshot(
        "process_ended",
        &with_process(move |_| Some(Err(gone.clone()))),
    );
    let stage = with_process(move |mut detail| {
        detail.process.name = HOSTILE.to_owned();
        detail.process.command = format!("{HOSTILE}{}", "y".repeat(1 << 20));
        detail.process.cgroup = Some(HOSTILE.to_owned());
        whole(detail)
    });
    assert_harmless(&stage.text());
    snapshot("process_hostile", &stage);
    let mut stage = with_process(whole);
    stage.send(AppMessage::Resize(60, 16));
    snapshot("process_smallest", &stage);
    stage.keys("G");
    snapshot("process_scrolled", &stage);
}

/// The script, with another response about single units.
fn with_unit(
    answer: impl Fn(UnitDetail) -> Option<Result<AnyResponse, ClientError>> + 'static,
) -> Stage {
    let script = script();
    let mut stage = Stage::answering(SMALL, move |wanted| {
        match (wanted, script.respond(wanted)) {
            (AnyQuery::Unit(_), Ok(AnyResponse::Unit(detail))) => answer(detail),
            (_, other) => Some(other),
        }
    });
    stage.show(View::Units);
    stage.key(KeyCode::Enter);
    stage
}

#[test]
fn one_unit() {
    let whole = |detail| Some(Ok(AnyResponse::Unit(detail)));
    let mut stage = with_unit(whole);
    snapshot("unit_normal", &stage);
    goes_stale(&mut stage);
    snapshot("unit_stale", &stage);
    snapshot("unit_loading", &with_unit(|_| None));
    snapshot("unit_error", &with_unit(|_| Some(Err(refused()))));
    let stage = with_unit(move |mut detail| {
        detail.description = format!("{HOSTILE}{}", "y".repeat(1 << 20));
        detail.active = HOSTILE.to_owned();
        detail.status_text = Some(HOSTILE.to_owned());
        detail.triggers = vec![HOSTILE.to_owned()];
        for line in detail.log.iter_mut().flatten() {
            line.time = HOSTILE.to_owned();
            line.message = format!("{HOSTILE}{}", "y".repeat(1 << 14));
        }
        whole(detail)
    });
    assert_harmless(&stage.text());
    snapshot("unit_hostile", &stage);
    let mut stage = with_unit(move |mut detail| {
        detail.log = None;
        whole(detail)
    });
    stage.send(AppMessage::Resize(60, 16));
    snapshot("unit_smallest", &stage);
}

#[test]
fn the_menu_of_signals_and_the_questions_of_acts() {
    let mut stage = Stage::one(SMALL);
    stage.show(View::Processes);
    stage.key(KeyCode::F(9));
    snapshot("signal_menu", &stage);
    stage.key(KeyCode::Enter);
    snapshot("signal_question", &stage);
    let mut stage = Stage::one(SMALL);
    stage.show(View::Units);
    stage.keys("r");
    snapshot("unit_question", &stage);
    let script = script();
    let mut stage = Stage::answering(SMALL, move |wanted| {
        let mut data = script.respond(wanted).unwrap();
        if !matches!(wanted, AnyQuery::Acts(_)) {
            poison(&mut data);
        }
        Some(Ok(data))
    });
    for (view, key) in [
        (View::Processes, KeyCode::F(9)),
        (View::Units, KeyCode::Char('r')),
    ] {
        stage.show(view);
        stage.key(key);
        assert!(!stage.app.popups.is_empty(), "{view:?}");
        assert_harmless(&stage.text());
        stage.key(KeyCode::Enter);
        assert_harmless(&stage.text());
        stage.key(KeyCode::Esc);
    }
}

#[test]
fn the_tree() {
    let mut stage = Stage::one(SMALL);
    stage.show(View::Processes);
    stage.keys("t#gg");
    snapshot("processes_tree", &stage);
}

#[test]
fn what_lies_over_a_view() {
    let mut stage = Stage::one(SMALL);
    stage.show(View::Processes);
    stage.keys("?");
    snapshot("help", &stage);
    stage.key(KeyCode::Esc);
    stage.keys("s");
    snapshot("sort_menu", &stage);
    stage.key(KeyCode::Esc);
    stage.keys("/cpu >");
    snapshot("filter_problem", &stage);
    stage.key(KeyCode::Esc);
    stage.keys(":fre");
    snapshot("palette", &stage);
    stage.key(KeyCode::Esc);
    stage.show(View::Users);
    stage.key(KeyCode::Enter);
    stage.keys("o");
    snapshot("confirm", &stage);
    stage.key(KeyCode::Esc);
    let user = RegisteredUser {
        user_id: "1".to_owned(),
        username: HOSTILE.to_owned(),
        api_key: "lapi_EXAMPLE".to_owned(),
    };
    let call = Change::AddUser("tester".to_owned(), false);
    let done = FeedEvent::Changed(call, Ok(ChangeOutcome::User(user)));
    stage.send(AppMessage::Host(0, Box::new(done)));
    assert_harmless(&stage.text());
    snapshot("first_key", &stage);
}

#[test]
fn names_that_mean_harm_stay_names() {
    for view in View::ALL {
        let script = script();
        let mut stage = answering(*view, SMALL, move |wanted| {
            let mut data = script.respond(wanted).unwrap();
            poison(&mut data);
            Some(Ok(data))
        });
        if *view == View::Fleet {
            for host in &mut stage.app.hosts {
                host.labels.insert(HOSTILE.to_owned(), HOSTILE.to_owned());
                host.name = HOSTILE.to_owned();
            }
        }
        let text = stage.text();
        assert_harmless(&text);
        for line in text.lines() {
            // TestBackend puts each line into quotes, and after them what lies below wide cells.
            let shown = line
                .rsplit_once("\" Hidden")
                .map_or(line, |(shown, _)| shown);
            let width = shown.trim_matches('"').width();
            assert_eq!(width, 80, "{view:?}: {line:?}");
        }
        snapshot(&named("hostile", *view), &stage);
    }
}

pub(crate) fn assert_harmless(text: &str) {
    for character in text.chars().filter(|it| *it != '\n') {
        let harmless = linux_api_wire::harmless::is_harmless(character);
        assert!(harmless, "{character:?} in {text}");
    }
}
