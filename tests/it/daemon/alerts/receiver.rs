//! A receiver of the generic channel, and a mail server.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// A request that was received.
#[derive(Debug, Clone)]
pub(super) struct Received {
    headers: HeaderMap,
    pub(super) body: String,
    status: u16,
}

/// Ends with the test.
#[derive(Clone)]
pub(super) struct Receiver {
    pub(super) url: String,
    status: Arc<AtomicU16>,
    received: Arc<Mutex<Vec<Received>>>,
    arrived: Arc<Notify>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let receiver = Self {
            url: format!("http://{address}/hook/secret-path"),
            status: Arc::new(AtomicU16::new(204)),
            received: Arc::default(),
            arrived: Arc::default(),
        };
        let router = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    /// Which status it responds with from now on.
    pub(super) fn respond_with(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// Waits until something was received that was not waited for before.
    pub(super) async fn next(&self) {
        let wait = tokio::time::timeout(Duration::from_mins(3), self.arrived.notified());
        wait.await.expect("something is sent");
    }

    pub(super) fn all(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let status = receiver.status.load(Ordering::Relaxed);
    receiver.received.lock().unwrap().push(Received {
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
        status,
    });
    receiver.arrived.notify_one();
    StatusCode::from_u16(status).unwrap()
}

impl Received {
    pub(super) fn header(&self, name: &str) -> String {
        self.headers[name].to_str().unwrap().to_owned()
    }

    pub(super) fn id(&self) -> String {
        self.header("webhook-id")
    }

    pub(super) fn is_taken(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(super) fn alerts(&self) -> Vec<Value> {
        self.json()["data"]["alerts"].as_array().unwrap().clone()
    }

    pub(super) fn kinds(&self) -> Vec<String> {
        let alerts = self.alerts();
        let kind = |alert: &Value| alert["kind"].as_str().unwrap().to_owned();
        alerts.iter().map(kind).collect()
    }

    /// The signature as the receiver computes it, from RFC 2104 and not from the program's own code.
    pub(super) fn is_signed_with(&self, key: &[u8]) -> bool {
        let mut block = [0_u8; 64];
        block[..key.len()].copy_from_slice(key);
        let text = format!(
            "{}.{}.{}",
            self.id(),
            self.header("webhook-timestamp"),
            self.body
        );
        let inner = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x36))
            .chain_update(text)
            .finalize();
        let outer = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x5c))
            .chain_update(inner)
            .finalize();
        self.header("webhook-signature") == format!("v1,{}", base64(&outer))
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let word = part
            .iter()
            .fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let word = word << (8 * (3 - part.len()));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= part.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    text
}

/// A mail server without TLS that takes everything; returns its port and the mails.
pub(super) async fn mail_server() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mails: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&mails);
    tokio::spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else {
                break;
            };
            let mails = Arc::clone(&kept);
            tokio::spawn(async move {
                let (reader, mut writer) = stream.split();
                let mut lines = BufReader::new(reader).lines();
                let mut mail: Option<String> = None;
                writer.write_all(b"220 test\r\n").await.unwrap();
                while let Ok(Some(line)) = lines.next_line().await {
                    let response = match &mut mail {
                        Some(text) if line == "." => {
                            mails.lock().unwrap().push(std::mem::take(text));
                            mail = None;
                            "250 taken\r\n"
                        }
                        Some(text) => {
                            text.push_str(&line);
                            text.push('\n');
                            continue;
                        }
                        None if line == "DATA" => {
                            mail = Some(String::new());
                            "354 go on\r\n"
                        }
                        None if line == "QUIT" => "221 bye\r\n",
                        None => "250 fine\r\n",
                    };
                    writer.write_all(response.as_bytes()).await.unwrap();
                }
            });
        }
    });
    (port, mails)
}
