//! Readers of query strings and JSON bodies that collect every problem instead of stopping at the
//! first, in the words that clients of the v1 API know.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::ApiError;
use linux_api_wire::api::page::{Cursor, ParseCursorError};
use linux_api_wire::api::problem::FieldProblem;
use linux_api_wire::host_selector::HostSelector;
use linux_api_wire::time::Timestamp;

pub(crate) use linux_api_wire::time_text::parse_time;

/// Reads the fields of a query string.
#[derive(Debug)]
pub struct QueryReader {
    query: String,
    fields: HashMap<String, String>,
    problems: Vec<FieldProblem>,
}

impl QueryReader {
    pub(crate) fn new(query: &str) -> Self {
        // Later fields replace earlier ones of the same name.
        let fields = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        Self {
            query: query.to_owned(),
            fields,
            problems: Vec::new(),
        }
    }

    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(ApiError::invalid(self.problems))
        }
    }

    /// Notes what is wrong with a parameter.
    pub fn problem(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(Self::wrong(name, message));
    }

    /// What is wrong with a field of a query string.
    pub(crate) fn wrong(name: &str, message: impl Into<String>) -> FieldProblem {
        FieldProblem {
            location: vec!["query".to_owned(), name.to_owned()],
            message: message.into(),
        }
    }

    /// All texts of a field that may be given more than once, in their order.
    pub(crate) fn repeated(&self, name: &str) -> Vec<String> {
        form_urlencoded::parse(self.query.as_bytes())
            .filter(|(field, _)| field == name)
            .map(|(_, text)| text.into_owned())
            .collect()
    }

    /// A text that must be there.
    pub fn required_text(&mut self, name: &str) -> String {
        if let Some(text) = self.fields.remove(name) {
            text
        } else {
            self.problem(name, "Field required");
            String::new()
        }
    }

    /// A text that may be absent, without NUL, which no database stores.
    pub fn text(&mut self, name: &str, max: usize) -> Option<String> {
        let text = self.fields.remove(name)?;
        if text.chars().count() > max {
            self.problem(name, format!("String should have at most {max} characters"));
        } else if text.contains('\0') {
            self.problem(name, "String should not hold a NUL character");
        }
        Some(text)
    }

    /// A whole number in a range.
    pub fn integer(&mut self, name: &str, range: RangeInclusive<i64>, default: i64) -> i64 {
        let Some(text) = self.fields.remove(name) else {
            return default;
        };
        let Some(number) = parse_integer(&text) else {
            self.problem(
                name,
                "Input should be a valid integer, unable to parse string as an integer",
            );
            return default;
        };
        if number < i128::from(*range.start()) {
            let message = format!("Input should be greater than or equal to {}", range.start());
            self.problem(name, message);
        } else if number > i128::from(*range.end()) {
            self.problem(
                name,
                format!("Input should be less than or equal to {}", range.end()),
            );
        }
        i64::try_from(number).unwrap_or(default)
    }

    /// A whole number in a range that may be absent.
    pub(crate) fn optional_integer(
        &mut self,
        name: &str,
        range: RangeInclusive<i64>,
    ) -> Option<i64> {
        let least = *range.start();
        let is_given = self.fields.contains_key(name);
        is_given.then(|| self.integer(name, range, least))
    }

    /// Whatever `read` makes of the text, or its message as the problem.
    pub(crate) fn read_with<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.fields.remove(name)?;
        match read(&text) {
            Ok(value) => Some(value),
            Err(message) => {
                self.problem(name, message);
                None
            }
        }
    }

    /// A truth value in any of the usual words.
    pub(crate) fn boolean(&mut self, name: &str, default: bool) -> bool {
        let Some(text) = self.fields.remove(name) else {
            return default;
        };
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "t" | "y" => true,
            "false" | "0" | "no" | "off" | "f" | "n" => false,
            _ => {
                self.problem(
                    name,
                    "Input should be a valid boolean, unable to interpret input",
                );
                default
            }
        }
    }

    /// A time: RFC 3339 or ISO 8601 (UTC without an offset), a date (its midnight, UTC), or
    /// seconds since 1970, which may have a fraction.
    pub(crate) fn time(&mut self, name: &str) -> Option<Timestamp> {
        let text = self.fields.remove(name)?;
        let time = parse_time(&text);
        if time.is_none() {
            self.problem(name, "Input should be a valid datetime or date");
        }
        time
    }

    /// A list, as words with commas between them, in any number of fields of that name; `None`
    /// when there is none.
    pub(crate) fn words<T: FromStr<Err: std::fmt::Display>>(
        &mut self,
        name: &str,
    ) -> Option<Vec<T>> {
        self.fields.remove(name)?;
        let query = std::mem::take(&mut self.query);
        let texts = form_urlencoded::parse(query.as_bytes()).filter(|(field, _)| field == name);
        let mut words = Vec::new();
        for (_, text) in texts {
            for word in text.split(',').map(str::trim) {
                match word.parse() {
                    Ok(value) => words.push(value),
                    Err(error) => {
                        self.problem(name, format!("{word:?}: {error}", word = cut(word)));
                    }
                }
            }
        }
        self.query = query;
        Some(words)
    }

    /// Anything that is read from text, with the problem that reading it finds.
    pub(crate) fn parsed<T: FromStr<Err: std::fmt::Display>>(&mut self, name: &str) -> Option<T> {
        self.read_with(name, |text| {
            text.parse().map_err(|error: T::Err| error.to_string())
        })
    }

    /// As [`Self::parsed`], but nothing and spaces mean the same as no field.
    pub(crate) fn parsed_unless_blank<T: FromStr<Err: std::fmt::Display>>(
        &mut self,
        name: &str,
    ) -> Option<T> {
        self.fields
            .retain(|field, text| field != name || !text.trim().is_empty());
        self.parsed(name)
    }

    /// A cursor whose id passes `is_id`.
    pub(crate) fn cursor(&mut self, name: &str, is_id: impl Fn(&str) -> bool) -> Option<Cursor> {
        let text = self.fields.remove(name)?;
        match Cursor::decode(&text) {
            Ok(cursor) if is_id(&cursor.id) => Some(cursor),
            _ => {
                self.problem(name, ParseCursorError.to_string());
                None
            }
        }
    }
}

