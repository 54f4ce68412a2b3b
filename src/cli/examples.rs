//! Examples in the long help and the man page of each command.

use clap::Command;

/// A command by its words, and lines that a person may type; what follows `  #` says what for.
const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "serve",
        &[
            "linux-api serve",
            "linux-api serve --demo  # a throwaway database",
            "linux-api serve --listen 127.0.0.1:9000 --detach",
        ],
    ),
    (
        "status",
        &[
            "linux-api status",
            "linux-api status --all  # a row for each remote",
            "linux-api status -l env=prod -o json",
        ],
    ),
    ("reload", &["sudo linux-api reload"]),
    ("stop", &["linux-api stop"]),
    (
        "setup",
        &[
            "sudo linux-api setup --dry-run  # only the plan",
            "sudo linux-api setup",
            "sudo linux-api setup --logs  # operators may read the journal",
            "sudo linux-api setup --uninstall",
        ],
    ),
    (
        "tui",
        &[
            "linux-api tui",
            "linux-api tui ssh://web-01  # nothing to install there",
            "linux-api tui web-01 db-01  # two remotes",
            "linux-api tui --label role=db --read-only",
            "linux-api tui --demo",
        ],
    ),
    (
        "host show",
        &[
            "linux-api host show",
            "linux-api host show -r web-01 -o wide",
            "linux-api host show -l role=db -o json",
        ],
    ),
    (
        "process list",
        &[
            "linux-api process list",
            "linux-api process list 'cpu > 10 and user = www-data' --sort cpu",
            "linux-api process list nginx --all -o jsonl",
            "linux-api process list --fields pid,user,memory,command --limit 20",
        ],
    ),
    ("process show", &["linux-api process show 1"]),
    (
        "process top",
        &[
            "linux-api process top",
            "linux-api process top -r web-01 --limit 3",
        ],
    ),
    (
        "process signal",
        &[
            "linux-api process signal 4711@81234",
            "linux-api process signal 4711 --signal HUP -r web-01",
            "linux-api process signal 4711 --escalate 10 --yes  # KILL after 10 s",
        ],
    ),
    (
        "process renice",
        &["linux-api process renice 4711 --nice 10"],
    ),
    (
        "unit list",
        &[
            "linux-api unit list --failed --all",
            "linux-api unit list 'nginx*' --type service,socket",
        ],
    ),
    ("unit show", &["linux-api unit show nginx --lines 30"]),
    ("unit start", &["linux-api unit start nginx -r web-01"]),
    ("unit stop", &["linux-api unit stop backup.timer"]),
    (
        "unit restart",
        &[
            "linux-api unit restart nginx -l role=web --dry-run  # only the plan",
            "linux-api unit restart app -l role=web --batch 2 --pause 30 --gate nginx",
        ],
    ),
    ("unit reload", &["linux-api unit reload nginx --all"]),
    ("unit reset-failed", &["linux-api unit reset-failed app"]),
    ("unit enable", &["linux-api unit enable backup.timer"]),
    ("unit disable", &["linux-api unit disable backup.timer"]),
    (
        "unit limits",
        &[
            "linux-api unit limits app --memory-max 512M --cpu-quota 50%",
            "linux-api unit limits app --memory-max infinity --persistent",
        ],
    ),
    (
        "alert list",
        &[
            "linux-api alert list",
            "linux-api alert list --unseen --severity critical",
            "linux-api alert list --rule 'disk_*' --state pending,firing -o wide",
            "linux-api alert list -r web-01 -o json",
        ],
    ),
    (
        "alert history",
        &[
            "linux-api alert history --since 1d",
            "linux-api alert history --host db-01 --change firing,escalated",
        ],
    ),
    (
        "alert ack",
        &["linux-api alert ack 2b1f0c9a --comment planned"],
    ),
    ("alert release", &["linux-api alert release web-01"]),
    (
        "alert silence list",
        &["linux-api alert silence list -o wide"],
    ),
    (
        "alert silence add",
        &[
            "linux-api alert silence add --host db-01 --rule 'disk_*' --until 2h",
            "linux-api alert silence add --hosts env=dev --severity warning --weekly 'Mon-Fri 18:00-08:00' --zone Europe/Berlin",
        ],
    ),
    (
        "alert silence end",
        &["linux-api alert silence end 7f3f7a51"],
    ),
    ("alert rule list", &["linux-api alert rule list -o wide"]),
    (
        "alert rule show",
        &["linux-api alert rule show disk_space > rules.toml  # to be changed"],
    ),
    ("alert rule set", &["linux-api alert rule set rules.toml"]),
    (
        "alert rule delete",
        &["linux-api alert rule delete disk_space"],
    ),
    (
        "alert channel list",
        &["linux-api alert channel list --all"],
    ),
    (
        "alert channel deliveries",
        &["linux-api alert channel deliveries --limit 20"],
    ),
    ("alert test", &["linux-api alert test ops"]),
    (
        "alert preview",
        &[
            "linux-api alert preview disk_space --days 31",
            "linux-api alert preview --file rules.toml --hosts role=db",
        ],
    ),
    (
        "logs",
        &[
            "linux-api logs -u nginx -p err --since 1h",
            "linux-api logs --all -g timeout -b",
            "linux-api logs -r web-01 -r db-01 -f",
        ],
    ),
    ("network list", &["linux-api network list -r web-01"]),
    (
        "history",
        &[
            "linux-api history cpu.usage_percent --from 12h --step 10min",
            "linux-api history load.one memory.used_bytes -o wide",
            "linux-api history cpu.usage_percent --from 2026-11-01 --to 2026-11-02 --all -o jsonl",
        ],
    ),
    ("series list", &["linux-api series list"]),
    (
        "top",
        &["linux-api top", "linux-api top -r web-01 -r db-01"],
    ),
    (
        "fleet list",
        &[
            "linux-api fleet list -l role=web --sort cpu",
            "linux-api fleet list --state late,down",
            "linux-api fleet list --min disk=90 --sort disk",
        ],
    ),
    ("fleet show", &["linux-api fleet show web-01"]),
    ("fleet forget", &["linux-api fleet forget web-01"]),
    (
        "api",
        &[
            "linux-api api GET user/me",
            "linux-api api GET system/processes -f sort=memory_bytes -f limit=3",
            "linux-api api GET admin/audit --paginate -o jsonl",
            "linux-api api POST user/register --input user.json -r web-01",
        ],
    ),
    (
        "remote add",
        &[
            "linux-api remote add web-01 https://web-01.example:8443 --label role=web",
            "linux-api remote add db-02 ssh://db-02",
        ],
    ),
    (
        "remote import",
        &[
            "linux-api remote import ~/.ssh/config",
            "linux-api remote import ~/.ssh/config 'web-*' --label role=web",
        ],
    ),
    ("remote clean", &["linux-api remote clean ssh://web-01"]),
    ("remote list", &["linux-api remote list"]),
    (
        "remote test",
        &["linux-api remote test", "linux-api remote test web-01"],
    ),
    ("remote default", &["linux-api remote default web-01"]),
    ("remote remove", &["linux-api remote remove web-01"]),
    (
        "user list",
        &[
            "linux-api user list",
            "linux-api user list --remote web-01 --json",
        ],
    ),
    ("user show", &["linux-api user show alice"]),
    (
        "user add",
        &[
            "linux-api user add alice",
            "linux-api user add prometheus --scope metrics:read",
            "linux-api user add grafana --no-key",
            "linux-api user add carol --hosts env=dev  # only on hosts with this label",
        ],
    ),
    (
        "user set",
        &[
            "linux-api user set alice --hosts env=dev,role=web",
            "linux-api user set alice --any-host",
        ],
    ),
    ("user delete", &["linux-api user delete alice"]),
    ("user activate", &["linux-api user activate alice"]),
    ("user deactivate", &["linux-api user deactivate alice"]),
    ("user role", &["linux-api user role alice admin"]),
    (
        "user protect",
        &[
            "linux-api user protect alice",
            "linux-api user protect alice --off",
        ],
    ),
    ("user key list", &["linux-api user key list alice"]),
    (
        "user key create",
        &["linux-api user key create alice --name laptop --expires 90d"],
    ),
    (
        "user key rotate",
        &["linux-api user key rotate alice EXAMPLEkey01 --overlap 1h"],
    ),
    (
        "user key revoke",
        &["linux-api user key revoke alice EXAMPLEkey01"],
    ),
    ("db status", &["linux-api db status"]),
    (
        "db migrate",
        &["linux-api db migrate --dry-run", "linux-api db migrate"],
    ),
    ("db rollback", &["linux-api db rollback"]),
    ("db log", &["linux-api db log"]),
    (
        "db backup",
        &[
            "linux-api db backup",
            "linux-api db backup --security --to /mnt/backup  # users, keys, audit log",
        ],
    ),
    ("db backups", &["linux-api db backups"]),
    (
        "db verify",
        &["linux-api db verify", "linux-api db verify --all --restore"],
    ),
    (
        "db restore",
        &[
            "sudo systemctl stop linux-api.socket linux-api.service",
            "sudo linux-api db restore 2026-11-23T07-02-00.000Z",
        ],
    ),
    (
        "db prune",
        &[
            "linux-api db prune --keep 14 --dry-run",
            "linux-api db prune --after 1h --dry-run  # measurements of a wrong clock",
        ],
    ),
    (
        "db grant",
        &[
            "sudo linux-api db grant --role linux_api_daemon",
            "linux-api db grant --role linux_api_admin --admin --print",
        ],
    ),
    (
        "db import",
        &["sudo linux-api db import --from /srv/linux-api --dry-run"],
    ),
    (
        "audit list",
        &[
            "linux-api audit list --from 12h --result refused",
            "linux-api audit list --follow",
        ],
    ),
    ("audit verify", &["sudo linux-api audit verify"]),
    ("policy show", &["sudo linux-api policy show"]),
    (
        "policy test",
        &[
            "sudo linux-api policy test restart nginx.service --as alice",
            "sudo linux-api policy test signal 4711 --as alice --role operator",
        ],
    ),
    (
        "policy allow",
        &[
            "sudo linux-api policy allow nginx.service 'app-*.service'",
            "sudo linux-api policy allow --processes 1000",
        ],
    ),
    (
        "policy deny",
        &["sudo linux-api policy deny app-db.service"],
    ),
    (
        "policy preset",
        &[
            "sudo linux-api policy preset services nginx.service",
            "sudo linux-api policy preset watch --yes",
        ],
    ),
    ("config show", &["linux-api config show"]),
    ("config check", &["linux-api config check"]),
    (
        "config init",
        &["linux-api config init /etc/linux-api/config.toml"],
    ),
    (
        "doctor",
        &["sudo linux-api doctor", "linux-api doctor --json"],
    ),
    (
        "completion",
        &["linux-api completion bash > ~/.local/share/bash-completion/completions/linux-api"],
    ),
    (
        "help",
        &["linux-api help user add", "linux-api help exit-codes"],
    ),
];

