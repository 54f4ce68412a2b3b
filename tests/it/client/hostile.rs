//! Servers that are broken or mean harm: the client gives up in time and in bounded memory.

use std::time::{Duration, Instant};

use linux_api_client::READ_TIMEOUT;
use linux_api_client::error::ClientError;
use linux_api_client::events::Update;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::client;

/// A server that sends the same bytes to every request; `endless` is repeated after them.
async fn server(head: Vec<u8>, endless: Option<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, head.clone(), endless.clone()));
        }
    });
    url
}

async fn answer(mut stream: TcpStream, head: Vec<u8>, endless: Option<Vec<u8>>) {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request).await;
    let _ = stream.write_all(&head).await;
    if let Some(endless) = endless {
        while stream.write_all(&endless).await.is_ok() {}
    }
    let _ = stream.shutdown().await;
}

fn ok_json(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

async fn outcome(url: &str) -> ClientError {
    let start = Instant::now();
    let error = client(url, None).uptime().await.unwrap_err();
    assert!(start.elapsed() < READ_TIMEOUT + Duration::from_secs(2));
    error
}

#[tokio::test]
async fn nonsense_is_a_bad_answer() {
    let long = format!("{{\"days\":\"{}\"}}", "x".repeat(2 << 20));
    let nested = "[".repeat(100_000);
    let bodies: [&[u8]; 8] = [
        b"",
        b"<html>",
        b"{\"days\":NaN}",
        b"{\"days\":-1,\"hours\":0,\"minutes\":0,\"seconds\":0,\"full_seconds\":1}",
        b"{\"days\":1e400}",
        b"\"\xff\xfe\"",
        long.as_bytes(),
        nested.as_bytes(),
    ];
    for body in bodies {
        let error = outcome(&server(ok_json(body), None).await).await;
        assert!(matches!(error, ClientError::BadAnswer { .. }), "{error:?}");
        let shown = error.to_string();
        assert!(shown.chars().count() < 500, "{} bytes", shown.len());
    }
}

#[tokio::test]
async fn an_endless_body_ends_at_the_limit() {
    let megabyte = [b"100000\r\n".as_slice(), &vec![b' '; 1 << 20], b"\r\n"].concat();
    let error = outcome(&server(CHUNKED.to_vec(), Some(megabyte)).await).await;
    assert!(error.to_string().contains("longer than"), "{error}");
}

#[tokio::test]
async fn an_announced_flood_is_not_read_at_all() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_vec();
    let error = outcome(&server(head, None).await).await;
    assert!(error.to_string().contains("longer than"), "{error}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_offline_within_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let error = outcome(&url).await;
    assert!(matches!(error, ClientError::Offline { .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_no_http_is_a_bad_answer() {
    let error = outcome(&server(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), None).await).await;
    assert!(matches!(error, ClientError::BadAnswer { .. }), "{error:?}");
}

#[tokio::test]
async fn the_wrong_scheme_is_said_with_the_right_one() {
    // The alert of a TLS server that was sent a plain request.
    let url = server(b"\x15\x03\x03\x00\x02\x02\x46".to_vec(), None).await;
    let error = outcome(&url).await;
    assert!(error.to_string().contains("use https://"), "{error}");
    // A plain server that was sent a TLS handshake.
    let url = server(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), None).await;
    let error = outcome(&url.replace("http://", "https://")).await;
    assert!(matches!(error, ClientError::NoTls { .. }), "{error:?}");
    assert!(error.advice().contains("use http://"), "{error}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = server(ok_json(b"{}"), None).await;
    let head = format!("HTTP/1.1 302 Found\r\nlocation: {target}/\r\ncontent-length: 0\r\n\r\n");
    let error = outcome(&server(head.into_bytes(), None).await).await;
    assert!(
        matches!(error, ClientError::Refused { status: 302, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_refusal_of_any_size_is_read_within_bounds() {
    let detail = "x".repeat(2 << 20);
    let head = format!(
        "HTTP/1.1 500 Oops\r\ncontent-length: {}\r\n\r\n{detail}",
        detail.len()
    );
    let error = outcome(&server(head.into_bytes(), None).await).await;
    assert!(
        matches!(error, ClientError::Refused { status: 500, .. }),
        "{error:?}"
    );
    assert!(error.to_string().len() < 500);
}

const STREAM: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

#[tokio::test]
async fn a_broken_stream_is_taken_up_again() {
    let head = [STREAM, b"event: snapshot\ndata: 1\n\n"].concat();
    let url = server(head, None).await;
    let mut events = client(&url, None).events("/s", Vec::new(), Duration::from_secs(5));
    for _ in 0..2 {
        assert!(matches!(events.next().await, Update::Connected(_)));
        let Update::Event(event) = events.next().await else {
            panic!("the event comes after the connection");
        };
        assert_eq!(
            (event.name.as_str(), event.data.as_str()),
            ("snapshot", "1")
        );
        let Update::Lost { error, retry_in } = events.next().await else {
            panic!("the server closes the connection");
        };
        assert!(matches!(error, ClientError::Offline { .. }), "{error:?}");
        assert!(retry_in < Duration::from_secs(2), "{retry_in:?}");
    }
}

#[tokio::test]
async fn an_endless_event_ends_the_stream_at_the_limit() {
    let url = server(STREAM.to_vec(), Some(vec![b'x'; 1 << 20])).await;
    let mut events = client(&url, None).events("/s", Vec::new(), Duration::from_secs(5));
    assert!(matches!(events.next().await, Update::Connected(_)));
    let update = events.next().await;
    let Update::Lost { error, .. } = &update else {
        panic!("{update:?}");
    };
    assert!(error.to_string().contains("longer than"), "{error}");
}

#[tokio::test]
async fn a_silent_stream_counts_as_lost() {
    // The server keeps the connection open and writes nothing more.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let read = stream.read(&mut [0; 4096]).await.unwrap();
        assert!(read > 0);
        stream.write_all(STREAM).await.unwrap();
        std::future::pending::<()>().await;
    });
    let silence = Duration::from_millis(200);
    let mut events = client(&url, None).events("/s", Vec::new(), silence);
    assert!(matches!(events.next().await, Update::Connected(_)));
    let update = events.next().await;
    assert!(matches!(update, Update::Lost { .. }), "{update:?}");
    server.abort();
}
