//! Asks for the answers on a terminal.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use inquire::validator::{StringValidator, Validation};
use inquire::{Confirm, Password, PasswordDisplayMode, Select, Text};

use super::answers::{Answers, Existing, Kind, Tls};
use super::facts::{FoundConfig, Says};
use super::plan::{CONFIG, PACKAGED_CONFIG};
use crate::config::{ConfigValue, DatabaseUrl, List, Network};

const LOOPBACK: &str = "This machine only (127.0.0.1)";
const PROXY: &str = "Other machines, through a proxy with TLS on this one";
const OWN_TLS: &str = "Other machines, with a certificate that I have";

const SQLITE: &str = "SQLite: a file on this host, nothing to look after";
const LOCAL: &str = "PostgreSQL on this host: make role and database";
const INSTALL: &str = "PostgreSQL on this host: install it from the system's packages first";
const URL: &str = "PostgreSQL elsewhere: I have its URL";

const KEEP: &str = "Keep it and go on with what it says";
const REPLACE: &str = "Save it beside and write a new one";
const STOP: &str = "Stop here";

/// Asks one question after another.
///
/// # Errors
/// When there is no terminal, or the person gives up.
pub fn ask(found: Option<&FoundConfig>) -> anyhow::Result<Answers> {
    let mut answers = Answers::default();
    if let Some(found) = found.filter(|found| found.text != PACKAGED_CONFIG) {
        answers.configuration = ask_existing(found.says.as_ref().ok())?;
        if answers.configuration != Existing::Replace {
            return Ok(answers);
        }
    }
    ask_reach(&mut answers)?;
    ask_database(&mut answers)?;
    Ok(answers)
}

/// Asks whether to go on.
///
/// # Errors
/// When there is no terminal, or the person gives up.
pub fn confirm(question: &str) -> anyhow::Result<bool> {
    Confirm::new(question)
        .with_default(true)
        .prompt()
        .context("ask")
}

fn select(question: &str, choices: &[&'static str]) -> anyhow::Result<&'static str> {
    Select::new(question, choices.to_vec())
        .prompt()
        .context("ask")
}

fn ask_existing(says: Option<&Says>) -> anyhow::Result<Existing> {
    let about = says.map_or_else(
        || "which can't be used as it is".to_owned(),
        |says| format!("listening on {}, database {}", says.listen, says.database),
    );
    let question = format!("There is a configuration already, {CONFIG}: {about}. What with it?");
    Ok(match select(&question, &[KEEP, REPLACE, STOP])? {
        KEEP => Existing::Keep,
        REPLACE => Existing::Replace,
        _ => Existing::Stop,
    })
}

fn ask_reach(answers: &mut Answers) -> anyhow::Result<()> {
    let reach = select("Who may reach the daemon?", &[LOOPBACK, PROXY, OWN_TLS])?;
    match reach {
        OWN_TLS => {
            let file = |question: &str| -> anyhow::Result<PathBuf> {
                let path = Text::new(question)
                    .with_validator(checked(is_file))
                    .prompt();
                Ok(PathBuf::from(path.context("ask")?))
            };
            answers.tls = Some(Tls {
                certificate: file("File with the certificate and those that vouch for it (PEM):")?,
                key: file("File with its key (PEM):")?,
            });
            answers.listen = ask_listen("0.0.0.0:8443")?;
        }
        PROXY => {
            let networks = Text::new("Networks of the proxy:")
                .with_default("127.0.0.1/32")
                .with_validator(checked(|text| List::<Network>::from_text(text).map(drop)))
                .prompt()
                .context("ask")?;
            let parts = networks.split(',').map(|part| part.trim().to_owned());
            answers.trusted_proxies = parts.collect();
            answers.listen = ask_listen("127.0.0.1:8080")?;
        }
        _ => answers.listen = ask_listen("127.0.0.1:8080")?,
    }
    Ok(())
}

fn ask_listen(default: &str) -> anyhow::Result<SocketAddr> {
    let text = Text::new("Address and port to listen on:")
        .with_default(default)
        .with_validator(checked(|text| {
            text.parse::<SocketAddr>()
                .map(drop)
                .map_err(|_| "an address with a port, such as 127.0.0.1:8080".to_owned())
        }))
        .prompt()
        .context("ask")?;
    text.parse().context("read the address")
}

fn ask_database(answers: &mut Answers) -> anyhow::Result<()> {
    let kind = select(
        "Where are users, keys and measurements kept?",
        &[SQLITE, LOCAL, INSTALL, URL],
    )?;
    let database = &mut answers.database;
    database.kind = match kind {
        LOCAL => Kind::Local,
        INSTALL => Kind::Install,
        URL => Kind::Url,
        _ => Kind::Sqlite,
    };
    match database.kind {
        Kind::Sqlite => {}
        Kind::Url => {
            let url = Password::new("URL, postgres://USER:PASSWORD@HOST/DATABASE:")
                .without_confirmation()
                .with_display_mode(PasswordDisplayMode::Masked)
                .with_validator(checked(|text| DatabaseUrl::from_text(text).map(drop)))
                .prompt()
                .context("ask")?;
            database.url = Some(url.trim().into());
        }
        Kind::Local | Kind::Install => {
            let ask = |question: &str, default: &str| {
                let text = Text::new(question).with_default(default).prompt();
                text.context("ask")
            };
            database.role = ask("Role to make:", &database.role)?;
            database.name = ask("Database to make:", &database.name)?;
        }
    }
    Ok(())
}

fn is_file(text: &str) -> Result<(), String> {
    let found = std::path::Path::new(text).is_file();
    found
        .then_some(())
        .ok_or_else(|| "there is no such file".to_owned())
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
