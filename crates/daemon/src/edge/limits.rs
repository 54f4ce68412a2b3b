//! Which limit a request counts against.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::Method;

use super::limiter::{ExceededLimit, Limiter, Standing};
use crate::client_address::ClientAddress;
use crate::old_routes::OldRoutes;
use linux_api_auth::identity::Identity;
use linux_api_config::{Rate, RateLimit, RoutePattern, RouteTable};
use linux_api_wire::audit::Via;

/// The accepted sender of a request: a key's public id, or a Linux account behind NULs, which
/// no id has.
type Caller = [u8; 12];
/// An IPv4 address, an IPv6 network of 64 bits, or a Linux account.
type Origin = u64;

/// Where a request comes from, before authentication.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Client {
    /// Over the network.
    Address(ClientAddress),
    /// Over the Unix socket.
    Account { uid: u32, gid: u32 },
}

impl Client {
    pub(crate) fn address(self) -> Option<ClientAddress> {
        match self {
            Self::Address(address) => Some(address),
            Self::Account { .. } => None,
        }
    }
}

/// Limits of single routes that hold where the configuration has none for them.
#[derive(Debug, Default)]
pub(crate) struct UsualLimits {
    /// What the paths of all of them begin with, so that other requests need not look.
    pub(crate) prefix: &'static str,
    /// The limits.
    pub(crate) routes: RouteTable<Rate>,
}

impl UsualLimits {
    /// Takes the limits of deprecated routes.
    pub(crate) fn of(old: &mut OldRoutes) -> Self {
        Self {
            prefix: old.deprecation.prefix,
            routes: std::mem::take(&mut old.limits),
        }
    }
}

/// All limits there are.
#[derive(Debug)]
pub(crate) struct RateLimits {
    reads: Arc<Limiter<Caller>>,
    writes: Arc<Limiter<Caller>>,
    addresses: Arc<Limiter<Origin>>,
    failed_keys: Arc<Limiter<Origin>>,
    /// Those that say most come first.
    routes: Vec<(RoutePattern, Arc<RouteLimit>)>,
    /// What holds where nothing else is configured, and the prefix of its routes.
    usual: (&'static str, Vec<(RoutePattern, Arc<RouteLimit>)>),
}

/// A limit of one route counts callers where a key is needed, addresses where none is.
#[derive(Debug)]
struct RouteLimit {
    callers: Limiter<Caller>,
    addresses: Limiter<Origin>,
}

impl RateLimits {
    /// Limits as configured, `None` when there are none. Those of `before` with the same rate go on
    /// counting where they are.
    pub(crate) fn new(
        config: &RateLimit,
        usual: &UsualLimits,
        before: Option<&Self>,
    ) -> Option<Self> {
        if !config.enabled {
            return None;
        }
        macro_rules! keep {
            ($name:literal, $option:ident, $limit:ident) => {
                match before {
                    Some(before) if before.$limit.rate() == config.$option => {
                        Arc::clone(&before.$limit)
                    }
                    _ => Arc::new(Limiter::new($name, config.$option)),
                }
            };
        }
        let keep_route = |(pattern, rate): (&RoutePattern, &Rate)| {
            let same = before
                .into_iter()
                .flat_map(|before| before.routes.iter().chain(&before.usual.1))
                .find(|(known, limit)| known == pattern && limit.callers.rate() == *rate);
            let limit = same.map_or_else(
                || {
                    Arc::new(RouteLimit {
                        callers: Limiter::new("route", *rate),
                        addresses: Limiter::new("route", *rate),
                    })
                },
                |(_, limit)| Arc::clone(limit),
            );
            (pattern.clone(), limit)
        };
        let mut routes: Vec<_> = config.routes.0.iter().map(keep_route).collect();
        routes.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.weight()));
        Some(Self {
            usual: (
                usual.prefix,
                usual.routes.0.iter().map(keep_route).collect(),
            ),
            reads: keep!("key", per_key, reads),
            writes: keep!("key-writes", per_key_writes, writes),
            addresses: keep!("address", per_address, addresses),
            failed_keys: keep!("failed-keys", failed_keys, failed_keys),
            routes,
        })
    }

    fn route(&self, method: &Method, path: &str) -> Option<&RouteLimit> {
        let method = method.as_str();
        let closest = self
            .routes
            .iter()
            .find(|(pattern, _)| pattern.matches(method, path));
        let (prefix, usual) = &self.usual;
        let found = closest.or_else(|| {
            let mut usual = usual.iter().filter(|_| path.starts_with(prefix));
            usual.find(|(pattern, _)| pattern.matches(method, path))
        });
        found.map(|(_, limit)| &**limit)
    }

    /// Counts a request of an accepted caller.
    pub(crate) fn check_caller(
        &self,
        identity: &Identity,
        method: &Method,
        path: &str,
    ) -> Result<Standing, ExceededLimit> {
        let caller = caller_of(identity);
        if let Some(route) = self.route(method, path) {
            return route.callers.check(caller);
        }
        let changes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        if changes {
            self.writes.check(caller)
        } else {
            self.reads.check(caller)
        }
    }

    /// Counts a request that lacks the key it needs. What a route allows to those who have one is
    /// not for it.
    pub(crate) fn check_missing_key(&self, client: Client) -> Result<Standing, ExceededLimit> {
        self.addresses.check(origin_of(client))
    }

    /// Counts a request that needs no key.
    pub(crate) fn check_keyless(
        &self,
        client: Client,
        method: &Method,
        path: &str,
    ) -> Result<Standing, ExceededLimit> {
        let origin = origin_of(client);
        match self.route(method, path) {
            Some(route) => route.addresses.check(origin),
            None => self.addresses.check(origin),
        }
    }

    /// Counts a key that is to be checked, as if it were wrong.
    pub(crate) fn check_failed_keys(&self, client: Client) -> Result<Standing, ExceededLimit> {
        self.failed_keys.check(origin_of(client))
    }

    /// The key was not wrong.
    pub(crate) fn refund_failed_key(&self, client: Client) {
        self.failed_keys.refund(origin_of(client));
    }
}

