//! Bitmaps of people, for fast counts where many people report at the same instant.
//!
//! With lists, 75,000 people per instant cost two million steps for a device with 30
//! instants. With bitmaps, adding 30 words counts 64 people at once. The counters are
//! vertical: one bitmap for each binary digit of the count. A carry-save adder adds
//! eight bitmaps in seven steps. The matcher uses both bitmaps and lists.

use std::array::from_fn;

use super::pairs::Words;
use super::postings::Posting;

/// People are processed in tiles of two cache lines of bits.
const TILE_WORDS: usize = 16;
const TILE_PEOPLE: usize = TILE_WORDS * 64;
type Tile = [u64; TILE_WORDS];

/// The least number of people at an instant with a bitmap, ...
const CROWD_MIN: usize = 32;
/// ... and the least number per tile of the bitmap. With these, bitmaps take at most
/// two thirds of the memory of lists.
const CROWD_PER_TILE_MIN: usize = 16;

/// Bitmaps of the people at crowded instants.
pub(super) struct Crowds {
    /// For each shard, the start of an instant's list and its bitmap, ascending.
    entries: Vec<Vec<(usize, Bitmap)>>,
    tiles: Vec<Tile>,
}

/// A bitmap over the tiles from that of its first person to that of its last.
#[derive(Clone, Copy)]
pub(super) struct Bitmap {
    /// The tile of the first person.
    first: usize,
    /// The index of that tile in [`Crowds::tiles`].
    start: usize,
    len: usize,
}

impl Bitmap {
    pub(super) fn tiles(&self) -> usize {
        self.len
    }
}

impl Crowds {
    pub(super) fn new(shards: &[Vec<Words>]) -> Self {
        let mut tiles = Vec::new();
        let entries = shards
            .iter()
            .map(|pairs| {
                let mut entries = Vec::new();
                let mut at = 0;
                for list in pairs.chunk_by(|a, b| (a[0], a[1]) == (b[0], b[1])) {
                    if let Some(bitmap) = build_bitmap(list, &mut tiles) {
                        entries.push((at, bitmap));
                    }
                    at += list.len();
                }
                entries
            })
            .collect();
        tiles.shrink_to_fit();
        Self { entries, tiles }
    }

    /// The bitmap of the people in `posting`, if it has one.
    pub(super) fn bitmap(&self, posting: Posting) -> Option<Bitmap> {
        if posting.len() < CROWD_MIN {
            return None;
        }
        let entries = &self.entries[posting.shard as usize];
        let index = entries
            .binary_search_by_key(&posting.start, |entry| entry.0)
            .ok()?;
        Some(entries[index].1)
    }

    /// The number of `bitmaps` that contain the person.
    pub(super) fn count(&self, bitmaps: &[Bitmap], person: u32) -> u32 {
        let (tile, bit) = (person as usize / TILE_PEOPLE, person as usize % TILE_PEOPLE);
        bitmaps
            .iter()
            .filter_map(|bitmap| self.tile(bitmap, tile))
            .map(|words| (words[bit / 64] >> (bit % 64) & 1) as u32)
            .sum()
    }

    /// Calls `offer` with people and the number of `bitmaps` that contain them: for
    /// each tile, the two people with the highest numbers. `offer` returns the least
    /// number that is still of interest.
    pub(super) fn count_all(&self, bitmaps: &[Bitmap], mut offer: impl FnMut(u32, u32) -> u32) {
        let first = bitmaps.iter().map(|b| b.first).min().unwrap_or(0);
        let end = bitmaps.iter().map(|b| b.first + b.len).max().unwrap_or(0);
        let mut planes = Vec::new();
        let mut inputs = Vec::with_capacity(bitmaps.len());
        let mut least = 1;
        for tile in first..end {
            inputs.clear();
            inputs.extend(bitmaps.iter().filter_map(|bitmap| self.tile(bitmap, tile)));
            if (inputs.len() as u32) < least {
                continue;
            }
            add(&inputs, &mut planes);
            let mut candidates = [u64::MAX; TILE_WORDS];
            for _ in 0..2 {
                let (count, people) = highest(&planes, &candidates);
                if count < least {
                    break;
                }
                let word = people.iter().position(|&word| word != 0).unwrap_or(0);
                let bit = people[word].trailing_zeros() as usize;
                candidates[word] &= !(1 << bit);
                least = offer((tile * TILE_PEOPLE + word * 64 + bit) as u32, count).max(1);
            }
        }
    }

