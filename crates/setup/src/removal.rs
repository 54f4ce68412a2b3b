//! Takes the daemon off the host: all that setup put there; configuration and data on request only.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::apply::{Witness, acts_link, links};
use super::commands::Call;
use super::facts;
use super::plan::{
    ACCOUNT, CONFIG_FOLDER, DATA_FOLDER, EXECUTOR, EXECUTOR_SOCKET, JOURNAL_DROP_IN, LOG_FOLDER,
    OPERATORS, PACKAGED_PROGRAM, PROGRAM, SERVICE, SOCKET, SYSUSERS, TMPFILES, UNITS,
};
use super::service;
use super::tree::{Changed, Tree};

/// One thing to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// End the daemon and keep systemd from starting it.
    Stop,
    /// A file of setup's, or a link to one.
    File(PathBuf),
    /// A directory, unless there is something of others in it.
    EmptyFolder(PathBuf),
    /// A directory with all in it.
    Folder(PathBuf),
    /// The daemon's account and its groups.
    Account,
}

impl Removal {
    /// What it does, for people.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::Stop => format!("stop {SERVICE}, {SOCKET} and {EXECUTOR_SOCKET}"),
            Self::File(path) => format!("remove {}", path.display()),
            Self::EmptyFolder(path) => format!("remove {} if it is empty", path.display()),
            Self::Folder(path) => format!("remove {} and its content", path.display()),
            Self::Account => {
                format!("remove the account and the group {ACCOUNT}, and the group {OPERATORS}")
            }
        }
    }
}

/// What is to be removed; with `purge` also configuration, keys, measurements and backups.
#[must_use]
pub fn plan(is_live: bool, purge: bool) -> Vec<Removal> {
    let mut steps = Vec::new();
    if is_live {
        steps.push(Removal::Stop);
    }
    let units = [SERVICE, SOCKET, EXECUTOR, EXECUTOR_SOCKET].map(|unit| format!("{UNITS}/{unit}"));
    let files = links()
        .map(|(link, _)| link)
        .into_iter()
        .chain([acts_link()])
        .chain(units)
        .chain([JOURNAL_DROP_IN, SYSUSERS, TMPFILES, PROGRAM].map(str::to_owned));
    steps.extend(files.map(|path| Removal::File(path.into())));
    let drop_ins = Path::new(JOURNAL_DROP_IN).parent();
    steps.extend(drop_ins.map(|path| Removal::EmptyFolder(path.to_owned())));
    if purge {
        steps.extend(
            [CONFIG_FOLDER, DATA_FOLDER, LOG_FOLDER].map(|path| Removal::Folder(path.into())),
        );
        steps.push(Removal::Account);
    }
    steps
}

/// Removes it. What is gone already is no failure.
///
/// # Errors
/// Names the step that failed; run again, it goes on.
pub async fn apply(
    steps: &[Removal],
    tree: &Tree,
    witness: &mut impl Witness,
) -> anyhow::Result<Vec<String>> {
    if tree.is_live() && !rustix::process::geteuid().is_root() {
        bail!("only root may remove it: sudo linux-api setup --uninstall");
    }
    for (index, step) in steps.iter().enumerate() {
        let title = step.title();
        witness.begins(index + 1, steps.len(), &title);
        let outcome = perform(step, tree).await.context(title)?;
        witness.ended(outcome);
    }
    if tree.is_live() {
        service::reload_units().await?;
    }
    let mut hints = Vec::new();
    if tree.look(Path::new(PACKAGED_PROGRAM))?.is_some() {
        hints.push(
            "program and units belong to a package; remove it: apt-get remove linux-api, or dnf \
             remove linux-api"
                .to_owned(),
        );
    }
    let purged = steps.contains(&Removal::Account);
    hints.push(if purged {
        "a PostgreSQL database is left as it is; to drop one that setup created: sudo -u postgres \
         dropdb linux_api; sudo -u postgres dropuser linux_api"
            .to_owned()
    } else {
        format!(
            "{CONFIG_FOLDER}, {DATA_FOLDER} and {LOG_FOLDER} are kept; --purge removes them too"
        )
    });
    Ok(hints)
}

async fn perform(step: &Removal, tree: &Tree) -> anyhow::Result<&'static str> {
    let word = |changed| match changed {
        Changed::Yes => "done",
        Changed::No => "was not there",
    };
    match step {
        Removal::Stop => service::disable().await.map(|()| "done"),
        Removal::File(path) => Ok(word(tree.remove(path)?)),
        Removal::EmptyFolder(path) => Ok(word(tree.remove_empty(path)?)),
        Removal::Folder(path) => Ok(word(tree.remove_all(path)?)),
        Removal::Account => remove_account(tree).await,
    }
}

/// The account, and its groups: userdel leaves the first when it has other members, or where
/// /etc/login.defs does not have it removed.
async fn remove_account(tree: &Tree) -> anyhow::Result<&'static str> {
    const USERDEL: &[&str] = &["/usr/sbin/userdel", "/sbin/userdel"];
    const GROUPDEL: &[&str] = &["/usr/sbin/groupdel", "/sbin/groupdel"];
    let mut outcome = "was not there";
    for (programs, list, name) in [
        (USERDEL, "/etc/passwd", ACCOUNT),
        (GROUPDEL, "/etc/group", ACCOUNT),
        (GROUPDEL, "/etc/group", OPERATORS),
    ] {
        if !facts::is_listed(tree, list, name)? {
            continue;
        }
        let root = tree.outside(Path::new("/")).display().to_string();
        let call = Call {
            programs,
            arguments: &["--prefix", &root, name],
            ..Call::default()
        };
        let live = Call {
            programs,
            arguments: &[name],
            ..Call::default()
        };
        if tree.is_live() { &live } else { &call }.run().await?;
        if facts::is_listed(tree, list, name)? {
            bail!(
                "{name} is still in {}",
                tree.outside(Path::new(list)).display()
            );
        }
        outcome = "done";
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_go_only_when_asked_for() {
        let kept = plan(true, false);
        let is_data = |step: &Removal| matches!(step, Removal::Folder(_) | Removal::Account);
        assert!(!kept.iter().any(is_data), "{kept:?}");
        assert_eq!(kept[0], Removal::Stop);
        let purged = plan(true, true);
        assert_eq!(purged.iter().filter(|step| is_data(step)).count(), 4);
        assert!(!plan(false, true).contains(&Removal::Stop));
    }
}
