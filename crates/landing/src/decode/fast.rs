//! The fast path: decodes objects that have the same shape as earlier ones.
//!
//! Objects of one source repeat the same keys in the same order with the same
//! spacing. So the fast path learns the bytes between one value and the next from
//! objects that the general path accepted, compares those bytes as a whole, and
//! reads values in place. Optional keys make several shapes, so shapes are stored
//! as a tree: a node holds the bytes before a value, and its children hold the
//! bytes that were seen after that value. Any object that does not fit goes to the
//! general path, which decides. The fast path never rejects.

use super::convert::{self, POWERS_OF_TEN, Value};
use super::rows::RowBuilder;
use super::scan;
use crate::schema::{Spec, Type};
use crate::tally::{Tally, unknown_name};

/// Maximum number of nodes learnt per segment. Ten optional keys in any combination
/// fit; keys in random order are left to the general path.
const NODES_MAX: usize = 4096;

/// Maximum number of bytes between two values that are learnt.
const PREFIX_BYTES_MAX: usize = 128;

/// Maximum number of children of a node.
const CHILDREN_MAX: usize = 16;

/// The tree of shapes learnt from the segment so far.
pub(crate) struct Shapes {
    nodes: Vec<Node>,
    /// Type of each column, and whether it is required.
    columns: Vec<(Type, bool)>,
    object_bytes_max: usize,
    /// Nodes of the unknown fields in the current object.
    unknown_seen: Vec<u16>,
}

struct Node {
    prefix: Box<[u8]>,
    action: Action,
    children: Vec<u16>,
}

enum Action {
    /// The root, before any object.
    Root,
    /// The value of a column follows: its index, its type, and whether it is
    /// required.
    Column(u16, Type, bool),
    /// The value of an unknown field follows: its name and how often it occurred.
    Unknown(String, u64),
    /// The object ends here: the indices of absent columns.
    End(Box<[u16]>),
}

/// The shape of an object while the general path reads it: where its values begin
/// and end.
pub(crate) struct Recording {
    /// Offset of the bytes before the next value.
    from: usize,
    prefixes: Vec<(usize, usize, Next)>,
}

#[derive(Clone, Copy)]
enum Next {
    Column(usize),
    Unknown(usize, usize),
}

impl Recording {
    pub(crate) fn column(&mut self, at: usize, index: usize) {
        self.push(at, Next::Column(index));
    }

    pub(crate) fn unknown(&mut self, at: usize, start: usize, end: usize) {
        self.push(at, Next::Unknown(start, end));
    }

    /// One prefix more than can be learnt is enough to give up.
    fn push(&mut self, at: usize, next: Next) {
        if self.prefixes.len() <= NODES_MAX {
            self.prefixes.push((self.from, at, next));
        }
    }

    pub(crate) fn value_end(&mut self, at: usize) {
        self.from = at;
    }
}

/// The result of the fast path: a row or a filtered object, and the offset of its
/// end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FastOutcome {
    Row(usize),
    Filtered(usize),
}

impl Shapes {
    pub(crate) fn new(spec: &Spec) -> Shapes {
        let root = Node {
            prefix: Box::default(),
            action: Action::Root,
            children: Vec::new(),
        };
        let columns = &spec.schema.columns;
        Shapes {
            nodes: vec![root],
            columns: columns.iter().map(|c| (c.kind, c.required)).collect(),
            object_bytes_max: spec.limits.object_bytes_max,
            unknown_seen: Vec::new(),
        }
    }

    /// Decodes the object at `at` if its shape is known and its values need no
    /// special case.
    #[inline]
    pub(crate) fn object(
        &mut self,
        bytes: &[u8],
        at: usize,
        check_utf8: bool,
        rows: &mut RowBuilder<'_>,
        tally: &mut Tally,
    ) -> Option<FastOutcome> {
        if self.nodes.len() == 1 {
            return None;
        }
        self.unknown_seen.clear();
        let Some((end, leaf)) = self.walk(bytes, at, rows) else {
            rows.rollback();
            return None;
        };
        if end - at > self.object_bytes_max
            || check_utf8 && std::str::from_utf8(&bytes[at..end]).is_err()
        {
            rows.rollback();
            return None;
        }
        tally.converted += rows.converted;
        if !self.unknown_seen.is_empty() {
            self.count_unknown_seen();
        }
        if !rows.is_kept() {
            rows.rollback();
            return Some(FastOutcome::Filtered(end));
        }
        if let Action::End(absent) = &self.nodes[leaf].action {
            for index in absent {
                rows.push_null(*index as usize);
            }
        }
        rows.commit();
        Some(FastOutcome::Row(end))
    }

