//! The executor as a process of its own, and the commands for its policy and its log.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use linux_api_acts::client::{CallError, Client};
use linux_api_acts::protocol::{
    Actor, Effect, Outcome, ProcessIdentity, RefusalCode, Request, Response, SignalName,
    SignalProcess, Verb,
};
use linux_api_host::read_identity;
use linux_api_wire::time::Clock;
use tempfile::TempDir;

use crate::support::left_out;

pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new(policy: &str) -> Self {
        let place = Self(TempDir::new().unwrap());
        fs::write(place.path("policy.toml"), policy).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("linux-api"));
        command
            .env_clear()
            .env("HOME", self.0.path())
            .args(arguments);
        command
    }

    /// A command about the policy of this place.
    fn policy(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(&["policy"]);
        command
            .args(arguments)
            .arg("--policy")
            .arg(self.path("policy.toml"));
        command.output().unwrap()
    }

    fn verify(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(&["audit", "verify"]);
        command
            .args(arguments)
            .arg("--log")
            .arg(self.path("acts.jsonl"));
        command.output().unwrap()
    }

    pub(crate) fn start(&self) -> Executor {
        let mut command = self.command(&["executor"]);
        for (option, file) in [
            ("--listen", "executor.sock"),
            ("--policy", "policy.toml"),
            ("--log", "acts.jsonl"),
        ] {
            command.arg(option).arg(self.path(file));
        }
        command.args(["--bus", "unix:path=/nonexistent/bus"]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // It says where it listens once it does.
        let listens = lines.any(|line| line.unwrap().contains("listening"));
        assert!(listens, "it ended: {:?}", child.wait());
        Executor {
            child,
            client: Client::new(&self.path("executor.sock")),
        }
    }
}

pub(crate) struct Executor {
    child: Child,
    client: Client,
}

impl Executor {
    fn end(mut self, signal: rustix::process::Signal) -> bool {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
        self.child.wait().unwrap().success()
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) struct Sleeper(Child);

impl Sleeper {
    pub(crate) fn start() -> Self {
        Self(Command::new("sleep").arg("600").spawn().unwrap())
    }

