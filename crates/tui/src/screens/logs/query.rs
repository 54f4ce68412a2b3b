//! Pages of the journal.

use std::time::Duration;

use crate::demo::DemoScript;
use crate::query::{Query, RARELY};
use linux_api_client::Client;
use linux_api_client::error::ClientError;
use linux_api_client::logs::{LogDirection, LogQuery};
use linux_api_wire::api::logs::LogPage;

/// Lines of one page.
pub(crate) const PAGE: u32 = 200;

/// Which lines to show; all conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// The unit that wrote them.
    pub unit: Option<String>,
    /// The least urgent priority.
    pub priority: Option<u8>,
    /// A regular expression.
    pub grep: Option<String>,
}

impl LogFilter {
    /// What the badge says.
    pub(crate) fn in_words(&self) -> String {
        let priority = self.priority.map(|priority| match priority {
            3 => "errors".to_owned(),
            4 => "warnings and errors".to_owned(),
            6 => "no debug".to_owned(),
            other => format!("priority {other}"),
        });
        let grep = self.grep.as_ref().map(|grep| format!("grep {grep}"));
        let parts = self.unit.clone().into_iter().chain(priority).chain(grep);
        parts.collect::<Vec<String>>().join(", ")
    }

    fn query(&self) -> LogQuery {
        LogQuery {
            unit: self.unit.clone(),
            priority: self.priority,
            grep: self.grep.clone(),
            limit: Some(PAGE),
            ..LogQuery::default()
        }
    }
}

/// The newest lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogsQuery(pub LogFilter);

impl Query for LogsQuery {
    type Response = LogPage;
    const LEAST: Duration = Duration::from_secs(2);

    async fn fetch(&self, client: &Client) -> Result<LogPage, ClientError> {
        client.logs(&self.0.query()).await
    }

    fn scripted(&self, script: &DemoScript) -> Result<LogPage, ClientError> {
        Ok(script.logs(&self.0, None))
    }

    /// Lines that another filter picked are none of this one's.
    fn is_shown_by(&self, other: &Self) -> bool {
        self == other
    }

    /// A pattern that can't be read is no fault of the host.
    fn is_fault(error: &ClientError) -> bool {
        !matches!(error, ClientError::Refused { status: 422, .. })
    }
}

/// The lines before those that are held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OlderLogsQuery {
    /// Which lines.
    pub filter: LogFilter,
    /// Where the page ends.
    pub cursor: String,
}

impl Query for OlderLogsQuery {
    type Response = LogPage;

    /// What was written does not change.
    fn pace(_every: Duration) -> Duration {
        RARELY
    }

    async fn fetch(&self, client: &Client) -> Result<LogPage, ClientError> {
        let query = LogQuery {
            cursor: Some(self.cursor.clone()),
            direction: Some(LogDirection::Older),
            ..self.filter.query()
        };
        client.logs(&query).await
    }

    fn scripted(&self, script: &DemoScript) -> Result<LogPage, ClientError> {
        Ok(script.logs(&self.filter, Some(&self.cursor)))
    }

    /// That older lines are not there yet makes what is shown no older.
    fn is_shown_by(&self, _other: &Self) -> bool {
        false
    }
}