fn caller_of(identity: &Identity) -> Caller {
    let mut caller = Caller::default();
    match &identity.via {
        Via::Key(id) => {
            for (place, byte) in caller.iter_mut().zip(id.0.bytes()) {
                *place = byte;
            }
        }
        Via::Unix(uid) | Via::Cli(uid) => caller[8..].copy_from_slice(&uid.to_be_bytes()),
        // The program itself sends no requests, and a client without identity has no limit of its own.
        Via::System | Via::Nobody => {}
    }
    caller
}

/// The first 64 bits of an IPv6 address; IPv4 addresses lie in `0:1::/32`, accounts in `0:2::/32`
/// and clients that can't be distinguished at `0:3::`, which no client has: all of `::/8` is reserved.
fn origin_of(client: Client) -> Origin {
    match client {
        Client::Address(ClientAddress::Known(address)) => match address.to_canonical() {
            IpAddr::V4(address) => 1 << 32 | u64::from(address.to_bits()),
            IpAddr::V6(address) => u64::try_from(address.to_bits() >> 64).unwrap_or_default(),
        },
        Client::Account { uid, .. } => 2 << 32 | u64::from(uid),
        // Not their proxy's, whose own requests they would use up.
        Client::Address(ClientAddress::Behind(_)) => 3 << 32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_config::ConfigValue;

    fn config(per_address: &str, routes: &str) -> RateLimit {
        RateLimit {
            per_address: Rate::from_text(per_address).unwrap(),
            routes: RouteTable::from_text(routes).unwrap(),
            ..RateLimit::default()
        }
    }

    fn known(address: &str) -> Client {
        Client::Address(ClientAddress::Known(address.parse().unwrap()))
    }

    fn accepted(limits: &RateLimits, from: &str, method: &Method, path: &str) -> usize {
        let from = known(from);
        (0..50)
            .filter(|_| limits.check_keyless(from, method, path).is_ok())
            .count()
    }

    #[test]
    fn ipv6_counts_by_network_and_ipv4_by_address() {
        let limits =
            RateLimits::new(&config("1/hour burst 3", ""), &UsualLimits::default(), None).unwrap();
        let get = |from| accepted(&limits, from, &Method::GET, "/");
        assert_eq!(get("2001:db8:0:1::1"), 3);
        assert_eq!(get("2001:db8:0:1:ffff::2"), 0);
        assert_eq!(get("2001:db8:0:2::1"), 3);
        assert_eq!(get("192.0.2.1"), 3);
        assert_eq!(get("::ffff:192.0.2.1"), 0);
        assert_eq!(get("192.0.2.2"), 3);
        assert_eq!(get("::1"), 3);
        assert_eq!(get("::192.0.2.1"), 0, "the network of ::1");
    }

    #[test]
    fn a_route_counts_apart_and_the_closest_pattern_wins() {
        let routes = "/a/*=1/hour burst 5, GET /a/b=1/hour burst 2";
        let limits = RateLimits::new(
            &config("1/hour burst 3", routes),
            &UsualLimits::default(),
            None,
        )
        .unwrap();
        let count = |method, path| accepted(&limits, "192.0.2.1", method, path);
        assert_eq!(count(&Method::GET, "/a/b"), 2);
        assert_eq!(count(&Method::POST, "/a/b"), 5);
        assert_eq!(count(&Method::GET, "/a/c"), 0, "the prefix's is spent");
        assert_eq!(count(&Method::GET, "/"), 3);
    }

    #[test]
    fn a_missing_key_counts_by_address_whatever_the_route_allows() {
        let limits = RateLimits::new(
            &config("1/hour burst 3", "/a=1000/s"),
            &UsualLimits::default(),
            None,
        )
        .unwrap();
        let from = known("192.0.2.1");
        let count = (0..9).filter(|_| limits.check_missing_key(from).is_ok());
        assert_eq!(count.count(), 3);
        assert_eq!(accepted(&limits, "192.0.2.1", &Method::GET, "/a"), 50);
    }

    #[test]
    fn who_can_not_be_told_apart_uses_up_nobody_elses_limit() {
        let limits =
            RateLimits::new(&config("1/hour burst 3", ""), &UsualLimits::default(), None).unwrap();
        let proxy = "10.0.0.1";
        let behind = Client::Address(ClientAddress::Behind(proxy.parse().unwrap()));
        let count = (0..9).filter(|_| limits.check_missing_key(behind).is_ok());
        assert_eq!(count.count(), 3);
        assert_eq!(accepted(&limits, proxy, &Method::GET, "/"), 3);
    }

    #[test]
    fn head_counts_as_get() {
        let routes = "GET /a=1/hour burst 2";
        let limits = RateLimits::new(
            &config("1/hour burst 3", routes),
            &UsualLimits::default(),
            None,
        )
        .unwrap();
        assert_eq!(accepted(&limits, "192.0.2.1", &Method::HEAD, "/a"), 2);
        assert_eq!(accepted(&limits, "192.0.2.1", &Method::GET, "/a"), 0);
    }

    #[test]
    fn usual_limits_hold_unless_others_are_configured() {
        let (get, path) = (&Method::GET, "/old/list");
        let usual = UsualLimits {
            prefix: "/old",
            routes: RouteTable::from_text("/old/list=20/minute").unwrap(),
        };
        let limits = RateLimits::new(&config("1/hour burst 3", ""), &usual, None).unwrap();
        assert_eq!(accepted(&limits, "192.0.2.1", get, path), 20);
        let routes = "/old/*=1/hour burst 2";
        let limits = RateLimits::new(&config("1/hour burst 3", routes), &usual, None).unwrap();
        assert_eq!(accepted(&limits, "192.0.2.1", get, path), 2);
    }

    #[test]
    fn a_limit_that_did_not_change_goes_on_counting() {
        let old = config("1/hour burst 3", "/a=1/hour burst 2");
        let limits = RateLimits::new(&old, &UsualLimits::default(), None).unwrap();
        assert_eq!(accepted(&limits, "192.0.2.1", &Method::GET, "/"), 3);
        assert_eq!(accepted(&limits, "192.0.2.1", &Method::GET, "/a"), 2);
        let same = RateLimits::new(&old, &UsualLimits::default(), Some(&limits)).unwrap();
        assert_eq!(accepted(&same, "192.0.2.1", &Method::GET, "/"), 0);
        assert_eq!(accepted(&same, "192.0.2.1", &Method::GET, "/a"), 0);
        let new = config("1/hour burst 4", "/a=1/hour burst 1");
        let new = RateLimits::new(&new, &UsualLimits::default(), Some(&limits)).unwrap();
        assert_eq!(accepted(&new, "192.0.2.1", &Method::GET, "/"), 4);
        assert_eq!(accepted(&new, "192.0.2.1", &Method::GET, "/a"), 1);
        let off = RateLimit {
            enabled: false,
            ..old
        };
        assert!(RateLimits::new(&off, &UsualLimits::default(), Some(&limits)).is_none());
    }
}
