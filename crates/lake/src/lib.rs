//! Tables on an object store.
//!
//! A [`Lake`] is a folder or an object-store prefix that holds one Delta table
//! per `zone/table`. This room knows how a table's versions are read, written
//! and published, and nothing of what is in them. It is the only room that
//! names the Delta library.
//!
//! What holds here:
//! - A version becomes visible by one conditional PUT of one log entry, or not
//!   at all.
//! - Personal columns have no statistics, neither in the log nor in a file.
//! - Tables use plain Delta features: no deletion vectors, no column mapping,
//!   no partitions.

mod error;
mod files;
mod history;
mod location;
mod object;
mod probe;
mod publish;
mod put;
mod schema;
mod steady;
mod table;

pub use error::{Error, remote_hint, store_in, store_reason};
pub use files::{DataFile, Layout, Writer};
pub use history::Commit;
pub use location::Location;
pub use object::{Buffers, Object};
pub use probe::conditional_put_is_atomic;
pub use publish::{Origin, Publication};
pub use table::{AsOf, Lake, LakeId, Readiness, TableId, Version};

/// The version of the library that writes the tables, for `stedi doctor`.
pub fn delta_version() -> &'static str {
    deltalake_core::crate_version()
}
