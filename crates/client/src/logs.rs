//! Calls about the journal.

use std::time::Duration;

use reqwest::Method;
use serde::Serialize;

use super::error::ClientError;
use super::events::{EventStream, Update};
use super::{Client, body};
use linux_api_wire::api::logs::{LogEntry, LogPage};

/// Longest time for a page: the daemon looks for five seconds, and then sends what it has found.
const PAGE_TIMEOUT: Duration = Duration::from_secs(9);
/// A stream of lines is silent for so long at most: two heartbeats and a little.
const SILENCE: Duration = Duration::from_secs(35);

/// In which direction a page leads from its cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogDirection {
    /// To what was written before.
    Older,
    /// To what was written after.
    Newer,
}

/// Which entries of the journal to read; all conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LogQuery {
    /// The unit that wrote them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The least urgent priority, 0 (emergency) to 7 (debug).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// At or after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// At or before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// A boot: its id, or 0 for the present one, -1 for the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// A regular expression that the text must fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grep: Option<String>,
    /// Where the page starts, from an earlier response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Where it leads from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<LogDirection>,
    /// The most entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// One update of a stream of log lines.
#[derive(Debug, Clone, PartialEq)]
pub enum LogUpdate {
    /// The daemon responds.
    Connected,
    /// An entry was written.
    Entry(Box<LogEntry>),
    /// Entries may be missing, or the daemon ends the stream, and why.
    Gap(String),
    /// The connection is gone; the next try comes after the wait, from the last entry on.
    Lost {
        /// Why.
        error: ClientError,
        /// How long until the next try.
        retry_in: Duration,
    },
}

/// Entries as they are written, taken up again after the last one whenever the connection breaks.
#[derive(Debug)]
pub struct LogStream {
    query: LogQuery,
    events: EventStream,
}

impl LogQuery {
    /// The fields that the stream takes.
    fn stream_fields(&self) -> Vec<(String, String)> {
        let priority = self.priority.map(|it| it.to_string());
        let fields = [
            ("unit", &self.unit),
            ("priority", &priority),
            ("grep", &self.grep),
            ("cursor", &self.cursor),
        ];
        let set = fields.into_iter().filter_map(|(name, value)| {
            let value = value.clone()?;
            Some((name.to_owned(), value))
        });
        set.collect()
    }
}

impl Client {
    /// One page of the journal; without a cursor it is the newest one.
    ///
    /// # Errors
    /// As every call.
    pub async fn logs(&self, query: &LogQuery) -> Result<LogPage, ClientError> {
        let request = self.request(Method::GET, "/api/v1/system/logs");
        let timeout = self.timeout.unwrap_or(PAGE_TIMEOUT);
        let response = self.send(request.query(query).timeout(timeout)).await?;
        body::json(&self.address, response).await
    }

    /// Entries as they are written, after `cursor` where the query has one. Of the other conditions only unit,
    /// priority and grep count.
    #[must_use]
    pub fn log_stream(&self, query: LogQuery) -> LogStream {
        let fields = query.stream_fields();
        let events = self.events("/api/v1/system/logs/stream", fields, SILENCE);
        LogStream { query, events }
    }
}

impl LogStream {
    /// The next thing that happens; never ends.
    pub async fn next(&mut self) -> LogUpdate {
        loop {
            let event = match self.events.next().await {
                Update::Connected(_) => return LogUpdate::Connected,
                Update::Lost { error, retry_in } => return LogUpdate::Lost { error, retry_in },
                Update::Event(event) => event,
            };
            match event.name.as_str() {
                "entry" => match serde_json::from_str::<LogEntry>(&event.data) {
                    Ok(entry) => {
                        self.query.cursor = Some(entry.cursor.clone());
                        // A connection that replaces this one goes on from here.
                        self.events.set_query(self.query.stream_fields());
                        return LogUpdate::Entry(Box::new(entry));
                    }
                    Err(error) => {
                        let reason = format!("an entry can't be read: {error}");
                        return LogUpdate::Gap(reason);
                    }
                },
                "gap" | "error" | "end" => return LogUpdate::Gap(reason(&event.data)),
                // What later versions may add.
                _ => {}
            }
        }
    }
}

/// What a daemon says of a gap: text, or JSON with a member for people.
fn reason(data: &str) -> String {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(data) else {
        return data.to_owned();
    };
    let text = ["detail", "reason", "message", "error"]
        .into_iter()
        .find_map(|name| value.get(name)?.as_str());
    match (text, value.as_str()) {
        (Some(text), _) | (None, Some(text)) => text.to_owned(),
        (None, None) => "entries are missing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::Target;

    #[test]
    fn the_stream_takes_only_what_it_knows() {
        let query = LogQuery {
            unit: Some("nginx.service".to_owned()),
            priority: Some(3),
            since: Some("2026-11-23T07:00:00Z".to_owned()),
            cursor: Some("s=1".to_owned()),
            limit: Some(9),
            ..LogQuery::default()
        };
        let fields = query.stream_fields();
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["unit", "priority", "cursor"]);
    }

    /// A server that sends one entry on each connection and then ends it.
    #[tokio::test]
    async fn a_stream_that_breaks_is_taken_up_after_its_last_entry() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let mut requests = Vec::new();
            for number in 1..=2 {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut bytes = [0; 4096];
                let length = stream.read(&mut bytes).await.unwrap();
                let head = String::from_utf8_lossy(&bytes[..length]).into_owned();
                requests.push(head.lines().next().unwrap().to_owned());
                let entry = serde_json::json!({
                    "cursor": format!("s={number}"), "time": "2026-11-23T07:00:00Z", "message": "hello",
                    "message_state": "text",
                });
                let text = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
                     event: entry\ndata: {entry}\n\n"
                );
                stream.write_all(text.as_bytes()).await.unwrap();
            }
            requests
        });
        let target = Target::new(format!("http://{address}").parse().unwrap());
        let client = Client::new(&target).unwrap();
        let query = LogQuery {
            unit: Some("a.service".to_owned()),
            cursor: Some("s=0".to_owned()),
            ..LogQuery::default()
        };
        let mut stream = client.log_stream(query);
        let mut cursors = Vec::new();
        while cursors.len() < 2 {
            if let LogUpdate::Entry(entry) = stream.next().await {
                cursors.push(entry.cursor);
            }
        }
        assert_eq!(cursors, ["s=1", "s=2"]);
        let requests = server.await.unwrap();
        let path = "GET /api/v1/system/logs/stream?unit=a.service&cursor=s%3D";
        assert_eq!(
            requests,
            [format!("{path}0 HTTP/1.1"), format!("{path}1 HTTP/1.1")]
        );
    }

    #[test]
    fn a_gap_says_why() {
        assert_eq!(reason("too fast"), "too fast");
        assert_eq!(reason("\"too fast\""), "too fast");
        assert_eq!(reason("{\"reason\": \"too fast\"}"), "too fast");
        assert_eq!(reason("{\"entries\": 3}"), "entries are missing");
    }
}
