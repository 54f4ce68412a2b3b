//! The network of a host, and what its interfaces carried lately.

use std::time::Duration;

use crate::demo::DemoScript;
use crate::query::Query;
use linux_api_client::error::ClientError;
use linux_api_client::{Client, HistoryRange};
use linux_api_wire::api::history::History;
use linux_api_wire::api::network::NetworkDetail;
use linux_api_wire::time::Timestamp;

/// Most rows of listening sockets on one page.
const PAGE: u32 = 1000;
/// Most pages.
const PAGES: usize = 10;
/// How far back the lines of interfaces go.
pub(crate) const SPAN: Duration = Duration::from_mins(10);
/// Seconds between two points of them.
pub(crate) const STEP: u64 = 10;

/// Interfaces and sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkQuery;

impl Query for NetworkQuery {
    type Response = NetworkDetail;
    const LEAST: Duration = Duration::from_secs(2);

    async fn fetch(&self, client: &Client) -> Result<NetworkDetail, ClientError> {
        let mut detail = client.network(PAGE, None).await?;
        for _ in 1..PAGES {
            let Some(cursor) = detail.next_cursor.take() else {
                break;
            };
            let page = client.network(PAGE, Some(&cursor)).await?;
            detail.listening.extend(page.listening);
            detail.next_cursor = page.next_cursor;
        }
        Ok(detail)
    }

    fn scripted(&self, script: &DemoScript) -> Result<NetworkDetail, ClientError> {
        Ok(script.network())
    }
}

/// What the interfaces carried in the last ten minutes before a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RatesQuery {
    /// The moment, whole steps after 1970: the next step is another query.
    pub until: Timestamp,
}

impl Query for RatesQuery {
    type Response = History;

    async fn fetch(&self, client: &Client) -> Result<History, ClientError> {
        let range = HistoryRange {
            series: vec![
                "network.received_bytes_per_second".to_owned(),
                "network.sent_bytes_per_second".to_owned(),
            ],
            from: self.until.saturating_sub(SPAN),
            to: self.until,
            step: STEP,
        };
        client.history(&range).await
    }

    fn scripted(&self, script: &DemoScript) -> Result<History, ClientError> {
        Ok(script.rates(self.until))
    }

    /// The next step meets the same.
    fn is_like(&self, _other: &Self) -> bool {
        true
    }

    /// Lines are missing then, which is seen.
    fn is_fault(_error: &ClientError) -> bool {
        false
    }
}
