//! The units of a host.

use std::time::Duration;

use crate::demo::DemoScript;
use crate::query::Query;
use linux_api_client::Client;
use linux_api_client::error::ClientError;
use linux_api_client::units::UnitQuery;
use linux_api_wire::api::units::UnitList;

/// Most units on one page.
const PAGE: u32 = 1000;
/// Most pages of one list.
const PAGES: usize = 10;

/// All units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitsQuery;

impl Query for UnitsQuery {
    type Response = UnitList;
    const LEAST: Duration = Duration::from_secs(5);

    async fn fetch(&self, client: &Client) -> Result<UnitList, ClientError> {
        let mut query = UnitQuery {
            limit: Some(PAGE),
            ..UnitQuery::default()
        };
        let mut list = client.units(&query).await?;
        for _ in 1..PAGES {
            query.cursor = list.next_cursor.take();
            if query.cursor.is_none() {
                break;
            }
            let page = client.units(&query).await?;
            list.items.extend(page.items);
            list.next_cursor = page.next_cursor;
        }
        Ok(list)
    }

    fn scripted(&self, script: &DemoScript) -> Result<UnitList, ClientError> {
        Ok(script.units())
    }
}
