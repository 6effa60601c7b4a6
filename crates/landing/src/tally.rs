//! Counts of a read: rows, rejected objects, bytes, unknown fields.
//!
//! `query` adds the tallies of a file's segments; a run writes the sums into
//! `system.ledger`.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Maximum number of distinct names of unknown fields that are counted by name.
/// Names come from the data, so their number must be bounded.
pub const UNKNOWN_NAMES_MAX: usize = 256;

/// Longer names of unknown fields are cut to this many bytes: a key may be as long
/// as an object.
const UNKNOWN_NAME_BYTES_MAX: usize = 128;

/// Counts of a read. At the end of a file:
/// - `objects = rows + filtered + rejected_objects`
/// - `bytes_rows + bytes_rejected + bytes_separators` = bytes of the file.
///
/// An object or stretch that is open at the end of a segment is counted in the
/// segment that ends it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Objects that became rows.
    pub rows: u64,
    /// Valid objects that the row filter ([`crate::Keep`]) left out.
    pub filtered: u64,
    /// Rejected stretches that began as an object.
    pub rejected_objects: u64,
    /// All other rejected stretches: garbage, values that are not objects, and
    /// misfits.
    pub rejected_others: u64,
    /// Objects found.
    pub objects: u64,
    /// Bytes of objects that became rows or were left out by the row filter, without
    /// the misfits in them.
    pub bytes_rows: u64,
    /// Bytes of rejected stretches.
    pub bytes_rejected: u64,
    /// Bytes between objects: white space, commas, brackets of a top-level array
    /// and the byte order mark.
    pub bytes_separators: u64,
    /// All newlines of the file, inside objects too.
    pub newlines: u64,
    /// Values converted without loss: numbers to text, integral floats to integers,
    /// text to other types.
    pub converted: u64,
    /// Values that their columns did not accept, by column: null in rows that were
    /// kept. Each is a rejected stretch as well.
    pub misfits: BTreeMap<String, u64>,
    /// Fields that no column has, in rows and in objects that the row filter left
    /// out.
    pub unknown: u64,
    /// The same by name, as the file spells it, for the first [`UNKNOWN_NAMES_MAX`]
    /// names in alphabetical order. Names may be personal values.
    pub unknown_fields: BTreeMap<String, u64>,
}

impl Tally {
    /// Adds the counts of another part of the same file or scan.
    pub fn add(&mut self, other: &Tally) {
        let Tally {
            rows,
            filtered,
            rejected_objects,
            rejected_others,
            objects,
            bytes_rows,
            bytes_rejected,
            bytes_separators,
            newlines,
            converted,
            misfits,
            unknown,
            unknown_fields,
        } = other;
        self.rows += rows;
        self.filtered += filtered;
        self.rejected_objects += rejected_objects;
        self.rejected_others += rejected_others;
        self.objects += objects;
        self.bytes_rows += bytes_rows;
        self.bytes_rejected += bytes_rejected;
        self.bytes_separators += bytes_separators;
        self.newlines += newlines;
        self.converted += converted;
        for (column, count) in misfits {
            *self.misfits.entry(column.clone()).or_default() += count;
        }
        self.unknown += unknown;
        for (name, count) in unknown_fields {
            self.count_unknown(name, *count);
        }
    }

    /// All bytes accounted for.
    pub fn bytes(&self) -> u64 {
        self.bytes_rows + self.bytes_rejected + self.bytes_separators
    }

    /// Counts an unknown field. Beyond the maximum, the first names in alphabetical
    /// order are kept. Those do not depend on the order in which names come and
    /// tallies are added, and their counts are complete.
    pub fn count_unknown(&mut self, name: &str, count: u64) {
        let name = &name[..name.floor_char_boundary(UNKNOWN_NAME_BYTES_MAX)];
        if let Some(known) = self.unknown_fields.get_mut(name) {
            *known += count;
            return;
        }
        if self.unknown_fields.len() == UNKNOWN_NAMES_MAX {
            match self.unknown_fields.last_key_value() {
                Some((last, _)) if last.as_str() > name => self.unknown_fields.pop_last(),
                _ => return,
            };
        }
        self.unknown_fields.insert(name.to_owned(), count);
    }
}

/// The name of an unknown field, as the file spells it.
pub(crate) fn unknown_name(raw: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(&raw[..raw.len().min(UNKNOWN_NAME_BYTES_MAX)])
}
