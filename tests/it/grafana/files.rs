//! What Grafana would refuse or show wrongly, as far as the files say it.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::boards::{Board, all, directory};

/// Units that Grafana knows and the boards use (`packages/grafana-data/src/valueFormats/categories.ts`).
const UNITS: &[&str] = &[
    "percent",
    "percentunit",
    "bytes",
    "binBps",
    "bps",
    "ops",
    "reqps",
    "s",
    "ms",
    "dtdurations",
    "celsius",
    "short",
    "dateTimeFromNow",
    "string",
];
/// Variables of Grafana itself.
const BUILT_IN: &[&str] = &[
    "__rate_interval",
    "__range",
    "__interval",
    "__interval_ms",
    "__timeGroup",
    "__timeFilter",
    "__timeFrom",
    "__timeTo",
];
const PANELS: &[&str] = &["stat", "timeseries", "bargauge", "heatmap", "table"];

/// Left, top, right and bottom on the grid.
fn place(panel: &Value) -> [u64; 4] {
    let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
    let [x, y, w, h] = ["x", "y", "w", "h"].map(side);
    assert!(w > 0 && h > 0 && x + w <= 24, "{panel}");
    [x, y, x + w, y + h]
}

fn overlap(one: [u64; 4], other: [u64; 4]) -> bool {
    one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3]
}

/// The names after `$` in a query.
fn variables(text: &str) -> BTreeSet<String> {
    let parts = text.split('$').skip(1);
    parts
        .map(|part| {
            let is_part = |it: &char| it.is_ascii_alphanumeric() || *it == '_';
            part.chars().take_while(is_part).collect()
        })
        .collect()
}

fn check(board: &Board) {
    let (name, json) = (&board.name, &board.json);
    assert_eq!(json["uid"], format!("linux-api-{name}").as_str());
    assert!(json["uid"].as_str().unwrap().len() <= 40, "{name}");
    assert_eq!(json["schemaVersion"], 39, "{name}");
    assert!(json["id"].is_null(), "{name}");
    let plugin = if name.ends_with("-prometheus") {
        "prometheus"
    } else {
        "grafana-postgresql-datasource"
    };
    let source = serde_json::json!({"type": plugin, "uid": "${datasource}"});
    let declared = json["templating"]["list"].as_array().unwrap();
    assert_eq!(declared[0]["name"], "datasource", "{name}");
    assert_eq!(declared[0]["query"], plugin, "{name}");
    assert!(declared[1..].iter().all(|it| it["datasource"] == source));
    let known: BTreeSet<&str> = declared
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .chain(BUILT_IN.iter().copied())
        .collect();
    let panels = json["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|it| it["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "{name}: an id twice");
    for (at, panel) in panels.iter().enumerate() {
        for other in &panels[..at] {
            let do_overlap = overlap(place(panel), place(other));
            assert!(
                !do_overlap,
                "{name}: {} on {}",
                panel["title"], other["title"]
            );
        }
    }
    let mut titles = BTreeSet::new();
    for panel in board.panels() {
        let title = panel["title"].as_str().unwrap();
        assert!(titles.insert(title), "{name}: {title} twice");
        check_panel(&format!("{name}: {title}"), panel, &source);
        for target in panel["targets"].as_array().unwrap() {
            let text = target["expr"]
                .as_str()
                .or(target["rawSql"].as_str())
                .unwrap();
            let unknown: Vec<_> = variables(text)
                .into_iter()
                .filter(|it| !known.contains(it.as_str()))
                .collect();
            assert_eq!(unknown, [""; 0], "{name}: {title}");
        }
    }
}

