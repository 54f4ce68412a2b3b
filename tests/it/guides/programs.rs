//! Programs in the guides: run against the daemon of the page.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::guides::pages::root;
use crate::guides::stage::Stage;
use crate::support::left_out;

/// The page whose programs need generated clients.
pub(crate) const CLIENTS: &str = "docs/api-clients.md:";

/// The interpreter itself: what is found first may be a script that needs its environment.
fn interpreter() -> Option<PathBuf> {
    let output = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim())).filter(|it| it.is_file())
}

/// Runs it with the key of the page's daemon in its environment; it has to print something and to succeed.
pub(crate) fn python(stage: &Stage, place: &str, program: &str) {
    let Some(interpreter) = interpreter() else {
        left_out::for_want_of("Python 3", "apt-get install python3");
        return;
    };
    let path = stage.path("program.py");
    fs::write(&path, stage.here(program)).unwrap();
    let output = Command::new(interpreter)
        .arg(&path)
        .env_clear()
        .env("LANG", "C.UTF-8")
        .env("LINUX_API_KEY", &stage.key)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && !said.is_empty(),
        "{place}: {output:?}"
    );
}

/// The script of CI takes the programs from the page, each by its first line.
pub(crate) fn is_run_in_ci(program: &str) {
    let script = fs::read_to_string(root().join("scripts/check-openapi")).unwrap();
    assert!(!program.is_empty());
    for kind in ["python", "typescript"] {
        let takes = format!("block {kind} docs/api-clients.md");
        assert!(
            script.contains(&takes),
            "scripts/check-openapi: no {takes:?}"
        );
    }
}
