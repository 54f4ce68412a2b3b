//! The documentation in a real browser: `docs.mjs` beside this file says what is tried.
//!
//! Needs Chromium and Node with npm; where they are not installed it is recorded as left out. It has no
//! test harness, because it is one test that downloads what its script imports.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

#[path = "../it/support/left_out.rs"]
mod left_out;

/// What it needs, by the names that systems give it.
const CHROMIUM: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

fn main() {
    // `cargo test NAME` and `--list` come by here too.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filters: Vec<&String> = arguments
        .iter()
        .filter(|word| !word.starts_with('-'))
        .collect();
    let is_meant =
        filters.is_empty() || filters.iter().any(|part| "browser".contains(part.as_str()));
    if arguments.iter().any(|word| word == "--list") || !is_meant {
        return;
    }
    let chromium = CHROMIUM.iter().find_map(|name| find(name));
    let (Some(chromium), Some(node), Some(npm)) = (chromium, find("node"), find("npm")) else {
        let remedy = "apt-get install chromium nodejs npm";
        left_out::for_want_of("Chromium and Node.js with npm", remedy);
        return;
    };
    let folder = prepare(&npm);
    let home = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(home.path());
    let status = Command::new(node)
        .arg("docs.mjs")
        .args([&daemon.url, chromium.to_str().unwrap()])
        .env("LINUX_API_KEY", &daemon.key)
        .current_dir(folder)
        .status()
        .unwrap();
    assert!(status.success(), "the browser test failed");
    say("browser test: ok");
}

fn say(line: &str) {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}").unwrap();
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test looks for programs where a shell would"
)]
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(program));
    places.find(|place| place.is_file())
}

/// A directory with the script and what it imports, fetched once.
fn prepare(npm: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["docs.mjs", "package.json", "package-lock.json"] {
        std::fs::copy(source.join(name), folder.join(name)).unwrap();
    }
    let wanted = std::fs::read(folder.join("package-lock.json")).unwrap();
    let fetched = folder.join("fetched-lock.json");
    if std::fs::read(&fetched).ok().as_ref() != Some(&wanted) {
        let status = Command::new(npm)
            .args(["ci", "--no-audit", "--no-fund", "--silent"])
            .current_dir(&folder)
            .status()
            .unwrap();
        assert!(
            status.success(),
            "npm could not fetch what tests/browser needs"
        );
        std::fs::write(fetched, wanted).unwrap();
    }
    folder
}

/// A daemon of its own; killed at the end.
struct Daemon {
    child: Child,
    url: String,
    key: String,
}

impl Daemon {
    fn start(home: &Path) -> Self {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("linux-api"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env_clear()
            .env("HOME", home)
            .current_dir(home)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = |prefix: &str| {
            let line = lines.find(|line| line.as_ref().is_ok_and(|line| line.starts_with(prefix)));
            line.unwrap().unwrap()
        };
        let url = next("linux-api listens on ").replace("linux-api listens on ", "");
        let key = next("lapi_");
        Self { child, url, key }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
