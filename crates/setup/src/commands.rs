//! Programs of the system: by absolute path, without a shell, with an environment of their own.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// One call of a program.
#[derive(Debug, Default)]
pub(super) struct Call<'a> {
    /// Where it may be, the first that exists counts.
    pub(super) programs: &'a [&'a str],
    pub(super) arguments: &'a [&'a str],
    /// What it reads on standard input.
    pub(super) input: Option<&'a str>,
    /// Account and group to run as.
    pub(super) account: Option<(u32, u32)>,
    /// Beside those that every call has.
    pub(super) variables: &'a [(&'a str, &'a str)],
    /// Longest time, a minute unless set.
    pub(super) patience: Option<Duration>,
}

/// How much of a program's words an error repeats.
const TAIL: usize = 15;

impl Call<'_> {
    /// Runs it; returns its output.
    ///
    /// # Errors
    /// When it is not there, takes too long, or fails; then with the end of what it said.
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        let output = self.output().await?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.trim().lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
        bail!("{} failed ({}):\n{tail}", self.shown(), output.status);
    }

    /// Runs it, whatever comes of it.
    ///
    /// # Errors
    /// When it is not there or takes too long.
    pub(super) async fn output(&self) -> anyhow::Result<Output> {
        let program = self
            .programs
            .iter()
            .find(|path| Path::new(path).exists())
            .with_context(|| format!("{} is not installed", self.programs.join(" or ")))?;
        let mut command = Command::new(program);
        command
            .args(self.arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .envs(self.variables.iter().copied())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some((uid, gid)) = self.account {
            command.uid(uid).gid(gid);
        }
        let patience = self.patience.unwrap_or(Duration::from_mins(1));
        let work = async {
            let mut child = command.spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                let input = self.input.unwrap_or_default();
                // One that reads nothing says by its exit status what it thinks of it.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
            child.wait_with_output().await
        };
        match tokio::time::timeout(patience, work).await {
            Ok(output) => output.with_context(|| format!("run {}", self.shown())),
            Err(_) => bail!("{} did not end within {patience:?}", self.shown()),
        }
    }

    fn shown(&self) -> String {
        let name = self.programs.first().copied().unwrap_or_default();
        [&[name], self.arguments].concat().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &'static str) -> Call<'static> {
        Call {
            programs: &["/nowhere/sh", "/bin/sh"],
            arguments: Box::leak(Box::new(["-c", script])),
            ..Call::default()
        }
    }

    #[tokio::test]
    async fn what_it_says_is_the_answer_and_its_environment_is_its_own() {
        let call = Call {
            input: Some("in"),
            variables: &[("ONE", "1")],
            ..shell("cat; printf '%s' \"$ONE$HOME\"")
        };
        assert_eq!(call.run().await.unwrap(), "in1");
    }

    #[tokio::test]
    async fn a_failure_repeats_the_end_of_what_it_said() {
        let failed = shell("seq 1 40; echo because >&2; exit 3").run().await;
        let text = format!("{:#}", failed.unwrap_err());
        assert!(text.contains("exit status: 3"), "{text}");
        assert!(text.ends_with("\n39\n40\nbecause"), "{text}");
        assert!(!text.contains("\n20\n"), "{text}");
    }

    #[tokio::test]
    async fn it_is_not_waited_for_without_end() {
        let call = Call {
            patience: Some(Duration::from_millis(50)),
            ..shell("exec sleep 60")
        };
        let text = call.run().await.unwrap_err().to_string();
        assert!(text.contains("did not end within 50ms"), "{text}");
        let missing = Call {
            programs: &["/nowhere/a"],
            ..Call::default()
        };
        let text = missing.run().await.unwrap_err().to_string();
        assert_eq!(text, "/nowhere/a is not installed");
    }
}
