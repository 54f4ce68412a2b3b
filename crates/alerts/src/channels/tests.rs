use super::*;
use crate::labels::Labels;
use crate::notice::{Notice, NoticeKind};
use crate::testing::{at, firing, message, resolved};

fn hostile() -> Notice {
    let mut notice = firing("disk_space", "x", Severity::Critical, at(300));
    notice.since = at(0);
    notice.host = "web\"},{\"x\":\"<!channel>\r\n".into();
    notice.instance.labels = Labels::one("mount_point", "/d@everyone\u{202e}\n[a](http://x)");
    notice
        .host_labels
        .insert("1rack/row".to_owned(), "<@U1>".to_owned());
    notice.text = "*97%* of `x` <http://x|y> & more".into();
    notice
}

fn secret(text: &str) -> SecretString {
    text.to_owned().into()
}

fn all() -> Vec<HttpChannel> {
    let url = || secret("https://hooks.example.org/services/T0/B0/hidden");
    vec![
        HttpChannel::Generic {
            url: url(),
            secret: SigningSecret::parse(&secret(&format!("whsec_{}", "YWJj".repeat(8)))).unwrap(),
        },
        HttpChannel::Slack { url: url() },
        HttpChannel::Discord { url: url() },
        HttpChannel::Teams { url: url() },
        HttpChannel::Ntfy {
            url: url(),
            topic: secret("topic"),
            token: Some(secret("tk_hidden")),
        },
        HttpChannel::Gotify {
            url: secret("https://push.example.org/"),
            token: secret("app_hidden"),
        },
        HttpChannel::Telegram {
            url: secret("https://api.telegram.org"),
            token: secret("1:hidden"),
            chat: "-100".to_owned(),
        },
        HttpChannel::Alertmanager {
            url: secret("http://alice:hidden@127.0.0.1:9093"),
            user: Some(("alice".to_owned(), secret("hidden"))),
        },
        HttpChannel::Apprise {
            url: url(),
            tag: Some("ops".to_owned()),
        },
    ]
}

fn body(channel: &HttpChannel, message: &Message) -> Value {
    serde_json::from_str(&channel.request(message, at(400)).body).unwrap()
}

fn of(kind: &str) -> HttpChannel {
    let found = all().into_iter().find(|channel| channel.kind() == kind);
    found.unwrap()
}

#[test]
fn no_body_has_mentions_links_or_controls_of_a_host() {
    let message = message(&[hostile()]);
    for channel in all() {
        let request = channel.request(&message, at(400));
        let body: Value = serde_json::from_str(&request.body).unwrap();
        let text = body.to_string();
        for bad in ["@everyone", "<!", "<@", "](", "\\u202e", "\u{202e}", "\\r"] {
            assert!(!text.contains(bad), "{}: {bad}: {text}", channel.kind());
        }
        assert!(body.get("x").is_none());
        assert!(request.body.len() < 20_000);
    }
}

#[test]
fn secrets_are_shown_nowhere() {
    let message = message(&[hostile()]);
    for channel in all() {
        let request = channel.request(&message, at(400));
        let shown = format!("{channel:?} {} {request:?}", channel.shown());
        assert!(
            !shown.contains("hidden") && !shown.contains("YWJj"),
            "{shown}"
        );
        assert!(!shown.contains("services"), "{shown}");
    }
    assert_eq!(of("slack").shown(), "https://hooks.example.org/…");
    assert_eq!(of("alertmanager").shown(), "http://127.0.0.1:9093/…");
    assert_eq!(shown_url(&secret("nonsense")), "…");
}

