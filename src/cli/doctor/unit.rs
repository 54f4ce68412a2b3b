//! How systemd sees the daemon, where there is systemd and a unit.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::Finding;

const CHECK: &str = "systemd unit";
const UNIT: &str = "linux-api.service";
/// Where units of packages and of administrators are (systemd.unit(5)).
const FOLDERS: [&str; 4] = [
    "etc/systemd/system",
    "run/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];
const SYSTEMCTL: &str = "/usr/bin/systemctl";
const DEADLINE: Duration = Duration::from_secs(5);

/// `root` is the root directory.
pub(super) async fn check(root: &Path) -> Finding {
    let is_booted = root.join("run/systemd/system").is_dir();
    let installed = FOLDERS
        .iter()
        .any(|folder| root.join(folder).join(UNIT).exists());
    match (installed, is_booted) {
        (false, _) => Finding::ok(CHECK, "not installed; linux-api setup installs it"),
        (true, false) => Finding::ok(CHECK, "installed, and systemd does not run here"),
        (true, true) => match ask().await {
            Ok(properties) => judge(&properties),
            Err(reason) => Finding::warn(
                CHECK,
                format!("systemctl does not respond: {reason}"),
                format!("look yourself: systemctl status {UNIT}"),
            ),
        },
    }
}

async fn ask() -> Result<BTreeMap<String, String>, String> {
    let mut command = Command::new(SYSTEMCTL);
    command
        .args([
            "show",
            "--property=LoadState,ActiveState,SubState,UnitFileState,Result",
        ])
        .args(["--", UNIT])
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let asked = tokio::time::timeout(DEADLINE, command.output()).await;
    let output = asked
        .map_err(|_| format!("no response within {DEADLINE:?}"))?
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(properties(&String::from_utf8_lossy(&output.stdout)))
}

fn properties(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn judge(properties: &BTreeMap<String, String>) -> Finding {
    let of = |name: &str| properties.get(name).map_or("unknown", String::as_str);
    let (active, sub, result) = (of("ActiveState"), of("SubState"), of("Result"));
    match active {
        "active" | "activating" | "reloading" => match of("UnitFileState") {
            "disabled" => Finding::warn(
                CHECK,
                format!("{active} ({sub}), but not started at boot"),
                format!("systemctl enable {UNIT}"),
            ),
            state => Finding::ok(CHECK, format!("{active} ({sub}), {state}")),
        },
        "failed" => Finding::fail(
            CHECK,
            format!("failed ({result})"),
            format!("see why with: journalctl -u {UNIT} -n 50; then: systemctl restart {UNIT}"),
        ),
        _ if of("LoadState") != "loaded" => Finding::fail(
            CHECK,
            format!("systemd can't use it ({})", of("LoadState")),
            format!("systemctl daemon-reload, then: systemctl status {UNIT}"),
        ),
        _ => Finding::warn(
            CHECK,
            format!("installed and {active}"),
            format!("systemctl enable --now {UNIT}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Verdict;

    #[tokio::test]
    async fn where_there_is_no_unit_that_is_fine() {
        let root = tempfile::tempdir().unwrap();
        let none = check(root.path()).await;
        assert!(none.result == Verdict::Ok && none.detail.contains("setup"));
        let folder = root.path().join("etc/systemd/system");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(UNIT), "").unwrap();
        let idle = check(root.path()).await;
        assert!(idle.result == Verdict::Ok && idle.detail.contains("does not run here"));
    }

    #[test]
    fn what_systemd_says_is_judged() {
        let result = |text: &str| judge(&properties(text)).result;
        let running = "LoadState=loaded\nActiveState=active\nSubState=running\n";
        assert_eq!(
            result(&format!("{running}UnitFileState=enabled\n")),
            Verdict::Ok
        );
        assert_eq!(
            result(&format!("{running}UnitFileState=disabled\n")),
            Verdict::Warn
        );
        assert_eq!(
            result("LoadState=loaded\nActiveState=inactive\n"),
            Verdict::Warn
        );
        let failed = judge(&properties("ActiveState=failed\nResult=exit-code\n"));
        assert_eq!(failed.result, Verdict::Fail);
        assert_eq!(failed.detail, "failed (exit-code)");
        assert_eq!(
            result("LoadState=error\nActiveState=inactive\n"),
            Verdict::Fail
        );
    }
}
