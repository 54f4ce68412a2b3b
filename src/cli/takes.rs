//! Which of the global options each command takes. A command refuses the others, and its help leaves
//! them out: an option that is silently ignored would let people believe that it did something.

use clap::{ArgMatches, Command};

use super::globals::{Format, GlobalOptions};

/// Daemons that a command can work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hosts {
    /// None: it is about this machine.
    None,
    /// One, `--remote`.
    One,
    /// One or many: `--remote` several times, `--label`, `--all`.
    Many,
}

/// What a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    /// Text for people only.
    Text,
    /// Text, or a JSON document.
    Document,
    /// Rows, in all formats.
    Rows,
}

/// The global options of one command, beside those that all have.
#[derive(Debug, Clone, Copy)]
struct Takes {
    hosts: Hosts,
    output: Output,
    yes: bool,
}

const fn takes(hosts: Hosts, output: Output) -> Takes {
    Takes {
        hosts,
        output,
        yes: false,
    }
}

/// With `--yes`.
const fn confirmed(hosts: Hosts, output: Output) -> Takes {
    Takes {
        hosts,
        output,
        yes: true,
    }
}

/// By the command's words; what holds for a group holds for the commands in it that are not named.
const RULES: &[(&str, Takes)] = &[
    ("serve", takes(Hosts::None, Output::Text)),
    ("status", takes(Hosts::Many, Output::Rows)),
    ("reload", takes(Hosts::None, Output::Text)),
    ("stop", takes(Hosts::None, Output::Text)),
    ("setup", confirmed(Hosts::None, Output::Text)),
    ("tui", takes(Hosts::Many, Output::Text)),
    ("top", takes(Hosts::Many, Output::Document)),
    ("host show", takes(Hosts::Many, Output::Document)),
    ("process list", takes(Hosts::Many, Output::Rows)),
    ("process top", takes(Hosts::Many, Output::Rows)),
    ("process show", takes(Hosts::Many, Output::Document)),
    ("process signal", confirmed(Hosts::Many, Output::Rows)),
    ("process renice", confirmed(Hosts::Many, Output::Rows)),
    ("unit list", takes(Hosts::Many, Output::Rows)),
    ("unit show", takes(Hosts::Many, Output::Document)),
    ("unit", confirmed(Hosts::Many, Output::Rows)),
    ("alert list", takes(Hosts::Many, Output::Rows)),
    ("alert history", takes(Hosts::Many, Output::Rows)),
    ("alert ack", takes(Hosts::One, Output::Rows)),
    ("alert release", takes(Hosts::One, Output::Rows)),
    ("alert silence list", takes(Hosts::Many, Output::Rows)),
    ("alert silence", takes(Hosts::One, Output::Document)),
    ("alert rule list", takes(Hosts::Many, Output::Rows)),
    ("alert rule show", takes(Hosts::One, Output::Document)),
    ("alert rule set", takes(Hosts::One, Output::Rows)),
    ("alert rule delete", confirmed(Hosts::One, Output::Document)),
    ("alert channel", takes(Hosts::Many, Output::Rows)),
    ("alert test", takes(Hosts::One, Output::Document)),
    ("alert preview", takes(Hosts::Many, Output::Document)),
    ("logs", takes(Hosts::Many, Output::Rows)),
    ("network list", takes(Hosts::Many, Output::Rows)),
    ("history", takes(Hosts::Many, Output::Rows)),
    ("series list", takes(Hosts::Many, Output::Rows)),
    ("fleet list", takes(Hosts::Many, Output::Rows)),
    ("fleet show", takes(Hosts::Many, Output::Document)),
    ("fleet forget", confirmed(Hosts::One, Output::Document)),
    ("api", takes(Hosts::One, Output::Document)),
    ("remote add", takes(Hosts::None, Output::Text)),
    ("remote import", takes(Hosts::None, Output::Text)),
    ("remote clean", takes(Hosts::None, Output::Rows)),
    ("proxy", takes(Hosts::None, Output::Text)),
    ("remote list", takes(Hosts::None, Output::Rows)),
    ("remote test", takes(Hosts::None, Output::Rows)),
    ("remote", takes(Hosts::None, Output::Text)),
    ("user list", takes(Hosts::Many, Output::Rows)),
    ("user delete", confirmed(Hosts::Many, Output::Document)),
    ("user key list", takes(Hosts::Many, Output::Rows)),
    ("user key create", takes(Hosts::Many, Output::Document)),
    ("user key rotate", takes(Hosts::One, Output::Document)),
    ("user key revoke", confirmed(Hosts::One, Output::Document)),
    ("user", takes(Hosts::Many, Output::Document)),
    ("audit list", takes(Hosts::Many, Output::Rows)),
    ("audit verify", takes(Hosts::None, Output::Document)),
    ("policy show", takes(Hosts::None, Output::Document)),
    ("policy test", takes(Hosts::None, Output::Document)),
    ("policy preset", confirmed(Hosts::None, Output::Text)),
    ("policy", takes(Hosts::None, Output::Text)),
    ("executor", takes(Hosts::None, Output::Text)),
    ("db status", takes(Hosts::None, Output::Document)),
    ("db log", takes(Hosts::None, Output::Rows)),
    ("db backup", takes(Hosts::None, Output::Document)),
    ("db backups", takes(Hosts::None, Output::Rows)),
    ("db verify", takes(Hosts::None, Output::Document)),
    ("db import", takes(Hosts::None, Output::Document)),
    ("db rollback", confirmed(Hosts::None, Output::Text)),
    ("db restore", confirmed(Hosts::None, Output::Text)),
    ("db prune", confirmed(Hosts::None, Output::Text)),
    ("db", takes(Hosts::None, Output::Text)),
    ("config show", takes(Hosts::None, Output::Document)),
    ("config", takes(Hosts::None, Output::Text)),
    ("doctor", takes(Hosts::None, Output::Rows)),
    ("completion", takes(Hosts::None, Output::Text)),
    ("help", takes(Hosts::None, Output::Text)),
];

