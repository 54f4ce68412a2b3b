//! Server-sent events, read with bounds, and taken up again after a break.
//!
//! Format: <https://html.spec.whatwg.org/multipage/server-sent-events.html>. `id` and `retry` are
//! ignored: the stream has no past, and the pace of reconnecting is ours.

use std::time::Duration;

use reqwest::{Method, Response};

use super::backoff::Backoff;
use super::error::ClientError;
use super::{Address, CONNECT_TIMEOUT, Client, READ_TIMEOUT};

/// How long a stream of the daemon may be silent between readings: two heartbeats and a little.
const SILENCE: Duration = Duration::from_secs(35);
/// Most bytes of one event.
const EVENT_MAX: usize = 8 << 20;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its kind; `message` when the daemon gave none.
    pub name: String,
    /// What it holds.
    pub data: String,
}

/// One update of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// The daemon responds, after this time.
    Connected(Duration),
    /// Something came.
    Event(Event),
    /// The connection is gone; the next try comes after the wait.
    Lost {
        /// Why.
        error: ClientError,
        /// How long until the next try.
        retry_in: Duration,
    },
}

#[derive(Debug)]
struct Connection {
    response: Response,
    parser: Parser,
}

/// A stream of events that is taken up again whenever it breaks.
#[derive(Debug)]
pub struct EventStream {
    client: Client,
    path: String,
    query: Vec<(String, String)>,
    silence: Duration,
    state: State,
    backoff: Backoff,
}

#[derive(Debug)]
enum State {
    Idle,
    Waiting(tokio::time::Instant),
    Open(Box<Connection>),
}

impl Client {
    /// Opens a stream at its first use. It counts as lost after `silence` without a byte.
    #[must_use]
    pub fn events(
        &self,
        path: &str,
        query: Vec<(String, String)>,
        silence: Duration,
    ) -> EventStream {
        EventStream {
            client: self.clone(),
            path: path.to_owned(),
            query,
            silence,
            state: State::Idle,
            backoff: Backoff::default(),
        }
    }
}

impl Client {
    /// Readings of the host at every `interval` of whole seconds, one to an hour, and with each the
    /// busiest `processes`, at most 1000. The events are those that the API describes.
    #[must_use]
    pub fn stream(&self, interval: Duration, processes: u16) -> EventStream {
        let query = vec![
            ("interval".to_owned(), interval.as_secs().to_string()),
            ("processes".to_owned(), processes.to_string()),
        ];
        let silence = interval.saturating_mul(2) + SILENCE;
        self.events("/api/v1/system/stream", query, silence)
    }
}

impl EventStream {
    /// Takes another query from the next connection on.
    pub(super) fn set_query(&mut self, query: Vec<(String, String)>) {
        self.query = query;
    }

    /// Adds a field to the query from the next connection on.
    pub(super) fn add_query(&mut self, name: &str, value: &str) {
        self.query.push((name.to_owned(), value.to_owned()));
    }

    /// The next thing that happens; never ends. Dropped while it connects, it connects again at the
    /// next call.
    pub async fn next(&mut self) -> Update {
        loop {
            match &mut self.state {
                State::Waiting(until) => {
                    tokio::time::sleep_until(*until).await;
                    self.state = State::Idle;
                }
                State::Idle => {
                    let start = tokio::time::Instant::now();
                    match self.connect().await {
                        Ok(response) => {
                            let parser = Parser::default();
                            let connection = Connection { response, parser };
                            self.state = State::Open(Box::new(connection));
                            return Update::Connected(start.elapsed());
                        }
                        Err(error) => return self.lost(error),
                    }
                }
                State::Open(open) => {
                    if let Some(event) = open.parser.next() {
                        self.backoff.reset();
                        return Update::Event(event);
                    }
                    if let Err(error) = open.read(&self.client.address, self.silence).await {
                        return self.lost(error);
                    }
                }
            }
        }
    }

    fn lost(&mut self, error: ClientError) -> Update {
        let retry_in = self.backoff.after(&error);
        self.state = State::Waiting(tokio::time::Instant::now() + retry_in);
        Update::Lost { error, retry_in }
    }

