//! Whether a program is linux-api and came here whole, before it takes another one's place.

use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::commands::Call;
use super::facts::Candidate;

/// The checksums beside a program, as `sha256sum` writes them.
const CHECKSUMS: &str = "SHA256SUMS";
/// How long `--version` may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why it can't be installed.
pub(super) async fn refusal(program: &Candidate) -> Option<String> {
    let shown = program.path.display();
    let content = match linux_api_files::read(&program.path, linux_api_files::PROGRAM_MAX) {
        Ok(content) => content,
        Err(error) => return Some(format!("{shown}: {error}")),
    };
    if !content.starts_with(b"\x7fELF") {
        return Some(format!("{shown} is not a Linux program"));
    }
    if !fits_checksum(&program.path, &content) {
        return Some(format!(
            "{shown} does not match {CHECKSUMS} beside it, so it is damaged or another one: get \
             it again"
        ));
    }
    // The one that runs has shown what it is.
    if program.is_named {
        answers_as_itself(&program.path).await.err()
    } else {
        None
    }
}

/// No checksum says nothing.
fn fits_checksum(path: &Path, content: &[u8]) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return true;
    };
    let sums = linux_api_files::read_text(&path.with_file_name(CHECKSUMS)).unwrap_or_default();
    let expected = sums.lines().find_map(|line| {
        let (sum, file) = line.split_once(' ')?;
        // A star says that the file was read as it is.
        (file.trim_start_matches([' ', '*']) == name).then_some(sum)
    });
    expected.is_none_or(|expected| {
        let sum = Sha256::digest(content);
        let sum = sum
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        expected.eq_ignore_ascii_case(&sum)
    })
}

/// Runs it: a program of another architecture, or one that is cut off, must not replace one that
/// works.
async fn answers_as_itself(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let absolute = std::path::absolute(path).map_err(|error| format!("{shown}: {error}"))?;
    let absolute = absolute.to_string_lossy();
    let call = Call {
        programs: &[&absolute],
        arguments: &["--version"],
        patience: Some(PATIENCE),
        ..Call::default()
    };
    let said = call
        .run()
        .await
        .map_err(|error| format!("{shown} does not run here, so it is not installed: {error:#}"))?;
    if said.starts_with("linux-api ") {
        return Ok(());
    }
    let said = said.lines().next().unwrap_or_default().to_owned();
    Err(format!(
        "{shown} is not linux-api: for --version it prints {said:?}"
    ))
}