    /// Walks down the tree along the object at `at`. Returns where the object ends,
    /// and the node of its end.
    #[inline(always)]
    fn walk(
        &mut self,
        bytes: &[u8],
        mut at: usize,
        rows: &mut RowBuilder<'_>,
    ) -> Option<(usize, usize)> {
        let mut node = &self.nodes[0];
        loop {
            let child = *node
                .children
                .iter()
                .find(|child| starts_with(bytes, at, &self.nodes[**child as usize].prefix))?;
            node = &self.nodes[child as usize];
            at += node.prefix.len();
            match &node.action {
                Action::Column(index, kind, required) => {
                    at = read_value(bytes, at, *index as usize, *kind, *required, rows)?;
                }
                Action::Unknown(..) => {
                    // The general path checks the nesting depth of nested values.
                    if let b'{' | b'[' = bytes.get(at)? {
                        return None;
                    }
                    let mut unpaired = false;
                    at = scan::skip_value(bytes, at, 0, &mut unpaired)?;
                    if unpaired {
                        return None;
                    }
                    self.unknown_seen.push(child);
                }
                Action::End(_) => return Some((at, child as usize)),
                Action::Root => return None,
            }
        }
    }

    /// Begins to record the shape of the object at `at`, if there is room for more
    /// nodes.
    pub(crate) fn record(&self, at: usize) -> Option<Recording> {
        (self.nodes.len() < NODES_MAX).then(|| Recording {
            from: at,
            prefixes: Vec::new(),
        })
    }

    /// Learns the shape of the object that ends at `end`.
    pub(crate) fn learn(
        &mut self,
        bytes: &[u8],
        end: usize,
        recording: Recording,
        absent: Vec<usize>,
    ) {
        let Recording { from, prefixes } = recording;
        let too_long = |(start, at, _): &(usize, usize, Next)| at - start > PREFIX_BYTES_MAX;
        if prefixes.iter().any(too_long)
            || end - from > PREFIX_BYTES_MAX
            || prefixes.len() + self.nodes.len() > NODES_MAX
        {
            return;
        }
        let mut node = 0;
        let columns = self.columns.clone();
        for (start, at, next) in prefixes {
            node = match self.child(node, &bytes[start..at], || match next {
                Next::Column(index) => {
                    Action::Column(index as u16, columns[index].0, columns[index].1)
                }
                Next::Unknown(start, end) => {
                    Action::Unknown(unknown_name(&bytes[start..end]).into_owned(), 0)
                }
            }) {
                Some(child) => child,
                None => return,
            };
        }
        let absent = absent.into_iter().map(|index| index as u16).collect();
        self.child(node, &bytes[from..end], || Action::End(absent));
    }

    fn child(
        &mut self,
        node: usize,
        prefix: &[u8],
        action: impl FnOnce() -> Action,
    ) -> Option<usize> {
        let known = self.nodes[node]
            .children
            .iter()
            .find(|child| *self.nodes[**child as usize].prefix == *prefix);
        if let Some(child) = known {
            return Some(*child as usize);
        }
        if self.nodes[node].children.len() == CHILDREN_MAX {
            return None;
        }
        let child = self.nodes.len();
        self.nodes.push(Node {
            prefix: prefix.into(),
            action: action(),
            children: Vec::new(),
        });
        self.nodes[node].children.push(child as u16);
        Some(child)
    }

    #[cold]
    fn count_unknown_seen(&mut self) {
        for node in self.unknown_seen.drain(..) {
            if let Action::Unknown(_, count) = &mut self.nodes[node as usize].action {
                *count += 1;
            }
        }
    }

    /// Adds the counts of unknown fields to the tally.
    pub(crate) fn count_unknown(&mut self, tally: &mut Tally) {
        for node in &mut self.nodes {
            if let Action::Unknown(name, count) = &mut node.action
                && *count > 0
            {
                tally.unknown += *count;
                tally.count_unknown(name, *count);
                *count = 0;
            }
        }
    }
}

