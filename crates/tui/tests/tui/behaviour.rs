//! What the dashboard does, without a terminal.

use std::time::{Duration, Instant};

use crossterm::event::KeyCode;
use linux_api_client::error::ClientError;
use linux_api_tui::change::Change;
use linux_api_tui::keymap::{KeyAction, Keymap};
use linux_api_tui::message::{AppMessage, Effect, FeedEvent};
use linux_api_tui::query::{AnyQuery, AnyResponse, MeQuery, SnapshotQuery, UsersQuery};
use linux_api_tui::screen::View;
use linux_api_tui::theme::Theme;
use linux_api_wire::tui::{Preset, ThemeName};
use linux_api_wire::user::Role;

use super::stage::{Stage, offline, script};

const SIZE: (u16, u16) = (80, 24);

#[test]
fn a_change_names_the_host_and_does_nothing_by_default() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Users);
    stage.key(KeyCode::Down);
    stage.keys("A");
    let text = stage.text();
    assert!(text.contains("Deactivate grafana on web-01?"), "{text}");
    assert!(
        text.contains("is at https://web-01.example:8443."),
        "{text}"
    );
    stage.key(KeyCode::Enter);
    assert!(stage.effects.is_empty(), "No is chosen at first");
    stage.keys("Ay");
    let sent = stage.effects.pop();
    let Some(Effect::Change(0, Change::SetActive(user, active))) = sent else {
        panic!("{sent:?}");
    };
    assert_eq!((user.name.as_str(), active), ("grafana", false));
}

#[test]
fn what_a_key_may_not_do_says_why() {
    let script = script();
    let mut stage = Stage::answering(SIZE, move |wanted| {
        let mut data = script.respond(wanted).unwrap();
        if let AnyResponse::Me(me) = &mut data {
            me.user_perm.role = Role::Viewer.to_string();
        }
        Some(Ok(data))
    });
    stage.show(View::Users);
    assert!(stage.text().contains("needs admin"), "{}", stage.text());
    stage.keys("a");
    assert!(
        stage.text().contains("add a user: needs admin"),
        "{}",
        stage.text()
    );
    assert!(stage.app.popups.is_empty());
}

/// A key that is narrowed to statistics can't look its user up, and still shows them.
#[test]
fn a_view_is_refused_only_for_want_of_its_own_scope() {
    let refused = || ClientError::Refused {
        address: "https://web-01".to_owned(),
        status: 403,
        code: "scope_missing".to_owned(),
        detail: "This key lacks the scope keys:self".to_owned(),
        retry_after: None,
    };
    let script = script();
    let mut stage = Stage::answering(SIZE, move |wanted| match wanted {
        AnyQuery::Me(MeQuery) | AnyQuery::Users(UsersQuery) => Some(Err(refused())),
        other => Some(script.respond(other)),
    });
    stage.show(View::Api);
    assert!(stage.text().contains("/api/v1/"), "{}", stage.text());
    assert!(!stage.text().contains("keys:self"), "{}", stage.text());
    stage.show(View::Users);
    assert!(stage.text().contains("lacks the scope"), "{}", stage.text());
}

#[test]
fn without_a_key_the_view_says_how_to_give_one() {
    let mut stage = Stage::answering(SIZE, |_| {
        Some(Err(ClientError::Refused {
            address: "https://web-01".to_owned(),
            status: 401,
            code: "key_missing".to_owned(),
            detail: "API key value can not be empty".to_owned(),
            retry_after: None,
        }))
    });
    stage.show(View::Api);
    let text = stage.text();
    assert!(
        text.contains("no key for this URL: set LINUX_API_KEY"),
        "{text}"
    );
    assert!(
        !text.contains("revoked") && !text.contains("can not be empty"),
        "{text}"
    );
}

#[test]
fn read_only_forbids_every_change() {
    let mut stage = Stage::one(SIZE);
    stage.app.settings.read_only = true;
    stage.show(View::Users);
    for key in ["a", "A", "r", "D", "c", "o", "dd"] {
        stage.keys(key);
        assert!(stage.app.popups.is_empty(), "{key}");
    }
    assert!(stage.text().contains("READ-ONLY"));
}

#[test]
fn the_selection_stays_on_its_process() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Processes);
    stage.key(KeyCode::Down);
    let chosen = stage.app.screens.processes.table.selected.clone();
    assert!(chosen.is_some());
    stage.keys("M");
    assert_eq!(stage.app.screens.processes.table.selected, chosen);
    stage.keys("NN");
    assert_eq!(stage.app.screens.processes.table.selected, chosen);
}

#[test]
fn a_filter_is_checked_while_it_is_typed_and_sent_when_it_is_right() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Processes);
    stage.keys("/user = postgres");
    let items = &stage.app.host().responses.processes.value().unwrap().items;
    assert!(!items.is_empty());
    assert!(
        items
            .iter()
            .all(|it| it.user.as_deref() == Some("postgres"))
    );
    stage.keys(" and (");
    assert!(stage.text().contains("column"), "{}", stage.text());
    stage.key(KeyCode::Esc);
    assert_eq!(
        stage.app.screens.processes.table.filter, "",
        "Esc takes it back"
    );
}

