//! Which host a request is for, and whether this daemon accepts that name.
//!
//! A page of a foreign site may resolve its own name to this machine's address (DNS rebinding), and
//! the browser then takes the API for a part of that site. The `Host` header reveals it.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, Uri, header};

use linux_api_config::HostPattern;

/// Why a request's host is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostProblem {
    /// There is no `Host`, more than one, or it can't be read.
    Malformed,
    /// It names another host.
    Foreign,
}

/// The names that requests may be for.
#[derive(Debug, Clone)]
pub struct HostRules {
    patterns: Vec<HostPattern>,
}

/// Only localhost and the own addresses.
impl Default for HostRules {
    fn default() -> Self {
        Self::new(&[], "")
    }
}

impl HostRules {
    /// The configured names besides localhost and the names of this host.
    #[must_use]
    pub fn new(configured: &[HostPattern], own_name: &str) -> Self {
        let own = own_name.trim_end_matches('.').to_ascii_lowercase();
        let short = own.split('.').next().unwrap_or_default().to_owned();
        let names = [own, short].into_iter().filter(|name| !name.is_empty());
        let mut patterns = vec![HostPattern::Exact("localhost".to_owned())];
        patterns.extend(names.map(HostPattern::Exact));
        patterns.extend_from_slice(configured);
        patterns.dedup();
        Self { patterns }
    }

    /// Checks a request that came in at the address `local`; over a Unix socket there is none, and
    /// no browser either, so that any name will do.
    ///
    /// # Errors
    /// What is wrong with the host.
    pub fn check(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        local: Option<IpAddr>,
    ) -> Result<(), HostProblem> {
        let mut given = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (given.next(), given.next()) else {
            return Err(HostProblem::Malformed);
        };
        let host = host.to_str().map_err(|_| HostProblem::Malformed)?;
        let host = parse_host(host).ok_or(HostProblem::Malformed)?;
        // A request target with a host of its own counts before the header, so both must be good.
        let target = match uri.authority() {
            Some(authority) => Some(parse_host(authority.as_str()).ok_or(HostProblem::Malformed)?),
            None => None,
        };
        let Some(local) = local else { return Ok(()) };
        let known = |host: &Host<'_>| self.knows(host, local.to_canonical());
        if known(&host) && target.as_ref().is_none_or(known) {
            Ok(())
        } else {
            Err(HostProblem::Foreign)
        }
    }

    fn knows(&self, host: &Host<'_>, local: IpAddr) -> bool {
        match host {
            Host::Address(address) => {
                *address == local
                    || (address.is_loopback() && local.is_loopback())
                    || self.patterns.iter().any(|pattern| match pattern {
                        HostPattern::Any => true,
                        HostPattern::Exact(name) => name.parse() == Ok(*address),
                        HostPattern::Below(_) => false,
                    })
            }
            Host::Name(name) => self.patterns.iter().any(|pattern| match pattern {
                HostPattern::Any => true,
                HostPattern::Exact(own) => name.eq_ignore_ascii_case(own),
                HostPattern::Below(suffix) => ends_with(name, suffix),
            }),
        }
    }
}

fn ends_with(name: &str, suffix: &str) -> bool {
    name.len()
        .checked_sub(suffix.len())
        .filter(|start| *start > 0)
        .and_then(|start| name.get(start..))
        .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

/// A host without its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host<'a> {
    /// By name, without the dot that may end it.
    Name(&'a str),
    /// By address; IPv4 is never in its IPv6 form.
    Address(IpAddr),
}

/// Reads `name`, `name:port`, `address:port` or `[address]:port`.
#[must_use]
pub fn parse_host(text: &str) -> Option<Host<'_>> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let port_is_good = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        let address: Ipv6Addr = address.parse().ok().filter(|_| port_is_good)?;
        return Some(Host::Address(IpAddr::from(address).to_canonical()));
    }
    let host = match text.split_once(':') {
        Some((host, port)) if is_port(port) => host,
        Some(_) => return None,
        None => text,
    };
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(Host::Address(address));
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_name = !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        });
    is_name.then_some(Host::Name(name))
}

