//! Alerts: four lists, the pages of their rows, what is done with them, and where else they are seen.

use std::cell::Cell;
use std::rc::Rc;

use crossterm::event::{KeyCode, MouseButton, MouseEventKind};
use linux_api_client::error::ClientError;
use linux_api_tui::message::{AppMessage, FeedEvent};
use linux_api_tui::query::{AlertsQuery, AnyQuery, AnyResponse};
use linux_api_tui::screen::View;
use linux_api_wire::api::alerts::{AlertList, AlertRuleList, AlertSilenceList};
use unicode_width::UnicodeWidthStr;

use super::poison::poison;
use super::screens::assert_harmless;
use super::stage::{Stage, refused, script};
use super::truth::lines;

pub(crate) const SMALL: (u16, u16) = (80, 24);
pub(crate) const LARGE: (u16, u16) = (160, 48);

pub(crate) fn alerts(size: (u16, u16)) -> Stage {
    let mut stage = Stage::one(size);
    stage.show(View::Alerts);
    stage
}

/// The script with another response where the change returns one.
fn answering(
    size: (u16, u16),
    other: impl Fn(&AnyQuery) -> Option<Option<Result<AnyResponse, ClientError>>> + 'static,
) -> Stage {
    let script = script();
    let mut stage = Stage::answering(size, move |wanted| {
        other(wanted).unwrap_or_else(|| Some(script.respond(wanted)))
    });
    stage.show(View::Alerts);
    stage
}

/// Chooses the first row that holds a text.
pub(crate) fn choose(stage: &mut Stage, text: &str) {
    stage.key(KeyCode::Home);
    stage.key(KeyCode::F(3));
    stage.keys(text);
    stage.key(KeyCode::Esc);
    stage.key(KeyCode::Esc);
}

pub(crate) fn forbidden(code: &str) -> ClientError {
    ClientError::Refused {
        address: String::new(),
        status: if code == "not_found" { 404 } else { 403 },
        code: code.to_owned(),
        detail: "No.".to_owned(),
        retry_after: None,
    }
}

#[test]
fn all_lists_and_pages_in_both_sizes() {
    for (size, suffix) in [(SMALL, "small"), (LARGE, "large"), ((60, 16), "smallest")] {
        let mut stage = alerts(size);
        for list in ["alerts", "history", "rules", "silences"] {
            insta::assert_snapshot!(format!("alerts_{list}_{suffix}"), stage.text());
            if list == "history" {
                choose(&mut stage, "backup.service");
            }
            if list == "rules" {
                choose(&mut stage, "queue_of");
            }
            stage.key(KeyCode::Enter);
            assert_eq!(stage.app.place(), View::Alert);
            insta::assert_snapshot!(format!("alert_{list}_{suffix}"), stage.text());
            stage.keys("q");
            stage.keys("v");
        }
        choose(&mut stage, "backup.service");
        stage.key(KeyCode::Enter);
        insta::assert_snapshot!(format!("alert_seen_{suffix}"), stage.text());
        stage.keys("p");
        insta::assert_snapshot!(format!("alert_preview_{suffix}"), stage.text());
        stage.key(KeyCode::Esc);
        stage.keys("S");
        insta::assert_snapshot!(format!("alert_silence_form_{suffix}"), stage.text());
        stage.key(KeyCode::Enter);
        insta::assert_snapshot!(format!("alert_silence_question_{suffix}"), stage.text());
    }
}

#[test]
fn every_width_shows_whole_rows() {
    for width in 60..=240 {
        let mut stage = alerts((width, 24));
        for _ in 0..4 {
            let text = stage.text();
            for line in text.lines() {
                let line = line
                    .rsplit_once("\" Hidden")
                    .map_or(line, |(shown, _)| shown);
                let shown = line.trim_matches('"').width();
                assert_eq!(shown, usize::from(width), "{line:?}");
            }
            stage.keys("v");
        }
        assert!(stage.text().contains("unit_failed"), "{}", stage.text());
    }
}

