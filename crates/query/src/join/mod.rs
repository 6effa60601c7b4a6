//! A hash join operator for inner and semi joins, and the optimiser rule that uses it.
//!
//! As in every hash join, one side (the build side) is loaded into a table in
//! memory, and the rows of the other side (the probe side) are looked up in it as
//! they stream by. DataFusion's own operator serves any join. Ours serves the joins
//! that models are made of and adds three things that a run needs:
//! - Row counts for the ledger: how many rows of each side found no partner, and
//!   how many output rows come from a row with several partners.
//! - Keys for the landing reader: where a landing table is joined to people who
//!   agreed, the reader skips other people's rows before it builds them.
//! - Speed and memory: the build side stores each text once. A run of probe rows
//!   with equal keys, such as one person's readings, is looked up once. Probe rows
//!   that each find one partner are passed on without a copy.
//!
//! [`JoinRule`] replaces DataFusion's operator by [`JoinExec`] where it can; other
//! joins stay as planned. Whether it can depends on the statement alone, never on
//! which side the planner loads: DataFusion's operator stops reading a side when
//! the other one is empty, so row counts taken from it would depend on what the
//! tables hold.

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
pub use rule::JoinRule;
pub use terms::Kind;
