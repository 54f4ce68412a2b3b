//! Accepting connections and serving HTTP/1.1 on each, within limits, until stopped.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::mpsc::Receiver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::bare_refusals::ExplainedStream;
use super::deadline::ConnectionTimer;
use super::edge::{PolicyHandle, RequestIds};
use super::peer::Peer;
use super::reserve::{Reserve, is_exhausted};
use super::tls::Certificates;
use crate::server::Service;

/// The most bytes of a request's head; a longer one is answered with 431.
const HEADER_BYTES_MAX: usize = 16 << 10;
/// The kernel doubles it. Its own choice grows to megabytes per connection; this is enough for
/// a megabyte a second to the other side of the world.
const SEND_BUFFER: usize = 64 << 10;
/// How long to wait when the process has no descriptor left, instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// For how long connections are still taken in after a stop.
const LAST_CALL: Duration = Duration::from_millis(50);
/// For how long those connections may then send their requests.
const LAST_WORD: Duration = Duration::from_millis(100);

/// What a client may take up.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the first byte of a request's head to its last, and between requests.
    pub header_timeout: Duration,
    /// How long a client may read nothing of a pending response.
    pub write_timeout: Duration,
    /// How long running requests are waited for at a stop.
    pub shutdown_timeout: Duration,
    /// The most connections in all.
    pub connections: usize,
    /// The most connections from one address; neither trusted proxies nor the Unix socket have such
    /// a limit.
    pub connections_per_address: usize,
}

/// Where connections come in.
#[derive(Debug)]
pub struct Listener {
    /// The socket.
    pub socket: ListeningSocket,
    /// Another process (systemd) holds it too, so that clients that connect after a stop wait for the
    /// next daemon.
    pub outlives_us: bool,
}

/// A socket that connections come in at.
#[derive(Debug)]
pub enum ListeningSocket {
    /// Over the network.
    Tcp(TcpListener),
    /// Over the network, with TLS.
    Tls(TcpListener, Certificates),
    /// Over a Unix socket.
    Unix(UnixListener),
    /// From this process: each is one end of a pair of Unix sockets.
    Channel(Mutex<Receiver<UnixStream>>),
}

impl ListeningSocket {
    /// Bounds what the kernel holds of responses that are not read; what is accepted inherits it.
    fn bound_send_buffer(&self) {
        let (Self::Tcp(listener) | Self::Tls(listener, _)) = self else {
            // Bounded as it is, and only for those on this host.
            return;
        };
        if let Err(error) = sockopt::set_socket_send_buffer_size(listener, SEND_BUFFER) {
            tracing::debug!(%error, "the send buffer has its usual size");
        }
    }
}

struct ListenerCore {
    service: Service,
    /// Ends handshakes when no more connections are accepted.
    closed: CancellationToken,
    /// Ends what is still going on when the time to end is over.
    cut: CancellationToken,
    /// Every connection.
    tasks: TaskTracker,
    policy: PolicyHandle,
    limits: Limits,
    places: Arc<Semaphore>,
    addresses: Mutex<HashMap<IpAddr, usize>>,
    /// Of requests that never become one.
    request_ids: Arc<RequestIds>,
    reserve: Reserve,
}

impl ListenerCore {
    /// Waits until there is room for one more connection. Called after accepting: a listener
    /// that waited with a place in its hand would keep it from the others.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        // An error says that the semaphore was closed, which never happens.
        Arc::clone(&self.places).acquire_owned().await.ok()
    }
}

/// Serves until `stop`, then lets running requests end, for at most the shutdown timeout.
pub async fn serve(
    listeners: Vec<Listener>,
    service: Service,
    policy: PolicyHandle,
    limits: Limits,
    stop: CancellationToken,
) {
    let shared = Arc::new(ListenerCore {
        service,
        closed: CancellationToken::new(),
        cut: CancellationToken::new(),
        tasks: TaskTracker::new(),
        policy,
        limits,
        places: Arc::new(Semaphore::new(limits.connections)),
        addresses: Mutex::default(),
        request_ids: Arc::new(RequestIds::new(rand::random())),
        reserve: Reserve::new(),
    });
    for listener in &listeners {
        listener.socket.bound_send_buffer();
    }
    let graceful = GracefulShutdown::new();
    let loops = listeners
        .iter()
        .map(|listener| accept(&listener.socket, &shared, &graceful));
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        _ = futures_util::future::join_all(loops) => {}
    }
    // Who connected before the stop is let in, and what was sent before it is read.
    let ours = listeners.iter().filter(|listener| !listener.outlives_us);
    let last = ours.map(|listener| async {
        let rest = accept(&listener.socket, &shared, &graceful);
        let _ = tokio::time::timeout(LAST_CALL, rest).await;
    });
    futures_util::future::join_all(last).await;
    // No new connection is accepted. A connection that has sent nothing yet would be closed like an idle
    // one, though its request may be on the way.
    drop(listeners);
    tokio::time::sleep(LAST_WORD).await;
    shared.closed.cancel();
    // Idle connections close at once, busy ones after their response.
    if tokio::time::timeout(limits.shutdown_timeout, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests did not end in time and were cut off");
        // Now, so that the last write of the measurements counts them.
        shared.cut.cancel();
        shared.tasks.close();
        shared.tasks.wait().await;
    }
}

