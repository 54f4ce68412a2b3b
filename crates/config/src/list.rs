//! Lists whose elements are checked one by one.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use toml::Value;

use super::value::{ConfigValue, elements, with_article, wrong_type};

/// One element of a [`List`].
pub trait Element: Sized + fmt::Display {
    /// The kind of list in words.
    const LIST: &'static str;

    /// Reads one element.
    ///
    /// # Errors
    /// Says what was expected.
    fn read(text: &str) -> Result<Self, String>;
}

/// A list of elements of one kind; in the environment they are separated by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Element> ConfigValue for List<T> {
    fn type_name() -> String {
        T::LIST.to_owned()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        elements(text)
            .map(T::read)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn from_toml(value: &Value) -> Result<Self, String> {
        let list = value.as_array().ok_or_else(|| wrong_type::<Self>(value))?;
        let read = |element: &Value| match element {
            Value::String(text) => T::read(text),
            other => Err(format!(
                "expected only texts in the list, not {}",
                with_article(other)
            )),
        };
        list.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    fn to_toml(&self) -> Option<Value> {
        let texts = self.0.iter().map(|element| element.to_string().into());
        Some(Value::Array(texts.collect()))
    }
}

/// A network in CIDR notation, or one address; IPv4 is never kept in its IPv6 form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Whether the address lies in it; give IPv4 addresses as such.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// As it is compared with addresses elsewhere.
    #[must_use]
    pub const fn net(&self) -> IpNet {
        self.0
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Element for Network {
    const LIST: &'static str = "a list of networks such as \"10.0.0.0/8\" or \"::1\"";

    fn read(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("expected a network such as \"10.0.0.0/8\" or \"::1\", not {text:?}");
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address.to_canonical()),
            Err(_) => text.parse::<IpNet>().map_err(|_| wrong())?.trunc(),
        };
        // ::ffff:10.0.0.0/104 is 10.0.0.0/8.
        if let IpNet::V6(wide) = network
            && let Some(narrow) = wide.addr().to_ipv4_mapped()
            && let Some(bits) = wide.prefix_len().checked_sub(96)
        {
            let narrow = ipnet::Ipv4Net::new(narrow, bits).map_err(|_| wrong())?;
            return Ok(Self(narrow.into()));
        }
        Ok(Self(network))
    }
}

/// The origin of a web page, `https://grafana.example`, as browsers send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// As browsers send it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Element for WebOrigin {
    const LIST: &'static str = "a list of origins such as \"https://grafana.example\"";

    fn read(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "expected an origin such as \"https://grafana.example\" or \
                 \"http://localhost:3000\", not {text:?}"
            )
        };
        match text {
            "*" => return Err("\"*\" would open the API to every page: list each origin".into()),
            "null" => return Err("\"null\" is the origin of any sandboxed page".to_owned()),
            _ => {}
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (rest, None),
        };
        let named = !host.is_empty()
            && host.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte)
            });
        let numbered = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
        let standard = match scheme {
            "http" => "80",
            "https" => "443",
            _ => return Err(wrong()),
        };
        if port == Some(standard) {
            return Err(format!(
                "browsers leave the port out of {text:?}: write it as they send it"
            ));
        }
        let port_is_good = port.is_none_or(|port| {
            !port.starts_with('0') && port.parse::<u16>().is_ok_and(|number| number > 0)
        });
        if (named || numbered) && port_is_good {
            Ok(Self(text.to_owned()))
        } else {
            Err(wrong())
        }
    }
}

/// A host name that requests may be for: one name, all names below one, or any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// Exactly this one, in lower case.
    Exact(String),
    /// Every name that ends with this, which starts with a dot.
    Below(String),
    /// Every name.
    Any,
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(suffix) => write!(f, "*{suffix}"),
            Self::Any => f.write_str("*"),
        }
    }
}

impl Element for HostPattern {
    const LIST: &'static str = "a list of host names such as \"api.example.com\"";

    fn read(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let name = text.strip_prefix("*.").unwrap_or(text);
        let bare = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        let is_address = bare.unwrap_or(name).parse::<IpAddr>().is_ok();
        let is_name = !name.is_empty()
            && !name.starts_with('.')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if !is_name && !is_address {
            return Err(format!(
                "expected a host name without a port such as \"api.example.com\", \
                 \"*.example.com\" or \"*\", not {text:?}"
            ));
        }
        let name = bare
            .unwrap_or(name)
            .trim_end_matches('.')
            .to_ascii_lowercase();
        Ok(if text.starts_with("*.") {
            Self::Below(format!(".{name}"))
        } else {
            Self::Exact(name)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> String {
        Network::read(text).unwrap().to_string()
    }

    #[test]
    fn networks_are_addresses_or_cidr_and_never_mapped() {
        assert_eq!(network("10.1.2.3"), "10.1.2.3/32");
        assert_eq!(network("10.1.2.3/8"), "10.0.0.0/8");
        assert_eq!(network("::ffff:10.1.2.3"), "10.1.2.3/32");
        assert_eq!(network("::ffff:10.0.0.0/104"), "10.0.0.0/8");
        assert_eq!(network("fd00::/8"), "fd00::/8");
        assert!(
            Network::read("::/0")
                .unwrap()
                .contains("fe80::1".parse().unwrap())
        );
        assert!(
            !Network::read("::/0")
                .unwrap()
                .contains("10.0.0.1".parse().unwrap())
        );
        for text in ["", "10.0.0.0/33", "10.0.0", "proxy", "10.0.0.0/8/8"] {
            assert!(Network::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn origins_are_exactly_what_browsers_send() {
        for text in [
            "https://grafana.example",
            "http://localhost:3000",
            "http://127.0.0.1:1",
            "https://[::1]:8443",
            "http://[fd00::1]",
        ] {
            assert_eq!(WebOrigin::read(text).unwrap().as_str(), text);
        }
        for text in [
            "*",
            "null",
            "",
            "grafana.example",
            "https://",
            "https://Grafana.example",
            "https://grafana.example/",
            "https://grafana.example:443",
            "http://grafana.example:80",
            "https://user@grafana.example",
            "https://*.example",
            "ftp://grafana.example",
            "file://",
            "https://grafana.example:0",
            "https://grafana.example:99999",
            "https://a b",
        ] {
            assert!(WebOrigin::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_are_names_suffixes_or_anything() {
        let read = |text| HostPattern::read(text).unwrap();
        assert_eq!(
            read("API.example.com."),
            HostPattern::Exact("api.example.com".into())
        );
        assert_eq!(
            read("*.example.com"),
            HostPattern::Below(".example.com".into())
        );
        assert_eq!(read("[fd00::1]"), HostPattern::Exact("fd00::1".into()));
        assert_eq!(read("*"), HostPattern::Any);
        for text in ["", "a:80", "http://a", ".a", "*.", "a/b", "ü"] {
            assert!(HostPattern::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lists_come_from_toml_and_from_text() {
        type Networks = List<Network>;
        let list = Networks::from_text("10.0.0.0/8, ::1").unwrap();
        assert_eq!(
            list.to_toml().unwrap().to_string(),
            "[\"10.0.0.0/8\", \"::1/128\"]"
        );
        assert_eq!(Networks::from_toml(&list.to_toml().unwrap()), Ok(list));
        assert_eq!(
            Networks::from_toml(&Value::Array(vec![1.into()])),
            Err("expected only texts in the list, not an integer".to_owned())
        );
        assert!(Networks::from_toml(&"10.0.0.0/8".into()).is_err());
    }
}
