//! Accounts and groups of the operating system.
//!
//! The files are read first, then `getent` is run, which also queries directories such as LDAP. The
//! functions of libc are not used: a statically linked program crashes in them when the name
//! service configuration names a module that has to be loaded.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::{CollectError, Collector};
use linux_api_wire::host::Account;

/// An absolute path, so that no other program of this name in `PATH` is run.
pub(super) const GETENT: &str = "/usr/bin/getent";

/// A directory that takes longer counts as unreachable: a caller is waiting.
const DEADLINE: Duration = Duration::from_secs(2);

/// The longest name, see `LOGIN_NAME_MAX` in limits.h; also far below what an argument may have.
const NAME_BYTES: usize = 256;

/// How getent says that there is no such entry, see getent(1).
const NOT_FOUND: i32 = 2;

/// A group of accounts.
#[derive(Debug, PartialEq, Eq)]
struct Group {
    name: String,
    gid: u32,
    members: Vec<String>,
}

impl Collector {
    /// Finds an account by its name.
    ///
    /// # Errors
    /// When the file of accounts can't be read, or the directory does not respond.
    pub async fn find_account(&self, name: &str) -> Result<Option<Account>, CollectError> {
        if !can_be_name(name) {
            return Ok(None);
        }
        let file = self.read_database("passwd").await?;
        if let Some(account) = parse_accounts(&file).find(|account| account.user_name == name) {
            return Ok(Some(account));
        }
        // getent takes a number for an id and would return an account of another name.
        if is_number(name) {
            return Ok(None);
        }
        let answer = self.getent("passwd", name).await?;
        Ok(parse_accounts(&answer).next())
    }

    /// Finds an account by its id, the first one when several share it.
    ///
    /// # Errors
    /// As [`Self::find_account`].
    pub async fn find_account_by_uid(&self, uid: u32) -> Result<Option<Account>, CollectError> {
        let file = self.read_database("passwd").await?;
        if let Some(account) = parse_accounts(&file).find(|account| account.uid == uid) {
            return Ok(Some(account));
        }
        let answer = self.getent("passwd", &uid.to_string()).await?;
        Ok(parse_accounts(&answer).find(|account| account.uid == uid))
    }

    /// Whether an account with this user and primary group id belongs to a group. A group that does
    /// not exist has no members.
    ///
    /// # Errors
    /// When the files of groups or accounts can't be read, or the directory does not respond.
    pub async fn is_in_group(
        &self,
        uid: u32,
        gid: u32,
        group_name: &str,
    ) -> Result<bool, CollectError> {
        let Some(group) = self.find_group(group_name).await? else {
            return Ok(false);
        };
        if group.gid == gid {
            return Ok(true);
        }
        if group.members.is_empty() {
            return Ok(false);
        }
        let account = self.find_account_by_uid(uid).await?;
        Ok(account.is_some_and(|account| group.members.contains(&account.user_name)))
    }

    async fn find_group(&self, name: &str) -> Result<Option<Group>, CollectError> {
        if !can_be_name(name) {
            return Ok(None);
        }
        let file = self.read_database("group").await?;
        if let Some(group) = parse_groups(&file).find(|group| group.name == name) {
            return Ok(Some(group));
        }
        if is_number(name) {
            return Ok(None);
        }
        let answer = self.getent("group", name).await?;
        Ok(parse_groups(&answer).next())
    }

    /// Reads `passwd` or `group`; a host without the file has no such entries.
    async fn read_database(&self, file: &str) -> Result<Vec<u8>, CollectError> {
        let path = self.roots().rootfs.join("etc").join(file);
        match tokio::fs::read(&path).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read.map_err(|source| CollectError::Read { path, source }),
        }
    }

    /// Queries the name services for one entry; no bytes when there is none or no getent.
    async fn getent(&self, database: &str, key: &str) -> Result<Vec<u8>, CollectError> {
        let Some(program) = self.0.getent.clone() else {
            return Ok(Vec::new());
        };
        let ask = async {
            let _slot = self
                .0
                .lookups
                .acquire()
                .await
                .map_err(|_| CollectError::Stopped)?;
            run_getent(&program, database, key).await
        };
        match timeout(DEADLINE, ask).await {
            Ok(answer) => answer,
            Err(_) => Err(CollectError::Deadline {
                program,
                deadline: DEADLINE,
            }),
        }
    }
}

/// Runs getent, which is killed when the caller stops waiting.
async fn run_getent(program: &Path, database: &str, key: &str) -> Result<Vec<u8>, CollectError> {
    let run = Command::new(program)
        .args([database, "--", key])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    match run.await {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) if output.status.code() == Some(NOT_FOUND) => Ok(Vec::new()),
        Ok(output) => Err(CollectError::Failed {
            program: program.to_owned(),
            status: output.status,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(CollectError::Run {
            program: program.to_owned(),
            source,
        }),
    }
}

/// Whether an entry can have this name at all: NUL ends an argument, and the other two separate
/// fields and lines.
fn can_be_name(name: &str) -> bool {
    (1..=NAME_BYTES).contains(&name.len()) && !name.contains(['\0', '\n', ':'])
}

/// Whether strtoul(3), by which getent distinguishes ids from names, reads all of it as a number.
fn is_number(name: &str) -> bool {
    let digits = name.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
    let digits = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn parse_accounts(text: &[u8]) -> impl Iterator<Item = Account> {
    text.split(|byte| *byte == b'\n').filter_map(parse_account)
}

fn parse_groups(text: &[u8]) -> impl Iterator<Item = Group> {
    text.split(|byte| *byte == b'\n').filter_map(parse_group)
}

/// Reads `name:password:uid:gid:comment:home:shell`, see passwd(5).
fn parse_account(line: &[u8]) -> Option<Account> {
    let fields: Vec<&[u8]> = line.splitn(7, |byte| *byte == b':').collect();
    let [name, _, uid, gid, _, home_dir, shell] = fields[..] else {
        return None;
    };
    Some(Account {
        user_name: parse_name(name)?,
        uid: parse_id(uid)?,
        gid: parse_id(gid)?,
        home_dir: String::from_utf8_lossy(home_dir).into_owned(),
        shell: String::from_utf8_lossy(shell).into_owned(),
    })
}

/// Reads `name:password:gid:member,member`, see group(5).
fn parse_group(line: &[u8]) -> Option<Group> {
    let fields: Vec<&[u8]> = line.splitn(4, |byte| *byte == b':').collect();
    let [name, _, gid, members] = fields[..] else {
        return None;
    };
    let members = members
        .split(|byte| *byte == b',')
        .filter_map(parse_name)
        .collect();
    Some(Group {
        name: parse_name(name)?,
        gid: parse_id(gid)?,
        members,
    })
}

/// Names must be read exactly, as rights depend on them. A leading `+` or `-` marks a reference to
/// NIS, `#` a comment.
fn parse_name(bytes: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(bytes).ok()?;
    (!name.is_empty() && !name.starts_with(['+', '-', '#'])).then(|| name.to_owned())
}

fn parse_id(bytes: &[u8]) -> Option<u32> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
