//! Where a daemon listens: a URL, or a Unix socket of this machine.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use reqwest::Url;

use super::ssh::SshHost;

/// Where a daemon listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Over TCP, with TLS when the scheme is https.
    Http(Url),
    /// Over a Unix socket; the daemon knows its clients by their Linux account.
    Unix(PathBuf),
    /// Through ssh; the daemon knows the account that is logged in to.
    Ssh(SshHost),
    /// In this process, for as long as it lives.
    Here,
}

/// Why a text is no address of a daemon.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It can't be read at all.
    #[error(
        "not a URL such as https://web-03.example:8443, ssh://web-03 or unix:/run/linux-api/api.sock"
    )]
    NotAnUrl,
    /// Another scheme.
    #[error("the scheme {0} is not known; use https, http, ssh or unix")]
    Scheme(String),
    /// User and password in the URL would end up in files and on screens.
    #[error(
        "leave user, password, query and fragment out of the URL; you are prompted for the key"
    )]
    TooMuch,
    /// A socket is named by its full path.
    #[error("give the full path of the socket, as in unix:/run/linux-api/api.sock")]
    RelativePath,
    /// Not what ssh is to be given.
    #[error(
        "use ssh://HOST, ssh://USER@HOST or ssh://USER@HOST:PORT, where HOST is a name or a Host of your ssh \
         configuration"
    )]
    SshHost,
}

impl Address {
    /// The URL of one path of the API, which starts with a slash.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = match self {
            Self::Http(url) => url.clone(),
            // The name does not matter: what is connected to is known.
            Self::Unix(_) | Self::Ssh(_) | Self::Here => {
                Url::parse("http://localhost/").expect("the text is a URL")
            }
        };
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{path}"));
        url
    }

    /// Whether the connection is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self, Self::Http(url) if url.scheme() == "https")
    }

    /// Whether the connection can't be eavesdropped: TLS, this machine, or a socket.
    #[must_use]
    pub fn is_private(&self) -> bool {
        match self {
            Self::Unix(_) | Self::Ssh(_) | Self::Here => true,
            Self::Http(url) => url.scheme() == "https" || is_loopback(url),
        }
    }

    /// Whether the daemon requires a key. Elsewhere it knows the Linux account.
    #[must_use]
    pub fn needs_key(&self) -> bool {
        matches!(self, Self::Http(_))
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| {
            let mapped = match address {
                IpAddr::V6(v6) => v6.to_ipv4_mapped().map(IpAddr::V4),
                IpAddr::V4(_) => None,
            };
            mapped.unwrap_or(address).is_loopback()
        })
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if !path.starts_with('/') {
                return Err(AddressError::RelativePath);
            }
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        if let Some(host) = text.strip_prefix("ssh://") {
            return host.trim_end_matches('/').parse().map(Self::Ssh);
        }
        let url = Url::parse(text).map_err(|_| AddressError::NotAnUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(AddressError::Scheme(url.scheme().to_owned()));
        }
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if bare {
            Ok(Self::Http(url))
        } else {
            Err(AddressError::TooMuch)
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => f.write_str(url.as_str().trim_end_matches('/')),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Ssh(host) => host.fmt(f),
            Self::Here => f.write_str("this session"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, AddressError> {
        text.parse()
    }

    #[test]
    fn urls_and_sockets_are_read() {
        let url = parse(" https://web-03.example:8443/base/ ").unwrap();
        assert_eq!(url.to_string(), "https://web-03.example:8443/base");
        assert_eq!(
            url.url("/readyz").as_str(),
            "https://web-03.example:8443/base/readyz"
        );
        let socket = parse("unix:///run/linux-api/api.sock").unwrap();
        assert_eq!(socket, parse("unix:/run/linux-api/api.sock").unwrap());
        assert_eq!(socket.url("/livez").as_str(), "http://localhost/livez");
    }

    #[test]
    fn anything_else_says_why_not() {
        assert_eq!(parse("web-03"), Err(AddressError::NotAnUrl));
        assert_eq!(
            parse("ftp://a"),
            Err(AddressError::Scheme("ftp".to_owned()))
        );
        assert_eq!(parse("https://user:key@a"), Err(AddressError::TooMuch));
        assert_eq!(parse("https://a/?key=1"), Err(AddressError::TooMuch));
        assert_eq!(parse("unix:api.sock"), Err(AddressError::RelativePath));
        assert_eq!(parse("ssh://-oX=1"), Err(AddressError::SshHost));
        assert_eq!(parse("ssh://a/b"), Err(AddressError::SshHost));
    }

    #[test]
    fn only_tls_sockets_and_this_machine_are_private() {
        for private in [
            "https://web-03.example",
            "http://127.0.0.1:8080",
            "http://127.8.8.8",
            "http://localhost:8080",
            "http://[::1]:8080",
            "http://[::ffff:127.0.0.1]:8080",
            "unix:/a",
            "ssh://web-03",
        ] {
            assert!(parse(private).unwrap().is_private(), "{private}");
        }
        for open in [
            "http://web-03.example",
            "http://10.0.0.1",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "http://0.0.0.0:8080",
        ] {
            assert!(!parse(open).unwrap().is_private(), "{open}");
        }
    }
}
