//! Prompts for the answers on a terminal.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;

use anyhow::Context as _;
use inquire::validator::{StringValidator, Validation};
use inquire::{Confirm, InquireError, Password, PasswordDisplayMode, Select};
use secrecy::ExposeSecret;

use super::answers::{Answers, Database, Existing, Kind, Preset, Tls};
use super::facts::{self, ConfigSummary, Facts};
use super::line;
use super::plan::{self, CONFIG, LocalDatabase, PACKAGED_CONFIG, URL_FILE, check_name, check_url};
use linux_api_acts::policy_text::WATCH;
use linux_api_config::{ConfigValue, DatabaseUrl, List, Network};

const LOOPBACK: &str = "This machine only (127.0.0.1)";
const PROXY: &str = "Other machines, through a proxy with TLS on this one";
const OWN_TLS: &str = "Other machines, with a certificate that I have";

/// Where a daemon with TLS of its own listens unless something else is said.
const OWN_TLS_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 8443));

const SQLITE: &str = "SQLite: a file on this host, no server to run";
const LOCAL: &str = "PostgreSQL on this host: create role and database";
const INSTALL: &str = "PostgreSQL on this host: install it from the system's packages first";
const URL: &str = "PostgreSQL elsewhere: I have its URL";

const ONLY_WATCH: &str = "Nothing: it is only looked at";
const SERVICES: &str =
    "Services: restart and reload units that I name, end processes of people's accounts";
const EVERYTHING: &str = "Everything: all units and processes, but what protects the host";

const KEEP: &str = "Keep it and use its settings";
const REPLACE: &str = "Save a copy and write a new one";
const UPGRADE: &str = "Upgrade: install this program, keep the configuration";
const CHANGE: &str = "Change: configure it again; a copy of the configuration is saved";
const REMOVE: &str = "Remove: stop the daemon and remove the program; configuration and data stay";
const LOGS: &str = "Yes: those whose key has the scope logs:read";
const NO_LOGS: &str = "No";
const STOP: &str = "Stop here";
const KEEP_URL: &str = "Use that one";
const REPLACE_URL: &str = "Use the one that I named, and forget that one";

/// The user broke a prompt off.
#[derive(Debug, thiserror::Error)]
#[error("stopped; nothing was changed")]
pub struct PromptAbort;

/// The result of a prompt. One that was broken off is no failure of the program.
///
/// # Errors
/// [`PromptAbort`] when the user broke it off, else why there was no prompt.
pub fn result<T>(answer: Result<T, InquireError>) -> anyhow::Result<T> {
    match answer {
        Err(InquireError::OperationInterrupted | InquireError::OperationCanceled) => {
            Err(PromptAbort.into())
        }
        other => other.context("read from the prompt"),
    }
}

/// What is to be done.
#[derive(Debug)]
pub enum Wish {
    /// Install, or change what is installed.
    Install(Box<Answers>),
    /// Remove what is installed.
    Remove,
}

/// What is to be done with a configuration that is there.
enum Next {
    With(Existing),
    Remove,
}

/// Prompts for one answer after another.
///
/// # Errors
/// When there is no terminal, or the person gives up.
pub fn wish(facts: &Facts) -> anyhow::Result<Wish> {
    let mut answers = Answers::default();
    let found = facts.config.as_ref();
    if let Some(found) = found.filter(|found| found.text != PACKAGED_CONFIG) {
        let says = found.says.as_ref().ok();
        match prompt_existing(facts.service_runs, says)? {
            Next::Remove => return Ok(Wish::Remove),
            Next::With(existing) => answers.configuration = existing,
        }
        if answers.configuration == Existing::Keep {
            return Ok(Wish::Install(Box::new(answers)));
        }
    }
    prompt_reach(&mut answers, facts)?;
    prompt_database(&mut answers, facts)?;
    if let Some(kept) = &facts.database_url {
        prompt_url(&mut answers, kept.expose_secret())?;
    }
    prompt_acts(&mut answers, facts)?;
    Ok(Wish::Install(Box::new(answers)))
}

