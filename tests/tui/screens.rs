//! Every view in six conditions: loading, normal, empty, stale, error and a terminal that is too
//! small; and with names that mean harm.

use std::time::Duration;

use crossterm::event::KeyCode;
use linux_api::api::history::History;
use linux_api::tui::message::{Data, Message, News, ProcessRows, Requests, Wanted};
use linux_api::tui::view::View;
use unicode_width::UnicodeWidthStr;

use super::stage::{Stage, offline, refused, script};

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (160, 48);

fn snapshot(name: &str, stage: &Stage) {
    insta::assert_snapshot!(name, stage.text());
}

/// The views of one host; the fleet has tests of its own.
fn views() -> impl Iterator<Item = View> {
    let all = View::ALL.iter().copied();
    all.filter(|view| *view != View::Fleet)
}

fn named(condition: &str, view: View) -> String {
    format!("{}_{condition}", view.title().to_lowercase())
}

#[test]
fn loading() {
    for view in views() {
        let mut stage = Stage::answering(SMALL, |_| None);
        stage.show(view);
        stage.wait(Duration::from_secs(3));
        snapshot(&named("loading", view), &stage);
    }
}

#[test]
fn normal() {
    for view in views() {
        let mut stage = Stage::one(SMALL);
        stage.show(view);
        snapshot(&named("normal", view), &stage);
        let mut stage = Stage::one(LARGE);
        stage.show(view);
        snapshot(&named("large", view), &stage);
    }
}

#[test]
fn empty() {
    for view in views() {
        let script = script();
        let mut stage = Stage::answering(SMALL, move |wanted| {
            Some(match wanted {
                Wanted::Processes(_) => Ok(Data::Processes(ProcessRows::default())),
                Wanted::Requests(_) => Ok(Data::Requests(Requests::default())),
                Wanted::History(query) => Ok(Data::History(History {
                    from: query.from.to_string(),
                    to: query.to.to_string(),
                    step: query.step,
                    series: Vec::new(),
                })),
                Wanted::Users => Ok(Data::Users(Vec::new())),
                Wanted::Keys(_) => Ok(Data::Keys(Vec::new())),
                other => script.answer(other),
            })
        });
        stage.show(view);
        snapshot(&named("empty", view), &stage);
    }
}

#[test]
fn stale() {
    for view in views() {
        let mut stage = Stage::one(SMALL);
        stage.show(view);
        let error = offline();
        let retry_in = Duration::from_secs(8);
        stage.send(Message::Host(0, Box::new(News::Down { error, retry_in })));
        stage.wait(Duration::from_secs(5));
        snapshot(&named("stale", view), &stage);
    }
}

#[test]
fn error() {
    for view in views() {
        let mut stage = Stage::answering(SMALL, |_| Some(Err(refused())));
        stage.show(view);
        snapshot(&named("error", view), &stage);
    }
}

#[test]
fn a_terminal_that_is_too_small_says_so() {
    for view in views() {
        let mut stage = Stage::one((40, 12));
        stage.show(view);
        let text = stage.text();
        assert!(text.contains("too small: 40x12, needs 60x16"), "{text}");
    }
}

#[test]
fn the_smallest_terminal_that_is_large_enough_shows_every_view() {
    for view in views() {
        let mut stage = Stage::one((60, 16));
        stage.show(view);
        snapshot(&named("smallest", view), &stage);
    }
}

#[test]
fn the_fleet() {
    snapshot("fleet_normal", &Stage::fleet(SMALL));
    snapshot("fleet_large", &Stage::fleet(LARGE));
    let mut stage = Stage::fleet(SMALL);
    stage.keys("!");
    snapshot("fleet_faults", &stage);
    let mut stage = Stage::fleet(SMALL);
    stage.keys("/env=dev");
    snapshot("fleet_filter", &stage);
    stage.keys("nothing");
    snapshot("fleet_empty", &stage);
}

