//! The view of the network.

use crossterm::event::{KeyCode, MouseButton, MouseEventKind};
use linux_api_client::error::ClientError;
use linux_api_tui::query::{AnyQuery, AnyResponse};
use linux_api_tui::screen::View;

use super::stage::{Stage, script};

const SIZE: (u16, u16) = (160, 48);

fn network() -> Stage {
    let mut stage = Stage::one(SIZE);
    stage.keys("W");
    assert_eq!(stage.app.view, View::Network);
    stage
}

#[test]
fn interfaces_states_and_listening_sockets_are_shown() {
    let stage = network();
    let text = stage.text();
    for part in [
        "192.0.2.10/24",
        "10G",
        "established",
        "time-wait",
        "UDP 4",
        "11 of 11 listening",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("hidden from the daemon"), "{text}");
    assert!(text.contains("398 linux-api"), "{text}");
}

#[test]
fn sockets_are_filtered_found_and_sorted_also_by_the_mouse() {
    let mut stage = network();
    stage.keys("/postgres");
    stage.key(KeyCode::Enter);
    assert!(
        stage.text().contains("1 of 11 listening"),
        "{}",
        stage.text()
    );
    assert!(stage.text().contains("5432"), "{}", stage.text());
    stage.key(KeyCode::Esc);
    let text = stage.text();
    let (y, heading) = (0..)
        .zip(text.lines())
        .find(|(_, it)| it.contains("PROTO"))
        .unwrap();
    let x = u16::try_from(heading.find("USER").unwrap()).unwrap();
    stage.mouse(MouseEventKind::Down(MouseButton::Left), x, y);
    let line = |stage: &Stage, y: usize| stage.text().lines().nth(y).unwrap().to_owned();
    assert!(
        line(&stage, usize::from(y)).contains("USER▲"),
        "{}",
        stage.text()
    );
    assert!(
        line(&stage, usize::from(y) + 1).contains("8443"),
        "{}",
        stage.text()
    );
    stage.mouse(MouseEventKind::Down(MouseButton::Left), 3, y + 2);
    let chosen = stage.app.screens.network.table.selected.clone().unwrap();
    assert!(chosen.contains("5432"), "{chosen}");
    // The heading of the other table sorts nothing.
    stage.mouse(MouseEventKind::Down(MouseButton::Left), 3, 2);
    assert!(
        line(&stage, usize::from(y)).contains("USER▲"),
        "{}",
        stage.text()
    );
}

#[test]
fn many_interfaces_leave_room_and_are_counted() {
    let script = script();
    let mut stage = Stage::answering((80, 24), move |wanted| {
        let mut data = script.respond(wanted).unwrap();
        if let AnyResponse::Network(detail) = &mut data {
            let one = detail.interfaces[3].clone();
            for number in 0..30 {
                let mut more = one.clone();
                more.traffic.interface = format!("veth{number:02}");
                detail.interfaces.push(more);
            }
        }
        Some(Ok(data))
    });
    stage.keys("W");
    let text = stage.text();
    assert!(text.contains("+26 more: veth"), "{text}");
    assert!(
        text.contains("PROTO") && text.contains("listening sockets"),
        "{text}"
    );
}

#[test]
fn what_can_not_be_read_says_why() {
    let script = script();
    let mut stage = Stage::answering(SIZE, move |wanted| {
        let mut data = script.respond(wanted).unwrap();
        if let AnyResponse::Network(detail) = &mut data {
            detail.sockets = None;
            detail.sockets_error = Some("can't read /proc/net/tcp".to_owned());
            detail.interfaces.clear();
            detail.interfaces_error = Some("they have not been read twice yet".to_owned());
        }
        Some(Ok(data))
    });
    stage.keys("W");
    let text = stage.text();
    assert!(
        text.contains("sockets can't be read: can't read /proc/net/tcp"),
        "{text}"
    );
    assert!(
        text.contains("interfaces: they have not been read twice"),
        "{text}"
    );
    // An older daemon has no such route.
    let mut stage = Stage::answering(SIZE, |wanted| {
        matches!(wanted, AnyQuery::Network(_)).then(|| {
            Err(ClientError::Refused {
                address: String::new(),
                status: 404,
                code: "not_found".to_owned(),
                detail: "There is no such route.".to_owned(),
                retry_after: None,
            })
        })
    });
    stage.keys("W");
    assert!(stage.text().contains("404"), "{}", stage.text());
}
