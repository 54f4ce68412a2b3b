//! What goes to the terminal, no faster than the terminal takes it.
//!
//! Kernel, SSH and multiplexers queue what a slow line can't take yet, kilobytes of it, and every
//! key press waits until the queue is empty. They don't report how long their queues are, so the
//! dashboard measures it: after each piece of output it requests a report (DSR 5), which every
//! terminal since the VT100 sends once it has processed what came before. Only as much is in flight
//! as the line takes in half a second; frames that are due meanwhile are drawn as one, when the
//! line is free.
//!
//! A terminal that does not respond gets everything at once, as from every other program.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// DSR 5: requests a report of the terminal's status.
const QUESTION: &[u8] = b"\x1b[5n";
/// Fewest bytes on their way: half a second and a bit at 600 bytes a second.
const NARROW: usize = 400;
/// Most bytes on their way.
const WIDE: usize = 64 << 10;
/// Most bytes that are written at once where the terminal does not respond.
const PIECE: usize = 4096;
/// How long a piece may wait in queues.
const DELAY: Duration = Duration::from_millis(500);
/// Below this delay more may be on its way.
const SHORT: Duration = Duration::from_millis(200);
/// How long to wait for the first report of all.
const FIRST: Duration = Duration::from_secs(2);
/// How long to wait for a report before it counts as lost: something else may have read it.
const LOST: Duration = Duration::from_secs(10);
/// How long to wait at the end, for reports that would else be typed into the shell.
const END: Duration = Duration::from_secs(1);

/// The way to the terminal. A thread of its own writes, so that a terminal that reads nothing
/// blocks only that.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    shared: Arc<OutboxCore>,
}

#[derive(Debug)]
struct OutboxCore {
    state: Mutex<OutboxState>,
    changed: Condvar,
    /// Notified when the next frame may be drawn.
    ready: Notify,
}

/// Whether the terminal reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reports {
    /// No report was requested yet, or there was no time to respond.
    Unknown,
    Yes,
    No,
}

#[derive(Debug)]
struct OutboxState {
    waiting: VecDeque<u8>,
    /// Pieces that the terminal has not taken: how long they are, and when they were written.
    on_their_way: VecDeque<(usize, Instant)>,
    /// Most bytes on their way.
    window: usize,
    /// The shortest time that a report took.
    shortest: Duration,
    reports: Reports,
    /// Whether the thread writes at this moment.
    is_writing: bool,
    /// Whether the terminal is ours.
    is_open: bool,
    /// Whether every sender is gone.
    is_over: bool,
    error: Option<io::ErrorKind>,
}

impl OutboxState {
    fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            on_their_way: VecDeque::new(),
            window: NARROW,
            shortest: Duration::MAX,
            reports: Reports::Unknown,
            is_writing: false,
            is_open: false,
            is_over: false,
            error: None,
        }
    }

    fn length_on_its_way(&self) -> usize {
        self.on_their_way.iter().map(|(length, _)| length).sum()
    }

    /// Whether the next frame may be drawn: all of the last one is written, and most of it is taken.
    fn is_ready(&self) -> bool {
        self.waiting.is_empty()
            && (self.on_their_way.is_empty() || self.length_on_its_way() < self.window / 2)
    }

    /// The next bytes to write; nothing while enough is on its way.
    fn next_piece(&mut self) -> Option<Vec<u8>> {
        if !self.is_open || self.waiting.is_empty() {
            return None;
        }
        let room = match self.reports {
            Reports::No => PIECE,
            _ => self.window.saturating_sub(self.length_on_its_way()),
        };
        if room == 0 || (self.reports != Reports::No && room < self.waiting.len().min(NARROW / 4)) {
            return None;
        }
        let length = seam(self.waiting.make_contiguous(), room);
        Some(self.waiting.drain(..length).collect())
    }

    /// When to stop waiting for the oldest report.
    fn deadline(&self) -> Option<Instant> {
        let (_, since) = self.on_their_way.front()?;
        let patience = match self.reports {
            Reports::Unknown => FIRST,
            Reports::Yes => LOST,
            Reports::No => return None,
        };
        Some(*since + patience)
    }

    /// The oldest report did not come in time.
    fn give_up(&mut self) {
        if self.reports == Reports::Unknown {
            self.reports = Reports::No;
        }
        self.on_their_way.clear();
        self.window = NARROW;
    }

    /// The terminal has taken the oldest piece.
    fn taken(&mut self, now: Instant) {
        let is_first = self.reports != Reports::Yes;
        self.reports = Reports::Yes;
        let before = self.length_on_its_way();
        let Some((length, since)) = self.on_their_way.pop_front() else {
            return;
        };
        let took = now.saturating_duration_since(since);
        self.shortest = self.shortest.min(took);
        let delay = took.saturating_sub(self.shortest);
        if is_first {
            // What the line takes in half a second, as far as one piece shows.
            let millis = usize::try_from(took.as_millis().max(1)).unwrap_or(usize::MAX);
            self.window = (length * 500 / millis).clamp(NARROW, WIDE / 4);
        } else if delay > DELAY {
            self.window = (self.window / 2).max(NARROW);
        } else if delay < SHORT && before * 4 >= self.window * 3 {
            self.window = (self.window * 2).min(WIDE);
        }
    }
}

