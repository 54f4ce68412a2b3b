//! One unit.

use std::time::Duration;

use crate::demo::DemoScript;
use crate::query::Query;
use linux_api_client::Client;
use linux_api_client::error::ClientError;
use linux_api_wire::api::units::UnitDetail;

/// How many of its last log lines are shown.
const LINES: u8 = 30;

/// The unit of this name, with what systemd knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitDetailQuery(pub String);

impl Query for UnitDetailQuery {
    type Response = UnitDetail;
    const LEAST: Duration = Duration::from_secs(3);

    async fn fetch(&self, client: &Client) -> Result<UnitDetail, ClientError> {
        client.unit(&self.0, LINES).await
    }

    fn scripted(&self, script: &DemoScript) -> Result<UnitDetail, ClientError> {
        script.unit(&self.0).ok_or_else(|| ClientError::Refused {
            address: script.name().to_owned(),
            status: 404,
            code: "unit_not_found".to_owned(),
            detail: "There is no such unit.".to_owned(),
            retry_after: None,
        })
    }

    fn is_shown_by(&self, other: &Self) -> bool {
        self == other
    }

    /// That a unit is gone is no fault of the host.
    fn is_fault(error: &ClientError) -> bool {
        !matches!(error, ClientError::Refused { status: 404, .. })
    }
}
