//! `scripts/make-repository`: what apt and dnf accept of the tree that it builds, and what they refuse.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::install::file_server::FileServer;
use crate::install::left_out;
use crate::install::tree::{good, is_root, refused, text};
use crate::install::workshop::{Workshop, has, has_tools_of_apt};

#[test]
fn a_repository_is_not_built_without_a_key_an_address_and_packages() {
    if !has_tools_of_apt() {
        return;
    }
    let workshop = Workshop::new();
    let base = "http://127.0.0.1:1";
    let reason = refused(&workshop.build(base, &[]));
    assert!(reason.contains("neither a deb nor an rpm"), "{reason}");
    workshop.add_deb("1.0-1", "1");
    for (variable, value, expected) in [
        (
            "SIGNING_KEY_ID",
            "",
            "a repository without a signature is not built",
        ),
        (
            "SIGNING_KEY_ID",
            "0123456789ABCDEF",
            "gpg has no secret key 0123456789ABCDEF",
        ),
        ("BASE_URL", "", "BASE_URL is missing"),
        (
            "BASE_URL",
            "ftp://x",
            "no address of http, https or file: ftp://x",
        ),
        (
            "VALID_FOR",
            "soon",
            "no length of time, such as '30 days': soon",
        ),
        ("VALID_FOR", "-1 day", "ends before it begins: -1 day"),
        ("SUITE", "../x", "SUITE may have"),
    ] {
        let reason = refused(&workshop.build(base, &[(variable, value)]));
        assert!(reason.contains(expected), "{variable}={value}: {reason}");
        assert!(!workshop.path("site").exists(), "{variable}={value}");
    }
    fs::create_dir(workshop.path("site")).unwrap();
    let reason = refused(&workshop.build(base, &[]));
    assert!(
        reason.contains("no symbolic link of an earlier run"),
        "{reason}"
    );
}

#[test]
fn apt_verifies_installs_by_hash_and_upgrades() {
    if !has_tools_of_apt() {
        return;
    }
    let workshop = Workshop::new();
    workshop.add_deb("1.0-1", "1");
    let server = FileServer::start(&workshop.path("site"));
    good(&workshop.build(&server.url(), &[]));
    workshop.prepare_apt();
    good(&workshop.apt(&["update"]));
    let by_hash = |requests: &[String]| -> Vec<String> {
        let indices = requests.iter().filter(|it| it.contains("binary-amd64"));
        indices.cloned().collect()
    };
    let indices = by_hash(&server.requests());
    assert_eq!(indices.len(), 1, "{indices:?}");
    assert!(indices[0].contains("/by-hash/SHA256/"), "{indices:?}");
    assert_eq!(workshop.downloaded("tiny"), "1.0-1");

    workshop.add_deb("1.1-1", "2");
    let first = workshop.generation();
    good(&workshop.build(&server.url(), &[]));
    assert_ne!(workshop.generation(), first);
    // A client between the two generations gets what the first one names.
    let old = workshop
        .path("site")
        .join(indices[0].trim_start_matches('/'));
    assert!(old.exists(), "{}", old.display());
    good(&workshop.apt(&["update"]));
    assert_eq!(workshop.downloaded("tiny"), "1.1-1");
    assert_eq!(workshop.downloaded("tiny=1.0-1"), "1.0-1");

    // The same packages again: another date, the same indices, and no generation but these two.
    let packages = "deb/dists/stable/main/binary-amd64/Packages";
    let before = fs::read(workshop.path("site").join(packages)).unwrap();
    good(&workshop.build(&server.url(), &[]));
    assert_eq!(
        fs::read(workshop.path("site").join(packages)).unwrap(),
        before
    );
    assert!(!old.exists(), "{} is kept forever", old.display());
    let kept = fs::read_dir(workshop.path("site.generations")).unwrap();
    let kept = kept.filter(|it| !it.as_ref().unwrap().file_name().eq(".lock"));
    assert_eq!(kept.count(), 2);
}

