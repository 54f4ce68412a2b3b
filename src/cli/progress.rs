//! How far long work is: a bar on a terminal, lines elsewhere. Both on standard error.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Context;
use super::output::note;
use linux_api_wire::progress::Progress;

/// Between two lines about the same step.
const PAUSE: Duration = Duration::from_secs(5);
/// Between two drawings of the bar, as a rate per second.
const DRAWINGS: u8 = 10;

/// Shows a person how far long work is.
pub(super) struct TerminalProgress {
    /// Whether standard error is a terminal, which can draw over what it drew.
    is_terminal: bool,
    /// Whether `-q` suppresses lines.
    is_quiet: bool,
    step: Mutex<Option<Step>>,
}

struct Step {
    name: String,
    total: Option<u64>,
    done: u64,
    begin: Instant,
    last_line: Instant,
    bar: Option<ProgressBar>,
}

impl TerminalProgress {
    pub(super) fn new(ctx: &Context) -> Self {
        Self {
            is_terminal: std::io::stderr().is_terminal(),
            is_quiet: ctx.options.quiet > 0,
            step: Mutex::new(None),
        }
    }

    fn with_step(&self, change: impl FnOnce(&mut Option<Step>)) {
        // What a panic elsewhere left half counted is shown wrongly and does no harm.
        change(&mut self.step.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn bar(&self, name: &str, total: Option<u64>) -> Option<ProgressBar> {
        if !self.is_terminal || self.is_quiet {
            return None;
        }
        let template = match total {
            Some(_) => "{msg} [{bar:30}] {human_pos}/{human_len} rows, {eta} left",
            None => "{msg} {spinner} {human_pos} rows, {elapsed}",
        };
        let style = ProgressStyle::with_template(template).ok()?;
        let target = ProgressDrawTarget::stderr_with_hz(DRAWINGS);
        let bar = ProgressBar::with_draw_target(total, target);
        bar.set_style(style.progress_chars("=> "));
        bar.set_message(name.to_owned());
        Some(bar)
    }
}

impl Progress for TerminalProgress {
    fn begin(&self, step: &str, total: Option<u64>) {
        let bar = self.bar(step, total);
        let now = Instant::now();
        self.with_step(|current| {
            *current = Some(Step {
                name: step.to_owned(),
                total,
                done: 0,
                begin: now,
                last_line: now,
                bar,
            });
        });
    }

    fn advance(&self, rows: u64) {
        self.with_step(|current| {
            let Some(step) = current else { return };
            step.done += rows;
            if let Some(bar) = &step.bar {
                bar.inc(rows);
            } else if !self.is_quiet && step.last_line.elapsed() >= PAUSE {
                step.last_line = Instant::now();
                note(&step.line());
            }
        });
    }

    fn end(&self) {
        self.with_step(|current| {
            let Some(step) = current.take() else { return };
            if let Some(bar) = &step.bar {
                bar.finish_and_clear();
            }
            if !self.is_quiet {
                let seconds = step.begin.elapsed().as_secs_f64();
                note(&match step.done {
                    0 => format!("{}: done in {seconds:.1} s", step.name),
                    rows => format!("{}: {rows} rows in {seconds:.1} s", step.name),
                });
            }
        });
    }
}

impl Drop for TerminalProgress {
    /// A step that failed leaves no bar before the error.
    fn drop(&mut self) {
        self.with_step(|current| {
            if let Some(bar) = current.take().and_then(|step| step.bar) {
                bar.finish_and_clear();
            }
        });
    }
}

impl Step {
    fn line(&self) -> String {
        match self.total {
            Some(total) => format!("{}: {} of {total} rows", self.name, self.done),
            None => format!("{}: {} rows", self.name, self.done),
        }
    }
}