#[test]
fn frozen_means_still_also_for_news() {
    let mut stage = Stage::one(SIZE);
    stage.keys("f");
    let before = stage.text();
    assert!(before.contains("FROZEN since 07:02:00"), "{before}");
    let mut data = script()
        .respond(&AnyQuery::Snapshot(SnapshotQuery))
        .unwrap();
    if let AnyResponse::Snapshot(snapshot) = &mut data {
        snapshot.cpu.as_mut().unwrap().usage_percent = 99.0;
    }
    let answer = FeedEvent::Response(AnyQuery::Snapshot(SnapshotQuery), Ok(data));
    stage.send(AppMessage::Host(0, Box::new(answer)));
    assert_eq!(stage.text(), before);
    stage.keys("f");
    assert!(stage.effects.contains(&Effect::Reload(0)));
}

#[test]
fn nothing_is_drawn_when_nothing_changes() {
    let mut stage = Stage::one(SIZE);
    assert!(stage.app.take_changed());
    stage.wait(Duration::from_secs(1));
    assert!(!stage.app.take_changed(), "a second alone changes nothing");
    let error = offline();
    let retry_in = Duration::from_secs(8);
    stage.send(AppMessage::Host(
        0,
        Box::new(FeedEvent::Down { error, retry_in }),
    ));
    assert!(stage.app.take_changed());
    stage.wait(Duration::from_secs(1));
    assert!(stage.app.take_changed(), "the wait counts down");
}

#[test]
fn old_data_stays_and_says_how_old_it_is() {
    let mut stage = Stage::one(SIZE);
    let error = offline();
    let retry_in = Duration::from_secs(8);
    stage.send(AppMessage::Host(
        0,
        Box::new(FeedEvent::Down { error, retry_in }),
    ));
    stage.wait(Duration::from_secs(5));
    let text = stage.text();
    assert!(text.contains("timed out, retry in 3 s"), "{text}");
    assert!(
        text.contains("STALE 5 s") && text.contains("/srv"),
        "{text}"
    );
}

#[test]
fn the_past_can_be_gone_through_and_its_gaps_are_gaps() {
    let mut stage = Stage::one((160, 48));
    stage.show(View::History);
    let query = |stage: &Stage| stage.app.history_query(stage.app.host());
    let live = query(&stage);
    stage.keys("[");
    assert!(query(&stage).to < live.to);
    stage.keys("L");
    assert_eq!(query(&stage), live);
    stage.keys("-");
    let wide = query(&stage);
    assert!(wide.from < live.from && wide.step >= live.step);
    // The script has nothing from 06:30 to 06:40.
    let text = stage.text();
    let lines: Vec<&str> = text.lines().collect();
    let lowest = lines.iter().rposition(|line| line.contains('⣿')).unwrap();
    let graph = lines[lowest];
    let (first, last) = (graph.find('⣿').unwrap(), graph.rfind('⣿').unwrap());
    let inside = graph[first..last].chars();
    let gap = inside.filter(|dots| [' ', '┊'].contains(dots)).count();
    assert!((5..=8).contains(&gap), "{gap}: {text}");
    stage.key(KeyCode::Down);
    assert_ne!(query(&stage).series, live.series);
    // To a time and a range by name.
    stage.keys("@03:12");
    stage.key(KeyCode::Enter);
    stage.keys(":range 30m");
    stage.key(KeyCode::Enter);
    let text = stage.text();
    assert!(
        text.contains("2026-11-23 02:57 to 2026-11-23 03:27"),
        "{text}"
    );
    stage.keys("@2026-11-20");
    stage.key(KeyCode::Enter);
    let text = stage.text();
    assert!(
        text.contains("2026-11-20 00:00 to 2026-11-21 00:00"),
        "{text}"
    );
    let day = query(&stage);
    stage.keys("+-");
    assert_eq!(query(&stage), day, "what is in the middle stays there");
    stage.keys("@noon");
    stage.key(KeyCode::Enter);
    assert!(stage.text().contains("expected a time"), "{}", stage.text());
    assert_eq!(query(&stage), day);
    // Nothing lies beyond the present.
    stage.keys("}}}}}");
    assert!(stage.text().contains("1d live"), "{}", stage.text());
}

#[test]
fn what_only_the_present_has_is_asked_for_finely() {
    let mut stage = Stage::one((160, 48));
    stage.show(View::History);
    let query = |stage: &Stage| stage.app.history_query(stage.app.host());
    assert!(query(&stage).step < 60, "{:?}", query(&stage));
    stage.keys("@-2h");
    stage.key(KeyCode::Enter);
    assert!(query(&stage).step >= 60, "only minutes are stored");
}

