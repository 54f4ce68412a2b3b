//! Small programs that setup installs in place of the real one.

use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// A program that prints linux-api's version for `--version`, and does nothing else.
pub(crate) fn small_program() -> &'static [u8] {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();
    BUILT.get_or_init(|| built("linux-api 0.0.0"))
}

/// A program that says this.
pub(crate) fn built(says: &str) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let (source, program) = (folder.path().join("main.c"), folder.path().join("main"));
    let text = format!("#include <stdio.h>\nint main(void) {{ return puts(\"{says}\") < 0; }}\n");
    fs::write(&source, text).unwrap();
    let compiled = Command::new("cc")
        .arg("-o")
        .args([&program, &source])
        .output();
    let compiled = compiled.unwrap();
    assert!(compiled.status.success(), "{compiled:?}");
    fs::read(program).unwrap()
}
