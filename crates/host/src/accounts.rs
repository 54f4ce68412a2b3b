//! Accounts and groups of the operating system.
//!
//! The files come first, then the programs `getent` and `id`, which read the name services of the host
//! too, LDAP and SSSD among them. The functions of libc are not used: a statically linked program has no
//! name services, and crashes where their configuration names a module that has to be loaded.

mod name_service;

use std::io;
use std::sync::Arc;

use super::{CollectError, Collector};
use linux_api_wire::host::Account;
pub(super) use name_service::NameService;

/// The longest name, see `LOGIN_NAME_MAX` in limits.h; also far below what an argument may have.
const NAME_BYTES: usize = 256;

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
        let Some(account) = self.find_account_by_uid(uid).await? else {
            return Ok(false);
        };
        if group.members.contains(&account.user_name) {
            return Ok(true);
        }
        // The group may have members of a directory, even where it is in the file itself, and a
        // directory need not list them all.
        self.has_group(&account.user_name, group.gid).await
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

    /// One entry of the name service; no bytes when there is none, or no name service.
    async fn getent(&self, database: &'static str, key: &str) -> Result<Arc<[u8]>, CollectError> {
        match &self.0.name_service {
            Some(service) => service.entry(database, key).await,
            None => Ok(Arc::default()),
        }
    }

    /// Whether the name service has an account in a group, be it by another group that is a member of it.
    async fn has_group(&self, account: &str, gid: u32) -> Result<bool, CollectError> {
        let Some(service) = &self.0.name_service else {
            return Ok(false);
        };
        // id(1) takes a number for an id.
        if !can_be_name(account) || is_number(account) {
            return Ok(false);
        }
        let groups = service.groups(account).await?;
        let mut ids = groups.split(u8::is_ascii_whitespace).filter_map(parse_id);
        Ok(ids.any(|id| id == gid))
    }
}

/// Whether an entry can have this name at all: NUL ends an argument, two others separate fields and
/// lines, and a dash begins an option.
fn can_be_name(name: &str) -> bool {
    let has_length = (1..=NAME_BYTES).contains(&name.len());
    has_length && !name.starts_with('-') && !name.contains(['\0', '\n', ':'])
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
