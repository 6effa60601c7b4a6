//! The general path: any valid object, whatever its shape.
//!
//! It reads an object in one pass, checks it in full and builds its row on the
//! way. If the bytes are not one complete valid object it gives up without a
//! trace, and the grammar's automaton says where the object breaks.

use super::convert::{self, Refusal};
use super::fast::{Recording, Shapes};
use super::rows::Rows;
use super::scan;
use crate::reject::Reason;
use crate::schema::{Column, Spec, Type};
use crate::tally::{Tally, unknown_name};

/// What an object came to, and where it ends.
#[derive(Debug)]
pub(crate) enum Outcome {
    Row {
        end: usize,
    },
    /// Left out by [`crate::Keep`].
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

/// Reads objects one after the other; keeps what it needs between them.
pub(crate) struct General<'a> {
    spec: &'a Spec,
    depth_max: usize,
    /// Per column, the last object that had it.
    seen: Vec<u64>,
    object: u64,
    unescaped: Vec<u8>,
    /// Unknown fields of the object being read: where their names stand.
    unknown: Vec<(usize, usize)>,
    problem: Option<(Reason, String)>,
}

impl<'a> General<'a> {
    pub(crate) fn new(spec: &'a Spec, depth_max: usize) -> General<'a> {
        General {
            spec,
            depth_max,
            seen: vec![0; spec.schema.columns.len()],
            object: 0,
            unescaped: Vec::new(),
            unknown: Vec::new(),
            problem: None,
        }
    }

    /// Reads the object that begins at `at`. `check_utf8` says that `bytes`
    /// are not known to be UTF-8. What is learnt of its shape goes to `shapes`.
    pub(crate) fn object(
        &mut self,
        bytes: &[u8],
        at: usize,
        check_utf8: bool,
        rows: &mut Rows<'_>,
        shapes: Option<&mut Shapes>,
        tally: &mut Tally,
    ) -> Outcome {
        self.object += 1;
        self.unknown.clear();
        self.problem = None;
        let mut recording = shapes.as_ref().and_then(|shapes| shapes.record(at));
        let Some(end) = self.members(bytes, at, rows, &mut recording) else {
            rows.rollback();
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
                rows.null(*index);
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

    /// Past the object at `at`, its values pushed onto the row.
    fn members(
        &mut self,
        bytes: &[u8],
        at: usize,
        rows: &mut Rows<'_>,
        recording: &mut Option<Recording>,
    ) -> Option<usize> {
        let mut at = scan::blank(bytes, at + 1);
        if bytes.get(at)? == &b'}' {
            return Some(at + 1);
        }
        let mut due = 0;
        loop {
            if bytes.get(at)? != &b'"' {
                return None;
            }
            let key = scan::string(bytes, at + 1)?;
            let start = at + 1;
            at = scan::blank(bytes, key.end + 1);
            if bytes.get(at)? != &b':' {
                return None;
            }
            at = scan::blank(bytes, at + 1);
            if key.unpaired {
                self.refuse(Reason::UnpairedSurrogate, || "in a key".to_owned());
            }
            let index = self.column(&bytes[start..key.end], key.escaped, due);
            match index {
                Some(index) => {
                    due = index + 1;
                    if let Some(recording) = recording {
                        recording.column(at, index);
                    }
                    let column = &self.spec.schema.columns[index];
                    if self.seen[index] == self.object {
                        let name = &column.name;
                        self.refuse(Reason::DuplicateKey, || {
                            format!("column {name} is given twice")
                        });
                    }
                    self.seen[index] = self.object;
                    at = self.field(bytes, at, index, column, rows)?;
                }
                None => {
                    self.unknown.push((start, key.end));
                    if let Some(recording) = recording {
                        recording.unknown(at, start, key.end);
                    }
                    at = self.skip(bytes, at)?;
                }
            }
            if let Some(recording) = recording {
                recording.value_end(at);
            }
            at = scan::blank(bytes, at);
            match bytes.get(at)? {
                b',' => at = scan::blank(bytes, at + 1),
                b'}' => return Some(at + 1),
                _ => return None,
            }
        }
    }

    /// The column that a key names; `due` is tried first.
    fn column(&mut self, key: &[u8], escaped: bool, due: usize) -> Option<usize> {
        let columns = &self.spec.schema.columns;
        let key = if escaped {
            self.unescaped.clear();
            scan::unescape(key, &mut self.unescaped);
            &self.unescaped
        } else {
            key
        };
        let is = |column: &Column| column.name.as_bytes().eq_ignore_ascii_case(key);
        if columns.get(due).is_some_and(is) {
            return Some(due);
        }
        columns.iter().position(is)
    }

    /// Past the value of a column, pushed onto the row.
    fn field(
        &mut self,
        bytes: &[u8],
        at: usize,
        index: usize,
        column: &Column,
        rows: &mut Rows<'_>,
    ) -> Option<usize> {
        // After a problem the row is given up, but still checked to its end.
        let build = self.problem.is_none();
        let (end, value) = match bytes.get(at)? {
            b'"' => {
                let text = scan::string(bytes, at + 1)?;
                if text.unpaired {
                    self.refuse(Reason::UnpairedSurrogate, || {
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
                        rows.text(index, &self.unescaped);
                    } else {
                        rows.text(index, content);
                    }
                    return Some(text.end + 1);
                }
                let content = if text.escaped {
                    &self.unescaped
                } else {
                    content
                };
                // Dates and times have no other spelling in JSON.
                if !matches!(column.kind, Type::Date | Type::Timestamp) {
                    rows.converted += 1;
                }
                (text.end + 1, convert::text(column.kind, content))
            }
            b'n' => (scan::word(bytes, at, b"null")?, Ok(convert::Value::Null)),
            first @ (b't' | b'f') => {
                let truth = *first == b't';
                let end = scan::word(bytes, at, if truth { b"true" } else { b"false" })?;
                if column.kind == Type::Text {
                    if build {
                        rows.converted += 1;
                        rows.text(index, &bytes[at..end]);
                    }
                    return Some(end);
                }
                (end, convert::boolean(column.kind, truth))
            }
            b'{' | b'[' => {
                let end = self.skip(bytes, at)?;
                let refusal = (
                    Reason::TypeMismatch,
                    "an object or array where a scalar is due",
                );
                (end, Err(refusal))
            }
            _ => {
                let end = scan::number(bytes, at)?;
                if column.kind == Type::Text {
                    if build {
                        rows.converted += 1;
                        rows.text(index, &bytes[at..end]);
                    }
                    return Some(end);
                }
                let token = &bytes[at..end];
                if build && convert::is_converted(column.kind, token) {
                    rows.converted += 1;
                }
                (end, convert::number(column.kind, token))
            }
        };
        match value {
            Ok(convert::Value::Null) if column.required => {
                if self.problem.is_none() {
                    self.problem = Some(missing(column));
                }
            }
            Ok(value) if build => rows.value(index, value),
            Ok(_) => {}
            Err(refusal) => self.refuse_value(column, refusal),
        }
        Some(end)
    }

    /// Past the value of an unknown field.
    fn skip(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        let mut unpaired = false;
        let end = scan::value(bytes, at, self.depth_max - 1, &mut unpaired)?;
        if unpaired {
            self.refuse(Reason::UnpairedSurrogate, || {
                "in an unknown field".to_owned()
            });
        }
        Some(end)
    }

    fn refuse(&mut self, reason: Reason, detail: impl FnOnce() -> String) {
        if self.problem.is_none() {
            self.problem = Some((reason, detail()));
        }
    }

    fn refuse_value(&mut self, column: &Column, (reason, words): Refusal) {
        self.refuse(reason, || format!("column {}: {words}", column.name));
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