/// What may be done on the host, unless an administrator has decided it.
fn prompt_acts(answers: &mut Answers, facts: &Facts) -> anyhow::Result<()> {
    if facts.policy.as_ref().is_some_and(|found| found != WATCH) {
        return Ok(());
    }
    let question = "What may be done on this host through the daemon?";
    answers.acts.preset = match select(question, &[ONLY_WATCH, SERVICES, EVERYTHING])? {
        SERVICES => Preset::Services,
        EVERYTHING => Preset::Everything,
        _ => Preset::Watch,
    };
    if answers.acts.preset == Preset::Services {
        let units = line::prompt(
            "Units, such as nginx.service app-*:",
            None,
            plan::check_units,
        )?;
        answers.acts.units = units.split_whitespace().map(str::to_owned).collect();
    }
    if answers.acts.preset != Preset::Watch && facts.has_journal_group {
        let question = "May operators read the logs of this host through it, too?";
        answers.acts.logs = select(question, &[LOGS, NO_LOGS])? == LOGS;
    }
    Ok(())
}

/// Another database's URL is there: it may be all that knows a password.
fn prompt_url(answers: &mut Answers, kept: &str) -> anyhow::Result<()> {
    let wish = &answers.database;
    let differs = match wish.kind() {
        Kind::Sqlite => false,
        Kind::Url => wish
            .url
            .as_ref()
            .is_some_and(|url| url.expose_secret() != kept),
        Kind::Local | Kind::Install => LocalDatabase::from(wish).password_in(kept).is_none(),
    };
    if !differs {
        return Ok(());
    }
    let about = DatabaseUrl::from_text(kept)
        .map_or_else(|_| "not a usable URL".to_owned(), |url| url.to_string());
    let question = format!("{URL_FILE} names another database already, {about}. Which one to use?");
    match select(&question, &[KEEP_URL, REPLACE_URL, STOP])? {
        KEEP_URL => {
            answers.database = Database {
                kind: Some(Kind::Url),
                ..Database::default()
            };
        }
        REPLACE_URL => answers.configuration = Existing::Replace,
        _ => return Err(PromptAbort.into()),
    }
    Ok(())
}

/// Prompts whether to continue.
///
/// # Errors
/// When there is no terminal, or the person gives up.
pub fn confirm(question: &str) -> anyhow::Result<bool> {
    result(Confirm::new(question).with_default(true).prompt())
}

