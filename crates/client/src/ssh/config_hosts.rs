//! The hosts that a configuration file of ssh names.
//!
//! Format: <https://man.openbsd.org/ssh_config>. Only `Host` and `Include` are of interest: ssh itself reads
//! all else when it connects.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use wildmatch::WildMatch;

/// How deep files may include each other, as ssh has it.
const DEPTH_MAX: usize = 16;

/// The names of `Host` lines that are no patterns, in the order of the alphabet. `home` is where `~` and
/// relative includes are looked up.
///
/// # Errors
/// When the file itself can't be read; an include that can't is left out, as ssh does.
pub fn read(path: &Path, home: Option<&Path>) -> io::Result<BTreeSet<String>> {
    let mut hosts = BTreeSet::new();
    let text = linux_api_files::read_text(path)?;
    collect(&text, home, 0, &mut hosts);
    Ok(hosts)
}

fn collect(text: &str, home: Option<&Path>, depth: usize, hosts: &mut BTreeSet<String>) {
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        let Some((keyword, values)) = line.split_once(|it: char| it.is_whitespace() || it == '=')
        else {
            continue;
        };
        let values = values.trim_start_matches(|it: char| it.is_whitespace() || it == '=');
        if keyword.eq_ignore_ascii_case("host") {
            let names = words(values);
            let plain = names
                .into_iter()
                .filter(|name| !name.contains(['*', '?', '!']));
            hosts.extend(plain);
        } else if keyword.eq_ignore_ascii_case("include") && depth < DEPTH_MAX {
            for name in words(values) {
                for path in matching(&name, home) {
                    if let Ok(text) = linux_api_files::read_text(&path) {
                        collect(&text, home, depth + 1, hosts);
                    }
                }
            }
        }
    }
}

/// Words, which may be quoted.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

/// The files that an include names; wildcards in the last part only.
fn matching(name: &str, home: Option<&Path>) -> Vec<PathBuf> {
    let path = match (name.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        (None, Some(home)) => home.join(".ssh").join(name),
        (_, None) => PathBuf::from(name),
    };
    let pattern = path.file_name().map(|it| it.to_string_lossy().into_owned());
    let (Some(directory), Some(pattern)) = (path.parent(), pattern) else {
        return Vec::new();
    };
    if !pattern.contains(['*', '?']) {
        return vec![path];
    }
    let pattern = WildMatch::new(&pattern);
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| pattern.matches(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_the_file_and_what_it_includes() {
        let home = tempfile::tempdir().unwrap();
        let ssh = home.path().join(".ssh");
        std::fs::create_dir_all(ssh.join("config.d")).unwrap();
        let main = "\
            # Host commented\n\
            Include config.d/*.conf ~/.ssh/missing\n\
            Host web-01 web-02 *.example !bad\n  HostName 10.0.0.1\n\
            host=\"db 01\" db-02 # why\n\
            Match host x\n";
        std::fs::write(ssh.join("config"), main).unwrap();
        // One that includes itself ends.
        let more = "HOST\tjump\nInclude config.d/a.conf\n";
        std::fs::write(ssh.join("config.d/a.conf"), more).unwrap();
        std::fs::write(ssh.join("config.d/b.txt"), "Host hidden\n").unwrap();
        let hosts = read(&ssh.join("config"), Some(home.path())).unwrap();
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        assert_eq!(hosts, ["db 01", "db-02", "jump", "web-01", "web-02"]);
        assert!(read(&ssh.join("none"), None).is_err());
    }
}
