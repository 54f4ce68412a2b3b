//! What each view remembers besides its data.

use crate::table::{Cursor, Sort, SortColumn, TableState};

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

impl SortColumn for FleetColumn {
    const ALL: &'static [Self] = &[
        Self::Name,
        Self::Cpu,
        Self::Memory,
        Self::Disk,
        Self::Load,
        Self::Pressure,
        Self::Latency,
    ];

    fn title(self) -> &'static str {
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

    fn largest_first(self) -> bool {
        self != Self::Name
    }
}

/// The view of all hosts.
#[derive(Debug, Clone)]
pub struct FleetState {
    /// The chosen host, the order, and what names or labels have to hold.
    pub table: TableState<usize, FleetColumn>,
    /// Show only hosts with trouble.
    pub faults_only: bool,
}

impl Default for FleetState {
    fn default() -> Self {
        Self {
            table: TableState::new(Sort::by(FleetColumn::Name)),
            faults_only: false,
        }
    }
}

/// The view of users.
#[derive(Debug, Clone, Default)]
pub struct UsersState {
    /// The chosen user, by id.
    pub rows: Cursor<String>,
    /// The chosen key of that user, by id.
    pub keys: Cursor<String>,
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

impl SortColumn for ApiColumn {
    const ALL: &'static [Self] = &[
        Self::Route,
        Self::Requests,
        Self::Errors,
        Self::P50,
        Self::P95,
        Self::P99,
        Self::Slowest,
    ];

    fn title(self) -> &'static str {
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

    fn largest_first(self) -> bool {
        self != Self::Route
    }
}

/// The view of requests.
#[derive(Debug, Clone)]
pub struct ApiState {
    /// The chosen route, the order, and what routes have to hold.
    pub table: TableState<String, ApiColumn>,
}

impl Default for ApiState {
    fn default() -> Self {
        Self {
            table: TableState::new(Sort::by(ApiColumn::P99)),
        }
    }
}
