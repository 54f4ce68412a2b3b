//! The rules of the demonstration.

use super::DemoScript;
use linux_api_wire::api::alerts::{
    AlertChannel, AlertChannels, AlertRule, AlertRuleDefinition, AlertRuleList, AlertRuleSource,
    AlertThreshold,
};

/// A rule of the script: name, what it watches, warning and critical.
pub(super) type RuleRow = (
    &'static str,
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
    &'static str,
);

const STOCK: [RuleRow; 12] = [
    (
        "certificate_expires",
        "Time until a certificate ends",
        Some("in less than 21 d"),
        Some("in less than 7 d"),
        "Renewal that fails is noticed weeks before a browser does.",
    ),
    (
        "clock_off",
        "How far the clock is off",
        Some("500 ms or more"),
        Some("5 s or more"),
        "Logs and certificates need a clock that is right.",
    ),
    (
        "disk_full_soon",
        "Time until a file system is full",
        Some("in less than 24 h"),
        Some("in less than 4 h"),
        "A log that grows fills a half-empty disk overnight.",
    ),
    (
        "disk_inodes",
        "Inodes in use",
        Some("85% or more"),
        Some("95% or more"),
        "Without inodes no file can be made, however much space is free.",
    ),
    (
        "disk_space",
        "Space in use",
        Some("85% or more and less than 50 GiB free"),
        Some("95% or more and less than 20 GiB free"),
        "85 % of a large disk is no reason to get up, so free space counts too.",
    ),
    (
        "host_down",
        "Time since a host was seen",
        None,
        Some("90 s or more"),
        "A host that has not written for 90 seconds is down or cut off. Its other alerts wait.",
    ),
    (
        "memory_low",
        "Memory that is available",
        Some("less than 10% and pressure"),
        Some("less than 5% and pressure"),
        "Little memory is well while nothing waits for it.",
    ),
    (
        "oom_kill",
        "Processes killed for want of memory",
        Some("1 in 10 min"),
        Some("3 in an hour"),
        "What the process did is lost, and three in an hour will go on.",
    ),
    (
        "pressure_cpu",
        "Time that tasks waited for a processor",
        Some("60% or more of 5 min"),
        None,
        "A busy processor is paid for; waiting for one is not.",
    ),
    (
        "pressure_io",
        "Time that all tasks waited for disks",
        Some("40% or more"),
        Some("80% or more"),
        "For that time nothing went on.",
    ),
    (
        "storage_fault",
        "Arrays, file systems and mounts",
        None,
        Some("any"),
        "An array that misses a disk is one disk from loss.",
    ),
    (
        "unit_failed",
        "Units that failed or restart",
        Some("any"),
        None,
        "A service that is not there is noticed by its users first.",
    ),
];

pub(super) fn rule_of(name: &str) -> Option<&'static RuleRow> {
    STOCK.iter().find(|row| row.0 == name)
}

impl DemoScript {
    /// Two channels.
    pub(crate) fn alert_channels() -> AlertChannels {
        let channel = |name: &str, kind: &str, address: &str| AlertChannel {
            name: name.to_owned(),
            kind: kind.to_owned(),
            address: address.to_owned(),
            can_send: true,
            problem: None,
            last_delivery: None,
        };
        AlertChannels {
            items: vec![
                channel("mail", "mail", "ops@example.org"),
                channel("ops", "slack", "https://hooks.example.org/…"),
            ],
            enabled: true,
            can_send: true,
            is_sender: true,
            heartbeat: true,
            ..AlertChannels::default()
        }
    }

    /// Stock rules, one of a file in the place of one of them, and one of a user.
    pub(crate) fn alert_rules() -> AlertRuleList {
        let mut items: Vec<AlertRule> = STOCK.iter().map(stock_rule).collect();
        let replaced = items.iter_mut().find(|rule| rule.name == "pressure_io");
        if let Some(stock) = replaced {
            let mut file = stock.clone();
            stock.in_force = false;
            file.source = AlertRuleSource::File;
            file.path = Some("/etc/linux-api/alerts.d/own.toml".to_owned());
            file.warning = Some("60% or more".to_owned());
            file.definition.warning = Some(AlertThreshold::Number(60.0));
            items.push(file);
        }
        items.push(AlertRule {
            name: "queue_of_the_disk".to_owned(),
            source: AlertRuleSource::User,
            subject: "disk.busy_percent".to_owned(),
            meaning: "Part of the time that a disk was busy".to_owned(),
            warning: Some("90% or more".to_owned()),
            critical: None,
            definition: AlertRuleDefinition {
                name: "queue_of_the_disk".to_owned(),
                series: Some("disk.busy_percent".to_owned()),
                hosts: Some("role=db".to_owned()),
                warning: Some(AlertThreshold::Number(90.0)),
                pending: Some("30min".to_owned()),
                ..AlertRuleDefinition::default()
            },
            updated_at: Some("2026-11-02T14:30:00Z".to_owned()),
            updated_by: Some("alice".to_owned()),
            ..stock_rule(&STOCK[0])
        });
        items.sort_by(|one, other| one.name.cmp(&other.name));
        AlertRuleList {
            in_force: items.iter().filter(|rule| rule.in_force).count(),
            items,
            problems: Vec::new(),
            most: 200,
        }
    }
}

fn stock_rule(row: &RuleRow) -> AlertRule {
    let (name, meaning, warning, critical, description) = *row;
    let threshold = |text: Option<&str>| text.map(|text| AlertThreshold::Text(text.to_owned()));
    AlertRule {
        name: name.to_owned(),
        source: AlertRuleSource::Stock,
        path: None,
        in_force: true,
        enabled: true,
        subject: name.to_owned(),
        meaning: meaning.to_owned(),
        warning: warning.map(str::to_owned),
        critical: critical.map(str::to_owned),
        definition: AlertRuleDefinition {
            name: name.to_owned(),
            description: Some(description.to_owned()),
            check: Some(name.to_owned()),
            warning: threshold(warning),
            critical: threshold(critical),
            ..AlertRuleDefinition::default()
        },
        updated_at: None,
        updated_by: None,
    }
}
