//! Each request is counted and logged once, however it ends.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::EdgeState;
use super::request_id::RequestId;
use crate::access_log::AccessRecord;
use linux_api_auth::identity::Identity;
use linux_api_wire::request_stats::{RequestMethod, UNMATCHED_ROUTE};

/// The status, as nginx has it, of a request whose client disconnected before the response.
const CLIENT_GONE: u16 = 499;

/// Marks a request of the daemon to itself. No client sent it, so it is neither counted nor logged.
#[derive(Debug, Clone, Copy)]
pub struct OwnProbe;

/// Counts a request and writes its line when it is dropped: also when the client hangs up, which
/// drops everything that was still to be done for it.
pub(super) struct Tally<'a> {
    pub(super) state: &'a EdgeState,
    pub(super) template: Option<&'a str>,
    pub(super) method: RequestMethod,
    pub(super) request_id: RequestId,
    pub(super) address: Option<IpAddr>,
    pub(super) identity: Option<Arc<Identity>>,
    /// Whether it is one of the daemon to itself.
    pub(super) is_own: bool,
    started: Instant,
    status: u16,
}

impl<'a> Tally<'a> {
    /// Begins to count a request, whose client is gone until it is answered.
    pub(super) fn begin(
        state: &'a EdgeState,
        template: Option<&'a str>,
        method: &str,
        request_id: RequestId,
        address: Option<IpAddr>,
    ) -> Self {
        Self {
            state,
            template,
            method: RequestMethod::from_name(method),
            request_id,
            address,
            identity: None,
            is_own: false,
            started: Instant::now(),
            status: CLIENT_GONE,
        }
    }

    /// It was answered with this status.
    pub(super) fn end(mut self, status: u16) {
        self.status = status;
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        if self.is_own {
            return;
        }
        let (state, status) = (self.state, self.status);
        let duration = in_micros(self.started.elapsed());
        let (now, route) = (state.clock.now(), self.template.unwrap_or(UNMATCHED_ROUTE));
        state
            .recorder
            .record(self.method, route, status, duration, now);
        if !state.access.wants(self.template, status, duration) {
            return;
        }
        let identity = self.identity.take();
        state.access_log.record(AccessRecord {
            time: now,
            // Methods that are not in the standard are logged without their text, which is the
            // client's.
            method: self.method.as_str(),
            route: route.into(),
            status,
            duration,
            request_id: (*self.request_id).into(),
            user_id: identity.as_ref().map(|identity| identity.user.id),
            key_id: identity
                .as_ref()
                .and_then(|identity| identity.key_id().cloned()),
            address: self.address,
        });
    }
}

/// Whole microseconds, as the access log has them: what is counted can be computed from it again.
fn in_micros(duration: Duration) -> Duration {
    let micros = (duration + Duration::from_nanos(500)).as_micros();
    u64::try_from(micros).map_or(duration, Duration::from_micros)
}