/// The rule for a command: its own, or that of the nearest group above it.
fn rule(path: &str) -> Option<Takes> {
    let mut path = path;
    loop {
        if let Some((_, takes)) = RULES.iter().find(|(known, _)| *known == path) {
            return Some(*takes);
        }
        path = path.rsplit_once(' ')?.0;
    }
}

impl Takes {
    /// Whether the command takes the global option with this id.
    fn has(self, path: &str, id: &str) -> bool {
        match id {
            "remotes" => self.hosts != Hosts::None,
            // The labels that the remote is to have.
            "labels" => self.hosts == Hosts::Many || makes_remotes(path),
            // `db verify` has one of its own.
            "all" => self.hosts == Hosts::Many || path == "db verify",
            // The dashboard has deadlines of its own, for as long as it runs.
            "timeout" => (self.hosts != Hosts::None && path != "tui") || path == "remote test",
            "push" => self.hosts != Hosts::None || makes_remotes(path) || path == "remote test",
            "output" | "json" => self.output != Output::Text,
            "yes" => self.yes,
            _ => true,
        }
    }
}

/// Whether the command saves remotes, with the labels that are given.
fn makes_remotes(path: &str) -> bool {
    matches!(path, "remote add" | "remote import")
}

/// What an option means for a command, where that is not what it means for most.
fn own_help(path: &str, id: &str) -> Option<&'static str> {
    match (id, path) {
        ("labels", "remote add") => Some("A label to choose it by; repeatable"),
        ("labels", "remote import") => Some("A label for all of them; repeatable"),
        ("labels", "fleet list") => Some("Only hosts of the database with this label; repeatable"),
        ("yes", "setup") => {
            Some("Accept every default, or the answers of --answers, without questions")
        }
        ("output", _) if rule(path)?.output == Output::Document => {
            Some("Print as table, wide, json or jsonl")
        }
        ("remotes", _) if rule(path)?.hosts == Hosts::One => Some(if opens_the_database(path) {
            "Use the API of this daemon instead of the database"
        } else {
            "Use this daemon instead of the one here"
        }),
        ("remotes", _) if opens_the_database(path) => {
            Some("Use the API of this daemon instead of the database; repeatable")
        }
        _ => None,
    }
}

/// Whether the command works without a daemon when none is named.
fn opens_the_database(path: &str) -> bool {
    path.starts_with("user ") || path.starts_with("audit ")
}

/// Hides from the help of each command what it does not take.
pub(super) fn hide_others(command: Command) -> Command {
    let globals: Vec<clap::Arg> = command
        .get_arguments()
        .filter(|argument| argument.is_global_set())
        .cloned()
        .collect();
    hide_below(command, "", &globals)
}

fn hide_below(mut command: Command, above: &str, globals: &[clap::Arg]) -> Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|below| below.get_name().to_owned())
        .collect();
    for name in names {
        let path = format!("{above} {name}").trim_start().to_owned();
        command = command.mut_subcommand(&name, |below| {
            let below = hide_below(below, &path, globals);
            let mut below = below;
            for argument in globals {
                let id = argument.get_id();
                // One of the same id stands in for the global one.
                if below.get_arguments().any(|own| own.get_id() == id) {
                    continue;
                }
                if !is_taken(&below, &path, id.as_str()) {
                    below = below.arg(argument.clone().hide(true));
                } else if let Some(help) = own_help(&path, id.as_str()) {
                    below = below.arg(argument.clone().help(help));
                }
            }
            below
        });
    }
    command
}

/// Whether the command, or one in this group, takes it.
fn is_taken(command: &Command, path: &str, id: &str) -> bool {
    if !command.has_subcommands() {
        return rule(path).is_none_or(|takes| takes.has(path, id));
    }
    command
        .get_subcommands()
        .any(|below| is_taken(below, &format!("{path} {}", below.get_name()), id))
}

/// The words of the command that was parsed.
fn path(matches: &ArgMatches) -> String {
    let mut path = String::new();
    let mut matches = matches;
    while let Some((name, below)) = matches.subcommand() {
        path = format!("{path} {name}");
        matches = below;
    }
    path.trim_start().to_owned()
}

