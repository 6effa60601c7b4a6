//! How a run tells its caller about its progress.

/// Told how a run gets on; a terminal draws bars of it.
pub trait Progress: Send + Sync {
    /// All tables that will be built, in order.
    fn plan(&self, tables: &[String]);
    /// A table is being built now.
    fn begin(&self, table: &str);
    /// So many further rows were written to it.
    fn rows(&self, table: &str, rows: u64);
    /// It is built.
    fn end(&self, table: &str, rows: u64);
}
