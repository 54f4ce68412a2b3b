//! Blocks of TOML: what the daemon, setup and the dashboard read, each by its own reader.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use linux_api_alerts::rules::{self, RuleSource};
use linux_api_config::tui::Tui;
use linux_api_executor::policy::Policy;
use linux_api_tui::theme::Palette;

use yaml_rust2::YamlLoader;

use crate::guides::pages::root;
use crate::guides::stage::Stage;

/// Reads it as the program does, and again with every line in effect that is commented out.
pub(crate) fn check(stage: &Stage, place: &str, text: &str) {
    // The files that are named are not here.
    let secret = stage.path("database_url");
    fs::write(&secret, "postgres://u@h/d").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let secret = secret.to_str().unwrap();
    let whole = text.replace("\n#url_file", "\nurl_file");
    for text in [text, &whole] {
        let here = text
            .replace("/etc/linux-api/database_url", secret)
            .replace("/etc/linux-api/database_direct_url", secret)
            .replace("/etc/linux-api/database_admin_url", secret)
            .replace("/etc/linux-api/database_owner_url", secret);
        if text.contains("accent = ") {
            let read = Palette::of_text("dusk.toml", &here);
            assert!(read.is_ok(), "{place}: {:?}", read.unwrap_err());
            continue;
        }
        if text.contains("theme = ") {
            let path = stage.path("tui.toml");
            fs::write(&path, here).unwrap();
            let read = Tui::load(Some(&path));
            assert!(read.is_ok(), "{place}: {}", read.unwrap_err());
            continue;
        }
        if text.contains("[[rule]]") {
            let path = Path::new("rules.toml");
            let (_, problems) = rules::file::parse(path, &here, &RuleSource::Stored);
            assert_eq!(problems, [], "{place}");
            continue;
        }
        if text.contains("min_uid = ") {
            let read = Policy::parse(Path::new("policy.toml"), &here);
            assert!(read.is_ok(), "{place}: {}", read.unwrap_err());
            continue;
        }
        // A file for `--answers` has keys that the configuration does not have; a later command
        // reads it.
        // here.
        let (name, command) = if text.contains("kind = ") && !text.contains("[alerts]") {
            (
                "answers.toml",
                "linux-api setup --dry-run --answers answers.toml",
            )
        } else {
            ("config.toml", "linux-api config check --config config.toml")
        };
        let path = stage.path(name);
        fs::write(&path, here).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let ended = stage.run(command);
        // A dry run in a directory shows the plan, and that no server runs there.
        let in_the_way = ended.stdout.split_once("Obstacles:\n");
        let is_planned = in_the_way.is_some_and(|(_, why)| {
            why.lines().count() == 1 && why.starts_with("- no server runs below a directory")
        });
        assert!(
            ended.success || is_planned,
            "{place}:\n{text}\n{}{}",
            ended.stdout,
            ended.stderr
        );
    }
}

/// A playbook that uses our role: the role is there, and has the variables that are set.
pub(crate) fn of_role(place: &str, text: &str) {
    let read =
        |text: &str| YamlLoader::load_from_str(text).unwrap_or_else(|it| panic!("{place}: {it}"));
    let playbook = read(text);
    let role = &playbook[0][0]["roles"][0];
    let name = role["role"].as_str().unwrap();
    let folder = root().join("packaging/ansible/roles").join(name);
    let defaults = fs::read_to_string(folder.join("defaults/main.yml")).unwrap();
    let defaults = read(&defaults);
    let set = role["vars"].as_hash().unwrap();
    assert!(!set.is_empty());
    for variable in set.keys() {
        let known = defaults[0].as_hash().unwrap().contains_key(variable);
        assert!(known, "{place}: the role has no {variable:?}");
    }
}