/// An empty port is allowed by the standard.
fn is_port(text: &str) -> bool {
    text.is_empty()
        || (text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use linux_api_config::{ConfigValue, List};

    const LOCAL: &str = "192.0.2.10";

    fn check(configured: &str, uri: &str, hosts: &[&str], local: &str) -> Result<(), HostProblem> {
        let configured: List<HostPattern> = List::from_text(configured).unwrap();
        let rules = HostRules::new(&configured.0, "web1.example.org");
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(
                header::HOST,
                HeaderValue::from_bytes(host.as_bytes()).unwrap(),
            );
        }
        rules.check(&uri.parse().unwrap(), &headers, local.parse().ok())
    }

    #[test]
    fn own_names_and_addresses_are_known_at_any_port() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "localhost.",
            "localhost:",
            "web1",
            "Web1.Example.org:1",
            "192.0.2.10",
            "192.0.2.10:8080",
            "[::ffff:192.0.2.10]:80",
        ] {
            assert_eq!(check("", "/", &[host], LOCAL), Ok(()), "{host}");
        }
        assert_eq!(check("", "/", &["[::1]:8080"], "::1"), Ok(()));
        assert_eq!(check("", "/", &["127.0.0.1"], "::ffff:127.0.0.1"), Ok(()));
        assert_eq!(check("", "/", &["127.0.0.1"], "127.0.0.5"), Ok(()));
    }

    #[test]
    fn other_names_and_addresses_are_foreign() {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "web1.example.com",
            "xlocalhost",
            "web",
            "192.0.2.11",
            "127.0.0.1",
            "[::1]",
            "2130706433",
            "0x7f.1",
            "notweb1",
        ] {
            let outcome = check("", "/", &[host], LOCAL);
            assert_eq!(outcome, Err(HostProblem::Foreign), "{host}");
        }
    }

    #[test]
    fn missing_double_and_malformed_hosts_are_told_apart_from_foreign_ones() {
        for hosts in [
            &[][..],
            &["localhost", "localhost"],
            &[""],
            &["local host"],
            &["localhost:port"],
            &["localhost:99999"],
            &["localhost:80:80"],
            &["user@localhost"],
            &["::1"],
            &["[::1"],
            &["[::1]x"],
            &["[::1]:x"],
            &["[localhost]"],
            &["localhost/"],
            &[".localhost"],
            &["a..b"],
            &["localhost, localhost"],
            &["\u{fc}"],
            &["%6cocalhost"],
            &["localhost.."],
            &[":80"],
            &["[fe80::1%eth0]"],
        ] {
            let outcome = check("*", "/", hosts, LOCAL);
            assert_eq!(outcome, Err(HostProblem::Malformed), "{hosts:?}");
        }
    }

    #[test]
    fn configured_names_are_known_too() {
        let known = "api.example.com,*.lan,203.0.113.9";
        for host in ["api.example.com:443", "a.lan", "a.b.LAN.", "203.0.113.9"] {
            assert_eq!(check(known, "/", &[host], LOCAL), Ok(()), "{host}");
        }
        for host in [
            "example.com",
            "x.api.example.com",
            "lan",
            "alan",
            "203.0.113.8",
        ] {
            let outcome = check(known, "/", &[host], LOCAL);
            assert_eq!(outcome, Err(HostProblem::Foreign), "{host}");
        }
        assert_eq!(check("*", "/", &["any.example"], LOCAL), Ok(()));
        assert_eq!(check("*", "/", &["198.51.100.1"], LOCAL), Ok(()));
    }

    #[test]
    fn a_target_with_a_host_is_checked_beside_the_header() {
        let check = |uri| check("", uri, &["localhost"], LOCAL);
        assert_eq!(check("http://localhost:80/"), Ok(()));
        assert_eq!(check("http://evil.example/"), Err(HostProblem::Foreign));
        assert_eq!(check("http://user@localhost/"), Err(HostProblem::Malformed));
    }

    #[test]
    fn the_unix_socket_takes_any_name_but_exactly_one() {
        assert_eq!(check("", "/", &["anything"], "unix"), Ok(()));
        assert_eq!(check("", "/", &[], "unix"), Err(HostProblem::Malformed));
    }

    proptest! {
        #[test]
        fn any_text_is_answered_and_a_name_holds_only_its_letters(text in "\\PC{0,60}") {
            if let Some(Host::Name(name)) = parse_host(&text) {
                prop_assert!(text.starts_with(name));
                prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)));
            }
        }

        #[test]
        fn names_and_addresses_round_trip(
            name in "[a-z0-9]([a-z0-9-]{0,10}[a-z])(\\.[a-z]{1,8}){0,3}",
            v4 in any::<[u8; 4]>(),
            v6 in any::<u128>(),
            port in any::<u16>(),
        ) {
            let with_port = format!("{name}:{port}");
            prop_assert_eq!(parse_host(&with_port), Some(Host::Name(&name)));
            let v4 = IpAddr::from(v4);
            let with_port = format!("{v4}:{port}");
            prop_assert_eq!(parse_host(&with_port), Some(Host::Address(v4)));
            let v6 = Ipv6Addr::from(v6);
            let expected = Host::Address(IpAddr::from(v6).to_canonical());
            let with_port = format!("[{v6}]:{port}");
            prop_assert_eq!(parse_host(&with_port), Some(expected));
        }
    }
}
