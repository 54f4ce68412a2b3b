//! Carries out a plan, one step after another. Each finds out what is there already.

use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret, SecretString};

use super::commands::Call;
use super::database::{self, StepOutcome};
use super::facts;
use super::plan::{
    ACCOUNT, CERTIFICATE, CONFIG, Content, DATA_FOLDER, EXECUTOR_SOCKET, FileSpec, JOURNAL_DROP_IN,
    KEY_FILE, OPERATORS, PROGRAM, Plan, SERVICE, SOCKET, Step, TLS_KEY, UNITS, URL_FILE, Who,
};
use super::service::{self, StartOutcome};
use super::tree::{Changed, Owner, Tree};
use linux_api_auth::key::{KEY_LEN, PlainKey};
use linux_api_client::Client;

/// How long a daemon that was started may take until it is ready.
const READY_PATIENCE: Duration = Duration::from_mins(1);

/// Receives the progress.
pub trait Witness {
    /// A step begins.
    fn begins(&mut self, number: usize, total: usize, title: &str);
    /// The step came to this end.
    fn ended(&mut self, outcome: &str);
}

/// What came of it.
#[derive(Debug, Default)]
pub struct SetupOutcome {
    /// The first admin's key, when the daemon created one that was not read yet.
    pub key: Option<PlainKey>,
    /// Advice that is no failure.
    pub hints: Vec<String>,
}

/// Carries out the plan.
///
/// # Errors
/// Names the step that failed, why, and what to do; the steps before it stay done.
pub async fn apply(
    plan: &Plan,
    tree: &Tree,
    witness: &mut impl Witness,
) -> anyhow::Result<SetupOutcome> {
    if let [first, ..] = plan.obstacles.as_slice() {
        bail!("{first}");
    }
    let mut finished = SetupOutcome::default();
    for (index, step) in plan.steps.iter().enumerate() {
        let title = step.title();
        witness.begins(index + 1, plan.steps.len(), &title);
        let step_outcome = perform(step, tree, &mut finished)
            .await
            .with_context(|| format!("{title}, step {} of {}", index + 1, plan.steps.len()))?;
        witness.ended(&step_outcome.outcome);
        for hint in step_outcome.hints {
            if !finished.hints.contains(&hint) {
                finished.hints.push(hint);
            }
        }
    }
    Ok(finished)
}

/// Removes the file of the first admin's key, once the key was shown.
///
/// # Errors
/// When it can't be removed.
pub fn forget_key(tree: &Tree) -> anyhow::Result<()> {
    tree.remove(Path::new(KEY_FILE))?;
    Ok(())
}

fn said(outcome: &str) -> StepOutcome {
    StepOutcome {
        outcome: outcome.to_owned(),
        hints: Vec::new(),
    }
}

fn changed(changed: Changed) -> StepOutcome {
    said(match changed {
        Changed::Yes => "done",
        Changed::No => "unchanged",
    })
}

async fn perform(
    step: &Step,
    tree: &Tree,
    finished: &mut SetupOutcome,
) -> anyhow::Result<StepOutcome> {
    match step {
        Step::Program { from } => install_program(tree, from).map(changed),
        Step::Remove(path) => Ok(changed(tree.remove(path)?)),
        Step::File(file) => write(tree, file).map(changed),
        Step::Account => make_account(tree).await,
        Step::Folder { path, mode, owner } => {
            let owner = numbers(tree, *owner)?;
            Ok(changed(tree.directory(path, *mode, owner)?))
        }
        Step::Install(manager) => database::install(*manager).await.map(|()| said("done")),
        Step::LocalDatabase(local) => database::create_local(tree, local).await,
        Step::CheckDatabase { url } => check_database(tree, url.as_ref()).await,
        Step::Enable { units } => enable(tree, units).await,
        Step::EnableActs { units } => enable_acts(tree, units).await,
        Step::Start { outdated } => start(tree, *outdated).await,
        Step::Ready(address) => wait_until_ready(address).await,
        Step::DaemonRole(daemon) => database::create_daemon_role(tree, daemon).await,
        Step::Key => {
            finished.key = take_key(tree)?;
            Ok(said(if finished.key.is_some() {
                "shown below"
            } else {
                "fetched before"
            }))
        }
    }
}

