//! Holds the lines of one source in a cohort, so that they can be repeated and
//! shuffled.

use std::io;
use std::ops::Range;

use crate::lines::LineSink;
use crate::random::Random;

/// One line in this many arrives again.
const REPEATED_ONE_IN: u64 = 20;

/// One repeated line in this many arrives a third time.
const AGAIN_ONE_IN: u64 = 10;

/// One repetition in this many follows at once. The others come at the end of the
/// cohort, most of them in another file.
const AT_ONCE_ONE_IN: u64 = 3;

/// Lines in the order in which they arrive.
#[derive(Default)]
pub(super) struct LineBuffer {
    bytes: Vec<u8>,
    lines: Vec<Line>,
    /// Offset and person of the line that is being appended.
    open: Option<(usize, usize)>,
}

#[derive(Clone)]
struct Line {
    /// An index into the cohort.
    person: usize,
    bytes: Range<usize>,
}

impl LineSink for LineBuffer {
    fn line(&mut self, person: usize) -> io::Result<&mut Vec<u8>> {
        self.close();
        self.open = Some((self.bytes.len(), person));
        Ok(&mut self.bytes)
    }
}

impl LineBuffer {
    /// Repeats some lines, byte for byte. Returns the person of each repetition.
    pub(super) fn repeat(&mut self, random: &mut Random) -> Vec<usize> {
        self.close();
        let mut people = Vec::new();
        let mut later = Vec::new();
        let mut lines = Vec::with_capacity(self.lines.len());
        for line in self.lines.drain(..) {
            lines.push(line.clone());
            if random.below(REPEATED_ONE_IN) != 0 {
                continue;
            }
            let times = 1 + usize::from(random.below(AGAIN_ONE_IN) == 0);
            for _ in 0..times {
                people.push(line.person);
                match random.below(AT_ONCE_ONE_IN) {
                    0 => lines.push(line.clone()),
                    _ => later.push(line.clone()),
                }
            }
        }
        lines.append(&mut later);
        self.lines = lines;
        people
    }

    /// Puts the lines into a random order.
    pub(super) fn shuffle(&mut self, random: &mut Random) {
        self.close();
        random.shuffle(&mut self.lines);
    }

    /// The person of each line, and the line with its line feed.
    pub(super) fn lines(&mut self) -> impl Iterator<Item = (usize, &[u8])> {
        self.close();
        let lines = self.lines.iter();
        lines.map(|line| (line.person, &self.bytes[line.bytes.clone()]))
    }

    /// Number of lines.
    pub(super) fn len(&mut self) -> u64 {
        self.close();
        self.lines.len() as u64
    }

    fn close(&mut self) {
        if let Some((start, person)) = self.open.take() {
            let bytes = start..self.bytes.len();
            self.lines.push(Line { person, bytes });
        }
    }
}
