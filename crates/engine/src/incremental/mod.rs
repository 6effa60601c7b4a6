//! Only what changed.
//!
//! A run that finds something new computes, table by table, which rows went and
//! which came: a [`Difference`]. What a change reaches is told by how a statement
//! can be divided ([`scope`]); its rows are computed as they were and as they
//! are ([`evaluate`]), from rows of the tables it reads that have the keys
//! touched ([`tables`]). Files that hold rows that went are written again
//! ([`apply`]); all others stay.
//!
//! What cannot be told from a part is a reason to compute everything; that is
//! never wrong, and the run does it.

mod among;
mod apply;
mod asked;
mod difference;
mod evaluate;
mod files;
mod keys;
mod people;
mod permitted;
mod plan_rows;
mod scope;
mod statement;
mod tables;

pub(crate) use apply::{Applied, Applier};
pub(crate) use difference::Difference;
pub(crate) use evaluate::{Computed, For};
pub(crate) use people::{Changes, PeopleSource};
pub(crate) use statement::Statement;
pub(crate) use tables::{Standing, Tables};
