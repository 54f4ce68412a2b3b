//! Real processes: children of the test.

use std::process::{Child, Command};

use super::*;

struct Sleeper(Child);

impl Sleeper {
    fn start(command: &str) -> Self {
        Self(
            Command::new("/bin/sh")
                .args(["-c", command])
                .spawn()
                .unwrap(),
        )
    }

    fn process(&self) -> Process {
        let pid = self.0.id();
        let identity = read_identity("/proc".as_ref(), pid).unwrap();
        Process {
            pid,
            start_ticks: identity.start_ticks,
        }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn hold(process: Process) -> Result<HeldProcess, Failure> {
    Processes::new(None).hold(process, None)
}

fn request(process: Process, signal: Signal, escalate_after: Option<u8>) -> SignalProcess {
    SignalProcess {
        process,
        signal,
        escalate_after,
    }
}

#[tokio::test]
async fn a_process_is_ended_and_its_end_is_seen() {
    let sleeper = Sleeper::start("exec sleep 600");
    let process = sleeper.process();
    let held = hold(process).unwrap();
    let effect = held
        .signal(&request(process, Signal::Term, None), || Ok(()))
        .await;
    let ended = Effect::Signalled {
        ended: true,
        killed: false,
        spared: None,
    };
    assert_eq!(effect, Ok(ended));
    // It is a zombie: its id is still its own, and nothing can be sent to it.
    assert_eq!(hold(process).unwrap_err().code, FailureCode::Gone);
}

#[tokio::test]
async fn another_process_of_the_same_id_is_not_meant() {
    let sleeper = Sleeper::start("exec sleep 600");
    let mut process = sleeper.process();
    process.start_ticks += 1;
    assert_eq!(hold(process).unwrap_err().code, FailureCode::Gone);
    for pid in [0, u32::MAX, 1 << 30] {
        let process = Process {
            pid,
            start_ticks: 0,
        };
        assert_eq!(hold(process).unwrap_err().code, FailureCode::Gone, "{pid}");
    }
}

/// A shell that ignores TERM, once it does.
fn stubborn() -> Sleeper {
    use std::io::Read as _;
    let child = Command::new("/bin/sh")
        .args(["-c", "trap '' TERM; echo; while :; do read x; done"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut sleeper = Sleeper(child);
    let mut line = [0];
    sleeper
        .0
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut line)
        .unwrap();
    sleeper
}

#[tokio::test]
async fn a_process_that_ignores_term_is_killed_when_that_is_still_allowed() {
    let sleeper = stubborn();
    let process = sleeper.process();
    let held = hold(process).unwrap();
    let escalating = request(process, Signal::Term, Some(1));
    let refused = held
        .signal(&escalating, || Err("the policy changed".to_owned()))
        .await;
    let spared = Some("the policy changed".to_owned());
    assert_eq!(
        refused,
        Ok(Effect::Signalled {
            ended: false,
            killed: false,
            spared
        })
    );
    let killed = held.signal(&escalating, || Ok(())).await;
    assert_eq!(
        killed,
        Ok(Effect::Signalled {
            ended: true,
            killed: true,
            spared: None
        })
    );
}

#[tokio::test]
async fn all_threads_get_the_nice_value() {
    let sleeper = Sleeper::start("exec sleep 600");
    let process = sleeper.process();
    let held = hold(process).unwrap();
    let from = getpriority_process(Some(held.pid)).unwrap();
    assert_eq!(held.renice(19), Ok(Effect::Reniced { from, threads: 1 }));
    assert_eq!(getpriority_process(Some(held.pid)), Ok(19));
}

#[tokio::test]
async fn what_is_ours_is_known() {
    let own = std::process::id();
    let identity = read_identity("/proc".as_ref(), own).unwrap();
    let process = Process {
        pid: own,
        start_ticks: identity.start_ticks,
    };
    assert!(hold(process).unwrap().facts.is_ours);
    let sleeper = Sleeper::start("exec sleep 600");
    let process = sleeper.process();
    assert!(!hold(process).unwrap().facts.is_ours);
    let peer = i32::try_from(process.pid).unwrap();
    let daemon = Processes::new(None).hold(process, Some(peer)).unwrap();
    assert!(daemon.facts.is_ours);
    let uid = rustix::process::getuid().as_raw();
    assert!(
        Processes::new(Some(uid))
            .hold(process, None)
            .unwrap()
            .facts
            .is_ours
    );
    let processes = Processes::new(None);
    let job = ProcessIdentity {
        start_ticks: 1,
        is_kernel_thread: false,
        uids: [0; 4],
        cgroup: Some(
            "/system.slice/system-linux\\x2dapi\\x2djob.slice/linux-api-job@7.service".to_owned(),
        ),
        unit: None,
    };
    assert!(processes.facts(7, &job, None).is_ours);
}
