//! Removal of files and directories.

use std::path::Path;

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::{Changed, Tree, TreeError, draft_name, kind};

impl Tree {
    /// Removes a file or a link, and what an interrupted [`Tree::write`] left beside it.
    ///
    /// # Errors
    /// When it is a directory or can't be removed.
    pub fn remove(&self, path: &Path) -> Result<Changed, TreeError> {
        let draft = self.remove_one(&path.with_file_name(draft_name(self.name(path)?)))?;
        let itself = self.remove_one(path)?;
        Ok(if draft == Changed::Yes { draft } else { itself })
    }

    fn remove_one(&self, path: &Path) -> Result<Changed, TreeError> {
        let Some(folder) = self.parent(path, false)? else {
            return Ok(Changed::No);
        };
        match rustix::fs::unlinkat(&folder, self.name(path)?, AtFlags::empty()) {
            Ok(()) => Ok(Changed::Yes),
            Err(Errno::NOENT) => Ok(Changed::No),
            Err(errno) => Err(self.error(path, errno)),
        }
    }

    /// Removes a directory with nothing in it; another one stays.
    ///
    /// # Errors
    /// When it is no directory or can't be removed.
    pub fn remove_empty(&self, path: &Path) -> Result<Changed, TreeError> {
        let Some(folder) = self.parent(path, false)? else {
            return Ok(Changed::No);
        };
        match rustix::fs::unlinkat(&folder, self.name(path)?, AtFlags::REMOVEDIR) {
            Ok(()) => Ok(Changed::Yes),
            Err(Errno::NOENT | Errno::NOTEMPTY) => Ok(Changed::No),
            Err(errno) => Err(self.error(path, errno)),
        }
    }

    /// Removes a directory and all in it; a link in its place is an error.
    ///
    /// # Errors
    /// When it is no directory or can't be removed.
    pub fn remove_all(&self, path: &Path) -> Result<Changed, TreeError> {
        let Some(stat) = self.look(path)? else {
            return Ok(Changed::No);
        };
        match kind(&stat) {
            FileType::Directory => {}
            FileType::Symlink => return Err(TreeError::Link(self.outside(path))),
            _ => return Err(TreeError::InTheWay(self.outside(path))),
        }
        std::fs::remove_dir_all(self.outside(path)).map_err(|error| self.io(path, &error))?;
        Ok(Changed::Yes)
    }
}
