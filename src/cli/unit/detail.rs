//! One unit in words.

use std::fmt::Write as _;

use super::tone;
use crate::cli::Context;
use crate::cli::rows::{clean, paint};
use linux_api_wire::api::units::UnitDetail;
use linux_api_wire::units::{cpu_time, percent, size, time};

/// What is known of it, a line each, and its last log lines.
pub(super) fn in_words(ctx: &Context, unit: &UnitDetail) -> String {
    let state = format!("{} ({})", unit.active, unit.sub);
    let since = |time_text: &Option<String>| {
        let since = time_text.as_deref().map(time);
        since.map_or_else(String::new, |since| format!(" since {since} UTC"))
    };
    let state = paint(&clean(&state), tone(&unit.active), ctx.has_color());
    let mut lines = vec![
        ("unit", clean(&unit.name)),
        ("description", clean(&unit.description)),
        (
            "state",
            format!("{state}{}", clean(&since(&unit.state_since))),
        ),
    ];
    let mut add = |name: &'static str, value: Option<String>| {
        let value = value.filter(|value| !value.is_empty());
        lines.extend(value.map(|value| (name, clean(&value))));
    };
    let others: Vec<&str> = unit.aliases.iter().map(String::as_str).collect();
    let others: Vec<&str> = others.into_iter().filter(|it| *it != unit.name).collect();
    add("aliases", Some(others.join(", ")));
    let load = (unit.load != "loaded").then(|| unit.load.clone());
    add("load", load);
    add("enabled", unit.enabled.clone());
    add("file", unit.fragment_path.clone());
    add("result", unit.result.clone().filter(|it| it != "success"));
    add("main pid", unit.main_pid.map(|it| it.to_string()));
    add(
        "exit code",
        unit.exit_code
            .filter(|it| *it != 0)
            .map(|it| it.to_string()),
    );
    add("exit signal", unit.exit_signal.map(|it| it.to_string()));
    add(
        "restarts",
        unit.restarts.filter(|it| *it > 0).map(|it| it.to_string()),
    );
    add("status", unit.status_text.clone());
    add(
        "memory",
        amount(unit.memory_bytes, unit.memory_max_bytes, size),
    );
    add("memory high", unit.memory_high_bytes.map(size));
    add("cpu time", unit.cpu_seconds.map(cpu_time));
    add("cpu quota", unit.cpu_quota_percent.map(percent));
    add("io weight", unit.io_weight.map(|it| it.to_string()));
    add(
        "tasks",
        amount(unit.tasks, unit.tasks_max, |it| it.to_string()),
    );
    add("starts", Some(unit.triggers.join(", ")));
    add("started by", Some(unit.triggered_by.join(", ")));
    add(
        "last run",
        unit.last_trigger
            .as_deref()
            .map(|it| format!("{} UTC", time(it))),
    );
    add(
        "next run",
        unit.next_trigger
            .as_deref()
            .map(|it| format!("{} UTC", time(it))),
    );
    let mut text = String::new();
    for (name, value) in lines {
        // Writing to a text never fails.
        let _ = writeln!(text, "{name:<11} {value}");
    }
    match unit.log.as_deref() {
        None => text.push_str("log         needs the scope logs:read\n"),
        Some([]) => {}
        Some(log) => {
            text.push('\n');
            for line in log {
                let _ = writeln!(
                    text,
                    "{}  {}",
                    clean(&time(&line.time)),
                    clean(&line.message)
                );
            }
        }
    }
    text
}

/// How much is used, and of how much where there is a limit.
fn amount(used: Option<u64>, most: Option<u64>, words: fn(u64) -> String) -> Option<String> {
    match (used.map(words), most.map(words)) {
        (Some(used), Some(most)) => Some(format!("{used} of {most}")),
        (None, Some(most)) => Some(format!("at most {most}")),
        (used, None) => used,
    }
}
