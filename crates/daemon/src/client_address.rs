//! Whose request it is when proxies stand in between.
//!
//! A header is only believed as far as its last writers are: from the right, the first hop that is
//! not a trusted proxy is the client, and what it wrote about itself further left counts nothing.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of a client, as far as it can be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAddress {
    /// Its own.
    Known(IpAddr),
    /// Of the proxy that it came through last: what the headers say about the client itself can't be
    /// read, or contradicts itself.
    Behind(IpAddr),
}

impl ClientAddress {
    /// Its own address, or the nearest to it that is known: for the log, never for access.
    #[must_use]
    pub fn nearest(self) -> IpAddr {
        match self {
            Self::Known(address) | Self::Behind(address) => address,
        }
    }

    /// Its own address, if that is known.
    #[must_use]
    pub fn known(self) -> Option<IpAddr> {
        match self {
            Self::Known(address) => Some(address),
            Self::Behind(_) => None,
        }
    }
}

/// The address of the client that sent a request over a connection from `peer`.
///
/// `X-Forwarded-For` and `Forwarded` (RFC 7239) are read only when `peer` is trusted. A proxy
/// commonly writes one of them and passes the other through as the client sent it, so when both are
/// there and differ, or one can't be parsed, the client is unknown. It is not the proxy either, which
/// may be allowed what strangers are not.
pub fn client_address(
    peer: IpAddr,
    headers: &HeaderMap,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> ClientAddress {
    let peer = peer.to_canonical();
    if !is_trusted(peer) {
        return ClientAddress::Known(peer);
    }
    let mut x_forwarded_for = headers.get_all(X_FORWARDED_FOR).iter().peekable();
    let mut forwarded = headers.get_all(header::FORWARDED).iter().peekable();
    let has_x = x_forwarded_for.peek().is_some();
    let has_forwarded = forwarded.peek().is_some();
    if !has_x && !has_forwarded {
        return ClientAddress::Known(peer);
    }
    let by_x = has_x.then(|| {
        let values = x_forwarded_for.rev().map(|value| value.to_str().ok());
        let hops = values.flat_map(|text| text.unwrap_or(UNREADABLE).rsplit(','));
        rightmost_untrusted(hops.map(parse_hop), &is_trusted)
    });
    let by_forwarded = has_forwarded.then(|| {
        let values = forwarded.rev().map(|value| value.to_str().ok());
        let hops = values.flat_map(|text| forwarded_hops(text.unwrap_or(UNREADABLE)));
        rightmost_untrusted(hops, &is_trusted)
    });
    match (by_x, by_forwarded) {
        (Some(one), Some(other)) if one == other => one,
        (Some(one), None) | (None, Some(one)) => one,
        _ => None,
    }
    .map_or(ClientAddress::Behind(peer), ClientAddress::Known)
}

/// No address in any syntax.
const UNREADABLE: &str = "?";

/// `None` when a hop that has to be known can't be read.
fn rightmost_untrusted(
    from_the_right: impl Iterator<Item = Option<IpAddr>>,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Option<IpAddr> {
    let mut farthest = None;
    for hop in from_the_right {
        let hop = hop?;
        if !is_trusted(hop) {
            return Some(hop);
        }
        farthest = Some(hop);
    }
    // All of them are proxies: the first is the client.
    farthest
}

/// An address as proxies write it: alone, with a port, IPv6 with or without brackets.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip().to_canonical());
    }
    let bare = text.strip_prefix('[')?.strip_suffix(']')?;
    let address: Ipv6Addr = bare.parse().ok()?;
    Some(IpAddr::from(address).to_canonical())
}

/// The hops of one `Forwarded` header, from the right.
fn forwarded_hops(text: &str) -> impl Iterator<Item = Option<IpAddr>> {
    // A quote that the client opened would swallow what the proxy wrote behind it.
    let mut hops: Vec<Option<IpAddr>> = if quotes_are_closed(text) {
        split_unquoted(text, b',').map(forwarded_for).collect()
    } else {
        vec![None]
    };
    hops.reverse();
    hops.into_iter()
}

