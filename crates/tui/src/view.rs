//! The views that there are.

/// One view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum View {
    /// All hosts.
    Fleet,
    /// One host at a glance.
    Overview,
    /// Its processes.
    Processes,
    /// Requests to its daemon.
    Api,
    /// How its daemon does.
    Health,
    /// Its users and keys.
    Users,
    /// Its past.
    History,
    /// One of its processes: a page that lies over the table and has no tab.
    Process,
}

impl View {
    /// All places that keys can be pressed at: the tabs, and the pages over them.
    pub const PLACES: &'static [Self] = &[
        Self::Fleet,
        Self::Overview,
        Self::Processes,
        Self::Api,
        Self::Health,
        Self::Users,
        Self::History,
        Self::Process,
    ];

    /// All of them that have tabs, in their order.
    pub const ALL: &'static [Self] = Self::PLACES.split_at(Self::PLACES.len() - 1).0;

    /// What its tab says.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Fleet => "Fleet",
            Self::Overview => "Overview",
            Self::Processes => "Processes",
            Self::Api => "API",
            Self::Health => "Health",
            Self::Users => "Users",
            Self::History => "History",
            Self::Process => "Process",
        }
    }

    /// What its tab says where there is little room.
    #[must_use]
    pub const fn short_title(self) -> &'static str {
        match self {
            Self::Overview => "Over",
            Self::Processes => "Proc",
            Self::History => "Hist",
            other => other.title(),
        }
    }

    /// The view so many tabs further, around the end.
    #[must_use]
    pub fn step(self, by: isize) -> Self {
        let place = Self::ALL.iter().position(|view| *view == self);
        let count = Self::ALL.len().cast_signed();
        let next = (place.unwrap_or(0).cast_signed() + by).rem_euclid(count);
        Self::ALL[next.unsigned_abs()]
    }
}
