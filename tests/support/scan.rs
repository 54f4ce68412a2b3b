//! Finds the paths into our own modules in Rust source, without a parser.

/// All paths into top-level modules of this package, each without its leading `crate`.
///
/// `depth` is how many modules deep the file lies, so that `super::super::…` can be followed.
/// Comments and strings don't count.
pub(crate) fn imports(text: &str, depth: usize) -> Vec<Vec<String>> {
    let tokens = tokens(text);
    let mut paths = Vec::new();
    for start in 0..tokens.len() {
        if start > 0 && tokens[start - 1] == "::" {
            continue;
        }
        let rest = &tokens[start..];
        let roots = match rest[0].as_str() {
            "crate" | "linux_api" => 1,
            "super" => depth,
            _ => continue,
        };
        let is_root = |at: usize| rest.get(2 * at).is_some_and(|token| *token == rest[0]);
        let is_path = |at: usize| rest.get(2 * at + 1).is_some_and(|token| token == "::");
        if (0..roots).all(|at| is_root(at) && is_path(at)) {
            tree(&rest[2 * roots..], &mut Vec::new(), &mut paths);
        }
    }
    paths
}

/// Reads one use tree, adds its paths and answers how many tokens it took.
fn tree(tokens: &[String], prefix: &mut Vec<String>, paths: &mut Vec<Vec<String>>) -> usize {
    let depth = prefix.len();
    let mut at = 0;
    loop {
        match tokens.get(at).map(String::as_str) {
            Some("{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    let is_comma = tokens[at] == ",";
                    at += if is_comma {
                        1
                    } else {
                        tree(&tokens[at..], prefix, paths).max(1)
                    };
                }
                at += 1;
                break;
            }
            Some(name) if is_name(name) => {
                prefix.push(name.to_owned());
                at += 1;
            }
            _ => {
                push(prefix, paths);
                break;
            }
        }
        if tokens.get(at).is_none_or(|token| token != "::") {
            push(prefix, paths);
            break;
        }
        at += 1;
    }
    prefix.truncate(depth);
    at
}

fn push(path: &[String], paths: &mut Vec<Vec<String>>) {
    if !path.is_empty() {
        paths.push(path.to_vec());
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::` and single other characters; no comments, strings or blanks.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = if let Some(length) = skipped(rest) {
            length
        } else if c.is_alphanumeric() || c == '_' {
            let end = |c: char| !c.is_alphanumeric() && c != '_';
            let length = rest.find(end).unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else {
            let length = if rest.starts_with("::") {
                2
            } else {
                c.len_utf8()
            };
            if !c.is_whitespace() {
                tokens.push(rest[..length].to_owned());
            }
            length
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of the comment, string or character that `text` starts with.
fn skipped(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(block_comment(text));
    }
    if text.starts_with('"') {
        return Some(quoted(text, '"'));
    }
    if let Some(raw) = text.strip_prefix("br").or_else(|| text.strip_prefix('r')) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let start = text.len() - raw.len() + hashes + 1;
            let end = format!("\"{}", "#".repeat(hashes));
            let length = text[start..].find(&end).map(|at| start + at + end.len());
            return Some(length.unwrap_or(text.len()));
        }
    }
    let character = text.strip_prefix('\'')?;
    let mut next = character.chars();
    let first = next.next()?;
    (first == '\\' || next.next() == Some('\'')).then(|| quoted(text, '\''))
}

fn block_comment(text: &str) -> usize {
    let mut open = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            open += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            open -= 1;
            at += 2;
            if open == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

fn quoted(text: &str, end: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == end => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}
