//! Links between pages: the file is there, and has the heading.

use std::collections::BTreeSet;

use crate::guides::pages::{Page, all, page, root};

/// The fragment by which GitHub links to a heading.
fn fragment(heading: &str) -> String {
    let kept = heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .replace(' ', "-");
    kept.chars()
        .filter(|it| it.is_alphanumeric() || matches!(it, '-' | '_'))
        .collect()
}

fn fragments(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(fragment).collect()
}

/// What is wrong with the links of a page.
fn faults(page: &Page) -> Vec<String> {
    let folder = root().join(&page.path);
    let folder = folder.parent().unwrap();
    let mut faults = Vec::new();
    for link in page.text.split("](").skip(1) {
        let Some((target, _)) = link.split_once(')') else {
            continue;
        };
        if target.starts_with("http") {
            continue;
        }
        let (path, heading) = target.split_once('#').unwrap_or((target, ""));
        let file = if path.is_empty() {
            root().join(&page.path)
        } else {
            folder.join(path)
        };
        if !file.exists() {
            faults.push(format!("{}: no file for {target}", page.path));
        } else if !heading.is_empty() {
            let text = std::fs::read_to_string(&file).unwrap();
            if !fragments(&text).contains(heading) {
                faults.push(format!("{}: no heading for {target}", page.path));
            }
        }
    }
    faults
}

#[test]
fn every_link_leads_to_a_file_and_its_heading() {
    let others = [page("CONTRIBUTING.md"), page("SECURITY.md")];
    let faults: Vec<String> = all().iter().chain(&others).flat_map(faults).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
