//! Names of the accounts that processes run as.
//!
//! The file of accounts is read again when it has changed. Other accounts are looked up in
//! directories such as LDAP, in a task beside the scans: a directory that does not respond must not
//! delay a scan. Until it has responded, an account has no name.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::{Collector, accounts};
use linux_api_wire::process::ProcessScan;

/// How long a result of a directory is cached, "no such account" included.
const LOOKUP_LIFETIME: Duration = Duration::from_mins(5);

/// Most look-ups in a directory after one scan; the next scan continues.
const MAX_LOOKUPS: usize = 16;

/// Names by user id. Clones share everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct AccountNames(Arc<Mutex<Names>>);

#[derive(Debug, Default)]
struct Names {
    local: HashMap<u32, Arc<str>>,
    /// When the file was changed, and its length.
    version: Option<(SystemTime, u64)>,
    lookups: HashMap<u32, AccountLookup>,
}

#[derive(Debug)]
struct AccountLookup {
    name: Option<Arc<str>>,
    /// When the look-up began or ended; until it ends there is no name.
    since: Instant,
}

impl AccountNames {
    fn with<T>(&self, work: impl FnOnce(&mut Names) -> T) -> T {
        // A map is whole even when a thread panicked beside it.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file of accounts when it is another one than last time. Without it, accounts
    /// have numbers only.
    pub(crate) fn refresh(&self, rootfs: &Path) {
        let path = rootfs.join("etc/passwd");
        let version = std::fs::metadata(&path)
            .and_then(|file| Ok((file.modified()?, file.len())))
            .ok();
        self.with(|names| {
            if version.is_some() && names.version == version {
                return;
            }
            let text = std::fs::read(&path).unwrap_or_default();
            names.local.clear();
            for account in accounts::parse_accounts(&text) {
                // The first of several that share a number, as everywhere.
                let name = account.user_name.into();
                names.local.entry(account.uid).or_insert(name);
            }
            names.version = version;
        });
    }

    pub(crate) fn get(&self, uid: u32) -> Option<Arc<str>> {
        self.with(|names| {
            let local = names.local.get(&uid);
            let looked_up = || names.lookups.get(&uid)?.name.as_ref();
            local.or_else(looked_up).cloned()
        })
    }

    /// Picks accounts of a scan that have no name and were not looked up lately.
    fn start_lookups(&self, scan: &ProcessScan) -> Vec<u32> {
        let nameless: BTreeSet<u32> = scan
            .processes
            .iter()
            .filter(|process| process.description.user.is_none())
            .filter_map(|process| process.description.uid)
            .collect();
        self.with(|names| {
            names
                .lookups
                .retain(|_, lookup| lookup.since.elapsed() < LOOKUP_LIFETIME);
            let unknown = nameless
                .into_iter()
                .filter(|uid| !names.lookups.contains_key(uid) && !names.local.contains_key(uid));
            let uids: Vec<u32> = unknown.take(MAX_LOOKUPS).collect();
            for uid in &uids {
                let lookup = AccountLookup {
                    name: None,
                    since: Instant::now(),
                };
                names.lookups.insert(*uid, lookup);
            }
            uids
        })
    }

    /// Looks up the accounts of a scan that are not in the file.
    pub(crate) fn look_up_missing(&self, collector: &Collector, scan: &ProcessScan) {
        let uids = self.start_lookups(scan);
        if uids.is_empty() {
            return;
        }
        let (names, collector) = (self.clone(), collector.clone());
        tokio::spawn(async move {
            for uid in uids {
                match collector.find_account_by_uid(uid).await {
                    Ok(account) => names.with(|names| {
                        let lookup = AccountLookup {
                            name: account.map(|account| account.user_name.into()),
                            since: Instant::now(),
                        };
                        names.lookups.insert(uid, lookup);
                    }),
                    Err(error) => tracing::debug!(uid, %error, "could not look up an account"),
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;

    #[test]
    fn the_file_is_read_again_when_it_has_changed() {
        let tree = Tree::new();
        let names = AccountNames::default();
        let name = |uid| names.get(uid).map(|name| name.to_string());
        names.refresh(&tree.path(""));
        assert_eq!(name(0), None);
        tree.write(
            "etc/passwd",
            "root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\n",
        );
        names.refresh(&tree.path(""));
        assert_eq!(name(0).as_deref(), Some("root"));
        tree.write(
            "etc/passwd",
            "root:x:0:0::/:/bin/sh\nweb:x:33:33::/:/bin/sh\n\n",
        );
        names.refresh(&tree.path(""));
        assert_eq!(name(33).as_deref(), Some("web"));
        std::fs::remove_file(tree.path("etc/passwd")).unwrap();
        names.refresh(&tree.path(""));
        assert_eq!(name(33), None);
    }
}
