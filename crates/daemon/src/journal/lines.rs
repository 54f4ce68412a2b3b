//! Lines of a child, none longer than a bound, read so that a wait can be given up at any time.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::ChildStderr;

/// Longer lines are passed over: no entry with the fields that are printed is as long.
const LINE: usize = 1 << 20;
const BUFFER: usize = 32 << 10;
/// The most that is read of what a child says of its failure.
const SAID: u64 = 4 << 10;

/// Reads lines.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    /// What was read of the next line.
    line: Vec<u8>,
    is_too_long: bool,
    is_over: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader: BufReader::with_capacity(BUFFER, reader),
            line: Vec::new(),
            is_too_long: false,
            is_over: false,
        }
    }

    /// The next line without its end; `None` at the end of all. Cancel safe.
    pub(super) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if self.is_over {
                return Ok(None);
            }
            let read = self.reader.fill_buf().await?;
            if read.is_empty() {
                self.is_over = true;
                let rest = std::mem::take(&mut self.line);
                return Ok(Some(rest).filter(|rest| !rest.is_empty()));
            }
            let end = read.iter().position(|byte| *byte == b'\n');
            let part = &read[..end.unwrap_or(read.len())];
            if self.line.len() + part.len() > LINE {
                self.is_too_long = true;
                self.line.clear();
            }
            if !self.is_too_long {
                self.line.extend_from_slice(part);
            }
            let taken = end.map_or(read.len(), |end| end + 1);
            self.reader.consume(taken);
            if end.is_some() && !std::mem::take(&mut self.is_too_long) {
                return Ok(Some(std::mem::take(&mut self.line)));
            }
        }
    }

    /// Whether a whole line can be had without a wait.
    pub(super) fn has_line(&self) -> bool {
        self.reader.buffer().contains(&b'\n')
    }
}

/// What a child that ends has said on its standard error.
pub(super) async fn said(stderr: Option<ChildStderr>) -> String {
    let mut said = Vec::new();
    if let Some(stderr) = stderr {
        // What can't be read says nothing.
        let _ = stderr.take(SAID).read_to_end(&mut said).await;
    }
    String::from_utf8_lossy(&said).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_split_and_too_long_ones_passed_over() {
        let long = "x".repeat(LINE + 1);
        let text = format!("one\n\n{long}\ntwo\nrest");
        let mut lines = Lines::new(text.as_bytes());
        let mut read = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            read.push(String::from_utf8(line).unwrap());
        }
        assert_eq!(read, ["one", "", "two", "rest"]);
        assert_eq!(lines.next().await.unwrap(), None);
    }
}
