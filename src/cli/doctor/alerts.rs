//! Whether alerts reach anyone: files of rules, channels, and what notices that the daemon stopped.

use std::path::Path;
use std::time::Duration;

use super::Finding;
use linux_api_acts::client::Client;
use linux_api_acts::protocol::PolicyState;
use linux_api_config::Alerts;
use linux_api_daemon::alerts::sender::ReadyChannel;
use linux_api_daemon::alerts::{check_rule_files, restarting_rules};
use linux_api_store::Store;
use linux_api_wire::time::{Clock, Timestamp};

const RULES: &str = "alert rules";
const CHANNELS: &str = "alert channels";
const WATCH: &str = "alert watch";
const RESTARTS: &str = "alert restarts";
/// The most mistakes that are named.
const NAMED: usize = 3;
/// The most hosts that are looked at.
const HOSTS: u32 = 100;
/// A daemon that lives has written within this time.
const ALIVE: Duration = Duration::from_mins(2);

pub(super) async fn check(config: &Alerts, socket: &Path, store: Option<&Store>) -> Vec<Finding> {
    if !config.enabled {
        let detail = "switched off by alerts.enabled";
        return vec![Finding::ok(RULES, detail)];
    }
    let mut findings = vec![rules(config), channels(config)];
    if !config.channels.0.is_empty() {
        findings.push(watch(config, others(store).await));
    }
    findings.extend(restarts(config, socket, store).await);
    findings
}

/// Whether the host allows what rules restart; nothing where none does.
async fn restarts(config: &Alerts, socket: &Path, store: Option<&Store>) -> Option<Finding> {
    let mut named = restarting_rules(&config.rules_dir);
    if let Some(store) = store {
        let stored = store.alert_rules().await.unwrap_or_default();
        let restarting = stored.into_iter().map(|rule| rule.definition);
        let restarting = restarting.filter(|rule| rule.restart.is_some());
        named.extend(restarting.map(|rule| rule.name));
    }
    named.sort_unstable();
    named.dedup();
    if named.is_empty() {
        return None;
    }
    let rules = named.join(", ");
    let status = Client::new(socket).status().await;
    Some(match status.map(|status| status.policy) {
        Ok(PolicyState::InForce {
            automatic: true, ..
        }) => Finding::ok(RESTARTS, format!("the policy lets {rules} restart units")),
        Ok(PolicyState::InForce { .. }) => Finding::warn(
            RESTARTS,
            format!("{rules}: nothing is restarted, as the policy lacks automatic = true"),
            "sudo linux-api policy allow --automatic, or remove `restart` from the rules",
        ),
        Ok(PolicyState::Closed(problem)) => Finding::warn(
            RESTARTS,
            format!("{rules}: nothing is restarted: {problem}"),
            "sudo linux-api policy show names the line",
        ),
        Err(error) => Finding::warn(
            RESTARTS,
            format!("{rules}: nothing is restarted: {error}"),
            "docs/acting.md has how to switch it on, or remove `restart` from the rules",
        ),
    })
}

fn rules(config: &Alerts) -> Finding {
    let folder = &config.rules_dir;
    let (count, problems) = check_rule_files(folder);
    if problems.is_empty() {
        let detail = match count {
            0 => "the stock rules".to_owned(),
            count => format!("the stock rules and {count} of {}", folder.display()),
        };
        return Finding::ok(RULES, detail);
    }
    Finding::fail(
        RULES,
        some_of(&problems),
        "correct them: what is wrong is left out, the rest is in force (docs/alerts.md)",
    )
}

fn channels(config: &Alerts) -> Finding {
    let channels = &config.channels.0;
    if channels.is_empty() {
        return Finding::ok(CHANNELS, "none: alerts are only shown");
    }
    let problem = |channel| {
        let read = ReadyChannel::read(channel);
        read.err().map(|why| format!("{}: {why}", channel.name))
    };
    let problems: Vec<String> = channels.iter().filter_map(problem).collect();
    if problems.is_empty() {
        let names: Vec<&str> = channels.iter().map(|one| one.name.as_str()).collect();
        return Finding::ok(CHANNELS, names.join(", "));
    }
    Finding::fail(
        CHANNELS,
        some_of(&problems),
        "a daemon sends only when it can use all of its channels; run this as root where files can't be read \
         by this account",
    )
}

