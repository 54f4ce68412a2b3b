//! One process.

use std::time::Duration;

use crate::demo::DemoScript;
use crate::query::Query;
use linux_api_client::Client;
use linux_api_client::error::ClientError;
use linux_api_wire::api::processes::ProcessDetail;

/// The process of this number, with all that can be read of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessDetailQuery(pub u32);

impl Query for ProcessDetailQuery {
    type Response = ProcessDetail;
    const LEAST: Duration = Duration::ZERO;

    async fn fetch(&self, client: &Client) -> Result<ProcessDetail, ClientError> {
        client.process(self.0).await
    }

    fn scripted(&self, script: &DemoScript) -> Result<ProcessDetail, ClientError> {
        let mut all = script.processes().into_iter();
        let process = all.find(|process| process.pid == self.0);
        let process = process.ok_or_else(|| ClientError::Refused {
            address: script.name().to_owned(),
            status: 404,
            code: "process_not_found".to_owned(),
            detail: "There is no such process.".to_owned(),
            retry_after: None,
        })?;
        Ok(ProcessDetail {
            arguments: process.command.split(' ').map(str::to_owned).collect(),
            process,
            open_files: Some(23),
            limits: Some(Vec::new()),
        })
    }

    fn is_shown_by(&self, other: &Self) -> bool {
        self == other
    }

    /// That a process ends is no fault of the host.
    fn is_fault(error: &ClientError) -> bool {
        !matches!(error, ClientError::Refused { status: 404, .. })
    }
}
