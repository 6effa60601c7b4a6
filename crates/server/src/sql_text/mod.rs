//! The text of a statement: its pieces, and where its parameters stand.

mod places;
mod tokens;

pub(crate) use places::{PARAMETERS_MAX, Places, TooMany, quoted};
pub(crate) use tokens::{Piece, Token, statements, tokens};