/// Where to cut output of about this length: before a control sequence, never within one or within a
/// character.
fn seam(bytes: &[u8], room: usize) -> usize {
    if bytes.len() <= room {
        return bytes.len();
    }
    if let Some(place) = bytes[1..=room].iter().rposition(|byte| *byte == 0x1b) {
        return place + 1;
    }
    // One sequence, then text: sequences are far shorter than this.
    let mut place = room;
    while place > 1 && bytes[place] & 0xc0 == 0x80 {
        place -= 1;
    }
    place
}

impl OutboxCore {
    fn lock(&self) -> MutexGuard<'_, OutboxState> {
        // A thread that panicked with the lock changed single values only.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until it is over.
    fn write(&self) {
        let mut state = self.lock();
        while !state.is_over {
            let Some(mut piece) = state.next_piece() else {
                let deadline = state.deadline();
                let now = Instant::now();
                if deadline.is_some_and(|deadline| deadline <= now) {
                    state.give_up();
                    self.ready.notify_one();
                    continue;
                }
                let wait = deadline.map_or(Duration::from_hours(1), |it| it - now);
                let waited = self.changed.wait_timeout(state, wait);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            };
            if state.reports != Reports::No {
                state.on_their_way.push_back((piece.len(), Instant::now()));
                piece.extend_from_slice(QUESTION);
            }
            state.is_writing = true;
            drop(state);
            let mut out = io::stdout();
            let written = out.write_all(&piece).and_then(|()| out.flush());
            state = self.lock();
            state.is_writing = false;
            if let Err(error) = written {
                state.error = Some(error.kind());
                state.waiting.clear();
            }
            self.changed.notify_all();
            if state.is_ready() {
                self.ready.notify_one();
            }
        }
    }
}

impl Outbox {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start() -> io::Result<Self> {
        let shared = Arc::new(OutboxCore {
            state: Mutex::new(OutboxState::new()),
            changed: Condvar::new(),
            ready: Notify::new(),
        });
        let of_thread = Arc::clone(&shared);
        thread::Builder::new()
            .name("terminal-out".to_owned())
            .spawn(move || of_thread.write())?;
        Ok(Self { shared })
    }

    /// From now on what is sent is written.
    pub(super) fn open(&self) {
        let mut state = self.shared.lock();
        state.is_open = true;
        state.on_their_way.clear();
    }

    /// Sends bytes; they are dropped while the outbox is closed.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(super) fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.shared.lock();
        if let Some(kind) = state.error {
            return Err(kind.into());
        }
        if state.is_open {
            state.waiting.extend(bytes);
            self.shared.changed.notify_all();
        }
        Ok(())
    }

    /// Whether the terminal has taken enough for the next frame.
    pub(super) fn is_ready(&self) -> bool {
        self.shared.lock().is_ready()
    }

    /// Waits until it may have.
    pub(super) async fn ready(&self) {
        self.shared.ready.notified().await;
    }

    /// The terminal has taken the oldest piece.
    pub(super) fn taken(&self) {
        let mut state = self.shared.lock();
        state.taken(Instant::now());
        self.shared.changed.notify_all();
        if state.is_ready() {
            self.shared.ready.notify_one();
        }
    }

    /// Drops what was not written and writes this in its place, right behind what is on its way. Then
    /// waits a moment for the reports that are still to come: the shell would take them for keys.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(super) fn close(&self, last: &[u8]) -> io::Result<()> {
        let mut state = self.shared.lock();
        state.is_open = false;
        state.waiting.clear();
        let end = Instant::now() + END;
        state = self.wait_while(state, end, |state| state.is_writing);
        if let Some(kind) = state.error {
            return Err(kind.into());
        }
        drop(state);
        let mut out = io::stdout();
        out.write_all(last)?;
        out.flush()?;
        let state = self.shared.lock();
        let end = Instant::now() + END;
        drop(self.wait_while(state, end, |state| {
            state.reports != Reports::No && !state.on_their_way.is_empty()
        }));
        Ok(())
    }

    fn wait_while<'a>(
        &'a self,
        mut state: MutexGuard<'a, OutboxState>,
        end: Instant,
        is_so: impl Fn(&OutboxState) -> bool,
    ) -> MutexGuard<'a, OutboxState> {
        while is_so(&state) {
            let Some(left) = end.checked_duration_since(Instant::now()) else {
                break;
            };
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    /// Ends the thread.
    pub(super) fn end(&self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
    }
}

