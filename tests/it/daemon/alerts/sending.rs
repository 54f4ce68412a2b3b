//! Receivers that fail, are not allowed, or are mail servers.

use std::collections::BTreeSet;
use std::time::Duration;

use linux_api_config::{MailOptions, MailSecurity};

use super::*;

async fn firing(database: &Database, receiver: &Receiver) -> Daemon {
    let clock = clock();
    let store = open(database, &clock).await;
    let daemon = Daemon::start(&store, &clock, "web-01", receiver);
    daemon.disks.set("/", 90.0);
    daemon
}

#[tokio::test]
async fn a_receiver_that_fails_gets_the_same_message_until_it_takes_it() {
    let (receiver, database) = (Receiver::start().await, Database::sqlite());
    let mut daemon = firing(&database, &receiver).await;
    receiver.respond_with(500);
    daemon.turns(Duration::from_mins(12)).await;
    let attempts = receiver.all();
    assert!(attempts.len() >= 4, "{}", attempts.len());
    let log = daemon.store.delivery_log(10).await.unwrap();
    assert_eq!(
        (log[0].status, log[0].error.as_deref()),
        (Some(500), Some("status 500"))
    );
    assert_eq!(daemon.alerts.failing_channels().len(), 1);
    receiver.respond_with(204);
    daemon.turns(Duration::from_mins(20)).await;
    let all = receiver.all();
    let ids: BTreeSet<String> = all.iter().map(Received::id).collect();
    let bodies: BTreeSet<&str> = all.iter().map(|one| one.body.as_str()).collect();
    assert_eq!((ids.len(), bodies.len()), (1, 1));
    assert_eq!(all.iter().filter(|one| one.is_taken()).count(), 1);
    assert!(all.iter().all(|one| one.is_signed_with(KEY)));
    assert!(!all[0].is_signed_with(b"another key of thirty-two bytes."));
    assert_eq!(daemon.alerts.failing_channels(), []);
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_not_reached_and_not_shown() {
    let (receiver, database, clock) = (Receiver::start().await, Database::sqlite(), clock());
    let store = open(&database, &clock).await;
    let folder = tempfile::tempdir().unwrap();
    let named = receiver.url.replace("127.0.0.1", "localhost");
    let channels = vec![
        generic(folder.path(), "literal", &receiver.url),
        generic(folder.path(), "named", &named),
    ];
    let settings = Settings {
        networks: Vec::new(),
        ..settings(folder.path(), channels)
    };
    let mut daemon = Daemon::with(&store, &clock, "web-01", folder, settings);
    daemon.disks.set("/", 90.0);
    daemon.turns(Duration::from_mins(3)).await;
    assert_eq!(receiver.all().len(), 0);
    let log = daemon.store.delivery_log(10).await.unwrap();
    assert_eq!(log.len(), 2);
    for line in log {
        let error = line.error.unwrap();
        assert!(
            error.contains("alerts.networks has to list its network"),
            "{error}"
        );
        assert!(!error.contains("secret-path"), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (receiver, database) = (Receiver::start().await, Database::sqlite());
    let mut daemon = firing(&database, &receiver).await;
    receiver.respond_with(307);
    daemon.turns(Duration::from_mins(2)).await;
    let log = daemon.store.delivery_log(10).await.unwrap();
    assert_eq!(
        (log[0].state.as_str(), log[0].status),
        ("waiting", Some(307))
    );
}

#[tokio::test]
async fn a_mail_has_the_same_id_and_no_line_of_a_host_is_a_header() {
    let (port, mails) = receiver::mail_server().await;
    let (database, clock) = (Database::sqlite(), clock());
    let store = open(&database, &clock).await;
    let folder = tempfile::tempdir().unwrap();
    let options = MailOptions {
        host: "127.0.0.1".to_owned(),
        port: Some(port),
        security: MailSecurity::None,
        user: None,
        password_file: None,
        from: "linux-api <alerts@example.org>".to_owned(),
        to: vec!["ops@example.org".to_owned(), "dba@example.org".to_owned()],
    };
    let channel = Channel {
        name: "mail".parse().unwrap(),
        kind: ChannelKind::Mail(options),
    };
    let settings = settings(folder.path(), vec![channel]);
    let mut daemon = Daemon::with(
        &store,
        &clock,
        "web-01\r\nBcc: all@example.org",
        folder,
        settings,
    );
    daemon.disks.set("/", 90.0);
    daemon.turns(Duration::from_mins(3)).await;
    let mails = mails.lock().unwrap().clone();
    assert_eq!(
        mails.len(),
        1,
        "{:?}",
        daemon.store.delivery_log(10).await.unwrap()
    );
    let (head, _) = mails[0].split_once("\n\n").unwrap();
    assert!(
        head.contains("Subject: [linux-api] WARNING: root_space on web-01"),
        "{head}"
    );
    assert!(
        head.contains("To: ops@example.org, dba@example.org"),
        "{head}"
    );
    assert!(head.contains("Message-ID: <alert-"), "{head}");
    assert!(head.contains("Auto-Submitted: auto-generated"), "{head}");
    assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
}

#[tokio::test]
async fn a_secret_that_can_not_be_read_is_named_and_read_again() {
    let (receiver, database) = (Receiver::start().await, Database::sqlite());
    let mut daemon = firing(&database, &receiver).await;
    let secret = daemon.folder.path().join("ops-secret");
    std::fs::write(&secret, "whsec_short").unwrap();
    daemon.turn().await;
    let health = daemon.alerts.health();
    assert!(!health.can_send);
    let problem = health.channel_problem.unwrap();
    assert!(
        problem.starts_with(&format!("ops: {}: expected whsec_", secret.display())),
        "{problem}"
    );
    std::fs::write(&secret, SECRET).unwrap();
    let settings = (*daemon.alerts.settings()).clone();
    daemon.alerts.configure(settings);
    daemon.turns(Duration::from_mins(3)).await;
    assert_eq!(kinds(&receiver.all()), ["firing"]);
}
