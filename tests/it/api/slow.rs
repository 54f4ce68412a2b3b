//! Clients that are slow or silent, on purpose or not.

use std::time::{Duration, Instant};

use linux_api_daemon::server::Limits;
use linux_api_wire::user::Role;
use tokio::io::AsyncReadExt;
use tokio::net::TcpSocket;

use crate::api::app::{App, Setup};
use crate::api::database::Database;
use crate::api::wire::{Daemon, LIMITS, PATIENCE, Wire};

/// Short, and yet long enough for a busy machine to be in time where it should be.
const SHORT: Duration = Duration::from_millis(300);

const PATIENT: Limits = LIMITS;
const HASTY: Limits = Limits {
    header_timeout: SHORT,
    ..LIMITS
};

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let database = Database::sqlite();
    let app = App::new(&database).await;
    let daemon = Daemon::start(&app, HASTY).await;
    let mut wire = daemon.connect().await;
    let start = Instant::now();
    wire.read_to_end().await;
    assert!(start.elapsed() >= SHORT / 2, "not at once");
}

#[tokio::test]
async fn a_head_that_drips_in_is_cut_off_however_steadily() {
    let database = Database::sqlite();
    let app = App::new(&database).await;
    let daemon = Daemon::start(&app, HASTY).await;
    let mut wire = daemon.connect().await;
    let (mut reader, mut writer) = wire.stream.split();
    let drip = async {
        use tokio::io::AsyncWriteExt;
        // Ends with an error once the daemon has closed.
        while writer.write_all(b"G").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    let end = async { reader.read_to_end(&mut Vec::new()).await };
    tokio::time::timeout(PATIENCE, async {
        tokio::select! {
            () = drip => {}
            _ = end => {}
        }
    })
    .await
    .expect("the daemon closes");
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_a_while() {
    let database = Database::sqlite();
    let app = App::new(&database).await;
    let daemon = Daemon::start(&app, HASTY).await;
    let mut wire = daemon.connect().await;
    wire.get("/livez", "").await.expect(200);
    wire.get("/livez", "").await.expect(200);
    wire.read_to_end().await;
}

#[tokio::test]
async fn a_body_that_does_not_arrive_in_time_is_408() {
    let database = Database::sqlite();
    let mut setup = Setup::new(&database);
    setup.body_timeout = SHORT;
    let app = App::with(setup).await;
    let admin = app.user("boss", Role::Admin).await;
    let daemon = Daemon::start(&app, PATIENT).await;
    let head = format!(
        "POST /api/v1/user/register HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {}\r\n\
         Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n",
        admin.key
    );
    for drips in [false, true] {
        let mut wire = daemon.connect().await;
        wire.write(&head).await;
        if drips {
            // Steady, and much too slow for all of it.
            for _ in 0..5 {
                wire.write(" ").await;
                tokio::time::sleep(SHORT / 10).await;
            }
        }
        let reply = wire.read().await;
        reply.expect_problem(408, "body_timeout", "The body did not arrive in time.");
        reply.expect_common_headers();
        wire.expect_close().await;
    }
    assert_eq!(app.store.count_users().await.unwrap(), 1);
}

/// Requests far more than the buffers between the two hold, and reads nothing of it.
async fn ask_much_and_read_nothing(daemon: &Daemon) -> Wire<tokio::net::TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut wire = Wire::new(socket.connect(daemon.address).await.unwrap());
    let request = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
    wire.write(request.repeat(200)).await;
    wire
}

async fn document_length(daemon: &Daemon) -> usize {
    let reply = daemon.connect().await.get("/openapi.json", "").await;
    reply.expect(200);
    reply.body.len()
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_cut_off() {
    let database = Database::sqlite();
    let app = App::new(&database).await;
    let limits = Limits {
        write_timeout: SHORT,
        connections: 1,
        ..LIMITS
    };
    let daemon = Daemon::start(&app, limits).await;
    let mut stalled = ask_much_and_read_nothing(&daemon).await;
    // The only place there is becomes free, which takes the cut.
    daemon.connect().await.get("/livez", "").await.expect(200);
    let got = stalled.read_to_end().await.len();
    let length = document_length(&daemon).await;
    assert!(got < 200 * length, "{got}");
}

#[tokio::test]
async fn a_client_that_takes_its_answer_slowly_gets_all_of_it() {
    let database = Database::sqlite();
    let app = App::new(&database).await;
    let limits = Limits {
        write_timeout: Duration::from_secs(1),
        ..LIMITS
    };
    let daemon = Daemon::start(&app, limits).await;
    let mut slow = ask_much_and_read_nothing(&daemon).await;
    let length = document_length(&daemon).await;
    let (mut total, start) = (0, Instant::now());
    let mut buffer = vec![0; 200 * length / 20];
    while total < 200 * length {
        let bytes = slow.stream.read_exact(&mut buffer).await.unwrap();
        total += bytes;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // In all it took longer than the daemon waits for a client that takes nothing.
    assert!(start.elapsed() > Duration::from_secs(1));
}
