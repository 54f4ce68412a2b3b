//! Parse, run, exit code; nothing else.

use std::process::ExitCode;

use linux_api::cli;

#[tokio::main]
async fn main() -> ExitCode {
    cli::run(std::env::args_os()).await
}
