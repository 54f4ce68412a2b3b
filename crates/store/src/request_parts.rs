//! Which parts of a range are read from merged rows, and which from those of the hosts.

use std::collections::VecDeque;

use super::merged::{Source, seconds};
use super::request_queries::{Span, StatsFilter};
use super::{Store, StoreError, on_read};
use crate::codec::Db;
use linux_api_wire::time::Timestamp;

/// How many merged buckets are looked up at once: more than most pages have.
const LISTED: usize = 512;

/// A part of a range, all of which is read from one place.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) filter: StatsFilter,
    pub(super) source: Source,
}

/// The parts of a range, in the order of a list.
#[derive(Debug)]
pub(super) struct Parts {
    ready: VecDeque<Part>,
    rest: Option<StatsFilter>,
    newest_first: bool,
}

/// What was read of a part.
#[derive(Debug)]
pub(super) struct PartRows<T> {
    /// The rows of the page.
    pub(super) rows: Vec<T>,
    /// How many the page begins after, and these; all there are unless the page is full.
    pub(super) passed: i64,
}

impl<T> PartRows<T> {
    /// The same after groups that were left out without reading them.
    pub(super) fn after(self, skipped: i64) -> Self {
        Self {
            passed: self.passed.saturating_add(skipped),
            ..self
        }
    }
}

/// A page of a list whose parts are read one after the other.
#[derive(Debug)]
pub(super) struct Page<T> {
    parts: Parts,
    span: Span,
    pub(super) rows: Vec<T>,
}

impl<T> Page<T> {
    pub(super) fn new(filter: &StatsFilter, span: Span) -> Self {
        Self {
            parts: Parts::new(filter, span.newest_first),
            span,
            rows: Vec::new(),
        }
    }

    /// What to read next, and which part of its list; nothing when the page is full or all was read.
    pub(super) async fn next(&mut self, store: &Store) -> Result<Option<(Part, Span)>, StoreError> {
        if self.span.limit == 0 {
            return Ok(None);
        }
        let part = self.parts.next(store).await?;
        Ok(part.map(|part| (part, self.span)))
    }

    /// Adds what was read.
    pub(super) fn add(&mut self, part: PartRows<T>) {
        let added = u32::try_from(part.rows.len()).unwrap_or(u32::MAX);
        self.span.limit = self.span.limit.saturating_sub(added);
        self.span.offset = (self.span.offset - part.passed).max(0);
        self.rows.extend(part.rows);
    }
}

impl Parts {
    pub(super) fn new(filter: &StatsFilter, newest_first: bool) -> Self {
        Self {
            ready: VecDeque::new(),
            rest: Some(filter.clone()),
            newest_first,
        }
    }

    pub(super) async fn next(&mut self, store: &Store) -> Result<Option<Part>, StoreError> {
        loop {
            if let Some(part) = self.ready.pop_front() {
                return Ok(Some(part));
            }
            let Some(rest) = self.rest.take().filter(|rest| rest.from <= rest.to) else {
                return Ok(None);
            };
            if rest.hosts.is_some() || rest.split.is_some() {
                let (filter, source) = (rest, Source::Rows);
                return Ok(Some(Part { filter, source }));
            }
            let merged = store.merged_buckets(&rest, self.newest_first).await?;
            let is_all = merged.len() < LISTED;
            (self.ready, self.rest) = cut(&rest, &merged, is_all, self.newest_first);
        }
    }
}

/// Adds that a bucket counts as merged only while its tables hold anything: someone may have emptied them.
macro_rules! push_is_kept {
    ($query:expr, $resolution:expr) => {{
        let (durations, statuses) = $crate::merged::Source::Merged.tables($resolution);
        $query.push(" and (b.stats_rows = 0 or exists (select 1 from ");
        $query.push(durations);
        $query.push(")) and (b.status_rows = 0 or exists (select 1 from ");
        $query.push(statuses);
        $query.push("))");
    }};
}
pub(super) use push_is_kept;

impl Store {
    /// The buckets of a range that are merged, at most [`LISTED`], in the order of a list.
    async fn merged_buckets(
        &self,
        filter: &StatsFilter,
        newest_first: bool,
    ) -> Result<Vec<Timestamp>, StoreError> {
        let resolution = filter.resolution;
        let limit = i64::try_from(LISTED).unwrap_or(i64::MAX);
        let found: Vec<(Db<Timestamp>,)> = on_read!(self, |tx| {
            let mut query =
                sqlx::QueryBuilder::new("select time from fleet_buckets b where seconds = ");
            query.push_bind(seconds(resolution));
            query
                .push(" and time >= ")
                .push_bind(Db(resolution.start_of(filter.from)));
            query.push(" and time <= ").push_bind(Db(filter.to));
            push_is_kept!(query, resolution);
            query.push(" order by time");
            query.push(if newest_first { " desc" } else { "" });
            query.push(" limit ").push_bind(limit);
            Ok(tx.fetch_all(query.build_query_as()).await?)
        })?;
        Ok(found.into_iter().map(|(time,)| time.0).collect())
    }
}

