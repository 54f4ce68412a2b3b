//! What the edge does with requests as far as it can change while the daemon runs.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::cors::CorsRules;
use super::limits::{RateLimits, UsualLimits};
use crate::host::HostRules;
use crate::old_routes::OldRoutes;
use linux_api_config::{Config, Network, RoutePattern};

/// One state of it.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    pub(crate) hosts: HostRules,
    pub(crate) cors: CorsRules,
    pub(crate) limits: Option<RateLimits>,
    pub(crate) disabled: DisabledRoutes,
    proxies: Vec<Network>,
    scrapers: Vec<Network>,
}

impl Policy {
    fn new(config: &Config, host_name: &str, usual: &UsualLimits, before: Option<&Self>) -> Self {
        let limits = before.and_then(|before| before.limits.as_ref());
        Self {
            hosts: HostRules::new(&config.server.hosts.0, host_name),
            cors: CorsRules::new(&config.cors),
            limits: RateLimits::new(&config.rate_limit, usual, limits),
            disabled: DisabledRoutes::new(&config.routes),
            proxies: config.server.trusted_proxies.0.clone(),
            scrapers: config.metrics.networks.0.clone(),
        }
    }

    pub(crate) fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(address))
    }

    /// Whether the series for Prometheus are for this address without a key.
    pub(crate) fn is_scraper(&self, address: IpAddr) -> bool {
        let networks = &self.scrapers;
        networks.iter().any(|network| network.contains(address))
    }
}

/// Shows the newest policy to all holders. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct PolicyHandle {
    policy: Arc<ArcSwap<Policy>>,
    usual: Arc<UsualLimits>,
}

impl PolicyHandle {
    /// The policy of the configuration, on a host of this name. Routes that the
    /// configuration has no limit for have their usual one, which is taken from `old`.
    #[must_use]
    pub fn new(config: &Config, host_name: &str, old: Option<&mut OldRoutes>) -> Self {
        let usual = old.map_or_else(UsualLimits::default, UsualLimits::of);
        let policy = Policy::new(config, host_name, &usual, None);
        Self {
            policy: Arc::new(ArcSwap::from_pointee(policy)),
            usual: Arc::new(usual),
        }
    }

    /// Puts another configuration in force. Limits that stay the same go on counting.
    pub fn replace(&self, config: &Config, host_name: &str) {
        let policy = Policy::new(config, host_name, &self.usual, Some(&self.load()));
        self.policy.store(Arc::new(policy));
    }

    /// The policy in force. Each request takes it once, so neither a lock nor a count that all
    /// threads write to is on the way.
    pub(crate) fn load(&self) -> Guard<Arc<Policy>> {
        self.policy.load()
    }
}

/// Disabled routes.
#[derive(Debug, Default)]
pub(crate) struct DisabledRoutes {
    /// Those that say most come first.
    routes: Vec<(RoutePattern, String)>,
    retry_after: u32,
}

impl DisabledRoutes {
    fn new(config: &linux_api_config::Routes) -> Self {
        let entries = config.disabled.0.iter();
        let mut routes: Vec<_> = entries
            .map(|(pattern, reason)| (pattern.clone(), reason.clone()))
            .collect();
        routes.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.weight()));
        Self {
            routes,
            retry_after: u32::try_from(config.retry_after.as_secs()).unwrap_or(u32::MAX),
        }
    }

    /// The reason and when to come back, for a route that is switched off.
    pub(crate) fn find(&self, method: &str, path: &str) -> Option<(&str, u32)> {
        let (_, reason) = self
            .routes
            .iter()
            .find(|(pattern, _)| pattern.matches(method, path))?;
        let reason = if reason.is_empty() {
            "The route is currently disabled."
        } else {
            reason
        };
        Some((reason, self.retry_after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_config::{ConfigValue, RouteTable};

    #[test]
    fn the_reason_is_that_of_the_closest_pattern() {
        let config = linux_api_config::Routes {
            disabled: RouteTable::from_text("/a/*=Soon., POST /a/b=, /a/c=Never.").unwrap(),
            ..Default::default()
        };
        let disabled = DisabledRoutes::new(&config);
        let reason = |method, path| disabled.find(method, path).map(|(reason, _)| reason);
        assert_eq!(reason("GET", "/a/b"), Some("Soon."));
        assert_eq!(
            reason("POST", "/a/b"),
            Some("The route is currently disabled.")
        );
        assert_eq!(reason("GET", "/a/c"), Some("Never."));
        assert_eq!(reason("GET", "/a"), None);
        assert_eq!(disabled.find("GET", "/a/x"), Some(("Soon.", 300)));
    }
}