/// Adds them to the commands of this build.
pub(super) fn add_to(mut command: Command) -> Command {
    for (path, lines) in EXAMPLES {
        let words: Vec<&str> = path.split(' ').collect();
        command = at(command, &words, lines);
    }
    command
}

fn at(command: Command, path: &[&str], lines: &[&str]) -> Command {
    let [first, rest @ ..] = path else {
        return command.after_long_help(format!("Examples:\n  {}", lines.join("\n  ")));
    };
    // A build may lack a command that is behind a feature.
    if command.find_subcommand(first).is_none() {
        return command;
    }
    command.mut_subcommand(*first, |below| at(below, rest, lines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command;

    /// The words of a line, without what a shell takes for itself.
    fn words(line: &str) -> Vec<&str> {
        let line = line.split("  #").next().unwrap();
        let line = line.split(" > ").next().unwrap();
        // What stands between quotes is one word.
        let parts = line.split('\'').enumerate();
        let words = parts.flat_map(|(place, part)| {
            let is_quoted = place % 2 == 1;
            let words = part.split_whitespace().filter(move |_| !is_quoted);
            words.chain(Some(part).filter(move |_| is_quoted))
        });
        words.skip_while(|word| *word == "sudo").collect()
    }

    #[test]
    fn every_example_can_be_typed() {
        for (path, lines) in EXAMPLES {
            let ours = lines.iter().map(|line| words(line));
            let ours: Vec<_> = ours.filter(|words| words[0] == "linux-api").collect();
            assert!(!ours.is_empty(), "{path}");
            for words in ours {
                let typed = words[1..].join(" ");
                assert!(typed.starts_with(path), "{typed} stands at {path}");
                let parsed = command().try_get_matches_from(&words);
                assert!(parsed.is_ok(), "{typed}: {}", parsed.unwrap_err());
            }
        }
    }

    #[test]
    fn every_command_has_one() {
        fn leaves(command: &Command, path: &str, found: &mut Vec<String>) {
            let mut below = command.get_subcommands().filter(|one| !one.is_hide_set());
            let Some(first) = below.next() else {
                found.push(path.to_owned());
                return;
            };
            for one in std::iter::once(first).chain(below) {
                let name = format!("{path} {}", one.get_name());
                leaves(one, name.trim_start(), found);
            }
        }
        let mut found = Vec::new();
        leaves(&command(), "", &mut found);
        for path in found {
            let has = EXAMPLES.iter().any(|(known, _)| **known == path);
            assert!(has, "{path} has no example");
        }
    }
}