#[inline(always)]
fn starts_with(bytes: &[u8], at: usize, prefix: &[u8]) -> bool {
    let Some(found) = bytes.get(at..at + prefix.len()) else {
        return false;
    };
    // Most prefixes are so short that calling `memcmp` would cost more than
    // comparing. They are compared in words, the last of which may overlap the one
    // before.
    let length = prefix.len();
    if length < 8 {
        return found.iter().zip(prefix).all(|(a, b)| a == b);
    }
    let mut from = 0;
    while from + 8 < length {
        if word(found, from) != word(prefix, from) {
            return false;
        }
        from += 8;
    }
    word(found, length - 8) == word(prefix, length - 8)
}

/// The eight bytes at `at`, the first one lowest.
#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..at + 8).map(TryInto::try_into) {
        Some(Ok(eight)) => u64::from_le_bytes(eight),
        _ => 0,
    }
}

/// Reads the value of a column into the row. Returns where the value ends.
#[inline(always)]
fn read_value(
    bytes: &[u8],
    at: usize,
    index: usize,
    kind: Type,
    required: bool,
    rows: &mut RowBuilder<'_>,
) -> Option<usize> {
    match (kind, *bytes.get(at)?) {
        (Type::Text, b'"') => {
            let end = scan::skip_plain_text(bytes, at + 1)?;
            if bytes[end] != b'"' {
                return None;
            }
            rows.push_text(index, &bytes[at + 1..end]);
            Some(end + 1)
        }
        (Type::Millis, _)
            if let Some((end, value)) = integer(bytes, at)
                && convert::wrong_unit(value).is_none() =>
        {
            rows.push_value(index, Value::Long(value));
            Some(end)
        }
        (Type::Long, _) if let Some((end, value)) = integer(bytes, at) => {
            rows.push_value(index, Value::Long(value));
            Some(end)
        }
        (Type::Double, _) if let Some((end, value)) = double(bytes, at) => {
            rows.push_value(index, Value::Double(value));
            Some(end)
        }
        _ => read_rare_scalar(bytes, at, index, kind, required, rows),
    }
}

/// The same for less common scalars, as in the general path. Values that are
/// refused and text with escapes are left to the general path.
#[inline(never)]
fn read_rare_scalar(
    bytes: &[u8],
    at: usize,
    index: usize,
    kind: Type,
    required: bool,
    rows: &mut RowBuilder<'_>,
) -> Option<usize> {
    let (end, value) = match bytes.get(at)? {
        b'"' => {
            let end = scan::skip_plain_text(bytes, at + 1)?;
            if bytes[end] != b'"' {
                return None;
            }
            if convert::is_text_converted(kind) {
                rows.converted += 1;
            }
            (end + 1, convert::from_text(kind, &bytes[at + 1..end]).ok()?)
        }
        b'n' => (scan::skip_literal(bytes, at, b"null")?, Value::Null),
        first @ (b't' | b'f') => {
            let truth = *first == b't';
            let end = scan::skip_literal(bytes, at, if truth { b"true" } else { b"false" })?;
            if kind == Type::Text {
                rows.converted += 1;
                rows.push_text(index, &bytes[at..end]);
                return Some(end);
            }
            (end, convert::from_boolean(kind, truth).ok()?)
        }
        _ => {
            let end = scan::skip_number(bytes, at)?;
            if kind == Type::Text {
                rows.converted += 1;
                rows.push_text(index, &bytes[at..end]);
                return Some(end);
            }
            let token = &bytes[at..end];
            if convert::is_converted(kind, token) {
                rows.converted += 1;
            }
            (end, convert::from_number(kind, token).ok()?)
        }
    };
    if value == Value::Null && required {
        return None;
    }
    rows.push_value(index, value);
    Some(end)
}

/// Reads an integer of at most 18 digits that is not the beginning of a float.
#[inline(always)]
fn integer(bytes: &[u8], at: usize) -> Option<(usize, i64)> {
    let negative = bytes.get(at) == Some(&b'-');
    let start = at + usize::from(negative);
    let (end, value) = mantissa(bytes, start, 0);
    let digits = end - start;
    if digits == 0 || digits > 18 || digits > 1 && bytes[start] == b'0' {
        return None;
    }
    if let Some(b'.' | b'e' | b'E') = bytes.get(end) {
        return None;
    }
    let value = value as i64;
    Some((end, if negative { -value } else { value }))
}

