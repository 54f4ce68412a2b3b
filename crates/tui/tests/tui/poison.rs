//! Responses whose names mean harm.

use linux_api_tui::query::AnyResponse;
use linux_api_wire::api::alerts::{Alert, AlertNotice, AlertRule, AlertSilence};
use linux_api_wire::api::audit::AuditEntry;
use linux_api_wire::api::fleet::FleetHost;
use linux_api_wire::api::network::NetworkDetail;
use linux_api_wire::api::snapshot::Snapshot;

/// What tries to steer a terminal: a title, the clipboard, clearing, colours, direction, hiding.
pub(crate) const HOSTILE: &str = "e\u{1b}]0;owned\u{7}v\u{1b}]52;c;b3duZWQ=\u{7}i\u{1b}[2J\u{9b}31ml\
                       \u{202e}txt\u{2066}\u{200b}\u{feff}\n\r\t漢字e\u{301}";

fn bad() -> String {
    HOSTILE.to_owned()
}

fn poison_change(row: &mut AuditEntry) {
    row.actor = bad();
    row.target = bad();
    row.detail = bad();
}

/// Puts it into every text of a response.
pub(crate) fn poison(data: &mut AnyResponse) {
    match data {
        AnyResponse::Me(me) => me.user.username = bad(),
        AnyResponse::Info(info) => {
            info.release = bad();
            info.machine = "x".repeat(2 << 20);
        }
        AnyResponse::Snapshot(snapshot) => poison_snapshot(snapshot),
        AnyResponse::Processes(rows) => {
            for process in &mut rows.items {
                process.name = bad();
                process.command = format!("{HOSTILE}{}", "y".repeat(1 << 20));
                process.user = Some(bad());
                process.state = bad();
                process.cpu_percent = Some(-1.0);
                process.cpu_seconds = f64::NAN;
                process.unit = Some(bad());
            }
        }
        AnyResponse::Process(_) | AnyResponse::Unit(_) => {}
        AnyResponse::Alerts(_)
        | AnyResponse::HostAlerts(_)
        | AnyResponse::AlertNotices(_)
        | AnyResponse::AlertChanges(_)
        | AnyResponse::AlertRules(_)
        | AnyResponse::AlertSilences(_)
        | AnyResponse::AlertChannels(_)
        | AnyResponse::AlertPreview(_) => poison_alerts(data),
        AnyResponse::AuditRows(rows) => rows.iter_mut().for_each(poison_change),
        AnyResponse::Readiness(readiness) => {
            readiness.status = bad();
            readiness.checks.database.detail = bad();
        }
        AnyResponse::Health(health) => health.database.version = Some(bad()),
        AnyResponse::Requests(requests) => {
            let rows = requests.hours.iter_mut().chain(&mut requests.minutes);
            for row in rows {
                row.route = bad();
                row.p99 = f64::NAN;
            }
        }
        AnyResponse::History(history)
        | AnyResponse::EarlierHistory(history)
        | AnyResponse::Rates(history)
        | AnyResponse::Past(history)
        | AnyResponse::Fill(history) => {
            for series in &mut history.series {
                series.labels.insert("name".to_owned(), bad());
                series.points.push([f64::NAN, f64::INFINITY, -1.0]);
                series.points.push([1e300, 0.0, 0.0]);
            }
        }
        AnyResponse::Fleet(hosts) => poison_fleet(hosts),
        AnyResponse::FleetTrail(trails) => {
            for trail in trails.values_mut() {
                trail.interface = Some(bad());
                trail.cpu.step = u64::MAX;
                trail.cpu.points.push([f64::NAN, f64::INFINITY, -1.0]);
                trail.memory.points.insert(0, [1e300, -1e300, 0.0]);
            }
        }
        AnyResponse::Network(detail) => poison_network(detail),
        AnyResponse::Users(users) => {
            for user in users {
                user.username = bad();
                user.last_login = Some(bad());
            }
        }
        AnyResponse::Keys(keys) => {
            for key in keys {
                key.name = bad();
                key.key_id = bad();
            }
        }
        AnyResponse::Acts(state) => {
            state.available = false;
            state.reason = Some(bad());
            state.remedy = Some(bad());
        }
        AnyResponse::Units(list) => {
            for unit in &mut list.items {
                unit.name.push_str(HOSTILE);
                unit.description = format!("{HOSTILE}{}", "y".repeat(1 << 20));
                unit.active = Some(bad());
                unit.sub = Some(bad());
                unit.enabled = Some(bad());
            }
        }
        AnyResponse::Logs(page) | AnyResponse::OlderLogs(page) => {
            for entry in &mut page.items {
                entry.identifier = Some(bad());
                entry.unit = Some(bad());
                entry.message = format!("{HOSTILE}{}", "y".repeat(1 << 14));
                entry.time = format!("2026-11-23T07{HOSTILE}");
                entry.priority = Some(200);
            }
        }
    }
}

