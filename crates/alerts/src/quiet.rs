//! Quiet hours: times in which what can wait is not sent.

use linux_api_wire::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::notice::Notice;
use crate::window::Weekly;

/// Times in which warnings wait. Critical notices pass, unless their rule says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuietHours {
    /// When it is quiet.
    #[serde(flatten)]
    pub weekly: Weekly,
}

impl QuietHours {
    /// Whether a notice waits at a moment.
    #[must_use]
    pub fn holds(&self, notice: &Notice, now: Timestamp) -> bool {
        notice.waits_in_quiet_hours() && self.weekly.contains(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::severity::Severity;
    use crate::testing::{at, firing};

    #[test]
    fn critical_passes_unless_its_rule_says_otherwise() {
        let hours: QuietHours =
            serde_json::from_str(r#"{"windows":["daily 22:00-07:00"],"zone":"UTC"}"#).unwrap();
        let mut notice = firing("disk_space", "web-01", Severity::Warning, at(0));
        assert!(hours.holds(&notice, at(0)));
        assert!(!hours.holds(&notice, at(8 * 3600)));
        notice.quiet_hours = Some(false);
        assert!(!hours.holds(&notice, at(0)));
        let mut notice = firing("disk_space", "web-01", Severity::Critical, at(0));
        assert!(!hours.holds(&notice, at(0)));
        notice.quiet_hours = Some(true);
        assert!(hours.holds(&notice, at(0)));
    }
}