#[test]
fn two_hundred_hosts_fit_every_channel() {
    let notices: Vec<Notice> = (0..200)
        .map(|number| {
            let mut notice = firing(
                "host_down",
                &format!("web-{number}"),
                Severity::Critical,
                at(0),
            );
            notice.text = "ä".repeat(300).as_str().into();
            notice
        })
        .collect();
    let message = message(&notices);
    for channel in all() {
        let length = channel.request(&message, at(400)).body.len();
        // Programs get all of them, people twenty.
        let most = match channel.kind() {
            "generic" | "alertmanager" => 400_000,
            _ => 40_000,
        };
        assert!(length < most, "{}: {length}", channel.kind());
    }
    assert_eq!(
        body(&of("alertmanager"), &message)
            .as_array()
            .unwrap()
            .len(),
        200
    );
    let generic = body(&of("generic"), &message);
    assert_eq!(generic["data"]["alerts"].as_array().unwrap().len(), 200);
    let characters = |value: &Value| value.as_str().unwrap().chars().count();
    let discord = body(&of("discord"), &message);
    assert!(characters(&discord["embeds"][0]["description"]) <= 4_096);
    assert!(characters(&discord["embeds"][0]["title"]) <= 256);
    let telegram = body(&of("telegram"), &message);
    assert!(telegram["text"].as_str().unwrap().encode_utf16().count() <= 4_096);
    let ntfy = body(&of("ntfy"), &message);
    assert!(ntfy["message"].as_str().unwrap().len() <= 4_096);
}

/// HMAC by its definition (RFC 2104), with nothing of the crate that signs.
fn independent_hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    use sha2::{Digest as _, Sha256};
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new()
        .chain_update(pad(0x36))
        .chain_update(text)
        .finalize();
    let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner);
    outer.finalize().to_vec()
}

#[test]
fn the_generic_request_is_signed_and_a_retry_has_the_same_id() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let message = message(&[hostile()]);
    let channel = of("generic");
    let request = channel.request(&message, at(400));
    let header = |request: &HttpRequest, name: &str| {
        let found = request.headers.iter().find(|(one, _)| *one == name);
        found.unwrap().1.expose_secret().to_owned()
    };
    let (id, seconds) = (
        header(&request, "webhook-id"),
        header(&request, "webhook-timestamp"),
    );
    assert_eq!(seconds, (at(400).as_millis() / 1_000).to_string());
    let key = STANDARD.decode("YWJj".repeat(8)).unwrap();
    let signed = format!("{id}.{seconds}.{}", request.body);
    let expected = STANDARD.encode(independent_hmac(&key, signed.as_bytes()));
    assert_eq!(
        header(&request, "webhook-signature"),
        format!("v1,{expected}")
    );
    let retry = channel.request(&message, at(4_000));
    assert_eq!(header(&retry, "webhook-id"), id);
    assert_eq!(retry.body, request.body);
    assert_ne!(
        header(&retry, "webhook-signature"),
        header(&request, "webhook-signature")
    );
    let body = body(&channel, &message);
    assert_eq!(body["type"], "alert.firing");
    assert_eq!(body["data"]["alerts"][0]["rule"], "disk_space");
    assert_eq!(body["data"]["alerts"][0]["after"], "critical");
}

