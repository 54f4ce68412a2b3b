//! What is kept of requests: per bucket of time, method and route.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::sketch::Sketch;
use super::time::Timestamp;

/// The route of every request whose path no route matches, so that strangers can't make up names.
pub const UNMATCHED_ROUTE: &str = "<unmatched>";

/// The method of a request, as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestMethod {
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
    /// OPTIONS.
    Options,
    /// Anything else; its text is the client's and is not kept.
    Other,
}

impl RequestMethod {
    /// Every method there is, in the order of the variants.
    pub const ALL: [Self; 8] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
        Self::Options,
        Self::Other,
    ];

    /// The name in the database and in responses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Other => "OTHER",
        }
    }

    /// The method with this name; every other name is [`RequestMethod::Other`].
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        let known = Self::ALL.into_iter().find(|one| one.as_str() == name);
        known.unwrap_or(Self::Other)
    }
}

/// How long a bucket of time is. Buckets begin at whole minutes, hours and days of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resolution {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day of 24 hours.
    Day,
}

impl Resolution {
    /// From the shortest to the longest.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// The length of a bucket.
    #[must_use]
    pub const fn length(self) -> Duration {
        match self {
            Self::Minute => Duration::from_mins(1),
            Self::Hour => Duration::from_hours(1),
            Self::Day => Duration::from_hours(24),
        }
    }

    /// When the bucket that holds `time` begins.
    #[must_use]
    pub fn start_of(self, time: Timestamp) -> Timestamp {
        let length = i64::try_from(self.length().as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(time.as_millis().div_euclid(length).saturating_mul(length))
    }
}

/// Which requests a bucket describes, besides their time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey {
    /// Template of the route, or [`UNMATCHED_ROUTE`].
    pub route: Arc<str>,
    /// The method.
    pub method: RequestMethod,
}

/// What is known of the requests of one bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestStats {
    /// How many there were.
    pub requests: u64,
    /// Their durations together, in seconds.
    pub sum: f64,
    /// The shortest, in seconds; infinite without requests.
    pub min: f64,
    /// The longest, in seconds; negatively infinite without requests.
    pub max: f64,
    /// All durations, in seconds.
    pub sketch: Sketch,
    /// How many ended with which HTTP status.
    pub statuses: BTreeMap<u16, u64>,
}

impl Default for RequestStats {
    fn default() -> Self {
        Self {
            requests: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            sketch: Sketch::new(),
            statuses: BTreeMap::new(),
        }
    }
}

impl RequestStats {
    /// Adds one request.
    pub fn add(&mut self, status: u16, duration: Duration) {
        let seconds = duration.as_secs_f64();
        self.requests += 1;
        self.sum += seconds;
        self.min = self.min.min(seconds);
        self.max = self.max.max(seconds);
        self.sketch.add_duration(duration);
        *self.statuses.entry(status).or_default() += 1;
    }

    /// Adds the requests of another bucket.
    pub fn merge(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sketch.merge(&other.sketch);
        for (status, count) in &other.statuses {
            let sum = self.statuses.entry(*status).or_default();
            *sum = sum.saturating_add(*count);
        }
    }

    /// About how many bytes of memory it takes, its own size included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        // A node of a small B-tree map has room for eleven entries.
        let statuses = self.statuses.len().div_ceil(6) * 192;
        size_of::<Self>() + self.sketch.heap_bytes() + statuses
    }
}

/// The whole state of one bucket, as it is stored: the next state of the same bucket replaces it.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestBucket {
    /// How long the bucket is.
    pub resolution: Resolution,
    /// When it begins.
    pub time: Timestamp,
    /// The host whose daemon counted.
    pub host_id: Arc<str>,
    /// Which start of that daemon it was.
    pub instance_id: Arc<str>,
    /// Which requests it describes.
    pub key: RequestKey,
    /// What is known of them.
    pub stats: RequestStats,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_begin_at_whole_minutes_hours_and_days() {
        let time: Timestamp = "2026-11-23T07:02:31.250Z".parse().unwrap();
        let starts = Resolution::ALL.map(|one| one.start_of(time).to_string());
        assert_eq!(
            starts,
            [
                "2026-11-23T07:02:00Z",
                "2026-11-23T07:00:00Z",
                "2026-11-23T00:00:00Z"
            ]
        );
        let before_1970 = Timestamp::from_millis(-1);
        assert_eq!(
            Resolution::Minute.start_of(before_1970),
            Timestamp::from_millis(-60_000)
        );
    }

    #[test]
    fn merged_buckets_hold_the_requests_of_both() {
        let mut left = RequestStats::default();
        left.add(200, Duration::from_millis(10));
        left.add(500, Duration::from_millis(30));
        let mut right = RequestStats::default();
        right.add(200, Duration::from_millis(20));
        left.merge(&right);
        left.merge(&RequestStats::default());
        assert_eq!((left.requests, left.min, left.max), (3, 0.01, 0.03));
        assert!((left.sum - 0.06).abs() < 1e-12);
        assert_eq!(left.statuses, BTreeMap::from([(200, 2), (500, 1)]));
        assert_eq!(left.sketch.count(), 3);
    }

    #[test]
    fn methods_are_found_by_name() {
        for method in RequestMethod::ALL {
            assert_eq!(RequestMethod::from_name(method.as_str()), method);
        }
        assert_eq!(RequestMethod::from_name("BREW"), RequestMethod::Other);
        assert_eq!(RequestMethod::from_name("get"), RequestMethod::Other);
    }
}
