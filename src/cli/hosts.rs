//! Which daemons a command works on, and how to reach them: the only place that decides it.
//!
//! Without `--remote`, `--label` and `--all` it is the daemon of this machine, else one of this process.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use futures_util::stream;

use super::Context;
use super::admin_target::AdvisedError;
use super::exit::UsageError;
use super::globals::TIMEOUT;
use super::{here, output};
use linux_api_client::error::ClientError;
use linux_api_client::local::LocalError;
use linux_api_client::remotes::{Remotes, RemotesError};
use linux_api_client::{Address, Client, Target};
use linux_api_daemon::run::ephemeral::Ephemeral;

/// What the daemon of this machine is called among others.
pub(super) const LOCAL: &str = "local";
/// Said when there is no daemon on this machine.
const NO_DAEMON: &str = "no daemon runs here, so this is read by the command itself: sudo linux-api setup keeps history";
/// So many hosts are polled at once.
pub(super) const AT_ONCE: usize = 32;

/// A host can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum HostError {
    /// A request failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// There is no daemon on this machine, or no key for it.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The remote's key or address can't be had.
    #[error(transparent)]
    Remotes(#[from] RemotesError),
    /// It did not respond within `--timeout`.
    #[error("no response within {0}")]
    Late(String),
    /// Anything else.
    #[error("{0:#}")]
    Other(anyhow::Error),
}

impl From<anyhow::Error> for HostError {
    /// Finds out which of them it is.
    fn from(error: anyhow::Error) -> Self {
        let error = match error.downcast::<LocalError>() {
            Ok(error) => return Self::Local(error),
            Err(error) => error,
        };
        let error = match error.downcast::<ClientError>() {
            Ok(error) => return Self::Client(error),
            Err(error) => error,
        };
        let error = match error.downcast::<AdvisedError>() {
            Ok(AdvisedError(error)) => return Self::Client(error),
            Err(error) => error,
        };
        match error.downcast::<RemotesError>() {
            Ok(error) => Self::Remotes(error),
            Err(error) => Self::Other(error),
        }
    }
}

impl HostError {
    /// The reason in a few words, for a line that begins with the host's name.
    pub(super) fn in_short(&self) -> String {
        match self {
            Self::Client(error) => error.in_short(),
            other => other.to_string(),
        }
    }

    /// What to do about it, when the reason does not say it.
    pub(super) fn advice(&self) -> Option<&'static str> {
        match self {
            // The daemon knows the route, but not what was named.
            Self::Client(ClientError::Refused {
                status: 404, code, ..
            }) if code != "not_found" => None,
            Self::Client(error) => Some(error.advice()),
            Self::Late(_) => Some("allow more time with --timeout"),
            Self::Local(_) | Self::Remotes(_) | Self::Other(_) => None,
        }
    }
}

/// Where a host's daemon is.
#[derive(Debug)]
pub(super) struct HostPlace {
    /// What the user calls it.
    pub(super) name: String,
    /// The labels of the remote.
    pub(super) labels: BTreeMap<String, String>,
    /// How to get in.
    pub(super) target: Result<Target, HostError>,
}

impl HostPlace {
    /// The place, unless it is not known how to get in.
    pub(super) fn found(self) -> Result<Self, HostError> {
        Ok(Self {
            target: Ok(self.target?),
            ..self
        })
    }
}

/// A host that a command works on.
#[derive(Debug)]
pub(super) struct Host {
    /// What the user calls it.
    pub(super) name: String,
    /// The labels of the remote.
    pub(super) labels: BTreeMap<String, String>,
    /// The connection; nothing was sent yet, unless it is the daemon of this machine.
    pub(super) client: Result<Client, HostError>,
}

/// The hosts that a command works on.
#[derive(Debug)]
pub(super) struct Hosts {
    /// Whether many may be meant: results then say which host they are of, also when there is one.
    pub(super) are_many: bool,
    /// In the order in which they were named; chosen by label, in that of their names.
    pub(super) all: Vec<Host>,
    /// The daemon of this process, where this machine has no other; it ends when it is dropped.
    pub(super) here: Option<Ephemeral>,
}

impl Context {
    /// The hosts that the options choose, by default this machine.
    ///
    /// # Errors
    /// When the list of remotes can't be read, or a remote is named that is none.
    pub(super) async fn hosts(&self) -> anyhow::Result<Hosts> {
        let (places, here) = self.host_places().await?;
        if here.is_some() && self.options.quiet == 0 {
            output::note(NO_DAEMON);
        }
        let connect = |place: HostPlace| Host {
            name: place.name,
            labels: place.labels,
            client: place.target.and_then(|target| Ok(self.connect(&target)?)),
        };
        Ok(Hosts {
            are_many: self.means_many(),
            all: places.into_iter().map(connect).collect(),
            here,
        })
    }

