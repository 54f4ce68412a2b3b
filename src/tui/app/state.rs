//! What each view remembers besides its data.

use super::rows::Rows;

/// Columns of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FleetColumn {
    /// What the user calls it.
    Name,
    /// Percent of its processors.
    Cpu,
    /// Percent of its memory.
    Memory,
    /// Its fullest filesystem.
    Disk,
    /// Its load over one minute.
    Load,
    /// The share of time that something waited.
    Pressure,
    /// How fast it answers.
    Latency,
}

impl FleetColumn {
    /// All of them, from left to right.
    pub const ALL: &'static [Self] = &[
        Self::Name,
        Self::Cpu,
        Self::Memory,
        Self::Disk,
        Self::Load,
        Self::Pressure,
        Self::Latency,
    ];

    /// Its title.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Name => "HOST",
            Self::Cpu => "CPU%",
            Self::Memory => "MEM%",
            Self::Disk => "DISK%",
            Self::Load => "LOAD",
            Self::Pressure => "PSI%",
            Self::Latency => "LATENCY",
        }
    }
}

/// The view of all hosts.
#[derive(Debug, Clone)]
pub struct FleetState {
    /// The chosen host.
    pub rows: Rows<usize>,
    /// What to sort by.
    pub sort: FleetColumn,
    /// Whether the largest comes first.
    pub descending: bool,
    /// Show only hosts whose name or labels hold this.
    pub filter: String,
    /// Show only hosts with trouble.
    pub faults_only: bool,
}

impl Default for FleetState {
    fn default() -> Self {
        Self {
            rows: Rows::default(),
            sort: FleetColumn::Name,
            descending: false,
            filter: String::new(),
            faults_only: false,
        }
    }
}

/// The view of users.
#[derive(Debug, Clone, Default)]
pub struct UsersState {
    /// The chosen user, by id.
    pub rows: Rows<String>,
    /// The chosen key of that user, by id.
    pub keys: Rows<String>,
    /// Whether the keys are being gone through.
    pub in_keys: bool,
    /// Show only users whose name holds this.
    pub filter: String,
}

/// Columns of the table of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiColumn {
    /// The route.
    Route,
    /// How many requests.
    Requests,
    /// The share that failed.
    Errors,
    /// Half of them were faster.
    P50,
    /// Nineteen of twenty were faster.
    P95,
    /// 99 of 100 were faster.
    P99,
    /// The slowest.
    Slowest,
}

impl ApiColumn {
    /// All of them, from left to right.
    pub const ALL: &'static [Self] = &[
        Self::Route,
        Self::Requests,
        Self::Errors,
        Self::P50,
        Self::P95,
        Self::P99,
        Self::Slowest,
    ];

    /// Its title.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Route => "ROUTE",
            Self::Requests => "REQ",
            Self::Errors => "ERR%",
            Self::P50 => "P50",
            Self::P95 => "P95",
            Self::P99 => "P99",
            Self::Slowest => "MAX",
        }
    }
}

/// The view of requests.
#[derive(Debug, Clone)]
pub struct ApiState {
    /// The chosen route.
    pub rows: Rows<String>,
    /// What to sort by.
    pub sort: ApiColumn,
    /// Whether the largest comes first.
    pub descending: bool,
    /// Show only routes that hold this.
    pub filter: String,
}

impl Default for ApiState {
    fn default() -> Self {
        Self {
            rows: Rows::default(),
            sort: ApiColumn::P99,
            descending: true,
            filter: String::new(),
        }
    }
}