/// The numbers behind a name. In a directory that is no running system the account may be made by its
/// first boot; until then root owns everything, and systemd-tmpfiles hands it over.
fn numbers(tree: &Tree, who: Who) -> anyhow::Result<Owner> {
    let account = match who {
        Who::Root => None,
        Who::RootForService | Who::Service => facts::account(tree)?,
    };
    Ok(match (who, account) {
        (Who::RootForService, Some((_, gid))) => Owner { uid: 0, gid },
        (Who::Service, Some((uid, gid))) => Owner { uid, gid },
        (Who::RootForService | Who::Service, None) if tree.is_live() => {
            bail!("there is no account {ACCOUNT}")
        }
        _ => Owner::ROOT,
    })
}

fn write(tree: &Tree, file: &FileSpec) -> anyhow::Result<Changed> {
    let text = match &file.content {
        Content::Text(text) => text.clone(),
        Content::Secret(text) => format!("{}\n", text.expose_secret().trim_end_matches('\n')),
    };
    let owner = numbers(tree, file.owner)?;
    Ok(tree.write(&file.path, text.as_bytes(), file.mode, owner)?)
}

/// The running program is copied, because it is the one that was tried.
fn install_program(tree: &Tree, from: &Path) -> anyhow::Result<Changed> {
    let target = Path::new(PROGRAM);
    let same = |a: &Path, b: &Path| {
        let (a, b) = (std::fs::canonicalize(a), std::fs::canonicalize(b));
        a.is_ok() && a.ok() == b.ok()
    };
    if same(from, &tree.outside(target)) {
        return Ok(Changed::No);
    }
    let program =
        std::fs::read(from).with_context(|| format!("read the program {}", from.display()))?;
    if !program.starts_with(b"\x7fELF") {
        bail!("{} is not a Linux program", from.display());
    }
    Ok(tree.write(target, &program, 0o755, Owner::ROOT)?)
}

/// The daemon's account, and the group of those who act over its socket. Each is made when it is not there: an
/// account may be older than the group.
async fn make_account(tree: &Tree) -> anyhow::Result<StepOutcome> {
    const SYSUSERS: &[&str] = &["/usr/bin/systemd-sysusers", "/bin/systemd-sysusers"];
    const USERADD: &[&str] = &["/usr/sbin/useradd", "/sbin/useradd"];
    const GROUPADD: &[&str] = &["/usr/sbin/groupadd", "/sbin/groupadd"];
    let has_account = facts::account(tree)?.is_some();
    if has_account && facts::is_listed(tree, "/etc/group", OPERATORS)? {
        return Ok(said("unchanged"));
    }
    if !tree.gives_away() {
        return Ok(said("left to the first boot (systemd-sysusers)"));
    }
    if tree.look(Path::new("/etc"))?.is_none() {
        // The tools take their lock in there.
        tree.directory(Path::new("/etc"), 0o755, Owner::ROOT)?;
    }
    let root = tree.outside(Path::new("/")).display().to_string();
    let definition = format!("u {ACCOUNT} - \"linux-api daemon\" {DATA_FOLDER}");
    let operators = format!("g {OPERATORS} -");
    let by_systemd = Call {
        programs: SYSUSERS,
        arguments: &["--root", &root, "--inline", &definition, &operators],
        ..Call::default()
    };
    let by_hand = Call {
        programs: USERADD,
        arguments: &[
            "--root",
            &root,
            "--system",
            "--user-group",
            "--no-create-home",
            "--home-dir",
            DATA_FOLDER,
            "--shell",
            "/usr/sbin/nologin",
            ACCOUNT,
        ],
        ..Call::default()
    };
    let group_by_hand = Call {
        programs: GROUPADD,
        arguments: &["--root", &root, "--system", "--force", OPERATORS],
        ..Call::default()
    };
    let is_there = |paths: &[&str]| paths.iter().any(|path| Path::new(path).exists());
    if is_there(SYSUSERS) {
        by_systemd.run().await?;
    } else if tree.is_live() || is_there(USERADD) {
        if !has_account {
            by_hand.run().await?;
        }
        group_by_hand.run().await?;
    } else {
        return Ok(said("left to the first boot (systemd-sysusers)"));
    }
    if facts::account(tree)?.is_none() {
        bail!("the account {ACCOUNT} is still not in /etc/passwd");
    }
    if !facts::is_listed(tree, "/etc/group", OPERATORS)? {
        bail!("the group {OPERATORS} is still not in /etc/group");
    }
    Ok(said("done"))
}

async fn check_database(tree: &Tree, url: Option<&SecretString>) -> anyhow::Result<StepOutcome> {
    if !tree.is_live() {
        return Ok(said("left to the first start"));
    }
    if let Some(url) = url {
        return database::check(url).await;
    }
    let content = tree.read(Path::new(URL_FILE), 4096)?.unwrap_or_default();
    database::check(&String::from_utf8_lossy(&content).trim().into()).await
}

