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

/// Where the links of a page lead, fragments left out; those to other sites are none.
fn targets(page: &Page) -> BTreeSet<String> {
    let links = page.text.split("](").skip(1);
    links
        .filter_map(|link| link.split_once(')'))
        .filter(|(target, _)| !target.starts_with("http"))
        .map(|(target, _)| target.split('#').next().unwrap().to_owned())
        .collect()
}

/// Files of a directory below `docs/`, from there.
fn files(directory: &str, ending: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join("docs").join(directory)).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(ending))
        .map(|name| format!("{directory}{name}"))
        .collect()
}

#[test]
fn every_page_is_in_the_book() {
    let listed = targets(&page("docs/SUMMARY.md"));
    let mut pages = files("", ".md");
    pages.extend(files("adr/", ".md"));
    pages.remove("SUMMARY.md");
    let missing: Vec<_> = pages.difference(&listed).collect();
    assert!(missing.is_empty(), "not in docs/SUMMARY.md: {missing:?}");
}

#[test]
fn every_view_has_its_picture_in_the_docs() {
    let shown = targets(&page("docs/views.md"));
    let pictures = files("images/", ".svg");
    let missing: Vec<_> = pictures.difference(&shown).collect();
    assert!(missing.is_empty(), "not in docs/views.md: {missing:?}");
    for view in linux_api_tui::screen::View::ALL {
        let picture = format!("images/{}.svg", view.title().to_lowercase());
        assert!(shown.contains(&picture), "no {picture} in docs/views.md");
    }
}

#[test]
fn every_link_leads_to_a_file_and_its_heading() {
    let mut others = vec![
        page("CONTRIBUTING.md"),
        page("SECURITY.md"),
        page("CHANGELOG.md"),
    ];
    let decisions = files("adr/", ".md");
    others.extend(decisions.iter().map(|path| page(&format!("docs/{path}"))));
    let faults: Vec<String> = all().iter().chain(&others).flat_map(faults).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
