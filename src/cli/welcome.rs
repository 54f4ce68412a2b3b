//! `linux-api` without a command: what to do next, as things stand here.

use std::fmt::Write as _;

use clap::CommandFactory;

use super::{Cli, Context, status};
use linux_api_client::{Address, Client};
use linux_api_config::LoadedConfig;

/// How things stand for this user on this host.
#[derive(Debug, Default)]
struct Situation {
    /// What is wrong with the configuration.
    problems: usize,
    /// This account may not read the configuration, which may well be right.
    is_denied: bool,
    /// The daemon of this host responds.
    is_running: bool,
    /// There is a database, so a daemon ran before or is set up.
    has_database: bool,
    /// How many daemons this user watches.
    remotes: usize,
}

/// A command and what it is good for.
type Step = (&'static str, &'static str);

/// What to do next.
pub(super) async fn text(ctx: &Context) -> String {
    let remotes = ctx.remotes().map_or(0, |remotes| remotes.remotes.len());
    let situation = match ctx.load(Vec::new()) {
        Err(error) => Situation {
            problems: error.problems().len(),
            is_denied: error.is_denied(),
            remotes,
            ..Situation::default()
        },
        Ok(loaded) => Situation {
            problems: 0,
            is_denied: false,
            is_running: is_running(&loaded).await,
            has_database: has_database(&loaded),
            remotes,
        },
    };
    say(&situation)
}

async fn is_running(loaded: &LoadedConfig) -> bool {
    let server = &loaded.config.server;
    let has_tls = server.tls_certificate.is_some();
    let scheme = if has_tls { "https" } else { "http" };
    let url = format!("{scheme}://{}", status::reachable(server.listen));
    let client = url.parse::<Address>().ok();
    match client.and_then(|address| Client::for_probes(address).ok()) {
        Some(client) => client.liveness().await.is_ok(),
        None => false,
    }
}

/// A file that exists, or a server that is configured.
fn has_database(loaded: &LoadedConfig) -> bool {
    match linux_api_daemon::run::database::options(&loaded.config.database).sqlite_path() {
        Ok(Some(path)) => path.exists(),
        Ok(None) => true,
        Err(_) => false,
    }
}

fn say(situation: &Situation) -> String {
    let remotes = situation.remotes;
    let (state, steps): (String, &[Step]) = if situation.is_denied {
        (
            "The configuration is not for this account.".to_owned(),
            &[
                ("sudo linux-api status", "is it up and ready?"),
                (
                    "sudo usermod -aG linux-api NAME",
                    "let an account read, from its next login on",
                ),
                ("linux-api tui", "look at what this account may read"),
                (
                    "linux-api remote add NAME URL",
                    "monitor a host you have a key for",
                ),
            ],
        )
    } else if situation.problems > 0 {
        (
            "The configuration can't be used.".to_owned(),
            &[
                ("linux-api config check", "lists what is wrong with it"),
                ("linux-api doctor", "checks everything else too"),
            ],
        )
    } else if situation.is_running {
        (
            "The daemon of this host is running.".to_owned(),
            &[
                ("linux-api tui", "monitor it in the terminal"),
                ("linux-api status", "is it ready?"),
                ("linux-api user add NAME", "add a user of the API"),
                ("linux-api doctor", "is everything as it should be?"),
            ],
        )
    } else if situation.has_database {
        (
            "The daemon of this host is not running.".to_owned(),
            &[
                (
                    "linux-api serve",
                    "start it (or: systemctl start linux-api)",
                ),
                ("linux-api doctor", "find out why it does not run"),
                ("linux-api tui", "monitor other hosts in the terminal"),
            ],
        )
    } else if remotes > 0 {
        (
            format!(
                "You monitor {remotes} other host{}.",
                if remotes == 1 { "" } else { "s" }
            ),
            &[
                ("linux-api tui", "monitor them in the terminal"),
                ("linux-api remote test", "do they respond?"),
                ("linux-api serve", "let this host be monitored too"),
            ],
        )
    } else {
        (
            "Nothing is set up here yet.".to_owned(),
            &[
                ("linux-api tui", "look at this host, for this session"),
                (
                    "linux-api tui ssh://HOST",
                    "look at another one; nothing has to be installed there",
                ),
                (
                    "linux-api serve",
                    "a daemon with history and an API, no configuration needed",
                ),
                ("linux-api setup", "install it for good, as a service"),
            ],
        )
    };
    let known = Cli::command();
    let steps: Vec<&Step> = steps
        .iter()
        .filter(|(line, _)| {
            let mut words = line.split(' ').skip_while(|word| *word == "sudo");
            let is_own = words.next() == Some("linux-api");
            let name = words.next().unwrap_or_default();
            !is_own || known.find_subcommand(name).is_some()
        })
        .collect();
    let width = steps.iter().map(|(line, _)| line.len()).max().unwrap_or(0);
    let mut text = format!("linux-api monitors Linux hosts. {state} What next?\n\n");
    for (line, what) in steps {
        // Writing to a text never fails.
        let _ = writeln!(text, "  {line:width$}   {what}");
    }
    text.push_str("\nAll commands: linux-api --help\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(situation: &Situation) -> String {
        let text = say(situation);
        assert!(text.lines().count() <= 9, "{text}");
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
        text
    }

    #[test]
    fn what_next_fits_how_things_stand() {
        let fresh = Situation::default();
        for step in ["linux-api tui ", "tui ssh://", "linux-api serve"] {
            assert!(said(&fresh).contains(step), "{step}");
        }
        let broken = Situation {
            problems: 2,
            has_database: true,
            ..Situation::default()
        };
        assert!(said(&broken).contains("config check"));
        let closed = Situation {
            problems: 1,
            is_denied: true,
            ..Situation::default()
        };
        let text = said(&closed);
        assert!(text.contains("usermod -aG linux-api"), "{text}");
        assert!(!text.contains("can't be used"), "{text}");
        let running = Situation {
            is_running: true,
            has_database: true,
            ..Situation::default()
        };
        let text = said(&running);
        assert!(
            text.contains("linux-api tui ") && !text.contains("serve"),
            "{text}"
        );
        let stopped = Situation {
            has_database: true,
            ..Situation::default()
        };
        assert!(said(&stopped).contains("systemctl start"));
        let watching = Situation {
            remotes: 1,
            ..Situation::default()
        };
        assert!(said(&watching).contains("You monitor 1 other host."));
    }
}
