use super::*;
use crate::testing::Tree;
use linux_api_wire::time::Clock;

const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/bash\n\
    # ann:x:1:1::/:/bin/sh\n\
    +nis:x:2:2::/:/bin/sh\n\
    short:x:3:3\n\
    bad:x:minus:4::/:/bin/sh\n\
    big:x:4294967296:4::/:/bin/sh\n\
    :x:5:5::/:/bin/sh\n\
    \n\
    ann:x:1000:1000:J\xfcrgen,,,:/home/ann:/bin/zsh\n\
    12:x:1012:1012::/:\n";

const GROUP: &str = "root:x:0:\nlinux-api:x:990:bob,ann\nempty:x:991:\n";

/// A host with accounts and, as its getent, a script that first notes its arguments.
fn host(script: &str) -> (Tree, Collector) {
    let tree = Tree::new();
    tree.write("etc/passwd", PASSWD);
    tree.write("etc/group", GROUP);
    let log = tree.path("log");
    let script = format!(
        "#!/bin/sh\nprintf '%s|' \"$@\" \"${{HOME-}}\" >> '{}'\n{script}\n",
        log.display()
    );
    tree.write("script", script);
    let getent = tree.path("getent");
    // Another process writes the program: a file that this one has open for writing could pass to
    // a child of a test beside this one, and would then be too busy to be run.
    let status = std::process::Command::new("install")
        .args(["-m", "755"])
        .args([tree.path("script"), getent.clone()])
        .status();
    assert!(status.unwrap().success());
    let collector = Collector::with_getent(tree.roots(), Clock::system(), Some(getent));
    (tree, collector)
}

/// What getent was called with; empty when it was not run.
fn calls(tree: &Tree) -> String {
    std::fs::read_to_string(tree.path("log")).unwrap_or_default()
}

#[tokio::test]
async fn an_account_of_the_file_is_found_without_running_anything() {
    let (tree, collector) = host("exit 1");
    let ann = collector.find_account("ann").await.unwrap().unwrap();
    let expected = Account {
        user_name: "ann".to_owned(),
        uid: 1000,
        gid: 1000,
        home_dir: "/home/ann".to_owned(),
        shell: "/bin/zsh".to_owned(),
    };
    assert_eq!(ann, expected);
    assert_eq!(
        collector.find_account_by_uid(1000).await.unwrap(),
        Some(expected)
    );
    assert_eq!(
        collector.find_account("12").await.unwrap().unwrap().uid,
        1012
    );
    assert_eq!(calls(&tree), "");
}

#[test]
fn malformed_lines_are_skipped() {
    let names: Vec<String> = parse_accounts(PASSWD)
        .map(|account| account.user_name)
        .collect();
    assert_eq!(names, ["root", "ann", "12"]);
    assert_eq!(parse_groups(b"a:x\nb:x:x:\n:x:1:\nc:x:1:,d,\n").count(), 1);
}

#[tokio::test]
async fn names_that_no_account_can_have_run_nothing() {
    let (tree, collector) = host("echo root:x:0:0::/:/bin/sh");
    for name in [
        "", "a\0b", "a\nb", "a:b", "0", " 0", "+0", "-0", "\x0b\t7", "007",
    ] {
        assert_eq!(
            collector.find_account(name).await.unwrap(),
            None,
            "{name:?}"
        );
        assert!(
            !collector.is_in_group(5, 0, name).await.unwrap(),
            "{name:?}"
        );
    }
    assert_eq!(calls(&tree), "");
}

#[tokio::test]
async fn other_names_go_to_getent_as_one_plain_argument() {
    let (tree, collector) = host("echo 'lda:*:5000:5001:L:/home/lda:/bin/sh'");
    let account = collector
        .find_account("--help; $(id)")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((account.user_name.as_str(), account.uid), ("lda", 5000));
    assert_eq!(calls(&tree), "passwd|--|--help; $(id)||");
}

#[tokio::test]
async fn an_answer_about_another_id_is_not_taken() {
    let (tree, collector) = host("echo 'lda:*:5000:5001:L:/home/lda:/bin/sh'");
    assert!(collector.find_account_by_uid(5000).await.unwrap().is_some());
    assert_eq!(collector.find_account_by_uid(6000).await.unwrap(), None);
    assert_eq!(calls(&tree), "passwd|--|5000||passwd|--|6000||");
}

#[tokio::test]
async fn no_entry_and_no_getent_mean_no_account() {
    let (_tree, collector) = host("exit 2");
    assert_eq!(collector.find_account("nobody-here").await.unwrap(), None);
    let (tree, _) = host("exit 2");
    let missing = Collector::with_getent(tree.roots(), Clock::system(), Some(tree.path("missing")));
    assert_eq!(missing.find_account("nobody-here").await.unwrap(), None);
    assert_eq!(
        tree.collector().find_account("nobody-here").await.unwrap(),
        None
    );
    std::fs::remove_file(tree.path("etc/passwd")).unwrap();
    assert_eq!(tree.collector().find_account("ann").await.unwrap(), None);
}

#[tokio::test]
async fn a_getent_that_fails_or_hangs_is_an_error() {
    let (_tree, collector) = host("exit 1");
    let error = collector.find_account("lda").await.unwrap_err();
    assert!(matches!(error, CollectError::Failed { .. }), "{error}");

    let (tree, collector) = host("exec /bin/sleep 600");
    tokio::time::pause();
    let error = collector.find_account("lda").await.unwrap_err();
    assert!(matches!(error, CollectError::Deadline { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains(tree.path("getent").to_str().unwrap()),
        "{error}"
    );
}

#[tokio::test]
async fn members_and_those_with_the_primary_group_belong_to_it() {
    let (_tree, collector) = host("exit 2");
    assert!(
        collector
            .is_in_group(1000, 1000, "linux-api")
            .await
            .unwrap()
    );
    assert!(collector.is_in_group(7777, 990, "linux-api").await.unwrap());
    assert!(
        !collector
            .is_in_group(1012, 1012, "linux-api")
            .await
            .unwrap()
    );
    assert!(
        !collector
            .is_in_group(7777, 7777, "linux-api")
            .await
            .unwrap()
    );
    assert!(!collector.is_in_group(1000, 1000, "empty").await.unwrap());
    assert!(!collector.is_in_group(0, 0, "no-such-group").await.unwrap());
}

#[tokio::test]
async fn a_group_of_the_directory_has_members_too() {
    let (_tree, collector) = host("echo 'ops:*:6000:ann,lda'");
    assert!(collector.is_in_group(1000, 1000, "ops").await.unwrap());
    assert!(!collector.is_in_group(0, 0, "ops").await.unwrap());
}

#[tokio::test]
async fn root_exists_on_this_host_and_a_made_up_name_does_not() {
    let collector = Collector::default();
    assert_eq!(
        collector.find_account("root").await.unwrap().unwrap().uid,
        0
    );
    assert_eq!(
        collector
            .find_account_by_uid(0)
            .await
            .unwrap()
            .unwrap()
            .user_name,
        "root"
    );
    assert_eq!(
        collector.find_account("-no-such-account").await.unwrap(),
        None
    );
    assert!(collector.is_in_group(0, 0, "root").await.unwrap());
}
