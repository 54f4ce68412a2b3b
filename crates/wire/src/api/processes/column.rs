//! The columns of the process list: their names, and which of them are requested.

use std::str::FromStr;

macro_rules! columns {
    ($($name:ident $text:literal)*) => {
        /// A column, in the order in which they are written.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "the fields of the wire type of the same names say it")]
        pub enum Column { $($name,)* }

        impl Column {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

columns! {
    Pid "pid"
    Ppid "ppid"
    Name "name"
    Command "command"
    Uid "uid"
    User "user"
    State "state"
    CpuPercent "cpu_percent"
    CpuSeconds "cpu_seconds"
    MemoryBytes "memory_bytes"
    MemoryPercent "memory_percent"
    VirtualBytes "virtual_bytes"
    SharedBytes "shared_bytes"
    Threads "threads"
    Priority "priority"
    Nice "nice"
    Tty "tty"
    StartTime "start_time"
    StartTicks "start_ticks"
    Cgroup "cgroup"
    Unit "unit"
    Container "container"
    ReadBytes "read_bytes"
    WrittenBytes "written_bytes"
    ReadBytesPerSecond "read_bytes_per_second"
    WrittenBytesPerSecond "written_bytes_per_second"
}

/// No column has this name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown column {name:?}: expected {}", names())]
pub struct ParseColumnError {
    name: String,
}

fn names() -> String {
    let names: Vec<&str> = Column::ALL.iter().map(|column| column.as_str()).collect();
    names.join(", ")
}

impl FromStr for Column {
    type Err = ParseColumnError;

    /// Reads a name on the wire, or the name of the column in filters.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "cpu" => return Ok(Self::CpuPercent),
            "memory" => return Ok(Self::MemoryBytes),
            _ => {}
        }
        let mut columns = Self::ALL.iter();
        let found = columns.find(|column| column.as_str() == text);
        found.copied().ok_or_else(|| ParseColumnError {
            // Enough to recognise it by.
            name: text.chars().take(40).collect(),
        })
    }
}

/// A direction of sorting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

impl Order {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }
}

/// The text is neither `asc` nor `desc`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected asc or desc")]
pub struct ParseOrderError;

impl FromStr for Order {
    type Err = ParseOrderError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "asc" => Ok(Self::Ascending),
            "desc" => Ok(Self::Descending),
            _ => Err(ParseOrderError),
        }
    }
}

/// Some columns, as a list with commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields(Vec<Column>);

impl Default for Fields {
    /// All of them.
    fn default() -> Self {
        Self(Column::ALL.to_vec())
    }
}

impl FromStr for Fields {
    type Err = ParseColumnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let columns: Result<Vec<Column>, _> =
            text.split(',').map(|name| name.trim().parse()).collect();
        let mut columns = columns?;
        columns.sort_unstable();
        columns.dedup();
        Ok(Self(columns))
    }
}

impl Fields {
    /// Each of them once, in the order in which they are written.
    pub(super) fn columns(&self) -> &[Column] {
        &self.0
    }
}

impl Column {
    /// The direction in which people want to see a column: names from A on, amounts from the
    /// largest on.
    #[must_use]
    pub const fn usual_order(self) -> Order {
        match self {
            Self::CpuPercent
            | Self::CpuSeconds
            | Self::MemoryBytes
            | Self::MemoryPercent
            | Self::VirtualBytes
            | Self::Threads
            | Self::ReadBytes
            | Self::WrittenBytes
            | Self::ReadBytesPerSecond
            | Self::WrittenBytesPerSecond => Order::Descending,
            _ => Order::Ascending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_the_names_of_the_wire_and_of_filters() {
        for column in Column::ALL {
            assert_eq!(column.as_str().parse(), Ok(*column));
        }
        assert_eq!("cpu".parse(), Ok(Column::CpuPercent));
        assert_eq!("memory".parse(), Ok(Column::MemoryBytes));
        let error = "Pid".parse::<Column>().unwrap_err().to_string();
        assert!(
            error.starts_with("unknown column \"Pid\": expected pid, ppid, name"),
            "{error}"
        );
    }

    #[test]
    fn fields_are_written_in_one_order_and_once() {
        let fields: Fields = "name, pid,cpu,cpu_percent".parse().unwrap();
        assert_eq!(
            fields.columns(),
            [Column::Pid, Column::Name, Column::CpuPercent]
        );
        assert!("".parse::<Fields>().is_err() && "pid,,name".parse::<Fields>().is_err());
        assert_eq!(Fields::default().columns(), Column::ALL);
    }
}
