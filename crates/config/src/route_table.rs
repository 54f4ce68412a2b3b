//! Tables that say something about routes: `"GET /api/v1/system/info/processes" = "2/s"`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use toml::Value;

use super::rate::Rate;
use super::value::{ConfigValue, elements, with_article, wrong_type};

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Which requests something is said about: a route's template, or all paths below one, for one
/// method or for all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoutePattern {
    method: Option<&'static str>,
    /// Without the star.
    path: String,
    is_prefix: bool,
}

impl RoutePattern {
    /// Whether a request with this method for this template (or path, when no route is there) is
    /// meant. `GET` means `HEAD` too, which costs the host the same.
    #[must_use]
    pub fn matches(&self, method: &str, path: &str) -> bool {
        let path_matches = if self.is_prefix {
            path.starts_with(&self.path)
        } else {
            path == self.path
        };
        let means = |own| own == method || (own == "GET" && method == "HEAD");
        path_matches && self.method.is_none_or(means)
    }

    /// The template when it means one route, not a prefix.
    #[must_use]
    pub fn template(&self) -> Option<&str> {
        (!self.is_prefix).then_some(&self.path)
    }

    /// Larger for what says more: of several patterns that match, the largest counts.
    #[must_use]
    pub fn weight(&self) -> (bool, usize, u8) {
        let method = match self.method {
            None => 0,
            Some("GET") => 1,
            Some(_) => 2,
        };
        (!self.is_prefix, self.path.len(), method)
    }
}

impl fmt::Display for RoutePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(method) = self.method {
            write!(f, "{method} ")?;
        }
        write!(f, "{}{}", self.path, if self.is_prefix { "*" } else { "" })
    }
}

impl FromStr for RoutePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "expected a route such as \"/api/v1/admin/*\" or \"GET /api/v1/user/keys\", \
                 not {text:?}"
            )
        };
        let (method, path) = match text.split_once(' ') {
            Some((method, path)) => {
                let known = METHODS.into_iter().find(|known| *known == method);
                let known = known.ok_or_else(|| {
                    format!(
                        "unknown method {method:?}, expected one of {}",
                        METHODS.join(", ")
                    )
                })?;
                (Some(known), path.trim())
            }
            None => (None, text),
        };
        let (path, is_prefix) = match path.strip_suffix('*') {
            Some(path) => (path, true),
            None => (path, false),
        };
        if !path.starts_with('/') || path.contains(|c: char| c == '*' || !c.is_ascii_graphic()) {
            return Err(wrong());
        }
        Ok(Self {
            method,
            path: path.to_owned(),
            is_prefix,
        })
    }
}

/// What a table says about one route.
pub trait RouteEntry: Sized + fmt::Display {
    /// The kind of table in words.
    const TABLE: &'static str;

    /// Reads what is said.
    ///
    /// # Errors
    /// Says what was expected.
    fn read(text: &str) -> Result<Self, String>;
}

impl RouteEntry for Rate {
    const TABLE: &'static str = "a table of routes and rates";

    fn read(text: &str) -> Result<Self, String> {
        Self::from_text(text)
    }
}

/// Why a route is switched off; empty for the usual words.
impl RouteEntry for String {
    const TABLE: &'static str = "a table of routes and reasons";

    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

/// What is said about routes; in the environment `ROUTE=TEXT` separated by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTable<T>(pub BTreeMap<RoutePattern, T>);

impl<T> Default for RouteTable<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: RouteEntry> RouteTable<T> {
    fn pair(route: &str, text: &str) -> Result<(RoutePattern, T), String> {
        let entry = T::read(text).map_err(|wrong| format!("{route:?}: {wrong}"))?;
        Ok((route.parse()?, entry))
    }
}

impl<T: RouteEntry> ConfigValue for RouteTable<T> {
    fn type_name() -> String {
        T::TABLE.to_owned()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        let pairs = elements(text).map(|pair| match pair.split_once('=') {
            Some((route, text)) => Self::pair(route.trim(), text.trim()),
            None => Err(format!(
                "expected ROUTE=TEXT separated by commas, not {pair:?}"
            )),
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }

    fn from_toml(value: &Value) -> Result<Self, String> {
        let table = value.as_table().ok_or_else(|| wrong_type::<Self>(value))?;
        let pairs = table.iter().map(|(route, entry)| match entry {
            Value::String(text) => Self::pair(route, text),
            other => Err(format!(
                "expected a text for {route:?}, not {}",
                with_article(other)
            )),
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }

    fn to_toml(&self) -> Option<Value> {
        let entry =
            |(route, text): (&RoutePattern, &T)| (route.to_string(), text.to_string().into());
        Some(Value::Table(self.0.iter().map(entry).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> RoutePattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_pattern_means_a_template_or_a_prefix_for_one_method_or_all() {
        let exact = pattern("PATCH /api/v1/admin/users/{user_id}/role");
        assert!(exact.matches("PATCH", "/api/v1/admin/users/{user_id}/role"));
        assert!(!exact.matches("GET", "/api/v1/admin/users/{user_id}/role"));
        assert!(!exact.matches("PATCH", "/api/v1/admin/users/{user_id}/role/x"));
        let reads = pattern("GET /a");
        assert!(reads.matches("GET", "/a") && reads.matches("HEAD", "/a"));
        assert!(!reads.matches("POST", "/a") && !pattern("HEAD /a").matches("GET", "/a"));
        assert!(pattern("HEAD /a").weight() > reads.weight());
        assert!(reads.weight() > pattern("/a").weight());
        let prefix = pattern("/api/legacy/*");
        assert!(prefix.matches("GET", "/api/legacy/users"));
        assert!(!prefix.matches("GET", "/api/legacyx"));
        assert!(exact.weight() > prefix.weight());
        assert_eq!(exact.to_string().parse(), Ok(exact));
        assert_eq!(prefix.to_string().parse(), Ok(prefix));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in [
            "",
            "users",
            "GET",
            "GET users",
            "get /x",
            "/a*b",
            "/a b",
            "GET  ",
        ] {
            assert!(text.parse::<RoutePattern>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn tables_come_from_toml_and_from_text() {
        type Rates = RouteTable<Rate>;
        let rates = Rates::from_text("GET /a=1/s, /b/*=2/minute").unwrap();
        assert_eq!(Rates::from_toml(&rates.to_toml().unwrap()), Ok(rates));
        assert_eq!(
            Rates::from_text("/a=often").unwrap_err(),
            "\"/a\": expected a rate such as \"100/minute\" or \"10/s burst 60\", not \"often\""
        );
        assert!(Rates::from_text("/a").is_err());
        let reasons = RouteTable::<String>::from_text("/a=").unwrap();
        assert_eq!(reasons.0[&pattern("/a")], "");
    }
}
