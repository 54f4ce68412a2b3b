//! Notices about the configuration of a running daemon.

use std::sync::{Arc, PoisonError, RwLock};

use linux_api_wire::time::Timestamp;

/// Notices that readiness shows. Cheap to clone; all clones show the same.
#[derive(Debug, Clone, Default)]
pub struct Notices(Arc<RwLock<State>>);

#[derive(Debug, Default)]
struct State {
    insecure: bool,
    refused: Option<(Timestamp, String)>,
    waiting: Vec<String>,
    failure: Option<String>,
}

impl Notices {
    /// Whether keys travel in the clear.
    pub fn note_insecure(&self, is_insecure: bool) {
        self.change(|state| state.insecure = is_insecure);
    }

    /// A background task has failed, and the daemon stops because of it.
    pub fn note_failure(&self, failure: String) {
        self.change(|state| state.failure = Some(failure));
    }

    /// Whether the daemon stops because a background task has failed.
    pub(crate) fn has_failed(&self) -> bool {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        state.failure.is_some()
    }

    /// A new configuration was refused.
    pub fn note_refused(&self, time: Timestamp, reason: String) {
        self.change(|state| state.refused = Some((time, reason)));
    }

    /// A new configuration is in force, but for these options, which wait for a restart.
    pub fn note_reloaded(&self, waiting: Vec<String>) {
        self.change(|state| {
            state.refused = None;
            state.waiting = waiting;
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// All that there is to know; `in_full` for people on this host, who may read the log as well.
    pub(crate) fn show(&self, in_full: bool) -> Vec<String> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut shown = Vec::new();
        if let Some(failure) = &state.failure {
            shown.push(format!("{failure}; the daemon stops"));
        }
        if state.insecure {
            let text = "server.insecure is set: keys travel in the clear";
            shown.push(text.to_owned());
        }
        if let Some((time, reason)) = &state.refused {
            let what = format!("the configuration was not reloaded at {time}, the old one is used");
            shown.push(if in_full {
                format!("{what}: {reason}")
            } else {
                format!("{what}; the log says why")
            });
        }
        if !state.waiting.is_empty() && in_full {
            let options = state.waiting.join(", ");
            shown.push(format!("changed, applied at the next restart: {options}"));
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_not_told_what_the_configuration_says() {
        let notices = Notices::default();
        assert!(notices.show(true).is_empty());
        notices.note_insecure(true);
        notices.note_reloaded(vec!["server.listen".to_owned()]);
        let time = Timestamp::from_millis(0);
        notices.note_refused(time, "config.toml: docs.enabled: bad".to_owned());
        let full = notices.show(true).join("\n");
        assert!(
            full.contains("docs.enabled: bad") && full.contains("server.listen"),
            "{full}"
        );
        let short = notices.show(false).join("\n");
        assert!(
            short.contains("1970-01-01T00:00:00Z") && short.contains("in the clear"),
            "{short}"
        );
        assert!(
            !short.contains("docs") && !short.contains("server.listen"),
            "{short}"
        );
        notices.note_reloaded(Vec::new());
        assert_eq!(notices.show(true).len(), 1);
    }
}
