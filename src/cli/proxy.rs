//! `linux-api proxy`: what `ssh://` starts on the other host. It grants nothing: the daemon knows the account
//! by its socket, and without a daemon the account reads what it may read anyway.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;

use super::{Context, here};
use linux_api_client::channel::Channel;
use linux_api_client::error::ClientError;
use linux_api_client::tunnel::{self, Hello, MakeConnection};
use linux_api_client::{Address, Client, Target};
use linux_api_daemon::run::ephemeral::Ephemeral;

/// Connect standard input and output with the daemon of this host, for clients that come by ssh
#[derive(Debug, clap::Args)]
pub(super) struct Options {}

impl Options {
    pub(super) async fn run(self, ctx: &Context) -> anyhow::Result<ExitCode> {
        let input = input().context("use standard input")?;
        let mut output = output().context("use standard output")?;
        let (hello, connect, _ephemeral) = daemon(ctx).await?;
        output.write_all(hello.line().as_bytes()).await?;
        output.flush().await?;
        tunnel::serve(tokio::io::join(input, output), connect).await;
        Ok(ExitCode::SUCCESS)
    }
}

/// The daemon of this host that accepts this account, else one that lives as long as this process.
async fn daemon(ctx: &Context) -> anyhow::Result<(Hello, MakeConnection, Option<Ephemeral>)> {
    let mut hello = Hello {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ephemeral: false,
        reason: None,
    };
    for path in ctx.sockets() {
        match accepts(&path).await {
            Ok(()) => return Ok((hello, through(path), None)),
            Err(reason) => hello.reason = hello.reason.or(reason),
        }
    }
    let daemon = here::start(ctx).await?;
    let connector = daemon.connector();
    hello.ephemeral = true;
    let connect: MakeConnection = Arc::new(move || {
        let connected = here::connect(&connector).map_err(|error| error.in_short());
        Box::pin(async { connected })
    });
    Ok((hello, connect, Some(daemon)))
}

/// Whether the daemon at this socket knows the account; else why it does not help, where there is one.
async fn accepts(path: &Path) -> Result<(), Option<String>> {
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(Some(
                "the daemon's socket is not for this account".to_owned(),
            ));
        }
        Err(_) => return Err(None),
    }
    let client = Client::new(&Target::new(Address::Unix(path.to_owned())));
    let client = client.map_err(|error| Some(error.in_short()))?;
    match client.current_user().await {
        // A daemon in trouble can still say what is wrong.
        Ok(_) | Err(ClientError::Refused { status: 500.., .. }) => Ok(()),
        Err(ClientError::Refused { status: 401, .. }) => Err(Some(
            "the daemon does not know this account (add it to the group linux-api)".to_owned(),
        )),
        Err(error) => Err(Some(error.in_short())),
    }
}

fn through(path: PathBuf) -> MakeConnection {
    Arc::new(move || {
        let path = path.clone();
        Box::pin(async move {
            match UnixStream::connect(&path).await {
                Ok(stream) => Ok(Box::new(stream) as Channel),
                Err(error) => Err(format!(
                    "The daemon of that host does not respond at {}: {error}",
                    path.display()
                )),
            }
        })
    })
}

/// Standard input, read without a thread that would wait for it when all else is over.
fn input() -> io::Result<Box<dyn AsyncRead + Send + Unpin>> {
    let file = io::stdin().as_fd().try_clone_to_owned()?;
    Ok(match socket_or_pipe(file)? {
        Ok(socket) => Box::new(socket),
        Err(file) => Box::new(pipe::Receiver::from_owned_fd(file).map_err(by_hand)?),
    })
}

fn output() -> io::Result<Box<dyn AsyncWrite + Send + Unpin>> {
    let file = io::stdout().as_fd().try_clone_to_owned()?;
    Ok(match socket_or_pipe(file)? {
        Ok(socket) => Box::new(socket),
        Err(file) => Box::new(pipe::Sender::from_owned_fd(file).map_err(by_hand)?),
    })
}

fn by_hand(_error: io::Error) -> io::Error {
    io::Error::other("it is no pipe: this command is started by clients, through ssh")
}

fn socket_or_pipe(file: OwnedFd) -> io::Result<Result<UnixStream, OwnedFd>> {
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
    if !kind.is_socket() {
        return Ok(Err(file));
    }
    let socket = StdUnixStream::from(file);
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket).map(Ok)
}
