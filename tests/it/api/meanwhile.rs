//! Callers that lose their right while their request is on its way: the change is not made. Over real
//! sockets; how far the daemon has come with a request is known by its response to
//! `Expect: 100-continue`, which it sends when it has identified the caller and wants the body, and
//! by its memory of when a key was last accepted.

use std::collections::BTreeSet;
use std::time::Duration;

use linux_api_store::Engine;
use linux_api_store::audit::AuditFilter;
use linux_api_wire::audit::Action;
use linux_api_wire::user::Role;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::api::app::{App, Caller};
use crate::api::contract::operations;
use crate::api::database::Database;
use crate::api::losses::{CHANGES, Cast, Change, HOUR, Loss, id_of, pairs, slow};
use crate::api::statement::Direct;
use crate::api::wire::{Daemon, LIMITS, PATIENCE, Wire};

on_both_engines! {
    a_caller_that_loses_its_right_before_the_body_changes_nothing,
    a_caller_that_loses_its_right_before_the_lock_changes_nothing,
    nothing_is_done_after_the_loss_however_close_they_are,
}

mod pgbouncer {
    use crate::api::database::Database;

    fn database() -> Option<Database> {
        let database = Database::postgres();
        let pooler = crate::api::pgbouncer::pooled(&database.url)?;
        Some(Database {
            pooler: Some(pooler),
            ..database
        })
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_caller_that_loses_its_right_before_the_body_changes_nothing() {
        if let Some(database) = database() {
            super::a_caller_that_loses_its_right_before_the_body_changes_nothing(database).await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_caller_that_loses_its_right_before_the_lock_changes_nothing() {
        if let Some(database) = database() {
            super::a_caller_that_loses_its_right_before_the_lock_changes_nothing(database).await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "takes some minutes"]
    async fn a_hundred_rounds() {
        if let Some(database) = database() {
            super::many_rounds("PgBouncer", database, 100).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes some minutes"]
async fn a_hundred_rounds_on_sqlite() {
    many_rounds("SQLite", Database::sqlite(), 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes some minutes"]
async fn a_hundred_rounds_on_postgresql() {
    many_rounds("PostgreSQL", Database::postgres(), 100).await;
}

/// Sends the head of a request, waits until the daemon wants the body, and sends one byte of it. Returns
/// the rest.
pub(crate) async fn begin<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    request: (&str, &str),
    key: &str,
    body: &str,
) -> String {
    let (method, path) = request;
    let key = if key.is_empty() {
        String::new()
    } else {
        format!("X-API-Key: {key}\r\n")
    };
    wire.write(format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{key}Expect: 100-continue\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ))
    .await;
    let (status, _) = wire.read_head().await;
    assert_eq!(status, 100, "the caller is known, the body is wanted");
    let (first, rest) = body.split_at(1);
    wire.write(first).await;
    rest.to_owned()
}

struct Stage {
    app: App,
    daemon: Daemon,
    root: Caller,
}

impl Stage {
    async fn new(database: &Database) -> Self {
        let app = App::new(database).await;
        Self {
            root: app.user("root", Role::Admin).await,
            daemon: Daemon::start(&app, LIMITS).await,
            app,
        }
    }

    async fn begin(&self, cast: &Cast, change: &Change) -> (Wire<TcpStream>, String) {
        let mut wire = self.daemon.connect().await;
        let body = cast.fill(change, change.3);
        let path = cast.path(change);
        let rest = begin(&mut wire, (change.0, &path), &cast.key, &body).await;
        (wire, rest)
    }

    /// Head and one byte, the loss, the rest.
    async fn lose_before_the_body(&self, change: &Change, loss: Loss) {
        let cast = Cast::new(&self.app, &self.root).await;
        let (mut wire, rest) = self.begin(&cast, change).await;
        if let Some(lost) = cast.lose(&self.app, loss).await {
            lost.expect(200);
        }
        wire.write(rest).await;
        let reply = wire.read().await;
        cast.expect_refused(&self.app, change, loss, &reply).await;
    }
}

#[test]
fn every_route_that_changes_something_is_tested() {
    // An act on the host is decided again before it begins, by rows that it does not lock: those are tested
    // in tests/it/store/operators.rs.
    let is_act = |operation: &Value| {
        let noted = operation["x-audit-action"].as_str();
        Action::ACTS.iter().any(|act| noted == Some(act.as_str()))
    };
    // Nothing is changed by a preview, or by a test of a channel, which is only noted.
    let is_change = |operation: &Value| {
        let noted = operation["x-audit-action"].as_str();
        noted.is_some_and(|action| action != Action::AlertTest.as_str())
    };
    let declared = operations();
    let declared =
        declared.filter(|(method, _, it)| method != "GET" && is_change(it) && !is_act(it));
    let declared: BTreeSet<_> = declared
        .map(|(method, template, _)| (method, template.to_owned()))
        .collect();
    let tested = CHANGES.iter();
    let tested = tested.map(|change| (change.0.to_owned(), change.1.to_owned()));
    assert_eq!(tested.collect::<BTreeSet<_>>(), declared);
    let read_a_body = operations()
        .filter(|(.., it)| it.get("requestBody").is_some() && is_change(it) && !is_act(it));
    let templates: BTreeSet<_> = read_a_body.map(|(_, template, _)| template).collect();
    let slow: BTreeSet<_> = slow().iter().map(|change| change.1).collect();
    assert_eq!(slow, templates);
}

async fn a_caller_that_loses_its_right_before_the_body_changes_nothing(database: Database) {
    let stage = Stage::new(&database).await;
    for (change, loss) in pairs(slow()) {
        stage.lose_before_the_body(change, loss).await;
    }
}

/// The daemon has accepted the caller and can't make the change yet, because another one is being
/// made: the one that ends the caller's right, or just a long one while its key expires.
async fn a_caller_that_loses_its_right_before_the_lock_changes_nothing(database: Database) {
    let stage = Stage::new(&database).await;
    let app = &stage.app;
    let begin = match database.engine {
        Engine::Sqlite => "begin immediate;",
        Engine::Postgres => "begin;",
    };
    let bump = "update settings set value = value where name = 'auth_revision';";
    // To forget a host changes no user, nor does what is done about alerts, so they wait for no such change; on
    // SQLite all writes wait.
    let waits_for_none = ["/api/v1/fleet/", "/api/v1/alerts/"];
    let waits = |change: &Change| {
        database.engine == Engine::Sqlite
            || !waits_for_none
                .iter()
                .any(|prefix| change.1.starts_with(prefix))
    };
    for (change, loss) in pairs(CHANGES).filter(|(change, _)| waits(change)) {
        let cast = Cast::new(app, &stage.root).await;
        let mut direct = Direct::to(database.engine, &database.url).await;
        let other = format!("{begin}{bump}{}", cast.lose_in_sql(loss));
        direct.execute(other).await;
        let before = app.clock.clock().now();
        app.clock.advance(Duration::from_millis(1));

        let body = cast.fill(change, change.3);
        let request = format!(
            "{} {} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            change.0,
            cast.path(change),
            cast.key,
            body.len()
        );
        let mut wire = stage.daemon.connect().await;
        wire.write(request).await;
        let id = id_of(&cast.key);
        let accepted = async {
            let uses = || app.verifier.uses_after(before);
            while !uses().iter().any(|one| one.key_id == id) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, accepted).await.unwrap();
        if loss == Loss::Expired {
            app.clock.advance(HOUR);
        }
        direct.execute("commit".to_owned()).await;
        let reply = wire.read().await;
        // What was changed past the store is not announced to this daemon, as it is by a poll.
        app.store.refresh_auth_revision().await.unwrap();
        cast.expect_refused(app, change, loss, &reply).await;
    }
}

/// The loss and the end of the body at about the same time, `rounds` times each: how often the change
/// was made and how often refused. The log's order is the order in which they were made.
async fn race(stage: &Stage, pairs: &[(&Change, Loss)], rounds: u32) -> (usize, usize) {
    let (mut made, mut refused) = (0, 0);
    for round in 0..rounds {
        for &(change, loss) in pairs.iter().filter(|(_, loss)| *loss != Loss::Expired) {
            let cast = Cast::new(&stage.app, &stage.root).await;
            let (mut wire, rest) = stage.begin(&cast, change).await;
            let finish = async {
                wire.write(rest).await;
                wire.read().await
            };
            let lose = async {
                // A new key takes a hash first: the loss comes before it, during it and after it.
                tokio::time::sleep(Duration::from_millis(10) * (round % 8)).await;
                cast.lose(&stage.app, loss).await
            };
            let (of_loss, reply) = tokio::join!(lose, finish);
            let done = cast.done(&stage.app).await;
            if reply.status < 300 {
                made += 1;
                assert_eq!(done.len(), 1);
            } else {
                refused += 1;
                assert!(done.is_empty(), "{loss:?} {}: {done:?}", change.1);
            }
            let of_loss = of_loss.unwrap();
            if of_loss.status == 200 {
                let filter = AuditFilter::default();
                let rows = stage.app.store.list_audit(&filter, 20).await.unwrap();
                let id = of_loss.header("x-request-id");
                let row = rows.iter().find(|row| row.request_id.as_deref() == id);
                let end = row.unwrap().id;
                let late = done.iter().find(|row| row.id > end);
                assert!(late.is_none(), "{loss:?} {}: {late:?}", change.1);
            }
        }
    }
    (made, refused)
}

async fn nothing_is_done_after_the_loss_however_close_they_are(database: Database) {
    let pairs: Vec<_> = pairs(slow()).collect();
    race(&Stage::new(&database).await, &pairs, 1).await;
}

/// The changes that would give an intruder most, each with a loss of its own.
fn variants() -> Vec<(&'static Change, Loss)> {
    let [create, rotate, register, create_for, ..] = slow() else {
        unreachable!("the table has them")
    };
    vec![
        (create, Loss::Revoked),
        (create, Loss::Expired),
        (rotate, Loss::Revoked),
        (register, Loss::Demoted),
        (register, Loss::Deleted),
        (create_for, Loss::Deactivated),
    ]
}

#[expect(clippy::print_stdout, reason = "the figures are what it is run for")]
async fn many_rounds(what: &str, database: Database, rounds: u32) {
    let stage = Stage::new(&database).await;
    let variants = variants();
    for _ in 0..rounds {
        for (change, loss) in &variants {
            stage.lose_before_the_body(change, *loss).await;
        }
    }
    let count = variants.len();
    println!("{what}: {rounds} rounds of {count} bodies that ended after the loss, all refused");
    let (made, refused) = race(&stage, &variants, rounds).await;
    println!("{what}: {made} races won by the change, {refused} by the loss, none after it");
}
