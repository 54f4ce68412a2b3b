//! The units and the log lines of the scripted hosts.

use std::time::Duration;

use super::script::DemoScript;
use crate::query::LogFilter;
use linux_api_wire::api::acts::ActState;
use linux_api_wire::api::logs::{LogEntry, LogPage, MessageState};
use linux_api_wire::api::units::{UnitDetail, UnitList, UnitLogLine, UnitSummary};
use linux_api_wire::time::Timestamp;

/// Seconds between two lines.
const PACE: i64 = 7;
/// How many lines a host has.
const LINES: i64 = 2_000;
/// Lines of one page.
const PAGE: usize = 200;

/// Units: name, description, active, sub, enabled.
const UNITS: [(&str, &str, &str, &str, &str); 14] = [
    (
        "backup.service",
        "Copies /srv to the backup host",
        "active",
        "running",
        "static",
    ),
    (
        "backup.timer",
        "Starts backup.service daily",
        "active",
        "waiting",
        "enabled",
    ),
    ("certbot.service", "Certbot", "failed", "failed", "static"),
    (
        "certbot.timer",
        "Run certbot twice daily",
        "active",
        "waiting",
        "enabled",
    ),
    (
        "cron.service",
        "Regular background program processing daemon",
        "active",
        "running",
        "enabled",
    ),
    (
        "dbus.service",
        "D-Bus System Message Bus",
        "active",
        "running",
        "static",
    ),
    (
        "dbus.socket",
        "D-Bus System Message Bus Socket",
        "active",
        "running",
        "static",
    ),
    (
        "linux-api.service",
        "Linux-API",
        "active",
        "running",
        "enabled",
    ),
    (
        "nginx.service",
        "A high performance web server",
        "active",
        "running",
        "enabled",
    ),
    (
        "postgresql@15-main.service",
        "PostgreSQL Cluster 15-main",
        "active",
        "running",
        "enabled",
    ),
    (
        "rescue.service",
        "Rescue Shell",
        "inactive",
        "dead",
        "static",
    ),
    (
        "shop-worker.service",
        "Mail queue of the shop",
        "activating",
        "auto-restart",
        "enabled",
    ),
    (
        "ssh.service",
        "OpenBSD Secure Shell server",
        "active",
        "running",
        "enabled",
    ),
    (
        "systemd-journald.service",
        "Journal Service",
        "active",
        "running",
        "static",
    ),
];

/// Lines: unit, identifier, pid, priority, text.
const MESSAGES: [(&str, &str, u32, u8, &str); 8] = [
    (
        "nginx.service",
        "nginx",
        342,
        6,
        "10.0.0.7 \"GET /cart HTTP/1.1\" 200",
    ),
    (
        "shop-worker.service",
        "shop-worker",
        377,
        4,
        "mail queue: 120 waiting, slower than usual",
    ),
    (
        "ssh.service",
        "sshd",
        328,
        6,
        "Accepted publickey for alice from 192.0.2.7",
    ),
    (
        "postgresql@15-main.service",
        "postgres",
        356,
        5,
        "checkpoint complete: wrote 412 buffers",
    ),
    (
        "nginx.service",
        "nginx",
        342,
        3,
        "upstream timed out (110: Connection timed out)",
    ),
    (
        "cron.service",
        "CRON",
        335,
        6,
        "(root) CMD (test -x /usr/sbin/anacron)",
    ),
    (
        "certbot.service",
        "certbot",
        399,
        3,
        "Failed to renew certificate shop.example",
    ),
    (
        "systemd-journald.service",
        "kernel",
        0,
        7,
        "eth0: link is up, 10 Gbps",
    ),
];

impl DemoScript {
    /// Whether it can be acted on: one host has no executor.
    pub(crate) fn acts(&self) -> ActState {
        let available = self.number() != 2;
        let missing = |text: &str| (!available).then(|| text.to_owned());
        ActState {
            available,
            reason: missing("nothing acts on this host"),
            remedy: missing("sudo systemctl enable --now linux-api-executor.socket"),
            units: available,
            processes: available,
            automatic: false,
        }
    }