/// Collects one frame. What draws flushes several times a frame; that sends nothing, so that the frame
/// goes out in one piece.
#[derive(Debug, Clone, Default)]
pub(super) struct Canvas {
    frame: Arc<Mutex<Vec<u8>>>,
}

impl Canvas {
    /// What was collected since.
    pub(super) fn take(&self) -> Vec<u8> {
        let mut frame = self.frame.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *frame)
    }
}

impl Write for Canvas {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut frame = self.frame.lock().unwrap_or_else(PoisonError::into_inner);
        frame.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line that takes so many bytes a second, with this delay each way, and what it makes of a
    /// frame: how long the frame took, and most bytes that were on their way.
    fn simulate(rate: u64, latency: Duration, frame: usize) -> (Duration, usize) {
        let mut state = OutboxState::new();
        state.is_open = true;
        let start = Instant::now();
        let mut now = start;
        let mut most = 0;
        let mut free_at = start;
        let mut reports: VecDeque<Instant> = VecDeque::new();
        state.waiting.extend(vec![b'x'; 100]);
        let mut is_first = true;
        loop {
            while let Some(piece) = state.next_piece() {
                state.on_their_way.push_back((piece.len(), now));
                most = most.max(state.length_on_its_way());
                let length = u64::try_from(piece.len() + QUESTION.len()).unwrap();
                free_at = free_at.max(now) + Duration::from_micros(length * 1_000_000 / rate);
                reports.push_back(free_at + latency * 2);
            }
            let Some(report) = reports.pop_front() else {
                if is_first {
                    is_first = false;
                    state.waiting.extend(vec![b'x'; frame]);
                    continue;
                }
                return (now - start, most);
            };
            now = report;
            state.taken(now);
        }
    }

    #[test]
    fn a_slow_line_is_never_behind_and_a_fast_one_is_not_held_up() {
        let ms = Duration::from_millis;
        let (_, most) = simulate(600, ms(20), 20_000);
        assert!(most <= NARROW, "{most}");
        let (_, most) = simulate(600, ms(400), 20_000);
        assert!(most <= 2 * NARROW, "{most}");
        let (_, most) = simulate(9_600 / 8, ms(1), 20_000);
        assert!(most <= 2 * NARROW, "{most}");
        let (took, _) = simulate(100 << 20, ms(0), 20_000);
        assert!(took < ms(5), "{took:?}");
        let (took, _) = simulate(1 << 20, ms(100), 6_000);
        assert!(took < ms(1500), "{took:?}");
    }

    #[test]
    fn output_is_cut_between_sequences_and_characters() {
        let bytes = "\u{1b}[1;2Hab漢字\u{1b}[38;5;12mcdefgh".as_bytes();
        for room in 8..bytes.len() {
            let cut = seam(bytes, room);
            assert!(cut <= room && cut > 0, "{room}");
            let (before, after) = bytes.split_at(cut);
            assert!(std::str::from_utf8(before).is_ok() && std::str::from_utf8(after).is_ok());
            let is_within = before
                .iter()
                .rposition(|it| *it == 0x1b)
                .is_some_and(|start| {
                    let rest = &before[start + 1..];
                    !rest.iter().skip(1).any(u8::is_ascii_alphabetic)
                });
            assert!(!is_within, "{room}: {:?}", String::from_utf8_lossy(before));
        }
    }

    #[test]
    fn a_terminal_that_does_not_report_gets_everything_after_a_while() {
        let mut state = OutboxState::new();
        state.is_open = true;
        state.waiting.extend(vec![b'x'; 10_000]);
        let piece = state.next_piece().unwrap();
        let now = Instant::now();
        state.on_their_way.push_back((piece.len(), now));
        assert!(state.next_piece().is_none());
        assert_eq!(state.deadline(), Some(now + FIRST));
        state.give_up();
        while state.next_piece().is_some() {}
        assert!(state.is_ready() && state.deadline().is_none());
        // And is listened to if it reports after all.
        state.taken(now + FIRST * 2);
        assert_eq!(state.reports, Reports::Yes);
    }
}
