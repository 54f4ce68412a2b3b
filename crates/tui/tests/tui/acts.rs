//! What keys do to what is shown: pages, filters, questions, users and keys; and what a terminal
//! without UTF-8 gets of it.

use std::time::Duration;

use crossterm::event::KeyCode;
use linux_api_client::error::ClientError;
use linux_api_tui::change::{Change, ChangeOutcome, KeyOwner, NewKey};
use linux_api_tui::message::{AppMessage, Effect, FeedEvent};
use linux_api_tui::query::AnyResponse;
use linux_api_tui::screen::View;
use linux_api_tui::theme::Theme;
use linux_api_wire::api::keys::IssuedKey;
use linux_api_wire::tui::ThemeName;

use super::stage::{Stage, script};
use super::truth::{SIZE, ctrl, lines, table};

#[test]
fn the_page_of_a_process_is_left_by_q_and_takes_no_keys_for_the_table() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Processes);
    stage.key(KeyCode::Enter);
    let page = stage.text();
    let hints = lines(&stage).pop().unwrap();
    assert!(
        hints.contains("q back") && !hints.contains("sort"),
        "{hints}"
    );
    for key in ["s", "t", "/", "u", "M", "I", "<", "!", "h"] {
        stage.keys(key);
        assert!(stage.app.popups.is_empty(), "{key}");
        // At most it is said what they are for.
        let shown = |text: &str| text.lines().take(20).collect::<Vec<_>>().join("\n");
        assert_eq!(shown(&stage.text()), shown(&page), "{key}");
    }
    stage.keys(":sort res");
    stage.key(KeyCode::Enter);
    assert!(
        stage.text().contains("not on this view"),
        "{}",
        stage.text()
    );
    stage.keys("q");
    assert!(stage.effects.is_empty(), "{:?}", stage.effects);
    let (heading, _) = table(&stage);
    assert!(heading.contains("CPU%▼"), "{heading}");
    stage.keys("q");
    assert_eq!(stage.effects.pop(), Some(Effect::Quit));
}

fn lacks_the_program() -> AppMessage {
    let error = ClientError::NoProgram {
        address: "ssh://web-01".to_owned(),
        machine: "x86_64".to_owned(),
    };
    let retry_in = Duration::from_secs(30);
    AppMessage::Host(0, Box::new(FeedEvent::Down { error, retry_in }))
}

#[test]
fn a_host_without_the_program_is_offered_it_once_and_not_where_nothing_is_changed() {
    let mut stage = Stage::one(SIZE);
    stage.send(lacks_the_program());
    let text = stage.text();
    for part in [
        "Copy linux-api to that account on",
        "linux-api remote clean removes it.",
        "not installed there",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // No is chosen at first.
    stage.key(KeyCode::Enter);
    assert!(stage.effects.is_empty(), "{:?}", stage.effects);
    stage.send(lacks_the_program());
    assert!(stage.app.popups.is_empty());

    let mut stage = Stage::one(SIZE);
    stage.send(lacks_the_program());
    stage.keys("y");
    let expected = Effect::Change(0, Change::CopyProgram);
    assert!(stage.effects.contains(&expected), "{:?}", stage.effects);

    let mut stage = Stage::one(SIZE);
    stage.app.settings.read_only = true;
    stage.send(lacks_the_program());
    assert!(stage.app.popups.is_empty());
}

#[test]
fn the_users_filter_narrows_and_never_widens() {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Processes);
    let filter_after = |stage: &mut Stage, typed: &str| {
        stage.key(KeyCode::Esc);
        stage.keys("/");
        stage.keys(typed);
        stage.key(KeyCode::Enter);
        stage.keys("gg");
        stage.keys("u");
        let text = stage.text();
        let (_, rest) = text.split_once(" filter: ").expect("no badge");
        rest.split("  ").next().unwrap().to_owned()
    };
    let alone = filter_after(&mut stage, "");
    let (_, user) = alone.split_once("user = ").unwrap();
    let user = user.to_owned();
    let both = filter_after(&mut stage, "pid > 0");
    assert_eq!(both, format!("pid > 0 and user = {user}"));
    stage.keys("u");
    assert!(
        stage.text().contains(&both),
        "twice is once: {}",
        stage.text()
    );
    let either = filter_after(&mut stage, "pid > 0 or cpu > 5");
    assert!(
        either.starts_with("(pid > 0 or cpu > 5) and user = "),
        "{either}"
    );
}

