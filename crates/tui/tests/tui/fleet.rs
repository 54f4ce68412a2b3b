//! The fleet: hosts that only a database knows, which remotes are polled for them, one act on several hosts.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crossterm::event::{KeyCode, MouseButton, MouseEventKind};
use linux_api_tui::change::{Change, ChangeOutcome, NewRemote};
use linux_api_tui::demo;
use linux_api_tui::host::HostState;
use linux_api_tui::message::{AppMessage, Effect, FeedEvent};
use linux_api_tui::query::{AnyQuery, AnyResponse};
use linux_api_tui::screen::View;
use linux_api_wire::api::fleet::FleetHost;
use linux_api_wire::time::ManualClock;

use super::stage::{Responder, Stage, offline, script, scripted};

const SIZE: (u16, u16) = (160, 48);

/// Only these remotes of the scripted fleet, whose database knows all of it.
fn remotes(names: &'static [&'static str], size: (u16, u16)) -> Stage {
    let clock = ManualClock::at("2026-11-23T07:02:00Z".parse().unwrap());
    let hosts = demo::fleet(&clock.clock()).into_iter();
    let hosts = hosts.filter(|(host, _)| names.contains(&host.name.as_str()));
    let hosts = hosts
        .map(|(host, source)| (host, scripted(source)))
        .collect();
    let mut stage = Stage::new(hosts, size);
    stage.show(View::Fleet);
    stage
}

/// The first words of the rows, from the top.
fn names(stage: &Stage) -> Vec<String> {
    let text = stage.text();
    let rows = text.lines().skip(3).map(|line| line.trim_matches('"'));
    let names = rows.map(|row| row.split(' ').next().unwrap_or_default().to_owned());
    names.take_while(|name| !name.is_empty()).collect()
}

fn row(stage: &Stage, name: &str) -> String {
    let text = stage.text();
    let mut rows = text.lines();
    let row = rows.find(|line| line.trim_start_matches('"').starts_with(name));
    row.unwrap_or_else(|| panic!("no {name} in {text}"))
        .to_owned()
}

fn choose(stage: &mut Stage, name: &str) {
    stage.keys("gg");
    for _ in 0..names(stage).iter().position(|it| it == name).unwrap() {
        stage.key(KeyCode::Down);
    }
}

#[test]
fn one_remote_shows_the_whole_fleet_each_host_once_and_the_worst_first() {
    let mut stage = remotes(&["web-02"], SIZE);
    let all = names(&stage);
    let unique: std::collections::BTreeSet<&String> = all.iter().collect();
    assert_eq!((all.len(), unique.len()), (14, 14), "{all:?}");
    assert_eq!(all[..2], ["edge-02", "old-nas"], "those that are down");
    assert_eq!(all[2], "queue-01", "late");
    let edge = row(&stage, "edge-02");
    assert!(edge.contains("○ down 3h 10m"), "{edge}");
    let db = row(&stage, "db-02");
    assert!(db.contains("/var/lib/post"), "the fullest filesystem: {db}");
    assert!(
        db.contains('▃') || db.contains('▄') || db.contains('▅'),
        "a line: {db}"
    );
    let mail = row(&stage, "mail-01");
    assert!(mail.contains("    2 "), "failed units: {mail}");
    let own = row(&stage, "web-02");
    assert!(own.contains("12 ms"), "a remote has its latency: {own}");
    let text = stage.text();
    let totals = text.lines().nth(46).unwrap();
    for part in [
        "14 hosts",
        "11 up",
        "1 late",
        "2 down",
        "failed unit",
        "of 176 Gi",
    ] {
        assert!(totals.contains(part), "{part}: {totals}");
    }
    // Other figures sort too, and tiles show the same hosts.
    stage.keys("v");
    assert!(stage.text().contains("PSI%"), "{}", stage.text());
    stage.keys("v");
    let text = stage.text();
    assert!(text.contains("┌ edge-02 ○ down 3h 10m"), "{text}");
    stage.key(KeyCode::Right);
    stage.key(KeyCode::Down);
    stage.keys("v");
    assert!(stage.text().contains("20m"), "{}", stage.text());
}

#[test]
fn remotes_that_share_a_database_are_joined_by_their_ids() {
    let stage = remotes(&["web-01", "web-02", "db-01"], SIZE);
    let all = names(&stage);
    assert_eq!(all.len(), 14, "{all:?}");
    // A remote that has not responded yet goes by its name.
    let stage = remotes(&["web-01", "old-nas"], SIZE);
    let all = names(&stage);
    assert_eq!(all.len(), 14, "{all:?}");
    assert!(
        row(&stage, "old-nas").contains("timed out"),
        "{}",
        stage.text()
    );
}

