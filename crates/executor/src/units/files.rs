//! What a unit's files say of their installation: systemd enables and disables more than the unit itself.

use std::io;
use std::path::Path;

/// The lines of the section `[Install]` that name other units.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Install {
    /// Names that the unit gets when it is enabled.
    pub(super) alias: Vec<String>,
    /// Units that are enabled and disabled with it.
    pub(super) also: Vec<String>,
}

impl Install {
    /// Reads the unit's file and its drop-ins. systemd may read what this process can't, so one that can't be
    /// read is an error.
    pub(super) fn read(paths: &[String]) -> Result<Self, String> {
        let mut install = Self::default();
        for path in paths {
            let failed = |error: io::Error| format!("can't read {path}: {error}");
            install.add(&linux_api_files::read_text(Path::new(path)).map_err(failed)?);
        }
        let mut names = install.alias.iter().chain(&install.also);
        match names.find(|name| name.contains('%')) {
            Some(name) => Err(format!("what {name} in [Install] stands for is not known")),
            None => Ok(install),
        }
    }

    fn add(&mut self, text: &str) {
        let mut is_install = false;
        // A line that ends with a backslash goes on in the next one.
        for line in text.replace("\\\n", " ").lines() {
            let line = line.trim();
            if line.starts_with('[') {
                is_install = line == "[Install]";
                continue;
            }
            let Some((key, value)) = line.split_once('=').filter(|_| is_install) else {
                continue;
            };
            let names = value
                .split_whitespace()
                .map(|name| name.trim_matches(['"', '\'']).to_owned());
            match key.trim() {
                "Alias" => self.alias.extend(names),
                "Also" => self.also.extend(names),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_section_install_counts() {
        let mut install = Install::default();
        install.add(
            "[Unit]\nAlso=no.service\n[Install]\n# Also=no.service\nAlias=web.service \\\n \
             www.service\nAlso = \"ssh.socket\" b.timer\nWantedBy=x.target\n[X-More]\nAlso=no\n",
        );
        assert_eq!(install.alias, ["web.service", "www.service"]);
        assert_eq!(install.also, ["ssh.socket", "b.timer"]);
    }

    #[test]
    fn what_can_not_be_read_or_understood_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.service").display().to_string();
        let read = || Install::read(std::slice::from_ref(&path));
        assert!(read().unwrap_err().starts_with("can't read "));
        std::fs::write(&path, "[Install]\nAlso=%p.socket\n").unwrap();
        assert!(read().unwrap_err().contains("%p.socket"));
        std::fs::write(&path, "[Install]\nAlso=b.socket\n").unwrap();
        assert_eq!(read().unwrap().also, ["b.socket"]);
        assert_eq!(Install::read(&[]), Ok(Install::default()));
    }
}
