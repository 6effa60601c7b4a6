//! How a run reports its progress to its caller.

/// Receives the progress of a run; the terminal draws bars from it.
pub trait Progress: Send + Sync {
    /// All tables that will be built, in order.
    fn plan(&self, tables: &[String]);
    /// A table is being built now.
    fn begin(&self, table: &str);
    /// `rows` more rows were written to it.
    fn rows(&self, table: &str, rows: u64);
    /// It is built.
    fn end(&self, table: &str, rows: u64);
}

/// Progress that nobody watches.
pub struct NoProgress;

impl Progress for NoProgress {
    fn plan(&self, _: &[String]) {}
    fn begin(&self, _: &str) {}
    fn rows(&self, _: &str, _: u64) {}
    fn end(&self, _: &str, _: u64) {}
}
