//! Pages of statistics are read window by window.
//!
//! A page is some groups from one end of a range, but a database that has to group and then to
//! cut off groups the whole range first, which may be millions of rows. Rows of one time are never
//! far from each other, so a window of a few times holds whole groups, and a few windows a page.

use super::request_offsets::MANY;
use super::request_queries::{Span, StatsFilter};
use linux_api_wire::time::Timestamp;

/// The least and the most buckets of the first window.
const FIRST: (usize, usize) = (16, 1_500);
/// How many times as long the next window may be: where a quiet time follows on a busy one, that is how
/// much too long it may be.
const GROWTH: usize = 4;

/// What is still to be read for a page.
#[derive(Debug)]
pub(super) struct Windows {
    rest: StatsFilter,
    span: Span,
    /// How many groups the page and what it leaves out come to.
    needed: usize,
    /// How many buckets the next window has.
    length: usize,
    /// How many groups the windows before the last held.
    found: usize,
    is_first: bool,
}

impl Windows {
    /// Windows over the range of `filter`, in which a bucket is thought to hold about `density`
    /// groups.
    pub(super) fn new(filter: &StatsFilter, span: Span, density: usize) -> Self {
        let offset = usize::try_from(span.offset).unwrap_or(usize::MAX);
        let needed = offset.saturating_add(span.limit as usize);
        // One bucket may be more than a page.
        let least = if density < MANY { FIRST.0 } else { 1 };
        Self {
            rest: filter.clone(),
            span,
            needed,
            length: (needed / density).clamp(least, FIRST.1),
            found: 0,
            is_first: true,
        }
    }

    /// Where more groups can be when this many were found so far; nothing when these are enough, or
    /// all there are.
    pub(super) fn rest(&mut self, found: usize) -> Option<&StatsFilter> {
        if found >= self.needed || self.rest.from > self.rest.to {
            return None;
        }
        if !self.is_first {
            let missing = self.needed - found;
            let per_window = (found - self.found).max(1);
            // A little more than what is missing, were the next window as full as the last one.
            let wanted = missing.saturating_mul(self.length) / per_window;
            let wanted = wanted.saturating_add(wanted / 4).saturating_add(1);
            self.length = wanted.min(self.length.saturating_mul(GROWTH));
        }
        self.is_first = false;
        self.found = found;
        Some(&self.rest)
    }

    /// The next window: from the time in the rest that comes first in the list, over some buckets.
    pub(super) fn window(&mut self, nearest: Timestamp) -> StatsFilter {
        let buckets = u32::try_from(self.length - 1).unwrap_or(u32::MAX);
        let length = self.rest.resolution.length().saturating_mul(buckets);
        let mut window = self.rest.clone();
        if self.span.newest_first {
            window.to = nearest;
            window.from = nearest.saturating_sub(length).max(self.rest.from);
            self.rest.to = Timestamp::from_millis(window.from.as_millis().saturating_sub(1));
        } else {
            window.from = nearest;
            window.to = nearest.saturating_add(length).min(self.rest.to);
            self.rest.from = Timestamp::from_millis(window.to.as_millis().saturating_add(1));
        }
        window
    }

    /// The most groups that a window has to return.
    pub(super) fn limit(&self) -> i64 {
        i64::try_from(self.needed).unwrap_or(i64::MAX)
    }

    /// The page, of the groups of all windows.
    pub(super) fn page<T>(&self, groups: Vec<T>) -> Vec<T> {
        let offset = usize::try_from(self.span.offset).unwrap_or(usize::MAX);
        let page = groups.into_iter().skip(offset);
        page.take(self.span.limit as usize).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use linux_api_wire::request_stats::Resolution;

    const MINUTE: i64 = 60_000;

    /// Reads a page of groups at these minutes, and how many windows that took.
    fn read(minutes: &[i64], range: (i64, i64), span: Span) -> (Vec<i64>, usize) {
        let filter = StatsFilter {
            resolution: Resolution::Minute,
            from: Timestamp::from_millis(range.0 * MINUTE),
            to: Timestamp::from_millis(range.1 * MINUTE),
            route: None,
            hosts: None,
            by_method: false,
            split: None,
        };
        let within = |filter: &StatsFilter| {
            let (from, to) = (filter.from.as_millis(), filter.to.as_millis());
            let mut found: Vec<i64> = minutes.to_vec();
            found.retain(|minute| (from..=to).contains(&(minute * MINUTE)));
            found.sort_unstable();
            if span.newest_first {
                found.reverse();
            }
            found
        };
        let mut windows = Windows::new(&filter, span, 2);
        let (mut groups, mut count) = (Vec::new(), 0);
        while let Some(rest) = windows.rest(groups.len()) {
            let Some(nearest) = within(rest).first().copied() else {
                break;
            };
            let window = windows.window(Timestamp::from_millis(nearest * MINUTE));
            groups.extend(within(&window));
            count += 1;
        }
        (windows.page(groups), count)
    }

    #[test]
    fn gaps_cost_no_windows() {
        let minutes: Vec<i64> = (0..40).map(|number| number * 100_000).collect();
        let span = Span {
            limit: 100,
            offset: 0,
            newest_first: true,
        };
        let (page, windows) = read(&minutes, (0, i64::MAX / MINUTE), span);
        assert_eq!(page.len(), 40);
        assert!(windows <= 10, "{windows}");
    }

    proptest! {
        #[test]
        fn windows_together_are_the_whole_list(
            minutes in prop::collection::vec(0_i64..3_000, 0..400),
            range in (0_i64..3_000, 0_i64..3_000),
            limit in 1_u32..200,
            offset in 0_i64..100,
            newest_first in any::<bool>(),
        ) {
            let mut expected = minutes.clone();
            expected.retain(|minute| (range.0..=range.1).contains(minute));
            expected.sort_unstable();
            if newest_first {
                expected.reverse();
            }
            let skipped = usize::try_from(offset).unwrap();
            let expected: Vec<i64> =
                expected.into_iter().skip(skipped).take(limit as usize).collect();
            let (page, _) = read(&minutes, range, Span { limit, offset, newest_first });
            prop_assert_eq!(page, expected);
        }
    }
}
