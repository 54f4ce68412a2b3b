//! The access log: one line per request, written in batches by a thread of its own.
//!
//! A request pays for one bounded queue and never waits for the disk or the journal; what doesn't
//! fit is dropped and counted. It is given route templates, never raw paths, and neither keys nor
//! bodies.

use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;

use linux_api_wire::api_key::KeyId;
use linux_api_wire::log::{Escaped, LogFormat, LogSink};
use linux_api_wire::time::Timestamp;
use linux_api_wire::user::UserId;

/// Records that wait to be written at most.
const QUEUE: usize = 8192;
/// How long the writer lets records gather: senders need not wake it and one write takes many.
const LINGER: Duration = Duration::from_millis(10);
/// Size at which a batch is written even though more records wait.
const BATCH_BYTES: usize = 64 << 10;
/// How long closing may wait for an output that is stuck.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// One request, after it was answered.
#[derive(Debug, Clone)]
pub struct AccessRecord {
    /// When it came in.
    pub time: Timestamp,
    /// Its method in upper case.
    pub method: &'static str,
    /// The template of its route, never the raw path.
    pub route: Arc<str>,
    /// The status of the response.
    pub status: u16,
    /// From the request's head to the response's head.
    pub duration: Duration,
    /// The id that the client got.
    pub request_id: Box<str>,
    /// Whose request it was, when it was authenticated.
    pub user_id: Option<UserId>,
    /// With which key, when one was used.
    pub key_id: Option<KeyId>,
    /// The client's address, over the network.
    pub address: Option<IpAddr>,
}

/// Takes records from any thread; clones share one writer.
///
/// The writer is closed with the last clone, or by [`AccessLogger::close`].
#[derive(Debug, Clone)]
pub struct AccessLogger(Arc<AccessLoggerCore>);

#[derive(Debug)]
struct AccessLoggerCore {
    // Takes memory for what waits, not for what could.
    queue: Sender<Message>,
    dropped: Arc<AtomicU64>,
    /// Cancelled once the writer has ended, also by a panic.
    has_ended: CancellationToken,
    /// Disconnected once the writer has ended.
    ended: Mutex<mpsc::Receiver<()>>,
}

#[derive(Debug)]
enum Message {
    Record(AccessRecord),
    Close,
}

impl AccessLogger {
    /// Starts a writer to standard error.
    ///
    /// # Errors
    /// When the system refuses another thread.
    pub fn new(format: LogFormat, sink: LogSink) -> io::Result<Self> {
        Self::start(io::stderr(), format, sink)
    }

    /// Starts a writer to `output`.
    ///
    /// # Errors
    /// When the system refuses another thread.
    pub fn with_writer<W>(output: W, format: LogFormat) -> io::Result<Self>
    where
        W: Write + Send + 'static,
    {
        Self::start(output, format, LogSink::Plain)
    }

    /// One that writes nothing, and has no thread: records are counted as dropped.
    #[must_use]
    pub fn none() -> Self {
        let (queue, _) = channel(1);
        let (_, ended) = mpsc::sync_channel(0);
        Self(Arc::new(AccessLoggerCore {
            queue,
            dropped: Arc::default(),
            has_ended: CancellationToken::new(),
            ended: Mutex::new(ended),
        }))
    }

    fn start<W>(output: W, format: LogFormat, sink: LogSink) -> io::Result<Self>
    where
        W: Write + Send + 'static,
    {
        let (queue, mut records) = channel(QUEUE);
        let (alive, ended) = mpsc::sync_channel(0);
        let dropped = Arc::new(AtomicU64::new(0));
        let mut writer = Writer {
            output,
            format,
            sink,
            batch: Vec::new(),
            lines: 0,
            dropped: Arc::clone(&dropped),
        };
        let has_ended = CancellationToken::new();
        let at_end = has_ended.clone().drop_guard();
        thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || {
                let _at_end = at_end;
                writer.run(&mut records);
                // In this order: those who waited for the end must not reach the queue any more.
                drop(records);
                drop::<SyncSender<()>>(alive);
            })?;
        Ok(Self(Arc::new(AccessLoggerCore {
            queue,
            dropped,
            has_ended,
            ended: Mutex::new(ended),
        })))
    }

    /// Queues one record. Never blocks: it is dropped and counted when the queue is full.
    pub fn record(&self, record: AccessRecord) {
        if self.0.queue.try_send(Message::Record(record)).is_err() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many records were not written: the queue was full, the output failed or was closed.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Returns when the writer has ended: closed, or by a fault of its own.
    pub async fn ended(self) {
        self.0.has_ended.cancelled().await;
    }

    /// Writes all that was recorded so far and ends the writer; waits at most two seconds.
    pub fn close(&self) {
        self.0.close();
    }
}

