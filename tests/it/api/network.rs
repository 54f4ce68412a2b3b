//! `/api/v1/system/network`, of this very host.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use linux_api_wire::user::Role;
use serde_json::{Value, json};

use crate::api::app::{App, Setup};
use crate::api::database::Database;

const NETWORK: &str = "/api/v1/system/network";

fn row(detail: &Value, protocol: &str, port: u16) -> Option<Value> {
    let rows = detail["listening"].as_array().unwrap();
    let is_it = |row: &&Value| row["port"] == port && row["protocol"] == protocol;
    rows.iter().find(is_it).cloned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_listens_is_shown_with_its_process_and_not_its_peers() {
    let database = Database::sqlite();
    let app = App::new(&database).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let client = TcpStream::connect(address).unwrap();
    let detail = app.get(&viewer.key, NETWORK).await.expect(200);

    let listening = row(&detail, "tcp", address.port()).unwrap();
    assert_eq!(listening["address"], "127.0.0.1");
    assert_eq!(listening["pid"], std::process::id());
    assert_eq!(listening["sockets"], 1);
    assert!(listening["process"].is_string(), "{listening}");
    assert_eq!(listening["process_error"], json!(null));
    let uid = rustix::process::getuid().as_raw();
    assert_eq!(listening["uid"], uid);
    assert!(row(&detail, "udp", udp.local_addr().unwrap().port()).is_some());
    let tcp_states = &detail["sockets"]["tcp"];
    assert!(
        tcp_states["established"].as_u64().unwrap() >= 2,
        "{tcp_states}"
    );
    assert!(tcp_states["listen"].as_u64().unwrap() >= 1, "{tcp_states}");
    assert_eq!(detail["sockets"]["complete"], true);
    // The port of a client is no one's to know from here.
    let peer = client.local_addr().unwrap().port();
    assert_eq!(row(&detail, "tcp", peer), None);

    // What is closed is gone within a second.
    drop((tcp, client));
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    let later = app.get(&viewer.key, NETWORK).await.expect(200);
    assert_eq!(row(&later, "tcp", address.port()), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_whose_sockets_cannot_be_read_says_so_and_a_wrong_page_is_refused() {
    let database = Database::sqlite();
    let mut setup = Setup::new(&database);
    setup.roots.procfs = "/nonexistent".into();
    let app = App::with(setup).await;
    let viewer = app.user("alice1", Role::Viewer).await;
    let detail = app.get(&viewer.key, NETWORK).await.expect(200);
    assert_eq!(detail["sockets"], json!(null));
    let error = detail["sockets_error"].as_str().unwrap();
    assert!(error.contains("/nonexistent/net/tcp"), "{error}");
    for query in ["limit=0", "limit=1001", "cursor=x"] {
        let path = format!("{NETWORK}?{query}");
        app.get(&viewer.key, &path)
            .await
            .expect_code(422, "validation_failed");
    }
}
