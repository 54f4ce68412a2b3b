//! The kinds of value that an option can have, each read from TOML and from plain text.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use toml::Value;

/// A kind of value.
pub trait ConfigValue: Sized {
    /// The kind in words, as in "expected a port number".
    fn type_name() -> String;

    /// Reads the text of an environment variable or a flag.
    ///
    /// # Errors
    /// Says what was expected.
    fn from_text(text: &str) -> Result<Self, String>;

    /// Reads a value of the configuration file: a string like any text, unless the kind says more.
    ///
    /// # Errors
    /// Says what was expected.
    fn from_toml(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Self::from_text(text),
            other => Err(wrong_type::<Self>(other)),
        }
    }

    /// The value as shown to people: `None` when unset, secrets redacted.
    fn to_toml(&self) -> Option<Value>;
}

/// The message for a TOML value of another type.
pub(super) fn wrong_type<T: ConfigValue>(value: &Value) -> String {
    format!("expected {}, not {}", T::type_name(), with_article(value))
}

pub(super) fn with_article(value: &Value) -> String {
    let name = value.type_str();
    let article = if name.starts_with(['a', 'i']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {name}")
}

/// A value without the quotes that TOML puts around strings.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `"all", "security" or "off"`.
pub(super) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

impl ConfigValue for bool {
    fn type_name() -> String {
        "true or false".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| format!("expected true or false, not {text:?}"))
    }

    fn from_toml(value: &Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| wrong_type::<Self>(value))
    }

    fn to_toml(&self) -> Option<Value> {
        Some((*self).into())
    }
}

macro_rules! whole_number {
    ($($type:ty),+) => {
        $(impl ConfigValue for $type {
            fn type_name() -> String {
                "a whole number".to_owned()
            }

            fn from_text(text: &str) -> Result<Self, String> {
                match text.parse::<i64>() {
                    Ok(number) => Self::from_toml(&number.into()),
                    Err(_) => Err(format!("expected a whole number, not {text:?}")),
                }
            }

            fn from_toml(value: &Value) -> Result<Self, String> {
                let number = value.as_integer().ok_or_else(|| wrong_type::<Self>(value))?;
                Self::try_from(number).map_err(|_| match number {
                    ..0 => "must not be negative".to_owned(),
                    _ => format!("must be at most {}", Self::MAX),
                })
            }

            fn to_toml(&self) -> Option<Value> {
                i64::try_from(*self).ok().map(Value::Integer)
            }
        })+
    };
}

whole_number!(u16, u32, usize);

impl ConfigValue for String {
    fn type_name() -> String {
        "a text".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn to_toml(&self) -> Option<Value> {
        Some(self.as_str().into())
    }
}

impl ConfigValue for PathBuf {
    fn type_name() -> String {
        "a path".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.contains('\0') {
            return Err("expected a path".to_owned());
        }
        Ok(Self::from(text))
    }

    fn to_toml(&self) -> Option<Value> {
        Some(self.to_string_lossy().into_owned().into())
    }
}

impl ConfigValue for SocketAddr {
    fn type_name() -> String {
        "an address with a port".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| {
            format!(
                "expected an address with a port such as 127.0.0.1:8080 or [::1]:8080, not {text:?}"
            )
        })
    }

    fn to_toml(&self) -> Option<Value> {
        Some(self.to_string().into())
    }
}

/// An option that may be unset; in the environment an empty text unsets it.
impl<T: ConfigValue> ConfigValue for Option<T> {
    fn type_name() -> String {
        T::type_name()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            Ok(None)
        } else {
            T::from_text(text).map(Some)
        }
    }

    fn from_toml(value: &Value) -> Result<Self, String> {
        T::from_toml(value).map(Some)
    }

    fn to_toml(&self) -> Option<Value> {
        self.as_ref().and_then(T::to_toml)
    }
}