/// Reads a double whose digits fit into its mantissa and whose power of ten a
/// double holds exactly: one division then rounds to the nearest.
#[inline(always)]
fn double(bytes: &[u8], at: usize) -> Option<(usize, f64)> {
    if let Some(short) = short_double(bytes, at) {
        return Some(short);
    }
    let negative = bytes.get(at) == Some(&b'-');
    let start = at + usize::from(negative);
    let (point, whole) = mantissa(bytes, start, 0);
    let digits = point - start;
    if digits == 0 || digits > 1 && bytes[start] == b'0' {
        return None;
    }
    let (end, value, fraction) = if bytes.get(point) == Some(&b'.') {
        let (end, value) = mantissa(bytes, point + 1, whole);
        if end == point + 1 {
            return None;
        }
        (end, value, end - point - 1)
    } else {
        (point, whole, 0)
    };
    // Fewer than 19 digits cannot have overflowed.
    if digits + fraction > 18 || value > 1 << 53 {
        return None;
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        return None;
    }
    let value = value as f64 / POWERS_OF_TEN[fraction];
    Some((end, signed(value, negative)))
}

/// Reads one digit, a point and one digit, with or without a sign: the spelling of
/// most phone readings. Signs are random, so a branch on them would be mispredicted
/// half of the time. This function has none.
#[inline(always)]
fn short_double(bytes: &[u8], at: usize) -> Option<(usize, f64)> {
    let word = match bytes.get(at..at + 8).map(TryInto::try_into) {
        Some(Ok(eight)) => u64::from_le_bytes(eight),
        _ => return None,
    };
    let negative = word & 0xFF == u64::from(b'-');
    let word = word >> (u32::from(negative) * 8);
    let whole = (word & 0xFF).wrapping_sub(u64::from(b'0'));
    let tenths = (word >> 16 & 0xFF).wrapping_sub(u64::from(b'0'));
    // Only a comma or a brace ends the number here; other bytes are left to the
    // general case.
    let next = (word >> 24 & 0xFF) as u8;
    if whole > 9
        || tenths > 9
        || word >> 8 & 0xFF != u64::from(b'.')
        || !matches!(next, b',' | b'}')
    {
        return None;
    }
    let value = (whole * 10 + tenths) as f64 / 10.0;
    Some((at + 3 + usize::from(negative), signed(value, negative)))
}

/// Applies a sign without a branch.
#[inline(always)]
fn signed(value: f64, negative: bool) -> f64 {
    f64::from_bits(value.to_bits() | u64::from(negative) << 63)
}

/// Appends the digits from `at` on to a value. The value wraps if they are too
/// many.
#[inline(always)]
fn mantissa(bytes: &[u8], mut at: usize, mut value: u64) -> (usize, u64) {
    // Eight digits at once: times and other long numbers have as many.
    while let Some(Ok(eight)) = bytes.get(at..at + 8).map(TryInto::try_into) {
        let Some(digits) = eight_digits(u64::from_le_bytes(eight)) else {
            break;
        };
        value = value.wrapping_mul(100_000_000).wrapping_add(digits);
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (at, value)
}

/// The value of eight digits, the first in the lowest byte.
#[inline(always)]
fn eight_digits(word: u64) -> Option<u64> {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const SIXES: u64 = 0x0606_0606_0606_0606;
    const HIGH_NIBBLES: u64 = 0xF0F0_F0F0_F0F0_F0F0;
    // The high nibble of a digit is three, also after adding six.
    if word & HIGH_NIBBLES != ZEROS || word.wrapping_add(SIXES) & HIGH_NIBBLES != ZEROS {
        return None;
    }
    let digits = word & 0x0F0F_0F0F_0F0F_0F0F;
    let pairs = (digits * 10 + (digits >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    Some((fours * 10_000 + (fours >> 32)) & 0xFFFF_FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_digits_at_once() {
        for text in ["00000000", "12345678", "99999999", "16555643", "00000001"] {
            let word = u64::from_le_bytes(text.as_bytes().try_into().expect("eight"));
            assert_eq!(eight_digits(word), text.parse().ok());
        }
        for at in 0..8 {
            for byte in (0..=255_u8).filter(|byte| !byte.is_ascii_digit()) {
                let mut text = *b"12345678";
                text[at] = byte;
                assert_eq!(eight_digits(u64::from_le_bytes(text)), None);
            }
        }
    }
}
