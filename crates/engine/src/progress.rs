//! How a run reports its progress to its caller.

/// Receives the progress of a run; the terminal draws bars from it.
pub trait Progress: Send + Sync {
    /// The lake is locked for the run of this id.
    fn locked(&self, _run: &str) {}
    /// All tables that will be built, in order. Once more where a run that began with what
    /// is new builds everything after all.
    fn plan(&self, tables: &[String]);
    /// A table is being built now.
    fn begin(&self, table: &str);
    /// `rows` more rows were written to it.
    fn rows(&self, table: &str, rows: u64);
    /// It is built.
    fn end(&self, table: &str, rows: u64);
    /// All tables are built, and the checks begin.
    fn check(&self) {}
    /// All checks passed, and the release is being made visible.
    fn publish(&self) {}
}

/// Progress that nobody watches.
pub struct NoProgress;

impl Progress for NoProgress {
    fn plan(&self, _: &[String]) {}
    fn begin(&self, _: &str) {}
    fn rows(&self, _: &str, _: u64) {}
    fn end(&self, _: &str, _: u64) {}
}
