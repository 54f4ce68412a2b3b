//! Pages of statistics that begin far from the end of the list.
//!
//! To leave out a million groups, a database makes all of them. Counting them a while at a time is
//! cheaper, and what is left to leave out then is small.

use crate::codec::Db;
use std::time::Duration;

use super::merged::Source;
use super::request_parts::Part;
use super::request_queries::{Span, StatsFilter, nearest, push_filter, push_status, push_table};
use super::{Store, StoreError, on_read};
use linux_api_wire::request_stats::Resolution;
use linux_api_wire::time::Timestamp;

/// Fewer groups than this are left out by the query itself.
const OFFSET_MIN: i64 = 5_000;
/// More groups in a bucket than a page has.
pub(super) const MANY: usize = 1_000;
const MILLISECOND: Duration = Duration::from_millis(1);

/// What the groups of a list are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Groups {
    /// Times, and methods when they are separate.
    Totals,
    /// Times and routes, and methods when they are separate.
    Routes,
    /// Times, routes and these statuses, and methods when they are separate.
    Statuses(Option<u16>),
}

impl Store {
    /// The same page of a shorter list: without whole whiles whose groups the page leaves out.
    pub(super) async fn come_nearer(
        &self,
        groups: Groups,
        part: &Part,
        span: Span,
    ) -> Result<(StatsFilter, Span), StoreError> {
        let (mut filter, mut span) = (part.filter.clone(), span);
        let source = part.source;
        let while_length = match filter.resolution {
            Resolution::Minute => Duration::from_hours(24),
            Resolution::Hour => Duration::from_hours(24 * 30),
            Resolution::Day => Duration::from_hours(24 * 365),
        };
        while span.offset > OFFSET_MIN {
            let nearest = self
                .nearest(groups, source, &filter, span.newest_first)
                .await?;
            let Some(nearest) = nearest else {
                break;
            };
            let mut part = filter.clone();
            if span.newest_first {
                part.from = nearest.saturating_sub(while_length).max(filter.from);
            } else {
                part.to = nearest.saturating_add(while_length).min(filter.to);
            }
            let count = self.count(groups, source, &part).await?;
            if count > span.offset {
                break;
            }
            span.offset -= count;
            if span.newest_first {
                filter.to = part.from.saturating_sub(MILLISECOND);
            } else {
                filter.from = part.to.saturating_add(MILLISECOND);
            }
        }
        Ok((filter, span))
    }

    /// The time that the list begins with.
    pub(super) async fn nearest(
        &self,
        groups: Groups,
        source: Source,
        filter: &StatsFilter,
        newest_first: bool,
    ) -> Result<Option<Timestamp>, StoreError> {
        let hosts = filter.hosts.as_deref();
        on_read!(self, |tx| {
            let mut query = nearest!(groups, source, filter, hosts, newest_first);
            let found: Option<(Db<Timestamp>,)> = tx.fetch_optional(query.build_query_as()).await?;
            Ok(found.map(|(time,)| time.0))
        })
    }

    async fn count(
        &self,
        groups: Groups,
        source: Source,
        filter: &StatsFilter,
    ) -> Result<i64, StoreError> {
        let (hosts, engine) = (filter.hosts.as_deref(), self.engine());
        on_read!(self, |tx| {
            let mut query = sqlx::QueryBuilder::new("select count(*) from (select distinct ");
            query.push(match groups {
                Groups::Totals => "time",
                Groups::Routes => "time, route",
                Groups::Statuses(_) => "time, route, status",
            });
            query.push(filter.split());
            query.push(" from ");
            push_table!(
                query,
                engine,
                filter,
                groups.table(source, filter.resolution)
            );
            push_filter!(query, filter, hosts, filter.to);
            push_status!(query, groups.status());
            query.push(") counted");
            let counted: Option<(i64,)> = tx.fetch_optional(query.build_query_as()).await?;
            Ok(counted.map_or(0, |(count,)| count))
        })
    }
}

impl Groups {
    /// About how many of them that a filter lets through a bucket is thought to have.
    pub(super) const fn per_bucket(self, filter: &StatsFilter) -> usize {
        match self {
            // Then a bucket has as many as a fleet has hosts, or as many more.
            _ if filter.split.is_some() => MANY,
            Self::Totals => 1,
            Self::Routes | Self::Statuses(_) if filter.route.is_some() => 1,
            Self::Routes | Self::Statuses(_) => 16,
        }
    }

    pub(super) const fn table(self, source: Source, resolution: Resolution) -> &'static str {
        let (durations, statuses) = source.tables(resolution);
        match self {
            Self::Totals | Self::Routes => durations,
            Self::Statuses(_) => statuses,
        }
    }

    pub(super) const fn status(self) -> Option<u16> {
        match self {
            Self::Totals | Self::Routes => None,
            Self::Statuses(status) => status,
        }
    }
}
