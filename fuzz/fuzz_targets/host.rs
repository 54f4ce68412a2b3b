//! Any text is a host or none; a name holds no character that could end it elsewhere, and foreign
//! hosts are never known.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use axum::http::{HeaderMap, HeaderValue, Uri, header};
use libfuzzer_sys::fuzz_target;
use linux_api_daemon::host::{Host, HostRules, parse_host};

fuzz_target!(|text: &str| {
    let host = parse_host(text);
    if let Some(Host::Name(name)) = host {
        assert!(text.starts_with(name));
        assert!(
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        );
    }
    let Ok(value) = HeaderValue::from_str(text) else {
        return;
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, value);
    let local = IpAddr::from(Ipv4Addr::new(192, 0, 2, 1));
    let rules = HostRules::new(&[], "web1.example.org");
    let is_known = rules
        .check(&Uri::from_static("/"), &headers, Some(local))
        .is_ok();
    let expected = match host {
        Some(Host::Name(name)) => ["localhost", "web1", "web1.example.org"]
            .iter()
            .any(|own| name.eq_ignore_ascii_case(own)),
        Some(Host::Address(address)) => address == local,
        None => false,
    };
    assert_eq!(is_known, expected);
});