/// How often each host is polled for the list.
#[test]
fn one_remote_of_each_database_is_polled_and_another_takes_over() {
    let clock = ManualClock::at("2026-11-23T07:02:00Z".parse().unwrap());
    let mut counts = Vec::new();
    let hosts = demo::fleet(&clock.clock())
        .into_iter()
        .take(3)
        .map(|(host, source)| {
            let count = Rc::new(Cell::new(0));
            counts.push(Rc::clone(&count));
            let responder: Responder = Box::new(move |wanted| {
                if matches!(wanted, AnyQuery::Fleet(_)) {
                    count.set(count.get() + 1);
                }
                Some(source.respond(wanted))
            });
            (host, responder)
        });
    let hosts: Vec<(HostState, Responder)> = hosts.collect();
    let mut stage = Stage::new(hosts, SIZE);
    stage.show(View::Fleet);
    assert!(counts[0].get() > 0);
    let before = counts[1].get();
    let down = FeedEvent::Down {
        error: offline(),
        retry_in: Duration::from_secs(8),
    };
    stage.send(AppMessage::Host(0, Box::new(down)));
    assert!(counts[1].get() > before, "the next one takes over");
    let later = counts[2].get();
    stage.wait(Duration::from_secs(30));
    assert_eq!(counts[2].get(), later, "and no third one");
    assert_eq!(names(&stage).len(), 14);
}

#[test]
fn a_host_that_is_no_remote_is_not_opened_and_can_be_added() {
    let mut stage = remotes(&["web-01"], SIZE);
    choose(&mut stage, "db-02");
    stage.key(KeyCode::Enter);
    assert_eq!(stage.app.view, View::Fleet);
    let text = stage.text();
    assert!(text.contains("not a remote: A adds ssh://db-02"), "{text}");
    stage.keys("A");
    let text = stage.text();
    assert!(
        text.contains("Add the remote db-02 at ssh://db-02?"),
        "{text}"
    );
    assert!(text.contains("no API key is sent"), "{text}");
    stage.key(KeyCode::Enter);
    assert!(stage.effects.is_empty(), "No is chosen at first");
    stage.keys("Ay");
    let wanted = NewRemote {
        name: "db-02".to_owned(),
        address: "ssh://db-02".to_owned(),
    };
    assert_eq!(stage.effects.pop(), Some(Effect::AddRemote(wanted)));
    // It is there at once, and polled.
    let host = HostState::new("db-02".to_owned(), "ssh://db-02".to_owned(), [].into());
    stage.send(AppMessage::Added(Box::new(Err("no space left".to_owned()))));
    assert!(stage.text().contains("no space left"), "{}", stage.text());
    let now = linux_api_tui::message::ClockReading::default();
    let added = AppMessage::Added(Box::new(Ok(host)));
    let effects = stage.app.update(now, added);
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Poll(1, _))),
        "{effects:?}"
    );
    assert_eq!(
        names(&stage).len(),
        14,
        "joined by its name until it responds"
    );
    choose(&mut stage, "db-02");
    stage.keys("A");
    assert!(
        stage.text().contains("is a remote already"),
        "{}",
        stage.text()
    );
}

/// The list of a daemon that means no good.
#[test]
fn no_address_of_a_database_is_taken_for_one() {
    let evil = [
        "-oProxyCommand=reboot",
        "a b",
        "user@host",
        "https://evil.example",
        "x\u{1b}]0;owned\u{7}",
        "",
    ];
    for name in evil {
        assert!(NewRemote::over_ssh(name).is_err(), "{name:?}");
    }
    let script = script();
    let mut stage = Stage::answering(SIZE, move |wanted| {
        let mut data = script.respond(wanted).unwrap();
        if let AnyResponse::Fleet(hosts) = &mut data {
            let bad: Vec<FleetHost> = evil
                .iter()
                .enumerate()
                .map(|(place, name)| FleetHost {
                    id: format!("evil{place}"),
                    name: (*name).to_owned(),
                    ..hosts[7].clone()
                })
                .collect();
            *hosts = bad;
        }
        Some(Ok(data))
    });
    stage.show(View::Fleet);
    for _ in 0..=evil.len() {
        stage.keys("A");
        assert!(stage.app.popups.is_empty(), "{}", stage.text());
        stage.key(KeyCode::Enter);
        assert!(!stage.text().contains("adds ssh://"), "{}", stage.text());
        stage.show(View::Fleet);
        stage.key(KeyCode::Down);
    }
    assert!(
        stage
            .effects
            .iter()
            .all(|it| !matches!(it, Effect::AddRemote(_)))
    );
}