#[test]
fn names_that_mean_harm_stay_names_on_every_list_page_and_question() {
    let script = script();
    let mut stage = Stage::answering(SMALL, move |wanted| {
        let mut data = script.respond(wanted).unwrap();
        if !matches!(wanted, AnyQuery::Me(_)) {
            poison(&mut data);
        }
        Some(Ok(data))
    });
    stage.show(View::Alerts);
    for _ in 0..4 {
        assert_harmless(&stage.text());
        for key in ["S", "x", "a", "p"] {
            stage.keys(key);
            assert_harmless(&stage.text());
            stage.key(KeyCode::Enter);
            assert_harmless(&stage.text());
            stage.key(KeyCode::Esc);
            stage.key(KeyCode::Esc);
            stage.keys("0");
        }
        stage.key(KeyCode::Enter);
        assert_eq!(stage.app.place(), View::Alert);
        stage.keys("p");
        assert_harmless(&stage.text());
        stage.keys("G");
        assert_harmless(&stage.text());
        stage.keys("qv");
    }
}

#[test]
fn nothing_fires_and_what_is_watched_is_said() {
    let empty = |wanted: &AnyQuery| {
        matches!(wanted, AnyQuery::Alerts(_))
            .then(|| Some(Ok(AnyResponse::Alerts(AlertList::default()))))
    };
    let stage = answering(SMALL, empty);
    let text = stage.text();
    assert!(text.contains("no alerts"), "{text}");
    assert!(
        text.contains("13 rules watch: certificate_expires"),
        "{text}"
    );
    let stage = answering(SMALL, move |wanted| match wanted {
        AnyQuery::AlertRules(_) => {
            Some(Some(Ok(AnyResponse::AlertRules(AlertRuleList::default()))))
        }
        other => empty(other),
    });
    let text = stage.text();
    assert!(
        text.contains("no rule is in force: nothing is watched"),
        "{text}"
    );
    let mut stage = answering(SMALL, move |wanted| match wanted {
        AnyQuery::AlertSilences(_) => {
            let none = AlertSilenceList::default();
            Some(Some(Ok(AnyResponse::AlertSilences(none))))
        }
        AnyQuery::AlertNotices(_) => Some(Some(Ok(AnyResponse::AlertNotices(Vec::new())))),
        other => empty(other),
    });
    stage.key(KeyCode::Left);
    assert!(
        stage.text().contains("nothing is silenced"),
        "{}",
        stage.text()
    );
    stage.key(KeyCode::Right);
    stage.key(KeyCode::Right);
    assert!(
        stage.text().contains("nothing has changed yet"),
        "{}",
        stage.text()
    );
}

#[test]
fn a_key_without_the_scope_and_an_older_daemon_say_so() {
    let asked = Rc::new(Cell::new(0));
    let count = Rc::clone(&asked);
    let stage = answering(SMALL, move |wanted| match wanted {
        AnyQuery::Me(_) => {
            let mut response = script().respond(wanted).unwrap();
            if let AnyResponse::Me(me) = &mut response {
                me.user_perm.scopes = vec!["host:read".to_owned()];
            }
            Some(Some(Ok(response)))
        }
        AnyQuery::Alerts(_) | AnyQuery::HostAlerts(_) | AnyQuery::AlertRules(_) => {
            count.set(count.get() + 1);
            Some(Some(Err(forbidden("scope_missing"))))
        }
        _ => None,
    });
    let text = stage.text();
    assert!(text.contains("alerts: needs scope alerts:read"), "{text}");
    assert_eq!(asked.get(), 0, "what is refused is not polled");
    let stage = answering(SMALL, |wanted| {
        let is_alerts = matches!(
            wanted,
            AnyQuery::Alerts(_) | AnyQuery::AlertRules(_) | AnyQuery::AlertSilences(_)
        );
        is_alerts.then(|| Some(Err(forbidden("not_found"))))
    });
    let text = stage.text();
    assert!(
        text.contains("this daemon is older: it has no alerts"),
        "{text}"
    );
    assert!(lines(&stage)[0].contains('●'), "the host is well: {text}");
    // One that may read and not write: the keys are greyed with the reason.
    let mut stage = answering(SMALL, |wanted| match wanted {
        AnyQuery::Me(_) => {
            let mut response = script().respond(wanted).unwrap();
            if let AnyResponse::Me(me) = &mut response {
                me.user_perm.role = "viewer".to_owned();
                me.user_perm.is_admin = false;
            }
            Some(Some(Ok(response)))
        }
        _ => None,
    });
    assert!(
        stage.text().contains("acts: needs operator"),
        "{}",
        stage.text()
    );
    for key in ["a", "A", "S"] {
        stage.keys(key);
        assert!(stage.app.popups.is_empty(), "{key}");
    }
    assert!(
        stage.text().contains("silence: needs operator"),
        "{}",
        stage.text()
    );
}