    pub(crate) fn units(&self) -> UnitList {
        let items: Vec<UnitSummary> = UNITS
            .iter()
            .map(|(name, description, active, sub, enabled)| UnitSummary {
                name: (*name).to_owned(),
                description: (*description).to_owned(),
                load: Some("loaded".to_owned()),
                active: Some((*active).to_owned()),
                sub: Some((*sub).to_owned()),
                enabled: Some((*enabled).to_owned()),
                job: (*sub == "auto-restart").then(|| "start".to_owned()),
            })
            .collect();
        UnitList {
            time: self.now().to_string(),
            total: items.len(),
            failed: items
                .iter()
                .filter(|it| it.active.as_deref() == Some("failed"))
                .count(),
            items,
            next_cursor: None,
        }
    }

    pub(crate) fn unit(&self, name: &str) -> Option<UnitDetail> {
        let mut units = UNITS.iter();
        let (name, description, active, sub, enabled) = *units.find(|it| it.0 == name)?;
        let is_running = sub == "running";
        let since = self.now().saturating_sub(Duration::from_mins(12));
        let filter = LogFilter {
            unit: Some(name.to_owned()),
            ..LogFilter::default()
        };
        let log = self.logs(&filter, None).items;
        let log = log.iter().rev().take(30).rev().map(|entry| UnitLogLine {
            time: entry.time.clone(),
            priority: entry.priority,
            message: entry.message.clone(),
        });
        Some(UnitDetail {
            name: name.to_owned(),
            aliases: vec![name.to_owned()],
            description: description.to_owned(),
            load: "loaded".to_owned(),
            active: active.to_owned(),
            sub: sub.to_owned(),
            enabled: Some(enabled.to_owned()),
            fragment_path: Some(format!("/lib/systemd/system/{name}")),
            active_since: is_running.then(|| since.to_string()),
            state_since: Some(since.to_string()),
            result: Some(
                if active == "failed" {
                    "exit-code"
                } else {
                    "success"
                }
                .to_owned(),
            ),
            main_pid: is_running.then_some(342),
            exit_code: (active == "failed").then_some(1),
            exit_signal: None,
            restarts: Some(u32::from(sub == "auto-restart") * 4),
            status_text: None,
            memory_bytes: is_running.then_some(41 << 20),
            cpu_seconds: is_running.then_some(81.4),
            tasks: is_running.then_some(3),
            memory_max_bytes: None,
            memory_high_bytes: None,
            cpu_quota_percent: None,
            io_weight: None,
            tasks_max: is_running.then_some(4_915),
            triggers: Vec::new(),
            triggered_by: Vec::new(),
            last_trigger: None,
            next_trigger: None,
            log: Some(log.collect()),
        })
    }

    /// The page of lines that ends before a cursor, or the newest one.
    pub(crate) fn logs(&self, filter: &LogFilter, before: Option<&str>) -> LogPage {
        let newest = self.now().as_millis().div_euclid(PACE * 1000);
        let first = newest - LINES;
        let end = before.and_then(|cursor| i64::from_str_radix(cursor, 16).ok());
        let mut items = Vec::new();
        let mut place = end.map_or(newest, |end| end - 1);
        while place > first && items.len() < PAGE {
            items.extend(self.line(place).filter(|entry| fits(filter, entry)));
            place -= 1;
        }
        items.reverse();
        let older = items.first().filter(|_| place > first);
        LogPage {
            partial: false,
            older_cursor: older.map(|entry| entry.cursor.clone()),
            newer_cursor: items.last().map(|entry| entry.cursor.clone()),
            items,
        }
    }

    fn line(&self, place: i64) -> Option<LogEntry> {
        let kinds = i64::try_from(MESSAGES.len()).ok()?;
        let kind = (place.wrapping_mul(2_654_435_761) >> 9).wrapping_add(i64::from(self.number()));
        let kind = kind.rem_euclid(kinds);
        let (unit, identifier, pid, priority, text) = MESSAGES[usize::try_from(kind).ok()?];
        let time = Timestamp::from_millis(place * PACE * 1000);
        Some(LogEntry {
            cursor: format!("{place:x}"),
            time: time.to_string(),
            priority: Some(priority),
            unit: Some(unit.to_owned()),
            identifier: Some(identifier.to_owned()),
            pid: (pid > 0).then_some(pid),
            boot_id: None,
            message: text.to_owned(),
            message_state: MessageState::Text,
        })
    }
}

fn fits(filter: &LogFilter, entry: &LogEntry) -> bool {
    let of_unit = filter.unit.is_none() || filter.unit == entry.unit;
    let urgent = filter
        .priority
        .is_none_or(|most| entry.priority <= Some(most));
    let grep = filter.grep.as_deref();
    of_unit && urgent && grep.is_none_or(|text| entry.message.contains(text))
}
