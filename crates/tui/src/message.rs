//! What happens to the dashboard, and what it wants done about it. All of it is data.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyEvent, MouseEvent};

use linux_api_client::error::ClientError;
use linux_api_wire::api::health::{DatabaseHealth, MetricsHealth, Readiness};
use linux_api_wire::api::history::History;
use linux_api_wire::api::keys::{IssuedKey, ListedKey};
use linux_api_wire::api::metrics::{RouteMetrics, StatusCodeMetrics};
use linux_api_wire::api::processes::{Process, ProcessDetail};
use linux_api_wire::api::snapshot::Snapshot;
use linux_api_wire::api::system::SystemInfo;
use linux_api_wire::api::users::{CurrentUser, ListedUser, RegisteredUser};
use linux_api_wire::time::Timestamp;

/// The moment of an update: a clock that never jumps, and the one on the wall.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Now {
    /// Since the start of the dashboard.
    pub since_start: Duration,
    /// For people.
    pub wall: Timestamp,
}

/// Something happened.
#[derive(Debug, Clone)]
pub enum Message {
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
    /// A host has news.
    Host(usize, Box<News>),
}

/// What a host's feed tells.
#[derive(Debug, Clone)]
pub enum News {
    /// It answers, after this time.
    Up(Duration),
    /// It does not; the next try comes after the wait.
    Down {
        /// Why.
        error: ClientError,
        /// How long until then.
        retry_in: Duration,
    },
    /// The answer to something wanted.
    Answer(Wanted, Result<Data, ClientError>),
    /// How an asked-for change went.
    Done(Call, Result<Outcome, ClientError>),
}

/// Something to keep asking a host for.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// Who the key belongs to.
    Me,
    /// What the host is.
    Info,
    /// The newest reading.
    Snapshot,
    /// Processes.
    Processes(ProcessQuery),
    /// One process with all that can be read of it.
    Process(u32),
    /// Whether the daemon can work.
    Readiness,
    /// How the daemon's database and its writing do.
    Health,
    /// Requests to the daemon around this time.
    Requests(Timestamp),
    /// A stored series.
    History(HistoryQuery),
    /// All users.
    Users,
    /// The keys of one user, or the caller's own.
    Keys(Option<String>),
}

/// Least time between two polls of what changes seldom.
pub const SLOW: Duration = Duration::from_secs(10);
/// Least time between two polls of what hardly ever changes.
pub const RARELY: Duration = Duration::from_mins(5);

impl Wanted {
    /// Time between two polls, on a host whose readings are polled this often.
    #[must_use]
    pub fn pace(&self, every: Duration) -> Duration {
        match self {
            Self::Snapshot | Self::Processes(_) | Self::Process(_) => every,
            Self::Readiness | Self::Health => every.max(Duration::from_secs(5)),
            Self::Users | Self::Keys(_) | Self::Requests(_) | Self::History(_) => every.max(SLOW),
            Self::Me | Self::Info => RARELY,
        }
    }
}

/// Which stored series, and of which time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Its name; all its members are answered.
    pub series: &'static str,
    /// Where the range begins.
    pub from: Timestamp,
    /// Where it ends.
    pub to: Timestamp,
    /// Seconds between two points.
    pub step: u64,
}

/// Requests to a daemon.
#[derive(Debug, Clone, Default)]
pub struct Requests {
    /// Per route, in the newest hour.
    pub hours: Vec<RouteMetrics>,
    /// Per route and minute, the newest first.
    pub minutes: Vec<RouteMetrics>,
    /// Per route and status, in the newest hour.
    pub codes: Vec<StatusCodeMetrics>,
}

/// How a daemon does, as its admins may see it.
#[derive(Debug, Clone)]
pub struct Health {
    /// The database.
    pub database: DatabaseHealth,
    /// Writing measurements.
    pub metrics: MetricsHealth,
}

/// Which processes, and in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessQuery {
    /// In the filter language; empty for all.
    pub filter: String,
    /// Column to sort by, as the API calls it.
    pub sort: &'static str,
    /// Whether the largest comes first.
    pub descending: bool,
    /// The most that are needed.
    pub limit: usize,
}

/// Processes as asked for.
#[derive(Debug, Clone, Default)]
pub struct ProcessRows {
    /// How many the filter picks.
    pub total: usize,
    /// Those that were asked for.
    pub items: Vec<Process>,
}

/// What came back.
#[derive(Debug, Clone)]
pub enum Data {
    /// Who the key belongs to.
    Me(CurrentUser),
    /// What the host is.
    Info(SystemInfo),
    /// The newest reading.
    Snapshot(Box<Snapshot>),
    /// Processes.
    Processes(ProcessRows),
    /// One process.
    Process(Box<ProcessDetail>),
    /// Whether the daemon can work.
    Readiness(Readiness),
    /// How the daemon does.
    Health(Box<Health>),
    /// Requests to it.
    Requests(Requests),
    /// A stored series.
    History(History),
    /// All users.
    Users(Vec<ListedUser>),
    /// The keys of one user.
    Keys(Vec<ListedKey>),
}

/// What a host is to be asked for from now on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Interest {
    /// How often.
    pub every: Duration,
    /// What.
    pub wanted: Vec<Wanted>,
}

/// A change that an admin asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Make a user of this name.
    AddUser {
        /// Its name.
        name: String,
        /// Whether it is an admin.
        admin: bool,
    },
    /// Let a user in, or keep it out.
    SetActive {
        /// Whose id.
        user_id: String,
        /// Its name, for people.
        name: String,
        /// In or out.
        active: bool,
    },
    /// Make a user an admin or a viewer.
    SetRole {
        /// Whose id.
        user_id: String,
        /// Its name, for people.
        name: String,
        /// Admin or viewer.
        admin: bool,
    },
    /// Delete a user.
    DeleteUser {
        /// Whose id.
        user_id: String,
        /// Its name, for people.
        name: String,
    },
    /// Make a key.
    CreateKey {
        /// Whose; the caller's own when absent.
        user_id: Option<String>,
        /// The name of that user, for people.
        user: String,
        /// What to call it.
        name: String,
    },
    /// Replace a key.
    RotateKey {
        /// Whose; the caller's own when absent.
        user_id: Option<String>,
        /// The name of that user, for people.
        user: String,
        /// Which.
        key_id: String,
        /// What it is called, for people.
        name: String,
    },
    /// End a key.
    RevokeKey {
        /// Whose; the caller's own when absent.
        user_id: Option<String>,
        /// The name of that user, for people.
        user: String,
        /// Which.
        key_id: String,
        /// What it is called, for people.
        name: String,
    },
}

/// How a change ended well.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// There was nothing to change.
    Unchanged,
    /// It was done.
    Done,
    /// There is a new user with its first key.
    User(RegisteredUser),
    /// There is a new key.
    Key(IssuedKey),
}

/// Something that the dashboard wants done outside of itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask a host for these things from now on.
    Watch(usize, Arc<Interest>),
    /// Ask a host at once for all that is wanted.
    Reload(usize),
    /// Ask a host for a change.
    Call(usize, Call),
    /// Give the terminal back until the shell continues us.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// Capture the mouse or let it go.
    Mouse(bool),
    /// Copy a text to the clipboard of the terminal.
    Copy(String),
    /// End.
    Quit,
}
