//! One transaction for everything that a daemon has measured.

use std::sync::Arc;

use super::alerts::outbox;
use super::codec::Db;
use super::host_minutes::write_minutes;
use super::hosts::upsert_host;
use super::leases::renew_presence;
use super::request_stats::upsert_buckets;
use super::series_ends::HOLD;
use super::vital::{self, VitalSettings};
use super::{Store, StoreError, in_write};
use linux_api_wire::fleet::{HostFacts, HostIdentity, HostSample};
use linux_api_wire::request_stats::RequestBucket;
use linux_api_wire::time::Timestamp;

/// That a daemon lives, and what it last measured.
#[derive(Debug, Clone)]
pub struct HostReport {
    /// Which host.
    pub identity: HostIdentity,
    /// Which start of its daemon.
    pub instance_id: Arc<str>,
    /// Its newest figures, and when they were read; without any, those that are stored stay.
    pub facts: Option<(Timestamp, HostFacts)>,
    /// A reading as JSON, for those who read the table, and when it was taken. Written more rarely: it
    /// is as large as all the rest of the row.
    pub sample: Option<(Timestamp, String)>,
}

/// What is written at once. Writing the same again changes nothing.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Whose it is.
    pub host: &'a HostReport,
    /// Whole states of buckets of requests.
    pub buckets: &'a [RequestBucket],
    /// Minutes of the host's own series.
    pub samples: &'a [HostSample],
}

impl Store {
    /// Writes a batch, all of it or nothing.
    ///
    /// # Errors
    /// When the database fails or does not respond within the deadline. It may then have been
    /// written all the same; writing it again is right in either case.
    pub async fn flush(&self, batch: Batch<'_>) -> Result<(), StoreError> {
        let now = self.clock().now();
        let (engine, known) = (self.engine(), self.known_revision());
        let presence = self.inner.presence.due_with_flush(now);
        let since = self.inner.tracker.moment();
        let (revision, leader) = in_write!(self, |tx| {
            let query = sqlx::query_as(vital::IN_TRANSACTION);
            let query = query.bind(Db(now)).bind(Db(outbox::latest_end(now)));
            let rows: Vec<(String, String)> = tx.fetch_all(query).await?;
            let vital = VitalSettings::of(&rows)?;
            // Nothing is written into a schema that another program has changed since.
            vital.check(known)?;
            upsert_host!(tx, engine, batch.host, now);
            upsert_buckets!(tx, batch.buckets);
            write_minutes!(tx, engine, &batch.host.identity.id, batch.samples, now);
            if let Some(lease) = &presence {
                renew_presence!(tx, lease, now);
            }
            let leader = rows.into_iter().find(|(name, _)| name == outbox::LEASE);
            Ok((vital.auth_revision, leader.map(|(_, holder)| holder)))
        })?;
        self.inner.alert_leader.note(leader, now);
        if presence.is_some() {
            self.inner.presence.note_renewal(now);
        }
        self.note_contact(since, revision);
        Ok(())
    }

    /// Writes minutes of the series of a host that another daemon measured, all of them or none.
    ///
    /// # Errors
    /// As for [`Store::flush`].
    pub async fn flush_samples(
        &self,
        host_id: &str,
        samples: &[HostSample],
    ) -> Result<(), StoreError> {
        let (now, engine) = (self.clock().now(), self.engine());
        in_write!(self, |tx| {
            // As a flush does with the host's row: no series of it is deleted meanwhile.
            tx.execute(sqlx::query(HOLD).bind(host_id)).await?;
            write_minutes!(tx, engine, host_id, samples, now);
            Ok(())
        })
    }
}
