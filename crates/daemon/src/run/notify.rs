//! Messages to the service manager, as `sd_notify(3)` describes them.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Sends assignments such as `READY=1`, one per line, to the socket that the environment names;
/// nothing when it names none.
///
/// # Errors
/// When the socket can't be reached, or has an address of another kind.
#[expect(
    clippy::disallowed_methods,
    reason = "what the service manager says to the process is no configuration"
)]
pub(super) fn send(message: &str) -> io::Result<()> {
    match std::env::var_os("NOTIFY_SOCKET") {
        Some(name) => send_to(&name, message),
        None => Ok(()),
    }
}

fn send_to(name: &OsStr, message: &str) -> io::Result<()> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        [b'/', ..] => SocketAddr::from_pathname(name)?,
        _ => {
            return Err(io::Error::other(
                "NOTIFY_SOCKET is neither a path nor @NAME",
            ));
        }
    };
    UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address)?;
    Ok(())
}

/// `STATUS=` with the text as one line: a line break in it would begin another assignment.
pub(super) fn status(text: &str) -> String {
    format!("STATUS={}", text.replace(['\r', '\n'], " "))
}

/// `RELOADING=1` and the time at which the reload began, which systemd wants with it.
pub(super) fn reloading() -> String {
    let now = clock_gettime(ClockId::Monotonic);
    let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
    format!("RELOADING=1\nMONOTONIC_USEC={micros}")
}

/// How often the watchdog has to be fed at least, when there is one for this process.
#[expect(
    clippy::disallowed_methods,
    reason = "what the service manager says to the process is no configuration"
)]
pub(super) fn watchdog() -> Option<Duration> {
    let number = |name| -> Option<u64> { std::env::var(name).ok()?.parse().ok() };
    let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    let micros = number("WATCHDOG_USEC").filter(|micros| is_ours && *micros > 0);
    micros.map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_reach_a_path_and_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let abstract_name = format!("linux-api-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        let sockets = [
            (
                path.clone().into_os_string(),
                UnixDatagram::bind(&path).unwrap(),
            ),
            (
                format!("@{abstract_name}").into(),
                UnixDatagram::bind_addr(&address).unwrap(),
            ),
        ];
        for (name, socket) in sockets {
            send_to(&name, "READY=1").unwrap();
            let mut buffer = [0; 64];
            let length = socket.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"READY=1", "{name:?}");
        }
        assert!(send_to(OsStr::new("vsock:2:1"), "READY=1").is_err());
        assert!(send_to(OsStr::new("/nonexistent/notify"), "READY=1").is_err());
    }

    #[test]
    fn a_status_is_one_assignment() {
        assert_eq!(status("a\nREADY=1"), "STATUS=a READY=1");
    }
}
