//! A PostgreSQL that goes away, or hangs, while the daemon runs.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::{Duration, Instant};

use linux_api_daemon::tasks::key_watch;
use linux_api_store::Options;
use linux_api_wire::user::Role;
use serde_json::json;
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::api::app::{App, Caller, Setup};
use crate::api::database::Database;
use crate::api::wire::PATIENCE;

const ME: &str = "/api/v1/user/me";
const UPTIME: &str = "/api/v1/system/info/uptime";
const DEADLINE: Duration = Duration::from_millis(700);
const GRACE: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Up,
    /// Connections are cut and new ones as well, as when the server is stopped.
    Cut,
    /// Nothing gets through, as when the server or the network hangs.
    Stalled,
    /// Nothing ever gets through on the connections that there are; new ones work, as after a
    /// firewall forgot what it let through.
    Frozen,
}

/// The line between a daemon and its database, for one test to cut.
struct Cable {
    url: String,
    /// Past the cable.
    server: String,
    line: watch::Sender<Line>,
}

impl Cable {
    async fn to(database: &Database) -> Self {
        let server: PgConnectOptions = database.url.parse().unwrap();
        let target = (server.get_host().to_owned(), server.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (line, state) = watch::channel(Line::Up);
        tokio::spawn(async move {
            while let Ok((daemon, _)) = listener.accept().await {
                if *state.borrow() != Line::Cut {
                    tokio::spawn(carry(daemon, target.clone(), state.clone()));
                }
            }
        });
        Self {
            url: through(server, address),
            server: database.url.clone(),
            line,
        }
    }

    fn set(&self, line: Line) {
        self.line.send(line).unwrap();
    }
}

fn through(server: PgConnectOptions, address: SocketAddr) -> String {
    let host = address.ip().to_string();
    let options = server.host(&host).port(address.port());
    options.to_url_lossy().to_string()
}

async fn carry(daemon: TcpStream, target: (String, u16), mut state: watch::Receiver<Line>) {
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let (from_daemon, to_daemon) = daemon.into_split();
    let (from_server, to_server) = server.into_split();
    let stalls: fn(Line) -> bool = match *state.borrow() {
        Line::Frozen => |line| line == Line::Stalled,
        _ => |line| matches!(line, Line::Stalled | Line::Frozen),
    };
    tokio::select! {
        () = pump(from_daemon, to_server, state.clone(), stalls) => {}
        () = pump(from_server, to_daemon, state.clone(), stalls) => {}
        _ = state.wait_for(|line| *line == Line::Cut) => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<Line>,
    stalls: fn(Line) -> bool,
) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(bytes @ 1..) = from.read(&mut buffer).await {
        if state.wait_for(|line| !stalls(*line)).await.is_err()
            || to.write_all(&buffer[..bytes]).await.is_err()
        {
            return;
        }
    }
}

struct Bench {
    app: App,
    cable: Cable,
    /// Its key was accepted before the outage.
    admin: Caller,
    /// Its key was not.
    unseen: Caller,
}

async fn bench() -> Bench {
    bench_with(DEADLINE).await
}

async fn bench_with(deadline: Duration) -> Bench {
    bench_of(deadline, Duration::from_mins(10)).await
}

async fn bench_of(deadline: Duration, outage_grace: Duration) -> Bench {
    let database = Database::postgres();
    let cable = Cable::to(&database).await;
    let mut setup = Setup::new(&database);
    setup.store = Options::new(cable.url.as_str());
    setup.store.deadline = deadline;
    setup.outage_grace = outage_grace;
    let app = App::with(setup).await;
    let admin = app.admin().await;
    let unseen = app.user("alice1", Role::Viewer).await;
    app.get(&admin.key, ME).await.expect(200);
    Bench {
        app,
        cable,
        admin,
        unseen,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_without_its_database_serves_the_host_to_known_keys() {
    for line in [Line::Cut, Line::Stalled] {
        let Bench {
            app,
            cable,
            admin,
            unseen,
        } = bench().await;
        cable.set(line);
        let start = Instant::now();
        for _ in 0..20 {
            app.get(&admin.key, UPTIME).await.expect(200);
            app.get_openly("/livez").await.expect(200);
        }
        assert!(start.elapsed() < DEADLINE, "nothing waits for the database");

        // A key that can't be checked is no wrong key.
        let reply = app.get(&unseen.key, UPTIME).await;
        reply.expect_problem(503, "database_unavailable", "Database not ready");
        assert_eq!(reply.header("retry-after"), Some("1"));
        // It may be one of the Python program's, which have no form of their own.
        let reply = app.get("perhaps-an-old-key", UPTIME).await;
        reply.expect_problem(503, "database_unavailable", "Database not ready");
        app.get("lapi_malformed", UPTIME)
            .await
            .expect_code(401, "key_invalid");

        let ready = app.get_openly("/readyz").await.expect(503);
        assert_eq!(ready["status"], "not ready");
        let expected = json!({"ok": false, "detail": "the database does not respond"});
        assert_eq!(ready["checks"]["database"], expected, "{line:?}");
    }
}

/// As many as there are, in the middle of a query each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_never_answer_give_their_places_back() {
    // Long enough for all of them to be in their query at once, also on a busy machine.
    let Bench {
        app, cable, admin, ..
    } = bench_with(DEADLINE * 6).await;
    let mut server = PgConnectOptions::from_str(&cable.server)
        .unwrap()
        .connect()
        .await
        .unwrap();
    let lock = "begin; lock table linux_api.users in access exclusive mode";
    sqlx::raw_sql(lock).execute(&mut server).await.unwrap();
    let waiting = (0..5).map(|_| app.get(&admin.key, ME));
    let frozen = async {
        let asking = "select count(*) from pg_locks \
            where relation = 'linux_api.users'::regclass and not granted";
        let asking = || sqlx::query_scalar::<_, i64>(asking);
        let begin = Instant::now();
        while asking().fetch_one(&mut server).await.unwrap() < 5 {
            assert!(begin.elapsed() < PATIENCE);
        }
        cable.set(Line::Frozen);
        sqlx::raw_sql("rollback")
            .execute(&mut server)
            .await
            .unwrap();
    };
    let (replies, ()) = tokio::join!(futures_util::future::join_all(waiting), frozen);
    for reply in replies {
        reply.expect_code(503, "database_unavailable");
    }
    let begin = Instant::now();
    while app.get(&admin.key, ME).await.status != 200 {
        assert!(begin.elapsed() < PATIENCE, "their places are lost");
    }
    // It ends too, though some of them may still be waited for.
    tokio::time::timeout(PATIENCE, app.store.close())
        .await
        .unwrap();
}

/// Who probes gives up long before a patient daemon does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_probe_waits_a_second_and_no_whole_deadline() {
    for line in [Line::Cut, Line::Stalled] {
        let database = Database::postgres();
        let cable = Cable::to(&database).await;
        let mut setup = Setup::new(&database);
        setup.store = Options::new(cable.url.as_str());
        setup.store.deadline = Duration::from_secs(30);
        let app = App::with(setup).await;
        cable.set(line);
        let start = Instant::now();
        app.get_openly("/readyz").await.expect(503);
        assert!(start.elapsed() < Duration::from_secs(10), "{line:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_the_database_says_so_in_the_old_words() {
    let Bench {
        app, cable, admin, ..
    } = bench().await;
    cable.set(Line::Cut);
    let wanted = json!({"username": "alice2"});
    for (reply, text) in [
        (app.get(&admin.key, ME).await, "UserDatabase not ready"),
        (
            app.get(&admin.key, "/api/v1/user/keys").await,
            "UserDatabase not ready",
        ),
        (
            app.post(&admin.key, "/api/v1/user/register", wanted).await,
            "UserDatabase not ready",
        ),
        (
            app.get(&admin.key, "/api/v1/admin/users").await,
            "Userdatabase not ready",
        ),
        (
            app.get(&admin.key, "/api/v1/admin/audit").await,
            "Userdatabase not ready",
        ),
    ] {
        reply.expect_problem(503, "database_unavailable", text);
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_keys_end_after_the_grace_and_come_back_with_the_database() {
    for line in [Line::Cut, Line::Stalled] {
        let Bench {
            app,
            cable,
            admin,
            unseen,
        } = bench_of(DEADLINE, GRACE).await;
        let stop = CancellationToken::new();
        let watch = tokio::spawn(key_watch::run(
            app.store.clone(),
            Duration::from_millis(50),
            stop.clone(),
        ));
        app.get(&admin.key, UPTIME).await.expect(200);
        cable.set(line);
        let begin = Instant::now();
        // The wall clock has no say in how long the grace is.
        app.clock.advance(Duration::from_hours(24));
        app.get(&admin.key, UPTIME).await.expect(200);
        let reply = loop {
            let reply = app.get(&admin.key, UPTIME).await;
            if reply.status != 200 {
                break reply;
            }
            assert!(begin.elapsed() < PATIENCE, "the grace has no end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        reply.expect_code(503, "database_unavailable");
        // The last contact may have been a poll before the line was cut.
        assert!(begin.elapsed() + Duration::from_millis(1_600) >= GRACE);

        cable.set(Line::Up);
        let back = Instant::now();
        while app.get(&admin.key, ME).await.status != 200 {
            assert!(back.elapsed() < PATIENCE, "{line:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        app.get(&unseen.key, ME).await.expect(200);
        app.get_openly("/readyz").await.expect(200);
        stop.cancel();
        watch.await.unwrap();
    }
}
