use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;

use super::*;
use crate::state::StoredKeys;
use linux_api_auth::verifier::Limits;
use linux_api_config::{Config, ConfigValue};
use linux_api_host::Collector;
use linux_api_store::{Options, Store};
use linux_api_wire::log::LogFormat;

/// The access log.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The layer on a database of its own, with what it counts.
async fn edge(folder: &std::path::Path) -> (EdgeLayer, Recorder, Lines) {
    let lines = Lines::default();
    let url = format!("sqlite://{}/edge.db", folder.display());
    let clock = Clock::system();
    let store = Store::open(Options::new(url), clock.clone()).await.unwrap();
    let limits = Limits {
        cache_size: 10,
        hash_queue: 1,
        outage_grace: Duration::ZERO,
    };
    let recorder = Recorder::with_shards(1);
    let state = EdgeState {
        routes: EdgeRoutes::new(&crate::router::documented(None).2),
        policy: PolicyHandle::default(),
        verifier: Verifier::new(StoredKeys(store.clone()), limits, clock.clone(), None),
        checks: RunningChecks::default(),
        unix_peers: Arc::new(UnixPeers::new(
            crate::unix_peers::UnixAccounts::Own(0),
            store.clone(),
            Collector::default(),
            Duration::ZERO,
        )),
        access_log: AccessLogger::with_writer(lines.clone(), LogFormat::Text).unwrap(),
        access: AccessPolicy {
            which: AccessLog::Errors,
            slow: Duration::from_secs(1),
        },
        recorder: recorder.clone(),
        request_ids: RequestIds::new(7),
        request_timeout: Duration::from_secs(30),
        body_timeout: Duration::from_secs(30),
        store,
        clock,
        deprecation: None,
        causes: Throttle::default(),
        unread: crate::unread::UnreadMemory::default(),
    };
    (EdgeLayer(Arc::new(state)), recorder, lines)
}

fn request(path: &str) -> Request {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    let local = HeaderValue::from_static("localhost");
    request.headers_mut().insert(header::HOST, local);
    request.extensions_mut().insert(Peer::Tcp {
        remote: ([192, 0, 2, 1], 4000).into(),
        local: [127, 0, 0, 1].into(),
    });
    request
}

#[tokio::test]
async fn probes_that_fail_again_and_again_fill_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let (layer, _, lines) = edge(folder.path()).await;
    let log = layer.0.access_log.clone();
    let away = || axum::routing::get(async || StatusCode::SERVICE_UNAVAILABLE);
    let mut router = axum::Router::new()
        .route("/readyz", away())
        .route("/", away())
        .layer(layer);
    for path in ["/readyz", "/", "/readyz"] {
        let response = router.as_service().call(request(path)).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    log.close();
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("GET / 503"), "{text}");
}

#[tokio::test]
async fn a_handler_that_panics_is_answered_and_counted_as_500() {
    let folder = tempfile::tempdir().unwrap();
    let (layer, recorder, _) = edge(folder.path()).await;
    let panics = tower::service_fn(|_: Request| {
        std::future::poll_fn(|_| -> Poll<Result<Response, Infallible>> { panic!("on purpose") })
    });
    let response = layer.layer(panics).call(request("/livez")).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
    let counted = recorder.take();
    assert_eq!(counted.len(), 1);
    assert_eq!(*counted[0].key.route, *"/livez");
    assert_eq!(counted[0].stats.statuses, BTreeMap::from([(500, 1)]));
}

#[tokio::test]
async fn what_is_counted_is_what_the_log_says_it_took() {
    let folder = tempfile::tempdir().unwrap();
    let (layer, recorder, lines) = edge(folder.path()).await;
    let log = layer.0.access_log.clone();
    let fails = axum::routing::get(async || StatusCode::BAD_GATEWAY);
    let mut router = axum::Router::new().route("/", fails).layer(layer);
    for _ in 0..5 {
        router.as_service().call(request("/")).await.unwrap();
    }
    log.close();
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let durations = text.lines().map(|line| {
        let micros = line.split("duration_us=").nth(1).unwrap();
        let micros: u32 = micros.split(' ').next().unwrap().parse().unwrap();
        f64::from(micros) / 1e6
    });
    let counted = recorder.take();
    assert_eq!(counted[0].stats.requests, 5);
    let (logged, sum) = (durations.sum::<f64>(), counted[0].stats.sum);
    assert!((logged - sum).abs() < 1e-9, "{logged} and {sum}: {text}");
}

#[tokio::test]
async fn a_request_whose_client_went_away_is_counted_and_logged() {
    let folder = tempfile::tempdir().unwrap();
    let (layer, recorder, lines) = edge(folder.path()).await;
    let log = layer.0.access_log.clone();
    let hangs = axum::routing::get(async || std::future::pending::<StatusCode>().await);
    let mut router = axum::Router::new().route("/", hangs).layer(layer);
    let mut answer = Box::pin(router.as_service().call(request("/")));
    assert!(futures_util::poll!(&mut answer).is_pending());
    drop(answer);
    log.close();
    let counted = recorder.take();
    assert_eq!(counted.len(), 1);
    assert_eq!(counted[0].stats.statuses, BTreeMap::from([(499, 1)]));
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("GET / 499"), "{text}");
}

#[tokio::test]
async fn whom_nobody_knows_is_not_let_in_as_the_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let (layer, ..) = edge(folder.path()).await;
    let mut config = Config::default();
    config.server.trusted_proxies = ConfigValue::from_text("192.0.2.1").unwrap();
    config.metrics.networks = ConfigValue::from_text("192.0.2.1").unwrap();
    layer.0.policy.replace(&config, "host");
    let series = axum::routing::get(async || StatusCode::OK);
    let mut router = axum::Router::new().route("/metrics", series).layer(layer);
    for (lines, status) in [
        (&[][..], 200),
        (&[("x-forwarded-for", "203.0.113.5")][..], 401),
        (
            &[("x-forwarded-for", "203.0.113.5"), ("forwarded", "x")],
            401,
        ),
        (&[("x-forwarded-for", "x")], 401),
    ] {
        let mut request = request("/metrics");
        for (name, value) in lines {
            let value = HeaderValue::from_static(value);
            request.headers_mut().insert(*name, value);
        }
        let response = router.as_service().call(request).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{lines:?}");
    }
}