#[test]
fn a_package_that_was_published_never_changes() {
    if !has_tools_of_apt() {
        return;
    }
    let workshop = Workshop::new();
    workshop.add_deb("1.0-1", "1");
    good(&workshop.build("http://127.0.0.1:1", &[]));
    let before = workshop.generation();
    workshop.add_deb("1.0-1", "other");
    let reason = refused(&workshop.build("http://127.0.0.1:1", &[]));
    assert!(
        reason.contains("tiny_1.0-1_amd64.deb was published with other content"),
        "{reason}"
    );
    // What clients see is as it was, and nothing half-built is left.
    assert_eq!(workshop.generation(), before);
    let left = fs::read_dir(workshop.path("site.generations")).unwrap();
    let left: Vec<_> = left.map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn apt_refuses_changed_bytes_and_other_keys() {
    if !has_tools_of_apt() {
        return;
    }
    let workshop = Workshop::new();
    workshop.add_deb("1.0-1", "1");
    let server = FileServer::start(&workshop.path("site"));
    good(&workshop.build(&server.url(), &[]));
    workshop.prepare_apt();
    let release = workshop.path("site/deb/dists/stable");
    let changed = |path: &Path| {
        let mut content = fs::read(path).unwrap();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        fs::write(path, content).unwrap();
    };

    // The package.
    good(&workshop.apt(&["update"]));
    let deb = workshop.path("site/deb/pool/main/tiny_1.0-1_amd64.deb");
    let whole = fs::read(&deb).unwrap();
    changed(&deb);
    let output = workshop.apt(&["install", "--download-only", "tiny"]);
    let reason = text(&output.stderr);
    assert!(
        !output.status.success() && reason.contains("Hash Sum mismatch"),
        "{reason}"
    );
    fs::write(&deb, whole).unwrap();
    assert_eq!(workshop.downloaded("tiny"), "1.0-1");

    // The release file, by a byte of what it says.
    let signed = release.join("InRelease");
    let whole = fs::read_to_string(&signed).unwrap();
    fs::write(
        &signed,
        whole.replace("Origin: linux-api", "Origin: linux-apj"),
    )
    .unwrap();
    workshop.forget_lists();
    let output = workshop.apt(&["update"]);
    let reason = text(&output.stderr);
    assert!(
        !output.status.success() && reason.contains("BADSIG"),
        "{reason}"
    );
    fs::write(&signed, whole).unwrap();

    // A key that the client has not been given.
    fs::create_dir(workshop.path("other")).unwrap();
    let other = workshop.new_key("other");
    let home = workshop.path("other");
    let signing = [
        ("SIGNING_KEY_ID", &*other),
        ("GNUPGHOME", home.to_str().unwrap()),
    ];
    good(&workshop.build(&server.url(), &signing));
    workshop.forget_lists();
    let output = workshop.apt(&["update"]);
    let reason = text(&output.stderr);
    assert!(
        !output.status.success() && reason.contains("NO_PUBKEY"),
        "{reason}"
    );
    let mut stop = workshop.command("gpgconf");
    stop.env("GNUPGHOME", &home).args(["--kill", "gpg-agent"]);
    good(&stop.output().unwrap());

    // The index.
    good(&workshop.build(&server.url(), &[]));
    workshop.forget_lists();
    good(&workshop.apt(&["update"]));
    let index = workshop.path("site/deb/dists/stable/main/binary-amd64/by-hash/SHA256");
    for path in fs::read_dir(index).unwrap() {
        changed(&path.unwrap().path());
    }
    workshop.forget_lists();
    let output = workshop.apt(&["update"]);
    let reason = text(&output.stderr);
    assert!(
        !output.status.success() && reason.contains("Hash Sum mismatch"),
        "{reason}"
    );
}

#[test]
fn apt_refuses_an_index_whose_time_is_over() {
    if !has_tools_of_apt() {
        return;
    }
    let workshop = Workshop::new();
    workshop.add_deb("1.0-1", "1");
    // Not by http: what is served is of no matter here.
    let base = format!("file:{}", workshop.path("site").display());
    good(&workshop.build(&base, &[("VALID_FOR", "1 second")]));
    workshop.prepare_apt();
    let begin = Instant::now();
    loop {
        workshop.forget_lists();
        let output = workshop.apt(&["update"]);
        let reason = text(&output.stderr);
        if reason.contains("is expired") {
            assert!(!output.status.success());
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "{reason}");
    }
    good(&workshop.build(&base, &[]));
    good(&workshop.apt(&["update"]));
    good(&workshop.apt(&["install", "--download-only", "tiny"]));
}

/// What rpmbuild makes a package of that has nothing but its version.
const SPEC: &str = "\
Name: tiny
Version: 1.0
Release: 1
Summary: nothing
License: MIT
BuildArch: x86_64
%description
nothing
%install
mkdir -p %{buildroot}/usr/share/tiny
echo 1 >%{buildroot}/usr/share/tiny/version
%files
/usr/share/tiny/version
";

#[test]
fn dnf_installs_what_is_signed_and_refuses_a_changed_byte() {
    let tools = [
        ("dnf", "dnf"),
        ("createrepo_c", "createrepo-c"),
        ("rpmbuild", "rpm"),
        ("gpg", "gpg"),
    ];
    if !has(&tools) {
        return;
    }
    if !is_root() {
        left_out::for_want_of("the rights of root", "run it as root");
        return;
    }
    let workshop = Workshop::new();
    fs::write(workshop.path("tiny.spec"), SPEC).unwrap();
    let mut build = workshop.command("rpmbuild");
    build.args(["-bb", "--quiet", "--define"]);
    build.arg(format!("_topdir {}", workshop.path("rpmbuild").display()));
    build.arg("--define");
    build.arg(format!("_dbpath {}", workshop.path("rpmdb").display()));
    build.arg("--define");
    build.arg(format!("_rpmdir {}", workshop.path("packages").display()));
    build.args(["--define", "_build_name_fmt %%{NAME}.rpm", "tiny.spec"]);
    good(&build.output().unwrap());
    let server = FileServer::start(&workshop.path("site"));
    good(&workshop.build(&server.url(), &[]));
    let install = |root: &str| {
        let mut dnf = workshop.command("dnf");
        dnf.args(["--assumeyes", "--releasever=1", "--setopt=retries=1"])
            .arg(format!("--installroot={}", workshop.path(root).display()))
            // The file that the repository offers.
            .arg(format!(
                "--setopt=reposdir={}",
                workshop.path("site").display()
            ))
            .args(["install", "tiny"]);
        dnf.output().unwrap()
    };
    good(&install("first"));
    let installed = fs::read_to_string(workshop.path("first/usr/share/tiny/version")).unwrap();
    assert_eq!(installed, "1\n");

    let rpm = workshop.path("site/rpm/x86_64/packages/tiny-1.0-1.x86_64.rpm");
    let whole = fs::read(&rpm).unwrap();
    let mut content = whole.clone();
    let last = content.len() - 1;
    content[last] ^= 1;
    fs::write(&rpm, content).unwrap();
    let output = install("second");
    assert!(!output.status.success(), "{output:?}");
    assert!(!workshop.path("second/usr/share/tiny/version").exists());
    fs::write(&rpm, whole).unwrap();

    let index = workshop.path("site/rpm/x86_64/repodata/repomd.xml");
    let whole = fs::read_to_string(&index).unwrap();
    fs::write(&index, whole.replace("<revision>", "<revision>1")).unwrap();
    let output = install("third");
    let reason = text(&output.stderr);
    assert!(
        !output.status.success() && reason.contains("repomd.xml"),
        "{reason}"
    );
    fs::write(&index, whole).unwrap();
    good(&install("fourth"));
}
