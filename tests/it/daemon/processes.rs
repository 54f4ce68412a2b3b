//! The process list over a real connection: of a recorded host, and of this one.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::daemon::process::Daemon;

const LIST: &str = "/api/v1/system/processes";
const ID: &str = "3f4e5d6c7b8a99887766554433221100ffeeddccbbaa99887766554433221100";

/// Adds a process to a recorded process file system.
fn record(procfs: &Path, pid: u32, name: &str, state: char, pages: u32, cgroup: &str) {
    let folder = procfs.join(pid.to_string());
    fs::create_dir_all(&folder).unwrap();
    let stat = format!(
        "{pid} ({name}) {state} 1 1 1 0 -1 4194560 0 0 0 0 50 50 0 0 20 0 1 0 100 1048576 {pages} \
         1 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 1 2 0 0 0\n"
    );
    fs::write(folder.join("stat"), stat).unwrap();
    fs::write(folder.join("cmdline"), format!("/usr/bin/{name}\0-v\0")).unwrap();
    let uid = if pid < 100 { 0 } else { 33 };
    let status = format!("Name:\tx\nTgid:\t{pid}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n");
    fs::write(folder.join("status"), status).unwrap();
    fs::write(folder.join("cgroup"), cgroup).unwrap();
}

/// A host of six processes in all kinds of control groups, of which one has a hostile name.
fn recorded_host(home: &Path) {
    let procfs = home.join("proc");
    fs::create_dir_all(home.join("etc")).unwrap();
    fs::write(
        home.join("etc/passwd"),
        "root:x:0:0::/root:/bin/sh\nweb:x:33:33::/:/bin/sh\n",
    )
    .unwrap();
    let v1 = "4:memory:/system.slice/cron.service\n1:name=systemd:/system.slice/cron.service\n";
    record(&procfs, 1, "init", 'S', 100, "0::/init.scope\n");
    record(&procfs, 10, "cron", 'S', 50, v1);
    record(&procfs, 11, "cron", 'Z', 0, &format!("{v1}0::/\n"));
    record(
        &procfs,
        100,
        "nginx",
        'R',
        4000,
        "0::/system.slice/nginx.service\n",
    );
    let container = format!("0::/system.slice/docker-{ID}.scope\n");
    record(&procfs, 101, "nginx", 'S', 2000, &container);
    record(&procfs, 102, "a) R 1\n\u{1b}[2J", 'D', 10, "");
    fs::write(procfs.join("uptime"), "1000.00 1.0\n").unwrap();
    fs::write(procfs.join("meminfo"), "MemTotal: 1048576 kB\n").unwrap();
}

/// A daemon that reads the recorded host.
struct RecordedHost {
    daemon: Daemon,
    _home: TempDir,
}

impl RecordedHost {
    fn start() -> Self {
        let home = TempDir::new().unwrap();
        recorded_host(home.path());
        let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
        let variables = [
            ("LINUX_API__HOST__PROCFS", path("proc")),
            ("LINUX_API__HOST__ROOTFS", path("")),
        ];
        let variables = variables
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let daemon = Daemon::start(home.path(), &[], &variables);
        Self {
            daemon,
            _home: home,
        }
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let (status, body) = self.daemon.get(path, self.daemon.key.as_deref());
        (status, serde_json::from_str(&body).unwrap())
    }

    fn list(&self, query: &str) -> Value {
        let (status, answer) = self.get(&format!("{LIST}?{query}"));
        assert_eq!(status, 200, "{query}: {answer}");
        answer
    }

    fn pids(&self, query: &str) -> Vec<u64> {
        pids(&self.list(query))
    }

    /// The problem that a wrong query is answered with.
    fn problem(&self, query: &str) -> Value {
        let (status, problem) = self.get(&format!("{LIST}?{query}"));
        assert_eq!(
            (status, &problem["code"]),
            (422, &json!("validation_failed")),
            "{query}"
        );
        problem
    }
}

