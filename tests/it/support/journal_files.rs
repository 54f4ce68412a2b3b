//! Real journal files in a temporary directory, made by systemd's own program from entries as text.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

const PROGRAM: &str = "/usr/lib/systemd/systemd-journal-remote";
pub(crate) const JOURNALCTL: &str = "/usr/bin/journalctl";
/// The boots of the entries.
pub(crate) const BOOTS: [&str; 2] = [
    "11111111111141118111111111111111",
    "22222222222242228222222222222222",
];
/// When the first entry was written: 2026-11-23T07:00:00Z, in microseconds.
pub(crate) const BEGIN: u64 = 1_795_417_200_000_000;

/// Writes entries into the journal below a root, until it is dropped.
pub(crate) struct JournalFiles {
    child: Child,
    input: Option<ChildStdin>,
}

/// An entry to write.
#[derive(Clone)]
pub(crate) struct FakeEntry {
    pub(crate) number: u64,
    pub(crate) boot: usize,
    pub(crate) unit: &'static str,
    pub(crate) priority: u8,
    pub(crate) message: Vec<u8>,
}

impl FakeEntry {
    /// The entry that is written as the one of this number, a millisecond after the one before.
    pub(crate) fn new(number: u64) -> Self {
        Self {
            number,
            boot: 0,
            unit: "app.service",
            priority: 6,
            message: format!("line {number}").into_bytes(),
        }
    }

    /// As systemd's export format has it.
    fn exported(&self) -> Vec<u8> {
        let mut text = String::new();
        let time = BEGIN + self.number * 1_000;
        let boot = BOOTS[self.boot];
        write!(
            text,
            "__REALTIME_TIMESTAMP={time}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID={boot}\n\
             PRIORITY={}\n_SYSTEMD_UNIT={}\nSYSLOG_IDENTIFIER=app\n_PID=4711\nMESSAGE\n",
            self.number * 1_000 + 1,
            self.priority,
            self.unit
        )
        .unwrap();
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&(self.message.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&self.message);
        bytes.extend_from_slice(b"\n\n");
        bytes
    }
}

impl JournalFiles {
    /// Starts the program; none where it or journalctl is not installed.
    pub(crate) fn start(root: &Path) -> Option<Self> {
        if !Path::new(PROGRAM).exists() || !Path::new(JOURNALCTL).exists() {
            super::left_out::for_want_of(
                "systemd-journal-remote",
                "apt-get install systemd-journal-remote",
            );
            return None;
        }
        let folder = root.join("var/log/journal");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("system.journal");
        let mut child = Command::new(PROGRAM)
            .arg(format!("--output={}", file.display()))
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        Some(Self { child, input })
    }

    pub(crate) fn write(&mut self, entries: impl IntoIterator<Item = FakeEntry>) {
        let mut all = Vec::new();
        for entry in entries {
            all.extend(entry.exported());
        }
        let input = self.input.as_mut().unwrap();
        input.write_all(&all).unwrap();
        input.flush().unwrap();
    }

    /// Waits until all is written.
    pub(crate) fn finish(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for JournalFiles {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program in place of journalctl, made of this C code, in which `arguments` is what it was started with,
/// one a line.
pub(crate) fn fake_journalctl(folder: &Path, code: &str) -> PathBuf {
    let (source, program) = (folder.join("fake.c"), folder.join("journalctl"));
    let record = folder.join("arguments");
    let text = format!(
        "#include <stdio.h>\n#include <string.h>\n#include <unistd.h>\nextern char **environ;\n\
         int main(int count, char **all) {{\n\
         FILE *record = fopen(\"{}\", \"a\");\n\
         for (int place = 1; place < count; place++) fprintf(record, \"%s\\n\", all[place]);\n\
         for (char **one = environ; *one; one++) fprintf(record, \"env %s\\n\", *one);\n\
         fprintf(record, \"pid %d\\n\", getpid());\nfclose(record);\n{code}\nreturn 0;\n}}\n",
        record.display()
    );
    std::fs::write(&source, text).unwrap();
    let compiled = Command::new("cc")
        .arg("-o")
        .args([&program, &source])
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{compiled:?}");
    program
}
