//! Processes and threads by state, and their limits.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::attributes::number;
use super::{Collect, Families};
use crate::{CollectError, HostRoots};

/// Reads `stat` of every thread, which is why it is off by default.
#[derive(Debug)]
pub(super) struct Tasks(PathBuf);

impl Tasks {
    pub(super) fn new(roots: &HostRoots) -> Self {
        Self(roots.procfs.clone())
    }
}

type States = BTreeMap<String, u64>;

impl Collect for Tasks {
    fn collect(&mut self, families: &mut Families) -> Result<(), CollectError> {
        let failed = |source| CollectError::Read {
            path: self.0.clone(),
            source,
        };
        let (mut processes, mut threads) = (States::new(), States::new());
        let (mut process_count, mut thread_count) = (0_u64, 0_u64);
        for entry in fs::read_dir(&self.0).map_err(failed)?.flatten() {
            if !is_number(&entry.path()) {
                continue;
            }
            // One that ended meanwhile is left out.
            let Some((state, count)) = stat(&entry.path().join("stat")) else {
                continue;
            };
            process_count += 1;
            thread_count += count;
            *processes.entry(state).or_default() += 1;
            for thread in fs::read_dir(entry.path().join("task"))
                .into_iter()
                .flatten()
                .flatten()
            {
                if let Some((state, _)) = stat(&thread.path().join("stat")) {
                    *threads.entry(state).or_default() += 1;
                }
            }
        }
        for (state, count) in &processes {
            let help = "Processes by state.";
            families.gauge("node_processes_state", help, &[("state", state)], *count);
        }
        for (state, count) in &threads {
            let labels = [("thread_state", state.as_str())];
            families.gauge(
                "node_processes_threads_state",
                "Threads by state.",
                &labels,
                *count,
            );
        }
        families.gauge("node_processes_pids", "Processes.", &[], process_count);
        families.gauge("node_processes_threads", "Threads.", &[], thread_count);
        let kernel = self.0.join("sys/kernel");
        let help = "The most processes and threads that have numbers.";
        let most = number(&kernel.join("pid_max"))?;
        families.gauge("node_processes_max_processes", help, &[], most);
        let help = "The most threads that the kernel allows.";
        let most = number(&kernel.join("threads-max"))?;
        families.gauge("node_processes_max_threads", help, &[], most);
        Ok(())
    }
}

fn is_number(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
}

/// State and number of threads, of a file such as `PID (NAME) STATE …`; a name may hold anything.
fn stat(path: &Path) -> Option<(String, u64)> {
    let bytes = fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let (_, rest) = text.rsplit_once(')')?;
    let mut words = rest.split_whitespace();
    let state = words.next()?.to_owned();
    // The twentieth field, counted from the number of the process.
    let threads = words.nth(16)?.parse().ok()?;
    Some((state, threads))
}
