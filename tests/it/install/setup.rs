//! `linux-api setup` on a directory with a system: what it leaves, however it was interrupted.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::install::small_program::{built, small_program};
use crate::install::tree::{
    System, exists, good, is_root, linux_api, make_executable, may_mount, refused, text,
};

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
    let shown = system.run(&["--dry-run", "--answers", answers.to_str().unwrap()]);
    // The plan is shown whole, and what is in its way: a server can't run in a directory.
    assert_eq!(shown.status.code(), Some(1));
    let said = String::from_utf8(shown.stdout).unwrap();
    assert!(system.all().is_empty());
    for part in [
        "/usr/bin/dnf --assumeyes install postgresql-server",
        "postgresql-setup --initdb",
        "--- /etc/linux-api/config.toml (0640 root:linux-api)",
        "url_file = \"/etc/linux-api/database_url\"",
        "ExecStart=/usr/local/bin/linux-api serve",
        "Obstacles:\n- no server runs below a directory",
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
    assert!(why.contains("config.toml exists already"), "{why}");
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
    if !may_mount() {
        return;
    }
    let system = System::new();
    let program = system.beside("program", "");
    let mut large = small_program().to_vec();
    large.resize(1 << 20, 0);
    fs::write(&program, large).unwrap();
    make_executable(&program);
    let setup = system.setup(&["--yes"]);
    let line = |command: &Command| {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words = words.map(|word| format!("'{}'", word.to_str().unwrap()));
        words.collect::<Vec<_>>().join(" ")
    };
    let root = system.root();
    let script = format!(
        "mount -t tmpfs -o size=256k tmpfs '{root}'\n{setup}; echo \"exit $?\"\n\
         mount -o remount,size=8m '{root}'\n{setup} && test -x '{root}/usr/local/bin/linux-api'",
        root = root.display(),
        setup = line(&setup),
    );
    let done = Command::new("unshare")
        .args(["--mount", "sh", "-c", &script])
        .output()
        .unwrap();
    let said = text(&done.stdout) + &text(&done.stderr);
    assert!(done.status.success(), "{said}");
    assert!(said.contains("exit 1"), "{said}");
    assert!(said.contains("no space is left on the disk of"), "{said}");
}

