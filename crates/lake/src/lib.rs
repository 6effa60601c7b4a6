//! Tables on an object store.
//!
//! A [`Lake`] is a folder or an object-store prefix that holds one Delta table
//! per `zone/table`. This room knows how a table's versions are read, written
//! and published, and nothing of what is in them. It is the only room that
//! names the Delta library.
//!
//! What holds here:
//! - A version becomes visible by one conditional PUT of one log entry, or not
//!   at all; the versions of one release become visible in order and to the end,
//!   whoever is killed meanwhile.
//! - One writer at a time holds the lake.
//! - Personal columns have no statistics, neither in the log nor in a file.
//! - Tables use plain Delta features: no deletion vectors, no column mapping,
//!   no partitions.

mod copies;
mod dictionary;
#[cfg(test)]
mod double;
mod error;
mod files;
mod history;
mod inspect;
mod left;
mod location;
mod lock;
mod log;
#[cfg(test)]
mod many_commits;
mod object;
mod part;
mod probe;
mod publish;
mod put;
mod release;
mod removal;
mod rewrite;
mod schema;
mod steady;
mod table;
mod vacuum;

pub use error::{Error, find_store_error, specific_store_hint, store_hint, store_reason};
pub use files::{DataFile, FileWriter, Layout};
pub use history::Commit;
pub use inspect::{ChangeTime, Inspection};
pub use location::Location;
pub use lock::{Lock, LockHolder};
pub use object::{BufferPool, ObjectReader};
pub use probe::check_conditional_put;
pub use publish::{CommitInfo, Publication, RemovedFiles};
pub use release::Release;
pub use rewrite::FileRewrite;
pub use table::{AsOf, Lake, LakeId, Preparation, TableId, Version};
pub use vacuum::{Retention, VacuumReport};

/// The version of the library that writes the tables, for `stedi doctor`.
pub fn delta_version() -> &'static str {
    deltalake_core::crate_version()
}
