use super::*;
use crate::severity::Severity;

fn rule(text: &str) -> Result<Rule, Vec<RuleProblem>> {
    compile(toml::from_str(text).unwrap(), RuleSource::Stored)
}

fn problems(text: &str) -> Vec<String> {
    let problems = rule(text).unwrap_err();
    problems.iter().map(RuleProblem::to_string).collect()
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let rule = rule("name = \"hot\"\nseries = \"sensor.celsius\"\nwarning = 80\n").unwrap();
    let level = rule.warning.unwrap();
    assert_eq!((level.at, level.clear), (80.0, 76.0));
    assert_eq!(level.pending, Duration::from_mins(5));
    assert_eq!(rule.keep_firing, Duration::from_mins(5));
    assert_eq!(rule.repeat, Some(Duration::from_hours(12)));
    assert!(rule.enabled && rule.channels.is_empty() && rule.critical.is_none());
    assert!(rule.waits_in_quiet_hours(Severity::Warning));
    assert!(!rule.waits_in_quiet_hours(Severity::Critical));
    assert_eq!(
        rule.threshold_text(Severity::Warning).unwrap(),
        "80 °C or more"
    );
}

#[test]
fn below_clears_above_the_threshold() {
    let text = "
        name = \"low\"
        series = \"memory.available_bytes\"
        when = \"below\"
        warning = \"1GiB\"
        critical = { at = \"512MiB\", clear = \"600MiB\", for = \"1min\" }
        hysteresis = \"256MiB\"
        repeat = \"never\"";
    let rule = rule(text).unwrap();
    let mebi = 1_048_576.0;
    let (warning, critical) = (rule.warning.unwrap(), rule.critical.unwrap());
    assert_eq!((warning.at, warning.clear), (1024.0 * mebi, 1280.0 * mebi));
    assert_eq!((critical.at, critical.clear), (512.0 * mebi, 600.0 * mebi));
    assert_eq!(critical.pending, Duration::from_mins(1));
    assert_eq!(rule.repeat, None);
    let text = rule.threshold_text(Severity::Warning).unwrap();
    assert_eq!(text, "less than 1.0 GiB");
}

#[test]
fn second_conditions_and_short_names_are_read() {
    let disk = rule(
        "name = \"data\"\ncheck = \"disk_space\"\nlabels = { mount_point = \"/data\" }
         warning = { at = 90, free = \"100GiB\" }",
    )
    .unwrap();
    assert_eq!(disk.warning.unwrap().second, Some(107_374_182_400.0));
    assert_eq!(
        disk.threshold_text(Severity::Warning).unwrap(),
        "90% or more and less than 100 GiB free"
    );
    let backup = rule("name = \"b\"\ncheck = \"backup_old\"\nwarning = 1\n").unwrap();
    assert_eq!(backup.subject, Subject::Check(Check::LinuxApi));
    assert!(backup.labels.0["part"][0].matches("backup"));
    let clock = rule(
        "name = \"c\"\ncheck = \"clock_off\"\nwarning = { at = \"500ms\", unsynchronised = \"1h\" }",
    )
    .unwrap();
    assert_eq!(
        clock.threshold_text(Severity::Warning).unwrap(),
        "500 ms or more, or unsynchronised for 1 h"
    );
}

#[test]
fn every_problem_is_reported_with_its_key() {
    let found = problems(
        "name = \"Bad Name\"
         series = \"cpu.usage\"
         hosts = \"prod\"
         for = \"5m\"
         repeat = \"1s\"
         channels = [\"Ops\"]",
    );
    assert_eq!(found.len(), 6, "{found:?}");
    assert!(found[0].starts_with("name: expected 1 to 64"), "{found:?}");
    assert!(
        found[1].starts_with("series: there is no series \"cpu.usage\""),
        "{found:?}"
    );
    assert!(
        found[2].starts_with("hosts: Input should be labels"),
        "{found:?}"
    );
    assert!(
        found[3].starts_with("for: expected a duration"),
        "{found:?}"
    );
    assert_eq!(found[4], "repeat: expected 5min or more, or never");
    assert!(
        found[5].starts_with("channels: expected 1 to 64"),
        "{found:?}"
    );
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let head = "name = \"a\"\n";
    for (text, expected) in [
        ("warning = 1", "series: expected either series or check"),
        (
            "series = \"load.one\"\ncheck = \"load\"\nwarning = 1",
            "check: expected either series or check, not both",
        ),
        (
            "series = \"load.one\"",
            "warning: expected warning, critical or both",
        ),
        (
            "series = \"load.one\"\nwarning = 5\ncritical = 4",
            "critical: expected a threshold above that of warning",
        ),
        (
            "series = \"load.one\"\nwarning = { at = 5, clear = 6 }",
            "warning.clear: expected a value on the good side of the threshold",
        ),
        (
            "series = \"load.one\"\nwarning = { at = 5, free = 1 }",
            "warning.free: unknown key: a threshold has at, clear, for",
        ),
        (
            "series = \"load.one\"\nwarning = 5\nlabels = { core = \"0\" }",
            "labels.core: load.one has no label \"core\": it has no labels",
        ),
        (
            "check = \"load\"\nwhen = \"below\"\nwarning = 5",
            "when: a check has its side; only series take this key",
        ),
        (
            "check = \"disk_spice\"\nwarning = 5",
            "check: there is no check \"disk_spice\"; did you mean disk_space?",
        ),
        (
            "series = \"load.one\"\nwhen = \"over\"\nwarning = 5",
            "when: expected above or below, not \"over\"",
        ),
        (
            "series = \"load.one\"\nwarning = 5\nhysteresis = -1",
            "hysteresis: expected 0 or more",
        ),
        (
            "check = \"process_missing\"\nwarning = 1\nprocess = { executable = \"/bin/x\" }",
            "process: expected unit, or executable and uid",
        ),
        (
            "check = \"load\"\nwarning = 1\nrestart = \"$unit\"",
            "restart: $unit is known to unit_failed only",
        ),
        (
            "check = \"load\"\nwarning = 1\nrestart = \"reboot.target\"",
            "restart: expected NAME.service, NAME.timer, NAME.socket or NAME.path",
        ),
    ] {
        assert_eq!(problems(&format!("{head}{text}")), [expected], "{text}");
    }
}
