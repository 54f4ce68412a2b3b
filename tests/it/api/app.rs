//! The service under test, in process, with callers to act as.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, header};
use http_body_util::BodyExt;
use linux_api_auth::key::PlainKey;
use linux_api_auth::verifier::{self, Verifier};
use linux_api_config::Legacy;
use linux_api_daemon::access_log::AccessLogger;
use linux_api_daemon::acts::Acts;
use linux_api_daemon::alerts::Alerts;
use linux_api_daemon::alerts::settings::Settings;
use linux_api_daemon::journal::Journal;
use linux_api_daemon::notices::Notices;
use linux_api_daemon::peer::Peer;
use linux_api_daemon::recorder::Recorder;
use linux_api_daemon::server::{self, Parts, PolicyHandle, Service, UnixAccounts};
use linux_api_daemon::state::StoredKeys;
use linux_api_daemon::streams::StreamLimits;
use linux_api_daemon::tasks::flusher::FlusherHandle;
use linux_api_daemon::tasks::sampler::{HostSampler, Source};
use linux_api_host::{Collector, HostRoots};
use linux_api_legacy::keys::Pbkdf2Limits;
use linux_api_store::api_keys::NewKey;
use linux_api_store::users::NewUser;
use linux_api_store::{Options, Store};
use linux_api_wire::api_key::{Scope, Scopes};
use linux_api_wire::audit::Actor;
use linux_api_wire::log::{AccessLog, LogFormat};
use linux_api_wire::snapshot::{
    Cpu, CpuSeconds, Family, FamilyStatus, FamilyValue, Load, Snapshot,
};
use linux_api_wire::time::{ManualClock, Timestamp};
use linux_api_wire::user::{Role, User};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::api::contract;
use crate::api::database::{Database, no_backup};
use crate::api::reply::Reply;

/// When the clock of a test starts: 2027-01-15T08:00:00Z.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
/// Where requests come from.
pub(crate) const CLIENT: &str = "192.0.2.7:40000";

/// What a test may want different.
pub(crate) struct Setup {
    pub(crate) store: Options,
    pub(crate) docs_enabled: bool,
    pub(crate) docs_title: String,
    pub(crate) docs_description: Option<String>,
    pub(crate) legacy: Legacy,
    pub(crate) unix_peers: BTreeMap<String, String>,
    pub(crate) unix_viewer_group: String,
    pub(crate) unix_operator_group: String,
    /// Where the executor is looked for.
    pub(crate) executor: PathBuf,
    pub(crate) roots: HostRoots,
    /// What is run in place of journalctl.
    pub(crate) journalctl: Option<std::path::PathBuf>,
    pub(crate) request_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) outage_grace: Duration,
    /// Without limits unless a test is about them.
    pub(crate) policy: PolicyHandle,
}

impl Setup {
    pub(crate) fn new(database: &Database) -> Self {
        Self {
            store: database.options(),
            docs_enabled: true,
            docs_title: "Linux API".to_owned(),
            docs_description: None,
            legacy: Legacy::default(),
            unix_peers: BTreeMap::new(),
            unix_viewer_group: String::new(),
            unix_operator_group: String::new(),
            executor: "/nonexistent/executor.sock".into(),
            roots: HostRoots::default(),
            journalctl: None,
            request_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            outage_grace: Duration::from_mins(10),
            policy: PolicyHandle::default(),
        }
    }
}

/// One daemon's service with its database.
pub(crate) struct App {
    pub(crate) router: Service,
    pub(crate) store: Store,
    pub(crate) verifier: Verifier<StoredKeys>,
    pub(crate) clock: ManualClock,
    pub(crate) recorder: Recorder,
    host: HostSampler,
    pub(crate) policy: PolicyHandle,
}

/// A user and a key of it.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) user: User,
    pub(crate) key: String,
}

impl Caller {
    pub(crate) fn id(&self) -> String {
        self.user.id.to_string()
    }
}

