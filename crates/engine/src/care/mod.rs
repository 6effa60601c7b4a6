//! The care of a lake that stands: small files become large ones, what no kept
//! version needs goes, and so do tables that the project no longer has.

mod compact;
mod removed;
mod vacuum;

pub use compact::{Compacted, compact};
pub use removed::{Doomed, doomed, drop_table, warning_of_removed};
pub use vacuum::{Vacuumed, vacuum};
