//! The built program, from its configuration to the receiver.

use crate::support::daemon::Daemon;

use super::*;

const RULE: &str = r#"
    [[rule]]
    name = "memory_is_there"
    series = "memory.available_bytes"
    warning = "1KiB"
    for = "0s"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_sends_what_its_rules_find() {
    let receiver = Receiver::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    generic(path, "ops", &receiver.url);
    let rules = path.join("rules");
    std::fs::create_dir(&rules).unwrap();
    std::fs::write(rules.join("own.toml"), RULE).unwrap();
    let config = format!(
        "[alerts]\nrules_dir = {rules:?}\nnetworks = [\"127.0.0.0/8\"]\n
        [[alerts.channels]]\nname = \"ops\"\nkind = \"generic\"
        url_file = {:?}\nsecret_file = {:?}\n",
        path.join("ops-url"),
        path.join("ops-secret"),
    );
    let file = path.join("config.toml");
    std::fs::write(&file, config).unwrap();
    let daemon = Daemon::start(&["--config", file.to_str().unwrap()]);
    // Half a minute after it fired, the notices of other hosts have had their time.
    let of_rule = || {
        let all = receiver.all();
        all.into_iter()
            .find(|one| one.alerts()[0]["rule"] == "memory_is_there")
    };
    while of_rule().is_none() {
        receiver.next().await;
    }
    let requests = of_rule().unwrap();
    assert!(requests.is_signed_with(KEY));
    assert_eq!(requests.kinds(), ["firing"]);
    drop(daemon);
}
