//! The tutorial of a fleet, run by the script that runs all of it: here without the parts that take minutes.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::guides::pages::root;
use crate::guides::postgres::fresh_database;
use crate::support::left_out;

pub(crate) const PAGE: &str = "docs/tutorial-fleet.md";

/// What the page needs from the machine, and Debian's package.
const PROGRAMS: [(&str, &str); 4] = [
    ("psql", "postgresql-client"),
    ("createdb", "postgresql-client"),
    ("python3", "python3"),
    ("script", "bsdutils"),
];

fn is_there(program: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", "command -v \"$1\"", "sh", program])
        .stdout(Stdio::null())
        .status();
    found.is_ok_and(|status| status.success())
}

/// Parts of a URL of a server: user, password where there is one, host and port.
fn parts(url: &str) -> (String, Option<String>, String, String) {
    let authority = url.split_once("://").unwrap().1.split('/').next().unwrap();
    let (account, address) = authority.rsplit_once('@').unwrap();
    let (user, password) = match account.split_once(':') {
        Some((user, password)) => (user, Some(password.to_owned())),
        None => (account, None),
    };
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "5432"));
    (user.to_owned(), password, host.to_owned(), port.to_owned())
}

pub(crate) fn follow() {
    for (program, package) in PROGRAMS {
        if !is_there(program) {
            left_out::for_want_of(program, &format!("apt-get install {package}"));
            return;
        }
    }
    let (user, password, host, port) = parts(&fresh_database());
    let program: &Path = assert_cmd::cargo::cargo_bin!("linux-api");
    let mut script = Command::new(root().join("scripts/try-tutorial"));
    script.arg("--short").arg(program);
    script
        .env("PGHOST", host)
        .env("PGPORT", port)
        .env("PGUSER", user);
    if let Some(password) = password {
        script.env("PGPASSWORD", password);
    }
    let output = script.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    for shown in ["web-01", "db-01", "my_first_rule", "left out"] {
        assert!(said.contains(shown), "no {shown} in:\n{said}");
    }
}

#[test]
fn parts_of_a_url_are_found() {
    let (user, password, host, port) = parts("postgres://a:b@h:1/d");
    assert_eq!((user.as_str(), password.as_deref()), ("a", Some("b")));
    assert_eq!((host.as_str(), port.as_str()), ("h", "1"));
    assert_eq!(parts("postgres://a@h/d").3, "5432");
}
