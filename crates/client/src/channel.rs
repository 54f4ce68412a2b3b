//! HTTP over connections that are made otherwise than by an address: through `ssh`, or inside this process.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::Uri;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use reqwest::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::error::{ClientError, innermost};
use super::{Address, POOL_IDLE};

/// A stream of bytes in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection to a daemon.
pub type Channel = Box<dyn Duplex>;

/// Makes connections to one daemon.
pub trait Connect: fmt::Debug + Send + Sync {
    /// Sets up what all connections need, such as a login. It has a deadline of its own, so that requests
    /// need not count it in theirs.
    ///
    /// # Errors
    /// When the daemon can't be reached, and why.
    fn prepare(&self) -> BoxFuture<'_, Result<(), ClientError>>;

    /// One more connection.
    ///
    /// # Errors
    /// When the daemon can't be reached, and why.
    fn connect(&self) -> BoxFuture<'_, Result<Channel, ClientError>>;

    /// What kind of session the present one is, for people; nothing where it is the usual one.
    fn session(&self) -> Option<String> {
        None
    }

    /// Lets this program be copied to the host if it has none. Does nothing where that is no question.
    fn allow_push(&self) {}
}

/// HTTP/1.1 over what a [`Connect`] makes.
#[derive(Debug, Clone)]
pub(super) struct ChannelClient {
    http: legacy::Client<Connector, reqwest::Body>,
    pub(super) connect: Arc<dyn Connect>,
}

impl ChannelClient {
    pub(super) fn new(connect: Arc<dyn Connect>) -> Self {
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(4)
            .build(Connector(Arc::clone(&connect)));
        Self { http, connect }
    }

    /// Sends a request. Its timeout holds until the end of the response's body, as `reqwest` has it.
    pub(super) async fn execute(
        &self,
        address: &Address,
        request: Request,
    ) -> Result<Response, ClientError> {
        self.connect.prepare().await?;
        let deadline = request.timeout().map(|limit| Instant::now() + *limit);
        let request = hyper::Request::<reqwest::Body>::try_from(request)
            .map_err(|error| ClientError::of(address, &error))?;
        let response = self.http.request(request);
        let response = match deadline {
            None => response.await,
            Some(deadline) => tokio::time::timeout_at(deadline, response)
                .await
                .map_err(|_| ClientError::timed_out(address))?,
        };
        let response = response.map_err(|error| of_channel(address, &error))?;
        let response = response.map(|body| {
            let deadline = deadline.map(|deadline| Box::pin(tokio::time::sleep_until(deadline)));
            reqwest::Body::wrap(BoundBody { body, deadline })
        });
        Ok(Response::from(response))
    }
}

/// Sorts a failure of such a connection.
fn of_channel(address: &Address, error: &legacy::Error) -> ClientError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(known) = error.downcast_ref::<ClientError>() {
            return known.clone();
        }
        cause = error.source();
    }
    ClientError::Offline {
        address: address.to_string(),
        reason: innermost(error),
    }
}

#[derive(Debug, Clone)]
struct Connector(Arc<dyn Connect>);

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Pooled>;
    type Error = ClientError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        let connect = Arc::clone(&self.0);
        Box::pin(async move { Ok(TokioIo::new(Pooled(connect.connect().await?))) })
    }
}

/// A channel as the pool of connections takes it.
struct Pooled(Channel);

impl Connection for Pooled {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Pooled {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Pooled {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// A body that must end in time.
struct BoundBody {
    body: Incoming,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Body for BoundBody {
    type Data = <Incoming as Body>::Data;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(frame) = frame {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())));
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// How long the set-up of a connection through another program may take: a login may wait for name services.
pub(super) const PREPARE: Duration = Duration::from_secs(20);