impl AccessLoggerCore {
    fn close(&self) {
        let start = Instant::now();
        while let Err(TrySendError::Full(_)) = self.queue.try_send(Message::Close) {
            if start.elapsed() > CLOSE_DEADLINE {
                return;
            }
            thread::sleep(LINGER);
        }
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing is ever sent: this ends when the writer does, or at the deadline.
        let _ = ended.recv_timeout(CLOSE_DEADLINE.saturating_sub(start.elapsed()));
    }
}

impl Drop for AccessLoggerCore {
    fn drop(&mut self) {
        self.close();
    }
}

struct Writer<W> {
    output: W,
    format: LogFormat,
    sink: LogSink,
    batch: Vec<u8>,
    /// Lines in the batch.
    lines: u64,
    dropped: Arc<AtomicU64>,
}

impl<W: Write> Writer<W> {
    fn run(&mut self, records: &mut Receiver<Message>) {
        while let Some(Message::Record(first)) = records.blocking_recv() {
            self.push(&first);
            thread::sleep(LINGER);
            let closed = self.drain(records);
            self.write();
            if closed {
                return;
            }
        }
    }

    /// Takes what waits; returns whether the logger was closed.
    fn drain(&mut self, records: &mut Receiver<Message>) -> bool {
        while let Ok(message) = records.try_recv() {
            match message {
                Message::Record(record) => self.push(&record),
                Message::Close => return true,
            }
        }
        false
    }

    fn push(&mut self, record: &AccessRecord) {
        // What the daemon failed at is said by a line of its own.
        let prefix = self.sink.prefix(6);
        let written = write!(self.batch, "{prefix}").and_then(|()| match self.format {
            LogFormat::Text => write_text(&mut self.batch, record, self.sink),
            LogFormat::Json => write_json(&mut self.batch, record),
        });
        written.expect("a vector takes every write");
        self.lines += 1;
        if self.batch.len() >= BATCH_BYTES {
            self.write();
        }
    }

    fn write(&mut self) {
        if self
            .output
            .write_all(&self.batch)
            .and_then(|()| self.output.flush())
            .is_err()
        {
            self.dropped.fetch_add(self.lines, Ordering::Relaxed);
        }
        self.batch.clear();
        self.lines = 0;
    }
}

fn write_text(line: &mut Vec<u8>, record: &AccessRecord, sink: LogSink) -> io::Result<()> {
    if sink == LogSink::Plain {
        write!(line, "{} ", record.time)?;
    }
    write!(
        line,
        "access {} {} {} duration_us={} request_id={}",
        record.method,
        Escaped(&record.route),
        record.status,
        micros(record.duration),
        Escaped(&record.request_id),
    )?;
    if let Some(user_id) = record.user_id {
        write!(line, " user_id={user_id}")?;
    }
    if let Some(KeyId(key_id)) = &record.key_id {
        write!(line, " key_id={}", Escaped(key_id))?;
    }
    if let Some(address) = record.address {
        write!(line, " address={address}")?;
    }
    line.push(b'\n');
    Ok(())
}

/// The JSON form; absent values are left out, as they are in the text.
#[derive(Serialize)]
struct JsonLine<'a> {
    time: Timestamp,
    event: &'static str,
    method: &'static str,
    route: &'a str,
    status: u16,
    duration_us: u64,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<&'a KeyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
}