/// A list; in the environment its elements are separated by commas.
impl ConfigValue for Vec<String> {
    fn type_name() -> String {
        "a list of texts".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(elements(text).map(str::to_owned).collect())
    }

    fn from_toml(value: &Value) -> Result<Self, String> {
        let list = value.as_array().ok_or_else(|| wrong_type::<Self>(value))?;
        list.iter()
            .map(|element| match element {
                Value::String(text) => Ok(text.clone()),
                other => Err(format!(
                    "expected only texts in the list, not {}",
                    with_article(other)
                )),
            })
            .collect()
    }

    fn to_toml(&self) -> Option<Value> {
        Some(Value::Array(
            self.iter().map(|text| text.as_str().into()).collect(),
        ))
    }
}

/// A table of names and texts; in the environment `name=text` separated by commas.
impl ConfigValue for BTreeMap<String, String> {
    fn type_name() -> String {
        "a table of texts".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        elements(text)
            .map(|pair| match pair.split_once('=') {
                Some((name, value)) if !name.trim().is_empty() => {
                    Ok((name.trim().to_owned(), value.trim().to_owned()))
                }
                _ => Err(format!(
                    "expected NAME=VALUE separated by commas, not {pair:?}"
                )),
            })
            .collect()
    }

    fn from_toml(value: &Value) -> Result<Self, String> {
        let table = value.as_table().ok_or_else(|| wrong_type::<Self>(value))?;
        table
            .iter()
            .map(|(name, entry)| match entry {
                Value::String(text) => Ok((name.clone(), text.clone())),
                other => Err(format!(
                    "expected a text for {name:?}, not {}",
                    with_article(other)
                )),
            })
            .collect()
    }

    fn to_toml(&self) -> Option<Value> {
        let table = self
            .iter()
            .map(|(name, text)| (name.clone(), text.as_str().into()))
            .collect();
        Some(Value::Table(table))
    }
}

pub(super) fn elements(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_from_plain_text() {
        assert_eq!(bool::from_text("true"), Ok(true));
        assert_eq!(u16::from_text("8080"), Ok(8080));
        assert_eq!(u32::from_text("5"), Ok(5));
        assert_eq!(usize::from_text("0"), Ok(0));
        assert_eq!(String::from_text(""), Ok(String::new()));
        assert_eq!(PathBuf::from_text("/run/x"), Ok(PathBuf::from("/run/x")));
        assert_eq!(Option::<PathBuf>::from_text(""), Ok(None));
        assert_eq!(SocketAddr::from_text("[::1]:80").unwrap().port(), 80);
        assert_eq!(
            Vec::from_text("a, b,"),
            Ok(vec!["a".to_owned(), "b".to_owned()])
        );
        let peers = BTreeMap::from_text("root=admin, alice = bob").unwrap();
        assert_eq!(peers["alice"], "bob");
        assert_eq!(peers["root"], "admin");
    }

    #[test]
    fn bad_text_says_what_was_expected() {
        assert_eq!(
            bool::from_text("yes"),
            Err("expected true or false, not \"yes\"".to_owned())
        );
        assert_eq!(
            u16::from_text("70000"),
            Err("must be at most 65535".to_owned())
        );
        assert_eq!(u32::from_text("-1"), Err("must not be negative".to_owned()));
        assert!(usize::from_text("many").is_err());
        assert!(PathBuf::from_text("").is_err());
        assert!(SocketAddr::from_text("localhost").is_err());
        assert!(BTreeMap::from_text("root").is_err());
    }

    #[test]
    fn toml_types_are_not_converted() {
        assert_eq!(
            bool::from_toml(&"true".into()),
            Err("expected true or false, not a string".to_owned())
        );
        assert!(u32::from_toml(&"5".into()).is_err());
        assert_eq!(
            Vec::from_toml(&Value::Array(vec![1.into()])),
            Err("expected only texts in the list, not an integer".to_owned())
        );
    }
}
