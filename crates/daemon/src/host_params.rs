//! Parameters that select hosts and split by them, which several routes share: one type for each, which
//! reads them and describes them in the document.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use utoipa::{IntoParams, ToSchema};

use crate::error::ApiError;
use crate::params::QueryReader;
use linux_api_store::hosts::HostName;
use linux_api_store::request_queries::HostSplit;
use linux_api_store::{Store, StoreError};
use linux_api_wire::fleet::HostLabel;

/// The most labels that one request may name.
const LABELS_MAX: usize = 20;
/// The most hosts that one request may name, and that may be selected at once: each is a parameter of
/// the statement.
pub(crate) const HOSTS_MAX: usize = 1_000;
/// What to do where pages of hosts can be read.
const PAGE_ADVICE: &str = "narrow them down, or read them page by page with hosts_limit";
/// What to do where they can't.
pub(crate) const NARROW_ADVICE: &str = "narrow them down with host or another label";
/// More ids than this are not named.
const IDS_MAX: usize = 5;

/// The labels that hosts must have: all of them.
pub(crate) fn labels(query: &mut QueryReader) -> Vec<HostLabel> {
    let named = query.repeated("label");
    if named.len() > LABELS_MAX {
        let message = format!("Input should be at most {LABELS_MAX} labels");
        query.problem("label", message);
    }
    let mut labels = Vec::new();
    for text in named.iter().take(LABELS_MAX) {
        match text.parse() {
            Ok(label) => labels.push(label),
            Err(error) => query.problem("label", format!("{error}")),
        }
    }
    labels
}

/// Ids or names of hosts, in any number of fields.
pub(crate) fn hosts(query: &mut QueryReader) -> Vec<String> {
    let named = query.repeated("host");
    if named.len() > HOSTS_MAX {
        query.problem("host", format!("Input should be at most {HOSTS_MAX} hosts"));
    }
    for text in &named {
        if text.chars().count() > 256 {
            query.problem("host", "String should have at most 256 characters");
        } else if text.contains('\0') {
            query.problem("host", "String should not hold a NUL character");
        }
    }
    named
}

/// Which hosts a request is about.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HostSelection {
    /// Only the host with this id or name. May be repeated, for any of them; 1000 are the most.
    #[param(value_type = Option<Vec<String>>, max_items = 1000, rename = "host",
        example = json!(["web-1"]))]
    pub(crate) named: Vec<String>,
    /// Only hosts with this label, `NAME=VALUE`, of those that `host` names or of all. May be repeated;
    /// all must hold. It may select 1000 hosts.
    #[param(value_type = Option<Vec<String>>, max_items = 20, rename = "label",
        example = json!(["role=web"]))]
    pub(crate) labels: Vec<HostLabel>,
}

/// A page of the hosts that a request selects.
#[derive(Debug)]
pub(crate) struct HostPage {
    /// By name, those with the same name by id.
    pub(crate) hosts: Vec<HostName>,
    /// The last of them, when there are more.
    pub(crate) last: Option<HostName>,
}

/// What rows are split by.
#[derive(Debug, Clone, PartialEq, Eq)]
enum SplitBy {
    Method,
    Host,
    Label(String),
}

/// The text is nothing that rows are split by.
#[derive(Debug, thiserror::Error)]
#[error("expected host, label:NAME or method")]
pub(crate) struct ParseSplitError;

impl FromStr for SplitBy {
    type Err = ParseSplitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "method" => Ok(Self::Method),
            None if text == "host" => Ok(Self::Host),
            Some(("label", name)) if HostLabel::is_name(name) => Ok(Self::Label(name.to_owned())),
            _ => Err(ParseSplitError),
        }
    }
}

/// What distinguishes rows of statistics, besides time and route.
#[derive(Debug, Clone, Default, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Split {
    /// One row per `method`, per `host`, per value of a label of the hosts (`label:NAME`, which excludes
    /// `host`), or per both, in place of one for all. May be repeated.
    #[param(value_type = Option<Vec<String>>, rename = "by", example = json!(["label:role", "method"]))]
    pub(crate) by_method: bool,
    /// Which property of hosts distinguishes rows.
    #[param(ignore)]
    pub(crate) hosts: Option<HostSplit>,
}

impl Split {
    pub(crate) fn read(query: &mut QueryReader) -> Self {
        let by: Vec<SplitBy> = query.words("by").unwrap_or_default();
        let mut split = Self::default();
        for one in by {
            let hosts = match one {
                SplitBy::Method => {
                    split.by_method = true;
                    continue;
                }
                SplitBy::Host => HostSplit::Host,
                SplitBy::Label(name) => HostSplit::Label(name),
            };
            if split.hosts.as_ref().is_some_and(|other| *other != hosts) {
                query.problem("by", "Input should have at most one of host and label:NAME");
            }
            split.hosts = Some(hosts);
        }
        split
    }
}

/// Whether each series names its host.
#[derive(Debug, Clone, Copy, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SplitByHost {
    /// `host`: each series names its host, as it does whenever several are selected; of all hosts, when
    /// neither `host` nor `label` selects any.
    #[param(value_type = Option<HostOnly>, inline, rename = "by")]
    pub(crate) by_host: bool,
}

/// The only word of [`SplitByHost`].
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "only describes the parameter in the document")]
pub(crate) enum HostOnly {
    #[schema(rename = "host")]
    Host,
}

