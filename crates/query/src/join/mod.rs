//! Joins of readings with what is known of people and devices.
//!
//! DataFusion's hash join serves any join; ours serves those that a run is made
//! of, inner and semi joins on texts and integers, and gives three things that
//! a run needs:
//! - An account for the ledger: how many rows of either side found no partner,
//!   and how many rows came of one that found several.
//! - Keys for the reader: where a landing table is joined to people who agreed,
//!   the reader passes over other people's rows before it builds them.
//! - Speed and memory of the side that is held: each text is kept once, and a
//!   run of rows with equal keys, as a person's readings mostly are, is looked
//!   up once. Readings that find one partner each are passed on uncopied.
//!
//! [`Joins`] is the optimiser rule that puts [`JoinExec`] in its place; any
//! other join stays as it was planned.

mod column;
mod exec;
mod probe;
mod rule;
mod table;

pub use exec::{JoinExec, Kind};
pub use rule::Joins;
