//! How the list of hosts is sorted, and where one of its pages ends.
//!
//! A cursor holds the place of the last row and not its number: hosts that come and go between two
//! pages neither push others off a page nor bring them up twice.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Order;

/// What the list of hosts is sorted by. Hosts without the figure come last in both directions, and
/// those that are alike by name and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HostSort {
    /// The host's name.
    #[default]
    Name,
    /// When its daemon last wrote.
    LastSeen,
    /// Use of its processors.
    Cpu,
    /// Use of its memory, in percent of what there is.
    Memory,
    /// Use of its fullest file system, in percent.
    Disk,
    /// Load average of one minute.
    Load,
    /// How long it has been up.
    Uptime,
}

/// The text is no figure that hosts are sorted by.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("Input should be name, last_seen, cpu, memory, disk, load or uptime")]
pub struct ParseHostSortError;

impl HostSort {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Name,
        Self::LastSeen,
        Self::Cpu,
        Self::Memory,
        Self::Disk,
        Self::Load,
        Self::Uptime,
    ];

    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::LastSeen => "last_seen",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Load => "load",
            Self::Uptime => "uptime",
        }
    }

    /// Names start with the smallest, everything else with the largest.
    #[must_use]
    pub const fn usual_order(self) -> Order {
        match self {
            Self::Name => Order::Ascending,
            _ => Order::Descending,
        }
    }
}

impl FromStr for HostSort {
    type Err = ParseHostSortError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.into_iter();
        all.find(|one| one.as_str() == text)
            .ok_or(ParseHostSortError)
    }
}

/// What a figure of hosts is compared with, as `disk=90`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FigureLimit {
    /// Which figure; neither the name nor when the daemon last wrote.
    pub figure: HostSort,
    /// A finite number in the figure's unit.
    pub value: f64,
}

/// The text is no limit of a figure.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("Input should be FIGURE=NUMBER with cpu, memory, disk, load or uptime, such as disk=90")]
pub struct ParseFigureLimitError;

impl FromStr for FigureLimit {
    type Err = ParseFigureLimitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (figure, value) = text.split_once('=').ok_or(ParseFigureLimitError)?;
        let figure: HostSort = figure.parse().map_err(|_| ParseFigureLimitError)?;
        let value: f64 = value.parse().map_err(|_| ParseFigureLimitError)?;
        let is_figure = !matches!(figure, HostSort::Name | HostSort::LastSeen);
        (is_figure && value.is_finite())
            .then_some(Self { figure, value })
            .ok_or(ParseFigureLimitError)
    }
}

impl std::fmt::Display for FigureLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.figure.as_str(), self.value)
    }
}

/// A place in a sorted list of hosts.
#[derive(Debug, Clone, PartialEq)]
pub struct HostCursor {
    /// What the list is sorted by.
    pub sort: HostSort,
    /// In which direction.
    pub order: Order,
    /// That figure of the last host; absent when it has none, and in a list by name.
    pub value: Option<f64>,
    /// Name of the last host that was seen.
    pub name: String,
    /// Its id.
    pub id: String,
}

impl HostCursor {
    /// The opaque text given to clients.
    #[must_use]
    pub fn encode(&self) -> String {
        let Self {
            sort, order, value, ..
        } = self;
        // The bits, so that not the least of the number is lost.
        let value = value.map_or_else(String::new, |value| format!("{:x}", value.to_bits()));
        let plain = format!(
            "h2\n{}\n{}\n{value}\n{}\n{}",
            sort.as_str(),
            order.as_str(),
            self.id,
            self.name
        );
        URL_SAFE_NO_PAD.encode(plain)
    }

    /// Reads the text of [`HostCursor::encode`]; `None` when it is anything else.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut parts = plain.strip_prefix("h2\n")?.splitn(5, '\n');
        let sort = parts.next()?.parse().ok()?;
        let order = parts.next()?.parse().ok()?;
        let value = match parts.next()? {
            "" => None,
            bits => Some(f64::from_bits(u64::from_str_radix(bits, 16).ok()?)),
        };
        let (id, name) = (parts.next()?, parts.next()?);
        let known = id.len() <= 64 && name.len() <= 256 && !plain.contains('\0');
        // No database compares with what is no number.
        (known && value.is_none_or(f64::is_finite)).then(|| Self {
            sort,
            order,
            value,
            name: name.to_owned(),
            id: id.to_owned(),
        })
    }

    /// Whether it leads on in a list that is sorted so.
    #[must_use]
    pub fn is_of(&self, sort: HostSort, order: Order) -> bool {
        (self.sort, self.order) == (sort, order)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_sorts_are_read_back() {
        for sort in HostSort::ALL {
            assert_eq!(sort.as_str().parse(), Ok(sort));
        }
        assert_eq!("CPU".parse::<HostSort>(), Err(ParseHostSortError));
    }

    #[test]
    fn limits_of_figures_are_read_back() {
        for text in ["disk=90", "cpu=0.5", "uptime=3600", "memory=-1"] {
            let limit: FigureLimit = text.parse().unwrap();
            assert_eq!(limit.to_string(), text);
        }
        for text in [
            "",
            "disk",
            "=9",
            "disk=",
            "disk=much",
            "name=1",
            "last_seen=1",
            "cpu=inf",
            "cpu=NaN",
        ] {
            assert_eq!(
                text.parse::<FigureLimit>(),
                Err(ParseFigureLimitError),
                "{text}"
            );
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let not_finite = HostCursor {
            sort: HostSort::Cpu,
            order: Order::Descending,
            value: Some(f64::NAN),
            name: String::new(),
            id: String::new(),
        };
        for text in ["", "x", "aDE", "!", not_finite.encode().as_str()] {
            assert_eq!(HostCursor::decode(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn cursors_round_trip(
            sort in 0..HostSort::ALL.len(),
            is_ascending in any::<bool>(),
            value in proptest::option::of(-1e300_f64..1e300),
            name in "[a-z \n:.-]{0,20}",
            id in "[0-9a-z:]{0,20}",
        ) {
            let order = if is_ascending { Order::Ascending } else { Order::Descending };
            let cursor = HostCursor { sort: HostSort::ALL[sort], order, value, name, id };
            prop_assert_eq!(HostCursor::decode(&cursor.encode()), Some(cursor));
        }

        #[test]
        fn any_text_is_decoded_or_refused(text in "\\PC{0,60}") {
            if let Some(cursor) = HostCursor::decode(&text) {
                prop_assert_eq!(HostCursor::decode(&cursor.encode()), Some(cursor));
            }
        }
    }
}
