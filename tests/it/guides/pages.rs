//! The pages, and what stands in their fenced blocks and between their backticks.

use std::fs;
use std::path::{Path, PathBuf};

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One page of Markdown.
pub(crate) struct Page {
    /// From the repository's root.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A fenced block.
pub(crate) struct Block {
    /// `docs/api.md:14`, where it begins.
    pub(crate) place: String,
    pub(crate) language: String,
    pub(crate) text: String,
    /// Nothing stands between it and the block before.
    pub(crate) is_answer: bool,
}

/// A command, with the output that the page shows for it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DocumentedCommand {
    pub(crate) command: String,
    pub(crate) answer: Vec<String>,
}

pub(crate) fn page(path: &str) -> Page {
    Page {
        path: path.to_owned(),
        text: fs::read_to_string(root().join(path)).unwrap(),
    }
}

/// The README, then the guides by their names.
pub(crate) fn all() -> Vec<Page> {
    let mut guides: Vec<PathBuf> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    guides.sort();
    let relative = guides.iter().map(|path| {
        let path = path.strip_prefix(root()).unwrap();
        page(path.to_str().unwrap())
    });
    [page("README.md")].into_iter().chain(relative).collect()
}

impl Page {
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<(usize, Block)> = None;
        let mut is_answer = false;
        for (number, line) in self.text.lines().enumerate() {
            let words = line.trim_start();
            match (&mut open, words.strip_prefix("```")) {
                (None, Some(language)) => {
                    let block = Block {
                        place: format!("{}:{}", self.path, number + 1),
                        language: language.trim().to_owned(),
                        text: String::new(),
                        is_answer,
                    };
                    open = Some((line.len() - words.len(), block));
                }
                (Some(_), Some("")) => {
                    blocks.extend(open.take().map(|(_, block)| block));
                    is_answer = true;
                }
                (Some((indent, block)), _) => {
                    block.text += line.get(*indent..).unwrap_or_default();
                    block.text.push('\n');
                }
                (None, None) => is_answer &= words.is_empty(),
            }
        }
        assert!(open.is_none(), "{}: a block is not closed", self.path);
        blocks
    }

    /// What stands between backticks in the running text, in one line each.
    pub(crate) fn spans(&self) -> Vec<String> {
        let mut prose = String::new();
        let mut inside = false;
        for line in self.text.lines() {
            if line.trim_start().starts_with("```") {
                inside = !inside;
            } else if !inside {
                prose += line.trim();
                prose.push('\n');
            }
        }
        let spans = prose.split('`').skip(1).step_by(2);
        spans.map(|span| span.replace('\n', " ")).collect()
    }
}

impl Block {
    /// The commands of a block of shell, each whole; with a prompt before them what follows a
    /// command is its output.
    pub(crate) fn commands(&self) -> Vec<DocumentedCommand> {
        let prompts = self.language == "console";
        let mut found: Vec<DocumentedCommand> = Vec::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            let mut command = match (prompts, line.get(..2)) {
                (true, Some("$ " | "# ")) => line[2..].to_owned(),
                (true, _) => {
                    let before = found.last_mut().expect("an answer follows its command");
                    before.answer.push(line.to_owned());
                    continue;
                }
                (false, _) if line.trim().is_empty() => continue,
                (false, _) => line.to_owned(),
            };
            while command.ends_with('\\') {
                command.push('\n');
                command += lines.next().expect("the line goes on");
            }
            if let Some((_, word)) = command.split_once("<<'") {
                let end = word.split('\'').next().unwrap().to_owned();
                for line in lines.by_ref() {
                    command.push('\n');
                    command += line;
                    if line == end {
                        break;
                    }
                }
            }
            let answer = Vec::new();
            found.push(DocumentedCommand { command, answer });
        }
        found
    }
}

#[test]
fn blocks_and_commands_are_found_whole() {
    let text = "1. First\n\n   ```console\n   $ one \\\n     two\n   said\n   # three\n   ```\n\n\
                   ```json\n   {}\n   ```\n\nAnd `a\nb`.\n\n```sh\ncat > x <<'END'\ny\nEND\nz\n```\n";
    let page = Page {
        path: "page".to_owned(),
        text: text.to_owned(),
    };
    let blocks = page.blocks();
    let kinds: Vec<_> = blocks
        .iter()
        .map(|it| (it.language.as_str(), it.is_answer))
        .collect();
    assert_eq!(kinds, [("console", false), ("json", true), ("sh", false)]);
    let commands = blocks[0].commands();
    assert_eq!(commands[0].command, "one \\\n  two");
    assert_eq!(commands[0].answer, ["said"]);
    assert_eq!(commands[1].command, "three");
    let commands: Vec<_> = blocks[2].commands();
    assert_eq!(commands[0].command, "cat > x <<'END'\ny\nEND");
    assert_eq!(commands[1].command, "z");
    assert_eq!(page.spans(), ["a b"]);
}