fn pids(answer: &Value) -> Vec<u64> {
    let items = answer["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["pid"].as_u64().unwrap())
        .collect()
}

#[test]
fn processes_are_filtered_sorted_and_cut_to_the_fields() {
    let host = RecordedHost::start();
    assert_eq!(host.pids(""), [1, 10, 11, 100, 101, 102]);
    assert_eq!(host.pids("filter="), [1, 10, 11, 100, 101, 102]);
    for (filter, expected) in [
        ("nginx", &[100, 101][..]),
        ("user=web+memory%3E10M", &[100]),
        ("state+%3D+zombie+or+state+%3D+D", &[11, 102]),
        ("unit=cron.service", &[10, 11]),
        ("container~^3f4e", &[101]),
        ("not+unit~.", &[102]),
        ("command+~+%22nginx+-v$%22", &[100, 101]),
    ] {
        assert_eq!(host.pids(&format!("filter={filter}")), expected, "{filter}");
    }
    // Amounts from the largest, names from A; the pid decides among equals.
    assert_eq!(host.pids("sort=memory"), [100, 101, 1, 10, 102, 11]);
    assert_eq!(
        host.pids("sort=memory&order=asc"),
        [11, 102, 10, 1, 101, 100]
    );
    assert_eq!(host.pids("sort=name"), [102, 10, 11, 1, 100, 101]);
    assert_eq!(host.pids("sort=unit&order=desc")[..2], [100, 1]);
    assert_eq!(host.pids("sort=pid&order=desc"), [102, 101, 100, 11, 10, 1]);

    let answer = host.list("fields=user,pid,unit,read_bytes&filter=pid=101");
    assert_eq!(answer["total"], 1);
    assert_eq!(answer["next_cursor"], Value::Null);
    let expected = json!({
        "pid": 101, "user": "web", "unit": format!("docker-{ID}.scope"), "read_bytes": null,
        "unavailable": {"read_bytes": "not_supported"}
    });
    assert_eq!(answer["items"][0], expected);
    // Escaped, and not interpreted.
    let hostile = host.list("filter=pid=102&fields=name,state");
    assert_eq!(hostile["items"][0]["name"], "a) R 1\n\u{1b}[2J");
    assert_eq!(hostile["items"][0]["state"], "disk-sleep");
}

#[test]
fn cursors_lead_through_the_whole_list_and_only_in_the_same_order() {
    let host = RecordedHost::start();
    for query in [
        "sort=memory",
        "sort=name&order=desc",
        "sort=cpu",
        "filter=not+zombie",
    ] {
        let whole = host.pids(query);
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = host.list(&format!("{query}&limit=2{cursor}"));
            assert_eq!(page["total"], whole.len());
            seen.extend(pids(&page));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, whole, "{query}");
    }
    let page = host.list("sort=memory&limit=1");
    let cursor = page["next_cursor"].as_str().unwrap();
    for query in ["sort=name", "sort=memory&order=asc", ""] {
        let problem = host.problem(&format!("{query}&cursor={cursor}"));
        assert_eq!(problem["errors"][0]["location"], json!(["query", "cursor"]));
    }
}

#[test]
fn what_is_wrong_with_a_query_is_said_all_at_once() {
    let host = RecordedHost::start();
    let problem = host.problem("filter=cpu+%3E+x&sort=colour&order=up&fields=&limit=1001&cursor=x");
    let fields: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["location"][1].as_str().unwrap())
        .collect();
    let expected = BTreeSet::from(["filter", "sort", "order", "fields", "limit", "cursor"]);
    assert_eq!(fields.into_iter().collect::<BTreeSet<_>>(), expected);
    let problem = host.problem("filter=cpu+%3E+x");
    let message = "column 7: expected a percentage such as 5, 2.5 or 150% for `cpu`";
    assert_eq!(problem["errors"][0]["message"], message);
    assert_eq!(problem["detail"], format!("query.filter: {message}"));
    assert_eq!(
        host.problem("limit=0")["errors"][0]["location"],
        json!(["query", "limit"])
    );
    let (status, _) = host.daemon.get(LIST, None);
    assert_eq!(status, 401);
}

#[test]
fn one_process_is_shown_with_all_that_is_known_of_it() {
    let host = RecordedHost::start();
    let (status, process) = host.get(&format!("{LIST}/101"));
    assert_eq!(status, 200);
    assert_eq!(process["arguments"], json!(["/usr/bin/nginx", "-v"]));
    assert_eq!(process["container"], ID);
    assert_eq!(process["open_files"], Value::Null);
    assert_eq!(process["unavailable"]["open_files"], "not_supported");
    let (status, problem) = host.get(&format!("{LIST}/7"));
    assert_eq!(
        (status, &problem["code"]),
        (404, &json!("process_not_found"))
    );
    for pid in ["-1", "x", "+1", "4294967296", "1.0"] {
        assert_eq!(host.get(&format!("{LIST}/{pid}")).0, 422, "{pid}");
    }
    assert_eq!(host.daemon.get(&format!("{LIST}/1"), None).0, 401);
}

#[test]
fn this_host_shows_a_process_until_it_ends() {
    let home = TempDir::new().unwrap();
    let daemon = Daemon::start(home.path(), &[], &[]);
    let get = |path: &str| {
        let (status, body) = daemon.get(path, daemon.key.as_deref());
        (status, serde_json::from_str::<Value>(&body).unwrap())
    };
    let mut command = Command::new("/bin/cat");
    command
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A process that echoes has its arguments; they are set a moment after it starts.
    child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
    let mut answer = [0];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut answer)
        .unwrap();
    let path = format!("{LIST}/{}", child.id());
    let (status, process) = get(&path);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        (status, &process["arguments"]),
        (200, &json!(["/bin/cat", "-"]))
    );
    assert!(process["limits"].as_array().unwrap().len() > 10);
    // In the scan that is still shared, but not there any more.
    assert_eq!(get(&path).0, 404);
    let (status, list) = get("/api/v1/system/info/processes");
    assert_eq!(status, 200);
    let own = list.as_array().unwrap().iter();
    let own = own
        .filter(|process| process["pid"] == std::process::id())
        .count();
    assert_eq!(own, 1);
}
