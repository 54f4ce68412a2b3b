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

/// A host with accounts and, as its getent, a script that first notes its arguments. It has no id.
fn host(script: &str) -> (Tree, Collector) {
    host_with(&[("getent", script)])
}

/// The same with several programs.
fn host_with(scripts: &[(&str, &str)]) -> (Tree, Collector) {
    let tree = Tree::new();
    tree.write("etc/passwd", PASSWD);
    tree.write("etc/group", GROUP);
    let log = tree.path("log");
    for (name, script) in scripts {
        let script = format!(
            "#!/bin/sh\nprintf '%s|' \"$@\" \"${{HOME-}}\" >> '{}'\n{script}\n",
            log.display()
        );
        tree.write("script", script);
        // Another process writes the program: a file that this one has open for writing could pass to
        // a child of a test beside this one, and would then be too busy to be run.
        let status = std::process::Command::new("install")
            .args(["-m", "755"])
            .args([tree.path("script"), tree.path(name)])
            .status();
        assert!(status.unwrap().success());
    }
    let collector = with_programs(&tree, vec![tree.path("none"), tree.path("")]);
    (tree, collector)
}

/// A host whose programs are in these directories.
fn with_programs(tree: &Tree, directories: Vec<std::path::PathBuf>) -> Collector {
    let service = NameService::new(directories);
    Collector::with_name_service(tree.roots(), Clock::system(), Some(service))
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
        "", "a\0b", "a\nb", "a:b", "0", " 0", "+0", "-0", "\x0b\t7", "007", "--help", "-s",
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
        .find_account("$(id); --help")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((account.user_name.as_str(), account.uid), ("lda", 5000));
    assert_eq!(calls(&tree), "passwd|--|$(id); --help||");
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
    let missing = with_programs(&tree, vec![tree.path("missing")]);
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
    let CollectError::Shared(cause) = &error else {
        panic!("{error:?}");
    };
    assert!(matches!(**cause, CollectError::Failed { .. }), "{error}");

    let (tree, collector) = host("exec /bin/sleep 600");
    tokio::time::pause();
    let error = collector.find_account("lda").await.unwrap_err();
    let expected = format!("{} did not answer within 2s", tree.path("getent").display());
    assert_eq!(error.to_string(), expected);
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
async fn groups_that_no_list_of_members_shows_are_read_from_id() {
    let (tree, collector) = host_with(&[
        ("getent", "echo 'lda:*:5000:5001:L:/home/lda:/bin/sh'"),
        ("id", "echo 5001 990 70000"),
    ]);
    assert!(
        collector
            .is_in_group(5000, 5001, "linux-api")
            .await
            .unwrap()
    );
    assert_eq!(calls(&tree), "passwd|--|5000||-G|--|lda||");
    assert!(!collector.is_in_group(5000, 5001, "empty").await.unwrap());
    // The file is believed without id, which is run for no account that it lists.
    assert!(
        collector
            .is_in_group(1000, 1000, "linux-api")
            .await
            .unwrap()
    );
    assert_eq!(calls(&tree), "passwd|--|5000||-G|--|lda||");
}

#[tokio::test]
async fn names_that_id_takes_for_numbers_or_options_never_reach_it() {
    for entry in ["12:*:5000:1::/:/", "-z:*:5000:1::/:/"] {
        let getent = format!("echo '{entry}'");
        let (tree, collector) = host_with(&[("getent", &getent), ("id", "echo 990")]);
        assert!(!collector.is_in_group(5000, 1, "linux-api").await.unwrap());
        assert_eq!(calls(&tree), "passwd|--|5000||", "{entry}");
    }
}

#[tokio::test]
async fn an_account_that_id_does_not_know_has_no_groups() {
    let (_tree, collector) = host_with(&[("getent", "exit 2"), ("id", "exit 1")]);
    assert!(!collector.is_in_group(1000, 1000, "empty").await.unwrap());
}

#[tokio::test]
async fn connections_of_strangers_start_one_process_between_them() {
    let (tree, collector) = host("exit 2");
    let look = || {
        let collector = collector.clone();
        tokio::spawn(async move { collector.find_account_by_uid(6000).await })
    };
    let looks: Vec<_> = (0..20).map(|_| look()).collect();
    for look in looks {
        assert_eq!(look.await.unwrap().unwrap(), None);
    }
    assert_eq!(calls(&tree), "passwd|--|6000||");
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(11)).await;
    tokio::time::resume();
    assert_eq!(collector.find_account_by_uid(6000).await.unwrap(), None);
    assert_eq!(calls(&tree), "passwd|--|6000||passwd|--|6000||");
}

#[tokio::test]
async fn a_failure_is_not_tried_again_at_once() {
    let (tree, collector) = host("exit 3");
    for _ in 0..3 {
        assert!(collector.find_account("lda").await.is_err());
    }
    assert_eq!(calls(&tree), "passwd|--|lda||");
}

#[tokio::test]
async fn output_without_end_is_cut_off() {
    let (_tree, collector) = host("exec /usr/bin/yes");
    let error = collector.find_account("lda").await.unwrap_err();
    assert!(
        error.to_string().ends_with("wrote more than 1048576 bytes"),
        "{error}"
    );
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