impl SplitByHost {
    pub(crate) fn read(query: &mut QueryReader) -> Self {
        let read = |text: &str| match text.parse() {
            Ok(SplitBy::Host) => Ok(()),
            _ => Err("Input should be 'host'".to_owned()),
        };
        Self {
            by_host: query.read_with("by", read).is_some(),
        }
    }
}

impl HostSelection {
    pub(crate) fn read(query: &mut QueryReader) -> Self {
        Self {
            named: hosts(query),
            labels: labels(query),
        }
    }

    /// Whether it leaves out any host.
    pub(crate) fn is_narrow(&self) -> bool {
        !self.named.is_empty() || !self.labels.is_empty()
    }

    /// The hosts that it selects, by name; 422 when they are more than `most`.
    pub(crate) async fn select(
        &self,
        store: &Store,
        most: usize,
        advice: &str,
    ) -> Result<Vec<HostName>, ApiError> {
        let limit = u32::try_from(most).unwrap_or(u32::MAX).saturating_add(1);
        let named = (!self.named.is_empty()).then_some(&self.named[..]);
        let found = store.select_hosts(named, &self.labels, None, limit).await?;
        if found.len() <= most {
            return Ok(found);
        }
        Err(self.too_many(most, advice))
    }

    /// That a request selects too many hosts, in the field that does.
    fn too_many(&self, most: usize, advice: &str) -> ApiError {
        let field = match (self.named.is_empty(), self.labels.is_empty()) {
            (false, _) => "host",
            (true, false) => "label",
            (true, true) => "by",
        };
        let message =
            format!("Input should select at most {most} hosts for this request: {advice}");
        ApiError::invalid(vec![QueryReader::wrong(field, message)])
    }

    /// A page of at most `limit` of the hosts that it selects, after a place. Errors are those of
    /// [`Self::select_known`].
    pub(crate) async fn select_page(
        &self,
        store: &Store,
        own: &str,
        after: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<HostPage, ApiError> {
        let mut hosts = if self.named.is_empty() {
            let rows = u32::try_from(limit).unwrap_or(u32::MAX).saturating_add(1);
            store.select_hosts(None, &self.labels, after, rows).await?
        } else {
            let mut all = self.select_known(store, own, HOSTS_MAX).await?;
            all.retain(|host| after.is_none_or(|after| (&*host.name, &*host.id) > after));
            all
        };
        let is_more = hosts.len() > limit;
        hosts.truncate(limit);
        Ok(HostPage {
            last: hosts.last().filter(|_| is_more).cloned(),
            hosts,
        })
    }

    /// As [`Self::select`]; 404 when one that is named is not there, and 422 when several have that
    /// name. `own` is the id of the daemon's host, which may not be in the database yet.
    pub(crate) async fn select_known(
        &self,
        store: &Store,
        own: &str,
        most: usize,
    ) -> Result<Vec<HostName>, ApiError> {
        if self.named.is_empty() {
            return self.select(store, most, PAGE_ADVICE).await;
        }
        let mut known = self.known(store, own).await?;
        if known.len() > most {
            return Err(self.too_many(most, PAGE_ADVICE));
        }
        if !self.labels.is_empty() {
            let all = self.select(store, HOSTS_MAX, NARROW_ADVICE).await?;
            let ids: BTreeSet<&str> = all.iter().map(|host| host.id.as_str()).collect();
            known.retain(|host| ids.contains(host.id.as_str()));
        }
        Ok(known)
    }

    /// The hosts that are named, each once and by name.
    async fn known(&self, store: &Store, own: &str) -> Result<Vec<HostName>, ApiError> {
        // Several may have one name.
        let limit = u32::try_from(2 * HOSTS_MAX).unwrap_or(u32::MAX);
        let found = store
            .select_hosts(Some(&self.named), &[], None, limit)
            .await?;
        let mut chosen: BTreeMap<(&str, &str), HostName> = BTreeMap::new();
        for named in &self.named {
            let with_id = found.iter().find(|host| host.id == *named);
            let with_name: Vec<&HostName> =
                found.iter().filter(|host| host.name == *named).collect();
            let host = match (with_id, &with_name[..]) {
                (Some(host), _) => host,
                (None, [host]) => *host,
                (None, []) if named == own => {
                    let host = HostName {
                        id: own.to_owned(),
                        name: own.to_owned(),
                    };
                    chosen.insert((own, own), host);
                    continue;
                }
                (None, []) => return Err(ApiError::host_unknown()),
                (None, several) => return Err(ambiguous(several)),
            };
            chosen.insert((&host.name, &host.id), host.clone());
        }
        Ok(chosen.into_values().collect())
    }
}

fn ambiguous(hosts: &[&HostName]) -> ApiError {
    let some: Vec<&str> = hosts
        .iter()
        .take(IDS_MAX)
        .map(|host| host.id.as_str())
        .collect();
    let (count, some) = (hosts.len(), some.join(", "));
    let message = format!("{count} hosts are called that; their ids are {some}");
    ApiError::invalid(vec![QueryReader::wrong("host", message)])
}

/// The names of hosts by their ids.
pub(crate) async fn names<'a>(
    store: &Store,
    ids: impl Iterator<Item = &'a str>,
) -> Result<BTreeMap<String, String>, StoreError> {
    let ids: BTreeSet<&str> = ids.collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let found = store.name_hosts(&ids).await?;
    Ok(found.into_iter().map(|host| (host.id, host.name)).collect())
}
