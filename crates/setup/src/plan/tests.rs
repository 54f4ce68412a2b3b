//! What is decided from which answers and facts.

use secrecy::ExposeSecret;

use super::*;
use crate::answers::{PackageManager, Tls};
use crate::facts::{FoundConfig, TlsFiles};
use linux_api_config::DatabaseUrl;

fn bare() -> Facts {
    Facts::bare()
}

fn answers(text: &str) -> Answers {
    toml::from_str(text).unwrap()
}

fn found(text: &str, listen: &str) -> FoundConfig {
    let says = ConfigSummary {
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
        POLICY,
        "/etc/systemd/system/linux-api-executor.socket",
        "/etc/systemd/system/linux-api-executor.service",
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
fn a_policy_that_is_there_is_kept() {
    let facts = Facts {
        policy: Some("[processes]\nmin_uid = 2000\n".to_owned()),
        ..bare()
    };
    let kept = steps(&plan(&Answers::default(), &facts));
    assert!(!kept.contains(&POLICY.to_owned()), "{kept:?}");
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
    only_obstacle(&local, "no server runs below a directory");
}

#[test]
fn everything_that_is_in_the_way_is_told_at_once_and_with_what_to_do() {
    let facts = Facts {
        is_root: false,
        has_systemd: false,
        address_refused: Some(ListenProblem::Taken),
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
    let open = "listen = '0.0.0.0:8080'";
    only_obstacle(&plan(&answers(open), &bare()), "[tls] certificate, key");
    let behind = format!("{open}\ntrusted_proxies = ['10.0.0.0/8']");
    assert!(plan(&answers(&behind), &bare()).obstacles.is_empty());
    let odd = "trusted_proxies = ['nonsense']";
    only_obstacle(&plan(&answers(odd), &bare()), "trusted_proxies: ");
}

#[test]
fn certificate_and_key_are_copied_and_the_key_is_for_the_daemon_alone() {
    let answers = Answers {
        listen: "[::]:8443".parse().unwrap(),
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
    assert_eq!(good.address, "https://[::1]:8443");
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
    let checks_it = |step: &Step| match step {
        Step::CheckDatabase { url: Some(url) } => url.expose_secret() == "postgres://u:pw@h/d",
        _ => false,
    };
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
    // Its rights are on tables that the daemon's first start makes.
    let titles: Vec<String> = made.steps.iter().map(Step::title).collect();
    let find = |part: &str| {
        titles
            .iter()
            .position(|title| title.contains(part))
            .unwrap()
    };
    assert!(find("create the role fleet_daemon") > find("/readyz responds"));
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
fn a_server_that_will_not_do_is_in_the_way_of_the_first_step() {
    let facts = Facts {
        local_refused: Some("the PostgreSQL server does not respond".to_owned()),
        ..bare()
    };
    let local = plan(&answers("database.kind = 'local'"), &facts);
    only_obstacle(&local, "server does not respond");
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

#[test]
fn a_database_is_asked_before_anything_is_written() {
    let url = "postgres://u:hunter2@h/d";
    let given = Facts {
        given_url: Some(Ok(url.into())),
        ..bare()
    };
    let kept = Facts {
        config: Some(found("other", "127.0.0.1:9000")),
        ..bare()
    };
    for (wish, facts) in [
        ("database = { kind = 'url' }", given),
        ("configuration = 'keep'", kept),
    ] {
        let plan = plan(&answers(wish), &facts);
        assert_eq!(plan.obstacles, Vec::<String>::new(), "{wish}");
        assert_eq!(steps(&plan)[0], "CheckDatabase", "{wish}");
    }
}

#[test]
fn the_url_that_is_there_is_used_when_no_other_is_given() {
    let facts = Facts {
        database_url: Some("postgres://u:x@h/d".into()),
        ..bare()
    };
    let plan = plan(&answers("database = { kind = 'url' }"), &facts);
    assert_eq!(plan.obstacles, Vec::<String>::new());
    let Step::CheckDatabase { url: Some(url) } = &plan.steps[0] else {
        panic!("{:?}", plan.steps[0])
    };
    assert_eq!(url.expose_secret(), "postgres://u:x@h/d");
}

#[test]
fn what_is_kept_is_used_or_contradicted_and_never_passed_over() {
    let facts = |kept: &str, given: Option<&str>| Facts {
        config: Some(FoundConfig {
            says: Ok(ConfigSummary {
                listen: "127.0.0.1:8080".parse().unwrap(),
                has_tls: false,
                database: DatabaseUrl::from_text(kept).unwrap(),
            }),
            text: PACKAGED_CONFIG.to_owned(),
        }),
        given_url: given.map(|url| Ok(url.into())),
        ..bare()
    };
    let (file, url) = (
        "sqlite:///var/lib/linux-api/linux-api.db",
        "postgres://u:hunter2@h/d",
    );
    let keep = |database: &str| answers(&format!("configuration = 'keep'\n{database}"));
    let by_url = keep("database = { kind = 'url' }");
    for (wish, facts) in [
        (&by_url, facts(file, Some(url))),
        (&by_url, facts("postgres://u:other@h/d", Some(url))),
        (&keep("database = { kind = 'sqlite' }"), facts(url, None)),
        (&keep("database = { kind = 'local' }"), facts(file, None)),
    ] {
        let plan = plan(wish, &facts);
        only_obstacle(&plan, "the answers name another one");
        assert!(
            !plan.obstacles[0].contains("hunter2"),
            "{:?}",
            plan.obstacles
        );
    }
    for (wish, facts) in [
        (&by_url, facts(url, Some(url))),
        (&keep(""), facts(file, None)),
        (&keep("database = { kind = 'sqlite' }"), facts(file, None)),
        (
            &keep("database = { kind = 'local' }"),
            facts("postgres://linux_api:abc@127.0.0.1:5432/linux_api", None),
        ),
    ] {
        assert_eq!(plan(wish, &facts).obstacles, Vec::<String>::new());
    }
}

#[test]
fn a_port_that_the_daemon_may_not_have_is_refused_with_the_ways_out() {
    let low = "listen = '127.0.0.1:443'";
    let refused = plan(&answers(low), &bare());
    for part in ["from 1024 up", "proxy", "AmbientCapabilities"] {
        only_obstacle(&refused, part);
    }
    only_obstacle(&plan(&answers("listen = '127.0.0.1:0'"), &bare()), "port 0");
    let allowed = [
        Facts {
            first_free_port: 80,
            ..bare()
        },
        Facts {
            may_bind_low: true,
            ..bare()
        },
    ];
    for facts in allowed {
        assert_eq!(plan(&answers(low), &facts).obstacles, Vec::<String>::new());
    }
    // The question is put again with the same words, and with what trying the address came out as.
    let asked = |text: &str, refused: Option<&ListenProblem>| {
        obstacles_of_address(&answers(text), &bare(), refused).join("; ")
    };
    assert_eq!(asked("", None), "");
    assert!(asked(low, None).contains("from 1024 up"));
    assert!(asked("listen = '127.0.0.1:0'", None).contains("port 0"));
    assert!(asked("listen = '0.0.0.0:8080'", None).contains("without TLS"));
    assert!(asked("", Some(&ListenProblem::Taken)).contains("`ss -ltnp` names it"));
    // One that is kept and works is none of setup's business.
    let with = |service_runs| Facts {
        config: Some(found("other", "127.0.0.1:443")),
        service_runs,
        ..bare()
    };
    let keep = answers("configuration = 'keep'");
    only_obstacle(&plan(&keep, &with(false)), "port 443");
    assert_eq!(plan(&keep, &with(true)).obstacles, Vec::<String>::new());
}

#[test]
fn a_program_is_not_put_beside_that_of_a_package() {
    let packaged = |program_is_named| Facts {
        packaged_units: Some(PACKAGED_UNITS.into()),
        program_is_named,
        ..bare()
    };
    let named = plan(&Answers::default(), &packaged(true));
    only_obstacle(&named, "--program /home/alice/linux-api would not be used");
    only_obstacle(&named, "apt-get install");
    let running = plan(&Answers::default(), &packaged(false));
    assert_eq!(running.obstacles, Vec::<String>::new());
    assert!(running.notes[0].contains("/home/alice/linux-api is not installed"));
    let its_own = Facts {
        program_is_packaged: true,
        ..packaged(false)
    };
    assert_eq!(
        plan(&Answers::default(), &its_own).notes,
        Vec::<String>::new()
    );
}

#[test]
fn what_hides_a_package_goes_before_its_units_are_enabled() {
    let service = format!("{UNITS}/{SERVICE}");
    let facts = Facts {
        packaged_units: Some(PACKAGED_UNITS.into()),
        left_behind: vec![PathBuf::from(PROGRAM), PathBuf::from(&service)],
        ..bare()
    };
    let plan = plan(&Answers::default(), &facts);
    let titles: Vec<String> = plan.steps.iter().map(Step::title).collect();
    assert!(titles[0].starts_with("remove /usr/local/bin/linux-api:"));
    assert!(titles[1].starts_with(&format!("remove {service}:")));
    assert!(
        plan.steps
            .iter()
            .any(|step| matches!(step, Step::Start { outdated: true }))
    );
}

#[test]
fn a_program_that_does_not_work_replaces_none() {
    let facts = Facts {
        program_refused: Some("/x does not run here".to_owned()),
        ..bare()
    };
    only_obstacle(&plan(&Answers::default(), &facts), "/x does not run here");
}
