//! Units of systemd that have failed.

use super::Finding;
use linux_api_config::Host;
use linux_api_host::units::Units;
use linux_api_wire::snapshot::FailedUnits;
use linux_api_wire::time::Clock;

const CHECK: &str = "failed units";

pub(super) async fn check(host: &Host) -> Finding {
    let units = Units::new(&host.rootfs, Clock::system());
    match units.failed().await {
        Ok(failed) => judge(&failed),
        // In a container, or on a host without systemd, there are none to look for.
        Err(error) => Finding::ok(CHECK, format!("unknown: {error}")),
    }
}

fn judge(units: &FailedUnits) -> Finding {
    let mut found = Vec::new();
    if units.failed > 0 {
        let names = named(units.failed, &units.failed_names);
        found.push(format!("{} failed: {names}", units.failed));
    }
    if units.restarting > 0 {
        let names = named(units.restarting, &units.restarting_names);
        found.push(format!(
            "{} restarted over and over: {names}",
            units.restarting
        ));
    }
    if found.is_empty() {
        return Finding::ok(CHECK, "none");
    }
    Finding::warn(
        CHECK,
        found.join("; "),
        "systemctl status NAME says why; systemctl reset-failed NAME when it does not matter",
    )
}

/// The names, and that there are more.
fn named(all: u64, names: &[String]) -> String {
    let more = if all > names.len() as u64 {
        ", …"
    } else {
        ""
    };
    format!("{}{more}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn failed_units_are_a_warning_with_their_names() {
        assert_eq!(judge(&FailedUnits::default()).result, Verdict::Ok);
        let finding = judge(&FailedUnits {
            failed: 21,
            failed_names: vec!["a.service".to_owned(), "b.service".to_owned()],
            restarting: 1,
            restarting_names: vec!["c.service".to_owned()],
        });
        assert_eq!(finding.result, Verdict::Warn);
        assert_eq!(
            finding.detail,
            "21 failed: a.service, b.service, …; 1 restarted over and over: c.service"
        );
    }
}
