//! Applies a filter to one row.

use std::cmp::Ordering;

use super::FilterRow;
use super::expression::{Comparison, Expression, Number, NumberColumn, TextColumn};

/// Whether the expression holds. Its depth was bounded when it was read, so recursion is safe.
pub(super) fn matches(expression: &Expression, row: &FilterRow<'_>) -> bool {
    match expression {
        Expression::And(parts) => parts.iter().all(|part| matches(part, row)),
        Expression::Or(parts) => parts.iter().any(|part| matches(part, row)),
        Expression::Not(part) => !matches(part, row),
        Expression::Word(word) => word.regex.is_match(row.name) || word.regex.is_match(row.command),
        Expression::Text {
            column,
            equal,
            value,
        } => is_text(*column, row, value) == *equal,
        Expression::Matches { column, value } => value.regex.is_match(text(*column, row)),
        Expression::Number {
            column,
            operator,
            value,
        } => compares(*operator, order(*column, row, *value)),
        Expression::State { equal, value } => (row.state == *value) == *equal,
    }
}

fn text<'a>(column: TextColumn, row: &FilterRow<'a>) -> &'a str {
    match column {
        TextColumn::Name => row.name,
        TextColumn::Command => row.command,
        TextColumn::User => row.user,
        TextColumn::State => row.state.as_str(),
        TextColumn::Unit => row.unit,
        TextColumn::Cgroup => row.cgroup,
        TextColumn::Container => row.container,
    }
}

fn is_text(column: TextColumn, row: &FilterRow<'_>, value: &str) -> bool {
    if text(column, row) == value {
        return true;
    }
    // People know accounts by number too, and some have no name.
    column == TextColumn::User
        && row.uid.is_some_and(|uid| value.parse() == Ok(uid))
        && !value.starts_with('+')
}

/// How the row's number compares with the value; none when the row's is not known.
fn order(column: NumberColumn, row: &FilterRow<'_>, value: Number) -> Option<Ordering> {
    match value {
        Number::Whole(value) => {
            let number = match column {
                NumberColumn::Pid => u64::from(row.pid),
                NumberColumn::Ppid => u64::from(row.ppid),
                NumberColumn::Threads => row.threads,
                NumberColumn::Memory => row.memory_bytes,
                NumberColumn::Cpu => return None,
            };
            Some(number.cmp(&value))
        }
        Number::Percent(value) => {
            let number = match column {
                NumberColumn::Cpu => row.cpu_percent,
                NumberColumn::Memory => row.memory_percent,
                NumberColumn::Pid | NumberColumn::Ppid | NumberColumn::Threads => None,
            };
            number?.partial_cmp(&value)
        }
    }
}

/// What is not known is not equal to anything, and neither less nor greater.
fn compares(operator: Comparison, order: Option<Ordering>) -> bool {
    match operator {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => order.is_some_and(Ordering::is_le),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
    }
}
