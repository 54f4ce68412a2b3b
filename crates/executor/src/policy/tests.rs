//! What policies say and allow.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use proptest::prelude::*;

use super::*;
use linux_api_acts::protocol::{Actor, Request, UnitVerb, Verb};

fn policy(text: &str) -> Policy {
    Policy::parse(Path::new("/p"), text).unwrap()
}

fn mistake(text: &str) -> String {
    Policy::parse(Path::new("/p"), text)
        .unwrap_err()
        .to_string()
}

fn actor(name: &str, role: Option<&str>) -> Actor {
    let word = |text: &str| text.to_owned().try_into().unwrap();
    Actor {
        name: word(name),
        role: role.map(word),
        key: None,
        address: None,
    }
}

fn unit(names: &[&str]) -> UnitFacts {
    UnitFacts {
        id: names[0].to_owned(),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        affected: Vec::new(),
    }
}

fn decide(policy: &Policy, verb: UnitVerb, names: &[&str]) -> Decision {
    policy.decide_unit(&actor("alice", None), verb, &unit(names))
}

fn process(uid: u32) -> ProcessFacts {
    ProcessFacts {
        pid: 77,
        uids: [uid; 4],
        is_kernel_thread: false,
        is_ours: false,
        unit: Vec::new(),
    }
}

const RENICE: &str = r#"{"process.renice":{"process":{"pid":77,"start_ticks":1},"nice":-1}}"#;
const SIGNAL: &str = r#"{"process.signal":{"process":{"pid":77,"start_ticks":1},"signal":"TERM"}}"#;

fn decide_process(policy: &Policy, verb: &str, facts: &ProcessFacts) -> Decision {
    let verb: Verb = serde_json::from_str(verb).unwrap();
    policy.decide_process(&actor("alice", None), &verb, facts)
}

#[test]
fn an_empty_policy_allows_nothing() {
    for text in [
        "",
        "[units]\n",
        "[processes]\n",
        linux_api_acts::policy_text::WATCH,
    ] {
        let policy = policy(text);
        for verb in UnitVerb::ALL {
            assert!(!decide(&policy, verb, &["nginx.service"]).allowed, "{text}");
        }
        assert!(!decide_process(&policy, SIGNAL, &process(1000)).allowed);
        assert_eq!(policy.rate(), Rate::default());
    }
}

#[test]
fn a_decision_names_its_line_and_what_would_change_it() {
    let policy = policy(
        "[units]\nallow = [\n  \"web*\",\n  \"nginx.service\",\n]\nprotect = [\"web-db.*\"]\n",
    );
    let allowed = decide(&policy, UnitVerb::Restart, &["nginx.service"]);
    assert_eq!(allowed.rule, "/p:4: units.allow = \"nginx.service\"");
    let protected = decide(&policy, UnitVerb::Restart, &["web-db.service"]);
    assert!(!protected.allowed);
    assert_eq!(protected.rule, "/p:6: units.protect = \"web-db.*\"");
    let other = decide(&policy, UnitVerb::Restart, &["cups.service"]);
    let remedy = Some("sudo linux-api policy allow cups.service".to_owned());
    assert_eq!((other.allowed, other.remedy), (false, remedy));
}

#[test]
fn every_name_of_a_unit_counts_and_protection_wins() {
    let policy = policy("units.allow = [\"*\"]\nunits.protect = [\"db.service\"]\n");
    for names in [
        &["database.service", "db.service"][..],
        &["db.service", "database.service"],
    ] {
        assert!(
            !decide(&policy, UnitVerb::Restart, names).allowed,
            "{names:?}"
        );
    }
    let policy = self::policy("units.allow = [\"web.service\"]\n");
    assert!(decide(&policy, UnitVerb::Stop, &["nginx.service", "web.service"]).allowed);
}

