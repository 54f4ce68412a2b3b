//! Alerts are acknowledged and silenced after a question that says what and where.

use crossterm::event::KeyCode;
use linux_api_tui::change::{AlertAct, Change, ChangeOutcome};
use linux_api_tui::message::{AppMessage, Effect, FeedEvent};

use super::alerts::{LARGE, SMALL, alerts, choose};
use super::handling::change;

#[test]
fn an_alert_is_acknowledged_after_a_question_that_names_it() {
    let mut stage = alerts(SMALL);
    choose(&mut stage, "disk_space");
    stage.keys("a");
    let text = stage.text();
    assert!(
        text.contains("Acknowledge disk_space of db-01 (/srv)?"),
        "{text}"
    );
    assert!(
        text.contains("The daemon of web-01 at https://web-01.example:8443"),
        "{text}"
    );
    stage.key(KeyCode::Enter);
    assert_eq!(change(&mut stage), None, "No is chosen at first");
    stage.keys("ay");
    let Some(Change::Alerts(AlertAct::Acknowledge(alert, comment))) = change(&mut stage) else {
        panic!("{}", stage.text());
    };
    assert_eq!(
        (alert.name.as_str(), comment.as_str()),
        ("disk_space of db-01 (/srv)", "")
    );
    let done = FeedEvent::Changed(
        Change::Alerts(AlertAct::Acknowledge(alert, comment)),
        Ok(ChangeOutcome::Done),
    );
    stage.send(AppMessage::Host(0, Box::new(done)));
    assert!(
        stage
            .text()
            .contains("web-01: acknowledge disk_space of db-01 (/srv), done"),
        "{}",
        stage.text()
    );
    // One that was seen already needs no second time, but a comment can be added.
    choose(&mut stage, "backup.service");
    stage.keys("a");
    assert!(
        stage.text().contains("alice has seen it"),
        "{}",
        stage.text()
    );
    assert!(stage.app.popups.is_empty());
    stage.keys("Atape is in");
    stage.key(KeyCode::Enter);
    assert!(
        stage.text().contains("The comment: tape is in"),
        "{}",
        stage.text()
    );
    stage.keys("y");
    assert!(matches!(
        change(&mut stage),
        Some(Change::Alerts(AlertAct::Acknowledge(_, comment))) if comment == "tape is in"
    ));
    stage.app.settings.read_only = true;
    stage.keys("a");
    assert!(
        stage.text().contains("acknowledge: read-only"),
        "{}",
        stage.text()
    );
}

#[test]
fn tagged_alerts_are_acknowledged_with_one_question() {
    let mut stage = alerts(LARGE);
    stage.key(KeyCode::Home);
    stage.keys("  ");
    assert!(stage.text().contains("2 tagged"), "{}", stage.text());
    stage.keys("a");
    assert!(
        stage.text().contains("Acknowledge 2 alerts ("),
        "{}",
        stage.text()
    );
    stage.keys("y");
    let sent = std::mem::take(&mut stage.effects);
    let sent = sent.iter().filter(|effect| {
        matches!(
            effect,
            Effect::Change(0, Change::Alerts(AlertAct::Acknowledge(..)))
        )
    });
    assert_eq!(sent.count(), 2);
}

#[test]
fn a_silence_is_filled_in_from_the_alert_and_ended_from_its_list() {
    let mut stage = alerts(SMALL);
    choose(&mut stage, "disk_space");
    stage.keys("S");
    let text = stage.text();
    for part in ["disk_space", "db-01", "mount_point", "/srv", "< 2 hours >"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    stage.key(KeyCode::Right);
    stage.key(KeyCode::Down);
    stage.keys("moving backups");
    stage.key(KeyCode::Enter);
    let text = stage.text();
    assert!(
        text.contains("Silence rule disk_space, host db-01, mount_point /srv"),
        "{text}"
    );
    assert!(text.contains("The comment: moving backups"), "{text}");
    stage.keys("y");
    let Some(Change::Alerts(AlertAct::Silence(silence))) = change(&mut stage) else {
        panic!("{}", stage.text());
    };
    assert_eq!(silence.duration, "4h");
    assert_eq!(silence.labels["mount_point"], "/srv");
    // Pasted text goes into the form too, and nothing is sent without a matcher.
    stage.keys("vvv");
    stage.key(KeyCode::End);
    stage.keys("S");
    stage.key(KeyCode::Enter);
    assert!(stage.text().contains("say of what"), "{}", stage.text());
    stage.send(AppMessage::Paste("disk_*".to_owned()));
    stage.key(KeyCode::Enter);
    assert!(
        stage.text().contains("Silence rule disk_* for 2 hours?"),
        "{}",
        stage.text()
    );
    stage.keys("n");
    stage.key(KeyCode::Home);
    stage.keys("x");
    let text = stage.text();
    assert!(
        text.contains("End the silence rule=pressure_* host=build-01 by alice?"),
        "{text}"
    );
    stage.keys("y");
    assert!(matches!(
        change(&mut stage),
        Some(Change::Alerts(AlertAct::EndSilence(_)))
    ));
    // From the alert that it holds back, too.
    stage.keys("v");
    choose(&mut stage, "pressure_cpu");
    stage.keys("x");
    assert!(
        stage.text().contains("End the silence rule=pressure_*"),
        "{}",
        stage.text()
    );
}