/// What is wrong with the global options that were given, for the command that was given.
pub(super) fn complaint(matches: &ArgMatches, options: &GlobalOptions) -> Option<String> {
    let path = path(matches);
    let takes = rule(&path)?;
    let given = [
        ("remotes", "--remote", !options.remotes.is_empty()),
        ("labels", "--label", !options.labels.is_empty()),
        ("all", "--all", options.all),
        ("output", "--output", options.output.is_some()),
        ("json", "--json", options.json),
        ("yes", "--yes", options.yes),
        ("timeout", "--timeout", options.timeout.is_some()),
        ("push", "--push", options.push),
    ];
    let refused = given
        .into_iter()
        .find(|(id, _, is_given)| *is_given && !takes.has(&path, id));
    if let Some((id, name, _)) = refused {
        let why = match (id, takes.hosts) {
            ("labels" | "all", Hosts::One) => "it works on one daemon, which --remote names",
            ("remotes" | "labels" | "all", _) => "it is about this machine",
            ("output" | "json", _) => "it prints text only",
            ("yes", _) => "it needs no confirmation",
            _ => "it polls no host",
        };
        return Some(format!("linux-api {path} takes no {name}: {why}"));
    }
    // The parser only sees these conflicts when both stand on the same side of the command.
    let conflicts = [
        (
            options.all && !options.remotes.is_empty(),
            "--all",
            "--remote",
        ),
        (
            options.json && options.output.is_some(),
            "--json",
            "--output",
        ),
    ];
    if let Some((_, one, other)) = conflicts.into_iter().find(|(is_so, ..)| *is_so) {
        return Some(format!("{one} can't be used with {other}"));
    }
    let has_hosts = !options.remotes.is_empty() || !options.labels.is_empty() || options.all;
    if options.timeout.is_some() && opens_the_database(&path) && !has_hosts {
        return Some(format!(
            "linux-api {path} takes --timeout only with --remote: it opens the database"
        ));
    }
    if takes.hosts == Hosts::One && options.remotes.len() > 1 {
        return Some(format!(
            "linux-api {path} works on one daemon at a time: use --remote once"
        ));
    }
    if takes.output == Output::Document && options.format() == Format::Name {
        return Some(format!(
            "linux-api {path} lists nothing that has a name: use --output table or json"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command;

    fn leaves(command: &Command, path: &str, found: &mut Vec<String>) {
        for below in command.get_subcommands() {
            let path = format!("{path} {}", below.get_name());
            let path = path.trim_start();
            if below.has_subcommands() {
                leaves(below, path, found);
            } else {
                found.push(path.to_owned());
            }
        }
    }

    #[test]
    fn every_command_says_which_global_options_it_takes_and_every_rule_is_one_of_a_command() {
        let command = command();
        let mut all = Vec::new();
        leaves(&command, "", &mut all);
        for path in &all {
            assert!(rule(path).is_some(), "{path} has no rule");
        }
        for (path, _) in RULES {
            let is_used = all
                .iter()
                .any(|one| one == path || one.starts_with(&format!("{path} ")));
            // A build may lack a command that is behind a feature.
            assert!(is_used || *path == "db import", "{path} is no command");
        }
    }

    #[test]
    fn no_command_has_an_argument_that_would_be_taken_for_a_global_one() {
        fn clashes(command: &Command, path: &str, globals: &[&str], found: &mut Vec<String>) {
            for below in command.get_subcommands() {
                let path = format!("{path} {}", below.get_name());
                let own = below.get_arguments().filter(|it| !it.is_global_set());
                let own = own.map(|it| it.get_id().as_str());
                found.extend(
                    own.filter(|id| globals.contains(id))
                        .map(|id| format!("{} {id}", path.trim_start())),
                );
                clashes(below, &path, globals, found);
            }
        }
        let command = command();
        let globals = command.get_arguments().filter(|it| it.is_global_set());
        let globals: Vec<&str> = globals.map(|it| it.get_id().as_str()).collect();
        let mut found = Vec::new();
        clashes(&command, "", &globals, &mut found);
        // That one is meant, see above.
        assert_eq!(found, ["db verify all"]);
    }

    #[test]
    fn help_shows_what_a_command_takes_and_nothing_else() {
        let help = |path: &[&str]| {
            let mut command = command();
            command.build();
            let mut found = &mut command;
            for word in path {
                found = found.find_subcommand_mut(word).unwrap();
            }
            found.render_long_help().to_string()
        };
        let serve = help(&["serve"]);
        for option in ["--remote", "--all", "--json", "--yes", "--timeout"] {
            assert!(!serve.contains(option), "{option}: {serve}");
        }
        assert!(serve.contains("--config"), "{serve}");
        let list = help(&["user", "list"]);
        assert!(
            list.contains("--remote") && list.contains("--all"),
            "{list}"
        );
        assert!(!list.contains("--yes"), "{list}");
        let delete = help(&["user", "delete"]);
        assert!(delete.contains("--yes") && delete.contains("instead of the database"));
        let add = help(&["remote", "add"]);
        assert!(add.contains("A label to choose it by"), "{add}");
    }
}
