//! One process in words.

use std::fmt::Write as _;

use super::columns;
use crate::cli::Context;
use crate::cli::globals::Format;
use crate::cli::rows::{Column, Listing, clean};
use linux_api_wire::api::processes::{Limit, Process, ProcessDetail};
use linux_api_wire::time::{Clock, Timestamp};
use linux_api_wire::units::{cpu_time, moment, percent, rate, size, span};

/// Everything, a line each; with `-o wide` also the limits that are not in force.
pub(super) fn in_words(ctx: &Context, detail: &ProcessDetail) -> String {
    let Process {
        pid,
        ppid,
        name,
        uid,
        user,
        state,
        ..
    } = &detail.process;
    let process = &detail.process;
    let mut lines: Vec<(&str, String)> = vec![
        ("process", format!("{pid}  {name}")),
        ("state", format!("{state}, parent {ppid}")),
        (
            "user",
            match (user, uid) {
                (Some(user), Some(uid)) => format!("{user} ({uid})"),
                (Some(user), None) => user.clone(),
                (None, Some(uid)) => uid.to_string(),
                (None, None) => reason(process, "user"),
            },
        ),
        ("started", started(&process.start_time)),
        ("identity", columns::identity(process)),
        (
            "cpu",
            format!(
                "{} of one processor now, {} in all",
                known(process, "cpu_percent", process.cpu_percent.map(percent)),
                cpu_time(process.cpu_seconds)
            ),
        ),
        (
            "memory",
            format!(
                "{} ({}) resident, {} of it shared, {} virtual",
                size(process.memory_bytes),
                known(
                    process,
                    "memory_percent",
                    process.memory_percent.map(percent)
                ),
                known(process, "shared_bytes", process.shared_bytes.map(size)),
                size(process.virtual_bytes)
            ),
        ),
        (
            "threads",
            format!("{}, nice {}", process.threads, process.nice),
        ),
        ("disk", disk(process)),
        (
            "open files",
            known(
                process,
                "open_files",
                detail.open_files.map(|number| number.to_string()),
            ),
        ),
    ];
    let optional = [
        ("terminal", &process.tty),
        ("unit", &process.unit),
        ("container", &process.container),
        ("cgroup", &process.cgroup),
    ];
    for (name, value) in optional {
        lines.extend(value.clone().map(|value| (name, value)));
    }
    let command = if detail.arguments.is_empty() {
        process.command.clone()
    } else {
        detail.arguments.join(" ")
    };
    if !command.is_empty() {
        lines.push(("command", command));
    }
    let mut text = String::new();
    for (name, value) in lines {
        // Writing to a text never fails.
        let _ = writeln!(text, "{name:<11} {}", clean(&value));
    }
    match &detail.limits {
        Some(limits) => text.push_str(&limits_in_words(ctx, limits)),
        None => {
            let _ = writeln!(text, "{:<11} {}", "limits", reason(process, "limits"));
        }
    }
    text
}

/// What it read and wrote in all, and now where that is known.
fn disk(process: &Process) -> String {
    let (Some(read), Some(written)) = (process.read_bytes, process.written_bytes) else {
        return reason(process, "read_bytes");
    };
    let now = |value: Option<f64>| {
        value.map_or_else(String::new, |value| format!(" ({} now)", rate(value)))
    };
    format!(
        "{} read{}, {} written{}",
        size(read),
        now(process.read_bytes_per_second),
        size(written),
        now(process.written_bytes_per_second)
    )
}

fn limits_in_words(ctx: &Context, limits: &[Limit]) -> String {
    let is_wide = ctx.format() == Format::Wide;
    let shown: Vec<Limit> = limits
        .iter()
        .filter(|limit| is_wide || limit.soft.is_some())
        .cloned()
        .collect();
    if shown.is_empty() {
        return String::new();
    }
    let listing = Listing {
        columns: vec![
            Column::text("LIMIT", |limit: &Limit| limit.name.as_str().into()),
            Column::number("IN FORCE", |limit| most(limit.soft, limit).into()),
            Column::number("AT MOST", |limit| most(limit.hard, limit).into()),
        ],
        name: |limit| limit.name.clone(),
        empty: String::new(),
    };
    format!("\n{}", listing.in_words(ctx, &shown))
}

fn most(value: Option<u64>, limit: &Limit) -> String {
    match (value, limit.unit.as_deref()) {
        (None, _) => "unlimited".to_owned(),
        (Some(value), Some("bytes")) => size(value),
        (Some(value), Some(unit)) => format!("{value} {unit}"),
        (Some(value), None) => value.to_string(),
    }
}

fn started(text: &str) -> String {
    let Ok(time) = text.parse::<Timestamp>() else {
        return text.to_owned();
    };
    let ago = Clock::system().now().since(time).as_secs();
    format!("{} UTC, {} ago", moment(time), span(ago))
}

fn known(process: &Process, field: &str, value: Option<String>) -> String {
    value.unwrap_or_else(|| reason(process, field))
}

/// Why a value is not there, in words.
fn reason(process: &Process, field: &str) -> String {
    let why = match process.unavailable.get(field).map(String::as_str) {
        Some("permission_denied") => "the daemon may not read it",
        Some("not_supported") => "the kernel does not report it",
        Some("first_scan") => "known from the next scan on",
        Some(other) => other,
        None => "not known",
    };
    if why == "not known" {
        return why.to_owned();
    }
    format!("not known ({why})")
}
