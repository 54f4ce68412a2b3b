//! A process that never outlives what started it.

use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

/// How long a process may take to end after a signal.
const END: Duration = Duration::from_mins(1);

/// Killed when dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts it; a program that is missing is an error that names the Debian package it comes from.
    pub(crate) fn start(command: &mut Command, package: &str) -> anyhow::Result<Self> {
        let child = command.spawn().with_context(|| missing(command, package))?;
        Ok(Self(child))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        Ok(kill_process(Pid::from_child(&self.0), signal)?)
    }

    /// Waits until it has ended after a signal.
    pub(crate) async fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let wait = async {
            loop {
                match self.0.try_wait()? {
                    Some(status) => return Ok(status),
                    None => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        tokio::time::timeout(END, wait)
            .await
            .with_context(|| format!("still runs after {END:?}"))?
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Why a program may not have started.
pub(crate) fn missing(command: &Command, package: &str) -> String {
    let program = command.get_program().display();
    format!("start {program}, which Debian has in the package {package}")
}