/// How many other daemons write to the database now; nothing when that is not known.
async fn others(store: Option<&Store>) -> Option<usize> {
    let hosts = store?.list_hosts(None, HOSTS).await.ok()?;
    let now = Clock::system().now();
    let is_alive = |seen: Timestamp| now.since(seen) <= ALIVE;
    let alive = hosts.iter().filter(|host| is_alive(host.last_seen));
    Some(alive.count().saturating_sub(1))
}

fn watch(config: &Alerts, others: Option<usize>) -> Finding {
    let mut ways = Vec::new();
    if config.heartbeat_file.is_some() {
        ways.push("a heartbeat".to_owned());
    }
    match config.peers.len() {
        0 => {}
        1 => ways.push("1 peer that this daemon watches".to_owned()),
        count => ways.push(format!("{count} peers that this daemon watches")),
    }
    if let Some(count) = others.filter(|count| *count > 0) {
        ways.push(format!("{count} other daemons with its database"));
    }
    if ways.is_empty() {
        return Finding::warn(
            WATCH,
            "neither a heartbeat nor peers: nothing says so when this daemon stops",
            "set alerts.heartbeat_file, or name this daemon among alerts.peers of another one",
        );
    }
    Finding::ok(WATCH, ways.join(", "))
}

fn some_of(problems: &[String]) -> String {
    let mut text = problems[..problems.len().min(NAMED)].join("; ");
    let more = problems.len().saturating_sub(NAMED);
    if more > 0 {
        text.extend([format!("; and {more} more")]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Verdict;
    use linux_api_config::{Channel, ChannelKind};

    const NOWHERE: &str = "/nonexistent/executor.sock";

    fn with_channel(url_file: &std::path::Path) -> Alerts {
        let mut config = Alerts::default();
        config.channels.0.push(Channel {
            name: "ops".parse().unwrap(),
            kind: ChannelKind::Slack {
                url_file: url_file.to_owned(),
            },
        });
        config
    }

    #[tokio::test]
    async fn without_channels_nothing_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let config = Alerts {
            rules_dir: folder.path().to_owned(),
            ..Alerts::default()
        };
        let findings = check(&config, NOWHERE.as_ref(), None).await;
        assert!(
            findings.iter().all(|it| it.result == Verdict::Ok),
            "{findings:?}"
        );
        std::fs::write(
            folder.path().join("own.toml"),
            "[[rule]]\nname = \"a\"\nwarnign = 1\n",
        )
        .unwrap();
        let findings = check(&config, NOWHERE.as_ref(), None).await;
        assert_eq!(findings[0].result, Verdict::Fail);
        assert!(
            findings[0].detail.contains("own.toml: line 3"),
            "{findings:?}"
        );
    }

    #[tokio::test]
    async fn a_rule_that_restarts_what_the_host_does_not_allow_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let config = Alerts {
            rules_dir: folder.path().to_owned(),
            ..Alerts::default()
        };
        let rule =
            "[[rule]]\nname = \"web\"\ncheck = \"unit_failed\"\nwarning = 1\nrestart = \"$unit\"\n";
        std::fs::write(folder.path().join("own.toml"), rule).unwrap();
        let findings = check(&config, NOWHERE.as_ref(), None).await;
        let found = findings.iter().find(|it| it.check == RESTARTS).unwrap();
        assert_eq!(found.result, Verdict::Warn);
        assert!(
            found.detail.starts_with("web: nothing is restarted: "),
            "{found:?}"
        );
    }

    #[tokio::test]
    async fn a_channel_without_its_secret_and_a_daemon_that_nothing_watches_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("url");
        let config = Alerts {
            rules_dir: folder.path().join("none"),
            ..with_channel(&path)
        };
        let findings = check(&config, NOWHERE.as_ref(), None).await;
        let results: Vec<Verdict> = findings.iter().map(|it| it.result).collect();
        assert_eq!(results, [Verdict::Ok, Verdict::Fail, Verdict::Warn]);
        assert!(findings[1].detail.starts_with("ops: "), "{findings:?}");
        std::fs::write(&path, "https://hooks.example.org/T0/secret\n").unwrap();
        let watched = Alerts {
            peers: vec!["https://db-01.example.org:8443".to_owned()],
            ..config
        };
        let findings = check(&watched, NOWHERE.as_ref(), None).await;
        assert!(
            findings.iter().all(|it| it.result == Verdict::Ok),
            "{findings:?}"
        );
        assert!(!format!("{findings:?}").contains("T0"));
    }
}