    fn request(&self, id: &str, signal: SignalName) -> Request {
        let pid = self.0.id();
        let identity = read_identity("/proc".as_ref(), pid).unwrap();
        Request {
            id: id.to_owned().try_into().unwrap(),
            not_after: Clock::system()
                .now()
                .saturating_add(Duration::from_secs(30)),
            actor: Actor {
                name: "alice".to_owned().try_into().unwrap(),
                role: None,
                key: None,
                address: None,
            },
            automatic: false,
            signature: None,
            verb: Verb::Signal(SignalProcess {
                process: ProcessIdentity {
                    pid,
                    start_ticks: identity.start_ticks,
                },
                signal,
                escalate_after: None,
            }),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn start_ticks(&self) -> u64 {
        read_identity("/proc".as_ref(), self.pid())
            .unwrap()
            .start_ticks
    }

    pub(crate) fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_done(response: &Response) -> bool {
    matches!(response.outcome, Outcome::Done(Effect::Signalled { .. }))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) const OPEN: &str = "processes.min_uid = 0\n";

#[tokio::test]
async fn a_kill_loses_no_act_and_repeats_none() {
    let place = Place::new(OPEN);
    let mut sleeper = Sleeper::start();
    let executor = place.start();
    let first = sleeper.request("first", SignalName::Stop);
    let response = executor.client.act(first.clone()).await.unwrap();
    assert!(is_done(&response) && !response.replayed);
    executor.end(rustix::process::Signal::KILL);
    let executor = place.start();
    let again = executor.client.act(first).await.unwrap();
    assert!(again.replayed && again.outcome == response.outcome);
    let last = executor
        .client
        .act(sleeper.request("last", SignalName::Kill))
        .await
        .unwrap();
    assert!(is_done(&last) && !sleeper.lives());
    assert!(executor.end(rustix::process::Signal::TERM));
    assert!(!place.path("executor.sock").exists());
    let head = last.head.unwrap();
    let known = format!("{}:{}", head.seq, head.hash);
    let verified = place.verify(&["--head", &known]);
    assert!(verified.status.success(), "{}", text(&verified.stderr));
    assert!(
        text(&verified.stdout).starts_with("ok: "),
        "{}",
        text(&verified.stdout)
    );
    // One byte.
    let log = fs::read_to_string(place.path("acts.jsonl")).unwrap();
    let line = 1 + log
        .lines()
        .position(|line| line.contains("\"id\":\"first\""))
        .unwrap();
    fs::write(
        place.path("acts.jsonl"),
        log.replacen("\"alice\"", "\"alicf\"", 1),
    )
    .unwrap();
    let broken = place.verify(&[]);
    assert_eq!(broken.status.code(), Some(1));
    let named = format!("acts.jsonl:{}: ", line + 1);
    assert!(
        text(&broken.stderr).contains(&named),
        "{}",
        text(&broken.stderr)
    );
}

#[tokio::test]
async fn as_shipped_nothing_is_possible() {
    let shipped = include_str!("../../packaging/policy.toml");
    let place = Place::new(shipped);
    let mut sleeper = Sleeper::start();
    let executor = place.start();
    let response = executor
        .client
        .act(sleeper.request("a", SignalName::Kill))
        .await
        .unwrap();
    let Outcome::Refused(refusal) = response.outcome else {
        panic!("{response:?}");
    };
    assert_eq!(refusal.code, RefusalCode::Policy);
    assert_eq!(
        refusal.remedy.as_deref(),
        Some("sudo linux-api policy allow --processes 1000")
    );
    assert!(sleeper.lives());
    // The command of the remedy, as far as this process goes: root's own processes are below 1000.
    let allowed = place.policy(&["allow", "--processes", "0"]);
    assert!(allowed.status.success(), "{}", text(&allowed.stderr));
    assert!(is_done(
        &executor
            .client
            .act(sleeper.request("a", SignalName::Kill))
            .await
            .unwrap()
    ));
}

/// What another account gets that can open the socket.
#[tokio::test]
async fn another_account_gets_no_further_than_the_greeting() {
    const PYTHON: &str = "/usr/bin/python3";
    if !rustix::process::geteuid().is_root() {
        left_out::for_want_of("root", "run the tests as root");
        return;
    }
    if !std::path::Path::new(PYTHON).exists() {
        left_out::for_want_of("python3", "apt-get install python3");
        return;
    }
    let place = Place::new(OPEN);
    let executor = place.start();
    let socket = place.path("executor.sock");
    // Rights that an administrator has given by mistake.
    for (path, mode) in [(place.0.path(), 0o755), (&socket, 0o666)] {
        let rights = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(path, rights).unwrap();
    }
    let script = format!(
        "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect({socket:?})\nprint(s.recv(4096).decode('latin1'))"
    );
    let run = |uid: &str| {
        let output = Command::new("setpriv")
            .args([
                "--reuid",
                uid,
                "--regid",
                uid,
                "--clear-groups",
                "--",
                PYTHON,
                "-c",
                &script,
            ])
            .output()
            .unwrap();
        text(&output.stdout) + &text(&output.stderr)
    };
    let said = run("4242");
    assert!(said.contains("uid 4242 may not use the executor"), "{said}");
    assert!(matches!(executor.client.status().await, Ok(status) if status.refused == 1));
    // One that the policy names gets a greeting once it has sent its own.
    fs::write(place.path("policy.toml"), "peer_uids = [4243]").unwrap();
    let greets = script.replace(
        "print(",
        "h = b'{\"protocol\":1,\"program\":\"x\"}'\ns.sendall(len(h).to_bytes(4, 'big') + h)\nprint(",
    );
    let output = Command::new("setpriv")
        .args([
            "--reuid",
            "4243",
            "--regid",
            "4243",
            "--clear-groups",
            "--",
            PYTHON,
            "-c",
            &greets,
        ])
        .output()
        .unwrap();
    let said = text(&output.stdout);
    assert!(
        said.contains("\"protocol\":1") && !said.contains("refused"),
        "{said}"
    );
}

#[tokio::test]
async fn a_second_executor_leaves_the_first_alone() {
    let place = Place::new(OPEN);
    let executor = place.start();
    let mut second = place.command(&["executor", "--listen"]);
    let second = second.arg(place.path("executor.sock")).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(
        text(&second.stderr).contains("another process listens"),
        "{}",
        text(&second.stderr)
    );
    executor.client.status().await.unwrap();
    let none = place.command(&["executor"]).output().unwrap();
    assert!(text(&none.stderr).contains("systemd has handed over no socket"));
    drop(executor);
    let absent = Client::new(&place.path("nothing.sock")).status().await;
    assert!(matches!(absent, Err(CallError::Absent { .. })));
}

#[test]
fn the_policy_is_changed_and_tested_by_commands() {
    let place = Place::new("# ours\n");
    let read = || fs::read_to_string(place.path("policy.toml")).unwrap();
    let tested = |unit: &str| {
        let bus = "--bus=unix:path=/nonexistent/bus";
        let output = place.policy(&["test", "restart", unit, "--as", "alice", bus]);
        (output.status.code(), text(&output.stdout))
    };
    let (code, said) = tested("nginx.service");
    assert_eq!(code, Some(3));
    assert!(
        said.contains("to allow it: sudo linux-api policy allow nginx.service"),
        "{said}"
    );
    assert!(
        place
            .policy(&["allow", "nginx.service", "app-*"])
            .status
            .success()
    );
    assert!(read().starts_with("# ours\n"), "{}", read());
    let (code, said) = tested("nginx.service");
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("policy.toml:4: units.allow = \"nginx.service\""),
        "{said}"
    );
    assert!(place.policy(&["deny", "app-db.service"]).status.success());
    assert_eq!(tested("app-db.service").0, Some(3));
    assert_eq!(tested("app-web.service").0, Some(0));
    // What would be a mistake is not written.
    let before = read();
    let refused = place.policy(&["allow", "reboot.target"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(read(), before);
    assert_eq!(tested("reboot.target").0, Some(2));
    assert_eq!(place.policy(&["allow"]).status.code(), Some(2));
    // Work of someone's is replaced with consent alone.
    let preset = place.policy(&["preset", "watch"]);
    assert!(!preset.status.success() && read() == before);
    assert!(place.policy(&["preset", "watch", "--yes"]).status.success());
    assert_eq!(tested("nginx.service").0, Some(3));
    assert_eq!(
        fs::read_to_string(place.path("policy.toml.old")).unwrap(),
        before
    );
    // What is shipped is no one's work.
    assert!(
        place
            .policy(&["preset", "services", "nginx.service"])
            .status
            .success()
    );
    assert_eq!(tested("nginx.service").0, Some(0));
    let stopped = place.policy(&["test", "stop", "nginx.service", "--as", "alice"]);
    assert_eq!(stopped.status.code(), Some(3));
    assert_eq!(place.policy(&["preset", "services"]).status.code(), Some(2));
}

#[test]
fn a_mistake_in_the_policy_is_shown_with_its_line() {
    let place = Place::new("[units]\nallow = [\"nginx\"]\n");
    let shown = place.policy(&["show"]);
    assert_eq!(shown.status.code(), Some(1));
    assert!(text(&shown.stdout).contains("allow = [\"nginx\"]"));
    let said = text(&shown.stderr);
    assert!(
        said.contains("policy.toml:2: ") && said.contains("everything is refused"),
        "{said}"
    );
    let json = place.policy(&["show", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["policy"]["units"]["allow"][0], "nginx");
    let tested = place.policy(&["test", "stop", "a.service", "--as", "alice"]);
    assert_eq!(tested.status.code(), Some(1));
    fs::write(place.path("policy.toml"), OPEN).unwrap();
    assert!(place.policy(&["show"]).status.success());
}
