//! The pieces of a statement by their numbers.

use crate::sql_text::{Piece, Token};

/// The pieces of a statement.
pub(super) struct Words<'s> {
    pub(super) sql: &'s str,
    pub(super) tokens: &'s [Token],
}

impl<'s> Words<'s> {
    /// The piece as it is written; empty behind the end.
    pub(super) fn text(&self, index: usize) -> &'s str {
        let token = self.tokens.get(index);
        token.map_or("", |token| &self.sql[token.at.clone()])
    }

    /// A word in small letters; empty if it is none.
    pub(super) fn word(&self, index: usize) -> String {
        match self.tokens.get(index) {
            Some(token) if token.piece == Piece::Word => self.text(index).to_ascii_lowercase(),
            _ => String::new(),
        }
    }

    /// A name, with its quotes removed.
    pub(super) fn name(&self, index: usize) -> String {
        let text = self.text(index);
        match text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
        {
            Some(name) => name.replace("\"\"", "\""),
            None => text.to_ascii_lowercase(),
        }
    }

    /// The value of a text, a word or a number.
    pub(super) fn value(&self, index: usize) -> String {
        let text = self.text(index);
        let (text, has_escapes) = match text.strip_prefix(['e', 'E']) {
            Some(rest) if rest.starts_with('\'') => (rest, true),
            _ => (text, false),
        };
        match text
            .strip_prefix('\'')
            .and_then(|text| text.strip_suffix('\''))
        {
            Some(value) if has_escapes => value.replace("\\t", "\t").replace("''", "'"),
            Some(value) => value.replace("''", "'"),
            None => text.to_ascii_lowercase(),
        }
    }

    /// The statement from a piece on.
    pub(super) fn from(&self, index: usize) -> &'s str {
        let token = self.tokens.get(index);
        token.map_or("", |token| &self.sql[token.at.start..])
    }

    /// The index behind the parenthesis that closes the one at `open`.
    pub(super) fn behind(&self, open: usize) -> Option<usize> {
        let mut depth = 0usize;
        for index in open..self.tokens.len() {
            match self.text(index) {
                "(" => depth += 1,
                ")" => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if depth == 0 {
                return Some(index + 1);
            }
        }
        None
    }

    /// The text between two pieces, without them.
    pub(super) fn between(&self, open: usize, close: usize) -> &'s str {
        let (open, close) = (self.tokens.get(open), self.tokens.get(close));
        match (open, close) {
            (Some(open), Some(close)) => self.sql[open.at.end..close.at.start].trim(),
            _ => "",
        }
    }
}
