//! The line that `systemctl status` shows: put together in one place from how things stand now.
//!
//! The database, a reload and the start all change it, each at its own time. None of them says what it
//! knows of the others: that would be what was so when it began.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::systemd;
use linux_api_store::{Availability, Store};

/// The status line. Clones share it.
#[derive(Clone)]
pub(super) struct StatusLine {
    store: Store,
    /// Shown while all is well.
    listening: Arc<str>,
    /// Why the last reload was refused. Held while the line is sent, so that the newest line comes last.
    refused_reload: Arc<Mutex<Option<String>>>,
}

impl fmt::Debug for StatusLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StatusLine").field(&self.listening).finish()
    }
}

impl StatusLine {
    /// The line of a daemon that listens where `listening` says.
    pub(super) fn new(store: Store, listening: &str) -> Self {
        Self {
            store,
            listening: listening.into(),
            refused_reload: Arc::default(),
        }
    }

    /// Sends the line as it is now.
    pub(super) fn send(&self) {
        self.change(|_| systemd::notify_status);
    }

    /// Sends it with the news that the daemon is ready.
    pub(super) fn send_ready(&self) {
        self.change(|_| systemd::notify_ready);
    }

    /// Sends it with the news that a reload has ended, and was refused for this reason.
    pub(super) fn send_reloaded(&self, refused: Option<String>) {
        self.change(|known| {
            *known = refused;
            systemd::notify_ready
        });
    }

    fn change(&self, change: impl FnOnce(&mut Option<String>) -> fn(&str)) {
        let mut refused = self
            .refused_reload
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let send = change(&mut refused);
        let state = self.store.availability().borrow().clone();
        send(&text(&state, &self.listening, refused.as_deref()));
    }
}

fn text(state: &Availability, listening: &str, refused_reload: Option<&str>) -> String {
    let line = match state {
        Availability::Ready => listening.to_owned(),
        Availability::Away(outage) => format!("waiting for the database: {}", outage.reason),
        Availability::Preparing { step } => format!("preparing the database: {step}"),
        Availability::Refused(obstacle) => {
            format!("the database is not used: {}", obstacle.reason)
        }
    };
    match refused_reload {
        None => line,
        Some(reason) => format!("{line}; reload refused: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_api_store::Outage;
    use linux_api_wire::time::Timestamp;

    #[test]
    fn a_refused_reload_hides_no_outage_and_the_other_way_round() {
        let away = Availability::Away(Outage {
            since: Timestamp::from_millis(0),
            reason: "refused".into(),
            attempts: 3,
        });
        assert_eq!(text(&Availability::Ready, "listening", None), "listening");
        assert_eq!(
            text(&away, "listening", Some("no such file")),
            "waiting for the database: refused; reload refused: no such file"
        );
    }
}