async fn enable(tree: &Tree, units: &Path) -> anyhow::Result<StepOutcome> {
    if tree.is_live() {
        service::enable().await?;
        return Ok(said("done"));
    }
    let links = links().map(|(link, unit)| tree.link(Path::new(&link), &units.join(unit)));
    let mut any = Changed::No;
    for link in links {
        if link? == Changed::Yes {
            any = Changed::Yes;
        }
    }
    Ok(changed(any))
}

/// Its socket alone: what acts is started by it.
async fn enable_acts(tree: &Tree, units: &Path) -> anyhow::Result<StepOutcome> {
    if tree.is_live() {
        service::enable_acts().await?;
        return Ok(said("done"));
    }
    let link = acts_link();
    Ok(changed(
        tree.link(Path::new(&link), &units.join(EXECUTOR_SOCKET))?,
    ))
}

/// What `systemctl enable` makes of the `[Install]` of the executor's socket.
pub(super) fn acts_link() -> String {
    format!("{UNITS}/sockets.target.wants/{EXECUTOR_SOCKET}")
}

/// What `systemctl enable` makes of the units' `[Install]`.
pub(super) fn links() -> [(String, &'static str); 2] {
    [
        (format!("{UNITS}/sockets.target.wants/{SOCKET}"), SOCKET),
        (
            format!("{UNITS}/multi-user.target.wants/{SERVICE}"),
            SERVICE,
        ),
    ]
}

async fn start(tree: &Tree, outdated: bool) -> anyhow::Result<StepOutcome> {
    let service = format!("{UNITS}/{SERVICE}");
    let files = [
        PROGRAM,
        super::plan::PACKAGED_PROGRAM,
        CONFIG,
        URL_FILE,
        CERTIFICATE,
        TLS_KEY,
        JOURNAL_DROP_IN,
        &service,
    ];
    let started = service::start(tree, &files.map(Path::new), outdated).await?;
    Ok(said(match started {
        StartOutcome::Started => "started",
        StartOutcome::Restarted => "restarted",
        StartOutcome::AlreadyRunning => "runs already",
    }))
}

async fn wait_until_ready(address: &str) -> anyhow::Result<StepOutcome> {
    let client = Client::for_probes(address.parse().with_context(|| address.to_owned())?)?;
    let give_up = tokio::time::Instant::now() + READY_PATIENCE;
    loop {
        let why = match client.readiness().await {
            Ok(readiness) if readiness.status == "ready" => return Ok(said("ready")),
            Ok(readiness) => {
                let checks = readiness.checks;
                [checks.database, checks.migrations, checks.flusher]
                    .into_iter()
                    .filter(|check| !check.ok)
                    .map(|check| check.detail)
                    .collect::<Vec<_>>()
                    .join(", ")
            }
            Err(error) => error.to_string(),
        };
        if tokio::time::Instant::now() > give_up {
            bail!("the daemon is not ready: {why}; `journalctl -u {SERVICE}` says more");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Takes the key as the daemon left it. The directory is the daemon's own, so what lies there is
/// looked at with care: a link or a text that is no key is not shown.
fn take_key(tree: &Tree) -> anyhow::Result<Option<PlainKey>> {
    let Some(content) = tree.read(Path::new(KEY_FILE), KEY_LEN as u64 + 1)? else {
        return Ok(None);
    };
    let key = std::str::from_utf8(&content)
        .ok()
        .and_then(|text| PlainKey::parse(text.trim()));
    let refused = || io::Error::other(format!("{KEY_FILE} holds no key; look at it"));
    Ok(Some(key.ok_or_else(refused)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_key_is_shown_as_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let tree = Tree::open(folder.path()).unwrap();
        assert!(take_key(&tree).unwrap().is_none());
        let path = folder.path().join("var/lib/linux-api/first-admin-key");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "root:$y$j9T$hash:19000::::::\n").unwrap();
        assert!(take_key(&tree).is_err());
        let key = PlainKey::generate().unwrap();
        std::fs::write(&path, format!("{}\n", key.expose())).unwrap();
        assert_eq!(take_key(&tree).unwrap().unwrap().expose(), key.expose());
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/shadow", &path).unwrap();
        let refused = take_key(&tree).unwrap_err().to_string();
        assert!(refused.contains("is a symbolic link"), "{refused}");
    }
}