    fn tile(&self, bitmap: &Bitmap, tile: usize) -> Option<&Tile> {
        let inside = tile.checked_sub(bitmap.first)?;
        (inside < bitmap.len).then(|| &self.tiles[bitmap.start + inside])
    }
}

/// Builds the bitmap of an instant's list, if it has enough people.
fn build_bitmap(list: &[Words], tiles: &mut Vec<Tile>) -> Option<Bitmap> {
    if list.len() < CROWD_MIN {
        return None;
    }
    let first = list[0][2] as usize / TILE_PEOPLE;
    let len = list[list.len() - 1][2] as usize / TILE_PEOPLE - first + 1;
    if list.len() < len * CROWD_PER_TILE_MIN {
        return None;
    }
    let start = tiles.len();
    tiles.resize(start + len, [0; TILE_WORDS]);
    for words in list {
        let (tile, bit) = (
            words[2] as usize / TILE_PEOPLE - first,
            words[2] as usize % TILE_PEOPLE,
        );
        tiles[start + tile][bit / 64] |= 1 << (bit % 64);
    }
    Some(Bitmap { first, start, len })
}

/// Counts bits: bit `p` of plane `k` becomes binary digit `k` of the number of inputs
/// with bit `p`.
fn add(inputs: &[&Tile], planes: &mut Vec<Tile>) {
    const EMPTY: Tile = [0; TILE_WORDS];
    let digits = (usize::BITS - inputs.len().leading_zeros()).max(3) as usize;
    planes.clear();
    planes.resize(digits, EMPTY);
    for eight in inputs.chunks(8) {
        let x: [&Tile; 8] = from_fn(|i| eight.get(i).copied().unwrap_or(&EMPTY));
        let mut carry = EMPTY;
        let [ones, twos, fours, higher @ ..] = planes.as_mut_slice() else {
            return;
        };
        for w in 0..TILE_WORDS {
            let (one, two_a) = full_add(ones[w], x[0][w], x[1][w]);
            let (one, two_b) = full_add(one, x[2][w], x[3][w]);
            let (two, four_a) = full_add(twos[w], two_a, two_b);
            let (one, two_a) = full_add(one, x[4][w], x[5][w]);
            let (one, two_b) = full_add(one, x[6][w], x[7][w]);
            let (two, four_b) = full_add(two, two_a, two_b);
            let (four, eight) = full_add(fours[w], four_a, four_b);
            (ones[w], twos[w], fours[w], carry[w]) = (one, two, four, eight);
        }
        for plane in higher {
            for w in 0..TILE_WORDS {
                (plane[w], carry[w]) = (plane[w] ^ carry[w], plane[w] & carry[w]);
            }
        }
    }
}

/// The sum of three bits and its carry, for 64 people at once.
fn full_add(a: u64, b: u64, c: u64) -> (u64, u64) {
    let half = a ^ b;
    (half ^ c, (a & b) | (half & c))
}

/// The highest count of the `candidates`, and the people who have it. From the
/// highest digit down, it keeps the people with that digit, if there are any.
fn highest(planes: &[Tile], candidates: &Tile) -> (u32, Tile) {
    let mut people = *candidates;
    let mut count = 0;
    for (digit, plane) in planes.iter().enumerate().rev() {
        let with: Tile = from_fn(|w| people[w] & plane[w]);
        if with.iter().fold(0, |all, word| all | word) != 0 {
            people = with;
            count |= 1 << digit;
        }
    }
    (count, people)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vertical_counters_count() {
        for inputs in [0_usize, 1, 7, 8, 9, 30, 64, 300] {
            // Person `p` is in as many bitmaps as `expected` says.
            let expected = |person: usize| (person * 7 + 3) % (inputs + 1);
            let tiles: Vec<Tile> = (0..inputs)
                .map(|input| {
                    from_fn(|w| {
                        (0..64).fold(0, |bits, bit| {
                            bits | u64::from(input < expected(w * 64 + bit)) << bit
                        })
                    })
                })
                .collect();
            let mut planes = Vec::new();
            add(&tiles.iter().collect::<Vec<_>>(), &mut planes);
            for person in 0..TILE_PEOPLE {
                let count = planes.iter().enumerate().fold(0, |count, (digit, plane)| {
                    count | (plane[person / 64] >> (person % 64) & 1) << digit
                });
                assert_eq!(count as usize, expected(person), "{inputs}, {person}");
            }
        }
    }
}
