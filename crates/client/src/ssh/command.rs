//! What is run: ssh with fixed options, and short fixed scripts for the shell of the other host.

use std::process::Stdio;

use tokio::process::Command;

use super::SshHost;

/// Options that hold whatever the user's configuration says: no prompt (there is no terminal for it), no
/// command of the configuration in place of ours, nothing forwarded, and errors only.
const OPTIONS: [&str; 9] = [
    "BatchMode=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=3",
    "RemoteCommand=none",
    "PermitLocalCommand=no",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "LogLevel=ERROR",
];

/// What a host without a program says: system, machine and account of the other host.
pub(super) const NO_PROGRAM: &str = "linux-api-missing ";

/// The directory of pushed programs, in the words of a shell.
pub(super) const CACHE: &str = "${XDG_CACHE_HOME:-$HOME/.cache}/linux-api";

/// Runs a script on the host. It must hold no single quote: login shells of all kinds are to take it.
pub(super) fn ssh(host: &SshHost, script: &str) -> Command {
    debug_assert!(!script.contains('\''), "{script}");
    let mut command = Command::new("ssh");
    command.arg("-T");
    for option in OPTIONS {
        command.args(["-o", option]);
    }
    if let Some(user) = host.user() {
        command.args(["-l", user]);
    }
    if let Some(port) = host.port() {
        command.args(["-p", &port.to_string()]);
    }
    command.args(["--", host.host()]);
    command.arg(format!("exec sh -c '{script}'"));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A Ctrl-C in the terminal is for this program.
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// Starts the proxy: the installed program, else the one that was pushed for this version.
pub(super) fn proxy() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "PATH=\"$PATH:/usr/local/bin:/usr/bin:/bin\"; \
         p=$(command -v linux-api) || p=\"{CACHE}/{version}/linux-api\"; \
         if [ -e \"$p\" ]; then exec \"$p\" proxy; fi; \
         echo \"{NO_PROGRAM}$(uname -s) $(uname -m) $(id -u)\""
    )
}

/// Takes a program from standard input, checks its SHA-256, and runs it once.
pub(super) fn receive(sha256: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "umask 077; d=\"{CACHE}/{version}\"; mkdir -p \"$d\" && chmod 700 \"$d\" || exit 1; \
         t=\"$d/incoming.$$\"; trap \"rm -f \\\"$t\\\"\" EXIT HUP INT TERM; \
         cat > \"$t\" || {{ echo linux-api-push space; exit 1; }}; \
         s=$(sha256sum < \"$t\" | cut -c1-64); \
         [ \"$s\" = {sha256} ] || {{ echo linux-api-push checksum; exit 1; }}; \
         chmod 700 \"$t\" && mv -f \"$t\" \"$d/linux-api\" || exit 1; \
         if \"$d/linux-api\" --version > /dev/null 2>&1; then echo linux-api-push done; \
         else rm -f \"$d/linux-api\"; echo linux-api-push noexec; fi"
    )
}

/// Removes all programs that were pushed.
pub(super) fn clean() -> String {
    format!(
        "d=\"{CACHE}\"; if [ -d \"$d\" ]; then rm -rf -- \"$d\" && echo removed; else echo none; fi"
    )
}
