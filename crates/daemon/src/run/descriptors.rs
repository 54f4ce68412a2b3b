//! How many files the daemon may have open, and how many connections fit into that.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Left for the database, the log, and reading the host.
const SPARE: u64 = 256;

/// As many of `wanted` connections as there are descriptors for. Raises the soft limit to the hard one
/// first: nothing here uses select(2), for which it is low.
pub(super) fn bounded(wanted: usize) -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let mut raised = limit;
        raised.current = limit.maximum;
        if setrlimit(Resource::Nofile, raised).is_ok() {
            limit = getrlimit(Resource::Nofile);
        }
    }
    let Some(open_files) = limit.current else {
        return wanted;
    };
    let connections = fitting(open_files, wanted);
    if connections < wanted {
        tracing::warn!(
            open_files,
            connections,
            "server.max_connections is larger than what the limit of open files (LimitNOFILE=, \
             ulimit -n) has room for; fewer connections are served at once"
        );
    }
    connections
}

/// At least a quarter of a limit that is very low.
fn fitting(open_files: u64, wanted: usize) -> usize {
    let most = open_files.saturating_sub(SPARE).max(open_files / 4).max(1);
    wanted.min(usize::try_from(most).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_everything_else() {
        assert_eq!(fitting(1_024, 1_024), 768);
        assert_eq!(fitting(16_384, 1_024), 1_024);
        assert_eq!(fitting(300, 1_024), 75);
        assert_eq!(fitting(0, 1_024), 1);
        assert_eq!(fitting(u64::MAX, 5), 5);
    }
}
