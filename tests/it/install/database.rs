//! What setup says about databases that can and can't be used.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use linux_api_setup::database::check;
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::install::postgres;

async fn refusal(url: &str) -> String {
    let url = SecretString::from(url);
    format!("{:#}", check(&url).await.unwrap_err())
}

/// A message of the server: <https://www.postgresql.org/docs/current/protocol-message-formats.html>.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind][..], &length, body].concat()
}

const READY: [u8; 6] = [b'Z', 0, 0, 0, 5, b'I'];
const READY_IN_TRANSACTION: [u8; 6] = [b'Z', 0, 0, 0, 5, b'T'];

/// Reads the startup message, after a question for TLS that is answered with no.
fn greet(stream: &mut TcpStream) {
    const TLS_WANTED: u32 = 80_877_103;
    loop {
        let mut head = [0; 8];
        stream.read_exact(&mut head).unwrap();
        let length = u32::from_be_bytes(head[..4].try_into().unwrap());
        let code = u32::from_be_bytes(head[4..].try_into().unwrap());
        if code != TLS_WANTED {
            let mut rest = vec![0; usize::try_from(length).unwrap() - 8];
            stream.read_exact(&mut rest).unwrap();
            return;
        }
        stream.write_all(b"N").unwrap();
    }
}

/// A server that does `serve` with its first client; returns its URL.
fn server(serve: impl FnOnce(&mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        greet(&mut stream);
        serve(&mut stream);
    });
    format!("postgres://alice:canary-password@127.0.0.1:{port}/fleet")
}

fn refusing(code: &'static str, text: &'static str) -> String {
    server(move |stream| {
        let body = format!("SFATAL\0VFATAL\0C{code}\0M{text}\0\0");
        stream.write_all(&message(b'E', body.as_bytes())).unwrap();
    })
}

/// A server that responds to one query, for its version, with this number.
fn of_version(number: &'static str) -> String {
    server(move |stream| {
        let mut answer = message(b'R', &[0, 0, 0, 0]);
        answer.extend(READY);
        stream.write_all(&answer).unwrap();
        loop {
            let mut head = [0; 5];
            if stream.read_exact(&mut head).is_err() {
                return;
            }
            let length = u32::from_be_bytes(head[1..].try_into().unwrap());
            let mut body = vec![0; usize::try_from(length).unwrap() - 4];
            stream.read_exact(&mut body).unwrap();
            let answer = match head[0] {
                // A plain statement: the beginning or the end of a transaction.
                b'Q' => [&message(b'C', b"BEGIN\0")[..], &READY_IN_TRANSACTION].concat(),
                b'P' => message(b'1', &[]),
                b'B' => message(b'2', &[]),
                b'C' => message(b'3', &[]),
                b'D' => {
                    // One column called v of type text (25), in binary.
                    let column = [
                        &[0, 1, b'v', 0][..],
                        &[0, 0, 0, 0, 0, 0],
                        &[0, 0, 0, 25],
                        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 1],
                    ];
                    [message(b't', &[0, 0]), message(b'T', &column.concat())].concat()
                }
                b'E' => {
                    let length = u32::try_from(number.len()).unwrap().to_be_bytes();
                    let row = [&[0, 1][..], &length, number.as_bytes()].concat();
                    [message(b'D', &row), message(b'C', b"SELECT 1\0")].concat()
                }
                b'S' => READY_IN_TRANSACTION.to_vec(),
                _ => return,
            };
            stream.write_all(&answer).unwrap();
        }
    })
}

#[tokio::test]
async fn one_that_is_too_old_is_told_with_its_version() {
    let why = refusal(&of_version("140011")).await;
    assert!(why.contains("PostgreSQL 14 is too old"), "{why}");
    assert!(why.starts_with("use a newer server"), "{why}");
}

#[tokio::test]
async fn wrong_credentials_and_a_missing_database_are_told_apart() {
    let why = refusal(&refusing("28P01", "password authentication failed")).await;
    assert!(
        why.starts_with("the server rejects user or password"),
        "{why}"
    );
    assert!(!why.contains("canary-password"), "{why}");
    let why = refusal(&refusing("3D000", "database \"fleet\" does not exist")).await;
    assert!(why.starts_with("there is no such database"), "{why}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_without_the_password() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let why = refusal(&format!("postgres://u:canary-password@127.0.0.1:{port}/d")).await;
    assert!(why.starts_with("the server can't be reached"), "{why}");
    assert!(!why.contains("canary-password"), "{why}");
}

#[tokio::test]
async fn one_that_can_be_used_is_named_with_what_it_offers() {
    let url = SecretString::from(postgres::fresh_database());
    let told = check(&url).await.unwrap();
    assert!(told.outcome.starts_with("PostgreSQL "), "{}", told.outcome);
    let about = told.outcome + &told.hints.concat();
    assert!(about.contains("TimescaleDB"), "{about}");
}

#[tokio::test]
async fn a_role_that_may_make_no_schema_is_told_how_it_may() {
    let url = postgres::fresh_database();
    let role = format!("reader_{}", uuid::Uuid::new_v4().simple());
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let make = format!("create role {role} login password 'x'");
    sqlx::raw_sql(AssertSqlSafe(make))
        .execute(&mut connection)
        .await
        .unwrap();
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_, place) = rest.split_once('@').unwrap();
    let why = refusal(&format!("{scheme}://{role}:x@{place}")).await;
    assert!(why.contains("grant create on database"), "{why}");
}
