//! Frames: the length of a message as four bytes, most significant first, then the message as JSON.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The most bytes of a message.
pub const MAX_BYTES: usize = 64 << 10;

/// Why a message can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The other side has gone.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// The message is larger than [`MAX_BYTES`], or empty.
    #[error("a message of {0} bytes: 1 to {MAX_BYTES} are possible")]
    Length(usize),
    /// It is no such message.
    #[error("the message can't be read: {0}")]
    Malformed(String),
}

/// Reads one message; none when the other side has closed the connection before it.
///
/// # Errors
/// When the connection fails, or the message is too large or malformed.
pub async fn read<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
) -> Result<Option<T>, FrameError> {
    let mut length = [0; 4];
    match from.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    };
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    // Before memory is taken for it.
    if length == 0 || length > MAX_BYTES {
        return Err(FrameError::Length(length));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).await?;
    parse(&bytes).map(Some)
}

/// Reads a message from the bytes of its frame.
///
/// # Errors
/// When they are not this message.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FrameError> {
    serde_json::from_slice(bytes).map_err(|error| FrameError::Malformed(error.to_string()))
}

/// Writes one message.
///
/// # Errors
/// When the connection fails, or the message is too large.
pub async fn write(
    to: &mut (impl AsyncWrite + Unpin),
    message: &impl Serialize,
) -> Result<(), FrameError> {
    let text =
        serde_json::to_vec(message).map_err(|error| FrameError::Malformed(error.to_string()))?;
    let length = u32::try_from(text.len()).ok();
    let Some(length) = length.filter(|_| text.len() <= MAX_BYTES) else {
        return Err(FrameError::Length(text.len()));
    };
    let frame = [&length.to_be_bytes()[..], &text].concat();
    to.write_all(&frame).await?;
    Ok(to.flush().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_frame_is_read_as_it_was_written_and_bounded_before_it_is_read() {
        let (mut one, mut other) = tokio::io::duplex(MAX_BYTES * 2);
        write(&mut one, &"hello").await.unwrap();
        let text: Option<String> = read(&mut other).await.unwrap();
        assert_eq!(text.as_deref(), Some("hello"));
        let large = "x".repeat(MAX_BYTES);
        assert!(matches!(
            write(&mut one, &large).await,
            Err(FrameError::Length(_))
        ));
        for length in [0_u32, 65_537, u32::MAX] {
            let (mut one, mut other) = tokio::io::duplex(64);
            one.write_all(&length.to_be_bytes()).await.unwrap();
            let refused = read::<String>(&mut other).await;
            assert!(matches!(refused, Err(FrameError::Length(_))), "{length}");
        }
        drop(one);
        assert!(read::<String>(&mut other).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_frame_that_is_cut_off_is_an_error() {
        let (mut one, mut other) = tokio::io::duplex(64);
        one.write_all(&[0, 0, 0, 9, b'"']).await.unwrap();
        drop(one);
        assert!(matches!(
            read::<String>(&mut other).await,
            Err(FrameError::Io(_))
        ));
    }
}
