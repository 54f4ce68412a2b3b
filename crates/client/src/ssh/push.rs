//! Copies this program to a host that has none, into a directory of the account's cache, and removes it again.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::SshHost;
use super::command;
use super::program::{self, ProgramError};
use super::session::{Printed, of_start};
use crate::channel::PREPARE;

/// The longest that a copy may take: 20 MB at 35 kB/s.
const PUSH: Duration = Duration::from_mins(10);
/// Most bytes of what the script of the other host prints.
const OUTPUT_MAX: u64 = 4 << 10;

/// What kind of host it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// As `uname -s` names it.
    pub name: String,
    /// The processor, as `uname -m` names it.
    pub machine: String,
    /// Number of the account.
    pub uid: u32,
}

impl System {
    /// Reads what the script prints; another host may print anything.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let (name, machine, uid) = (words.next()?, words.next()?, words.next()?);
        let is_word = |word: &str| {
            let mut letters = word.chars();
            word.len() <= 32 && letters.all(|it| it.is_ascii_alphanumeric() || it == '_')
        };
        (is_word(name) && is_word(machine) && words.next().is_none()).then_some(Self {
            name: name.to_owned(),
            machine: machine.to_owned(),
            uid: uid.parse().ok()?,
        })
    }
}

/// The program could not be copied, or removed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The host is none for this program.
    #[error("linux-api runs on Linux; that host has {0}")]
    NotLinux(String),
    /// There is no program for it.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// It can't be read.
    #[error("read the program: {0}")]
    Read(io::Error),
    /// ssh can't be started, or failed.
    #[error("{0}")]
    Ssh(String),
    /// It took too long.
    #[error("copying the program took longer than ten minutes")]
    TooSlow,
    /// What arrived is not what was sent.
    #[error("the copy of the program was damaged on the way, and removed")]
    Checksum,
    /// The disk is full, or there is a quota.
    #[error("the program does not fit into the cache directory of that account: {0}")]
    Space(String),
    /// It is there and can't be run.
    #[error(
        "programs can't be run from that account's cache directory (mounted noexec?): install linux-api \
         there, or set XDG_CACHE_HOME to a directory where programs run"
    )]
    NoExec,
}

/// Copies the program for `system` to the host, checks it there, and runs it once.
///
/// # Errors
/// When it can't be had, copied or run.
pub async fn push(host: &SshHost, system: &System) -> Result<(), PushError> {
    if system.name != "Linux" {
        return Err(PushError::NotLinux(system.name.clone()));
    }
    let program = program::find(&system.machine)?;
    let sha256 = checksum(&program).await.map_err(PushError::Read)?;
    tracing::info!(%host, program = %program.display(), "copying this program");
    let file = File::open(&program).await.map_err(PushError::Read)?;
    let script = command::receive(&sha256);
    let copy = run(host, &script, Some(file));
    let (said, printed) = match tokio::time::timeout(PUSH, copy).await {
        Ok(result) => result?,
        Err(_) => return Err(PushError::TooSlow),
    };
    let word = said
        .lines()
        .find_map(|line| line.strip_prefix("linux-api-push "));
    let printed = printed.unwrap_or_else(|| "no reason was given".to_owned());
    match word {
        Some("done") => Ok(()),
        Some("checksum") => Err(PushError::Checksum),
        Some("noexec") => Err(PushError::NoExec),
        Some("space") => Err(PushError::Space(printed)),
        _ => Err(PushError::Ssh(printed)),
    }
}

/// Removes all that was pushed; whether there was something.
///
/// # Errors
/// When the host can't be reached, or the files can't be removed.
pub async fn clean(host: &SshHost) -> Result<bool, PushError> {
    let script = command::clean();
    let work = run(host, &script, None);
    let (said, printed) = match tokio::time::timeout(PREPARE, work).await {
        Ok(result) => result?,
        Err(_) => return Err(PushError::Ssh("timed out".to_owned())),
    };
    let mut lines = said.lines();
    match lines.next_back() {
        Some("removed") => Ok(true),
        Some("none") => Ok(false),
        _ => Err(PushError::Ssh(
            printed.unwrap_or_else(|| "the host gave no reason".to_owned()),
        )),
    }
}

/// Runs a script with a file as its standard input; what it prints, and the last line of its errors.
async fn run(
    host: &SshHost,
    script: &str,
    input: Option<File>,
) -> Result<(String, Option<String>), PushError> {
    let mut child = command::ssh(host, script)
        .spawn()
        .map_err(|error| PushError::Ssh(of_start(&error)))?;
    let (Some(mut stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(PushError::Ssh("no pipe to ssh".to_owned()));
    };
    let printed = Printed::default();
    let listening = tokio::spawn(printed.clone().collect(stderr));
    let send = async move {
        if let Some(mut file) = input {
            // A host that has no room stops reading; it says so itself.
            let _ = tokio::io::copy(&mut file, &mut stdin).await;
        }
        let _ = stdin.shutdown().await;
    };
    let mut said = Vec::new();
    let mut bounded = stdout.take(OUTPUT_MAX);
    let ((), read) = tokio::join!(send, bounded.read_to_end(&mut said));
    read.map_err(|error| PushError::Ssh(error.to_string()))?;
    let _ = child.wait().await;
    let _ = tokio::time::timeout(Duration::from_millis(200), listening).await;
    Ok((
        String::from_utf8_lossy(&said).into_owned(),
        printed.last_line(),
    ))
}

async fn checksum(path: &Path) -> io::Result<String> {
    let mut file = File::open(path).await?;
    let mut hash = Sha256::new();
    let mut bytes = vec![0; 64 << 10];
    loop {
        match file.read(&mut bytes).await? {
            0 => break,
            count => hash.update(&bytes[..count]),
        }
    }
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        // Writing to a text never fails.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_says_of_itself_is_taken_as_three_words_only() {
        let system = System::parse("Linux x86_64 1000").unwrap();
        assert_eq!((system.machine.as_str(), system.uid), ("x86_64", 1000));
        for text in [
            "",
            "Linux",
            "Linux x86_64",
            "Linux x86_64 a",
            "Linux ../../x 0",
            "Linux x86_64 0 more",
            "Li\x1bnux x86_64 0",
        ] {
            assert_eq!(System::parse(text), None, "{text:?}");
        }
    }

    #[tokio::test]
    async fn the_checksum_is_that_of_sha256sum() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        assert_eq!(
            checksum(file.path()).await.unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
