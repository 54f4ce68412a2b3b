//! Tests that cannot run on this machine, recorded so that they don't pass for tests that ran.
//!
//! `make test` (`scripts/run-tests`) names a file in `LINUX_API_TEST_LEFT_OUT` and prints it as a table
//! at the end; without that variable there is only the line on standard error.

use std::fs::OpenOptions;
use std::io::Write as _;

/// Records that the current test, or a part of it, is left out for want of `missing`, and what to do
/// to have it run. `scripts/run-tests` knows by `missing` which ones CI may not leave out.
#[expect(
    clippy::disallowed_methods,
    reason = "the file is named by the script that runs all test programs"
)]
pub(crate) fn for_want_of(missing: &str, remedy: &str) {
    // The harness names the thread of each test after it.
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("?");
    let program = env!("CARGO_CRATE_NAME");
    let _ = writeln!(
        std::io::stderr(),
        "left out: {program}::{test} needs {missing} ({remedy})"
    );
    let Some(path) = std::env::var_os("LINUX_API_TEST_LEFT_OUT") else {
        return;
    };
    // One write per line: test programs and their threads share the file.
    let line = format!("{program}::{test}\t{missing}\t{remedy}\n");
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .expect("the file of left-out tests opens");
    file.write_all(line.as_bytes())
        .expect("the file of left-out tests can be written");
}