#[test]
fn lists_are_sorted_filtered_widened_and_clicked() {
    let mut stage = alerts(LARGE);
    let first = |stage: &Stage| lines(stage)[4].clone();
    assert!(first(&stage).contains("critical"), "{}", stage.text());
    stage.keys("/mail-01");
    stage.key(KeyCode::Enter);
    assert!(first(&stage).contains("dovecot"), "{}", stage.text());
    stage.key(KeyCode::Esc);
    assert!(!stage.text().contains("disk_inodes"), "{}", stage.text());
    stage.keys("P");
    let text = stage.text();
    assert!(
        text.contains("pending") && text.contains("disk_inodes"),
        "{text}"
    );
    stage.keys("!");
    assert!(!stage.text().contains("pressure_cpu"), "{}", stage.text());
    stage.key(KeyCode::Esc);
    assert!(stage.text().contains("pressure_cpu"), "{}", stage.text());
    stage.keys(":sort host");
    stage.key(KeyCode::Enter);
    assert!(first(&stage).contains("backup-01"), "{}", stage.text());
    let left = MouseEventKind::Down(MouseButton::Left);
    // The title of the rules, and the heading of their first column.
    let at = lines(&stage)[2].find("rules").unwrap();
    stage.mouse(left, u16::try_from(at).unwrap(), 2);
    assert!(
        first(&stage).contains("certificate_expires"),
        "{}",
        stage.text()
    );
    stage.mouse(left, 2, 3);
    assert!(first(&stage).contains("unit_failed"), "{}", stage.text());
    stage.mouse(left, 2, 4);
    stage.mouse(left, 2, 4);
    assert_eq!(stage.app.place(), View::Alert, "the chosen row opens");
    let memory = stage.app.remember();
    assert!(memory.contains("alerts_sort = \"HOST\""), "{memory}");
}

#[test]
fn what_is_frozen_stays_and_late_responses_are_dropped() {
    let mut stage = alerts(SMALL);
    let before = lines(&stage)[4].clone();
    stage.keys("f");
    let response = AnyResponse::Alerts(AlertList::default());
    let query = AnyQuery::Alerts(AlertsQuery { waiting: false });
    let late = FeedEvent::Response(query, Ok(response));
    stage.send(AppMessage::Host(0, Box::new(late.clone())));
    assert_eq!(lines(&stage)[4], before);
    stage.keys("f");
    stage.keys("P");
    // What was requested before does not take the place of what is wanted now.
    stage.send(AppMessage::Host(0, Box::new(late)));
    assert_eq!(lines(&stage)[4], before);
}

#[test]
fn an_alert_that_ends_while_it_is_read_stays_readable() {
    let over = Rc::new(Cell::new(false));
    let is_over = Rc::clone(&over);
    let mut stage = answering(SMALL, move |wanted| {
        let ends = matches!(wanted, AnyQuery::Alerts(_)) && is_over.get();
        ends.then(|| Some(Ok(AnyResponse::Alerts(AlertList::default()))))
    });
    choose(&mut stage, "disk_space");
    stage.key(KeyCode::Enter);
    over.set(true);
    stage.poll(0);
    let text = stage.text();
    assert!(
        text.contains("not listed any more") && text.contains("93.0% used"),
        "{text}"
    );
    stage.keys("a");
    assert!(
        stage.text().contains("nothing to acknowledge"),
        "{}",
        stage.text()
    );
}

#[test]
fn a_preview_that_fails_says_why_on_its_page() {
    let mut stage = answering(SMALL, |wanted| {
        matches!(wanted, AnyQuery::AlertPreview(_)).then(|| Some(Err(refused())))
    });
    stage.keys("vv");
    stage.keys("p");
    stage.keys("G");
    let text = stage.text();
    assert!(text.contains("The key is not valid."), "{text}");
    let mut stage = answering(SMALL, |wanted| {
        matches!(wanted, AnyQuery::AlertPreview(_)).then_some(None)
    });
    stage.keys("vvpG");
    let text = stage.text();
    assert!(
        text.contains("reads the stored history of all hosts"),
        "{text}"
    );
}
