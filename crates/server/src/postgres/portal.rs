//! What a connection keeps between messages: prepared statements, and portals.

use arrow::datatypes::SchemaRef;

use super::rows::Found;
use super::statement::Asked;
use crate::sql_text::Places;

/// A statement with parameters.
pub(super) struct Prepared {
    pub(super) sql: String,
    pub(super) places: Places,
    /// The types that the client names; 0 for those that it does not.
    pub(super) types: Vec<u32>,
}

/// A statement with its values, and how far it was read.
pub(super) struct Portal {
    pub(super) sql: String,
    /// As they came: how many there must be is known with the columns.
    pub(super) codes: Vec<u16>,
    pub(super) state: State,
}

/// How far a portal was read.
pub(super) enum State {
    Waits(Asked),
    Rows(Found, &'static str),
    /// Read to its end; asked again it has no rows.
    Done(String, Option<SchemaRef>),
}

impl Prepared {
    pub(super) fn new(sql: String, places: Places, mut types: Vec<u32>) -> Self {
        types.resize(places.count.max(types.len()), 0);
        Self { sql, places, types }
    }
}

impl Portal {
    /// A cursor of `DECLARE`.
    pub(super) fn cursor(found: Found) -> Self {
        Self {
            sql: String::new(),
            codes: Vec::new(),
            state: State::Rows(found, "FETCH"),
        }
    }

    /// The rows.
    pub(super) fn into_found(self) -> Option<Found> {
        match self.state {
            State::Rows(found, _) => Some(found),
            _ => None,
        }
    }

    /// The columns, if they are known.
    pub(super) fn schema(&self) -> Option<SchemaRef> {
        match &self.state {
            State::Rows(found, _) => Some(found.schema.clone()),
            State::Done(_, schema) => schema.clone(),
            State::Waits(_) => None,
        }
    }
}