    async fn connect(&self) -> Result<Response, ClientError> {
        let request = self
            .client
            .request(Method::GET, &self.path)
            .query(&self.query)
            .header(reqwest::header::ACCEPT, "text/event-stream");
        self.client.prepare_connection().await?;
        let limit = CONNECT_TIMEOUT + READ_TIMEOUT;
        match tokio::time::timeout(limit, self.client.send(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(ClientError::timed_out(&self.client.address)),
        }
    }
}

fn offline(address: &Address, reason: &str) -> ClientError {
    ClientError::Offline {
        address: address.to_string(),
        reason: reason.to_owned(),
    }
}

impl Connection {
    async fn read(&mut self, address: &Address, silence: Duration) -> Result<(), ClientError> {
        match tokio::time::timeout(silence, self.response.chunk()).await {
            Err(_) => Err(offline(address, "the stream went silent")),
            Ok(Err(error)) => Err(ClientError::of(address, &error)),
            Ok(Ok(None)) => Err(offline(address, "the stream ended")),
            Ok(Ok(Some(chunk))) => {
                self.parser
                    .push(&chunk)
                    .map_err(|reason| ClientError::BadAnswer {
                        address: address.to_string(),
                        reason,
                    })
            }
        }
    }
}

/// Cuts bytes into events.
#[derive(Debug, Default)]
struct Parser {
    /// Bytes that were not looked at yet, always less than one line after `push`.
    line: Vec<u8>,
    /// Whether the last byte was a carriage return, so that a following line feed is part of it.
    after_return: bool,
    name: String,
    data: String,
    has_data: bool,
    ready: std::collections::VecDeque<Event>,
}

impl Parser {
    fn next(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), String> {
        for &byte in bytes {
            let ends = matches!(byte, b'\n' | b'\r');
            let second_half = byte == b'\n' && self.after_return;
            self.after_return = byte == b'\r';
            if second_half {
                continue;
            }
            if !ends {
                self.line.push(byte);
                if self.line.len() + self.data.len() > EVENT_MAX {
                    return Err(format!("an event is longer than {EVENT_MAX} bytes"));
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line =
                std::str::from_utf8(&line).map_err(|_| "the stream is not UTF-8".to_owned())?;
            self.line_is_whole(line);
        }
        Ok(())
    }

    fn line_is_whole(&mut self, line: &str) {
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            let data = std::mem::take(&mut self.data);
            if std::mem::take(&mut self.has_data) {
                let name = if name.is_empty() {
                    "message".to_owned()
                } else {
                    name
                };
                self.ready.push_back(Event { name, data });
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                self.has_data = true;
            }
            // Comments (heartbeats), id, retry, and what later versions may add.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(chunks: &[&[u8]]) -> Result<Vec<(String, String)>, String> {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for chunk in chunks {
            parser.push(chunk)?;
            while let Some(event) = parser.next() {
                events.push((event.name, event.data));
            }
        }
        Ok(events)
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = |(name, data): &(&str, &str)| ((*name).to_owned(), (*data).to_owned());
        expected.iter().map(own).collect()
    }

    #[test]
    fn events_are_cut_at_empty_lines() {
        let text = b": beat\n\nevent: snapshot\ndata: {\"a\":\ndata:1}\nid: 7\n\ndata: x\r\n\r\n\n";
        assert_eq!(
            parse(&[text]).unwrap(),
            pairs(&[("snapshot", "{\"a\":\n1}"), ("message", "x")])
        );
    }

    #[test]
    fn an_unfinished_event_is_kept_back() {
        assert_eq!(parse(&[b"data: x\n"]).unwrap(), pairs(&[]));
    }

    #[test]
    fn text_that_is_not_utf8_and_endless_lines_are_refused() {
        assert!(parse(&[b"data: \xff\n\n"]).is_err());
        let endless = vec![b'a'; EVENT_MAX + 1];
        assert!(parse(&[&endless]).is_err());
        let line = [b"data: ".as_slice(), &vec![b'a'; EVENT_MAX / 4], b"\n"].concat();
        assert!(parse(&[&line, &line, &line, &line, &line]).is_err());
    }

    proptest! {
        #[test]
        fn the_size_of_the_chunks_does_not_matter(
            text in "(data: [a-c]{0,3}|event: x|:|)(\n|\r\n|\r|\n\n){0,40}",
            cut in 0_usize..40,
        ) {
            let bytes = text.as_bytes();
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(parse(&[bytes]), parse(&[head, tail]));
        }
    }
}
