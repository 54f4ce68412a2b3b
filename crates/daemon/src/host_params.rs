//! Parameters that select hosts, which several routes share.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::ApiError;
use crate::params::QueryReader;
use linux_api_store::hosts::HostName;
use linux_api_store::{Store, StoreError};
use linux_api_wire::fleet::HostLabel;

/// The most labels that one request may name.
const LABELS_MAX: usize = 20;
/// The most hosts that one request may name, and that may be selected at once: each is a parameter of
/// the statement.
pub(crate) const HOSTS_MAX: usize = 1_000;
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

/// What a request selects.
#[derive(Debug, Default)]
pub(crate) struct HostSelection {
    /// Ids or names; any host when there are none.
    pub(crate) named: Vec<String>,
    /// Labels that all of them have.
    pub(crate) labels: Vec<HostLabel>,
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
    ) -> Result<Vec<HostName>, ApiError> {
        let limit = u32::try_from(most).unwrap_or(u32::MAX).saturating_add(1);
        let named = (!self.named.is_empty()).then_some(&self.named[..]);
        let found = store.select_hosts(named, &self.labels, limit).await?;
        if found.len() <= most {
            return Ok(found);
        }
        let field = if self.named.is_empty() {
            "label"
        } else {
            "host"
        };
        let message = format!("Input should select at most {most} hosts for this request");
        Err(ApiError::invalid(vec![QueryReader::wrong(field, message)]))
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
            return self.select(store, most).await;
        }
        let mut known = self.known(store, own).await?;
        if known.len() > most {
            let message = format!("Input should select at most {most} hosts for this request");
            return Err(ApiError::invalid(vec![QueryReader::wrong("host", message)]));
        }
        if !self.labels.is_empty() {
            let all = self.select(store, HOSTS_MAX).await?;
            let ids: BTreeSet<&str> = all.iter().map(|host| host.id.as_str()).collect();
            known.retain(|host| ids.contains(host.id.as_str()));
        }
        Ok(known)
    }

    /// The hosts that are named, each once and by name.
    async fn known(&self, store: &Store, own: &str) -> Result<Vec<HostName>, ApiError> {
        // Several may have one name.
        let limit = u32::try_from(2 * HOSTS_MAX).unwrap_or(u32::MAX);
        let found = store.select_hosts(Some(&self.named), &[], limit).await?;
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
