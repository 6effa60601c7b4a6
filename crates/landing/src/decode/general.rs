//! The general path: decodes any valid object, whatever its shape.
//!
//! It checks an object in full and builds its row in one pass. If the bytes are not
//! one complete valid object, it discards the row; then the automaton of the
//! grammar finds where the object breaks.

use super::convert::{self, Refusal};
use super::fast::{Recording, Shapes};
use super::rows::RowBuilder;
use super::scan;
use crate::reject::Reason;
use crate::schema::{Column, Spec, Type};
use crate::tally::{Tally, unknown_name};

/// The result of decoding an object, and the offset of its end.
#[derive(Debug)]
pub(crate) enum Outcome {
    Row {
        end: usize,
    },
    /// Left out by the row filter, [`crate::Keep`].
    Filtered {
        end: usize,
    },
    /// A valid object that is no row of the table.
    Rejected {
        end: usize,
        reason: Reason,
        detail: String,
    },
    /// Not a complete valid object.
    Unreadable,
}

/// Decodes objects one after the other; keeps its buffers between them.
pub(crate) struct GeneralPath<'a> {
    spec: &'a Spec,
    depth_max: usize,
    /// For each column, the number of the last object that has it.
    seen: Vec<u64>,
    object: u64,
    unescaped: Vec<u8>,
    /// Unknown fields of the current object: the ranges of their names.
    unknown: Vec<(usize, usize)>,
    problem: Option<(Reason, String)>,
    misfits: Vec<Misfit>,
}

/// A value of a row that its column does not accept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Misfit {
    /// The index of the column.
    pub(crate) column: usize,
    /// Where the value is.
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Why it is not accepted.
    pub(crate) detail: &'static str,
}

