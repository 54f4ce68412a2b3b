//! Names are resolved to addresses that a receiver may have, and connections go to these.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use linux_api_alerts::address;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Resolves names for HTTP.
#[derive(Debug, Clone)]
pub(super) struct CheckedResolver {
    pub(super) networks: Arc<[IpNet]>,
}

/// Why no address of a name may be used. Its text is found again in the error of the request.
#[derive(Debug)]
struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = Arc::clone(&self.networks);
        Box::pin(async move {
            let found = look_up(name.as_str(), &networks).await.map_err(Refused)?;
            let addresses = found.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

/// The addresses of a name, or the address itself, that a request may go to.
///
/// # Errors
/// When there are none, or none of them may be used.
pub(super) async fn look_up(host: &str, networks: &[IpNet]) -> Result<Vec<IpAddr>, String> {
    let found: Vec<IpAddr> = match host.parse() {
        Ok(address) => vec![address],
        Err(_) => tokio::net::lookup_host((host, 0))
            .await
            .map_err(|error| error.to_string())?
            .map(|address| address.ip())
            .collect(),
    };
    let (mut usable, mut refusal) = (Vec::new(), None);
    for one in found {
        match address::check(one, networks) {
            Ok(()) => usable.push(one),
            Err(why) => refusal = Some(why),
        }
    }
    match refusal {
        Some(why) if usable.is_empty() => Err(why.to_string()),
        None if usable.is_empty() => Err("no address was found".to_owned()),
        _ => Ok(usable),
    }
}

/// Checks the address that a URL has in place of a name: such a one is not resolved.
///
/// # Errors
/// Says why a request may not go there.
pub(super) fn check_literal(url: &Url, networks: &[IpNet]) -> Result<(), String> {
    let host = url.host_str().unwrap_or_default();
    match host.trim_matches(['[', ']']).parse() {
        Ok(literal) => address::check(literal, networks).map_err(|why| why.to_string()),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_of_this_host_is_refused_unless_its_network_is_listed() {
        let refused = look_up("localhost", &[]).await.unwrap_err();
        assert!(refused.contains("alerts.networks"), "{refused}");
        let networks = ["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        assert!(!look_up("localhost", &networks).await.unwrap().is_empty());
    }

    #[test]
    fn an_address_in_a_url_is_checked_too() {
        let check = |url: &str| check_literal(&Url::parse(url).unwrap(), &[]);
        assert!(check("http://169.254.169.254/latest").is_err());
        assert!(check("http://[::ffff:169.254.169.254]/").is_err());
        // What a URL takes for an address is one.
        assert!(check("http://2130706433/").is_err());
        assert!(check("http://0x7f.1/").is_err());
        assert!(check("https://hooks.example.org/").is_ok());
        assert!(check("https://1.1.1.1/").is_ok());
    }
}
