//! Checks the footer of a Parquet file before the library decodes it.
//!
//! The library allocates what a list or a group of columns claims to hold, calls itself
//! for each group within a group, and goes by the numbers of fields alone. So a footer
//! is read here first, with the type that the format gives each field: both then read
//! the same bytes as the same fields.

use super::thrift::{BINARY, BYTE, DEPTH_MAX, DOUBLE, I16, I32, I64, LIST, STRUCT, Stop, Thrift};

/// Groups within groups: the library calls itself for each.
const GROUPS_MAX: usize = 64;

/// Checks that `bytes` are a footer, which claims no more than it holds.
///
/// # Errors
/// [`Stop`] if they are not.
pub(super) fn check(bytes: &[u8]) -> Result<(), Stop> {
    let mut footer = Footer {
        thrift: Thrift::new(bytes),
        children: Vec::new(),
    };
    footer.structure(FILE)
}

/// What the format says that a field is.
enum Shape {
    /// A number, floating point number or text, of this type of the protocol.
    Plain(u8),
    /// A truth value, which is in the type.
    Bool,
    Struct(Fields),
    List(&'static Shape),
    /// The columns and groups of the file, depth first.
    Schema,
    /// How many of the next columns and groups are in this group.
    Children,
}

/// The fields of a structure, by number. Those of other numbers are skipped by their
/// type, here as in the library.
type Fields = &'static [(i64, Shape)];

use Shape::{Bool, Children, List, Plain, Schema, Struct};

const FILE: Fields = &[
    (1, Plain(I32)),
    (2, Schema),
    (3, Plain(I64)),
    (4, List(&Struct(ROW_GROUP))),
    (5, List(&Struct(KEY_VALUE))),
    (6, Plain(BINARY)),
    (7, List(&Struct(UNION))),
    (8, Struct(UNION)),
    (9, Plain(BINARY)),
];

const SCHEMA_ELEMENT: Fields = &[
    (1, Plain(I32)),
    (2, Plain(I32)),
    (3, Plain(I32)),
    (4, Plain(BINARY)),
    (5, Children),
    (6, Plain(I32)),
    (7, Plain(I32)),
    (8, Plain(I32)),
    (9, Plain(I32)),
    (10, Struct(LOGICAL_TYPE)),
];

const LOGICAL_TYPE: Fields = &[
    (1, Struct(EMPTY)),
    (2, Struct(EMPTY)),
    (3, Struct(EMPTY)),
    (4, Struct(EMPTY)),
    (5, Struct(&[(1, Plain(I32)), (2, Plain(I32))])),
    (6, Struct(EMPTY)),
    (7, Struct(TIME)),
    (8, Struct(TIME)),
    (10, Struct(&[(1, Plain(BYTE)), (2, Bool)])),
    (11, Struct(EMPTY)),
    (12, Struct(EMPTY)),
    (13, Struct(EMPTY)),
    (14, Struct(EMPTY)),
    (15, Struct(EMPTY)),
    (16, Struct(&[(1, Plain(BYTE))])),
    (17, Struct(&[(1, Plain(BINARY))])),
    (18, Struct(&[(1, Plain(BINARY)), (2, Plain(I32))])),
];

const TIME: Fields = &[(1, Bool), (2, Struct(UNION))];

/// A structure without known fields.
const EMPTY: Fields = &[];

/// One of a few structures without fields.
const UNION: Fields = &[(1, Struct(EMPTY)), (2, Struct(EMPTY)), (3, Struct(EMPTY))];

const ROW_GROUP: Fields = &[
    (1, List(&Struct(COLUMN_CHUNK))),
    (2, Plain(I64)),
    (3, Plain(I64)),
    (4, List(&Struct(&[(1, Plain(I32)), (2, Bool), (3, Bool)]))),
    (5, Plain(I64)),
    (6, Plain(I64)),
    (7, Plain(I16)),
];

const COLUMN_CHUNK: Fields = &[
    (1, Plain(BINARY)),
    (2, Plain(I64)),
    (3, Struct(COLUMN)),
    (4, Plain(I64)),
    (5, Plain(I32)),
    (6, Plain(I64)),
    (7, Plain(I32)),
    (9, Plain(BINARY)),
];

const COLUMN: Fields = &[
    (1, Plain(I32)),
    (2, List(&Plain(I32))),
    (3, List(&Plain(BINARY))),
    (4, Plain(I32)),
    (5, Plain(I64)),
    (6, Plain(I64)),
    (7, Plain(I64)),
    (8, List(&Struct(KEY_VALUE))),
    (9, Plain(I64)),
    (10, Plain(I64)),
    (11, Plain(I64)),
    (12, Struct(STATISTICS)),
    (
        13,
        List(&Struct(&[
            (1, Plain(I32)),
            (2, Plain(I32)),
            (3, Plain(I32)),
        ])),
    ),
    (14, Plain(I64)),
    (15, Plain(I32)),
    (16, Struct(SIZE_STATISTICS)),
    (17, Struct(&[(1, Struct(BOX)), (2, List(&Plain(I32)))])),
];

const STATISTICS: Fields = &[
    (1, Plain(BINARY)),
    (2, Plain(BINARY)),
    (3, Plain(I64)),
    (4, Plain(I64)),
    (5, Plain(BINARY)),
    (6, Plain(BINARY)),
    (7, Bool),
    (8, Bool),
];

const SIZE_STATISTICS: Fields = &[
    (1, Plain(I64)),
    (2, List(&Plain(I64))),
    (3, List(&Plain(I64))),
];

const BOX: Fields = &[
    (1, Plain(DOUBLE)),
    (2, Plain(DOUBLE)),
    (3, Plain(DOUBLE)),
    (4, Plain(DOUBLE)),
    (5, Plain(DOUBLE)),
    (6, Plain(DOUBLE)),
    (7, Plain(DOUBLE)),
    (8, Plain(DOUBLE)),
];

const KEY_VALUE: Fields = &[(1, Plain(BINARY)), (2, Plain(BINARY))];

struct Footer<'a> {
    thrift: Thrift<'a>,
    /// Of each column or group so far, how many are in it.
    children: Vec<i64>,
}