#[test]
fn members_of_a_series_that_find_no_room_are_gone_through() {
    let script = script();
    let mut stage = Stage::answering(SIZE, move |wanted| {
        let mut data = script.respond(wanted).unwrap();
        if let AnyResponse::History(history) = &mut data {
            let one = history.series.remove(0);
            for number in 0..30 {
                let mut member = one.clone();
                member.labels = [("device".to_owned(), format!("sd{number:02}"))].into();
                history.series.push(member);
            }
        }
        Some(Ok(data))
    });
    stage.show(View::History);
    let text = stage.text();
    assert!(
        text.contains("1 to 3 of 5 graphs, b for the others") && text.contains("━━ sd00 "),
        "{text}"
    );
    stage.keys("bbbbbbbbb");
    let text = stage.text();
    assert!(
        text.contains("3 to 5 of 5 graphs") && text.contains("━━ sd29 "),
        "{text}"
    );
    stage.keys("B");
    assert!(!stage.text().contains("sd29"), "{}", stage.text());
}

#[test]
fn keys_are_never_shown_as_those_of_another_user() {
    let script = script();
    let known = script.clone();
    let mut stage = Stage::answering(SIZE, move |wanted| match wanted {
        // The second user's keys do not come.
        AnyQuery::Keys(owner) => {
            let Ok(AnyResponse::Users(users)) = known.respond(&AnyQuery::Users(UsersQuery)) else {
                return None;
            };
            let is_first = owner.0.as_ref() == Some(&users[0].user_id);
            is_first.then(|| script.respond(wanted))
        }
        other => Some(script.respond(other)),
    });
    stage.show(View::Users);
    assert!(stage.text().contains("first key"), "{}", stage.text());
    stage.key(KeyCode::Down);
    assert!(!stage.text().contains("first key"), "{}", stage.text());
    stage.keys("ldd");
    assert!(stage.app.popups.is_empty(), "there is no key to revoke");
}

#[test]
fn requests_are_sorted_by_the_slowest_first() {
    let mut stage = Stage::one((120, 24));
    stage.show(View::Api);
    let p99 = |stage: &Stage| -> Vec<f64> {
        let rows = stage.app.shown_routes();
        rows.iter().map(|row| row.metrics.p99).collect()
    };
    let shown = p99(&stage);
    assert!(
        shown.len() > 3 && shown.is_sorted_by(|a, b| a >= b),
        "{shown:?}"
    );
    stage.keys("I");
    assert!(p99(&stage).is_sorted(), "{:?}", p99(&stage));
    stage.keys("/processes");
    assert_eq!(p99(&stage).len(), 1);
}

#[test]
fn the_help_lists_every_key_of_every_view() {
    let keymap = Keymap::built_in(Preset::Default);
    for view in View::ALL {
        let mut stage = Stage::one((80, 90));
        stage.show(*view);
        stage.keys("?");
        let text = stage.text();
        for action in KeyAction::all().into_iter().filter(|it| it.is_at(*view)) {
            for key in keymap.keys_at(*view, action) {
                // Name and help are whole, and the key stands before them.
                let wanted = format!(" {:<15} {}", action.name, action.help);
                let mut lines = text.lines().filter_map(|line| line.split_once(&wanted));
                let found = lines.any(|(keys, _)| keys.contains(&key));
                assert!(found, "{view:?} {action:?} {key}\n{text}");
            }
        }
    }
}

#[test]
fn ascii_means_ascii() {
    for view in View::ALL {
        for size in [(80, 24), (160, 48)] {
            let mut stage = Stage::fleet(size);
            stage.app.settings.theme = Theme::new(ThemeName::Default, true, true);
            stage.show(*view);
            let text = stage.text();
            let strange: Vec<char> = text.chars().filter(|it| !it.is_ascii()).collect();
            assert!(strange.is_empty(), "{view:?}: {strange:?}\n{text}");
        }
    }
}

#[test]
fn a_key_is_answered_at_once_with_two_hundred_hosts_and_ten_thousand_processes() {
    let mut hosts = Vec::new();
    for number in 0..200 {
        let (mut host, _) =
            linux_api_tui::demo::fleet(&linux_api_wire::time::Clock::system()).remove(0);
        host.name = format!("host-{number:03}");
        let script = script();
        let answer: super::stage::Responder = Box::new(move |wanted| {
            let mut data = script.respond(wanted).unwrap();
            if let AnyResponse::Processes(rows) = &mut data {
                let one = rows.items[0].clone();
                rows.items = vec![one; 10_000];
                for (pid, process) in (1..).zip(&mut rows.items) {
                    process.pid = pid;
                    process.ppid = pid / 2;
                }
            }
            Some(Ok(data))
        });
        hosts.push((host, answer));
    }
    let mut stage = Stage::new(hosts, (160, 48));
    for view in [View::Fleet, View::Processes] {
        stage.show(view);
        let start = Instant::now();
        for _ in 0..10 {
            stage.key(KeyCode::Down);
            stage.text();
        }
        // Without optimisation and on a busy machine; the bar is 50 ms for one.
        let each = start.elapsed() / 10;
        assert!(each < Duration::from_millis(500), "{view:?}: {each:?}");
    }
}
