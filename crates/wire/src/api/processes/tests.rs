use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::process::{
    IoRates, Placement, Process as ModelProcess, ProcessDescription, ProcessIo, ProcessScan,
    ProcessStatus,
};
use crate::time::Timestamp;

fn process(pid: u32, name: &str, cpu_percent: Option<f64>) -> ModelProcess {
    ModelProcess {
        pid,
        ppid: 1,
        start_ticks: 100,
        state: ProcessStatus::Sleeping,
        cpu_percent,
        cpu_seconds: 1.5,
        memory_bytes: 1 << 20,
        virtual_bytes: 1 << 30,
        threads: 1,
        priority: 15,
        nice: -5,
        tty: Some("pts/0".to_owned()),
        io: Ok(ProcessIo {
            read_bytes: 10,
            written_bytes: 20,
            rates: Some(IoRates {
                read_bytes_per_second: 0.5,
                written_bytes_per_second: 1.0,
            }),
        }),
        description: Arc::new(ProcessDescription {
            name: name.to_owned(),
            command: format!("/bin/{name}"),
            uid: Some(0),
            user: Some("root".into()),
            shared_bytes: Some(1 << 19),
            start_time: Timestamp::from_millis(1_000_250),
            placement: Placement {
                cgroup: Some("/a.slice".to_owned()),
                unit: None,
                container: None,
            },
        }),
    }
}

fn scan(processes: Vec<ModelProcess>) -> ProcessScan {
    ProcessScan {
        time: Timestamp::from_millis(2_000_000),
        duration: Duration::from_millis(3),
        interval: None,
        boot_time: Timestamp::from_millis(0),
        memory_total_bytes: 1 << 30,
        processes,
    }
}

fn all(sort: Column, order: Order) -> Selection {
    Selection {
        filter: None,
        sort,
        order,
        limit: 1000,
        after: None,
    }
}

fn pids(selection: &Selection, scan: &ProcessScan) -> Vec<u32> {
    let picked = selection.pick(scan);
    picked.rows.iter().map(|process| process.pid).collect()
}

/// Follows the cursors; `change` may change the processes between two pages.
fn walk(
    mut selection: Selection,
    mut scan: ProcessScan,
    change: impl Fn(usize, &mut Vec<ModelProcess>),
) -> Vec<u32> {
    let mut seen = Vec::new();
    for page in 0..100 {
        let picked = selection.pick(&scan);
        assert!(picked.rows.len() <= selection.limit);
        seen.extend(picked.rows.iter().map(|process| process.pid));
        let Some(next) = picked.next else { return seen };
        assert_eq!(next.encode().parse(), Ok(next.clone()));
        selection.after = Some(next);
        change(page, &mut scan.processes);
    }
    panic!("the pages do not end");
}

fn some() -> ProcessScan {
    scan(vec![
        process(1, "systemd", Some(0.5)),
        process(2, "kthreadd", Some(0.0)),
        process(3, "bash", None),
        process(4, "bash", Some(99.5)),
        process(5, "Xorg", Some(0.5)),
        process(6, "été", Some(10.0)),
    ])
}

#[test]
fn rows_are_sorted_both_ways_with_the_unknown_last() {
    let scan = some();
    let sorted = |sort, order| pids(&all(sort, order), &scan);
    let (up, down) = (Order::Ascending, Order::Descending);
    assert_eq!(sorted(Column::Pid, up), [1, 2, 3, 4, 5, 6]);
    assert_eq!(sorted(Column::Pid, down), [6, 5, 4, 3, 2, 1]);
    assert_eq!(sorted(Column::CpuPercent, down), [4, 6, 1, 5, 2, 3]);
    assert_eq!(sorted(Column::CpuPercent, up), [2, 1, 5, 6, 4, 3]);
    assert_eq!(sorted(Column::Name, up), [5, 3, 4, 2, 1, 6]);
    assert_eq!(sorted(Column::Unit, up), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn start_times_are_sorted_as_times_and_not_as_texts() {
    let started = |pid, millis| {
        let mut process = process(pid, "x", None);
        Arc::make_mut(&mut process.description).start_time = Timestamp::from_millis(millis);
        process
    };
    let scan = scan(vec![
        started(1, 5_250),
        started(2, 5_000),
        started(3, 4_900),
    ]);
    let selection = all(Column::StartTime, Order::Ascending);
    assert_eq!(pids(&selection, &scan), [3, 2, 1]);
}

#[test]
fn pages_join_to_the_whole_list_in_every_column_and_order() {
    for column in Column::ALL {
        for order in [Order::Ascending, Order::Descending] {
            let whole = pids(&all(*column, order), &some());
            for limit in 1..=7 {
                let selection = Selection {
                    limit,
                    ..all(*column, order)
                };
                assert_eq!(
                    walk(selection, some(), |_, _| ()),
                    whole,
                    "{column:?} {limit}"
                );
            }
        }
    }
}

#[test]
fn processes_that_come_and_go_between_pages_move_no_others() {
    let selection = Selection {
        limit: 2,
        ..all(Column::Pid, Order::Ascending)
    };
    let seen = walk(selection, some(), |page, processes| {
        if page == 0 {
            // Both of the first page end, and others start before and behind it.
            processes.drain(..2);
            processes.insert(0, process(1, "again", None));
            processes.push(process(9, "new", None));
        }
    });
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 9]);
    let selection = Selection {
        limit: 2,
        ..all(Column::CpuPercent, Order::Descending)
    };
    let seen = walk(selection, some(), |page, processes| {
        if page == 0 {
            processes.retain(|process| process.pid != 6);
        }
    });
    assert_eq!(seen, [4, 6, 1, 5, 2, 3]);
}

