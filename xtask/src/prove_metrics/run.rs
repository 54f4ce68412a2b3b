//! What the proofs share: a directory that goes away, an HTTP client, and the list of checks.

use std::fmt::Display;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use tempfile::TempDir;

use super::options::Options;
use crate::postgres::Postgres;

/// One run of one proof.
pub(super) struct Run {
    pub(super) options: Options,
    /// The program that is proven, as an absolute path.
    pub(super) program: PathBuf,
    pub(super) http: reqwest::Client,
    directory: TempDir,
    checks: Vec<bool>,
}

impl Run {
    pub(super) fn new(program: &Path, options: Options) -> anyhow::Result<Self> {
        let program = program
            .canonicalize()
            .with_context(|| format!("find {}", program.display()))?;
        // PostgreSQL enters it as another user.
        let directory = tempfile::Builder::new()
            .prefix("linux-api-prove-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir()?;
        // The client wants a provider of cryptography even when all it reads is plain HTTP.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .build()?;
        Ok(Self {
            options,
            program,
            http,
            directory,
            checks: Vec::new(),
        })
    }

    /// A path in the directory of this run.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// One of the ten ports of this run.
    pub(super) fn port(&self, index: u16) -> u16 {
        self.options.port + index
    }

    /// A private PostgreSQL on the first port.
    pub(super) fn postgres(&self) -> anyhow::Result<Postgres> {
        Postgres::start(self.path("postgres"), self.port(0), Vec::new())
    }

    /// Prints whether something that must hold does, with the figures behind it.
    pub(super) fn check(&mut self, holds: bool, what: impl Display) {
        self.checks.push(holds);
        println!("{} {what}", if holds { "ok  " } else { "FAIL" });
    }

    /// Prints the sum. A run without checks has proven nothing.
    pub(super) fn finish(self) -> ExitCode {
        let held = self.checks.iter().filter(|&&held| held).count();
        println!("{held} of {} hold", self.checks.len());
        if held > 0 && held == self.checks.len() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}
