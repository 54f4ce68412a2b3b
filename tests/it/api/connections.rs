//! How many connections there may be, and how they end when the daemon stops.

use std::time::Duration;

use linux_api_daemon::server::Limits;
use linux_api_wire::user::Role;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::api::app::App;
use crate::api::database::Database;
use crate::api::wire::{Daemon, LIMITS, PATIENCE, Wire};

/// Long enough to see that something does not happen.
const A_WHILE: Duration = Duration::from_millis(200);

#[tokio::test]
async fn connections_beyond_the_cap_wait_until_one_ends() {
    let database = Database::sqlite();
    let app = App::new(&database).await;
    let limits = Limits {
        connections: 2,
        ..LIMITS
    };
    let daemon = Daemon::start(&app, limits).await;
    let mut first = daemon.connect().await;
    let mut second = daemon.connect().await;
    for wire in [&mut first, &mut second] {
        wire.get("/livez", "").await.expect(200);
    }
    let mut third = daemon.connect().await;
    {
        let waiting = third.get("/livez", "");
        tokio::pin!(waiting);
        assert!(timeout(A_WHILE, &mut waiting).await.is_err(), "no place");
        drop(first);
        waiting.await.expect(200);
    }
    second.get("/livez", "").await.expect(200);
}

#[tokio::test]
async fn connections_of_one_address_beyond_its_cap_are_closed() {
    let database = Database::sqlite();
    let app = App::new(&database).await;
    let limits = Limits {
        connections_per_address: 2,
        ..LIMITS
    };
    let daemon = Daemon::start(&app, limits).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut wire = daemon.connect_from(2).await;
        wire.get("/livez", "").await.expect(200);
        held.push(wire);
    }
    daemon.connect_from(2).await.expect_close().await;
    // Others have places of their own.
    for last_octet in [1, 3, 4] {
        let mut wire = daemon.connect_from(last_octet).await;
        wire.get("/livez", "").await.expect(200);
        held.push(wire);
    }
    // A place is free again once its connection has ended, a moment after the client's close.
    drop(held.remove(0));
    loop {
        let mut wire = daemon.connect_from(2).await;
        wire.write("GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .await;
        if wire.read_to_end().await.starts_with("HTTP/1.1 200") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_socket_nobody_uses_takes_no_place_from_the_others() {
    let database = Database::sqlite();
    let app = App::new(&database).await;
    let path = database.folder.path().join("api.sock");
    let limits = Limits {
        connections: 1,
        ..LIMITS
    };
    let daemon = Daemon::start_with_unix(&app, limits, &path).await;
    for _ in 0..3 {
        daemon.connect().await.get("/livez", "").await.expect(200);
    }
    for _ in 0..3 {
        let mut unix = Wire::new(UnixStream::connect(&path).await.unwrap());
        unix.get("/livez", "").await.expect(200);
    }
}

/// A request whose head arrived and whose handler waits for the body.
async fn start_a_request(daemon: &Daemon, key: &str, body: &str) -> Wire<TcpStream> {
    let mut wire = daemon.connect().await;
    wire.write(format!(
        "POST /api/v1/user/register HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    ))
    .await;
    // Sent when the handler starts to read the body.
    assert_eq!(wire.read_head().await.0, 100);
    wire
}

#[tokio::test]
async fn a_stop_lets_running_requests_end_and_closes_idle_connections() {
    let database = Database::sqlite();
    let app = App::new(&database).await;
    let admin = app.user("boss", Role::Admin).await;
    let mut daemon = Daemon::start(&app, LIMITS).await;
    let mut idle = daemon.connect().await;
    idle.get("/livez", "").await.expect(200);
    let mut fresh = daemon.connect().await;
    let body = r#"{"username":"alice1"}"#;
    let mut busy = start_a_request(&daemon, &admin.key, body).await;

    daemon.stop.cancel();
    idle.expect_close().await;
    fresh.expect_close().await;
    let refused = TcpStream::connect(daemon.address).await;
    assert!(refused.is_err(), "nobody new comes in");
    assert!(!daemon.ended.is_finished());

    busy.write(body).await;
    let reply = busy.read().await;
    reply.expect(200);
    assert_eq!(reply.header("connection"), Some("close"));
    busy.expect_close().await;
    timeout(PATIENCE, &mut daemon.ended).await.unwrap().unwrap();
    assert_eq!(app.store.count_users().await.unwrap(), 2);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let database = Database::sqlite();
    let app = App::new(&database).await;
    let admin = app.user("boss", Role::Admin).await;
    let limits = Limits {
        shutdown_timeout: A_WHILE,
        ..LIMITS
    };
    let mut daemon = Daemon::start(&app, limits).await;
    let _stuck = start_a_request(&daemon, &admin.key, "{}").await;
    daemon.stop.cancel();
    timeout(PATIENCE, &mut daemon.ended).await.unwrap().unwrap();
}
