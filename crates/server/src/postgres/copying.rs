//! `COPY ... TO STDOUT`: rows as lines of text, CSV or binary.

use arrow::record_batch::RecordBatch;
use bytes::{BufMut, BytesMut};

use super::binary;
use super::statement::{Copying, Form};
use super::text;
use super::types::ColumnType;
use super::value::value;
use super::wire::Wire;

/// What a binary copy begins with: its signature, no flags and no more header.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Adds what comes before the rows.
pub(super) fn begin<'n>(
    wire: &mut Wire,
    copying: &Copying,
    names: impl ExactSizeIterator<Item = &'n str>,
) {
    let format = u8::from(copying.form == Form::Binary);
    wire.put(b'H', |out| {
        out.put_u8(format);
        out.put_u16(names.len() as u16);
        (0..names.len()).for_each(|_| out.put_u16(format.into()));
    });
    match copying.form {
        Form::Binary => wire.put(b'd', |out| out.put_slice(SIGNATURE)),
        _ if copying.has_header => {
            let line: Vec<String> = names.map(|name| field(copying, name)).collect();
            put_line(wire, copying, &line);
        }
        _ => {}
    }
}

/// Adds a row.
pub(super) fn put_row(
    wire: &mut Wire,
    copying: &Copying,
    batch: &RecordBatch,
    row: usize,
    types: &[ColumnType],
) {
    let columns = batch.columns();
    if copying.form == Form::Binary {
        wire.put(b'd', |out| {
            out.put_u16(columns.len() as u16);
            for (column, of) in columns.iter().zip(types) {
                binary::sized(out, |out: &mut BytesMut| {
                    match value(column.as_ref(), row) {
                        Some(value) => {
                            binary::write(out, &value, *of);
                            true
                        }
                        None => false,
                    }
                });
            }
        });
        return;
    }
    let line: Vec<String> = columns
        .iter()
        .map(|column| match value(column.as_ref(), row) {
            Some(value) => {
                let mut written = String::new();
                text::write(&mut written, &value, text::has_zone(column.data_type()));
                field(copying, &written)
            }
            None => copying.null.clone(),
        })
        .collect();
    put_line(wire, copying, &line);
}

/// Adds what comes after the rows.
pub(super) fn end(wire: &mut Wire, copying: &Copying) {
    if copying.form == Form::Binary {
        wire.put(b'd', |out| out.put_i16(-1));
    }
    wire.put(b'c', |_| {});
}

fn put_line(wire: &mut Wire, copying: &Copying, fields: &[String]) {
    let mut delimiter = [0; 4];
    let delimiter = &*copying.delimiter.encode_utf8(&mut delimiter);
    wire.put(b'd', |out| {
        out.put_slice(fields.join(delimiter).as_bytes());
        out.put_u8(b'\n');
    });
}

/// A value with what would end it early escaped.
fn field(copying: &Copying, value: &str) -> String {
    match copying.form {
        Form::Csv => {
            let is_plain = value != copying.null
                && value != "\\."
                && !value.contains(['"', '\n', '\r', copying.delimiter]);
            match is_plain {
                true => value.to_owned(),
                false => format!("\"{}\"", value.replace('"', "\"\"")),
            }
        }
        _ => {
            let mut escaped = String::with_capacity(value.len());
            for c in value.chars() {
                match c {
                    '\\' => escaped.push_str("\\\\"),
                    '\n' => escaped.push_str("\\n"),
                    '\r' => escaped.push_str("\\r"),
                    '\t' => escaped.push_str("\\t"),
                    c if c == copying.delimiter => escaped.extend(['\\', c]),
                    c => escaped.push(c),
                }
            }
            escaped
        }
    }
}
