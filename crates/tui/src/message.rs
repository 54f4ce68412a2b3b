//! What happens to the dashboard, and what it wants done about it. Both are plain data.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyEvent, MouseEvent};

use super::change::{Change, ChangeOutcome, NewRemote};
use super::host::HostState;
use super::query::{AnyQuery, AnyResponse};
use linux_api_client::error::ClientError;
use linux_api_wire::time::Timestamp;

/// The moment of an update: a clock that never jumps, and the one on the wall.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClockReading {
    /// Since the start of the dashboard.
    pub since_start: Duration,
    /// For people.
    pub wall: Timestamp,
}

/// Something happened.
#[derive(Debug, Clone)]
pub enum AppMessage {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size.
    Resize(u16, u16),
    /// Time has passed.
    Tick,
    /// Something came from a host's feed.
    Host(usize, Box<FeedEvent>),
    /// A remote was added, or why it was not.
    Added(Box<Result<HostState, String>>),
}

/// What comes from a host's feed.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a message boxes it")]
pub enum FeedEvent {
    /// The host responds, after this time.
    Up(Duration),
    /// It does not; the next try comes after the wait.
    Down {
        /// Why.
        error: ClientError,
        /// How long until then.
        retry_in: Duration,
    },
    /// What kind of session it is, where that is not the usual one.
    Session(Option<String>),
    /// The response to a query, or why there is none.
    Response(AnyQuery, Result<AnyResponse, ClientError>),
    /// How a change went.
    Changed(Change, Result<ChangeOutcome, ClientError>),
}

/// What a host is polled for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PollPlan {
    /// Time between two readings; each query has its pace from that.
    pub every: Duration,
    /// What.
    pub queries: Vec<AnyQuery>,
}

/// Something that the dashboard wants done outside of itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Poll a host by this plan from now on.
    Poll(usize, Arc<PollPlan>),
    /// Poll a host at once for everything in its plan.
    Reload(usize),
    /// Change something on a host.
    Change(usize, Change),
    /// Add a remote, and show it.
    AddRemote(NewRemote),
    /// Give the terminal back until the shell continues us.
    Suspend,
    /// Draw everything again.
    Redraw,
    /// Capture the mouse or let it go.
    Mouse(bool),
    /// Copy a text to the clipboard of the terminal.
    Copy(String),
    /// End.
    Quit,
}
