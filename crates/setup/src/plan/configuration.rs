//! The text of the configuration file.

use std::fmt::Write as _;

use toml::Value;

use super::{CERTIFICATE, TLS_KEY, URL_FILE};
use crate::answers::{Answers, Kind};

/// The configuration that packages bring: what the answers without any change lead to.
pub const PACKAGED: &str = include_str!("../../../../packaging/config.toml");

/// What the answers lead to.
pub(super) fn text(answers: &Answers) -> String {
    let mut text = PACKAGED
        .lines()
        .take_while(|line| line.starts_with('#'))
        .fold(String::new(), |text, line| text + line + "\n");
    let mut server = Vec::new();
    let defaults = Answers::default();
    if answers.listen != defaults.listen {
        server.push(("listen", Value::from(answers.listen.to_string())));
    }
    if !answers.trusted_proxies.is_empty() {
        server.push(("trusted_proxies", answers.trusted_proxies.clone().into()));
    }
    if answers.tls.is_some() {
        server.push(("tls_certificate", CERTIFICATE.into()));
        server.push(("tls_key", TLS_KEY.into()));
    }
    let database = match answers.database.kind() {
        Kind::Sqlite => ("url", "sqlite:///var/lib/linux-api/linux-api.db".into()),
        Kind::Url | Kind::Local | Kind::Install => ("url_file", URL_FILE.into()),
    };
    let backup = ("directory", "/var/lib/linux-api/backups".into());
    let sections = [
        ("server", server),
        ("database", vec![database]),
        ("backup", vec![backup]),
    ];
    for (name, options) in sections {
        if options.is_empty() {
            continue;
        }
        writeln!(text, "\n[{name}]").expect("a string takes any text");
        for (key, value) in options {
            writeln!(text, "{key} = {value}").expect("a string takes any text");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_any_answer_it_is_what_packages_bring() {
        assert_eq!(text(&Answers::default()), PACKAGED);
    }
}