    /// The one host that the options choose, by default this machine, and the daemon of this process when it is
    /// that one.
    ///
    /// # Errors
    /// When there is none, or it can't be used.
    pub(super) async fn one_client(&self) -> anyhow::Result<(Client, Option<Ephemeral>)> {
        let mut hosts = self.hosts().await?;
        match hosts.all.pop() {
            Some(host) => Ok((host.client?, hosts.here)),
            None => Err(UsageError("no host is chosen".to_owned()).into()),
        }
    }

    /// Prepares a connection with the deadline of `--timeout`.
    pub(super) fn connect(&self, target: &Target) -> Result<Client, ClientError> {
        let timeout = self.options.timeout.unwrap_or(TIMEOUT);
        Ok(Client::new(target)?.with_timeout(timeout))
    }

    /// Whether the options may choose several hosts.
    pub(super) fn means_many(&self) -> bool {
        let options = &self.options;
        options.all || !options.labels.is_empty() || options.remotes.len() > 1
    }

    /// Where the daemons are that the options choose, by default the one of this machine.
    ///
    /// # Errors
    /// When the list of remotes can't be read, or a remote is named that is none.
    pub(super) async fn host_places(&self) -> anyhow::Result<(Vec<HostPlace>, Option<Ephemeral>)> {
        let options = &self.options;
        if options.remotes.is_empty() && options.labels.is_empty() && !options.all {
            return self.this_machine().await;
        }
        let remotes = self.remotes()?;
        let names = self.chosen(&remotes, &options.remotes)?;
        Ok((self.find_all(&remotes, names).await?, None))
    }

    /// The daemon of this machine, else one of this process for this command only.
    async fn this_machine(&self) -> anyhow::Result<(Vec<HostPlace>, Option<Ephemeral>)> {
        let (target, here) = match self.local_target().await.map_err(HostError::from) {
            Err(HostError::Local(LocalError::Away(_))) => {
                let daemon = here::start(self).await?;
                (Ok(here::target(&daemon)), Some(daemon))
            }
            // A daemon that is there and wants a key is not passed over in silence.
            found => (found, None),
        };
        let place = HostPlace {
            name: LOCAL.to_owned(),
            labels: BTreeMap::new(),
            target,
        };
        Ok((vec![place], here))
    }

    /// The remotes with all the labels of `--label`: of the named ones, or of all when none is named.
    pub(super) fn chosen(
        &self,
        remotes: &Remotes,
        given: &[String],
    ) -> anyhow::Result<Vec<String>> {
        let labels = &self.options.labels;
        let fitting = remotes.with_labels(labels);
        let mut names: Vec<String> = Vec::new();
        if given.is_empty() {
            names.extend(fitting.into_iter().map(str::to_owned));
        } else {
            for name in given {
                // A URL has no labels, and a name that is unknown is to be complained about.
                let is_known = remotes.remotes.contains_key(name);
                let is_fitting = labels.is_empty() || !is_known || fitting.contains(&name.as_str());
                if is_fitting && !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        if !names.is_empty() {
            return Ok(names);
        }
        let problem = if remotes.remotes.is_empty() {
            "there are no remotes yet; add one with: linux-api remote add NAME URL"
        } else {
            "no remote carries these labels; linux-api remote list shows them"
        };
        Err(UsageError(problem.to_owned()).into())
    }

    /// Finds addresses and keys. A name that is unknown is an error at once; a key that can't be had
    /// now must not hide the other hosts.
    pub(super) async fn find_all(
        &self,
        remotes: &Remotes,
        names: Vec<String>,
    ) -> anyhow::Result<Vec<HostPlace>> {
        let found = stream::iter(names).map(async |name| {
            let target = match self.target(&name).await {
                Ok(target) => Ok(target),
                Err(error) if !remotes.remotes.contains_key(&name) => return Err(error),
                Err(error) => Err(HostError::from(error)),
            };
            let labels = remotes.remotes.get(&name).map(|it| it.labels.clone());
            Ok(HostPlace {
                labels: labels.unwrap_or_default(),
                name: short(&name),
                target,
            })
        });
        let found: Vec<anyhow::Result<HostPlace>> = found.buffered(AT_ONCE).collect().await;
        found.into_iter().collect()
    }
}

/// What every URL begins with would be all that a narrow column shows of it.
fn short(name: &str) -> String {
    let bare = name.split_once("://").map_or(name, |(_, rest)| rest);
    let bare = if name.parse::<Address>().is_ok() {
        bare.trim_end_matches('/')
    } else {
        bare
    };
    bare.to_owned()
}
