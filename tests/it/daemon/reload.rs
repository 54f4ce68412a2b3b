//! SIGHUP while requests come in.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::daemon::process::{Daemon, eventually, linux_api, request};

const CONFIG: &str = "[rate_limit]\nenabled = false\n";

struct ReloadStage {
    home: TempDir,
    daemon: Daemon,
}

impl ReloadStage {
    fn start() -> Self {
        let home = TempDir::new().unwrap();
        fs::write(home.path().join("config.toml"), CONFIG).unwrap();
        let arguments = [
            "--config",
            "config.toml",
            "serve",
            "--listen",
            "127.0.0.1:0",
        ];
        let daemon = Daemon::start_command(linux_api(home.path(), &arguments));
        Self { home, daemon }
    }

    fn reload(&self, config: &str) {
        fs::write(self.home.path().join("config.toml"), config).unwrap();
        self.daemon.signal(Signal::HUP);
    }

    fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap()
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.daemon.get(path, None)
    }
}

#[test]
fn limits_routes_and_the_log_level_change_at_once() {
    let daemon = ReloadStage::start();
    assert_eq!(daemon.get("/").0, 200);
    daemon.reload(
        "[rate_limit]\nper_address = '1/hour burst 2'\n[routes]\ndisabled = { '/docs' = 'Gone.' }\n\
         [log]\nlevel = 'debug'\n",
    );
    eventually(|| daemon.get("/docs").0 == 503);
    let codes: Vec<u16> = (0..4).map(|_| daemon.get("/").0).collect();
    assert_eq!(codes, [200, 200, 429, 429]);
    // No client's count starts again.
    daemon.reload("[rate_limit]\nper_address = '1/hour burst 2'\n[log]\nlevel = 'debug'\n");
    eventually(|| daemon.get("/docs").0 != 503);
    assert_eq!(daemon.get("/").0, 429);
    eventually(|| daemon.log().contains("DEBUG"));
}

#[test]
fn what_needs_a_restart_is_named() {
    let daemon = ReloadStage::start();
    daemon.reload("[docs]\nenabled = false\n[sampler]\ninterval = '9s'\n");
    eventually(|| daemon.log().contains("wait for a restart"));
    let log = daemon.log();
    assert!(
        log.contains("options=sampler.interval, docs.enabled"),
        "{log}"
    );
    assert!(
        daemon
            .get("/readyz")
            .1
            .contains("applied at the next restart: sampler.interval")
    );
    assert_eq!(daemon.get("/docs").0, 200, "it still has them");
}

#[test]
fn an_invalid_configuration_is_refused_whole_and_shown() {
    let daemon = ReloadStage::start();
    daemon.reload("[routes]\ndisabled = { '/docs' = '' }\n[cors]\norigins = ['null']\n");
    let shown = || daemon.get("/readyz");
    eventually(|| shown().1.contains("cors.origins"));
    assert_eq!(shown().0, 200, "it goes on working");
    assert_eq!(daemon.get("/docs").0, 200, "the old one stays");
    eventually(|| daemon.log().contains("refused"));
    let mut status = linux_api(daemon.home.path(), &["status"]);
    status.env("LINUX_API__SERVER__LISTEN", &daemon.daemon.address);
    let status = status.output().unwrap();
    let said = String::from_utf8_lossy(&status.stdout);
    assert!(
        status.status.success() && said.contains("warning: "),
        "{said}"
    );

    // A route that does not exist is a mistake too.
    daemon.reload("[routes]\ndisabled = { '/doc' = '' }\n");
    eventually(|| shown().1.contains("there is no route /doc;"));
    daemon.reload(CONFIG);
    eventually(|| !shown().1.contains("warnings"));
}

#[test]
fn no_request_fails_while_it_reloads() {
    let daemon = ReloadStage::start();
    let (done, failed, sent) = (
        AtomicBool::new(false),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let (status, _) = request(&daemon.daemon.address, "GET", "/livez", None);
                    sent.fetch_add(1, Ordering::Relaxed);
                    failed.fetch_add(usize::from(status != 200), Ordering::Relaxed);
                }
            });
        }
        for round in 0..20 {
            let before = sent.load(Ordering::Relaxed);
            daemon.reload(&format!("[rate_limit]\nper_key = '{}/s'\n", round + 1));
            eventually(|| sent.load(Ordering::Relaxed) > before + 8);
        }
        done.store(true, Ordering::Relaxed);
    });
    eventually(|| daemon.log().matches("reloaded the configuration").count() > 0);
    assert_eq!(failed.into_inner(), 0, "of {}", sent.into_inner());
}

