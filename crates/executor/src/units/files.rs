//! What a unit's files say of their installation: systemd enables and disables more than the unit itself.

use std::path::PathBuf;

/// The lines of the section `[Install]` that name other units.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Install {
    /// Names that the unit gets when it is enabled.
    pub(super) alias: Vec<String>,
    /// Units that are enabled and disabled with it.
    pub(super) also: Vec<String>,
}

/// Reads the unit's file and its drop-ins; what can't be read systemd can't use either.
pub(super) fn read_install(paths: impl Iterator<Item = PathBuf>) -> Install {
    let mut install = Install::default();
    for path in paths {
        if let Ok(text) = linux_api_files::read_text(&path) {
            install.add(&text);
        }
    }
    install
}

impl Install {
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
                .map(|name| name.trim_matches('"').to_owned());
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
}
