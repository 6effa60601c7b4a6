//! What a read counts. The engine adds the tallies of a file's segments and
//! writes them into `system.ledger`.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// How many distinct unknown field names are told apart. Names come from the
/// data, so their number must be bounded.
pub const UNKNOWN_NAMES_MAX: usize = 256;

/// Longer names are cut to as many bytes: a key may be as long as an object.
const UNKNOWN_NAME_BYTES_MAX: usize = 128;

/// Counts of a read. At the end of a file:
/// - `objects = rows + filtered + rejected_objects`
/// - `bytes_rows + bytes_rejected + bytes_separators` = bytes of the file.
///
/// What is still open at the end of a segment is counted in the segment that
/// ends it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Objects that became rows.
    pub rows: u64,
    /// Good objects that [`crate::Keep`] left out.
    pub filtered: u64,
    /// Objects in quarantine: rejected stretches that began as an object.
    pub rejected_objects: u64,
    /// Other rejected stretches: garbage and values that are not objects.
    pub rejected_others: u64,
    /// Objects found.
    pub objects: u64,
    /// Bytes of objects that became rows or were filtered.
    pub bytes_rows: u64,
    /// Bytes of rejected stretches.
    pub bytes_rejected: u64,
    /// White space, commas, brackets of a top-level array and byte order mark
    /// between objects.
    pub bytes_separators: u64,
    /// Newlines, wherever they stand.
    pub newlines: u64,
    /// Values that were converted without loss: numbers for text, integral
    /// floats for integers, text for other types.
    pub converted: u64,
    /// Fields of no column in rows and filtered objects, all of them.
    pub unknown: u64,
    /// The same per name (as it stands in the file), for the first
    /// [`UNKNOWN_NAMES_MAX`] names in order. Names may be personal values.
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
        self.unknown += unknown;
        for (name, count) in unknown_fields {
            self.count_unknown(name, *count);
        }
    }

    /// Bytes accounted for.
    pub fn bytes(&self) -> u64 {
        self.bytes_rows + self.bytes_rejected + self.bytes_separators
    }

    /// Keeps the first names in order: those are the same in whatever order
    /// names come and tallies are added, and their counts are complete.
    pub(crate) fn count_unknown(&mut self, name: &str, count: u64) {
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

/// The name of an unknown field, as it stands in the file.
pub(crate) fn unknown_name(raw: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(&raw[..raw.len().min(UNKNOWN_NAME_BYTES_MAX)])
}
