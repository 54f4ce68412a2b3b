//! What the terminal can show, and the themes of the user's own.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use linux_api_config::Environment;
use linux_api_tui::theme::{Charset, Depth, OwnTheme, Terminal, described_colours};

/// Where descriptions of terminals (terminfo) are installed.
const DESCRIPTIONS: [&str; 4] = [
    "/etc/terminfo",
    "/lib/terminfo",
    "/usr/share/terminfo",
    "/usr/lib/terminfo",
];
/// Longest description: the format allows 32 KiB.
const DESCRIPTION: u64 = 32 * 1024;
/// Most themes of the user's own.
const THEMES: usize = 200;

/// What the terminal can show, as the environment and its description say.
pub(super) fn terminal(environment: &Environment, is_ascii: bool) -> Terminal {
    let term = environment.text("TERM");
    let depth = if environment.text("NO_COLOR").is_some() {
        Depth::Mono
    } else {
        let described = term.and_then(|term| description(environment, term));
        let described = described.and_then(|bytes| described_colours(&bytes));
        Depth::detect(environment.text("COLORTERM"), term, described)
    };
    let charset = match term {
        _ if is_ascii => Charset::Ascii,
        Some("linux") => Charset::Console,
        _ => Charset::Unicode,
    };
    Terminal { depth, charset }
}

/// The compiled description of a terminal.
fn description(environment: &Environment, term: &str) -> Option<Vec<u8>> {
    // A name is no path.
    let first = term.chars().next()?;
    if term.contains('/') || first == '.' {
        return None;
    }
    let own = environment.text("TERMINFO").map(PathBuf::from);
    let more = environment.text("TERMINFO_DIRS").unwrap_or_default();
    let more = more
        .split(':')
        .filter(|it| !it.is_empty())
        .map(PathBuf::from);
    let usual = DESCRIPTIONS.map(PathBuf::from);
    let mut directories = own.into_iter().chain(more).chain(usual);
    directories.find_map(|directory| {
        let by_letter = directory.join(first.to_string()).join(term);
        linux_api_files::read(&by_letter, DESCRIPTION).ok()
    })
}

/// The themes in a directory. One that can't be used is only an error when it is chosen.
pub(super) fn own_themes(directory: Option<&Path>) -> anyhow::Result<Vec<OwnTheme>> {
    let Some(directory) = directory else {
        return Ok(Vec::new());
    };
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            let what = format!("read {}", directory.display());
            return Err(error).context(what);
        }
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "toml"));
    paths.sort();
    let mut themes = Vec::new();
    for path in paths.into_iter().take(THEMES) {
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else {
            continue;
        };
        let file = path.display().to_string();
        themes.push(match linux_api_files::read_text(&path) {
            Ok(text) => OwnTheme::read(name.to_owned(), &file, &text),
            Err(error) => OwnTheme {
                name: name.to_owned(),
                palette: Err(format!("{file}: {error}")),
            },
        });
    }
    Ok(themes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_what_a_terminal_can_show() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            terminal(&Environment::of(pairs.iter().copied()), false)
        };
        let truecolour = of(&[("TERM", "no-such-terminal"), ("COLORTERM", "truecolor")]);
        assert_eq!(truecolour.depth, Depth::True);
        assert_eq!(of(&[("TERM", "x-256color")]).depth, Depth::Indexed);
        let none = of(&[("TERM", "x-256color"), ("NO_COLOR", "1")]);
        assert_eq!(none.depth, Depth::Mono);
        assert_eq!(of(&[("TERM", "dumb")]).depth, Depth::Mono);
        assert_eq!(of(&[("TERM", "linux")]).charset, Charset::Console);
        assert_eq!(of(&[("TERM", "../../etc/passwd")]).depth, Depth::Sixteen);
        let ascii = terminal(&Environment::of([("TERM", "linux")]), true);
        assert_eq!(ascii.charset, Charset::Ascii);
    }

    #[test]
    fn themes_of_files_are_found_and_broken_ones_say_why() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(directory.path().join(name), text).unwrap();
        };
        write("mine.toml", "accent = '#ff8800'\n");
        write("broken.toml", "accent = '#ff88'\n");
        write("notes.txt", "accent");
        let themes = own_themes(Some(directory.path())).unwrap();
        let names: Vec<&str> = themes.iter().map(|theme| &*theme.name).collect();
        assert_eq!(names, ["broken", "mine"]);
        let problem = themes[0].palette.as_ref().unwrap_err();
        assert!(
            problem.contains("broken.toml: line 1: accent: "),
            "{problem}"
        );
        assert!(
            own_themes(Some(&directory.path().join("none")))
                .unwrap()
                .is_empty()
        );
        assert!(own_themes(None).unwrap().is_empty());
    }
}
