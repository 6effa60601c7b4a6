//! Delta tables on an object store: reading, writing and publishing versions.
//!
//! A [`Lake`] is a folder or an object-store prefix with one Delta table per
//! `zone/table`. The crate knows how versions of a table are stored. It does
//! not know what a table means. It is the only crate that names the Delta
//! library.
//!
//! Modules, from the bottom up:
//!
//! | module | holds |
//! |---|---|
//! | `ids`, `lock_holder`, `store_error`, `error` | names and errors; every other module uses them |
//! | `store` | retries and conditional PUTs on any object store |
//! | `location`, `entries`, `object_reader`, `atomicity` | one folder or prefix: its paths, its objects, whether it is safe |
//! | `lake` | the paths of a lake's tables |
//! | `files` | Parquet data files: layout, writing, rewriting, lookups |
//! | `log` | Delta logs: versions, log entries, commits, checkpoints |
//! | `release` | publishing versions of several tables together |
//! | `marker`, `prepare`, `lock`, `abandoned`, `cleanup` | starting to write, one writer at a time, clearing up after a killed run |
//! | `inspect`, `vacuum`, `drop_table`, `decision_copies` | operations on a whole lake or table |
//!
//! Invariants:
//! - One conditional PUT of one log entry makes a version visible. The versions
//!   of one release become visible in order. If the process is killed on the
//!   way, the next lock holder makes the remaining ones visible.
//! - One writer at a time holds the lock of a lake.
//! - Personal columns have no statistics, neither in the log nor in a file.
//! - Tables use plain Delta features: no deletion vectors, no column mapping,
//!   no partitions.

mod abandoned;
mod atomicity;
mod cleanup;
mod decision_copies;
mod drop_table;
mod entries;
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
pub use entries::{Entry, Found, Unreadable};
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
pub use store_error::{StoreFault, find_store_error, store_reason};
pub use vacuum::{Retention, VacuumReport};

/// The version of the Delta library, for `stedi doctor`.
pub fn delta_version() -> &'static str {
    deltalake_core::crate_version()
}
