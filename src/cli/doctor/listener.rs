//! Whether the daemon responds at its address, or could.

use std::io;
use std::net::{SocketAddr, TcpListener};

use super::Finding;
use crate::cli::status::reachable;
use linux_api_client::error::ClientError;
use linux_api_client::{Address, Client};
use linux_api_config::Config;

const CHECK: &str = "port";

pub(super) async fn check(config: &Config) -> Finding {
    let listen = config.server.listen;
    let has_tls = config.server.tls_certificate.is_some();
    let scheme = if has_tls { "https" } else { "http" };
    let url = format!("{scheme}://{}", reachable(listen));
    let client = url.parse::<Address>().ok();
    let client = client.and_then(|address| Client::for_probes(address).ok());
    let Some(client) = client else {
        return Finding::fail(
            CHECK,
            format!("{url} is not an address"),
            "change server.listen",
        );
    };
    match client.readiness().await {
        Ok(readiness) if readiness.status == "ready" => {
            Finding::ok(CHECK, format!("the daemon at {url} is ready"))
        }
        Ok(readiness) => {
            let checks = &readiness.checks;
            let parts = [&checks.database, &checks.migrations, &checks.flusher];
            let reasons: Vec<&str> = parts
                .into_iter()
                .filter(|part| !part.ok)
                .map(|part| part.detail.as_str())
                .collect();
            Finding::fail(
                CHECK,
                format!(
                    "the daemon at {url} is {}: {}",
                    readiness.status,
                    reasons.join("; ")
                ),
                "fix what it reports; linux-api status shows when it is ready",
            )
        }
        Err(ClientError::Offline { reason, .. }) => could_listen(listen, &reason),
        Err(error) => Finding::fail(
            CHECK,
            format!("{url} is served by another program: {}", error.in_short()),
            "stop that program, or change server.listen",
        ),
    }
}

/// Nothing responds: whether a daemon could listen on the port.
fn could_listen(listen: SocketAddr, reason: &str) -> Finding {
    match TcpListener::bind(listen) {
        Ok(_) => Finding::ok(
            CHECK,
            format!("{listen} is free; linux-api serve starts a daemon"),
        ),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Finding::fail(
            CHECK,
            format!("a program listens on {listen} and does not respond ({reason})"),
            "find it with: ss -ltnp; stop it, or change server.listen",
        ),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Finding::warn(
            CHECK,
            format!("this account may not listen on {listen}"),
            "ports below 1024 need the systemd unit, or choose a higher one in server.listen",
        ),
        Err(error) => Finding::fail(
            CHECK,
            format!("can't listen on {listen}: {error}"),
            "set server.listen to an address of this host",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;
    use crate::cli::doctor::Verdict;

    fn at(listen: SocketAddr) -> Config {
        let mut config = Config::default();
        config.server.listen = listen;
        config
    }

    #[tokio::test]
    async fn a_free_port_is_fine() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = free.local_addr().unwrap();
        drop(free);
        let found = check(&at(listen)).await;
        assert_eq!(found.result, Verdict::Ok, "{found:?}");
    }

    #[tokio::test]
    async fn another_program_on_the_port_fails() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = other.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = other.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        });
        let found = check(&at(listen)).await;
        assert_eq!(found.result, Verdict::Fail);
        assert!(
            found.detail.contains("served by another program"),
            "{found:?}"
        );
    }

    #[tokio::test]
    async fn an_address_of_another_host_fails() {
        // From the range that is reserved for documentation, so no host has it.
        let found = could_listen("192.0.2.1:8080".parse().unwrap(), "");
        assert_eq!(found.result, Verdict::Fail);
        assert!(found.detail.contains("can't listen"), "{found:?}");
    }
}
