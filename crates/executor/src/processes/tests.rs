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

    fn process(&self) -> ProcessIdentity {
        let pid = self.0.id();
        let identity = read_identity("/proc".as_ref(), pid).unwrap();
        ProcessIdentity {
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

fn processes(daemon_uid: Option<u32>) -> Processes {
    Processes::new("/proc".into(), daemon_uid)
}

fn hold(process: ProcessIdentity) -> Result<HeldProcess, Failure> {
    processes(None).hold(process, None)
}

#[tokio::test]
async fn a_process_is_ended_and_its_end_is_seen() {
    let sleeper = Sleeper::start("exec sleep 600");
    let process = sleeper.process();
    let held = hold(process).unwrap();
    let long = Duration::from_mins(1);
    assert_eq!(held.signal(SignalName::Term, long).await, Ok(true));
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
        let process = ProcessIdentity {
            pid,
            start_ticks: 0,
        };
        assert_eq!(hold(process).unwrap_err().code, FailureCode::Gone, "{pid}");
    }
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
    let process = ProcessIdentity {
        pid: own,
        start_ticks: identity.start_ticks,
    };
    assert!(hold(process).unwrap().facts.is_ours);
    let sleeper = Sleeper::start("exec sleep 600");
    let process = sleeper.process();
    assert!(!hold(process).unwrap().facts.is_ours);
    let peer = i32::try_from(process.pid).unwrap();
    let daemon = processes(None).hold(process, Some(peer)).unwrap();
    assert!(daemon.facts.is_ours);
    let uid = rustix::process::getuid().as_raw();
    assert!(
        processes(Some(uid))
            .hold(process, None)
            .unwrap()
            .facts
            .is_ours
    );
    let processes = processes(None);
    let job = ReadIdentity {
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