impl App {
    pub(crate) async fn new(database: &Database) -> Self {
        Self::with(Setup::new(database)).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let clock = ManualClock::at(START);
        let store = Store::open(setup.store, clock.clock()).await.unwrap();
        store.migrate(no_backup).await.unwrap();
        store.refresh_auth_revision().await.unwrap();
        let limits = verifier::Limits {
            cache_size: 1000,
            hash_queue: 1000,
            outage_grace: setup.outage_grace,
        };
        let imported = Pbkdf2Limits {
            per_minute: NonZeroU32::new(100).unwrap(),
            until: START.saturating_add(Duration::from_hours(24)),
        };
        let keys = StoredKeys(store.clone());
        let other_keys = linux_api_legacy::keys::in_database(keys.clone(), imported);
        let verifier = Verifier::new(keys, limits, clock.clock(), Some(other_keys));
        let recorder = Recorder::with_shards(2);
        let host = HostSampler::new(clock.clock());
        // Streams end at once, so that every response has an end.
        let stop = CancellationToken::new();
        stop.cancel();
        let collector = Collector::new(setup.roots.clone());
        let router = server::service(Parts {
            store: store.clone(),
            verifier: verifier.clone(),
            journal: match setup.journalctl {
                Some(program) => Journal::with_program(program, &setup.roots),
                None => Journal::new(&setup.roots),
            },
            acts: Acts::new(
                &setup.executor,
                store.clone(),
                clock.clock(),
                collector.units().clone(),
            ),
            collector,
            host: host.clone(),
            alerts: Alerts::new(store.clone(), Settings::disabled()),
            host_id: "h1".into(),
            stream_limits: StreamLimits {
                streams: 10,
                streams_per_key: 10,
                heartbeat: Duration::from_secs(15),
                lag: Duration::from_secs(30),
            },
            stop,
            flusher: FlusherHandle::default(),
            recorder: recorder.clone(),
            clock: clock.clock(),
            access_log: AccessLogger::with_writer(io::sink(), LogFormat::Text).unwrap(),
            access: AccessLog::Off,
            slow: Duration::from_secs(1),
            request_id_prefix: 0xc0ff_ee12,
            request_timeout: setup.request_timeout,
            body_timeout: setup.body_timeout,
            unix_accounts: UnixAccounts::Configured {
                users: setup.unix_peers,
                viewer_group: setup.unix_viewer_group,
                operator_group: setup.unix_operator_group,
            },
            history_since: None,
            outage_grace: setup.outage_grace,
            docs_enabled: setup.docs_enabled,
            docs_title: setup.docs_title,
            docs_description: setup.docs_description,
            old_routes: linux_api_legacy::additions().routes(&setup.legacy),
            policy: setup.policy.clone(),
            notices: Notices::default(),
            notice: None,
        });
        Self {
            router: router.unwrap(),
            store,
            verifier,
            clock,
            recorder,
            host,
            policy: setup.policy,
        }
    }

    /// A user with one key, made past the API. Later ones are newer.
    pub(crate) async fn user(&self, name: &str, role: Role) -> Caller {
        self.user_as(name, role, true, false).await
    }

    pub(crate) async fn admin(&self) -> Caller {
        self.user("boss", Role::Admin).await
    }

    pub(crate) async fn user_as(
        &self,
        name: &str,
        role: Role,
        active: bool,
        immutable: bool,
    ) -> Caller {
        self.clock.advance(Duration::from_secs(1));
        let (key, new) = cheap_key(Scopes::ALL, None);
        let user = NewUser {
            name: name.to_owned(),
            role,
            active,
            immutable,
            hosts: linux_api_wire::host_selector::HostSelector::default(),
        };
        let made = self.store.create_user(&Actor::system(), &user, &new).await;
        Caller {
            user: made.unwrap(),
            key,
        }
    }

    /// Limits a user to hosts with these labels.
    pub(crate) async fn limit(&self, caller: &Caller, hosts: &str) {
        let hosts = hosts.parse().unwrap();
        let limited = self
            .store
            .set_hosts(&Actor::system(), caller.user.id, &hosts)
            .await;
        assert!(limited.unwrap());
    }

    /// Gives the host of the service these labels, as a reload of its configuration does.
    pub(crate) fn label(&self, labels: &[(&str, &str)]) {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.store
            .set_own_labels(labels.iter().map(owned).collect());
    }