/// The start of a text, enough to know it again.
fn cut(text: &str) -> &str {
    text.char_indices()
        .nth(40)
        .map_or(text, |(at, _)| &text[..at])
}

/// `5`, ` 5 `, `+5` and `5.0` are whole numbers; anything beyond 128 bits counts as the nearest.
fn parse_integer(text: &str) -> Option<i128> {
    let text = text.trim();
    let digits = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => {
            fraction.bytes().all(|byte| byte == b'0').then_some(whole)?
        }
        Some(_) => return None,
        None => text,
    };
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let limit = if digits.starts_with('-') {
        i128::MIN
    } else {
        i128::MAX
    };
    Some(digits.parse().unwrap_or(limit))
}

/// Reads the fields of a JSON object.
#[derive(Debug)]
pub(crate) struct BodyReader {
    fields: Map<String, Value>,
    problems: Vec<FieldProblem>,
}

impl BodyReader {
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, ApiError> {
        let wrong = |message: String| {
            ApiError::invalid(vec![FieldProblem {
                location: vec!["body".to_owned()],
                message,
            }])
        };
        if bytes.is_empty() {
            return Err(wrong("Field required".to_owned()));
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(Self {
                fields,
                problems: Vec::new(),
            }),
            Ok(_) => Err(wrong(
                "Input should be a valid dictionary or object to extract fields from".to_owned(),
            )),
            Err(error) => Err(wrong(format!("JSON decode error: {error}"))),
        }
    }