async fn accept(
    listener: &ListeningSocket,
    shared: &Arc<ListenerCore>,
    graceful: &GracefulShutdown,
) {
    loop {
        let accepted = match listener {
            ListeningSocket::Tcp(listener) => accept_tcp(listener, None, shared, graceful).await,
            ListeningSocket::Tls(listener, certificates) => {
                accept_tcp(listener, Some(certificates), shared, graceful).await
            }
            ListeningSocket::Unix(listener) => match listener.accept().await {
                Ok((stream, _)) => serve_unix(stream, shared, graceful).await,
                Err(error) => Err(error),
            },
            ListeningSocket::Channel(connections) => {
                let stream = receive(connections).await;
                serve_unix(stream, shared, graceful).await
            }
        };
        match accepted {
            Ok(()) => shared.reserve.note_room(),
            Err(error) if is_clients_fault(&error) => {}
            Err(error) if is_exhausted(&error) => {
                shared.reserve.note_exhausted(&error);
                if !shared.reserve.turn_away(listener).await {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The client went away before it was accepted.
fn is_clients_fault(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

async fn accept_tcp(
    listener: &TcpListener,
    certificates: Option<&Certificates>,
    shared: &Arc<ListenerCore>,
    graceful: &GracefulShutdown,
) -> io::Result<()> {
    let (stream, address) = listener.accept().await?;
    let visit = if shared.policy.load().is_proxy(address.ip().to_canonical()) {
        None
    } else {
        match Visit::new(shared, address) {
            Some(visit) => Some(visit),
            None => return Ok(()),
        }
    };
    let peer = Peer::Tcp {
        remote: address,
        local: stream.local_addr()?.ip(),
    };
    // Responses are small and complete: waiting to fill a packet only delays them.
    stream.set_nodelay(true)?;
    let held = (shared.place().await, visit);
    match certificates {
        None => spawn(stream, peer, shared, graceful, held),
        Some(certificates) => {
            let handshake = certificates.acceptor().accept(stream);
            let (shared, watcher) = (Arc::clone(shared), graceful.watcher());
            let tasks = shared.tasks.clone();
            tasks.spawn(async move {
                let shaken = tokio::time::timeout(shared.limits.header_timeout, handshake);
                let shaken = tokio::select! {
                    shaken = shaken => shaken,
                    () = shared.closed.cancelled() => return,
                };
                match shaken {
                    Ok(Ok(stream)) => run(stream, peer, &shared, watcher, held).await,
                    Ok(Err(error)) => tracing::debug!(%error, "no TLS handshake"),
                    Err(_elapsed) => tracing::debug!("the TLS handshake took too long"),
                }
            });
        }
    }
    Ok(())
}

/// The next connection of this process; never when there can be none any more.
async fn receive(connections: &Mutex<Receiver<UnixStream>>) -> UnixStream {
    let next = std::future::poll_fn(|context| {
        let mut connections = connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.poll_recv(context)
    });
    match next.await {
        Some(stream) => stream,
        None => std::future::pending().await,
    }
}

async fn serve_unix(
    stream: UnixStream,
    shared: &Arc<ListenerCore>,
    graceful: &GracefulShutdown,
) -> io::Result<()> {
    let account = stream.peer_cred()?;
    let peer = Peer::Unix {
        uid: account.uid(),
        gid: account.gid(),
    };
    let place = shared.place().await;
    spawn(stream, peer, shared, graceful, (place, None));
    Ok(())
}

fn spawn<S>(
    stream: S,
    peer: Peer,
    shared: &Arc<ListenerCore>,
    graceful: &GracefulShutdown,
    held: ConnectionPermits,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = run(stream, peer, shared, graceful.watcher(), held);
    shared.tasks.spawn(connection);
}

/// What a connection takes up until it ends.
type ConnectionPermits = (Option<OwnedSemaphorePermit>, Option<Visit>);

/// Serves one connection to its end.
fn run<S>(
    stream: S,
    peer: Peer,
    shared: &Arc<ListenerCore>,
    watcher: Watcher,
    held: ConnectionPermits,
) -> impl Future<Output = ()> + Send + use<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Counted by this connection alone, so that others do not take turns at its count.
    let own = Arc::new(shared.service.clone());
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        let own = Arc::clone(&own);
        async move { Ok::<_, Infallible>(own.respond(&mut request, peer).await) }
    });
    let stream = ExplainedStream::new(stream, Arc::clone(&shared.request_ids));
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(shared.limits.write_timeout));
    let connection = http1::Builder::new()
        .timer(ConnectionTimer::default())
        .header_read_timeout(shared.limits.header_timeout)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let connection = watcher.watch(connection);
    // Of its own, so that connections do not take turns at its lock whenever they wake.
    let cut = shared.cut.child_token();
    async move {
        let _held = held;
        if let Some(Err(error)) = cut.run_until_cancelled_owned(connection).await {
            tracing::debug!(%error, "connection ended early");
        }
    }
}

/// Counts a connection of an address for as long as it lives.
struct Visit {
    shared: Arc<ListenerCore>,
    address: IpAddr,
}

impl Visit {
    fn new(shared: &Arc<ListenerCore>, address: SocketAddr) -> Option<Self> {
        let address = address.ip().to_canonical();
        let mut addresses = shared
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = addresses.entry(address).or_default();
        if *count >= shared.limits.connections_per_address {
            return None;
        }
        *count += 1;
        Some(Self {
            shared: Arc::clone(shared),
            address,
        })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut addresses = self
            .shared
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = addresses.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}
