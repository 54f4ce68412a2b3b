//! What is done with a command of a guide.

use crate::guides::listed::{self, UnrunCommand};

/// How a command is tried.
pub(crate) enum Way {
    /// Goes before every later command of the page, in the same shell.
    Before,
    /// Runs to its end, and has to succeed.
    Run,
    /// Runs until it is interrupted; the test does that when it has printed this.
    Until(&'static str),
    /// Wants a terminal; ended when that has shown all of these.
    Terminal(Vec<String>),
    /// Ends the daemon of the page, as `systemctl stop` would.
    Stop,
    /// Starts it again.
    Start,
    /// Can't be run here.
    Listed(&'static UnrunCommand),
}

/// Decides it; a command that no rule covers is an error.
pub(crate) fn way(command: &str) -> Result<Way, String> {
    match command {
        "systemctl stop linux-api.socket linux-api.service" => return Ok(Way::Stop),
        "systemctl start linux-api" => return Ok(Way::Start),
        _ => {}
    }
    if let Some(entry) = listed::entry(command) {
        return Ok(Way::Listed(entry));
    }
    let bare = bare(command);
    // Root may run the tests: what the shell itself would write or start is not let through.
    if bare.contains(['>', '|', ';', '&', '(', '`']) {
        return Err("a command with redirections has to be listed".to_owned());
    }
    let mut words = bare.split_whitespace().skip_while(|word| {
        let name = word.split_once('=').map(|(name, _)| name);
        *word == "sudo"
            || name.is_some_and(|name| name.chars().all(|it| it.is_ascii_uppercase() || it == '_'))
    });
    match words.next() {
        Some("export" | "alias" | "read") => Ok(Way::Before),
        Some("curl" | "api") if bare.contains(" --no-buffer ") => {
            Ok(Way::Until("event: snapshot\ndata: "))
        }
        Some("curl" | "api") => Ok(Way::Run),
        Some("linux-api" | "./linux-api") => Ok(way_of_ours(&words.collect::<Vec<_>>())),
        _ => Err("it is neither run nor listed in tests/it/guides/listed.rs".to_owned()),
    }
}

fn way_of_ours(arguments: &[&str]) -> Way {
    match arguments {
        ["serve", "--ephemeral", ..] => Way::Until("listens on unix:"),
        ["serve", ..] => Way::Until("lapi_"),
        ["audit", .., "--follow", "--json"] => Way::Until("\"result\":\"refused\""),
        ["tui", rest @ ..] => Way::Terminal(shown(rest)),
        _ => Way::Run,
    }
}

/// What the dashboard shows when it was called like this.
fn shown(arguments: &[&str]) -> Vec<String> {
    let words: &[&str] = match arguments {
        ["--demo"] => &["web-01", "db-01"],
        ["-l", _] => &["web-03"],
        [] => &["CPU"],
        names => names,
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A command without its comment and without what it quotes.
fn bare(command: &str) -> String {
    let mut bare = String::new();
    let mut quote = None;
    for character in command.replace("\\\n", " ").chars() {
        match (quote, character) {
            (None, '#') if bare.ends_with(' ') => break,
            (None, '\'' | '"') => quote = Some(character),
            (None, _) => bare.push(character),
            (Some(open), _) if open == character => {
                quote = None;
                bare.push('_');
            }
            // In double quotes the shell still substitutes commands.
            (Some('"'), '`') => bare.push('`'),
            (Some('"'), '(') => bare.push('('),
            _ => {}
        }
    }
    bare
}

#[test]
fn what_nobody_has_thought_of_is_refused() {
    for command in [
        "rm -rf /var/lib/linux-api",
        "linux-api status > /etc/motd",
        "linux-api status; reboot",
        "curl \"$(reboot)\"",
        "sudo ls",
    ] {
        assert!(way(command).is_err(), "{command}");
    }
    for command in [
        "curl -H \"X-API-Key: $KEY\" \"http://127.0.0.1:8080/a?b=1&c=2\"",
        "sudo linux-api user add alice    # over > there",
        "LINUX_API_KEY=… linux-api user list",
    ] {
        assert!(matches!(way(command), Ok(Way::Run)), "{command}");
    }
}
