//! hyper refuses a head that it can't read before it calls our service, and sends nothing but the
//! status. On its way out such a response gets the body and the headers that all others have.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::edge::{RequestIds, set_common_headers};
use super::error::{ApiError, PROBLEM_JSON};

/// How a response of hyper's own begins.
const BEGIN: &[u8] = b"HTTP/1.1 4";
/// What it says of its body, and what only our responses carry.
const BARE: &str = "content-length: 0\r\n";
const OURS: &str = "x-request-id: ";

/// A connection whose refusals by hyper are explained.
pub(super) struct ExplainedStream<S> {
    inner: S,
    request_ids: Arc<RequestIds>,
    fuller: Option<Fuller>,
    /// Whether the first line of the request that is read has ended: a head that is too long for
    /// hyper before that is a URI that is too long.
    line_ended: bool,
}

/// A response that is sent in place of a bare one.
struct Fuller {
    bytes: Vec<u8>,
    written: usize,
    /// How long the bare one was.
    stands_for: usize,
}

impl<S> ExplainedStream<S> {
    pub(super) fn new(inner: S, request_ids: Arc<RequestIds>) -> Self {
        Self {
            inner,
            request_ids,
            fuller: None,
            line_ended: false,
        }
    }
}

impl<S: AsyncWrite + Unpin> ExplainedStream<S> {
    /// Writes the response in place of a bare one; ready with the length of that when it is written.
    fn poll_fuller(
        &mut self,
        context: &mut Context<'_>,
        fuller: Fuller,
    ) -> Poll<io::Result<usize>> {
        let fuller = self.fuller.insert(fuller);
        while fuller.written < fuller.bytes.len() {
            let rest = &fuller.bytes[fuller.written..];
            let count = ready!(Pin::new(&mut self.inner).poll_write(context, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            fuller.written += count;
        }
        let stands_for = fuller.stands_for;
        self.fuller = None;
        Poll::Ready(Ok(stands_for))
    }

    /// What goes out in place of `bytes`, if anything does.
    fn instead_of(&mut self, bytes: &[u8]) -> Option<Fuller> {
        let line_ended = std::mem::take(&mut self.line_ended);
        // hyper offers the same bytes again until they are taken.
        self.fuller
            .take()
            .or_else(|| explain(bytes, line_ended, &self.request_ids))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ExplainedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        self.line_ended = self.line_ended || buffer.filled()[before..].contains(&b'\n');
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ExplainedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.instead_of(bytes) {
            Some(fuller) => self.poll_fuller(context, fuller),
            None => Pin::new(&mut self.inner).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A bare response is a head and nothing else.
        let head = slices.iter().find(|slice| !slice.is_empty());
        match head.and_then(|head| self.instead_of(head)) {
            Some(fuller) => self.poll_fuller(context, fuller),
            None => Pin::new(&mut self.inner).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// The whole response in place of a bare one of hyper's; nothing for any other bytes.
fn explain(bytes: &[u8], line_ended: bool, request_ids: &RequestIds) -> Option<Fuller> {
    if !bytes.starts_with(BEGIN) {
        return None;
    }
    let head = std::str::from_utf8(bytes).ok()?;
    if !head.ends_with("\r\n\r\n") || !head.contains(BARE) || head.contains(OURS) {
        return None;
    }
    let status: u16 = head.get(9..12)?.parse().ok()?;
    let status = match StatusCode::from_u16(status).ok()? {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE if !line_ended => StatusCode::URI_TOO_LONG,
        status => status,
    };
    let error = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => ApiError::head_too_large(),
        StatusCode::URI_TOO_LONG => ApiError::uri_too_long(),
        StatusCode::BAD_REQUEST => ApiError::head_unreadable(),
        _ => return None,
    };
    let request_id = request_ids.next();
    let body = serde_json::to_vec(&error.into_problem(None, None, &request_id)).ok()?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    headers.insert(header::CONTENT_LENGTH, body.len().into());
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    set_common_headers(&mut headers, &request_id, None);
    let mut answer = format!("HTTP/1.1 {status}").into_bytes();
    // hyper's clock is read once a second for all responses.
    if let Some(date) = head.split("\r\n").find(|line| line.starts_with("date: ")) {
        answer.extend_from_slice(b"\r\n");
        answer.extend_from_slice(date.as_bytes());
    }
    for (name, value) in &headers {
        answer.extend_from_slice(b"\r\n");
        answer.extend_from_slice(name.as_str().as_bytes());
        answer.extend_from_slice(b": ");
        answer.extend_from_slice(value.as_bytes());
    }
    answer.extend_from_slice(b"\r\n\r\n");
    answer.extend_from_slice(&body);
    Some(Fuller {
        bytes: answer,
        written: 0,
        stands_for: bytes.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bare_refusals_are_explained() {
        let ids = RequestIds::new(1);
        let explained = |head: &str| explain(head.as_bytes(), true, &ids).is_some();
        let bare = "HTTP/1.1 431 Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        assert!(explained(bare));
        assert!(explained(&bare.replace("431", "400")));
        assert!(!explained(&bare.replace("431", "204")));
        assert!(!explained(&bare.replace("431", "404")));
        assert!(!explained(&bare.replace("length: 0", "length: 5")));
        let ours = bare.replace("connection: close", "x-request-id: 1");
        assert!(!explained(&ours));
        assert!(!explained("HTTP/1.1 4"));
        assert!(!explained(&format!("{bare}x")));
    }

    #[test]
    fn a_first_line_without_end_is_a_uri_that_is_too_long() {
        let bare = b"HTTP/1.1 431 Too Large\r\ndate: now\r\ncontent-length: 0\r\n\r\n";
        let fuller = explain(bare, false, &RequestIds::new(1)).unwrap();
        let text = String::from_utf8(fuller.bytes).unwrap();
        assert!(
            text.starts_with("HTTP/1.1 414 URI Too Long\r\ndate: now\r\n"),
            "{text}"
        );
        assert!(text.contains("uri_too_long"), "{text}");
    }

    #[tokio::test]
    async fn an_answer_that_goes_out_in_pieces_goes_out_once() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (near, mut far) = tokio::io::duplex(16);
        let mut near = ExplainedStream::new(near, Arc::new(RequestIds::new(1)));
        let bare = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
        let writer = tokio::spawn(async move {
            near.write_all(bare).await.unwrap();
            near.write_all(b"after").await.unwrap();
            near.shutdown().await.unwrap();
        });
        let mut text = String::new();
        far.read_to_string(&mut text).await.unwrap();
        writer.await.unwrap();
        assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{text}");
        assert_eq!(text.matches("request_malformed").count(), 1, "{text}");
        assert!(text.ends_with("}after"), "{text}");
    }
}
