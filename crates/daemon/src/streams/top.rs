//! The processes that use the processors most, for all streams together.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::Mutex;

use super::event;
use crate::unread::UnreadMemory;
use linux_api_host::{CollectError, Collector};
use linux_api_wire::api::processes::{
    Column, Fields, Order, ProcessList, SelectedProcess, Selection,
};
use linux_api_wire::process::ProcessScan;
use linux_api_wire::snapshot::Snapshot;

/// How long a scan may take before the streams go on without it.
const SCAN_DEADLINE: Duration = Duration::from_secs(1);

/// What was written for the newest snapshot, by the number of processes.
#[derive(Debug)]
pub(super) struct Top {
    collector: Collector,
    /// What readers that stand still hold of the events of earlier snapshots counts there.
    unread: UnreadMemory,
    written: Mutex<FrameCache>,
}

#[derive(Debug, Default)]
struct FrameCache {
    snapshot: Option<Arc<Snapshot>>,
    frames: HashMap<usize, Bytes>,
}

impl Top {
    pub(super) fn new(collector: Collector, unread: UnreadMemory) -> Self {
        Self {
            collector,
            unread,
            written: Mutex::default(),
        }
    }

    /// The event with the `limit` busiest processes at about the time of `snapshot`; a comment that
    /// says why when they can't be read.
    pub(super) async fn frame(&self, snapshot: &Arc<Snapshot>, limit: usize) -> Bytes {
        let mut written = self.written.lock().await;
        let known = written.snapshot.as_ref();
        if !known.is_some_and(|known| Arc::ptr_eq(known, snapshot)) {
            written.frames.clear();
            written.snapshot = Some(Arc::clone(snapshot));
        }
        if let Some(frame) = written.frames.get(&limit) {
            return frame.clone();
        }
        let scan = tokio::time::timeout(SCAN_DEADLINE, self.collector.rated_processes()).await;
        let frame = match scan {
            Ok(Ok(scan)) => self.held(busiest(&scan, limit)),
            Ok(Err(error)) => missing(&error),
            Err(_elapsed) => Bytes::from_static(b": the processes could not be read in time\n\n"),
        };
        written.frames.insert(limit, frame.clone());
        frame
    }

    fn held(&self, frame: Bytes) -> Bytes {
        let held = self.unread.hold(frame);
        held.unwrap_or_else(|_full| Bytes::from_static(b": too much is left unread\n\n"))
    }
}

fn missing(error: &CollectError) -> Bytes {
    tracing::debug!(%error, "can't read the processes for a stream");
    Bytes::from_static(b": the processes can't be read\n\n")
}

/// As the route of the processes returns them, without a cursor: the next page would be of another
/// moment.
fn busiest(scan: &ProcessScan, limit: usize) -> Bytes {
    let selection = Selection {
        filter: None,
        sort: Column::CpuPercent,
        order: Order::Descending,
        limit,
        after: None,
    };
    let picked = selection.pick(scan);
    let fields = Fields::default();
    let items = picked.rows.into_iter().map(|process| SelectedProcess {
        process,
        fields: &fields,
        memory_total_bytes: scan.memory_total_bytes,
    });
    let list = ProcessList {
        time: scan.time.to_string(),
        scan_ms: scan.duration.as_secs_f64() * 1000.0,
        interval_seconds: scan.interval.map(|interval| interval.as_secs_f64()),
        total: picked.total,
        items: items.collect(),
        next_cursor: None,
    };
    event("processes", &list)
}
