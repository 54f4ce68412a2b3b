//! The host that an `ssh://` address names.

use std::fmt;
use std::str::FromStr;

use crate::AddressError;

/// Most characters of a user's or a host's name.
const NAME_MAX: usize = 255;

/// A host, or a name of the user's ssh configuration. None of its parts can be taken for an option.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SshHost {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

impl SshHost {
    /// The account on the other host, when one is named.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The host as ssh is given it, an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, when one is named.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Without the scheme, as people write it for ssh.
    #[must_use]
    pub fn bare(&self) -> String {
        let text = self.to_string();
        text.trim_start_matches("ssh://").to_owned()
    }
}

/// Letters that names of hosts and accounts consist of, neither a shell's nor ssh's own.
fn is_plain(name: &str, more: &[char]) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || more.contains(&letter);
    !name.is_empty() && name.len() <= NAME_MAX && !name.starts_with('-') && name.chars().all(fits)
}

impl FromStr for SshHost {
    type Err = AddressError;

    /// Reads `[user@]host[:port]`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (user, place) = match text.rsplit_once('@') {
            None => (None, text),
            Some((user, place)) => (Some(user), place),
        };
        let (host, port) = if let Some(inner) = place.strip_prefix('[') {
            let (host, rest) = inner.split_once(']').ok_or(AddressError::SshHost)?;
            if !is_plain(host, &[':', '.', '%', '-', '_']) {
                return Err(AddressError::SshHost);
            }
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return Err(AddressError::SshHost),
            }
        } else {
            let (host, port) = match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            };
            if !is_plain(host, &['.', '-', '_']) {
                return Err(AddressError::SshHost);
            }
            (host, port)
        };
        if user.is_some_and(|user| !is_plain(user, &['.', '-', '_', '@', '\\', '+'])) {
            return Err(AddressError::SshHost);
        }
        let port = port.map(str::parse).transpose();
        let port = port.ok().filter(|port| *port != Some(0));
        Ok(Self {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port: port.ok_or(AddressError::SshHost)?,
        })
    }
}

impl fmt::Display for SshHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ssh://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn user_and_port_are_optional() {
        for text in [
            "web-01",
            "root@web_01.example",
            "ada@10.0.0.7:2222",
            "[fe80::1%eth0]:22",
            "corp\\ada@web",
            "ada@corp.example@web",
        ] {
            let host: SshHost = text.parse().unwrap();
            assert_eq!(host.bare(), text);
        }
        let host: SshHost = "ada@[::1]:22".parse().unwrap();
        assert_eq!(
            (host.user(), host.host(), host.port()),
            (Some("ada"), "::1", Some(22))
        );
    }

    #[test]
    fn what_ssh_or_a_shell_could_take_for_more_than_a_name_is_refused() {
        for text in [
            "",
            "-oProxyCommand=x",
            "-l@web",
            "@web",
            "web:0",
            "web:65536",
            "web:a",
            "web:",
            "web 01",
            "web;x",
            "$(x)",
            "a/b",
            "[::1",
            "[-x]",
            "[::1]x",
            "web\n",
            "::1",
        ] {
            assert_eq!(
                text.parse::<SshHost>(),
                Err(AddressError::SshHost),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_part_can_be_an_option_or_hold_a_space(text in "[-a@:\\[\\]%. \n'\"$;\\\\]{0,12}") {
            if let Ok(host) = text.parse::<SshHost>() {
                for part in [host.user().unwrap_or("a"), host.host()] {
                    prop_assert!(!part.starts_with('-') && !part.is_empty());
                    prop_assert!(!part.contains([' ', '\n', '\'', '"', '$', ';']));
                }
                prop_assert_eq!(host.bare().parse::<SshHost>(), Ok(host));
            }
        }
    }
}
