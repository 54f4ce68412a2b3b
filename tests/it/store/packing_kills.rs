//! Packing that is killed at any of its writes loses nothing and doubles nothing.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use linux_api_store::packing::OldRowsPosition;
use linux_api_store::{Engine, Options, Store};
use linux_api_wire::fleet::HostSample;
use linux_api_wire::time::{ManualClock, Timestamp};

use crate::store::Database;
use crate::store::packing::{MIDNIGHT, MINUTE, Numbers, Point, point, view, write};
use crate::store::packing_upgrade::{are_alike, rounded, upgraded};
use crate::support::left_out;

/// Names the database in the environment of the process that is killed.
const URL: &str = "LINUX_API_TEST_PACKING";
/// How often it is killed at the usual run, on each engine.
const KILLS: u64 = 50;

/// Rows of an earlier program and minutes that are due, and all their points.
async fn filled(database: &Database) -> Vec<Point> {
    let (store, _clock, points) = upgraded(database, 1).await;
    let mut expected = rounded(&points);
    for id in ["h2", "h3"] {
        let minutes: Vec<HostSample> = (0..150)
            .map(|minute| HostSample {
                name: "a.b".to_owned(),
                labels: String::new(),
                time: MIDNIGHT.saturating_add(MINUTE * minute),
                samples: 30,
                mean: f64::from(minute) / 3.0,
                max: f64::from(minute),
            })
            .collect();
        write(&store, id, &minutes).await;
        expected.extend(minutes.iter().map(|one| point(id, one)));
    }
    store.close().await;
    expected
}

/// Packs all that there is: the process that is killed.
#[tokio::test]
#[ignore = "no test by itself: the tests below start it as the process that they kill"]
async fn packs_until_it_is_killed() {
    let Some(url) = crate::support::database::named_by(URL) else {
        return;
    };
    let clock = ManualClock::at(Timestamp::from_millis(1_800_000_000_000));
    let mut options = Options::new(url);
    options.deadline = Duration::from_secs(30);
    let store = Store::open(options, clock.clock()).await.unwrap();
    while store.pack_left_minutes().await.unwrap() > 0 {}
    let mut position = OldRowsPosition::START;
    while let Some(next) = store.pack_old_rows(position).await.unwrap() {
        position = next;
    }
    store.close().await;
}

/// That process, below `tracer` when there is one.
fn packer(url: &str, tracer: &[String]) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = match tracer.split_first() {
        None => Command::new(program),
        Some((first, rest)) => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    };
    command
        .args([
            "store::packing_kills::packs_until_it_is_killed",
            "--exact",
            "--ignored",
        ])
        .env(URL, url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

async fn is_all_packed(database: &Database) -> bool {
    let mut direct = database.direct().await;
    let sql =
        "select (select count(*) from host_minutes) + (select count(*) from host_samples_old)";
    direct.number(sql).await == 0
}

/// Every point is there once, wherever it is.
async fn look(database: &Database, expected: &[Point], what: &str) {
    assert!(are_alike(&view(database).await, expected), "{what}");
    let mut direct = database.direct().await;
    // Also in the tables themselves.
    let places = match database.engine {
        Engine::Sqlite => {
            "(select count(*) from host_hours h join json_each(h.mean) m where m.value is not null)"
        }
        Engine::Postgres => {
            "(select count(*) from host_hours h cross join lateral unnest(h.mean) m where m is not null)"
        }
    };
    let sql = format!(
        "select {places} + (select count(*) from host_minutes) + (select count(*) from host_samples_old)"
    );
    let count = i64::try_from(expected.len()).unwrap();
    assert_eq!(direct.number(&sql).await, count, "{what}");
}

#[expect(clippy::print_stderr, reason = "says what was swept")]
fn report(kills: u64, between: u64) {
    eprintln!("packing was killed {kills} times, {between} of them when some was packed");
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp")
        .arg("-a")
        .arg(format!("{}/.", from.display()))
        .arg(to)
        .status();
    assert!(done.unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_its_writes_packing_loses_nothing_on_sqlite() {
    if Command::new("strace").arg("-V").output().is_err() {
        left_out::for_want_of("strace", "apt-get install strace");
        return;
    }
    let scene = Database::sqlite();
    let expected = filled(&scene).await;
    let (mut kills, mut between) = (0, 0);
    for calls in ["pwrite64", "fsync,fdatasync", "ftruncate,unlink"] {
        for at in (1..).step_by(3) {
            let run = Database::sqlite();
            copy(scene.folder.path(), run.folder.path());
            let what = format!("killed at {calls} {at}");
            let tracer = [
                "strace",
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                &format!("trace={calls}"),
                "-e",
                &format!("inject={calls}:signal=KILL:when={at}"),
                "--",
            ];
            let status = packer(&run.url, &tracer.map(str::to_owned))
                .status()
                .unwrap();
            look(&run, &expected, &what).await;
            let was_killed = status.signal() == Some(9) || status.code() == Some(128 + 9);
            if !was_killed {
                assert!(status.success() && is_all_packed(&run).await, "{what}");
                break;
            }
            kills += 1;
            between += u64::from(!is_all_packed(&run).await);
            assert!(packer(&run.url, &[]).status().unwrap().success(), "{what}");
            look(&run, &expected, &what).await;
            assert!(is_all_packed(&run).await, "{what}");
        }
    }
    report(kills, between);
    assert!(kills > 20, "{kills}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_packing_loses_nothing_on_postgresql() {
    let mut numbers = Numbers(7);
    let whole = Database::postgres();
    let expected = filled(&whole).await;
    let begin = Instant::now();
    assert!(packer(&whole.url, &[]).status().unwrap().success());
    let undisturbed = u64::try_from(begin.elapsed().as_micros()).unwrap();
    look(&whole, &expected, "undisturbed").await;
    let (mut kills, mut between) = (0, 0);
    let mut database = Database::postgres();
    filled(&database).await;
    while kills < KILLS {
        let mut child = packer(&database.url, &[]).spawn().unwrap();
        let moment = Duration::from_micros(numbers.below(undisturbed));
        std::thread::sleep(moment);
        child.kill().unwrap();
        let status = child.wait().unwrap();
        let what = format!("after {kills} kills, killed after {moment:?}");
        look(&database, &expected, &what).await;
        kills += u64::from(status.signal() == Some(9));
        if is_all_packed(&database).await {
            database = Database::postgres();
            filled(&database).await;
        } else {
            between += 1;
        }
    }
    assert!(packer(&database.url, &[]).status().unwrap().success());
    look(&database, &expected, "at the end").await;
    assert!(is_all_packed(&database).await);
    report(kills, between);
}
