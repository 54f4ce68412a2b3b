//! Where alerts are seen besides their view: on the overview of their host and on the fleet; and where not.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crossterm::event::KeyCode;
use linux_api_tui::demo;
use linux_api_tui::host::HostState;
use linux_api_tui::query::{AnyQuery, AnyResponse};
use linux_api_tui::screen::View;
use linux_api_wire::time::ManualClock;

use super::alerts::{LARGE, forbidden};
use super::stage::{Responder, Stage, refused, scripted};
use super::truth::lines;

/// The host of the script that has two alerts of its own.
fn database(size: (u16, u16)) -> Stage {
    let clock = ManualClock::at("2026-11-23T07:02:00Z".parse().unwrap());
    let hosts = demo::fleet(&clock.clock()).into_iter();
    let hosts = hosts.filter(|(host, _)| host.name == "db-01");
    let hosts = hosts.map(|(host, source)| (host, scripted(source)));
    Stage::new(hosts.collect(), size)
}

/// A session of its own, for one, judges nothing: that nothing fires must not look well there.
#[test]
fn a_daemon_that_judges_nothing_says_so() {
    let script = demo::fleet(&ManualClock::at("2026-11-23T07:02:00Z".parse().unwrap()).clock());
    let mut hosts = script.into_iter();
    let (_, source) = hosts.find(|(host, _)| host.name == "db-01").unwrap();
    let mut stage = Stage::answering(LARGE, move |wanted| {
        let mut response = source.respond(wanted).unwrap();
        match &mut response {
            AnyResponse::AlertChannels(channels) => channels.enabled = false,
            AnyResponse::Alerts(list) | AnyResponse::HostAlerts(list) => list.items.clear(),
            _ => {}
        }
        Some(Ok(response))
    });
    stage.show(View::Alerts);
    let text = stage.text();
    assert!(
        text.contains("nothing is judged") && !text.contains("no alerts"),
        "{text}"
    );
    stage.show(View::Overview);
    let text = stage.text();
    assert!(text.contains("backup.service failed"), "{text}");
}

#[test]
fn the_overview_shows_what_fires_on_its_host_and_as_before_where_that_is_not_known() {
    let mut stage = database(LARGE);
    stage.show(View::Overview);
    let text = stage.text();
    assert!(
        text.contains("attention 1") && text.contains("disk_space: /srv 93.0% used"),
        "{text}"
    );
    assert!(!text.contains("unit_failed"), "alice has seen it: {text}");
    let script = demo::fleet(&ManualClock::at("2026-11-23T07:02:00Z".parse().unwrap()).clock());
    let (_, source) = script
        .into_iter()
        .find(|(host, _)| host.name == "db-01")
        .unwrap();
    let mut stage = Stage::answering(LARGE, move |wanted| match wanted {
        AnyQuery::HostAlerts(_) => Some(Err(forbidden("not_found"))),
        other => Some(source.respond(other)),
    });
    stage.show(View::Overview);
    let text = stage.text();
    assert!(text.contains("backup.service failed"), "{text}");
    assert!(lines(&stage)[0].contains('●'), "{text}");
}

#[test]
fn the_fleet_counts_the_alerts_of_each_host_and_sorts_by_them() {
    let mut stage = Stage::fleet(LARGE);
    let row = |stage: &Stage, name: &str| {
        let all = lines(stage);
        let found = all.into_iter().find(|line| line.starts_with(name));
        found.unwrap_or_else(|| panic!("no {name} in {}", stage.text()))
    };
    assert!(row(&stage, "mail-01").contains(" 2W "), "{}", stage.text());
    assert!(
        row(&stage, "backup-01").contains(" 1C "),
        "{}",
        stage.text()
    );
    assert!(
        row(&stage, "edge-02").contains(" 1C "),
        "its certificate waits"
    );
    assert!(!row(&stage, "web-01").contains('W'), "{}", stage.text());
    let text = stage.text();
    assert!(
        text.contains("3 critical") && text.contains("3 warnings"),
        "{text}"
    );
    stage.keys(":sort alerts");
    stage.key(KeyCode::Enter);
    assert!(lines(&stage)[3].contains(" 1C "), "{}", stage.text());
    stage.keys("vv");
    assert!(stage.text().contains("  2W"), "tiles too: {}", stage.text());
}

/// What was read long ago, or before an error, says nothing of now.
#[test]
fn old_alerts_are_not_taken_for_those_of_now() {
    let mut stage = Stage::fleet(LARGE);
    let row = |stage: &Stage| {
        let all = lines(stage);
        all.into_iter().find(|line| line.starts_with("mail-01"))
    };
    assert!(row(&stage).unwrap().contains(" 2W "), "{}", stage.text());
    stage.wait(Duration::from_secs(90));
    assert!(!row(&stage).unwrap().contains(" 2W "), "{}", stage.text());
    let fails = Rc::new(Cell::new(false));
    let is_failing = Rc::clone(&fails);
    let script = demo::fleet(&ManualClock::at("2026-11-23T07:02:00Z".parse().unwrap()).clock());
    let mut hosts = script.into_iter();
    let (_, source) = hosts.find(|(host, _)| host.name == "db-01").unwrap();
    let mut stage = Stage::answering(LARGE, move |wanted| match wanted {
        AnyQuery::HostAlerts(_) if is_failing.get() => Some(Err(refused())),
        other => Some(source.respond(other)),
    });
    stage.show(View::Overview);
    assert!(
        stage.text().contains("disk_space: /srv"),
        "{}",
        stage.text()
    );
    fails.set(true);
    stage.poll(0);
    let text = stage.text();
    assert!(text.contains("backup.service failed"), "{text}");
    assert!(!text.contains("disk_space: /srv"), "{text}");
}

/// Alerts are polled where they are seen, and nowhere else; of each database by one remote.
#[test]
fn alerts_are_polled_only_where_they_are_seen() {
    let clock = ManualClock::at("2026-11-23T07:02:00Z".parse().unwrap());
    let asked = Rc::new(Cell::new(0));
    let hosts = demo::fleet(&clock.clock()).into_iter().take(3);
    let hosts = hosts.map(|(host, source)| {
        let asked = Rc::clone(&asked);
        let responder: Responder = Box::new(move |wanted| {
            if matches!(wanted, AnyQuery::Alerts(_) | AnyQuery::HostAlerts(_)) {
                asked.set(asked.get() + 1);
            }
            Some(source.respond(wanted))
        });
        (host, responder)
    });
    let hosts: Vec<(HostState, Responder)> = hosts.collect();
    let mut stage = Stage::new(hosts, LARGE);
    stage.show(View::Fleet);
    let all = (0..3).map(|host| {
        asked.set(0);
        stage.poll(host);
        asked.get()
    });
    assert_eq!(all.collect::<Vec<_>>(), [1, 0, 0]);
    for view in [View::Processes, View::Units, View::History, View::Network] {
        stage.show(view);
        stage.wait(Duration::from_secs(1));
        asked.set(0);
        (0..3).for_each(|host| stage.poll(host));
        assert_eq!(asked.get(), 0, "{view:?}");
    }
}