/// An account that has no name on the host, such as one of a container.
#[test]
fn an_account_without_a_name_goes_by_its_number() {
    let script = script();
    let mut stage = Stage::answering(SIZE, move |wanted| {
        let mut data = script.respond(wanted).unwrap();
        if let AnyResponse::Processes(rows) = &mut data {
            for process in &mut rows.items {
                (process.user, process.uid) = (None, Some(165_536));
            }
        }
        Some(Ok(data))
    });
    stage.show(View::Processes);
    assert!(stage.text().contains(" 165536 "), "{}", stage.text());
    stage.keys("u");
    let text = stage.text();
    assert!(text.contains("filter: user = \"165536\""), "{text}");
}

#[test]
fn a_filter_is_not_kept_over_runs_nor_carried_unseen_to_another_host() {
    let mut stage = Stage::fleet(SIZE);
    stage.key(KeyCode::Enter);
    stage.show(View::Processes);
    stage.keys("/pid > 0");
    stage.key(KeyCode::Enter);
    assert!(
        stage.text().contains(" filter: pid > 0 "),
        "{}",
        stage.text()
    );
    let memory = stage.app.remember();
    assert!(!memory.contains("pid > 0"), "{memory}");
    // It is seen on the way to the next host.
    ctrl(&mut stage, 'n');
    assert!(
        stage.text().contains(" filter: pid > 0 "),
        "{}",
        stage.text()
    );
    // And not on this one.
    stage.show(View::Fleet);
    stage.key(KeyCode::Up);
    stage.key(KeyCode::Enter);
    stage.show(View::Processes);
    assert!(!stage.text().contains("filter: pid"), "{}", stage.text());
    stage.show(View::Fleet);
    stage.keys("!");
    let memory = stage.app.remember();
    let mut next = Stage::fleet(SIZE);
    next.app.recall(&memory);
    next.wait(Duration::from_secs(1));
    assert!(next.text().contains("14 hosts"), "{}", next.text());
}

fn users_view() -> Stage {
    let mut stage = Stage::one(SIZE);
    stage.show(View::Users);
    stage.key(KeyCode::Down);
    stage
}

#[test]
fn users_and_keys_are_acted_on_only_where_they_are_chosen() {
    let mut stage = users_view();
    let text = stage.text();
    assert!(
        text.contains("┌ 4 users ") && text.contains("┌ keys of grafana "),
        "{text}"
    );
    for key in ["o", "dd"] {
        stage.keys(key);
        assert!(stage.app.popups.is_empty(), "{key}");
        let text = stage.text();
        assert!(text.contains("Enter goes to the keys of grafana"), "{text}");
    }
    stage.key(KeyCode::Enter);
    for key in ["A", "r", "D"] {
        stage.keys(key);
        assert!(stage.app.popups.is_empty(), "{key}");
    }
    for (key, verb) in [("o", "Rotate"), ("dd", "Revoke")] {
        stage.keys(key);
        let text = stage.text();
        let question = format!("{verb} the key first key (EXAMPLEkey02) of grafana on web-01?");
        assert!(text.contains(&question), "{text}");
        stage.keys("n");
    }
    assert!(stage.effects.is_empty());
}

#[test]
fn names_that_are_typed_are_confirmed_with_their_owner() {
    let mut stage = users_view();
    for (typed, question) in [
        ("a  tester ", "Add user tester on web-01?"),
        ("claptop", "Create the key laptop of grafana on web-01?"),
    ] {
        stage.keys(typed);
        stage.key(KeyCode::Enter);
        assert!(stage.text().contains(question), "{}", stage.text());
        stage.keys("n");
    }
    stage.keys("a  ");
    stage.key(KeyCode::Enter);
    assert!(stage.app.popups.is_empty(), "no name, no question");
    stage.keys("c  ");
    stage.key(KeyCode::Enter);
    let text = stage.text();
    assert!(text.contains("a key needs a name"), "{text}");
    stage.key(KeyCode::Esc);
    assert!(stage.app.popups.is_empty() && stage.effects.is_empty());
}

