//! What is decided from which answers and facts.

use super::*;
use crate::setup::answers::{PackageManager, Tls};
use crate::setup::facts::{FoundConfig, TlsFiles};

/// A system where nothing has been installed yet, and nothing is in the way.
fn bare() -> Facts {
    Facts {
        is_live: true,
        is_root: true,
        has_systemd: true,
        packaged_units: None,
        program: PathBuf::from("/home/alice/linux-api"),
        config: None,
        database_url: None,
        tls: None,
        given_url: None,
        service_runs: false,
        address_refused: None,
        package_manager: Some(PackageManager::Apt),
    }
}

fn answers(text: &str) -> Answers {
    toml::from_str(text).unwrap()
}

fn found(text: &str, listen: &str) -> FoundConfig {
    let says = Says {
        listen: listen.parse().unwrap(),
        has_tls: false,
        database: DatabaseUrl::from_text("postgres://u:pw@h/d").unwrap(),
    };
    FoundConfig {
        text: text.to_owned(),
        says: Ok(says),
    }
}

/// The steps in short: files by their path.
fn steps(plan: &Plan) -> Vec<String> {
    let short = |step: &Step| match step {
        Step::File(file) => file.path.display().to_string(),
        Step::Folder { path, .. } => path.display().to_string(),
        other => format!("{other:?}")
            .split([' ', '(', '{'])
            .next()
            .unwrap_or_default()
            .to_owned(),
    };
    plan.steps.iter().map(short).collect()
}

#[track_caller]
fn only_obstacle(plan: &Plan, part: &str) {
    assert_eq!(plan.obstacles.len(), 1, "{:?}", plan.obstacles);
    assert!(plan.obstacles[0].contains(part), "{:?}", plan.obstacles);
}

#[test]
fn a_bare_system_gets_everything_in_an_order_that_can_stop_anywhere() {
    let plan = plan(&Answers::default(), &bare());
    assert_eq!(plan.obstacles, Vec::<String>::new());
    let expected = [
        "Program",
        SYSUSERS,
        TMPFILES,
        "Account",
        CONFIG_FOLDER,
        DATA_FOLDER,
        CONFIG,
        "/etc/systemd/system/linux-api.socket",
        "/etc/systemd/system/linux-api.service",
        "Enable",
        "Start",
        "Ready",
        "Key",
    ];
    assert_eq!(steps(&plan), expected);
    assert_eq!(plan.address, "http://127.0.0.1:8080");
}

#[test]
fn the_units_start_the_program_where_it_is() {
    let own = plan(&Answers::default(), &bare());
    let service = own.steps.iter().find_map(|step| match step {
        Step::File(file) if file.path.ends_with(SERVICE) => Some(&file.content),
        _ => None,
    });
    let Some(Content::Text(text)) = service else {
        panic!("{service:?}")
    };
    assert!(text.contains("\nExecStart=/usr/local/bin/linux-api serve\n"));
    assert!(!text.contains(PACKAGED_PROGRAM));
}

#[test]
fn what_a_package_brought_is_left_to_it() {
    let facts = Facts {
        packaged_units: Some(PACKAGED_UNITS.into()),
        ..bare()
    };
    let expected = [
        "Account",
        CONFIG_FOLDER,
        DATA_FOLDER,
        CONFIG,
        "Enable",
        "Start",
        "Ready",
        "Key",
    ];
    assert_eq!(steps(&plan(&Answers::default(), &facts)), expected);
}

#[test]
fn a_folder_with_a_system_gets_files_and_no_processes() {
    let facts = Facts {
        is_live: false,
        is_root: false,
        has_systemd: false,
        ..bare()
    };
    let offline = plan(&Answers::default(), &facts);
    assert_eq!(offline.obstacles, Vec::<String>::new());
    assert_eq!(steps(&offline).last().unwrap(), "Enable");

    let local = plan(&answers("database = { kind = 'local' }"), &facts);
    only_obstacle(&local, "no server runs in a folder");
}

#[test]
fn everything_that_is_in_the_way_is_told_at_once_and_with_what_to_do() {
    let facts = Facts {
        is_root: false,
        has_systemd: false,
        address_refused: Some(Refused::Taken),
        ..bare()
    };
    let plan = plan(&Answers::default(), &facts);
    let expected = ["sudo linux-api setup", "linux-api serve", "ss -ltnp"];
    assert_eq!(plan.obstacles.len(), expected.len(), "{:?}", plan.obstacles);
    for (obstacle, part) in plan.obstacles.iter().zip(expected) {
        assert!(obstacle.contains(part), "{obstacle}");
    }
}

#[test]
fn keys_are_not_sent_in_the_clear() {
    let open = "listen = '0.0.0.0:80'";
    only_obstacle(&plan(&answers(open), &bare()), "[tls] certificate, key");
    let behind = format!("{open}\ntrusted_proxies = ['10.0.0.0/8']");
    assert!(plan(&answers(&behind), &bare()).obstacles.is_empty());
    let odd = "trusted_proxies = ['nonsense']";
    only_obstacle(&plan(&answers(odd), &bare()), "trusted_proxies: ");
}