#[test]
fn no_policy_opens_what_is_built_in() {
    let policy = policy("units.allow = [\"*\"]\nprocesses.min_uid = 0\n");
    for name in [
        "debug-shell.service",
        "emergency.service",
        "rescue.service",
        "getty@tty1.service",
        "serial-getty@ttyS0.service",
        "user@1000.service",
        "systemd-logind.service",
        "systemd-journald.socket",
        "linux-api.service",
        "linux-api-executor.socket",
        "linux-api-job@7.service",
        "dbus.service",
        "dbus-broker.service",
        "halt.service",
        "kexec.service",
        "dracut-emergency.service",
    ] {
        for verb in UnitVerb::ALL {
            let decision = decide(&policy, verb, &[name]);
            assert!(
                !decision.allowed && decision.rule.starts_with("built in"),
                "{name}"
            );
        }
    }
    for name in [
        "ssh.service",
        "sshd.service",
        "ssh.socket",
        "ssh@7.service",
        "polkit.service",
        "NetworkManager.service",
        "firewalld.service",
        "nftables.service",
        "ufw.service",
        "wg-quick@wg0.service",
        "openvpn@office.service",
        "tailscaled.service",
        "auditd.service",
        "postgresql@15-main.service",
    ] {
        for verb in [UnitVerb::Stop, UnitVerb::Disable, UnitVerb::Limits] {
            assert!(!decide(&policy, verb, &[name]).allowed, "{name}");
            // By an alias neither.
            assert!(
                !decide(&policy, verb, &["mine.service", name]).allowed,
                "{name}"
            );
        }
        assert!(
            decide(&policy, UnitVerb::Restart, &[name]).allowed,
            "{name}"
        );
        let mut facts = process(0);
        facts.unit = vec![name.to_owned()];
        assert!(!decide_process(&policy, SIGNAL, &facts).allowed, "{name}");
    }
}

#[test]
fn what_would_stop_something_protected_with_it_is_refused() {
    let policy = policy("units.allow = [\"*\"]\nunits.protect = [\"db.service\"]\n");
    let decide = |verb, other: &str| {
        let mut facts = unit(&["storage.service"]);
        facts.affected = vec![Affected {
            verb,
            names: vec!["x.service".to_owned(), other.to_owned()],
        }];
        policy.decide_unit(&actor("alice", None), UnitVerb::Restart, &facts)
    };
    for other in ["db.service", "ssh.service", "systemd-logind.service"] {
        let decision = decide(UnitVerb::Stop, other);
        assert!(
            !decision.allowed && decision.message.contains(&format!("would stop {other}")),
            "{decision:?}"
        );
    }
    // With another one, too, the ways to the host may be restarted, and what is protected may not.
    assert!(decide(UnitVerb::Restart, "ssh.service").allowed);
    assert!(!decide(UnitVerb::Restart, "db.service").allowed);
    assert!(!decide(UnitVerb::Restart, "systemd-logind.service").allowed);
}

#[test]
fn verbs_and_actors_narrow() {
    let policy = policy(
        "actors = [\"alice\", \"role:admin\"]\n[units]\nallow = [\"a.service\"]\nverbs = [\"restart\"]\n",
    );
    let facts = unit(&["a.service"]);
    let decide = |who: &Actor, verb| policy.decide_unit(who, verb, &facts);
    assert!(decide(&actor("alice", None), UnitVerb::Restart).allowed);
    assert!(decide(&actor("bob", Some("admin")), UnitVerb::Restart).allowed);
    let refused = decide(&actor("bob", Some("operator")), UnitVerb::Restart);
    assert!(
        !refused.allowed && refused.rule == "/p:1: actors",
        "{refused:?}"
    );
    // A user is not let in by a role's name.
    assert!(!decide(&actor("admin", None), UnitVerb::Restart).allowed);
    let refused = decide(&actor("alice", None), UnitVerb::Stop);
    assert!(
        !refused.allowed && refused.rule == "/p:4: units.verbs",
        "{refused:?}"
    );
    assert!(
        !self::policy("actors = []\nunits.allow = [\"*\"]")
            .refuse_early(&request("alice"))
            .unwrap()
            .allowed
    );
}

