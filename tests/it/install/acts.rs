//! What setup does for those who act on the host and read its logs.

use std::fs;

use crate::install::tree::{System, exists, good, is_root, refused};

const DROP_IN: &str = "etc/systemd/system/linux-api.service.d/journal.conf";
const CONFIG: &str = "etc/linux-api/config.toml";

fn with_journal_group(system: &System) {
    fs::create_dir_all(system.path("etc")).unwrap();
    fs::write(
        system.path("etc/group"),
        "root:x:0:\nsystemd-journal:x:999:\n",
    )
    .unwrap();
}

#[test]
fn logs_are_added_to_what_is_installed_and_removed_with_it() {
    let system = System::new();
    with_journal_group(&system);
    good(&system.run(&["--yes"]));
    assert!(!exists(&system.path(DROP_IN)), "unless it was requested");
    let own = "[server]\nlisten = \"127.0.0.1:9000\"\n";
    fs::write(system.path(CONFIG), own).unwrap();
    good(&system.run(&["--logs", "--yes"]));
    let text = fs::read_to_string(system.path(DROP_IN)).unwrap();
    assert!(
        text.contains("SupplementaryGroups=systemd-journal"),
        "{text}"
    );
    assert_eq!(fs::read_to_string(system.path(CONFIG)).unwrap(), own);
    // Once they are there, no other run takes them away.
    good(&system.run(&["--logs", "--yes"]));
    assert!(exists(&system.path(DROP_IN)));
    good(&system.run(&["--uninstall", "--yes"]));
    assert!(!exists(system.path(DROP_IN).parent().unwrap()));

    good(&system.run(&["--logs", "--yes"]));
    let other = system.path(DROP_IN).with_file_name("port.conf");
    fs::write(&other, "[Service]\n").unwrap();
    good(&system.run(&["--uninstall", "--yes"]));
    assert!(!exists(&system.path(DROP_IN)) && exists(&other));
}

#[test]
fn logs_take_the_group_of_the_journal() {
    let system = System::new();
    let why = refused(&system.run(&["--logs", "--yes"]));
    assert!(why.contains("there is no group systemd-journal"), "{why}");
    assert!(system.all().is_empty());
}

#[test]
fn an_account_that_is_older_gets_the_group_of_operators_and_purging_takes_both() {
    if !is_root() {
        crate::install::left_out::for_want_of("root", "run it as root");
        return;
    }
    let system = System::new();
    fs::create_dir_all(system.path("etc")).unwrap();
    let account = "linux-api:x:997:997::/var/lib/linux-api:/usr/sbin/nologin\n";
    fs::write(
        system.path("etc/passwd"),
        format!("root:x:0:0::/root:/bin/sh\n{account}"),
    )
    .unwrap();
    fs::write(system.path("etc/group"), "root:x:0:\nlinux-api:x:997:\n").unwrap();
    good(&system.run(&["--yes"]));
    let groups = || fs::read_to_string(system.path("etc/group")).unwrap();
    assert!(groups().contains("linux-api-operators:x:"), "{}", groups());
    let passwd = fs::read_to_string(system.path("etc/passwd")).unwrap();
    assert!(passwd.contains(account), "{passwd}");
    let before = system.all();
    good(&system.run(&["--yes"]));
    assert_eq!(system.all(), before);
    good(&system.run(&["--uninstall", "--purge", "--yes"]));
    assert!(!groups().contains("linux-api"), "{}", groups());
}
