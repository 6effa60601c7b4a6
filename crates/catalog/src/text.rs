//! Places in a text, for error messages. All parsers of this crate use them.

/// A place in a file, both counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Spot {
    /// The first character of a file.
    pub(crate) const START: Spot = Spot { line: 1, column: 1 };

    /// The place at byte `offset` of `text`, where `text` begins here.
    pub(crate) fn after(self, text: &str, offset: usize) -> Spot {
        let before = &text.as_bytes()[..offset.min(text.len())];
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        // Characters, not bytes: every byte that does not continue one.
        let characters = before[line_start..]
            .iter()
            .filter(|byte| **byte & 0xC0 != 0x80)
            .count();
        Spot {
            line: self.line + to_u32(lines),
            column: to_u32(characters) + if lines == 0 { self.column } else { 1 },
        }
    }

    /// The place of a line and column, counted from 1 within a text that begins
    /// here. Zero, which the SQL parser uses for "unknown", means the start.
    pub(crate) fn offset_by(self, line: u64, column: u64) -> Spot {
        let line = u32::try_from(line.max(1)).unwrap_or(u32::MAX);
        let column = u32::try_from(column.max(1)).unwrap_or(u32::MAX);
        Spot {
            line: self.line.saturating_add(line - 1),
            column: match line {
                1 => self.column.saturating_add(column - 1),
                _ => column,
            },
        }
    }
}

/// Larger counts are reported as `u32::MAX`.
fn to_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_become_lines_and_columns() {
        let check = |text: &str, offset: usize, expected: (u32, u32)| {
            let spot = Spot::START.after(text, offset);
            assert_eq!((spot.line, spot.column), expected, "{text:?} at {offset}");
        };
        check("abc", 0, (1, 1));
        check("abc", 2, (1, 3));
        check("a\nbc", 2, (2, 1));
        check("a\r\nbc", 4, (2, 2));
        check("é\"x", 2, (1, 2)); // two bytes, one character
        check("abc", 99, (1, 4));

        let spot = Spot { line: 7, column: 4 };
        assert_eq!(spot.after("ab\nc", 1), Spot { line: 7, column: 5 });
        assert_eq!(spot.after("ab\nc", 3), Spot { line: 8, column: 1 });
        assert_eq!(spot.offset_by(1, 3), Spot { line: 7, column: 6 });
        assert_eq!(spot.offset_by(2, 3), Spot { line: 8, column: 3 });
        assert_eq!(spot.offset_by(0, 0), spot);
    }
}