fn request(name: &str) -> Request {
    Request {
        id: "a".to_owned().try_into().unwrap(),
        not_after: linux_api_wire::time::Timestamp::from_millis(0),
        actor: actor(name, None),
        automatic: false,
        signature: None,
        verb: serde_json::from_str(r#"{"unit.stop":{"unit":"a.service"}}"#).unwrap(),
    }
}

#[test]
fn processes_are_those_of_people_from_the_least_uid_on() {
    let policy = policy("[processes]\nmin_uid = 1000\n");
    let allowed = |facts: &ProcessFacts| decide_process(&policy, SIGNAL, facts).allowed;
    assert!(allowed(&process(1000)) && allowed(&process(100_000)));
    for uid in [0, 33, 999, 61_184, 65_534] {
        assert!(!allowed(&process(uid)), "{uid}");
    }
    // One that has taken other rights: sudo, say.
    let mut sudo = process(1000);
    sudo.uids[1] = 0;
    assert!(!allowed(&sudo));
    for change in [
        |it: &mut ProcessFacts| it.pid = 1,
        |it: &mut ProcessFacts| it.is_kernel_thread = true,
        |it: &mut ProcessFacts| it.is_ours = true,
        |it: &mut ProcessFacts| it.unit = vec!["systemd-logind.service".to_owned()],
    ] {
        let mut facts = process(1000);
        change(&mut facts);
        assert!(!allowed(&facts), "{facts:?}");
    }
    // A user's own manager is the user's.
    let mut own = process(1000);
    own.unit = vec!["user@1000.service".to_owned()];
    assert!(allowed(&own));
    let open = self::policy("processes.min_uid = 0\nunits.protect = [\"db.service\"]");
    assert!(decide_process(&open, SIGNAL, &process(0)).allowed);
    let mut db = process(0);
    db.unit = vec!["database.service".to_owned(), "db.service".to_owned()];
    assert!(!decide_process(&open, SIGNAL, &db).allowed);
}

#[test]
fn priority_over_others_is_apart() {
    let decide = |text: &str| decide_process(&policy(text), RENICE, &process(1000)).allowed;
    assert!(!decide("processes.min_uid = 1000"));
    assert!(decide("[processes]\nmin_uid = 1000\nmin_nice = -1"));
}

#[test]
fn every_mistake_has_its_line() {
    for (text, line, words) in [
        ("[units]\nallow = [\"nginx\"]", 2, "ends with none of"),
        (
            "[units]\nallow = [\n\"a.service\",\n\"a b\"]",
            4,
            "can't be in the name",
        ),
        (
            "[units]\nallow = [\"../x.service\"]",
            2,
            "can't be in the name",
        ),
        ("[units]\nallow = [\"\"]", 2, "1 to 255"),
        ("[units]\nallow = \"a.service\"", 2, "sequence"),
        ("[units]\nalow = []", 2, "unknown field"),
        ("[units]\nverbs = [\"kill\"]", 2, "unknown variant"),
        ("\nrate = \"30\"", 2, "no rate"),
        ("rate = \"0/minute\"", 1, "no rate"),
        ("rate = \"1001/minute\"", 1, "no rate"),
        ("rate = \"5/day\"", 1, "no rate"),
        ("actors = [\"role:\"]", 1, "neither a user"),
        ("actors = [\"*\"]", 1, "neither a user"),
        ("[processes]\nmin_uid = -1", 2, ""),
        ("[processes]\nmin_nice = -21", 2, "min_nice"),
        ("reboot = true", 1, "unknown field"),
        ("units = {", 1, ""),
    ] {
        let message = mistake(text);
        assert!(
            message.starts_with(&format!("/p:{line}: ")),
            "{text}: {message}"
        );
        assert!(message.contains(words), "{text}: {message}");
        assert!(message.ends_with("everything is refused"), "{message}");
    }
    let many = vec!["\"a.service\""; 1001].join(",");
    assert!(mistake(&format!("units.allow = [{many}]")).contains("at most"));
}

#[test]
fn a_file_that_others_may_write_is_no_policy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    let load = || {
        Policy::load(&path)
            .map(drop)
            .map_err(|error| error.to_string())
    };
    assert!(load().unwrap_err().contains("nothing is allowed"));
    std::fs::write(&path, "").unwrap();
    let set =
        |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    set(&path, 0o640);
    load().unwrap();
    for mode in [0o660, 0o602] {
        set(&path, mode);
        assert!(
            load().unwrap_err().contains("may be written by others"),
            "{mode:o}"
        );
    }
    set(&path, 0o600);
    set(folder.path(), 0o777);
    assert!(load().unwrap_err().contains("may be written by others"));
    set(folder.path(), 0o700);
    let link = folder.path().join("link.toml");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(Policy::load(&link).is_err());
    std::fs::write(&path, "#".repeat(65 << 10)).unwrap();
    assert!(load().unwrap_err().contains("can't read"));
    std::fs::write(&path, [0xff]).unwrap();
    assert!(load().is_err());
    if rustix::process::geteuid().is_root() {
        std::fs::write(&path, "").unwrap();
        std::os::unix::fs::chown(&path, Some(1234), None).unwrap();
        assert!(load().unwrap_err().contains("does not belong to root"));
    }
}

proptest! {
    #[test]
    fn any_text_is_a_policy_or_a_mistake_in_one_of_its_lines(text in "\\PC{0,200}") {
        if let Err(PolicyError::Mistake { line, .. }) = Policy::parse(Path::new("/p"), &text) {
            prop_assert!((1..=text.lines().count().max(1) + 1).contains(&line));
        }
    }

    #[test]
    fn protection_wins_over_every_pattern(
        name in "[a-z]{1,8}",
        allow in prop::collection::vec("[a-z?*]{0,6}\\*", 0..4),
    ) {
        let allow: Vec<String> = allow.iter().map(|it| format!("{it:?}")).collect();
        let text = format!("units.allow = [{}]\nunits.protect = [\"{name}*\"]", allow.join(","));
        let decision = decide(&policy(&text), UnitVerb::Start, &[&format!("{name}.service")]);
        prop_assert!(!decision.allowed);
    }
}
