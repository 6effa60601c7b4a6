//! Unpacks landing files and decodes their JSON into Arrow. Every byte is part of a row, is quarantined
//! with a reason, or is a separator.
//!
//! The crate is pure: bytes in, record batches out; no I/O, no threads, no clock.
//! The landing reader of `query` splits a file at newlines into segments
//! ([`boundary`]), decodes them in parallel, each from a guessed [`Carry`], and
//! then accepts the results in order:
//!
//! ```
//! # use std::sync::Arc;
//! # use bytes::Bytes;
//! # use landing::{Carry, Column, Decoder, Schema, Spec, Type};
//! # let schema = Schema { columns: vec![Column::required("a", Type::Long)] };
//! # let decoder = Decoder::new(Spec::all(Arc::new(schema)));
//! let file = Bytes::from_static(b"{\"a\":1}\n{\"a\":\n2}\n{\"A\":3.0}\n");
//! let segments = [file.slice(..8), file.slice(8..14), file.slice(14..)];
//!
//! let mut carry = Carry::start();
//! let mut rows = 0;
//! for segment in segments {
//!     let assumed = Carry::guessed(&file, carry.offset());
//!     let decoded = if carry.agrees_with(&assumed) {
//!         let mut decoded = decoder.decode(segment, assumed); // done before, in parallel
//!         decoded.follow(&carry);
//!         decoded
//!     } else {
//!         decoder.decode(segment, carry)
//!     };
//!     rows += decoded.tally.rows;
//!     carry = decoded.carry;
//! }
//! rows += decoder.finish(carry).tally.rows;
//! assert_eq!(rows, 3);
//! ```
//!
//! Rows, rejected stretches and totals do not depend on where a file is cut: at
//! newlines or anywhere else. Time is linear in the length of the file. Memory is
//! bounded by the segment and [`Limits`], whatever the file holds.
//!
//! # Framing: what may stand between objects
//! White space, commas, the brackets of a top-level array and a byte order mark at
//! the start of the file are separators. So the decoder reads NDJSON, concatenated
//! objects, comma-terminated lines, arrays and pretty-printed objects, also mixed.
//! `[` opens a top-level array if an object or `]` follows. If the file ends before
//! the array is closed, a rejected stretch of length zero reports it.
//!
//! All other bytes are rejected, as one stretch up to the next object: with the
//! reason `not_an_object` if they are JSON, else with `garbage`. White space at the
//! end of a rejected stretch is a separator (a run of 1 KiB or more is part of the
//! stretch). Beyond the first thousand stretches of a file, and beyond a MiB of
//! their bytes, stretches are reported as ranges, with their number and the sum of
//! their lengths.
//!
//! # What becomes a row
//! An object that is valid JSON throughout, including the fields that no column
//! has, and
//! - has each column at most once (`duplicate_key`). Keys match columns by [`Key`],
//!   after unescaping. Unknown fields may repeat;
//!   each one is counted;
//! - has every required column (`missing_field`). Null counts as absent;
//! - holds values that its strict columns accept without loss:
//!
//! | column | accepts | rejects |
//! |---|---|---|
//! | integer | integers in any spelling (`1e3`, `5.0`); text that spells a JSON integer | fractions: `lossy_number`; beyond the range: `out_of_range`; others: `type_mismatch` |
//! | epoch milliseconds | the same as integer | seconds or microseconds of this century: `time_unit`; zero and below: `out_of_range` |
//! | instant | the same as timestamp | where it is checked, the same as epoch milliseconds |
//! | double, float | numbers, rounded to the nearest; text that spells a JSON number | overflow: `out_of_range` |
//! | text | text, escaped NUL included; numbers, `true`, `false`, objects and arrays as written | objects and arrays, where the column is strict |
//! | date | `YYYY-MM-DD`, also without leading zeros; integers as days since 1970 | days that do not exist: `out_of_range` |
//! | timestamp | a date and `HH:MM:SS`, also with `T`, a fraction, `Z`, `+hh:mm`, `+hhmm` or `+hh`; numbers, also as text: integers of 13 characters or more as epoch milliseconds, others as epoch seconds, or milliseconds if these would be beyond the year 5000 | finer than a millisecond: `lossy_number` |
//! | boolean | `true`, `false`, also as text | |
//!
//! A strict column rejects the object; every required column is strict. In any
//! other column the value alone is rejected, as a `misfit`: the object is a row, in
//! which the value is null. So no person is lost over a birthday.
//!
//! Blank text in a column that is not text is null: sources send `""` for a date
//! that was not given. Bytes that are not UTF-8 and unpaired surrogates reject the
//! object that holds them, wherever they are. If an object has several problems,
//! invalid UTF-8 is reported, else the first problem; missing fields come last.
//! Objects beyond [`Limits::object_bytes_max`] or [`Limits::depth_max`] are never
//! held or built.
//!
//! # Recovery after a broken object
//! An object breaks at the first byte that no valid JSON object can have at that
//! place. The next object begins at the first brace for which one of the following
//! rules holds. The bytes before it are rejected as one stretch.
//! 1. **Brackets.** The brackets that were open at the break are closed: the broken
//!    object was complete, and decoding continues after it. After a stray quote,
//!    inside and outside of strings may be swapped. So the decoder follows both
//!    readings. It accepts the swapped one if the end of a record comes next. At
//!    each line end, the reading without an open string is right.
//! 2. **Lines.** The brace begins a line that is indented no further than the line
//!    on which the broken object began, and is no element of an array open there.
//! 3. **No value.** The brace stands where no value can: after a value, a key or a
//!    comma inside an object, as where one file was cut off and another appended.
//!    After a colon or in an array, the brace belongs to the object around it and
//!    is quarantined with it. Later on a line, only a brace directly followed by a
//!    quote counts.
//! 4. **Inside a string.** The string that holds the break ends in a brace:
//!    `"shareWithRese{"customerName":...`.
//! 5. **A value on a line of its own.** An object that was cut off after a colon
//!    takes the next line as the value of that field and breaks only after it. If
//!    that value begins a line as in rule 2, and a record follows, the value is a
//!    record.
//!
//! An object found by rules 2 to 4 becomes a row only if the bytes after it prove
//! that it stands alone: the end of its line, another object or the end of the file
//! (in an array, after a colon or before a comma: another object or the end of the
//! file). Otherwise it is rejected as `ambiguous`, since it may be part of the
//! broken object, and the search continues. So no inner object of a broken one
//! becomes a row, and a broken line costs no other line.
//!
//! Two losses are accepted, since they look the same as the inside of an object:
//! the neighbour on the same line of an object cut off just after a colon, and
//! lines that follow an object cut off inside a nested array just after its bracket
//! or a comma (one line, unless lines end in commas). Both are quarantined, where
//! they can be seen and retried.
//!
//! # Modules
//! - `input`: tells by name which objects are input at all.
//! - `container`: tells what an object holds by its first bytes, and unpacks it.
//! - [`compression`], `snappy`, `zip`: unpack gzip and Zstandard, Snappy, zip.
//! - `framing`: finds where objects begin and end; state between segments;
//!   recovery.
//! - `decode`: builds rows, by a fast path (object shapes learnt from earlier
//!   objects) and a general path with equal results.
//! - `reject`: rejected stretches and their reasons.
//! - `tally`: counts.
//! - `schema`: columns, limits and what to read.

pub mod compression;
mod container;
mod decode;
mod framing;
mod input;
mod reject;
mod schema;
mod snappy;
mod tally;
mod zip;

pub use container::{Container, HEAD_BYTES, Limited};
pub use decode::{Decoded, Decoder};
pub use framing::boundary;
pub use framing::carry::Carry;
pub use input::ObjectKind;
pub use reject::{Condenser, Finder, Found, Raw, Reason, Rejected};
pub use schema::{Column, Keep, Key, KeySet, Limits, Schema, Spec, Type};
pub use snappy::SnappyFormat;
pub use tally::{Tally, UNKNOWN_NAMES_MAX};
