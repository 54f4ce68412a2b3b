//! The program: one file per subcommand in [`cli`], each a thin layer over the crates below `crates/`.
//!
//! `docs/architecture.md` has the graph of crates and says what each is for. What is made from the program
//! (completions, man pages, the OpenAPI document) is written by `xtask`, from the functions here.

pub mod cli;

/// The whole command line.
#[must_use]
pub fn command() -> clap::Command {
    cli::command()
}

/// The script that completes commands in each shell, by the name under which a package installs it.
///
/// # Errors
/// When a script can't be written as text.
pub fn completion_scripts() -> anyhow::Result<Vec<(&'static str, String)>> {
    cli::completion_scripts()
}

/// The OpenAPI document of a daemon with all features of this build.
///
/// # Errors
/// When it can't be written as JSON.
pub fn openapi() -> serde_json::Result<String> {
    cli::openapi()
}