    /// One more key of a user, narrowed to `scopes` unless that is empty.
    pub(crate) async fn key(
        &self,
        caller: &Caller,
        scopes: &[Scope],
        expires_at: Option<Timestamp>,
    ) -> String {
        self.clock.advance(Duration::from_secs(1));
        let (key, new) = cheap_key(Scopes::only(scopes.iter().copied()), expires_at);
        let made = self
            .store
            .create_key(&Actor::system(), caller.user.id, &new)
            .await;
        made.unwrap();
        key
    }

    /// Takes one reading of a host with this load, on which the processors were busy for `busy` of
    /// 100 parts of their time.
    pub(crate) async fn sample_load(&self, load: f64, busy: u32) {
        let mut told = self.host.subscribe();
        let stop = CancellationToken::new();
        let interval = Duration::from_mins(1);
        let run = self
            .host
            .clone()
            .run(FixedHost(load, busy), interval, stop.clone());
        let task = tokio::spawn(run);
        told.changed().await.unwrap();
        stop.cancel();
        task.await.unwrap();
    }

    pub(crate) async fn get(&self, key: &str, path: &str) -> Reply {
        self.request(Method::GET, path, Some(key), None).await
    }

    pub(crate) async fn post(&self, key: &str, path: &str, body: Value) -> Reply {
        self.request(Method::POST, path, Some(key), Some(body))
            .await
    }

    pub(crate) async fn patch(&self, key: &str, path: &str) -> Reply {
        self.request(Method::PATCH, path, Some(key), None).await
    }

    pub(crate) async fn delete(&self, key: &str, path: &str, body: Option<Value>) -> Reply {
        self.request(Method::DELETE, path, Some(key), body).await
    }

    /// A request without a key.
    pub(crate) async fn get_openly(&self, path: &str) -> Reply {
        self.request(Method::GET, path, None, None).await
    }

    pub(crate) async fn request(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<Value>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header(
                "x-api-key",
                HeaderValue::from_bytes(key.as_bytes()).unwrap(),
            );
        }
        let body = match body {
            Some(json) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(json.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    /// A GET with these headers.
    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            request.headers_mut().append(name, value);
        }
        self.send(request).await
    }

    /// Sends any request, and compares the response with the OpenAPI document.
    pub(crate) async fn send(&self, mut request: Request<Body>) -> Reply {
        let client: SocketAddr = CLIENT.parse().unwrap();
        request.extensions_mut().insert(Peer::Tcp {
            remote: client,
            local: Ipv4Addr::LOCALHOST.into(),
        });
        let headers = request.headers_mut();
        headers
            .entry(header::HOST)
            .or_insert(HeaderValue::from_static("localhost"));
        let (method, path) = (request.method().clone(), request.uri().to_string());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let reply = Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        };
        reply.expect_common_headers();
        contract::check(method.as_str(), &path, &reply);
        reply
    }
}

/// A host of which only load and use of the processors are known.
struct FixedHost(f64, u32);

impl Source for FixedHost {
    async fn read(&mut self, time: Timestamp) -> Snapshot {
        let mut snapshot = Snapshot {
            host: "web-03".into(),
            time,
            ..Snapshot::default()
        };
        snapshot.set(FamilyValue::Load(Load {
            one: self.0,
            ..Load::default()
        }));
        snapshot.set(FamilyValue::Cpu(Cpu {
            seconds: CpuSeconds {
                user: self.1.into(),
                idle: (100 - self.1).into(),
                ..CpuSeconds::default()
            },
            ..Cpu::default()
        }));
        let status = FamilyStatus {
            age: Some(Duration::ZERO),
            error: None,
        };
        let known = [Family::Cpu, Family::Load];
        snapshot
            .status
            .extend(known.map(|family| (family, status.clone())));
        snapshot
    }
}

/// A key whose stored hash costs little: what a hash costs is in its text, and tests make many.
pub(crate) fn cheap_key(scopes: Scopes, expires_at: Option<Timestamp>) -> (String, NewKey) {
    let secret = PlainKey::generate().unwrap();
    let params = Params::new(Params::MIN_M_COST, 1, 1, None).unwrap();
    let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password(secret.expose().as_bytes())
        .unwrap();
    let new = NewKey {
        id: secret.id(),
        hash: hash.to_string(),
        name: "of a test".to_owned(),
        scopes,
        expires_at,
        hosts: linux_api_wire::host_selector::HostSelector::default(),
    };
    (secret.expose().to_owned(), new)
}
