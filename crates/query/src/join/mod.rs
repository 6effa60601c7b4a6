//! Joins of readings with what is known of people and devices.
//!
//! DataFusion's hash join serves any join; ours serves inner and semi joins, of
//! which a run is made, and gives three things that a run needs:
//! - An account for the ledger: how many rows of either side found no partner,
//!   and how many rows came of one that found several.
//! - Keys for the reader: where a landing table is joined to people who agreed,
//!   the reader passes over other people's rows before it builds them.
//! - Speed and memory of the side that is held: each text is kept once, and a
//!   run of rows with equal keys, as a person's readings mostly are, is looked
//!   up once. Readings that find one partner each are passed on uncopied.
//!
//! [`Joins`] is the optimiser rule that puts [`JoinExec`] in its place; any
//! other join stays as it was planned. Whether a join is ours follows from the
//! statement, never from which side is held: DataFusion's inner and semi joins
//! do not read a side to its end where the other one is empty, so an account of
//! them would follow from what tables hold.

mod column;
mod encoding;
mod exec;
mod probe;
mod progress;
mod rule;
mod table;
mod terms;
#[cfg(test)]
mod tests;

pub use exec::{Account, JoinExec};
pub use rule::Joins;
pub use terms::Kind;