/// Cuts a range into parts, by the buckets of it that are merged, as far as these are known: all of them, or
/// those that come first in the list. What is left is the rest of the range.
fn cut(
    range: &StatsFilter,
    merged: &[Timestamp],
    is_all: bool,
    newest_first: bool,
) -> (VecDeque<Part>, Option<StatsFilter>) {
    let length = range.resolution.length();
    let (mut low, mut high, mut rest) = (range.from, range.to, None);
    if let Some(last) = merged.last().filter(|_| !is_all) {
        let mut left = range.clone();
        if newest_first {
            low = (*last).max(low);
            left.to = before(low);
        } else {
            high = before(last.saturating_add(length)).min(high);
            left.from = Timestamp::from_millis(high.as_millis().saturating_add(1));
        }
        rest = Some(left);
    }
    let mut rising: Vec<Timestamp> = merged.to_vec();
    if newest_first {
        rising.reverse();
    }
    let mut parts = VecDeque::new();
    let mut add = |from: Timestamp, to: Timestamp, source| {
        if from <= to {
            let mut filter = range.clone();
            (filter.from, filter.to) = (from, to);
            parts.push_back(Part { filter, source });
        }
    };
    let mut at = low;
    let mut times = rising.into_iter().peekable();
    while let Some(first) = times.next() {
        let mut end = first.saturating_add(length);
        while let Some(next) = times.next_if_eq(&end) {
            end = next.saturating_add(length);
        }
        add(at, before(first), Source::Rows);
        add(first.max(at), before(end).min(high), Source::Merged);
        at = end.max(at);
    }
    add(at, high, Source::Rows);
    if newest_first {
        parts.make_contiguous().reverse();
    }
    (parts, rest)
}

/// Times are whole milliseconds.
fn before(time: Timestamp) -> Timestamp {
    Timestamp::from_millis(time.as_millis().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use linux_api_wire::request_stats::Resolution;

    const MINUTE: i64 = 60_000;

    proptest! {
        #[test]
        fn every_time_is_in_one_part_of_the_right_source(
            merged in prop::collection::btree_set(0_i64..60, 0..50),
            range in (0_i64..60 * MINUTE, 0_i64..60 * MINUTE),
            at_once in 1_usize..20,
            newest_first in any::<bool>(),
        ) {
            let filter = StatsFilter {
                resolution: Resolution::Minute,
                from: Timestamp::from_millis(range.0.min(range.1)),
                to: Timestamp::from_millis(range.0.max(range.1)),
                route: None,
                hosts: None,
                by_method: false,
                split: None,
            };
            let (mut parts, mut rest) = (Vec::new(), Some(filter.clone()));
            while let Some(range) = rest.take().filter(|rest| rest.from <= rest.to) {
                let first = Resolution::Minute.start_of(range.from).as_millis();
                let listed = merged.iter().map(|minute| minute * MINUTE);
                let mut listed: Vec<i64> =
                    listed.filter(|time| (first..=range.to.as_millis()).contains(time)).collect();
                if newest_first {
                    listed.reverse();
                }
                let is_all = listed.len() < at_once;
                listed.truncate(at_once);
                let listed: Vec<Timestamp> =
                    listed.into_iter().map(Timestamp::from_millis).collect();
                let (some, left) = cut(&range, &listed, is_all, newest_first);
                parts.extend(some);
                rest = left;
            }
            if newest_first {
                parts.reverse();
            }
            let mut at = filter.from;
            for part in &parts {
                prop_assert_eq!(part.filter.from, at);
                prop_assert!(part.filter.from <= part.filter.to);
                at = Timestamp::from_millis(part.filter.to.as_millis() + 1);
                let minutes = part.filter.from.as_millis() / MINUTE..=part.filter.to.as_millis() / MINUTE;
                let minutes: BTreeSet<i64> = minutes.collect();
                match part.source {
                    Source::Merged => prop_assert!(minutes.is_subset(&merged)),
                    Source::Rows => prop_assert!(minutes.is_disjoint(&merged)),
                }
            }
            prop_assert_eq!(at.as_millis(), filter.to.as_millis() + 1);
        }
    }
}