#[test]
fn uninstalling_leaves_configuration_and_data_and_purging_leaves_nothing() {
    let system = System::new();
    good(&system.run(&["--yes"]));
    fs::write(system.path("var/lib/linux-api/linux-api.db"), "data").unwrap();
    good(&system.run(&["--uninstall", "--yes"]));
    let files = |system: &System| -> Vec<String> {
        let all = system.all().into_iter();
        all.filter(|(_, found)| !matches!(found, crate::install::tree::PathContent::Directory(_)))
            .map(|(path, _)| path.to_str().unwrap().to_owned())
            // Accounts are files of the system.
            .filter(|path| !is_list_of_accounts(path))
            .collect()
    };
    assert_eq!(
        files(&system),
        [
            "etc/linux-api/config.toml",
            "etc/linux-api/policy.toml",
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
    assert!(why.contains("is not a Linux program"), "{why}");
    assert!(!exists(&system.path("usr/local/bin/linux-api")));
}

#[test]
fn a_program_that_is_damaged_or_another_one_replaces_none() {
    let system = System::new();
    good(&system.run(&["--yes"]));
    let before = system.all();
    let tried = |program: &[u8], part: &str| {
        let path = system.beside("program", "");
        fs::write(&path, program).unwrap();
        make_executable(&path);
        let why = refused(&system.run(&["--yes"]));
        assert!(why.contains(part), "{part}: {why}");
        assert_eq!(system.all(), before, "{part}");
    };
    tried(b"\x7fELF and so on", "does not run here");
    tried(&built("curl 8.0"), "is not linux-api");
    let sums = system.beside("SHA256SUMS", &format!("{}  program\n", "0".repeat(64)));
    tried(small_program(), "does not match SHA256SUMS beside it");
    let sum = Command::new("sha256sum")
        .arg("program")
        .current_dir(sums.parent().unwrap())
        .output()
        .unwrap();
    fs::write(&sums, sum.stdout).unwrap();
    good(&system.run(&["--yes"]));
}

#[test]
fn a_package_takes_the_place_of_what_setup_had_brought() {
    let system = System::new();
    good(&system.run(&["--yes"]));
    let own = "etc/systemd/system/linux-api.service";
    assert!(exists(&system.path(own)));
    system.install_package();
    let said = good(&system.run(&["--yes"]));
    assert!(said.contains("it hides the file of the package"), "{said}");
    for path in [
        own,
        "etc/systemd/system/linux-api.socket",
        "etc/sysusers.d/linux-api.conf",
        "etc/tmpfiles.d/linux-api.conf",
        "usr/local/bin/linux-api",
    ] {
        assert!(!exists(&system.path(path)), "{path}");
    }
    let wants = system.path(&format!(
        "{UNITS}/multi-user.target.wants/linux-api.service"
    ));
    assert_eq!(
        fs::read_link(wants).unwrap().to_str().unwrap(),
        "/usr/lib/systemd/system/linux-api.service"
    );
    // A unit that the administrator wrote stays.
    let theirs = "[Service]\nExecStart=/usr/bin/linux-api serve\n";
    fs::write(system.path(own), theirs).unwrap();
    good(&system.run(&["--yes"]));
    assert_eq!(fs::read_to_string(system.path(own)).unwrap(), theirs);
}

#[test]
fn a_program_that_is_named_is_not_passed_over_for_that_of_a_package() {
    let system = System::new();
    system.install_package();
    let program = system.beside("newer", "");
    let why = refused(&system.run(&["--yes", "--program", program.to_str().unwrap()]));
    assert!(why.contains("would not be used"), "{why}");
    assert!(!exists(&system.path("etc/linux-api")));
}

#[test]
fn units_that_systemctl_has_enabled_are_as_good_as_those_of_setup() {
    let system = System::new();
    system.install_package();
    symlink("usr/lib", system.path("lib")).unwrap();
    for (folder, leads_to) in [
        (
            "sockets.target.wants/linux-api.socket",
            "/lib/systemd/system/linux-api.socket",
        ),
        (
            "multi-user.target.wants/linux-api.service",
            "../../../../usr/lib/systemd/system/linux-api.service",
        ),
    ] {
        let path = system.path(&format!("{UNITS}/{folder}"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(leads_to, path).unwrap();
    }
    good(&system.run(&["--yes"]));
    let other = system.path(&format!(
        "{UNITS}/multi-user.target.wants/linux-api.service"
    ));
    fs::remove_file(&other).unwrap();
    symlink("/dev/null", &other).unwrap();
    let why = refused(&system.run(&["--yes"]));
    assert!(why.contains("is neither a file nor a directory"), "{why}");
}

#[test]
fn a_configuration_below_a_root_names_files_below_that_root() {
    let system = System::new();
    let folder = system.path("etc/linux-api");
    fs::create_dir_all(&folder).unwrap();
    // Nothing of this name is on the machine that runs this.
    let text = "[database]\nurl_file = \"/etc/linux-api/url-of-this-test\"\n";
    fs::write(folder.join("config.toml"), text).unwrap();
    let answers = system.beside("answers.toml", "configuration = 'keep'\n");
    let keep = ["--answers", answers.to_str().unwrap()];
    let why = refused(&system.run(&keep));
    let missing = folder.join("url-of-this-test");
    assert!(why.contains(&missing.display().to_string()), "{why}");
    fs::write(&missing, "postgres://u:hunter2@h/d\n").unwrap();
    let said = good(&system.run(&keep));
    assert!(
        said.contains("check that the database can be used"),
        "{said}"
    );
}

#[test]
fn another_url_is_not_passed_over_by_keeping_what_is_there() {
    let system = System::new();
    good(&system.run(&["--yes"]));
    let before = system.all();
    let answers = system.beside(
        "answers.toml",
        "configuration = 'keep'\n[database]\nurl = 'postgres://u:hunter2@h/d'\n",
    );
    let why = refused(&system.run(&["--answers", answers.to_str().unwrap()]));
    assert!(why.contains("the answers name another one"), "{why}");
    assert!(!why.contains("hunter2"), "{why}");
    assert_eq!(system.all(), before);
}

#[test]
fn purging_also_takes_what_an_interrupted_run_left() {
    let system = System::new();
    for path in [
        "usr/local/bin/.linux-api.setup",
        "etc/systemd/system/.linux-api.service.setup",
        "etc/systemd/system/.linux-api.socket.setup",
        "etc/sysusers.d/.linux-api.conf.setup",
        "etc/tmpfiles.d/.linux-api.conf.setup",
        "etc/linux-api/.database_url.setup",
    ] {
        let path = system.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "half").unwrap();
    }
    good(&system.run(&["--uninstall", "--purge", "--yes"]));
    let all = system.all();
    let left: Vec<_> = all
        .iter()
        .filter(|(_, found)| !matches!(found, crate::install::tree::PathContent::Directory(_)))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn purging_takes_the_group_too_whoever_is_in_it() {
    if !is_root() {
        crate::install::left_out::for_want_of("root", "run it as root");
        return;
    }
    let system = System::new();
    fs::create_dir_all(system.path("etc")).unwrap();
    for (list, text) in [
        (
            "passwd",
            "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n\
             linux-api:x:997:997::/var/lib/linux-api:/usr/sbin/nologin\n",
        ),
        ("group", "root:x:0:\nalice:x:1000:\nlinux-api:x:997:alice\n"),
    ] {
        fs::write(system.path(&format!("etc/{list}")), text).unwrap();
    }
    good(&system.run(&["--uninstall", "--purge", "--yes"]));
    for list in ["etc/passwd", "etc/group"] {
        let text = fs::read_to_string(system.path(list)).unwrap();
        assert!(!text.contains("linux-api"), "{list}: {text}");
        assert!(text.contains("alice"), "{list}: {text}");
    }
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