fn write_json(line: &mut Vec<u8>, record: &AccessRecord) -> io::Result<()> {
    let json = JsonLine {
        time: record.time,
        event: "access",
        method: record.method,
        route: &record.route,
        status: record.status,
        duration_us: micros(record.duration),
        request_id: &record.request_id,
        user_id: record.user_id,
        key_id: record.key_id.as_ref(),
        address: record.address,
    };
    serde_json::to_writer(&mut *line, &json)?;
    line.push(b'\n');
    Ok(())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// Hands every write to the test, after the test has let go of the gate.
    struct Output {
        gate: Arc<Mutex<()>>,
        writes: Writes,
    }

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _gate = self.gate.lock().unwrap();
            self.writes
                .lock()
                .unwrap()
                .push(String::from_utf8(bytes.to_vec()).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    type Writes = Arc<Mutex<Vec<String>>>;

    fn output() -> (Output, Arc<Mutex<()>>, Writes) {
        let gate = Arc::new(Mutex::new(()));
        let writes = Arc::new(Mutex::new(Vec::new()));
        (
            Output {
                gate: Arc::clone(&gate),
                writes: Arc::clone(&writes),
            },
            gate,
            writes,
        )
    }

    fn record() -> AccessRecord {
        AccessRecord {
            time: "2026-11-23T07:02:00.123Z".parse().unwrap(),
            method: "GET",
            route: "/api/v1/user/me".into(),
            status: 200,
            duration: Duration::from_micros(123),
            request_id: "5f2a-17".into(),
            user_id: Some(UserId(uuid::Uuid::nil())),
            key_id: Some(KeyId("abcdefghijkl".to_owned())),
            address: Some(Ipv4Addr::LOCALHOST.into()),
        }
    }

    #[test]
    fn a_text_line_holds_every_field() {
        let mut line = Vec::new();
        write_text(&mut line, &record(), LogSink::Plain).unwrap();
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "2026-11-23T07:02:00.123Z access GET /api/v1/user/me 200 duration_us=123 \
             request_id=5f2a-17 user_id=00000000-0000-0000-0000-000000000000 \
             key_id=abcdefghijkl address=127.0.0.1\n"
        );
    }

    #[test]
    fn a_json_line_has_the_same_names() {
        let mut line = Vec::new();
        let anonymous = AccessRecord {
            user_id: None,
            key_id: None,
            ..record()
        };
        write_json(&mut line, &anonymous).unwrap();
        assert_eq!(
            String::from_utf8(line).unwrap(),
            concat!(
                r#"{"time":"2026-11-23T07:02:00.123Z","event":"access","method":"GET","#,
                r#""route":"/api/v1/user/me","status":200,"duration_us":123,"#,
                r#""request_id":"5f2a-17","address":"127.0.0.1"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_value_cannot_start_a_new_line() {
        let mut line = Vec::new();
        let forged = AccessRecord {
            request_id: "x\nfake".into(),
            ..record()
        };
        write_text(&mut line, &forged, LogSink::Plain).unwrap();
        assert_eq!(String::from_utf8(line).unwrap().matches('\n').count(), 1);
    }

    #[test]
    fn everything_recorded_is_written_before_close_returns() {
        let (output, _gate, writes) = output();
        let logger = AccessLogger::with_writer(output, LogFormat::Text).unwrap();
        for _ in 0..500 {
            logger.clone().record(record());
        }
        logger.close();
        let writes = writes.lock().unwrap();
        assert_eq!(writes.concat().lines().count(), 500);
        assert!(writes.len() < 100, "{} writes are no batches", writes.len());
    }

    #[test]
    fn the_last_handle_flushes() {
        let (output, _gate, writes) = output();
        let logger = AccessLogger::with_writer(output, LogFormat::Json).unwrap();
        logger.record(record());
        drop(logger);
        assert_eq!(writes.lock().unwrap().concat().lines().count(), 1);
    }

    #[test]
    fn a_stuck_output_never_blocks_and_its_drops_are_counted() {
        let (output, gate, writes) = output();
        let stuck = gate.lock().unwrap();
        let logger = AccessLogger::with_writer(output, LogFormat::Text).unwrap();
        let sent = 3 * QUEUE;
        for _ in 0..sent {
            logger.record(record());
        }
        assert!(logger.dropped() > 0);
        drop(stuck);
        logger.close();
        let written = writes.lock().unwrap().concat().lines().count();
        assert_eq!(written as u64 + logger.dropped(), sent as u64);
    }

    #[test]
    fn lines_that_an_output_refuses_and_those_after_close_count_as_dropped() {
        let logger = AccessLogger::with_writer(Broken, LogFormat::Text).unwrap();
        logger.record(record());
        logger.close();
        logger.record(record());
        assert_eq!(logger.dropped(), 2);
    }
}
