//! The file of the policy, read and replaced.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use linux_api_acts::POLICY;
use linux_api_acts::policy_text::WATCH;
use linux_api_executor::policy::Policy;

/// Where a policy is.
#[derive(Debug)]
pub(super) struct PolicyFile(PathBuf);

impl PolicyFile {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Whether it is the one that the packaged executor reads.
    pub(super) fn is_of_this_host(&self) -> bool {
        self.0 == Path::new(POLICY)
    }

    /// Why it closes everything.
    pub(super) fn problem(&self) -> Option<String> {
        Policy::load(&self.0).err().map(|error| error.to_string())
    }

    /// Its text, where there is one.
    pub(super) fn existing(&self) -> anyhow::Result<Option<String>> {
        match linux_api_files::read_text(&self.0) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("read {}", self.0.display())),
        }
    }

    /// Its text; that of the closed one where there is none.
    pub(super) fn text(&self) -> anyhow::Result<String> {
        Ok(self.existing()?.unwrap_or_else(|| WATCH.to_owned()))
    }

    pub(super) fn keep_old(&self) -> anyhow::Result<()> {
        let old = self.0.with_extension("toml.old");
        std::fs::copy(&self.0, &old).with_context(|| format!("write {}", old.display()))?;
        Ok(())
    }

    /// Replaces it at once. A text that would close everything by a mistake is refused.
    pub(super) fn write(&self, text: &str) -> anyhow::Result<()> {
        Policy::parse(&self.0, text)?;
        let failed = || format!("write {}", self.0.display());
        linux_api_files::write_whole(&self.0, text).with_context(failed)?;
        // The daemon's group may read it, as it may the directory.
        std::fs::set_permissions(&self.0, Permissions::from_mode(0o640)).with_context(failed)?;
        let folder = self.0.parent().filter(|it| !it.as_os_str().is_empty());
        let group = std::fs::metadata(folder.unwrap_or(Path::new("."))).with_context(failed)?;
        std::os::unix::fs::chown(&self.0, None, Some(group.gid())).with_context(failed)
    }
}
