//! Progress of long work, for an observer.

/// Receives the progress of long work. Steps follow one another; each is counted from zero.
pub trait Progress: Send + Sync {
    /// A step begins. `total` is how many rows it will take, when that is known.
    fn begin(&self, step: &str, total: Option<u64>);
    /// So many more rows of the step are done.
    fn advance(&self, rows: u64);
    /// The step is done.
    fn end(&self);
}

/// No observer.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _step: &str, _total: Option<u64>) {}
    fn advance(&self, _rows: u64) {}
    fn end(&self) {}
}
