//! Bounds the memory of response bodies that clients have not read yet.
//!
//! A connection holds at most one response: hyper reads the next request only after the last response
//! has gone to the kernel. What many clients get is the same bytes for all of them. What is left are
//! large responses that belong to one client each, and those are counted here, as long as any part of
//! them is in memory.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::ApiError;

/// Bodies up to this many bytes are not counted: with the most connections that a daemon allows by
/// default they take 16 MiB.
pub(crate) const SMALL: usize = 16 << 10;
/// The most bytes of all large bodies together.
const TOTAL: usize = 32 << 20;
/// How many bytes the connection gets at once: over TLS it copies what it gets.
const PIECE: usize = 32 << 10;
/// How many large bodies are written at once where that is done on other threads, of which there are
/// many.
const TURNS: usize = 8;
/// What the semaphore counts.
const UNIT: usize = 1 << 10;

/// Memory for large response bodies. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct UnreadMemory {
    units: Arc<Semaphore>,
    total: usize,
    /// Large bodies that are being written, which are not counted yet.
    turns: Arc<Semaphore>,
}

impl Default for UnreadMemory {
    fn default() -> Self {
        Self::of(TOTAL)
    }
}

/// In the extensions of a response whose body is counted elsewhere, or is the same for all clients.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared;

impl UnreadMemory {
    fn of(total: usize) -> Self {
        let total = total / UNIT;
        Self {
            units: Arc::new(Semaphore::new(total)),
            total,
            turns: Arc::new(Semaphore::new(TURNS)),
        }
    }

    /// Waits for the turn to write a large body, which lasts as long as the returned value.
    ///
    /// # Errors
    /// 503 when there would be no memory for it.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        // An error says that the semaphore was closed, which never happens.
        let turn = turn.map_err(|error| ApiError::internal(&error))?;
        if self.units.available_permits() * UNIT < SMALL {
            return Err(ApiError::unread_memory_full());
        }
        Ok(turn)
    }

    /// Takes the place of a body of `length` bytes. One that is larger than all memory there is gets
    /// all of it, so that it can be sent alone.
    fn take(&self, length: usize) -> Result<OwnedSemaphorePermit, ApiError> {
        let units = length.div_ceil(UNIT).min(self.total);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let taken = Arc::clone(&self.units).try_acquire_many_owned(units);
        taken.map_err(|_none_left| ApiError::unread_memory_full())
    }

    /// The same bytes, counted until their last clone is dropped.
    ///
    /// # Errors
    /// 503 when clients leave too much unread.
    pub(crate) fn hold(&self, bytes: Bytes) -> Result<Bytes, ApiError> {
        let permit = self.take(bytes.len())?;
        Ok(held(bytes, permit))
    }

    /// The response with its body in pieces and, when it is large and not [`Shared`], counted; 503 in
    /// its place when clients leave too much unread.
    pub(crate) fn bound(&self, response: Response) -> Response {
        let length = match response.body().size_hint().exact() {
            Some(length) if length > SMALL as u64 => length,
            // Small, or a stream, which is bounded by those who make it.
            _ => return response,
        };
        let is_shared = response.extensions().get::<Shared>().is_some();
        let permit = if is_shared {
            None
        } else {
            match self.take(usize::try_from(length).unwrap_or(usize::MAX)) {
                Ok(permit) => Some(permit),
                Err(error) => return error.into_response(),
            }
        };
        response.map(|whole| {
            Body::new(Pieces {
                whole,
                current: Bytes::new(),
                permit,
            })
        })
    }
}

/// Bytes that count until their last clone is dropped.
struct CountedBytes {
    bytes: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for CountedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn held(bytes: Bytes, permit: OwnedSemaphorePermit) -> Bytes {
    Bytes::from_owner(CountedBytes {
        bytes,
        _permit: permit,
    })
}

/// A body of known length, handed on in pieces.
struct Pieces {
    whole: Body,
    current: Bytes,
    /// Until the bytes come, which take it over.
    permit: Option<OwnedSemaphorePermit>,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        while self.current.is_empty() {
            match ready!(Pin::new(&mut self.whole).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => {
                        self.current = match self.permit.take() {
                            Some(permit) => held(bytes, permit),
                            None => bytes,
                        };
                    }
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let length = self.current.len().min(PIECE);
        let piece = self.current.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.current.is_empty() && self.whole.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let waiting = self.current.len() as u64;
        self.whole
            .size_hint()
            .exact()
            .map_or_else(SizeHint::default, |rest| {
                SizeHint::with_exact(rest + waiting)
            })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use futures_util::FutureExt;
    use http_body_util::BodyExt;

    use super::*;

    fn response(length: usize) -> Response {
        vec![7_u8; length].into_response()
    }

    #[tokio::test]
    async fn large_bodies_count_until_their_last_piece_is_dropped() {
        let memory = UnreadMemory::of(100 << 10);
        let mut first = memory.bound(response(90 << 10));
        let refused = memory.bound(response(20 << 10));
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()["retry-after"], "1");
        assert_eq!(memory.bound(response(SMALL)).status(), StatusCode::OK);

        assert_eq!(first.body().size_hint().exact(), Some(90 << 10));
        let mut pieces = Vec::new();
        while let Some(frame) = first.body_mut().frame().await {
            pieces.push(frame.unwrap().into_data().unwrap());
        }
        let lengths: Vec<usize> = pieces.iter().map(Bytes::len).collect();
        assert_eq!(lengths, [PIECE, PIECE, (90 << 10) - 2 * PIECE]);
        drop(first);
        // A connection still holds the last piece, and with it all of the bytes.
        let last = pieces.pop();
        drop(pieces);
        assert_eq!(memory.bound(response(20 << 10)).status(), 503);
        drop(last);
        assert_eq!(memory.bound(response(20 << 10)).status(), 200);
    }

    #[tokio::test]
    async fn what_all_clients_share_takes_no_place_of_its_own() {
        let memory = UnreadMemory::of(100 << 10);
        let bytes = memory.hold(vec![1; 90 << 10].into()).unwrap();
        let shared = || {
            let mut response = bytes.clone().into_response();
            response.extensions_mut().insert(Shared);
            memory.bound(response)
        };
        let all = [shared(), shared(), shared()];
        assert!(all.iter().all(|one| one.status() == StatusCode::OK));
        assert!(memory.hold(vec![1; 20 << 10].into()).is_err());
        let [first, ..] = all;
        let whole = first.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(whole, bytes);
    }

    #[tokio::test]
    async fn few_large_bodies_are_written_at_once_and_none_without_memory() {
        let memory = UnreadMemory::of(100 << 10);
        let mut turns = Vec::new();
        for _ in 0..TURNS {
            turns.push(memory.turn().await.unwrap());
        }
        assert!(memory.turn().now_or_never().is_none());
        let full = memory.bound(response(100 << 10));
        turns.pop();
        assert!(memory.turn().await.is_err());
        drop(full);
        assert!(memory.turn().await.is_ok());
    }

    #[test]
    fn a_body_larger_than_all_memory_is_sent_alone() {
        let memory = UnreadMemory::of(100 << 10);
        let first = memory.bound(response(200 << 10));
        assert_eq!(first.status(), 200);
        assert_eq!(memory.bound(response(20 << 10)).status(), 503);
        drop(first);
        assert_eq!(memory.bound(response(20 << 10)).status(), 200);
    }
}