fn check_panel(place: &str, panel: &Value, source: &Value) {
    let kind = panel["type"].as_str().unwrap();
    assert!(PANELS.contains(&kind), "{place}: {kind}");
    assert!(
        !panel["description"].as_str().unwrap().is_empty(),
        "{place}"
    );
    assert_eq!(panel["datasource"], *source, "{place}");
    let defaults = &panel["fieldConfig"]["defaults"];
    let mut units = vec![&defaults["unit"]];
    let overrides = panel["fieldConfig"]["overrides"].as_array().unwrap();
    for one in overrides {
        let properties = one["properties"].as_array().unwrap().iter();
        units.extend(
            properties
                .filter(|it| it["id"] == "unit")
                .map(|it| &it["value"]),
        );
    }
    for unit in units {
        assert!(UNITS.contains(&unit.as_str().unwrap()), "{place}: {unit}");
    }
    let steps = defaults["thresholds"]["steps"].as_array().unwrap();
    assert!(steps[0]["value"].is_null(), "{place}");
    let limits: Vec<f64> = steps[1..]
        .iter()
        .map(|it| it["value"].as_f64().unwrap())
        .collect();
    assert!(limits.is_sorted(), "{place}: {limits:?}");
    let targets = panel["targets"].as_array().unwrap();
    let letters: BTreeSet<_> = targets
        .iter()
        .map(|it| it["refId"].as_str().unwrap())
        .collect();
    assert_eq!(letters.len(), targets.len(), "{place}");
    for target in targets {
        assert_eq!(target["datasource"], *source, "{place}");
        let has_legend = target["legendFormat"]
            .as_str()
            .is_none_or(|it| !it.is_empty());
        assert!(
            has_legend || kind == "stat" || kind == "table",
            "{place}: no legend"
        );
    }
}

#[test]
fn every_board_is_one_that_grafana_can_show() {
    let boards = all();
    boards.iter().for_each(check);
    for source in ["prometheus", "postgresql"] {
        let names = boards.iter().filter_map(|it| it.name.strip_suffix(source));
        let names: Vec<_> = names.collect();
        assert_eq!(names, ["api-", "daemon-", "fleet-", "host-"]);
    }
}

#[test]
fn what_overlaps_or_is_not_declared_is_found() {
    assert!(overlap([0, 0, 12, 8], [11, 7, 24, 9]));
    assert!(!overlap([0, 0, 12, 8], [12, 0, 24, 8]));
    assert!(!overlap([0, 0, 12, 8], [0, 8, 12, 16]));
    let found = variables("a{job=\"$job\"}[$__rate_interval]");
    assert_eq!(
        found,
        BTreeSet::from(["job".to_owned(), "__rate_interval".to_owned()])
    );
}

/// The files name what the boards need, where the packages put it.
#[test]
fn provisioning_has_the_sources_and_the_place_of_the_boards() {
    let read = |path: &str| fs::read_to_string(directory().join(path)).unwrap();
    let sources = read("provisioning/datasources/linux-api.yaml");
    let mut types: Vec<_> = sources
        .lines()
        .filter_map(|line| line.strip_prefix("    type: "))
        .collect();
    types.sort_unstable();
    assert_eq!(types, ["grafana-postgresql-datasource", "prometheus"]);
    let reader = read("reader.sql");
    let user = sources
        .lines()
        .find_map(|line| line.strip_prefix("    user: "))
        .unwrap();
    assert!(reader.contains(&format!("create role {user} login")));
    let provider = read("provisioning/dashboards/linux-api.yaml");
    let path = provider
        .lines()
        .find_map(|line| line.strip_prefix("      path: "))
        .unwrap();
    let manifest = fs::read_to_string(directory().join("../../Cargo.toml")).unwrap();
    let asset = format!(
        "[\"packaging/grafana/boards/*\", \"{}/\", \"644\"]",
        &path[1..]
    );
    assert!(manifest.contains(&asset), "{asset}");
    let asset = format!("{{ source = \"packaging/grafana/boards/*\", dest = \"{path}/\"");
    assert!(manifest.contains(&asset), "{asset}");
    for text in [&sources, &provider] {
        assert!(text.contains("\napiVersion: 1\n") && !text.contains('\t'));
    }
}
