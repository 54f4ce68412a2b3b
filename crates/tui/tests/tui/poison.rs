//! Responses whose names mean harm.

use linux_api_tui::query::AnyResponse;

/// What tries to steer a terminal: a title, the clipboard, clearing, colours, direction, hiding.
pub(crate) const HOSTILE: &str = "e\u{1b}]0;owned\u{7}v\u{1b}]52;c;b3duZWQ=\u{7}i\u{1b}[2J\u{9b}31ml\
                       \u{202e}txt\u{2066}\u{200b}\u{feff}\n\r\t漢字e\u{301}";

/// Puts it into every text of a response.
pub(crate) fn poison(data: &mut AnyResponse) {
    let bad = || HOSTILE.to_owned();
    match data {
        AnyResponse::Me(me) => me.user.username = bad(),
        AnyResponse::Info(info) => {
            info.release = bad();
            info.machine = "x".repeat(2 << 20);
        }
        AnyResponse::Snapshot(snapshot) => {
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
        AnyResponse::History(history) => {
            for series in &mut history.series {
                series.labels.insert("name".to_owned(), bad());
                series.points.push([f64::NAN, f64::INFINITY, -1.0]);
                series.points.push([1e300, 0.0, 0.0]);
            }
        }
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
