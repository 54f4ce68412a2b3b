//! Calls about units of systemd.

use serde::Serialize;

use super::Client;
use super::calls::dotted_segment;
use super::error::ClientError;
use linux_api_wire::api::units::{UnitDetail, UnitList};

/// Which units to list; all conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct UnitQuery {
    /// States with commas between them, such as `failed,activating`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Types with commas between them, such as `service,timer`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// A part of the name, or a pattern where it has `*` or `?`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether units start with the system, such as `enabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<String>,
    /// The most units, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page starts, from an earlier response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Every call fails with a [`ClientError`] that says what to do about it.
#[expect(
    clippy::missing_errors_doc,
    reason = "said once, above: all of them fail in the same ways"
)]
impl Client {
    /// One page of units, by name.
    pub async fn units(&self, query: &UnitQuery) -> Result<UnitList, ClientError> {
        self.get("/api/v1/system/units", query).await
    }

    /// A unit with its last log lines, 0 to 100 of them; null without the scope for them.
    pub async fn unit(&self, name: &str, lines: u8) -> Result<UnitDetail, ClientError> {
        let path = format!("/api/v1/system/units/{}", dotted_segment(name));
        self.get(&path, &[("lines", lines)]).await
    }
}