#[test]
fn nothing_sent_before_a_stop_is_lost() {
    let daemon = ReloadStage::start();
    let address = daemon.daemon.address.clone();
    let (stopped, failed, sent) = (
        AtomicBool::new(false),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    // A request from before the stop is still served.
                    let (status, _) = request(&address, "GET", "/livez", None);
                    if stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    sent.fetch_add(1, Ordering::Relaxed);
                    failed.fetch_add(usize::from(status != 200), Ordering::Relaxed);
                }
            });
        }
        eventually(|| sent.load(Ordering::Relaxed) > 50);
        stopped.store(true, Ordering::SeqCst);
        std::thread::sleep(Duration::ZERO);
        assert!(daemon.daemon.end(Signal::TERM).success());
    });
    assert_eq!(failed.into_inner(), 0, "of {}", sent.into_inner());
}

/// Standard output, standard error and exit code of a command of the same account.
fn command(
    daemon: &ReloadStage,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> (String, String, i32) {
    let mut command = linux_api(daemon.home.path(), arguments);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().unwrap();
    (text(&output.stdout), text(&output.stderr), code)
}

#[test]
fn the_command_waits_for_the_result_and_says_it() {
    let daemon = ReloadStage::start();
    let config = daemon.home.path().join("config.toml");
    fs::write(&config, "[routes]\ndisabled = { '/docs' = 'Gone.' }\n").unwrap();
    let (out, err, code) = command(&daemon, &["reload"], &[]);
    assert_eq!((out.as_str(), code), ("reloaded\n", 0), "{err}");
    assert_eq!(
        daemon.get("/docs").0,
        503,
        "it is in force when the command ends"
    );

    fs::write(&config, "[docs]\nenabled = false\n").unwrap();
    let (out, _, code) = command(&daemon, &["reload"], &[]);
    assert_eq!(code, 0);
    assert!(
        out.contains("applied at the next restart: docs.enabled"),
        "{out}"
    );

    fs::write(&config, "[docs]\nenabled = 'perhaps'\n").unwrap();
    let (_, err, code) = command(&daemon, &["reload"], &[]);
    assert_eq!(code, 1);
    assert!(err.contains("refuses the new configuration"), "{err}");
    assert!(
        err.contains("docs.enabled") && err.contains("not a string"),
        "{err}"
    );

    // Both: how the daemon is, and what is wrong with the file.
    let (out, err, code) = command(&daemon, &["--config", "config.toml", "status"], &[]);
    assert_eq!(code, 1);
    assert!(
        out.contains("is ready") && out.contains("not reloaded"),
        "{out}"
    );
    assert!(err.contains("docs.enabled"), "{err}");
}

#[test]
fn the_command_signals_nothing_but_a_daemon() {
    let daemon = ReloadStage::start();
    let mut other = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .unwrap();
    let pid = other.id().to_string();
    let (_, err, code) = command(&daemon, &["reload"], &[("MAINPID", &pid)]);
    assert_eq!(code, 1);
    assert!(err.contains("is no linux-api: it gets no signal"), "{err}");
    assert!(other.try_wait().unwrap().is_none(), "it lives");
    other.kill().unwrap();
    other.wait().unwrap();

    let (_, err, code) = command(&daemon, &["reload"], &[("MAINPID", &pid)]);
    assert_eq!(code, 1);
    assert!(err.contains("has ended"), "{err}");
    let nobody = TempDir::new().unwrap();
    let output = linux_api(nobody.path(), &["reload"]).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("no running daemon"), "{err}");
}

#[test]
fn a_certificate_that_is_missing_is_refused_before_it_is_needed() {
    let home = TempDir::new().unwrap();
    let text = "[server]\ntls_certificate = 'a.pem'\ntls_key = 'a.key'\n";
    fs::write(home.path().join("config.toml"), text).unwrap();
    let mut check = linux_api(home.path(), &["--config", "config.toml", "config", "check"]);
    let output = check.output().unwrap();
    // What a restart can't fix: systemd does not try forever.
    assert_eq!(output.status.code(), Some(78));
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        err.contains("server.tls_certificate") && err.contains("a.pem"),
        "{err}"
    );
}
