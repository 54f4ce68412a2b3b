//! Daemons behind ssh, with a real sshd: a host with a daemon, without one, without the program, and all the
//! ways in which a login fails.

use std::io::Read as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::daemon::program;
use crate::support::sshd::{Sshd, free_port};

fn said(output: &Output) -> String {
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    said
}

/// Adds a remote; what was said, and whether it was added.
fn add(sshd: &Sshd, url: &str) -> (bool, String) {
    let output = sshd.run(&["remote", "add", "web", url]);
    (output.status.success(), said(&output))
}

#[test]
fn a_host_without_a_daemon_is_monitored_and_nothing_is_left_there() {
    let Some(sshd) = Sshd::start("") else { return };
    let (is_added, text) = add(&sshd, "ssh://web-01");
    assert!(is_added && text.contains("(viewer)"), "{text}");
    let tested = sshd.run(&["remote", "test", "web"]);
    assert!(tested.status.success(), "{}", said(&tested));
    sshd.wait_for_no_proxy(Duration::from_secs(10));
    assert!(sshd.left_at_home().is_empty(), "{:?}", sshd.left_at_home());
}

#[test]
fn a_daemon_of_the_host_knows_the_account_by_its_socket() {
    let Some(sshd) = Sshd::start("") else { return };
    let config = format!("[server.unix_peers]\n{} = \"admin\"\n", sshd.account());
    std::fs::write(sshd.path("config.toml"), config).unwrap();
    let mut daemon = Command::new(program())
        .args(["serve", "--listen", "127.0.0.1:0", "--unix"])
        .arg(sshd.path("api.sock"))
        .arg("--config")
        .arg(sshd.path("config.toml"))
        .env_clear()
        .env("HOME", sshd.path("client"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !sshd.path("api.sock").exists() {
        assert!(Instant::now() < deadline, "the daemon has no socket");
        std::thread::sleep(Duration::from_millis(20));
    }
    let (is_added, text) = add(&sshd, "ssh://web-01");
    let _ = daemon.kill();
    let _ = daemon.wait();
    assert!(is_added && text.contains("admin (admin)"), "{text}");
}

#[test]
fn what_keeps_a_login_out_is_shown_with_what_to_do() {
    let Some(sshd) = Sshd::start("") else { return };
    let refused = free_port();
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(sshd.path("stranger"))
        .status();
    assert!(made.unwrap().success());
    let stranger = sshd
        .host_lines("denied", "known")
        .replace("user-key", "stranger");
    let closed = sshd
        .host_lines("closed", "known")
        .replace(&format!("Port {}", sshd.port), &format!("Port {refused}"));
    sshd.write_client(&[sshd.host_lines("strange", "unknown"), stranger, closed].concat());
    for (host, parts) in [
        (
            "strange",
            ["Host key verification failed", "connect once with ssh"],
        ),
        ("denied", ["Permission denied (publickey", "use a key"]),
        ("closed", ["Connection refused", "ssh://closed"]),
        (
            "no.such.host.invalid",
            ["not resolve hostname", "ssh://no.such"],
        ),
    ] {
        let (is_added, text) = add(&sshd, &format!("ssh://{host}"));
        assert!(!is_added, "{host}: {text}");
        for part in parts {
            assert!(text.contains(part), "{host}: {text}");
        }
    }
}

#[test]
fn what_is_there_in_place_of_the_program_is_shown() {
    let Some(sshd) = Sshd::start("") else { return };
    // A shell that greets, and a program that is older.
    let greets = format!(
        "#!/bin/sh\necho Welcome to web-01\nprintf 'a\\033[2Jb'\nexec {} \"$@\"\n",
        program().display()
    );
    sshd.replace_program(&greets);
    let (is_added, text) = add(&sshd, "ssh://web-01");
    assert!(is_added, "{text}");
    sshd.replace_program(
        "#!/bin/sh\necho \"error: unrecognized subcommand 'proxy'\" >&2\nexit 2\n",
    );
    let (is_added, text) = add(&sshd, "ssh://web-02");
    assert!(!is_added && text.contains("too old"), "{text}");
    sshd.replace_program("#!/bin/sh\necho 'linux-api-proxy/2 {}'\n");
    let (is_added, text) = add(&sshd, "ssh://web-03");
    assert!(!is_added && text.contains("another protocol (2)"), "{text}");
    // One that never ends its first line ends the patience.
    sshd.replace_program("#!/bin/sh\nexec yes ''\n");
    let (is_added, text) = add(&sshd, "ssh://web-04");
    assert!(!is_added && text.contains("64 KiB"), "{text}");
}

#[test]
fn a_forced_command_that_is_the_proxy_is_enough() {
    let Some(sshd) = Sshd::start("") else { return };
    let key = std::fs::read_to_string(sshd.path("user-key.pub")).unwrap();
    let forced = format!("command=\"linux-api proxy\",restrict {key}");
    std::fs::write(sshd.path("authorized"), forced).unwrap();
    let (is_added, text) = add(&sshd, "ssh://web-01");
    assert!(is_added, "{text}");
    // Another one is named by what it prints.
    let forced = format!("command=\"echo This account is for backups.\",restrict {key}");
    std::fs::write(sshd.path("authorized"), forced).unwrap();
    let (is_added, text) = add(&sshd, "ssh://web-02");
    assert!(!is_added && text.contains("for backups"), "{text}");
    assert!(text.contains("ForceCommand"), "{text}");
}

#[test]
fn a_jump_host_of_the_users_configuration_is_used() {
    let Some(sshd) = Sshd::start("") else { return };
    let script = sshd.path("bin/ssh");
    let jump = format!(
        "{}Host behind\n  ProxyCommand {} -W 127.0.0.1:{} web-jump\n{}",
        sshd.host_lines("web-jump", "known"),
        script.display(),
        sshd.port,
        sshd.host_lines("behind", "known"),
    );
    sshd.write_client(&jump);
    let (is_added, text) = add(&sshd, "ssh://behind");
    assert!(is_added, "{text}");
}

#[test]
fn no_part_of_a_url_becomes_an_option_of_ssh() {
    let Some(sshd) = Sshd::start("") else { return };
    let trace = sshd.path("trace");
    for url in [
        format!("ssh://-oProxyCommand=touch${{IFS}}{}", trace.display()),
        format!("ssh://a@-oProxyCommand=touch {}", trace.display()),
        "ssh://$(touch x)".to_owned(),
    ] {
        let (is_added, text) = add(&sshd, &url);
        assert!(
            !is_added && text.contains("ssh://USER@HOST"),
            "{url}: {text}"
        );
    }
    assert!(!trace.exists());
}

#[test]
fn when_the_client_is_killed_the_proxy_ends_and_leaves_nothing() {
    let Some(sshd) = Sshd::start("") else { return };
    let mut client = sshd
        .command(&["remote", "add", "web", "ssh://web-01"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ssh_is_up = false;
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline && client.try_wait().unwrap().is_none() {
        if !sshd.proxies().is_empty() {
            ssh_is_up = true;
            break;
        }
    }
    let _ = client.kill();
    let _ = client.wait();
    let mut rest = String::new();
    let _ = client.stdout.take().unwrap().read_to_string(&mut rest);
    assert!(ssh_is_up, "{rest}");
    sshd.wait_for_no_proxy(Duration::from_secs(10));
    assert!(sshd.left_at_home().is_empty());
}

#[test]
fn the_program_is_pushed_with_consent_only_checked_and_cleaned() {
    let Some(sshd) = Sshd::start("") else { return };
    std::fs::remove_file(sshd.path("programs/linux-api")).unwrap();
    let (is_added, text) = add(&sshd, "ssh://web-01");
    assert!(!is_added && text.contains("not installed there"), "{text}");
    assert!(text.contains("--push"), "{text}");
    assert!(sshd.left_at_home().is_empty());

    // This build needs libraries; a static one lies beside it, as for other processors.
    let own = sshd.path("client/linux-api");
    std::fs::copy(program(), &own).unwrap();
    let machine = std::env::consts::ARCH;
    assert!(
        sshd.write_static_program(),
        "cc can't build a static program; Debian has what it needs in libc6-dev"
    );
    let account = sshd.account();
    let url = format!("ssh://{account}@web-01");
    let push = |arguments: &[&str]| {
        let output = sshd.command_of(&own, arguments).output().unwrap();
        (output.status.success(), said(&output))
    };
    let (is_added, text) = push(&["remote", "add", "--push", "web", &url]);
    assert!(
        !is_added && text.contains("another protocol (7)"),
        "it ran: {text}"
    );
    let version = env!("CARGO_PKG_VERSION");
    let copy = sshd.path(&format!("home/.cache/linux-api/{version}/linux-api"));
    let sent = std::fs::read(sshd.path(&format!("client/linux-api-{machine}"))).unwrap();
    assert!(std::fs::read(&copy).unwrap() == sent);
    let modes = [copy.parent().unwrap(), &copy].map(|path| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    });
    assert_eq!(modes, [0o700, 0o700]);
    let (_, text) = push(&["remote", "clean", &url]);
    assert!(text.contains("removed"), "{text}");
    let left = sshd.left_at_home();
    assert_eq!(left, [Path::new(".cache")], "the cache itself is not ours");
    let (is_clean, text) = push(&["remote", "clean", &url]);
    assert!(is_clean && text.contains("nothing was there"), "{text}");
    // Who is root without having said so gets no program.
    if account == "root" {
        let (is_added, text) = push(&["remote", "add", "--push", "web", "ssh://web-01"]);
        assert!(!is_added && text.contains("ssh://root@HOST"), "{text}");
    }
}

#[test]
fn a_copy_that_is_damaged_or_can_not_run_is_removed() {
    let Some(sshd) = Sshd::start("") else { return };
    std::fs::remove_file(sshd.path("programs/linux-api")).unwrap();
    let own = sshd.path("client/linux-api");
    std::fs::copy(program(), &own).unwrap();
    assert!(sshd.write_static_program());
    let url = format!("ssh://{}@web-01", sshd.account());
    let push = || {
        let arguments = ["remote", "add", "--push", "web", &url];
        said(&sshd.command_of(&own, &arguments).output().unwrap())
    };
    sshd.write_program(
        "programs/sha256sum",
        "#!/bin/sh\ncat >/dev/null; echo 00 -\n",
    );
    let text = push();
    assert!(text.contains("damaged on the way"), "{text}");
    std::fs::remove_file(sshd.path("programs/sha256sum")).unwrap();
    // What can't be run there, as where programs are forbidden.
    sshd.write_program("programs/chmod", "#!/bin/sh\n[ \"$2\" = \"${2%.cache*}\" ] && exit 0\ncase $2 in *incoming*) exec /bin/chmod 600 \"$2\";; *) exec /bin/chmod \"$@\";; esac\n");
    let text = push();
    assert!(text.contains("mounted noexec"), "{text}");
    let files: Vec<_> = sshd
        .left_at_home()
        .into_iter()
        .filter(|path| sshd.path("home").join(path).is_file())
        .collect();
    assert!(files.is_empty(), "{files:?}");
}

#[test]
fn hosts_that_hang_do_not_keep_the_others() {
    let Some(sshd) = Sshd::start("") else { return };
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let hanging = sshd
        .host_lines("hang-*", "known")
        .replace(&format!("Port {}", sshd.port), &format!("Port {port}"));
    let names: Vec<String> = (0..16)
        .map(|number| format!("web-{number:02}"))
        .chain((0..4).map(|number| format!("hang-{number}")))
        .collect();
    let listed = format!("Host {}\n", names.join(" "));
    sshd.write_client(&[listed, sshd.host_lines("web-*", "known"), hanging].concat());
    let config = sshd.path("ssh_config");
    let imported = sshd.run(&["remote", "import", config.to_str().unwrap()]);
    assert!(said(&imported).contains("added 20"), "{}", said(&imported));
    let start = Instant::now();
    let tested = sshd.run(&["remote", "test"]);
    assert!(
        start.elapsed() < Duration::from_secs(40),
        "{:?}",
        start.elapsed()
    );
    let text = said(&tested);
    let count = |part: &str| text.lines().filter(|line| line.contains(part)).count();
    assert_eq!(count("ok, as "), 16, "{text}");
    let hanging = text.lines().filter(|line| line.starts_with("hang-"));
    assert!(hanging.clone().count() >= 4, "{text}");
    assert!(text.contains("timed out"), "{text}");
}

#[test]
fn hosts_of_an_ssh_configuration_become_remotes() {
    let Some(sshd) = Sshd::start("") else { return };
    let config = sshd.path("hosts");
    std::fs::write(&config, "Host web-01 web-02 db-01\nHost *\n").unwrap();
    let config = config.to_str().unwrap();
    let dry = sshd.run(&["remote", "import", "--dry-run", config, "web-*"]);
    assert!(
        said(&dry).contains("would add 2: web-01 web-02"),
        "{}",
        said(&dry)
    );
    assert!(said(&sshd.run(&["remote", "list"])).contains("No remotes yet"));
    let labels = ["remote", "import", config, "web-*", "-l", "env=prod"];
    assert!(said(&sshd.run(&labels)).contains("added 2"));
    let again = said(&sshd.run(&["remote", "import", config]));
    assert!(again.contains("web-01 is there already"), "{again}");
    assert!(again.contains("added 1: db-01"), "{again}");
    let list = said(&sshd.run(&["remote", "list"]));
    assert!(
        list.contains("ssh://web-02") && list.contains("env=prod"),
        "{list}"
    );
    let none = sshd.run(&["remote", "import", config, "mail-*"]);
    assert!(!none.status.success() && said(&none).contains("no host fits"));
}
