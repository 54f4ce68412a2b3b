//! `linux-api setup` on a folder with a system: what it leaves, however it was interrupted.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::tree::{System, exists, good, is_root, linux_api, refused, text};

const UNITS: &str = "etc/systemd/system";

#[test]
fn it_brings_program_units_and_configuration_and_changes_nothing_the_second_time() {
    let system = System::new();
    good(&system.run(&["--yes"]));
    let first = system.all();
    for path in [
        "usr/local/bin/linux-api",
        "etc/sysusers.d/linux-api.conf",
        "etc/tmpfiles.d/linux-api.conf",
        "etc/systemd/system/multi-user.target.wants/linux-api.service",
        "etc/systemd/system/sockets.target.wants/linux-api.socket",
    ] {
        assert!(exists(&system.path(path)), "{path}");
    }
    assert_eq!(system.mode("usr/local/bin/linux-api"), 0o755);
    assert_eq!(system.mode("etc/linux-api"), 0o750);
    assert_eq!(system.mode("etc/linux-api/config.toml"), 0o640);
    assert_eq!(system.mode("var/lib/linux-api"), 0o700);
    let said = good(&system.run(&["--yes"]));
    assert_eq!(system.all(), first);
    assert!(!said.contains("        done"), "{said}");
}

#[test]
fn what_it_writes_is_a_valid_configuration() {
    let system = System::new();
    let answers = system.beside(
        "answers.toml",
        "listen = '127.0.0.1:9000'\ntrusted_proxies = ['10.0.0.0/8', '::1']\n",
    );
    good(&system.run(&["--answers", answers.to_str().unwrap()]));
    let checked = linux_api(&["config", "show", "--config"])
        .arg(system.path("etc/linux-api/config.toml"))
        .output()
        .unwrap();
    let shown = good(&checked);
    assert!(shown.contains("127.0.0.1:9000"), "{shown}");
    assert!(shown.contains("10.0.0.0/8"), "{shown}");
}

#[test]
fn killed_at_any_moment_and_run_again_it_ends_in_the_same_state() {
    let whole = System::new();
    let url = "postgres://u:hunter2@h/d";
    let answers = |system: &System| {
        let text = format!("[database]\nkind = 'url'\nurl = '{url}'\n");
        let path = system.beside("answers.toml", &text);
        path.to_str().unwrap().to_owned()
    };
    let said = good(&whole.run(&["--answers", &answers(&whole)]));
    let expected = whole.all();
    let lines = said.lines().count();
    assert!(lines >= 20, "{said}");
    for moment in (1..=lines).step_by(2) {
        let system = System::new();
        let answers = answers(&system);
        let mut child = system
            .setup(&["--answers", &answers])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let read = stdout.lines().take(moment).count();
        assert_eq!(read, moment);
        child.kill().unwrap();
        child.wait().unwrap();
        good(&system.run(&["--answers", &answers]));
        assert_eq!(system.all(), expected, "killed after line {moment}");
    }
}

