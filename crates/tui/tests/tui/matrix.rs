//! Every view in every condition of its host: header, badge and dimming say the same.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use crossterm::event::KeyCode;
use linux_api_client::error::ClientError;
use linux_api_tui::demo;
use linux_api_tui::message::{AppMessage, FeedEvent};
use linux_api_tui::query::{AnyQuery, SnapshotQuery};
use linux_api_tui::screen::View;
use linux_api_wire::time::ManualClock;
use ratatui::style::Color;

use super::stage::{Responder, Stage, offline, refused};
use super::truth::{ctrl, lines};

const SIZES: [(u16, u16); 2] = [(80, 24), (160, 48)];

/// Hosts that respond by the script, are silent, or refuse.
#[derive(Clone, Default)]
struct Hosts {
    is_silent: Rc<Cell<bool>>,
    error: Rc<RefCell<Option<ClientError>>>,
}

impl Hosts {
    fn stage(&self, size: (u16, u16)) -> Stage {
        let clock = ManualClock::at("2026-11-23T07:02:00Z".parse().unwrap());
        let hosts = demo::fleet(&clock.clock()).into_iter().take(2);
        let hosts = hosts.map(|(host, script)| {
            let this = self.clone();
            let responder: Responder = Box::new(move |wanted: &AnyQuery| {
                if this.is_silent.get() {
                    return None;
                }
                let error = this.error.borrow().clone();
                Some(error.map_or_else(|| script.respond(wanted), Err))
            });
            (host, responder)
        });
        Stage::new(hosts.collect(), size)
    }
}

/// Opens a view, or the page over one.
fn open(stage: &mut Stage, place: View) {
    let view = match place {
        View::Process => View::Processes,
        View::Unit => View::Units,
        View::Alert => View::Alerts,
        other => other,
    };
    if view == View::Fleet {
        return;
    }
    stage.key(KeyCode::Enter);
    stage.show(view);
    if view != place {
        stage.key(KeyCode::Enter);
        assert_eq!(stage.app.place(), place);
    }
}

fn goes_down(stage: &mut Stage) {
    for host in 0..stage.app.hosts.len() {
        let news = FeedEvent::Down {
            error: offline(),
            retry_in: Duration::from_secs(8),
        };
        stage.send(AppMessage::Host(host, Box::new(news)));
    }
}

fn is_red(stage: &Stage) -> bool {
    stage.screen().buffer()[(0, 0)].fg == Color::Red
}

fn for_each(check: impl Fn(&Hosts, &mut Stage, View)) {
    for size in SIZES {
        let pages = [View::Process, View::Unit, View::Alert];
        for place in View::ALL.iter().copied().chain(pages) {
            let hosts = Hosts::default();
            let mut stage = hosts.stage(size);
            open(&mut stage, place);
            check(&hosts, &mut stage, place);
        }
    }
}

#[test]
fn fresh() {
    for_each(|_, stage, place| {
        let text = stage.text();
        assert!(lines(stage)[0].contains('●'), "{place:?}: {text}");
        assert!(
            !text.contains("STALE") && !text.contains("FROZEN"),
            "{text}"
        );
        assert!(!is_red(stage), "{place:?}");
    });
}

#[test]
fn a_late_response() {
    for_each(|hosts, stage, place| {
        hosts.is_silent.set(true);
        stage.wait(Duration::from_secs(90));
        let text = stage.text();
        let header = lines(stage).remove(0);
        if place == View::Fleet {
            assert!(header.contains("◌ 2 late"), "{header}");
            return;
        }
        assert!(
            !header.contains('●') && header.contains("old"),
            "{place:?}: {text}"
        );
        assert!(text.contains("STALE"), "{place:?}: {text}");
    });
}

#[test]
fn frozen() {
    for_each(|hosts, stage, place| {
        stage.keys("f");
        hosts.is_silent.set(true);
        stage.wait(Duration::from_secs(90));
        let text = stage.text();
        assert!(text.contains("FROZEN since 07:02:00"), "{place:?}: {text}");
        assert!(!text.contains("STALE"), "{place:?}: {text}");
        if place != View::Fleet {
            let header = lines(stage).remove(0);
            assert!(
                header.contains("frozen") && !header.contains('●'),
                "{header}"
            );
        }
    });
}

#[test]
fn revoked() {
    for_each(|hosts, stage, place| {
        *hosts.error.borrow_mut() = Some(refused());
        for host in 0..2 {
            let query = AnyQuery::Snapshot(SnapshotQuery);
            let news = FeedEvent::Response(query, Err(refused()));
            stage.send(AppMessage::Host(host, Box::new(news)));
        }
        let text = stage.text();
        let header = lines(stage).remove(0);
        assert!(header.contains("401"), "{place:?}: {text}");
        if place != View::Fleet {
            assert!(is_red(stage) && !header.contains('●'), "{place:?}: {text}");
            assert!(text.contains("STALE"), "{place:?}: {text}");
        }
    });
}

#[test]
fn unreachable() {
    for_each(|_, stage, place| {
        goes_down(stage);
        stage.wait(Duration::from_secs(3));
        let text = stage.text();
        let header = lines(stage).remove(0);
        assert!(header.contains("timed out"), "{place:?}: {text}");
        if place != View::Fleet {
            assert!(header.contains("retry in 5 s"), "{place:?}: {text}");
            assert!(
                is_red(stage) && text.contains("STALE 3 s"),
                "{place:?}: {text}"
            );
        }
    });
}

#[test]
fn the_host_is_switched() {
    for_each(|hosts, stage, place| {
        if place == View::Fleet {
            return;
        }
        hosts.is_silent.set(true);
        stage.wait(Duration::from_secs(90));
        ctrl(stage, 'n');
        let text = stage.text();
        let header = lines(stage).remove(0);
        assert!(
            header.contains("web-02") && !header.contains('●'),
            "{place:?}: {text}"
        );
        assert!(text.contains("STALE"), "{place:?}: {text}");
        hosts.is_silent.set(false);
        // What is polled for the new host comes, and the whole view is fresh.
        let place = stage.app.place();
        stage.poll(1);
        let text = stage.text();
        assert!(lines(stage)[0].contains('●'), "{place:?}: {text}");
        assert!(!text.contains("STALE"), "{place:?}: {text}");
    });
}

/// The daemon goes and comes back, again and again: the view is as it was.
#[test]
fn a_daemon_that_is_killed_all_over_again() {
    for_each(|_, stage, place| {
        let before = stage.text();
        for _ in 0..20 {
            goes_down(stage);
            assert!(stage.text() != before, "{place:?}");
            for host in 0..2 {
                let up = FeedEvent::Up(Duration::from_millis(12));
                stage.send(AppMessage::Host(host, Box::new(up)));
            }
        }
        assert_eq!(stage.text(), before, "{place:?}");
    });
}

/// Every size on the way, and back: nothing of them stays.
#[test]
fn a_storm_of_sizes() {
    for_each(|_, stage, place| {
        let size = stage.app.size;
        let before = stage.text();
        let sizes = [
            (1, 1),
            (59, 15),
            (60, 16),
            (240, 80),
            (61, 70),
            (200, 17),
            (80, 24),
            (0, 0),
            (133, 37),
        ];
        for (width, height) in sizes.iter().cycle().take(27).copied() {
            stage.send(AppMessage::Resize(width, height));
            if width > 0 && height > 0 {
                stage.text();
            }
        }
        stage.send(AppMessage::Resize(size.0, size.1));
        assert_eq!(stage.text(), before, "{place:?}");
    });
}
