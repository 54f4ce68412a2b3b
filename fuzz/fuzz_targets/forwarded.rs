//! Whatever a client writes about itself, behind a proxy it is who the proxy says.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use libfuzzer_sys::fuzz_target;
use linux_api_daemon::client_address::{ClientAddress, client_address};

const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

fuzz_target!(|forged: &[u8]| {
    let is_trusted = |address| address == PROXY;
    let resolve = |name: &HeaderName, appended: &str| {
        let mut headers = HeaderMap::new();
        let value = [forged, appended.as_bytes()].concat();
        headers.insert(name, HeaderValue::from_bytes(&value).ok()?);
        Some(client_address(PROXY, &headers, is_trusted))
    };
    let x = HeaderName::from_static("x-forwarded-for");
    // Bytes that are no text spoil the whole line, and then the client is unknown.
    let is_text = forged
        .iter()
        .all(|byte| (0x20..0x7f).contains(byte) || *byte == b'\t');
    for (name, appended) in [(&x, ", 192.0.2.7"), (&header::FORWARDED, ", for=192.0.2.7")] {
        let Some(found) = resolve(name, appended) else {
            return;
        };
        let is_client = found == ClientAddress::Known(CLIENT);
        assert!(is_client || found == ClientAddress::Behind(PROXY), "{found:?}");
        if *name == x && is_text {
            assert!(is_client);
        }
    }
    // Past an untrusted peer nothing counts.
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(forged) {
        headers.insert(x, value.clone());
        headers.insert(header::FORWARDED, value);
    }
    let found = client_address(CLIENT, &headers, is_trusted);
    assert_eq!(found, ClientAddress::Known(CLIENT));
});