    /// Every remaining field is a problem.
    pub(crate) fn finish(mut self) -> Result<(), ApiError> {
        let extra: Vec<String> = self.fields.keys().take(20).cloned().collect();
        for name in extra {
            self.problem(&name, "Extra inputs are not permitted");
        }
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(ApiError::invalid(self.problems))
        }
    }

    pub(crate) fn problem(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(FieldProblem {
            location: vec!["body".to_owned(), name.to_owned()],
            message: message.into(),
        });
    }

    /// A text that must be there.
    pub(crate) fn required_text(&mut self, name: &str) -> Option<String> {
        if !self.fields.contains_key(name) {
            self.problem(name, "Field required");
            return None;
        }
        self.text(name)
    }

    /// A text that may be absent, without spaces around it.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        if let Value::String(text) = self.fields.remove(name)? {
            Some(text.trim().to_owned())
        } else {
            self.problem(name, "Input should be a valid string");
            None
        }
    }

    /// A text that may be absent or null.
    pub(crate) fn nullable_text(&mut self, name: &str) -> Option<String> {
        if self.fields.get(name) == Some(&Value::Null) {
            self.fields.remove(name);
        }
        self.text(name)
    }

    /// Any value, to be read by the caller.
    pub(crate) fn value(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name)
    }

    /// Whether there is such a field, which was not read yet.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// The labels of hosts in the field `hosts`, which may be absent or null.
    pub(crate) fn hosts(&mut self) -> Option<String> {
        let text = self.nullable_text("hosts")?;
        match text.parse::<HostSelector>() {
            Ok(hosts) => hosts.stored(),
            Err(error) => {
                self.problem("hosts", error.to_string());
                None
            }
        }
    }

    /// A truth value.
    pub(crate) fn boolean(&mut self, name: &str, default: bool) -> bool {
        match self.fields.remove(name) {
            None => default,
            Some(Value::Bool(value)) => value,
            Some(_) => {
                self.problem(name, "Input should be a valid boolean");
                default
            }
        }
    }

    /// A whole number in a range.
    pub(crate) fn integer(&mut self, name: &str, range: RangeInclusive<i64>, default: i64) -> i64 {
        let Some(value) = self.fields.remove(name) else {
            return default;
        };
        match value.as_i64() {
            Some(number) if range.contains(&number) => number,
            Some(_) => {
                let message = format!("Input should be from {} to {}", range.start(), range.end());
                self.problem(name, message);
                default
            }
            None => {
                self.problem(name, "Input should be a valid integer");
                default
            }
        }
    }

    /// All fields, as a type names them.
    pub(crate) fn whole<T: DeserializeOwned>(&mut self) -> Option<T> {
        let fields = Value::Object(std::mem::take(&mut self.fields));
        match serde_json::from_value(fields) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problems.push(FieldProblem {
                    location: vec!["body".to_owned()],
                    message: error.to_string(),
                });
                None
            }
        }
    }

    /// A list of things that are read from text.
    pub(crate) fn list<T: FromStr<Err: std::fmt::Display>>(&mut self, name: &str) -> Vec<T> {
        let Some(value) = self.fields.remove(name) else {
            return Vec::new();
        };
        let Value::Array(items) = value else {
            self.problem(name, "Input should be a valid list");
            return Vec::new();
        };
        let mut parsed = Vec::new();
        for item in items.iter().take(100) {
            match item.as_str().map(|text| text.trim().parse()) {
                Some(Ok(value)) => parsed.push(value),
                Some(Err(error)) => self.problem(name, T::Err::to_string(&error)),
                None => self.problem(name, "Input should be a valid string"),
            }
        }
        parsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_leniently() {
        for (text, expected) in [("5", 5), (" 7 ", 7), ("1.0", 1), ("-3", -3), ("+4", 4)] {
            assert_eq!(parse_integer(text), Some(expected), "{text}");
        }
        for text in ["", "x", "null", "1.5", "1.", "0x1", "--1", "1e3"] {
            assert_eq!(parse_integer(text), None, "{text}");
        }
        assert_eq!(parse_integer(&"9".repeat(60)), Some(i128::MAX));
    }

    #[test]
    fn the_last_of_repeated_fields_counts() {
        let mut reader = QueryReader::new("n=1&n=2&other=%zz&n=+3");
        assert_eq!(reader.integer("n", 1..=10, 5), 3);
        assert!(reader.finish().is_ok());
    }

    #[test]
    fn lists_are_read_from_commas_and_repeated_fields() {
        let mut reader = QueryReader::new("n=1,2&other=9&n=3%2C4");
        assert_eq!(reader.words("n"), Some(vec![1, 2, 3, 4]));
        assert_eq!(reader.words::<i32>("absent"), None);
        assert_eq!(reader.words("other"), Some(vec![9]));
        assert!(reader.finish().is_ok());

        let mut reader = QueryReader::new(&format!("n=1,x&n=&n={}", "é".repeat(50)));
        assert_eq!(reader.words("n"), Some(vec![1]));
        assert_eq!(reader.problems.len(), 3);
        assert!(reader.problems[0].message.starts_with(r#""x": "#));
        assert!(reader.problems[2].message.len() < 150);
    }
}
