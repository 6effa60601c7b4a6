//! Landing JSON into Arrow: every byte ends in a row, in quarantine with its
//! reason, or is a separator.
//!
//! Pure: bytes in, record batches out; no I/O, no threads, no clock. The engine
//! cuts a file into segments at newlines ([`boundary`]), decodes them in
//! parallel, each from an assumed [`Carry`], and then walks them in order:
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
//!         let mut decoded = decoder.decode(segment, assumed); // done before, elsewhere
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
//! However a file is cut, at newlines or anywhere else, rows, rejected
//! stretches and totals are the same. Time is linear in the file's length and
//! memory bounded by the segment and [`Limits`], whatever is in the file.
//!
//! # What is between objects
//! White space, commas, the brackets of a top-level array and a byte order
//! mark at the very start are separators, so that NDJSON, concatenated objects,
//! comma-terminated lines, arrays and pretty-printed objects all read, also
//! mixed. `[` opens a top-level array if an object or `]` comes next; if the
//! file ends before the array does, a notice of length zero says so. Anything
//! else is rejected, one stretch up to the next object: as `not_an_object` if
//! it is JSON, else as `garbage`. White space at the end of a rejected stretch
//! is a separator (runs of 1 KiB and more are part of the stretch). Beyond the
//! first thousand stretches of a file, and beyond a MiB of their bytes, stretches
//! are told in ranges, with their number and the sum of their lengths.
//!
//! # What a row is
//! An object that is valid JSON throughout, also in fields no column has, and
//! - has every column at most once (`duplicate_key`). Keys match columns
//!   whatever the case of their ASCII letters, after unescaping. Unknown fields
//!   may repeat: each is counted;
//! - has every required column (`missing_field`); null is absent;
//! - holds in each column what it takes, without loss:
//!
//! | column | takes | refuses |
//! |---|---|---|
//! | integer | integers in whatever spelling (`1e3`, `5.0`); text that spells a JSON integer | fractions: `lossy_number`; beyond the range: `out_of_range`; others: `type_mismatch` |
//! | epoch milliseconds | as integers | what is seconds or microseconds of this century: `time_unit`; nought and less: `out_of_range` |
//! | double, float | numbers, rounded to the nearest; text that spells a JSON number | overflow: `out_of_range` |
//! | text | text, NUL by escape included; numbers, `true` and `false` as written | objects, arrays |
//! | date | `YYYY-MM-DD` | days that do not exist: `out_of_range` |
//! | timestamp | `YYYY-MM-DD HH:MM:SS`, with `T`, a fraction, `Z` or `+hh:mm`; integers and text of integers as epoch milliseconds | finer than a millisecond: `lossy_number` |
//! | boolean | `true`, `false`, and as text | |
//!
//! Blank text in a column that is not text is null: sources send `""` for a
//! date not given. Bytes that are not UTF-8 and unpaired surrogates anywhere in
//! an object reject it. If more than one thing is wrong, invalid UTF-8 is
//! reported, else what comes first, missing fields last. Objects over
//! [`Limits::object_bytes_max`] or [`Limits::depth_max`] are never held or
//! built.
//!
//! # After a broken object
//! An object breaks at the first byte with which no valid JSON goes on. The
//! next object is the first brace of which one of these holds; what stands
//! before it is rejected as one stretch.
//! 1. **Brackets.** The brackets open at the break have closed: the broken
//!    object was whole, and reading goes on after it. Strings may be inside
//!    out after a stray quote, so both readings are followed; the other one
//!    counts if a record's end comes next, and at each line end the one
//!    without an open string is right.
//! 2. **Lines.** The brace begins a line that is indented no further than the
//!    line the broken object began on, and is no element of an array open there.
//! 3. **No value.** The brace stands where no value may: after a value, a key
//!    or a comma inside an object, as where one file was cut off and another
//!    appended. After a colon or in an array it belongs to the object around
//!    it, which takes it along into quarantine. Later on a line only a brace
//!    directly followed by a quote counts.
//! 4. **Inside a string.** The string that holds the break ends in a brace:
//!    `"shareWithRese{"customerName":...`.
//! 5. **A value on a line of its own.** An object cut off after a colon takes
//!    in the next line as that field's value and breaks only after it. If the
//!    value began a line as in 2 and then a record follows, it is a record.
//!
//! What was found by 2 to 4 is a row only if what follows proves that it stands
//! alone: the end of its line, another object or the end of the file (in an
//! array, after a colon or before a comma: another object or the end of the
//! file). Otherwise it is rejected as `ambiguous`, since it may be part of the
//! broken one, and the search goes on. So an inner object of a broken one
//! becomes no row, and a broken line costs no other line. Two losses are
//! accepted, since nothing tells them from the inside of an object: the
//! neighbour on the same line of an object cut off just after a colon, and
//! lines that follow an object cut off inside a nested array just after its
//! bracket or a comma (one line, unless lines end in commas). Both are in quarantine, to be seen and retried.
//!
//! # Parts
//! [`compression`] reads `.gz` and `.zst`. Inside, `framing` says where objects
//! begin and end, `decode` builds rows by a fast path (shapes learnt from
//! earlier rows) and a general path of equal result, `reject` and `tally` keep
//! the accounts.

pub mod compression;
mod decode;
mod framing;
mod reject;
mod schema;
mod tally;

pub use decode::{Decoded, Decoder};
pub use framing::boundary;
pub use framing::carry::Carry;
pub use reject::{Condenser, Finder, Found, Raw, Reason, Rejected};
pub use schema::{Column, Keep, KeySet, Limits, Schema, Spec, Type};
pub use tally::{Tally, UNKNOWN_NAMES_MAX};