#[test]
fn a_yes_is_y_and_everything_else_is_not() {
    let mut stage = users_view();
    for no in [
        KeyCode::Char('n'),
        KeyCode::Char('q'),
        KeyCode::Esc,
        KeyCode::Enter,
    ] {
        stage.keys("A");
        assert_eq!(stage.app.popups.len(), 1);
        stage.keys("x");
        assert_eq!(stage.app.popups.len(), 1, "x is neither");
        stage.key(no);
        assert!(
            stage.app.popups.is_empty() && stage.effects.is_empty(),
            "{no:?}"
        );
    }
    stage.keys("Ay");
    assert!(matches!(
        stage.effects.pop(),
        Some(Effect::Change(0, Change::SetActive(..)))
    ));
    stage.keys("A");
    stage.key(KeyCode::Right);
    stage.key(KeyCode::Enter);
    assert_eq!(stage.effects.len(), 1, "Yes was chosen");
}

fn issued(stage: &mut Stage) {
    let key = IssuedKey {
        key_id: "EXAMPLEkey09".to_owned(),
        name: "laptop".to_owned(),
        scopes: Vec::new(),
        created_at: "2026-11-23T07:02:00Z".to_owned(),
        expires_at: None,
        hosts: None,
        api_key: "lapi_EXAMPLE".to_owned(),
    };
    let owner = KeyOwner {
        id: None,
        name: "admin".to_owned(),
    };
    let key_wanted = NewKey {
        name: "laptop".to_owned(),
        ..NewKey::default()
    };
    let call = Change::CreateKey(owner, key_wanted);
    let done = FeedEvent::Changed(call, Ok(ChangeOutcome::Key(key)));
    stage.send(AppMessage::Host(0, Box::new(done)));
}

#[test]
fn a_new_key_is_seen_until_esc_or_enter() {
    let mut stage = users_view();
    for close in [KeyCode::Esc, KeyCode::Enter] {
        issued(&mut stage);
        stage.keys("qxj n?");
        stage.key(KeyCode::Down);
        assert!(stage.text().contains("lapi_EXAMPLE"), "{}", stage.text());
        stage.keys("y");
        assert_eq!(
            stage.effects.pop(),
            Some(Effect::Copy("lapi_EXAMPLE".to_owned()))
        );
        assert!(stage.text().contains("OSC 52"), "{}", stage.text());
        stage.key(close);
        assert!(!stage.text().contains("lapi_EXAMPLE"), "{}", stage.text());
    }
    // Someone who types something else does not close it with their Enter.
    stage.keys("/gra");
    issued(&mut stage);
    stage.key(KeyCode::Enter);
    assert!(stage.text().contains("lapi_EXAMPLE"), "{}", stage.text());
}

#[test]
fn a_key_with_an_end_says_when() {
    let script = script();
    let mut stage = Stage::answering(SIZE, move |wanted| {
        let mut data = script.respond(wanted).unwrap();
        if let AnyResponse::Keys(keys) = &mut data {
            let mut rotated = keys[0].clone();
            rotated.key_id = "EXAMPLEkey0R".to_owned();
            rotated.expires_at = Some("2026-11-23T08:01:30Z".to_owned());
            keys.push(rotated);
        }
        Some(Ok(data))
    });
    stage.show(View::Users);
    let text = stage.text();
    let line = text.lines().find(|it| it.contains("EXAMPLEkey0R")).unwrap();
    assert!(
        line.contains("ends in 59m 30s") && line.contains("2026-11-23"),
        "{line}"
    );
    assert!(!line.contains("active"), "{line}");
}

/// Names come from strangers, and the bytes of other characters steer a terminal of eight bits.
#[test]
fn a_terminal_without_utf8_gets_no_byte_beyond_ascii() {
    let script = script();
    let mut stage = Stage::answering(SIZE, move |wanted| {
        let mut data = script.respond(wanted).unwrap();
        if let AnyResponse::Processes(rows) = &mut data {
            for process in &mut rows.items {
                process.name = "n\u{e4}me\u{9b}31m\u{6f22}\u{11b}".to_owned();
                process.command = process.name.clone();
                process.user = Some("j\u{fc}rgen".to_owned());
            }
        }
        Some(Ok(data))
    });
    stage.app.settings.theme = Theme::new(ThemeName::Default, true, true);
    for view in [View::Overview, View::Processes] {
        stage.show(view);
        let text = stage.text();
        assert!(text.is_ascii(), "{view:?}: {text}");
        assert!(
            text.contains("j?rgen") && text.contains("n?me31m? ?"),
            "{text}"
        );
    }
    stage.key(KeyCode::Enter);
    assert!(stage.text().is_ascii(), "{}", stage.text());
}