impl<'a> GeneralPath<'a> {
    pub(crate) fn new(spec: &'a Spec, depth_max: usize) -> GeneralPath<'a> {
        GeneralPath {
            spec,
            depth_max,
            seen: vec![0; spec.schema.columns.len()],
            object: 0,
            unescaped: Vec::new(),
            unknown: Vec::new(),
            problem: None,
            misfits: Vec::new(),
        }
    }

    /// The misfits of the last object, if it was a row or filtered, in order.
    pub(crate) fn take_misfits(&mut self) -> Vec<Misfit> {
        std::mem::take(&mut self.misfits)
    }

    /// Decodes the object that begins at `at`. `check_utf8` says that `bytes` may
    /// not be UTF-8. `shapes` learns the shape of the object.
    pub(crate) fn object(
        &mut self,
        bytes: &[u8],
        at: usize,
        check_utf8: bool,
        rows: &mut RowBuilder<'_>,
        shapes: Option<&mut Shapes>,
        tally: &mut Tally,
    ) -> Outcome {
        self.object += 1;
        self.unknown.clear();
        self.problem = None;
        self.misfits.clear();
        let mut recording = shapes.as_ref().and_then(|shapes| shapes.record(at));
        let Some(end) = self.read_fields(bytes, at, rows, &mut recording) else {
            rows.rollback();
            self.misfits.clear();
            return Outcome::Unreadable;
        };
        if check_utf8 && std::str::from_utf8(&bytes[at..end]).is_err() {
            self.problem = Some((Reason::InvalidUtf8, "bytes that are not UTF-8".to_owned()));
        }
        let mut absent = Vec::new();
        for (index, column) in self.spec.schema.columns.iter().enumerate() {
            if self.seen[index] == self.object {
                continue;
            }
            if column.required && self.problem.is_none() {
                self.problem = Some(missing(column));
            }
            absent.push(index);
        }
        if let Some((reason, detail)) = self.problem.take() {
            rows.rollback();
            self.misfits.clear();
            return Outcome::Rejected {
                end,
                reason,
                detail,
            };
        }
        tally.converted += rows.converted;
        self.count_unknown(bytes, tally);
        let kept = rows.is_kept();
        if kept {
            for index in &absent {
                rows.push_null(*index);
            }
            rows.commit();
        } else {
            rows.rollback();
        }
        if let (Some(shapes), Some(recording)) = (shapes, recording) {
            shapes.learn(bytes, end, recording, absent);
        }
        if kept {
            Outcome::Row { end }
        } else {
            Outcome::Filtered { end }
        }
    }

    /// Reads the fields of the object at `at` into the row. Returns where the
    /// object ends.
    fn read_fields(
        &mut self,
        bytes: &[u8],
        at: usize,
        rows: &mut RowBuilder<'_>,
        recording: &mut Option<Recording>,
    ) -> Option<usize> {
        let mut at = scan::skip_white_space(bytes, at + 1);
        if bytes.get(at)? == &b'}' {
            return Some(at + 1);
        }
        let mut expected = 0;
        loop {
            if bytes.get(at)? != &b'"' {
                return None;
            }
            let key = scan::scan_string(bytes, at + 1)?;
            let start = at + 1;
            at = scan::skip_white_space(bytes, key.end + 1);
            if bytes.get(at)? != &b':' {
                return None;
            }
            at = scan::skip_white_space(bytes, at + 1);
            if key.unpaired {
                self.note_problem(Reason::UnpairedSurrogate, || "in a key".to_owned());
            }
            let index = self.find_column(&bytes[start..key.end], key.escaped, expected);
            match index {
                Some(index) => {
                    expected = index + 1;
                    if let Some(recording) = recording {
                        recording.column(at, index);
                    }
                    let column = &self.spec.schema.columns[index];
                    if self.seen[index] == self.object {
                        let name = &column.name;
                        self.note_problem(Reason::DuplicateKey, || {
                            format!("column {name} is given twice")
                        });
                    }
                    self.seen[index] = self.object;
                    at = self.read_value(bytes, at, index, column, rows)?;
                }
                None => {
                    self.unknown.push((start, key.end));
                    if let Some(recording) = recording {
                        recording.unknown(at, start, key.end);
                    }
                    at = self.skip_unknown(bytes, at)?;
                }
            }
            if let Some(recording) = recording {
                recording.value_end(at);
            }
            at = scan::skip_white_space(bytes, at);
            match bytes.get(at)? {
                b',' => at = scan::skip_white_space(bytes, at + 1),
                b'}' => return Some(at + 1),
                _ => return None,
            }
        }
    }

    /// The column that a key names; `expected` is tried first.
    fn find_column(&mut self, key: &[u8], escaped: bool, expected: usize) -> Option<usize> {
        let columns = &self.spec.schema.columns;
        let key = if escaped {
            self.unescaped.clear();
            scan::unescape(key, &mut self.unescaped);
            &self.unescaped
        } else {
            key
        };
        let is = |column: &Column| column.key.is(key);
        if columns.get(expected).is_some_and(is) {
            return Some(expected);
        }
        columns.iter().position(is)
    }

    /// Reads the value of a column into the row. Returns where the value ends.
    fn read_value(
        &mut self,
        bytes: &[u8],
        at: usize,
        index: usize,
        column: &Column,
        rows: &mut RowBuilder<'_>,
    ) -> Option<usize> {
        // After a problem no row is built, but the object is still checked to its
        // end.
        let build = self.problem.is_none();
        let mut is_converted = false;
        let (end, value) = match bytes.get(at)? {
            b'"' => {
                let text = scan::scan_string(bytes, at + 1)?;
                if text.unpaired {
                    self.note_problem(Reason::UnpairedSurrogate, || {
                        format!("in column {}", column.name)
                    });
                    return Some(text.end + 1);
                }
                let content = &bytes[at + 1..text.end];
                if !build {
                    return Some(text.end + 1);
                }
                if text.escaped {
                    self.unescaped.clear();
                    scan::unescape(content, &mut self.unescaped);
                }
                if column.kind == Type::Text {
                    if text.escaped {
                        rows.push_text(index, &self.unescaped);
                    } else {
                        rows.push_text(index, content);
                    }
                    return Some(text.end + 1);
                }
                let content = if text.escaped {
                    &self.unescaped
                } else {
                    content
                };
                is_converted = convert::is_text_converted(column.kind);
                (text.end + 1, convert::from_text(column.kind, content))
            }
            b'n' => (
                scan::skip_literal(bytes, at, b"null")?,
                Ok(convert::Value::Null),
            ),
            first @ (b't' | b'f') => {
                let truth = *first == b't';
                let end = scan::skip_literal(bytes, at, if truth { b"true" } else { b"false" })?;
                if column.kind == Type::Text {
                    if build {
                        rows.converted += 1;
                        rows.push_text(index, &bytes[at..end]);
                    }
                    return Some(end);
                }
                (end, convert::from_boolean(column.kind, truth))
            }
            b'{' | b'[' => {
                let end = self.skip_nested(bytes, at, || format!("in column {}", column.name))?;
                if column.kind == Type::Text && !column.is_strict {
                    if build && self.problem.is_none() {
                        rows.converted += 1;
                        rows.push_text(index, &bytes[at..end]);
                    }
                    return Some(end);
                }
                let refusal = (
                    Reason::TypeMismatch,
                    "an object or array where a scalar is due",
                );
                (end, Err(refusal))
            }
            _ => {
                let end = scan::skip_number(bytes, at)?;
                if column.kind == Type::Text {
                    if build {
                        rows.converted += 1;
                        rows.push_text(index, &bytes[at..end]);
                    }
                    return Some(end);
                }
                let token = &bytes[at..end];
                is_converted = convert::is_converted(column.kind, token);
                (end, convert::from_number(column.kind, token))
            }
        };
        match value {
            Ok(convert::Value::Null) if column.required => {
                if self.problem.is_none() {
                    self.problem = Some(missing(column));
                }
            }
            Ok(value) if build => {
                rows.converted += u64::from(is_converted);
                rows.push_value(index, value);
            }
            Ok(_) => {}
            Err((_, detail)) if !column.is_strict => {
                if build && self.problem.is_none() {
                    rows.push_value(index, convert::Value::Null);
                    self.misfits.push(Misfit {
                        column: index,
                        from: at,
                        to: end,
                        detail,
                    });
                }
            }
            Err(refusal) => self.note_refusal(column, refusal),
        }
        Some(end)
    }

    /// Skips the value of an unknown field. Returns where it ends.
    fn skip_unknown(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        self.skip_nested(bytes, at, || "in an unknown field".to_owned())
    }

    /// Skips a value of any nesting; `place` names it if it holds a fault.
    fn skip_nested(
        &mut self,
        bytes: &[u8],
        at: usize,
        place: impl FnOnce() -> String,
    ) -> Option<usize> {
        let mut unpaired = false;
        let end = scan::skip_value(bytes, at, self.depth_max - 1, &mut unpaired)?;
        if unpaired {
            self.note_problem(Reason::UnpairedSurrogate, place);
        }
        Some(end)
    }

    fn note_problem(&mut self, reason: Reason, detail: impl FnOnce() -> String) {
        if self.problem.is_none() {
            self.problem = Some((reason, detail()));
        }
    }

    fn note_refusal(&mut self, column: &Column, (reason, detail): Refusal) {
        self.note_problem(reason, || format!("column {}: {detail}", column.name));
    }

    fn count_unknown(&self, bytes: &[u8], tally: &mut Tally) {
        tally.unknown += self.unknown.len() as u64;
        for (start, end) in &self.unknown {
            tally.count_unknown(&unknown_name(&bytes[*start..*end]), 1);
        }
    }
}

fn missing(column: &Column) -> (Reason, String) {
    let detail = format!("column {} is required", column.name);
    (Reason::MissingField, detail)
}