#[test]
fn the_total_counts_what_the_filter_picks_on_all_pages() {
    let scan = some();
    let selection = Selection {
        filter: Some("name = bash or cpu > 5".parse().unwrap()),
        limit: 1,
        ..all(Column::Pid, Order::Ascending)
    };
    let picked = selection.pick(&scan);
    assert_eq!((picked.total, picked.rows.len()), (3, 1));
    let second = Selection {
        after: picked.next,
        ..selection
    };
    assert_eq!(second.pick(&scan).total, 3);
}

#[test]
fn long_texts_are_sorted_by_their_beginning_and_stay_in_reach_of_a_cursor() {
    let long = |end: &str| "ä".repeat(100) + end;
    let scan = scan(vec![
        process(1, &long("z"), None),
        process(2, &long("a"), None),
        process(3, &long("m"), None),
    ]);
    let selection = Selection {
        limit: 1,
        ..all(Column::Command, Order::Ascending)
    };
    let cursor = selection.pick(&scan).next.unwrap().encode();
    assert!(cursor.len() < 400, "{cursor}");
    assert_eq!(walk(selection, scan, |_, _| ()), [1, 2, 3]);
}

#[test]
fn the_selected_fields_are_those_of_the_wire_type() {
    let mut processes = some().processes;
    processes[0].io = Err(Unavailable::PermissionDenied);
    processes[1].io = Err(Unavailable::NotSupported);
    if let Ok(io) = &mut processes[2].io {
        io.rates = None;
    }
    for process in &processes {
        let fields = Fields::default();
        let selected = SelectedProcess {
            process,
            fields: &fields,
            memory_total_bytes: 1 << 30,
        };
        let written = serde_json::to_value(selected).unwrap();
        let wire = Process::new(process, 1 << 30);
        assert_eq!(written, serde_json::to_value(&wire).unwrap());
        assert_eq!(serde_json::from_value::<Process>(written).unwrap(), wire);
    }
}

#[test]
fn only_the_fields_that_were_asked_for_are_written_with_their_reasons() {
    let mut process = process(3, "bash", None);
    process.io = Err(Unavailable::PermissionDenied);
    let written = |fields: &str| {
        let fields = fields.parse().unwrap();
        let selected = SelectedProcess {
            process: &process,
            fields: &fields,
            memory_total_bytes: 1 << 30,
        };
        serde_json::to_string(&selected).unwrap()
    };
    assert_eq!(written("name,pid"), r#"{"pid":3,"name":"bash"}"#);
    assert_eq!(written("unit"), r#"{"unit":null}"#);
    assert_eq!(
        written("cpu,read_bytes,memory_percent"),
        r#"{"cpu_percent":null,"memory_percent":0.1,"read_bytes":null,"unavailable":{"cpu_percent":"first_scan","read_bytes":"permission_denied"}}"#
    );
}

#[test]
fn details_say_why_something_is_missing() {
    let details = ProcessDetails {
        process: process(3, "bash", Some(1.0)),
        memory_total_bytes: 1 << 30,
        arguments: vec!["bash".to_owned()],
        open_files: Err(Unavailable::PermissionDenied),
        limits: Ok(Vec::new()),
    };
    let json = serde_json::to_value(ProcessDetail::from(details)).unwrap();
    assert_eq!(json["pid"], 3);
    assert_eq!(json["open_files"], serde_json::Value::Null);
    assert_eq!(json["unavailable"]["open_files"], "permission_denied");
    assert_eq!(json["limits"], serde_json::json!([]));
}