impl Footer<'_> {
    fn structure(&mut self, fields: Fields) -> Result<(), Stop> {
        let mut last = 0;
        while let Some((id, kind)) = self.thrift.field(&mut last)? {
            match fields.iter().find(|(known, _)| *known == id) {
                Some((_, shape)) => self.value(kind, shape)?,
                None => self.thrift.skip(kind, DEPTH_MAX)?,
            }
        }
        Ok(())
    }

    /// Reads a value of type `kind`, which must be that of `shape`.
    fn value(&mut self, kind: u8, shape: &Shape) -> Result<(), Stop> {
        match (shape, kind) {
            (Plain(due), kind) if *due == kind => self.thrift.skip(kind, DEPTH_MAX),
            (Bool, 1 | 2) => Ok(()),
            (Struct(fields), STRUCT) => self.structure(fields),
            (List(shape), LIST) => {
                let (length, kind) = self.list()?;
                (0..length).try_for_each(|_| self.value(kind, shape))
            }
            (Schema, LIST) => self.schema(),
            (Children, I32) => {
                let count = self.thrift.size()?;
                let known = self.children.last_mut().ok_or(Stop::Corrupt)?;
                match std::mem::replace(known, count) {
                    0 => Ok(()),
                    // Given twice.
                    _ => Err(Stop::Corrupt),
                }
            }
            _ => Err(Stop::Corrupt),
        }
    }

    /// The length of a list and the type of its elements, each of which takes a byte or
    /// more.
    fn list(&mut self) -> Result<(u64, u8), Stop> {
        let (length, kind) = self.thrift.list()?;
        match length <= self.thrift.bytes_left() {
            true => Ok((length, kind)),
            false => Err(Stop::Corrupt),
        }
    }

    fn schema(&mut self) -> Result<(), Stop> {
        self.children.clear();
        let (length, kind) = self.list()?;
        for _ in 0..length {
            self.children.push(0);
            self.value(kind, &Struct(SCHEMA_ELEMENT))?;
        }
        // Every column and group is in one group at most.
        let all = self
            .children
            .iter()
            .fold(0_i64, |sum, own| sum.saturating_add(*own));
        if all > self.children.len() as i64 {
            return Err(Stop::Corrupt);
        }
        let mut open: Vec<i64> = Vec::new();
        for children in &self.children {
            if let Some(due) = open.last_mut() {
                *due -= 1;
            }
            if *children > 0 {
                open.push(*children);
            }
            if open.len() > GROUPS_MAX {
                return Err(Stop::Corrupt);
            }
            while open.last() == Some(&0) {
                open.pop();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, StructArray};
    use arrow::datatypes::{DataType, Field};
    use parquet::arrow::ArrowWriter;
    use parquet::file::metadata::ParquetMetaDataReader;

    use super::*;

    /// The head of a list of that many structures.
    fn list(length: u32) -> Vec<u8> {
        let mut bytes = vec![0xFC];
        bytes.extend(varint(length));
        bytes
    }

    fn varint(mut value: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }

    fn leaf() -> Vec<u8> {
        vec![0x15, 0x02, 0x25, 0x02, 0x18, 1, b'b', 0]
    }

    fn group(children: u32) -> Vec<u8> {
        let repetition_and_name = [0x35, 0x02, 0x18, 1, b'a', 0x15];
        [&repetition_and_name[..], &varint(children * 2), &[0]].concat()
    }

    /// A footer with these elements of the schema, of which it claims that many, and with
    /// these row groups.
    fn footer(claimed: u32, elements: &[Vec<u8>], row_groups: &[u8]) -> Vec<u8> {
        let (version, rows) = ([0x15, 0x02, 0x19], [0x16, 0, 0x19]);
        let elements = elements.concat();
        [
            &version[..],
            &list(claimed),
            &elements,
            &rows,
            row_groups,
            &[0],
        ]
        .concat()
    }

    #[test]
    fn footers_that_claim_more_than_they_hold() {
        const CORRUPT: Result<(), Stop> = Err(Stop::Corrupt);
        let nested = |depth: usize| {
            let mut elements = vec![group(1); depth];
            elements.push(leaf());
            footer(depth as u32 + 1, &elements, &[0x0C])
        };
        let plain = [group(2), leaf(), leaf()];
        // Another type, or another number, for what a field of an element says.
        let with = |element: &[u8]| footer(2, &[group(1), element.to_vec()], &[0x0C]);
        for (case, bytes, expected) in [
            ("plain", footer(3, &plain, &[0x0C]), Ok(())),
            ("64 levels", nested(64), Ok(())),
            ("65 levels", nested(65), CORRUPT),
            ("a million levels", nested(1_000_000), CORRUPT),
            (
                "row groups",
                footer(3, &plain, &list(i32::MAX as u32)),
                CORRUPT,
            ),
            ("no structures", footer(3, &plain, &[0x15, 0]), CORRUPT),
            (
                "elements",
                footer(i32::MAX as u32, &plain, &[0x0C]),
                CORRUPT,
            ),
            (
                "children",
                footer(2, &[group(0x3FFF_FFFF), leaf()], &[0x0C]),
                CORRUPT,
            ),
            (
                "children together",
                footer(3, &[group(2), group(2), leaf()], &[0x0C]),
                CORRUPT,
            ),
            (
                "an unknown field",
                with(&[0x18, 1, 7, 0x38, 1, b'b', 0]),
                CORRUPT,
            ),
            (
                "children of 64 bits",
                with(&[0x48, 1, b'b', 0x16, 2, 0]),
                CORRUPT,
            ),
            (
                "fewer than none",
                with(&[0x48, 1, b'b', 0x15, 1, 0]),
                CORRUPT,
            ),
            (
                "children twice",
                with(&[0x48, 1, b'b', 0x15, 2, 0x05, 10, 2, 0]),
                CORRUPT,
            ),
            (
                "a number beyond 16 bits",
                with(&[0x48, 1, b'b', 0x05, 0x8A, 0x80, 0x08, 2, 0]),
                CORRUPT,
            ),
            (
                "a logical type of another type",
                with(&[0x48, 1, b'b', 0x6C, 0x5C, 0x16, 2, 0, 0, 0]),
                CORRUPT,
            ),
            ("the schema is no list", vec![0x15, 2, 0x1C, 0, 0], CORRUPT),
            ("empty", Vec::new(), Err(Stop::Short)),
            ("zero", vec![0], Ok(())),
        ] {
            assert_eq!(check(&bytes), expected, "{case}");
        }
        for whole in [footer(3, &plain, &[0x0C]), nested(64)] {
            ParquetMetaDataReader::decode_metadata(&whole).unwrap();
            for length in 0..whole.len() {
                assert!(check(&whole[..length]).is_err(), "{length}");
            }
        }
    }

    #[test]
    fn what_writers_write() {
        let numbers = Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef;
        let texts = Arc::new(StringArray::from(vec![Some("a"), None])) as ArrayRef;
        let cast = |kind: &str| {
            arrow::compute::cast(&numbers, &kind.parse::<DataType>().unwrap()).unwrap()
        };
        let nested = StructArray::from(vec![(
            Arc::new(Field::new("a", DataType::Int64, true)),
            Arc::clone(&numbers),
        )]);
        let batch = RecordBatch::try_from_iter([
            ("texts", texts),
            ("small", cast("Int8")),
            ("unsigned", cast("UInt16")),
            ("decimal", cast("Decimal128(20, 2)")),
            ("instant", cast("Timestamp(Microsecond, None)")),
            ("time", cast("Time64(Microsecond)")),
            ("half", cast("Float16")),
            ("numbers", numbers),
            ("nested", Arc::new(nested)),
        ]);
        let batch = batch.unwrap();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        let file = writer.into_inner().unwrap();
        let (rest, _) = file.split_last_chunk::<4>().unwrap();
        let (rest, length) = rest.split_last_chunk::<4>().unwrap();
        let start = rest.len() - u32::from_le_bytes(*length) as usize;
        assert_eq!(check(&rest[start..]), Ok(()));
    }
}
