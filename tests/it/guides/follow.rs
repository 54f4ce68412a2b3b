//! Follows one page from its first block to its last.

use std::collections::BTreeSet;

use crate::guides::answers;
use crate::guides::commands::{self, Way};
use crate::guides::names;
use crate::guides::pages::{Block, DocumentedCommand, Page};
use crate::guides::postgres::fresh_database;
use crate::guides::programs;
use crate::guides::python;
use crate::guides::queries;
use crate::guides::settings;
use crate::guides::stage::{NextStep, Stage};
use crate::guides::tutorial;

/// Remotes that a page takes to be known already.
const KNOWN: &[(&str, &[&str])] = &[
    ("docs/administration.md", &["web"]),
    ("docs/cli.md", &["web-03", "db-01"]),
    ("docs/tui.md", &["web-03", "db-01"]),
];

/// Commands that stop and say what has to be decided, as the page says too.
const STOPS: &[(&str, &str)] = &[
    (
        "linux-api db import --from /opt/Linux-API --dry-run",
        "names are taken: admin (v1), admin (legacy). Say --merge",
    ),
    // The stage is a directory, where setup shows what it would do and what is in its way.
    (
        "sudo linux-api setup --answers answers.toml",
        "no server runs below a directory",
    ),
];

/// Runs, compares and looks up everything on a page.
pub(crate) fn follow(page: &Page) {
    names::check(page);
    let blocks = page.blocks();
    if blocks.is_empty() {
        return;
    }
    if page.path == tutorial::PAGE {
        tutorial::follow();
        return;
    }
    let mut walk = Walk {
        stage: Stage::new(),
        before: String::new(),
        said: String::new(),
        last: String::new(),
        program: String::new(),
    };
    for (path, names) in KNOWN {
        if page.path == *path {
            names.iter().for_each(|name| walk.stage.know(name));
        }
    }
    if page.path == "docs/upgrading.md" {
        python::install(&mut walk.stage);
    }
    for block in &blocks {
        walk.block(block);
    }
}

struct Walk {
    stage: Stage,
    /// Lines that go before every command: variables and aliases.
    before: String,
    /// What the last command answered.
    said: String,
    /// The last command, with what goes before it.
    last: String,
    /// The programs so far: a later one uses the functions of those before.
    program: String,
}

impl Walk {
    fn block(&mut self, block: &Block) {
        let (stage, place) = (&mut self.stage, block.place.as_str());
        match (block.language.as_str(), block.is_answer) {
            ("sh" | "console", _) => {
                for documented in block.commands() {
                    self.command(place, &documented);
                }
            }
            ("json", true) => {
                let (last, said) = (&self.last, &self.said);
                answers::follows(place, &block.text, said, || stage.run(last).stdout);
            }
            ("json", false) => answers::refusal(stage, place, &block.text),
            ("text", true) => answers::stream(place, &block.text, &self.said),
            ("text", false) => answers::text(stage, place, &block.text),
            ("toml", _) => settings::check(stage, place, &block.text),
            ("sql", _) => queries::sql(stage, place, &block.text),
            ("promql", _) => queries::promql(stage, place, &block.text),
            ("yaml", _) if place.starts_with("docs/ansible.md") => {
                settings::of_role(place, &block.text);
            }
            ("yaml", _) => queries::scrape(place, &block.text),
            ("python" | "typescript", _) if place.starts_with(programs::CLIENTS) => {
                programs::is_run_in_ci(&block.text);
            }
            ("python", _) => {
                self.program += &block.text;
                programs::python(stage, place, &self.program);
            }
            (other, _) => panic!("{place}: a block of a kind that no test knows: {other:?}"),
        }
    }

    fn command(&mut self, place: &str, documented: &DocumentedCommand) {
        let command = documented.command.as_str();
        let way = commands::way(command);
        let way = way.unwrap_or_else(|fault| panic!("{place}: {command}: {fault}"));
        let script = format!("{}{command}", self.before);
        match way {
            Way::Before => self.before = format!("{script}\n"),
            Way::Run => {
                self.prepare(command);
                let ended = self.stage.run(&script);
                let said = format!("{}{}", ended.stdout, ended.stderr);
                let stops = STOPS.iter().find(|(stopped, _)| *stopped == command);
                let is_so = match stops {
                    Some((_, reason)) => !ended.success && said.contains(reason),
                    None => ended.success,
                };
                assert!(is_so, "{place}: {command}:\n{said}");
                answers::lines(place, &documented.answer, &said);
                self.said = ended.stdout;
            }
            Way::Until(wanted) => {
                // A stream notifies its readers that the daemon stops.
                let is_stream = command.contains("/stream");
                let then = if is_stream {
                    NextStep::StopTheDaemon
                } else {
                    NextStep::End
                };
                if command.contains("--result refused") {
                    // One request is refused, so that there is something to show.
                    self.stage.refuse();
                }
                self.said = self.stage.watch(&script, &[wanted.to_owned()], then);
            }
            Way::Terminal(wanted) => self.stage.show(&script, &wanted),
            Way::Stop => self.stage.stop(),
            Way::Start => self.stage.start(),
            Way::Listed(entry) => entry.check(command, place),
        }
        self.last = script;
    }
}

impl Walk {
    /// Brings about what the page takes to be so.
    fn prepare(&mut self, command: &str) {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[..] {
            // It is known already where an earlier line of the page needed it.
            ["linux-api", "remote", "add", name, ..] => {
                self.stage.run(&format!("linux-api remote remove {name}"));
            }
            ["linux-api", "db", "restore", name, ref rest @ ..] => {
                let backups = self.stage.run("linux-api db backups --json").stdout;
                let backups: serde_json::Value = serde_json::from_str(&backups).unwrap();
                let newest = backups[0]["name"].as_str().unwrap();
                self.stage
                    .stand_in(&format!(" {name}"), &format!(" {newest}"));
                if let ["--into", url] = rest {
                    self.stage.stand_in(url, &fresh_database());
                }
            }
            _ => {}
        }
    }
}

/// Every entry of the list has its commands.
#[test]
fn nothing_is_listed_in_vain() {
    let mut used = BTreeSet::new();
    for page in crate::guides::pages::all() {
        for block in page.blocks() {
            if ["sh", "console"].contains(&block.language.as_str()) {
                for documented in block.commands() {
                    if let Ok(Way::Listed(entry)) = commands::way(&documented.command) {
                        used.insert(entry.begins);
                    }
                }
            }
        }
    }
    for entry in crate::guides::listed::LISTED {
        assert!(
            used.contains(entry.begins),
            "no guide has {:?} ({}) any more",
            entry.begins,
            entry.reason
        );
    }
}
