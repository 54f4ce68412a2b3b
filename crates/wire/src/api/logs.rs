//! Entries of the journal on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "cursor": "s=0f…;i=1a2b", "time": "2026-11-23T07:02:10.123456Z", "priority": 3, "unit": "nginx.service",
    "identifier": "nginx", "pid": 4711, "boot_id": "5a0f3c6d7e8b4c1d9a2b3c4d5e6f7a8b",
    "message": "bind() to 0.0.0.0:80 failed", "message_state": "text"
}))]
pub struct LogEntry {
    /// Names the entry: a page can start before or after it.
    pub cursor: String,
    /// When the journal received it, to the microsecond.
    #[schema(format = DateTime)]
    pub time: String,
    /// 0 (emergency), 1 (alert), 2 (critical), 3 (error), 4 (warning), 5 (notice), 6 (information), 7 (debug);
    /// null when it has none.
    pub priority: Option<u8>,
    /// The unit that wrote it, or that systemd wrote it about.
    pub unit: Option<String>,
    /// The name that the program calls itself, `kernel` for the kernel: any characters.
    pub identifier: Option<String>,
    /// The number of the process.
    pub pid: Option<u32>,
    /// The boot in which it was written.
    pub boot_id: Option<String>,
    /// The text: any characters, also escape sequences of terminals. Empty when it is too long.
    pub message: String,
    /// What [`Self::message`] is.
    pub message_state: MessageState,
}

/// What the message of an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// The text as it was written.
    Text,
    /// It has bytes that are no text, which are shown as U+FFFD.
    Binary,
    /// It has more bytes than the journal hands out in a list; the message is empty.
    TooLong,
}

/// A page of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "items": [{
        "cursor": "s=0f…;i=1a2b", "time": "2026-11-23T07:02:10.123456Z", "priority": 3, "unit": "nginx.service",
        "identifier": "nginx", "pid": 4711, "boot_id": "5a0f3c6d7e8b4c1d9a2b3c4d5e6f7a8b",
        "message": "bind() to 0.0.0.0:80 failed", "message_state": "text"
    }],
    "partial": false, "older_cursor": "s=0f…;i=1a2b", "newer_cursor": "s=0f…;i=1a2b"
}))]
pub struct LogPage {
    /// Entries from the oldest to the newest, in whichever direction the page was read.
    pub items: Vec<LogEntry>,
    /// Whether the time (5 s) or the room (1 MiB) ran out before the page was full: there may be more between
    /// its entries and the end.
    pub partial: bool,
    /// The `cursor` of the next request with `direction=older`; null when there are no older entries.
    pub older_cursor: Option<String>,
    /// The `cursor` of a request with `direction=newer`, or of the stream; null when the page is empty: then
    /// that of the request still holds.
    pub newer_cursor: Option<String>,
}
