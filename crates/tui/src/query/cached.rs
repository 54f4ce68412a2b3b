//! The newest response of a host to one kind of query.

use std::time::Duration;

use super::Query;
use crate::freshness::PartFreshness;
use crate::message::ClockReading;
use linux_api_client::error::ClientError;

/// The newest response of a host, with the query and the time that it belongs to. An error leaves the
/// response in place.
#[derive(Debug, Clone)]
pub struct Cached<Q: Query> {
    value: Option<(Q, Q::Response)>,
    at: Duration,
    error: Option<(Q, ClientError)>,
    generation: u64,
}

impl<Q: Query> Default for Cached<Q> {
    fn default() -> Self {
        Self {
            value: None,
            at: Duration::ZERO,
            error: None,
            generation: 0,
        }
    }
}

impl<Q: Query> Cached<Q> {
    /// The newest response, whatever its query was.
    pub fn value(&self) -> Option<&Q::Response> {
        self.value.as_ref().map(|(_, value)| value)
    }

    /// The query of the newest response.
    pub fn query(&self) -> Option<&Q> {
        self.value.as_ref().map(|(query, _)| query)
    }

    /// The newest response, where it is one to this query.
    pub fn of(&self, query: &Q) -> Option<&Q::Response> {
        let (of, value) = self.value.as_ref()?;
        (of == query).then_some(value)
    }

    /// Why there is nothing newer.
    pub fn error(&self) -> Option<&ClientError> {
        self.error.as_ref().map(|(_, error)| error)
    }

    /// Why there is nothing newer for this query; an error that another query met says nothing about
    /// it, unless they are alike.
    pub fn error_of(&self, query: &Q) -> Option<&ClientError> {
        let (met, error) = self.error.as_ref()?;
        query.is_like(met).then_some(error)
    }

    /// How old the response is; nothing without one.
    pub fn age(&self, now: ClockReading) -> Option<Duration> {
        self.value.as_ref()?;
        Some(now.since_start.saturating_sub(self.at))
    }

    /// Grows with each response.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// How new what is shown for a query is, where a response is due this often.
    pub(super) fn part(&self, query: &Q, every: Duration, now: ClockReading) -> PartFreshness<'_> {
        let is_shown = self.query().is_some_and(|of| query.is_shown_by(of));
        PartFreshness {
            age: self.age(now).filter(|_| is_shown),
            error: self.error_of(query).filter(|error| Q::is_fault(error)),
            every,
        }
    }

    /// Takes a response.
    pub(super) fn put(&mut self, query: Q, value: Q::Response, now: ClockReading) {
        self.value = Some((query, value));
        self.at = now.since_start;
        self.error = None;
        self.generation += 1;
    }

    /// Takes a failure.
    pub(super) fn fail(&mut self, query: Q, error: ClientError) {
        self.error = Some((query, error));
    }

    /// Drops a failure that is over, without a newer response.
    pub(super) fn recover(&mut self) {
        self.error = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::KeysQuery;

    fn at(seconds: u64) -> ClockReading {
        ClockReading {
            since_start: Duration::from_secs(seconds),
            ..ClockReading::default()
        }
    }

    #[test]
    fn a_response_and_an_error_belong_to_their_query() {
        let of = |name: &str| KeysQuery(Some(name.to_owned()));
        let (one, two) = (of("1"), of("2"));
        let mut cached: Cached<KeysQuery> = Cached::default();
        assert_eq!(cached.age(at(3)), None);
        cached.put(one.clone(), Vec::new(), at(2));
        assert!(cached.of(&one).is_some() && cached.of(&two).is_none());
        assert_eq!(cached.age(at(5)), Some(Duration::from_secs(3)));
        let error = ClientError::Offline {
            address: String::new(),
            reason: "timed out".to_owned(),
        };
        cached.fail(two.clone(), error);
        assert!(cached.error_of(&two).is_some() && cached.error_of(&one).is_none());
        assert!(cached.value().is_some(), "an error leaves the response");
        let before = cached.generation();
        cached.put(two.clone(), Vec::new(), at(6));
        assert!(cached.error_of(&two).is_none() && cached.generation() > before);
    }
}