fn select(question: &str, choices: &[&'static str]) -> anyhow::Result<&'static str> {
    result(Select::new(question, choices.to_vec()).prompt())
}

fn prompt_existing(is_installed: bool, says: Option<&ConfigSummary>) -> anyhow::Result<Next> {
    let about = says.map_or_else(
        || "which is not valid".to_owned(),
        |says| format!("listening on {}, database {}", says.listen, says.database),
    );
    if is_installed {
        let question = format!("linux-api is installed and runs, {about}. What next?");
        return Ok(match select(&question, &[UPGRADE, CHANGE, REMOVE, STOP])? {
            UPGRADE => Next::With(Existing::Keep),
            CHANGE => Next::With(Existing::Replace),
            REMOVE => Next::Remove,
            _ => return Err(PromptAbort.into()),
        });
    }
    let question =
        format!("There is a configuration already, {CONFIG}: {about}. What to do with it?");
    Ok(match select(&question, &[KEEP, REPLACE, STOP])? {
        KEEP => Next::With(Existing::Keep),
        REPLACE => Next::With(Existing::Replace),
        _ => return Err(PromptAbort.into()),
    })
}

fn prompt_reach(answers: &mut Answers, facts: &Facts) -> anyhow::Result<()> {
    // Reported before the first question: a person may rather end that program than choose another port.
    let usual = offered(answers.listen, facts)?;
    let reach = select("Who may reach the daemon?", &[LOOPBACK, PROXY, OWN_TLS])?;
    match reach {
        OWN_TLS => {
            answers.tls = Some(prompt_tls()?);
            let usual = offered(OWN_TLS_LISTEN, facts)?;
            answers.listen = prompt_listen(usual, answers, facts)?;
        }
        PROXY => {
            let is_list = |text: &str| List::<Network>::from_text(text).map(drop);
            let networks = line::prompt("Networks of the proxy:", Some("127.0.0.1/32"), is_list)?;
            let parts = networks.split(',').map(|part| part.trim().to_owned());
            answers.trusted_proxies = parts.collect();
            answers.listen = prompt_listen(usual, answers, facts)?;
        }
        _ => answers.listen = prompt_listen(usual, answers, facts)?,
    }
    Ok(())
}

/// Certificate and key that belong together; prompts again until they do.
fn prompt_tls() -> anyhow::Result<Tls> {
    let mut before: Option<Tls> = None;
    loop {
        let file = |question: &str, path: Option<&PathBuf>| {
            let path = path.map(|path| path.display().to_string());
            line::prompt(question, path.as_deref(), is_file).map(PathBuf::from)
        };
        let tls = Tls {
            certificate: file(
                "Certificate chain (PEM):",
                before.as_ref().map(|tls| &tls.certificate),
            )?,
            key: file(
                "File with its key (PEM):",
                before.as_ref().map(|tls| &tls.key),
            )?,
        };
        match facts::read_tls(&tls) {
            Ok(_) => return Ok(tls),
            Err(why) => line::say(&format!("the certificate can't be used: {why}"))?,
        }
        before = Some(tls);
    }
}

/// What to offer in place of `usual`, with the reason when it is something else.
fn offered(usual: SocketAddr, facts: &Facts) -> anyhow::Result<SocketAddr> {
    let free = facts.free_near(usual);
    if free != usual {
        line::say(&format!(
            "another program listens on {usual} (`ss -ltnp` names it): {free} is offered instead"
        ))?;
    }
    Ok(free)
}

fn prompt_listen(
    usual: SocketAddr,
    answers: &Answers,
    facts: &Facts,
) -> anyhow::Result<SocketAddr> {
    let question = "Address and port to listen on:";
    let text = line::prompt(question, Some(&usual.to_string()), |text| {
        let listen = text
            .parse()
            .map_err(|_| "an address with a port, such as 127.0.0.1:8080".to_owned())?;
        let answers = Answers {
            listen,
            ..answers.clone()
        };
        let refused = facts.refuses(listen);
        let obstacles = plan::obstacles_of_address(&answers, facts, refused.as_ref());
        if obstacles.is_empty() {
            return Ok(());
        }
        Err(obstacles.join("\n  "))
    })?;
    text.parse().context("read the address")
}

/// The kinds that can be had on this system.
fn kinds(facts: &Facts) -> Vec<&'static str> {
    let mut kinds = vec![SQLITE];
    if facts.has_local_server {
        kinds.push(LOCAL);
    }
    // No server runs in a directory.
    if facts.is_live && facts.package_manager.is_some() {
        kinds.push(INSTALL);
    }
    kinds.push(URL);
    kinds
}

fn prompt_database(answers: &mut Answers, facts: &Facts) -> anyhow::Result<()> {
    let kind = select(
        "Where are users, keys and measurements kept?",
        &kinds(facts),
    )?;
    let database = &mut answers.database;
    let kind = match kind {
        LOCAL => Kind::Local,
        INSTALL => Kind::Install,
        URL => Kind::Url,
        _ => Kind::Sqlite,
    };
    database.kind = Some(kind);
    match kind {
        Kind::Sqlite => {}
        Kind::Url => {
            let url = Password::new("URL, postgres://USER:PASSWORD@HOST/DATABASE:")
                .without_confirmation()
                .with_display_mode(PasswordDisplayMode::Masked)
                .with_validator(checked(check_url))
                .prompt();
            database.url = Some(result(url)?.trim().into());
        }
        Kind::Local | Kind::Install => {
            database.role = line::prompt("Role to create:", Some(&database.role), check_name)?;
            database.name = line::prompt("Database to create:", Some(&database.name), check_name)?;
        }
    }
    Ok(())
}

fn is_file(text: &str) -> Result<(), String> {
    let found = std::path::Path::new(text).is_file();
    found.then_some(()).ok_or_else(|| "no such file".to_owned())
}

fn checked(
    check: impl Fn(&str) -> Result<(), String> + Clone + 'static,
) -> impl StringValidator + Clone {
    move |text: &str| {
        Ok(match check(text.trim()) {
            Ok(()) => Validation::Valid,
            Err(why) => Validation::Invalid(why.into()),
        })
    }
}