/// The example of the specification.
#[test]
fn the_signature_is_that_of_the_specification() {
    let secret = SigningSecret::parse(&secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    let signed = signature(&secret, id, 1_614_265_330, r#"{"test": 2432232314}"#);
    assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn secrets_have_their_form() {
    for text in [
        "",
        "whsec_",
        "whsec_YWJj",
        "YWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJj",
        "whsec_???",
    ] {
        assert!(SigningSecret::parse(&secret(text)).is_err(), "{text}");
    }
    let long = format!("whsec_{}", "YWJj".repeat(22));
    assert!(SigningSecret::parse(&secret(&long)).is_err());
}

#[test]
fn chats_get_their_forms() {
    let message = message(&[hostile()]);
    let slack = body(&of("slack"), &message);
    assert_eq!(slack["attachments"][0]["color"], "danger");
    let text = slack["attachments"][0]["text"].as_str().unwrap();
    assert!(text.contains("&lt; http://x|y&gt; &amp; more"), "{text}");
    let discord = body(&of("discord"), &message);
    assert_eq!(discord["allowed_mentions"]["parse"], serde_json::json!([]));
    let text = discord["embeds"][0]["description"].as_str().unwrap();
    assert!(text.contains("\\*97%\\* of \\`x\\`"), "{text}");
    let teams = body(&of("teams"), &message);
    let card = &teams["attachments"][0]["content"];
    assert_eq!(card["body"][0]["color"], "attention");
    assert_eq!(
        card["body"].as_array().unwrap().len(),
        1 + message.text.lines().count()
    );
}

#[test]
fn pushes_have_priorities_and_tokens() {
    let began = hostile();
    let both = [
        message(std::slice::from_ref(&began)),
        message(&[resolved(&began, at(900))]),
    ];
    let priorities = |kind: &str| {
        both.each_ref()
            .map(|it| body(&of(kind), it)["priority"].clone())
    };
    assert_eq!(priorities("ntfy"), [5, 2]);
    assert_eq!(priorities("gotify"), [8, 2]);
    let gotify = of("gotify").request(&both[0], at(0));
    assert_eq!(
        gotify.url.expose_secret(),
        "https://push.example.org/message"
    );
    assert_eq!(gotify.headers[0].1.expose_secret(), "app_hidden");
    let telegram = of("telegram").request(&both[0], at(0));
    let url = telegram.url.expose_secret();
    assert_eq!(url, "https://api.telegram.org/bot1:hidden/sendMessage");
    assert!(body(&of("telegram"), &both[0]).get("parse_mode").is_none());
    let ntfy = of("ntfy").request(&both[0], at(0));
    assert_eq!(ntfy.headers[0].1.expose_secret(), "Bearer tk_hidden");
    assert_eq!(body(&of("apprise"), &both[1])["type"], "success");
    assert_eq!(body(&of("apprise"), &both[0])["tag"], "ops");
}

#[test]
fn alertmanager_gets_an_end_and_one_alert_a_severity() {
    let mut notice = hostile();
    (notice.kind, notice.before) = (NoticeKind::Escalated, Some(Severity::Warning));
    let request = of("alertmanager").request(&message(&[notice.clone()]), at(400));
    assert_eq!(
        request.url.expose_secret(),
        "http://alice:hidden@127.0.0.1:9093/api/v2/alerts"
    );
    assert_eq!(
        request.headers[0].1.expose_secret(),
        "Basic YWxpY2U6aGlkZGVu"
    );
    let alerts: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(alerts.as_array().unwrap().len(), 2);
    assert_eq!(alerts[0]["labels"]["severity"], "warning");
    assert_eq!(alerts[0]["endsAt"], at(300).to_string());
    assert_eq!(alerts[1]["labels"]["severity"], "critical");
    assert_eq!(alerts[1]["labels"]["alertname"], "disk_space");
    assert_eq!(alerts[1]["labels"]["_1rack_row"], "< @ U1>");
    assert_eq!(alerts[1]["startsAt"], at(0).to_string());
    assert_eq!(alerts[1]["endsAt"], at(300 + 7 * 86_400).to_string());
    let ended = body(&of("alertmanager"), &message(&[resolved(&notice, at(900))]));
    assert_eq!(ended.as_array().unwrap().len(), 1);
    assert_eq!(ended[0]["endsAt"], at(900).to_string());
    assert_eq!(ended[0]["labels"]["severity"], "critical");
}

#[test]
fn a_mail_has_one_line_of_subject_and_stops_automatic_responses() {
    let mail = mail::mail(&message(&[hostile()]));
    assert!(
        mail.subject
            .starts_with("[linux-api] CRITICAL: disk_space on web"),
        "{}",
        mail.subject
    );
    assert!(!mail.subject.contains(['\r', '\n']) && mail.subject.chars().count() <= 200);
    assert!(
        mail.text.contains("Since      2026-11-23 00:00:00 UTC"),
        "{}",
        mail.text
    );
    assert!(mail.headers.contains(&("Auto-Submitted", "auto-generated")));
    assert!(mail.headers.contains(&("Importance", "high")));
    let quiet = firing("disk_space", "a", Severity::Warning, at(0));
    assert_eq!(mail::mail(&message(&[quiet])).headers.len(), 2);
}