/// The address in the `for` of one element; `None` for names, `unknown`, and what breaks the rules.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in split_unquoted(element, b';') {
        let (name, value) = pair.trim().split_once('=')?;
        if !name.eq_ignore_ascii_case("for") {
            continue;
        }
        if found.is_some() {
            return None;
        }
        let value = match value.strip_prefix('"') {
            // No address has a character that would have to be escaped.
            Some(rest) => rest
                .strip_suffix('"')
                .filter(|text| !text.contains(['\\', '"']))?,
            // A colon is no part of a token, but proxies are known to send it.
            None => value,
        };
        // IPv6 stands in brackets here.
        if value.starts_with('[') || value.matches(':').count() < 2 {
            found = Some(parse_hop(value)?);
        } else {
            return None;
        }
    }
    found
}

fn quotes_are_closed(text: &str) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    !quoted
}

/// Splits where `separator` stands outside of quotes.
fn split_unquoted(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let current = rest?;
        let (mut quoted, mut escaped) = (false, false);
        for (at, byte) in current.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                byte if byte == separator && !quoted => {
                    rest = Some(&current[at + 1..]);
                    return Some(&current[..at]);
                }
                _ => {}
            }
        }
        rest = None;
        Some(current)
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const PROXY: &str = "10.0.0.1";
    const NOBODY: &str = "behind 10.0.0.1";

    /// Trusted is 10.0.0.0/8.
    fn resolve(peer: &str, lines: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let is_trusted =
            |address: IpAddr| matches!(address, IpAddr::V4(address) if address.octets()[0] == 10);
        match client_address(peer.parse().unwrap(), &headers, is_trusted) {
            ClientAddress::Known(address) => address.to_string(),
            ClientAddress::Behind(address) => format!("behind {address}"),
        }
    }

    const X: &str = "x-forwarded-for";
    const F: &str = "forwarded";

    #[test]
    fn an_untrusted_peer_is_itself_whatever_it_says() {
        for line in [(X, "1.2.3.4"), (F, "for=1.2.3.4"), ("x-real-ip", "1.2.3.4")] {
            assert_eq!(resolve("192.0.2.1", &[line]), "192.0.2.1");
        }
        assert_eq!(resolve("::ffff:192.0.2.1", &[]), "192.0.2.1");
    }

    #[test]
    fn the_rightmost_untrusted_hop_is_the_client() {
        for (value, client) in [
            ("192.0.2.7", "192.0.2.7"),
            ("1.1.1.1, 192.0.2.7", "192.0.2.7"),
            ("1.1.1.1,192.0.2.7 , 10.9.9.9", "192.0.2.7"),
            ("192.0.2.7:4711", "192.0.2.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("::ffff:10.0.0.9", "10.0.0.9"),
            ("10.0.0.8, 10.0.0.9", "10.0.0.8"),
            // What stands left of the client is its own invention, however bad.
            ("garbage, 192.0.2.7", "192.0.2.7"),
        ] {
            assert_eq!(resolve(PROXY, &[(X, value)]), client, "{value}");
        }
        assert_eq!(resolve("::ffff:10.0.0.1", &[(X, "192.0.2.7")]), "192.0.2.7");
    }

    #[test]
    fn repeated_headers_are_one_list() {
        let lines = [(X, "1.1.1.1"), (X, "192.0.2.7, 10.0.0.2")];
        assert_eq!(resolve(PROXY, &lines), "192.0.2.7");
        let lines = [(F, "for=1.1.1.1"), (F, "for=192.0.2.7, for=10.0.0.2")];
        assert_eq!(resolve(PROXY, &lines), "192.0.2.7");
    }

    #[test]
    fn behind_garbage_nobody_knows_the_client() {
        for value in [
            "",
            ",",
            "unknown",
            "192.0.2.7,",
            "192.0.2.7, garbage",
            "192.0.2.256",
            "[192.0.2.7]",
            "192.0.2.7:99999",
            "2001:db8::7]",
            "\u{fc}",
            "192.0.2.7 10.0.0.2",
            "0x7f.1",
        ] {
            assert_eq!(resolve(PROXY, &[(X, value)]), NOBODY, "{value}");
        }
        for value in [
            "",
            "for=",
            "for=unknown",
            "for=_hidden",
            "by=192.0.2.7",
            "192.0.2.7",
            "for=\"192.0.2.7",
            "for=\"192.0.2.7\\\"\"",
            "for=192.0.2.7;for=192.0.2.8",
            "for=2001:db8::7",
            "for=192.0.2.7,",
            "for=192.0.2.7, nonsense",
            "for=\"[::1\"",
            "for=9.9.9.9;x=\", for=192.0.2.7",
            "for=9.9.9.9;x=\", for=\"192.0.2.7\"",
            "for=9.9.9.9;x=\"\\, for=192.0.2.7",
        ] {
            assert_eq!(resolve(PROXY, &[(F, value)]), NOBODY, "{value}");
        }
    }

    #[test]
    fn forwarded_is_read_as_its_standard_says() {
        for (value, client) in [
            ("for=192.0.2.7", "192.0.2.7"),
            ("For=192.0.2.7;proto=https;by=203.0.113.4", "192.0.2.7"),
            ("by=\"a,b;c\";for=\"192.0.2.7:4711\"", "192.0.2.7"),
            ("for=\"[2001:db8::7]:4711\"", "2001:db8::7"),
            ("for=1.1.1.1, for=192.0.2.7 , for=10.0.0.2", "192.0.2.7"),
            ("for=\"_a, for=9.9.9.9\", for=192.0.2.7", "192.0.2.7"),
        ] {
            assert_eq!(resolve(PROXY, &[(F, value)]), client, "{value}");
        }
    }

    #[test]
    fn two_headers_that_differ_are_both_disbelieved() {
        let same = [(X, "192.0.2.7"), (F, "for=192.0.2.7")];
        assert_eq!(resolve(PROXY, &same), "192.0.2.7");
        let forged = [(X, "192.0.2.7"), (F, "for=9.9.9.9")];
        assert_eq!(resolve(PROXY, &forged), NOBODY);
        let broken = [(X, "192.0.2.7"), (F, "for=unknown")];
        assert_eq!(resolve(PROXY, &broken), NOBODY);
        assert_eq!(resolve(PROXY, &[]), PROXY, "the proxy asks for itself");
    }

    proptest! {
        #[test]
        fn nothing_the_client_wrote_changes_who_it_is(forged in "[ -~]{0,80}", v6 in any::<u128>()) {
            let client = IpAddr::from(Ipv6Addr::from(v6)).to_canonical();
            let trusted = matches!(client, IpAddr::V4(address) if address.octets()[0] == 10);
            prop_assume!(!trusted);
            let expected = client.to_string();
            let list = format!("{forged}, {client}");
            prop_assert_eq!(resolve(PROXY, &[(X, &list)]), expected.clone());
            prop_assert_eq!(resolve(PROXY, &[(X, &forged), (X, &expected)]), expected.clone());
            let quotes = forged.matches(['"', '\\']).count();
            if quotes == 0 {
                let list = format!("{forged}, for=\"[{}]\"", Ipv6Addr::from(v6));
                prop_assert_eq!(resolve(PROXY, &[(F, &list)]), expected);
            }
        }

        #[test]
        fn any_bytes_are_answered(value in prop::collection::vec(32_u8..=255, 0..60)) {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.insert(X, value.clone());
                headers.insert(F, value);
            }
            client_address(PROXY.parse().unwrap(), &headers, |_| true);
        }
    }
}