#[test]
fn a_dry_run_shows_every_file_and_writes_none() {
    let system = System::new();
    let answers = system.beside(
        "answers.toml",
        "[database]\nkind = 'install'\npackage_manager = 'dnf'\n",
    );
    let said = good(&system.run(&["--dry-run", "--answers", answers.to_str().unwrap()]));
    assert!(system.all().is_empty());
    for part in [
        "/usr/bin/dnf --assumeyes install postgresql-server",
        "postgresql-setup --initdb",
        "--- /etc/linux-api/config.toml (0640 root:linux-api)",
        "url_file = \"/etc/linux-api/database_url\"",
        "ExecStart=/usr/local/bin/linux-api serve",
        "In the way as things are:\n- no server runs in a folder",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn what_a_package_brought_stays_as_it_is() {
    let system = System::new();
    system.install_package();
    good(&system.run(&["--yes"]));
    assert!(!exists(&system.path("usr/local/bin/linux-api")));
    assert!(!exists(&system.path(&format!("{UNITS}/linux-api.service"))));
    let wants = system.path("etc/systemd/system/multi-user.target.wants/linux-api.service");
    assert_eq!(
        fs::read_link(wants).unwrap().to_str().unwrap(),
        "/usr/lib/systemd/system/linux-api.service"
    );
}

#[test]
fn a_configuration_that_says_something_else_stops_it_before_anything_is_done() {
    let system = System::new();
    let own = "[server]\nlisten = \"127.0.0.1:9000\"\n";
    fs::create_dir_all(system.path("etc/linux-api")).unwrap();
    fs::write(system.path("etc/linux-api/config.toml"), own).unwrap();
    let before = system.all();
    let why = refused(&system.run(&["--yes"]));
    assert!(why.contains("config.toml is there already"), "{why}");
    assert_eq!(system.all(), before);

    let with = |text: &str| {
        let answers = system.beside("answers.toml", text);
        good(&system.run(&["--answers", answers.to_str().unwrap()]));
        fs::read_to_string(system.path("etc/linux-api/config.toml")).unwrap()
    };
    assert_eq!(with("configuration = 'keep'"), own);
    assert_ne!(with("configuration = 'replace'"), own);
    let saved = system.path("etc/linux-api/config.toml.before-setup");
    assert_eq!(fs::read_to_string(saved).unwrap(), own);
}

#[test]
fn a_secret_is_neither_shown_nor_open_to_others() {
    let system = System::new();
    let answers = system.beside(
        "answers.toml",
        "[database]\nkind = 'url'\nurl = 'postgres://u:hunter2@h/d'\n",
    );
    let answers = answers.to_str().unwrap();
    for arguments in [
        &["--dry-run", "--answers", answers][..],
        &["--answers", answers],
    ] {
        let output = system.run(arguments);
        let said = good(&output) + &text(&output.stderr);
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert_eq!(system.mode("etc/linux-api/database_url"), 0o600);
    let kept = fs::read_to_string(system.path("etc/linux-api/database_url")).unwrap();
    assert_eq!(kept, "postgres://u:hunter2@h/d\n");
}

#[test]
fn a_planted_link_is_named_and_nothing_is_written_through_it() {
    for planted in [
        "etc/linux-api",
        "etc/linux-api/config.toml",
        "usr/local/bin/linux-api",
        "var/lib/linux-api",
        "etc/systemd/system/linux-api.service",
    ] {
        let system = System::new();
        let elsewhere = system.beside("elsewhere", "");
        fs::remove_file(&elsewhere).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        let path = system.path(planted);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(&elsewhere, &path).unwrap();
        let why = refused(&system.run(&["--yes"]));
        let named = format!("{} is a symbolic link", path.display());
        assert!(why.contains(&named), "{planted}: {why}");
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "{planted}");
    }
}

#[test]
fn a_disk_without_room_is_named_and_with_room_again_it_goes_on() {
    if !is_root() {
        crate::units::report("only root may mount a small disk: not tried");
        return;
    }
    let system = System::new();
    let program = system.beside("program", "");
    let mut large = b"\x7fELF".to_vec();
    large.resize(1 << 20, 0);
    fs::write(&program, large).unwrap();
    let setup = system.setup(&["--yes"]);
    let line = |command: &Command| {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words = words.map(|word| format!("'{}'", word.to_str().unwrap()));
        words.collect::<Vec<_>>().join(" ")
    };
    let root = system.root();
    let script = format!(
        "mount -t tmpfs -o size=256k tmpfs '{root}' || exit 9\n{setup}; echo \"exit $?\"\n\
         mount -o remount,size=8m '{root}'\n{setup} && test -x '{root}/usr/local/bin/linux-api'",
        root = root.display(),
        setup = line(&setup),
    );
    let done = Command::new("unshare")
        .args(["--mount", "sh", "-c", &script])
        .output()
        .unwrap();
    let said = text(&done.stdout) + &text(&done.stderr);
    if done.status.code() == Some(9) {
        crate::units::report("nothing can be mounted here: not tried");
        return;
    }
    assert!(done.status.success(), "{said}");
    assert!(said.contains("exit 1"), "{said}");
    assert!(said.contains("no room is left on the disk of"), "{said}");
}

#[test]
fn uninstalling_leaves_configuration_and_data_and_purging_leaves_nothing() {
    let system = System::new();
    good(&system.run(&["--yes"]));
    fs::write(system.path("var/lib/linux-api/linux-api.db"), "data").unwrap();
    good(&system.run(&["--uninstall", "--yes"]));
    let files = |system: &System| -> Vec<String> {
        let all = system.all().into_iter();
        all.filter(|(_, found)| !matches!(found, crate::tree::Found::Folder(_)))
            .map(|(path, _)| path.to_str().unwrap().to_owned())
            // Accounts are files of the system.
            .filter(|path| !is_list_of_accounts(path))
            .collect()
    };
    assert_eq!(
        files(&system),
        [
            "etc/linux-api/config.toml",
            "var/lib/linux-api/linux-api.db"
        ]
    );
    good(&system.run(&["--uninstall", "--purge", "--yes"]));
    assert_eq!(files(&system), Vec::<String>::new());
    assert!(!exists(&system.path("var/lib/linux-api")));
    assert!(!exists(&system.path("etc/linux-api")));
    if let Ok(accounts) = fs::read_to_string(system.path("etc/passwd")) {
        assert!(!accounts.contains("linux-api"), "{accounts}");
    }
    good(&system.run(&["--uninstall", "--purge", "--yes"]));
}

fn is_list_of_accounts(path: &str) -> bool {
    let names = ["passwd", "group", "shadow", "gshadow", ".pwd.lock"];
    let name = path.strip_prefix("etc/").unwrap_or_default();
    names.contains(&name.trim_end_matches('-'))
}

#[test]
fn without_a_terminal_it_asks_nothing_and_says_what_to_give() {
    let system = System::new();
    let mut command = system.setup(&[]);
    let why = refused(&command.stdin(Stdio::null()).output().unwrap());
    assert!(why.contains("--yes"), "{why}");
    let mut command = system.setup(&["--uninstall"]);
    let why = refused(&command.stdin(Stdio::null()).output().unwrap());
    assert!(why.contains("--yes"), "{why}");
    assert!(system.all().is_empty());
}

#[test]
fn what_is_no_program_is_not_installed() {
    let system = System::new();
    system.beside("program", "#!/bin/sh\n");
    let why = refused(&system.run(&["--yes"]));
    assert!(why.contains("is no program for Linux"), "{why}");
    assert!(!exists(&system.path("usr/local/bin/linux-api")));
}

#[test]
fn on_this_machine_an_ordinary_account_is_told_to_use_sudo() {
    let setup = linux_api(&["setup", "--yes"]);
    let program = setup.get_program().to_owned();
    let output = if is_root() {
        // The other account may not reach the program where it was built, so it inherits it.
        let file = fs::File::open(&program).unwrap();
        rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
        let line = format!(
            "exec 3<&{}; exec setpriv --reuid=65534 --regid=65534 --clear-groups -- \
             /proc/self/fd/3 setup --yes",
            file.as_raw_fd()
        );
        Command::new("bash").args(["-c", &line]).output().unwrap()
    } else {
        { setup }.output().unwrap()
    };
    let why = refused(&output);
    assert!(why.contains("sudo linux-api setup"), "{why}");
}
