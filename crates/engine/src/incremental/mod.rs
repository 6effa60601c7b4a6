//! Incremental builds: computes, table by table, which rows a change removes and adds.
//!
//! A run that finds something new computes a [`Difference`] for each table:
//!
//! 1. [`partition_analysis`] finds out by which keys a statement can be partitioned, and
//!    so which input rows a change affects.
//! 2. [`table_changes`] reads the rows of the touched keys, before and after the change.
//! 3. [`evaluate`] computes the statement's rows from them, before and after.
//! 4. [`apply`] writes the added rows, and rewrites the files that hold removed rows. All
//!    other files stay.
//!
//! Before models, [`people`] finds changes of consent, claims and owners: they are the
//! differences of the system tables.
//!
//! Where affected rows do not suffice, a function returns `None`. The run then computes
//! that model from all its input, or falls back to a full build (`run/fallback.rs`).

mod apply;
mod claim_changes;
mod columns;
mod consent_changes;
mod difference;
mod distinct_rows;
mod evaluate;
mod key_filter_expr;
mod keys;
mod owner_changes;
mod partition_analysis;
mod people;
mod people_changes;
mod plan_rows;
mod privacy_check;
mod published_rows;
mod row_cache;
mod statement;
mod table_changes;

pub(crate) use apply::{Applied, Applier};
pub(crate) use difference::Difference;
pub(crate) use evaluate::{Computed, EvaluationGoal};
pub(crate) use people_changes::{PeopleChanges, PeopleSource};
pub(crate) use statement::Statement;
pub(crate) use table_changes::{PublishedTable, TableChanges};
