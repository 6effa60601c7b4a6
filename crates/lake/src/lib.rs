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

mod abandoned;
mod atomicity;
mod cleanup;
mod decision_copies;
mod drop_table;
mod error;
mod files;
mod ids;
mod inspect;
mod lake;
mod location;
mod lock;
mod lock_holder;
mod log;
#[cfg(test)]
mod many_commits;
mod marker;
mod object_reader;
mod prepare;
mod release;
mod store;
mod store_error;
mod vacuum;

pub use atomicity::check_conditional_put;
pub use error::Error;
pub use files::layout::{DataFile, Layout};
pub use files::rewrite::FileRewrite;
pub use files::writer::FileWriter;
pub use ids::{LakeId, TableId};
pub use inspect::{ChangeTime, Inspection};
pub use lake::Lake;
pub use location::Location;
pub use lock::Lock;
pub use lock_holder::LockHolder;
pub use log::commit::{Commit, CommitInfo};
pub use log::entry::{Publication, RemovedFiles};
pub use log::version::{AsOf, Version};
pub use object_reader::{BufferPool, ObjectReader};
pub use prepare::Preparation;
pub use release::Release;
pub use store_error::{find_store_error, specific_store_hint, store_hint, store_reason};
pub use vacuum::{Retention, VacuumReport};

/// The version of the library that writes the tables, for `stedi doctor`.
pub fn delta_version() -> &'static str {
    deltalake_core::crate_version()
}
