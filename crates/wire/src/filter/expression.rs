//! What a filter says, as a tree.

use std::fmt;

use regex::Regex;

use super::lexer::Operator;
use crate::process::ProcessStatus;

/// A condition, or several joined.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    /// All of them hold. At least two.
    And(Vec<Self>),
    /// At least one of them holds. At least two.
    Or(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// The word is part of the name or the command line, in any case.
    Word(Pattern),
    /// A text is, or is not, exactly this.
    Text {
        column: TextColumn,
        equal: bool,
        value: String,
    },
    /// A regular expression is found in a text.
    Matches { column: TextColumn, value: Pattern },
    /// A number compares so.
    Number {
        column: NumberColumn,
        operator: Comparison,
        value: Number,
    },
    /// The process is, or is not, in this state.
    State { equal: bool, value: ProcessStatus },
}

/// Columns that hold text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextColumn {
    Name,
    Command,
    User,
    State,
    Unit,
    Cgroup,
    Container,
}

/// Columns that hold numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberColumn {
    Pid,
    Ppid,
    Cpu,
    Memory,
    Threads,
}

/// How two numbers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A number with its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// A count, an id, or bytes.
    Whole(u64),
    /// Percent.
    Percent(f64),
}

/// A regular expression that is equal to another one of the same text.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) text: String,
    pub(super) regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Expression {
    /// Whether a condition is about this column. Its depth was bounded when it was read.
    pub(super) fn reads(&self, wanted: TextColumn) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(|part| part.reads(wanted)),
            Self::Not(part) => part.reads(wanted),
            Self::Text { column, .. } | Self::Matches { column, .. } => *column == wanted,
            Self::Word(_) | Self::Number { .. } | Self::State { .. } => false,
        }
    }
}

impl TextColumn {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Command => "command",
            Self::User => "user",
            Self::State => "state",
            Self::Unit => "unit",
            Self::Cgroup => "cgroup",
            Self::Container => "container",
        }
    }
}

impl NumberColumn {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Pid => "pid",
            Self::Ppid => "ppid",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Threads => "threads",
        }
    }
}

impl Comparison {
    /// The comparison that an operator stands for; none for regular expressions.
    pub(super) const fn from_operator(operator: Operator) -> Option<Self> {
        Some(match operator {
            Operator::Equal => Self::Equal,
            Operator::NotEqual => Self::NotEqual,
            Operator::Less => Self::Less,
            Operator::LessOrEqual => Self::LessOrEqual,
            Operator::Greater => Self::Greater,
            Operator::GreaterOrEqual => Self::GreaterOrEqual,
            Operator::Matches => return None,
        })
    }

    const fn operator(self) -> Operator {
        match self {
            Self::Equal => Operator::Equal,
            Self::NotEqual => Operator::NotEqual,
            Self::Less => Operator::Less,
            Self::LessOrEqual => Operator::LessOrEqual,
            Self::Greater => Operator::Greater,
            Self::GreaterOrEqual => Operator::GreaterOrEqual,
        }
    }
}

/// A text in double quotes, escaped as the lexer reads it.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = self.0.replace('\\', r"\\").replace('"', r#"\""#);
        write!(f, "\"{escaped}\"")
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => number.fmt(f),
            Self::Percent(number) => write!(f, "{number}%"),
        }
    }
}

const fn equality(equal: bool) -> &'static str {
    if equal { "=" } else { "!=" }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => join(f, parts, " and ", |part| {
                matches!(part, Self::And(_) | Self::Or(_))
            }),
            Self::Or(parts) => join(f, parts, " or ", |part| matches!(part, Self::Or(_))),
            Self::Not(part) => {
                f.write_str("not ")?;
                part.write(f, matches!(**part, Self::And(_) | Self::Or(_)))
            }
            Self::Word(word) => Quoted(&word.text).fmt(f),
            Self::Text {
                column,
                equal,
                value,
            } => {
                let (column, operator) = (column.as_str(), equality(*equal));
                write!(f, "{column} {operator} {}", Quoted(value))
            }
            Self::Matches { column, value } => {
                write!(f, "{} ~ {}", column.as_str(), Quoted(&value.text))
            }
            Self::Number {
                column,
                operator,
                value,
            } => {
                let operator = operator.operator().as_str();
                write!(f, "{} {operator} {value}", column.as_str())
            }
            Self::State { equal, value } => {
                write!(f, "state {} {}", equality(*equal), value.as_str())
            }
        }
    }
}

impl Expression {
    fn write(&self, f: &mut fmt::Formatter<'_>, in_parentheses: bool) -> fmt::Result {
        if in_parentheses {
            write!(f, "({self})")
        } else {
            write!(f, "{self}")
        }
    }
}

fn join(
    f: &mut fmt::Formatter<'_>,
    parts: &[Expression],
    word: &str,
    needs_parentheses: impl Fn(&Expression) -> bool,
) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        part.write(f, needs_parentheses(part))?;
    }
    Ok(())
}