#[test]
fn certificate_and_key_are_copied_and_the_key_is_for_the_daemon_alone() {
    let answers = Answers {
        listen: "[::]:443".parse().unwrap(),
        tls: Some(Tls {
            certificate: "/c".into(),
            key: "/k".into(),
        }),
        ..Answers::default()
    };
    let facts = |files| Facts {
        tls: Some(files),
        ..bare()
    };
    let files = TlsFiles {
        certificate: "C".to_owned(),
        key: "K".into(),
    };
    let good = plan(&answers, &facts(Ok(files)));
    assert!(good.obstacles.is_empty());
    assert_eq!(good.address, "https://[::1]:443");
    let key = good.steps.iter().find_map(|step| match step {
        Step::File(file) if file.path == Path::new(TLS_KEY) => Some(file),
        _ => None,
    });
    let key = key.unwrap();
    assert_eq!((key.mode, key.owner), (0o400, Who::Service));
    assert!(matches!(key.content, Content::Secret(_)));

    let bad = plan(&answers, &facts(Err("/k: no".to_owned())));
    only_obstacle(&bad, "the certificate can't be used: /k: no");
}

#[test]
fn a_configuration_that_says_something_else_is_not_lost() {
    let with = |text: &str| Facts {
        config: Some(found(text, "127.0.0.1:9000")),
        ..bare()
    };
    for same in [PACKAGED_CONFIG, &configuration::text(&Answers::default())] {
        assert!(plan(&Answers::default(), &with(same)).obstacles.is_empty());
    }
    let stopped = plan(&Answers::default(), &with("other"));
    only_obstacle(&stopped, "configuration = \"replace\"");

    let replaced = plan(&answers("configuration = 'replace'"), &with("other"));
    assert!(replaced.obstacles.is_empty());
    let steps_of = steps(&replaced);
    let at = |path: &str| steps_of.iter().position(|step| step == path).unwrap();
    assert!(at(OLD_CONFIG) < at(CONFIG));

    let kept = plan(&answers("configuration = 'keep'"), &with("other"));
    assert!(kept.obstacles.is_empty());
    assert!(!steps(&kept).contains(&CONFIG.to_owned()));
    // The database that the configuration names, whatever else lies about.
    let checks_it = |step: &Step| matches!(step, Step::CheckDatabase { kept: true });
    assert!(kept.steps.iter().any(checks_it));
    assert_eq!(kept.address, "http://127.0.0.1:9000");
}

#[test]
fn a_configuration_that_is_wrong_is_not_kept() {
    let facts = Facts {
        config: Some(FoundConfig {
            text: "colour = 1".to_owned(),
            says: Err("colour: unknown section".to_owned()),
        }),
        ..bare()
    };
    let kept = plan(&answers("configuration = 'keep'"), &facts);
    assert!(
        kept.obstacles[0].contains("colour: unknown section"),
        "{:?}",
        kept.obstacles
    );
}

#[test]
fn a_database_url_is_checked_kept_from_view_and_never_overwritten_unasked() {
    let wish = answers("database = { kind = 'url' }");
    let facts = |given: &str, kept: Option<&str>| Facts {
        given_url: Some(Ok(given.into())),
        database_url: kept.map(Into::into),
        ..bare()
    };
    let url = "postgres://u:hunter2@h/d";
    let good = plan(&wish, &facts(url, None));
    assert!(good.obstacles.is_empty());
    assert!(!format!("{good:?}").contains("hunter2"));
    assert!(steps(&good).contains(&URL_FILE.to_owned()));
    assert!(plan(&wish, &facts(url, Some(url))).obstacles.is_empty());

    let other = plan(&wish, &facts(url, Some("postgres://u:x@h/d")));
    only_obstacle(&other, "names another database already");
    only_obstacle(&plan(&wish, &facts("sqlite:///x", None)), "sqlite");
    let bad = plan(&wish, &facts("hunter2", None));
    only_obstacle(&bad, "expected a URL");
    assert!(!bad.obstacles[0].contains("hunter2"));
    only_obstacle(&plan(&wish, &bare()), "needs the URL");
}

#[test]
fn role_and_database_are_made_and_a_password_in_use_is_kept() {
    let wish = answers("database = { kind = 'local', role = 'fleet' }");
    let made = plan(&wish, &bare());
    assert!(made.obstacles.is_empty());
    assert!(steps(&made).contains(&"LocalDatabase".to_owned()));
    let facts = |kept: &str| Facts {
        database_url: Some(kept.into()),
        ..bare()
    };
    let own = "postgres://fleet:abc@127.0.0.1:5432/linux_api";
    assert!(plan(&wish, &facts(own)).obstacles.is_empty());
    let other = plan(&wish, &facts("postgres://other:abc@h/d"));
    only_obstacle(&other, "names another database already");
    let odd = answers("database = { kind = 'local', role = \"a'b\" }");
    only_obstacle(&plan(&odd, &bare()), "database.role: expected a letter");
}

#[test]
fn the_server_is_installed_by_the_package_manager_of_the_system() {
    let wish = answers("database = { kind = 'install' }");
    for (manager, command) in [
        (PackageManager::Apt, "/usr/bin/apt-get install --yes"),
        (PackageManager::Dnf, "/usr/bin/dnf --assumeyes install"),
    ] {
        let facts = Facts {
            package_manager: Some(manager),
            ..bare()
        };
        let plan = plan(&wish, &facts);
        let titles: Vec<String> = plan.steps.iter().map(Step::title).collect();
        assert!(titles.iter().any(|title| title.contains(command)));
    }
    let none = Facts {
        package_manager: None,
        ..bare()
    };
    only_obstacle(&plan(&wish, &none), "neither apt-get nor dnf");
}