#[test]
fn one_act_goes_to_all_tagged_hosts_and_a_table_shows_what_became_of_it() {
    let mut stage = remotes(&["web-01", "web-02", "db-01"], SIZE);
    for name in ["web-01", "web-02"] {
        choose(&mut stage, name);
        stage.keys(" ");
    }
    assert!(
        stage.text().contains("14 hosts, 2 tagged"),
        "{}",
        stage.text()
    );
    stage.keys("rnginx");
    let text = stage.text();
    assert!(
        text.contains("unit to restart on web-01, web-02: nginx"),
        "{text}"
    );
    stage.key(KeyCode::Enter);
    let text = stage.text();
    assert!(
        text.contains("Restart nginx.service on web-01, web-02?"),
        "{text}"
    );
    stage.keys("y");
    let sent: Vec<(usize, Change)> = stage
        .effects
        .drain(..)
        .filter_map(|effect| match effect {
            Effect::Change(host, change) => Some((host, change)),
            _ => None,
        })
        .collect();
    assert_eq!(
        sent.iter().map(|(host, _)| *host).collect::<Vec<_>>(),
        [0, 1]
    );
    assert!(
        stage.text().contains("0 done, 0 failed, 2 waiting"),
        "{}",
        stage.text()
    );
    let (_, change) = sent[0].clone();
    let done = FeedEvent::Changed(change.clone(), Ok(ChangeOutcome::Done));
    stage.send(AppMessage::Host(1, Box::new(done)));
    let failed = FeedEvent::Changed(change, Err(offline()));
    stage.send(AppMessage::Host(0, Box::new(failed)));
    let text = stage.text();
    assert!(text.contains("1 done, 1 failed, 0 waiting"), "{text}");
    assert!(row(&stage, "web-01").contains("timed out"), "{text}");
    assert!(row(&stage, "web-02").contains("done"), "{text}");
    insta::assert_snapshot!("results", text);
    stage.key(KeyCode::Esc);
    assert!(stage.text().contains("2 tagged"), "{}", stage.text());
    stage.keys("U");
    assert!(
        !stage.text().contains("14 hosts, 2 tagged"),
        "{}",
        stage.text()
    );
    // A host that is no remote can't be acted on, nor can any when nothing may be changed.
    choose(&mut stage, "db-02");
    stage.keys("r");
    assert!(stage.text().contains("is not a remote"), "{}", stage.text());
    stage.app.settings.read_only = true;
    choose(&mut stage, "web-01");
    stage.keys("r");
    assert!(stage.text().contains("read-only"), "{}", stage.text());
    assert!(stage.app.popups.is_empty());
}

#[test]
fn a_click_on_a_tile_chooses_it_and_the_next_one_opens_it() {
    let left = MouseEventKind::Down(MouseButton::Left);
    let mut stage = remotes(&["web-01", "web-02", "db-01"], (80, 24));
    stage.keys("vv");
    let text = stage.text();
    insta::assert_snapshot!("fleet_tiles", text);
    let place = |stage: &Stage, name: &str| -> (u16, u16) {
        let text = stage.text();
        let mut lines = (0..).zip(text.lines());
        let found = lines.find_map(|(y, line)| {
            let line = line.trim_start_matches('"');
            Some((line.split_once(&format!(" {name} "))?.0.chars().count(), y))
        });
        let (x, y) = found.unwrap();
        (u16::try_from(x).unwrap() + 2, y)
    };
    stage.keys("/env=prod");
    stage.key(KeyCode::Enter);
    stage.keys("s");
    stage.key(KeyCode::Enter);
    let (x, y) = place(&stage, "db-01");
    stage.mouse(left, x, y);
    assert_eq!(stage.app.host().name, "db-01");
    assert_eq!(stage.app.view, View::Fleet);
    stage.mouse(left, x, y + 1);
    assert_eq!(stage.app.view, View::Overview);
}

#[test]
fn every_width_shows_whole_numbers_and_no_line_is_too_long() {
    for width in 60..=240 {
        let mut stage = remotes(&["web-01", "db-01"], (width, 30));
        for _ in 0..3 {
            let text = stage.text();
            for line in text.lines() {
                let line = line.trim_matches('"');
                assert_eq!(line.chars().count(), usize::from(width), "{line}");
                let cut = line.split(' ').any(|word| {
                    word.ends_with('…')
                        && word
                            .trim_end_matches('…')
                            .ends_with(|it: char| it.is_ascii_digit())
                        && word.chars().filter(char::is_ascii_alphabetic).count() == 0
                });
                assert!(!cut, "{width}: {line}");
            }
            stage.keys("v");
        }
    }
}

#[test]
fn a_key_is_answered_at_once_with_a_thousand_hosts_of_one_database() {
    let script = script();
    let mut stage = Stage::answering(SIZE, move |wanted| {
        let mut data = script.respond(wanted).unwrap();
        match &mut data {
            AnyResponse::Fleet(hosts) => {
                let one = hosts[7].clone();
                hosts.extend((0..1_000).map(|number| FleetHost {
                    id: format!("more{number}"),
                    name: format!("host-{number:04}"),
                    ..one.clone()
                }));
            }
            AnyResponse::FleetTrail(trails) => {
                let one = trails.values().next().unwrap().clone();
                let more = (0..1_000).map(|number| (format!("more{number}"), one.clone()));
                trails.extend(more);
            }
            _ => {}
        }
        Some(Ok(data))
    });
    stage.show(View::Fleet);
    assert!(stage.text().contains("1014 hosts"), "{}", stage.text());
    for _ in 0..3 {
        let start = std::time::Instant::now();
        for _ in 0..10 {
            stage.key(KeyCode::Down);
            stage.text();
        }
        // Without optimisation and on a busy machine; the bar is 50 ms for one.
        let each = start.elapsed() / 10;
        assert!(each < Duration::from_millis(500), "{each:?}");
        stage.keys("v");
    }
}