/// The same in those about alerts.
fn poison_alerts(data: &mut AnyResponse) {
    match data {
        AnyResponse::Alerts(list) | AnyResponse::HostAlerts(list) => {
            list.items.iter_mut().for_each(poison_alert);
        }
        AnyResponse::AlertNotices(notices) | AnyResponse::AlertChanges(notices) => {
            notices.iter_mut().for_each(poison_notice);
        }
        AnyResponse::AlertRules(list) => {
            list.items.iter_mut().for_each(poison_rule);
            list.problems = vec![bad(), format!("{HOSTILE}{}", "y".repeat(1 << 16))];
        }
        AnyResponse::AlertSilences(list) => list.items.iter_mut().for_each(poison_silence),
        AnyResponse::AlertPreview(preview) => {
            preview.summary = bad();
            preview.hosts_without_data = vec![bad()];
            preview.notes = vec![bad()];
            preview.step = u64::MAX;
            for episode in &mut preview.episodes {
                episode.host = bad();
                episode.text = format!("{HOSTILE}{}", "y".repeat(1 << 16));
                episode.fired_at = bad();
                episode.seconds = u64::MAX;
                episode.labels.insert(bad(), bad());
            }
        }
        _ => {}
    }
}

fn poison_alert(alert: &mut Alert) {
    alert.rule = bad();
    alert.host = bad();
    alert.labels.insert(bad(), bad());
    alert.text = format!("{HOSTILE}{}", "y".repeat(1 << 16));
    alert.threshold = Some(bad());
    alert.description = Some(bad());
    alert.since = Some(bad());
    alert.fired_at = Some(bad());
    alert.evaluated_at = Some(bad());
    alert.value = Some(f64::NAN);
    if let Some(seen) = &mut alert.acknowledged {
        seen.by = bad();
        seen.at = bad();
        seen.comment = bad();
    }
}

fn poison_notice(notice: &mut AlertNotice) {
    notice.rule = bad();
    notice.host = bad();
    notice.time = bad();
    notice.since = bad();
    notice.labels.insert(bad(), bad());
    notice.text = format!("{HOSTILE}{}", "y".repeat(1 << 16));
    notice.threshold = bad();
    notice.context = vec![bad(), format!("{HOSTILE}{}", "y".repeat(1 << 16))];
}

fn poison_rule(rule: &mut AlertRule) {
    rule.path = Some(bad());
    rule.subject = bad();
    rule.meaning = bad();
    rule.warning = Some(bad());
    rule.critical = Some(bad());
    rule.updated_by = Some(bad());
    rule.definition.description = Some(bad());
    rule.definition.hosts = Some(bad());
    rule.definition.channels = vec![bad()];
}

fn poison_silence(silence: &mut AlertSilence) {
    silence.rule = Some(bad());
    silence.host = Some(bad());
    silence.labels.insert(bad(), bad());
    silence.comment = format!("{HOSTILE}{}", "y".repeat(1 << 16));
    silence.created_by = bad();
    silence.from = bad();
    silence.until = Some(bad());
    silence.holds = u64::MAX;
    if let Some(weekly) = &mut silence.weekly {
        weekly.windows = vec![bad()];
        weekly.zone = bad();
    }
}

fn poison_snapshot(snapshot: &mut Snapshot) {
    snapshot.host = bad();
    for filesystem in snapshot.filesystems.iter_mut().flatten() {
        filesystem.mount_point = bad();
    }
    for disk in snapshot.disks.iter_mut().flatten() {
        disk.device = bad();
        disk.busy_percent = f64::NAN;
        disk.read_bytes_per_second = -1.0;
    }
    for session in snapshot.sessions.iter_mut().flatten() {
        session.user = bad();
    }
    for sensor in snapshot.sensors.iter_mut().flatten() {
        sensor.name = bad();
        sensor.celsius = Some(f64::INFINITY);
    }
    if let Some(cpu) = &mut snapshot.cpu {
        cpu.usage_percent = -1.0;
        cpu.per_core[0].usage_percent = f64::NAN;
    }
}

fn poison_network(detail: &mut NetworkDetail) {
    detail.other_addresses = vec![bad()];
    for interface in &mut detail.interfaces {
        interface.traffic.interface = bad();
        interface.traffic.received_bytes_per_second = f64::NAN;
        interface.state = Some(bad());
        interface.addresses = vec![bad(), bad()];
    }
    for socket in &mut detail.listening {
        socket.protocol = bad();
        socket.address = bad();
        socket.user = Some(bad());
        socket.process = Some(format!("{HOSTILE}{}", "y".repeat(1 << 16)));
        socket.process_error = Some(bad());
    }
}

fn poison_fleet(hosts: &mut [FleetHost]) {
    for host in hosts {
        host.name = bad();
        host.id.push_str(HOSTILE);
        host.labels.insert(bad(), bad());
        host.age_seconds = u64::MAX;
        if let Some(facts) = &mut host.facts {
            facts.disk_mount_point = Some(bad());
            facts.cpu_usage_percent = Some(f64::NAN);
            facts.memory_total_bytes = Some(0);
        }
    }
}
