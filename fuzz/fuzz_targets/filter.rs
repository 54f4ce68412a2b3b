//! Any text is a filter or an error within it; a filter that is printed reads as itself and picks
//! the same rows.

#![no_main]

use libfuzzer_sys::fuzz_target;
use linux_api_wire::filter::{Filter, FilterRow, MAX_CHARACTERS};
use linux_api_wire::process::ProcessStatus;

const ROW: FilterRow<'static> = FilterRow {
    pid: 4312,
    ppid: 1,
    name: "nginx",
    command: "nginx: worker \"process\" --größe=5",
    user: "www-data",
    uid: Some(33),
    state: ProcessStatus::Sleeping,
    cpu_percent: Some(5.0),
    memory_bytes: 300 << 20,
    memory_percent: Some(12.5),
    threads: 8,
    unit: "nginx.service",
    cgroup: "/system.slice/nginx.service",
    container: "",
};

fuzz_target!(|text: &str| {
    let filter = match text.parse::<Filter>() {
        Ok(filter) => filter,
        Err(error) => {
            assert!((1..=text.chars().count() + 1).contains(&error.column));
            return;
        }
    };
    let picks = filter.matches(&ROW);
    let printed = filter.to_string();
    if printed.chars().count() > MAX_CHARACTERS {
        return;
    }
    let again: Filter = printed.parse().expect("a printed filter is one");
    assert_eq!(again, filter);
    assert_eq!(again.to_string(), printed);
    assert_eq!(again.matches(&ROW), picks);
});