#[test]
fn one_process() {
    let mut stage = Stage::one(SMALL);
    stage.show(View::Processes);
    stage.key(KeyCode::Enter);
    snapshot("process_normal", &stage);
}

#[test]
fn the_tree() {
    let mut stage = Stage::one(SMALL);
    stage.show(View::Processes);
    stage.keys("tNgg");
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
}

/// What tries to steer a terminal: a title, the clipboard, clearing, colours, direction, hiding.
const HOSTILE: &str = "e\u{1b}]0;owned\u{7}v\u{1b}]52;c;b3duZWQ=\u{7}i\u{1b}[2J\u{9b}31ml\
                       \u{202e}txt\u{2066}\u{200b}\u{feff}\n\r\t漢字e\u{301}";

#[test]
fn names_that_mean_harm_stay_names() {
    for view in views() {
        let script = script();
        let mut stage = Stage::answering(SMALL, move |wanted| {
            let mut data = script.answer(wanted).unwrap();
            poison(&mut data);
            Some(Ok(data))
        });
        stage.show(view);
        let text = stage.text();
        for character in text.chars().filter(|it| *it != '\n') {
            let harmless = linux_api::model::harmless::is_harmless(character);
            assert!(harmless, "{view:?}: {character:?}");
        }
        for line in text.lines() {
            // TestBackend puts each line into quotes, and after them what lies below wide cells.
            let shown = line
                .rsplit_once("\" Hidden")
                .map_or(line, |(shown, _)| shown);
            let width = shown.trim_matches('"').width();
            assert_eq!(width, 80, "{view:?}: {line:?}");
        }
        snapshot(&named("hostile", view), &stage);
    }
}

fn poison(data: &mut Data) {
    let bad = || HOSTILE.to_owned();
    match data {
        Data::Me(me) => me.user.username = bad(),
        Data::Info(info) => {
            info.release = bad();
            info.machine = "x".repeat(2 << 20);
        }
        Data::Snapshot(snapshot) => {
            snapshot.host = bad();
            for filesystem in snapshot.filesystems.iter_mut().flatten() {
                filesystem.mount_point = bad();
            }
            for disk in snapshot.disks.iter_mut().flatten() {
                disk.device = bad();
                disk.busy_percent = f64::NAN;
                disk.read_bytes_per_second = -1.0;
            }
            for session in snapshot.sessions.iter_mut().flatten() {
                session.user = bad();
            }
            for sensor in snapshot.sensors.iter_mut().flatten() {
                sensor.name = bad();
                sensor.celsius = f64::INFINITY;
            }
            if let Some(cpu) = &mut snapshot.cpu {
                cpu.usage_percent = -1.0;
                cpu.per_core[0].usage_percent = f64::NAN;
            }
        }
        Data::Processes(rows) => {
            for process in &mut rows.items {
                process.name = bad();
                process.command = format!("{HOSTILE}{}", "y".repeat(1 << 20));
                process.user = Some(bad());
                process.state = bad();
                process.cpu_percent = Some(-1.0);
                process.cpu_seconds = f64::NAN;
                process.unit = Some(bad());
            }
        }
        Data::Process(_) => {}
        Data::Readiness(readiness) => {
            readiness.status = bad();
            readiness.checks.database.detail = bad();
        }
        Data::Health(health) => health.database.version = Some(bad()),
        Data::Requests(requests) => {
            let rows = requests.hours.iter_mut().chain(&mut requests.minutes);
            for row in rows {
                row.route = bad();
                row.p99 = f64::NAN;
            }
        }
        Data::History(history) => {
            for series in &mut history.series {
                series.labels.insert("name".to_owned(), bad());
                series.points.push([f64::NAN, f64::INFINITY, -1.0]);
                series.points.push([1e300, 0.0, 0.0]);
            }
        }
        Data::Users(users) => {
            for user in users {
                user.username = bad();
                user.last_login = Some(bad());
            }
        }
        Data::Keys(keys) => {
            for key in keys {
                key.name = bad();
                key.key_id = bad();
            }
        }
    }
}
