//! Which way rows flow through the graph, and the distances of it.

/// Which way rows flow. Distances along it are between levels, those across it between the
/// tables of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// From left to right, for paper and wide pages.
    Right,
    /// From top to bottom, for screens.
    Down,
}

/// Width of a box, in pixels.
const BOX_WIDTH: i32 = 216;
/// Least width of a box where rows flow down, so that notes fit into it.
const WIDE_BOX_WIDTH: i32 = 232;
/// Least height of a box.
const BOX_HEIGHT: i32 = 46;
/// Height of each note in a box.
pub(super) const NOTE_HEIGHT: i32 = 15;
/// Width of a lane for an edge that passes a level.
pub(super) const LANE: i32 = 14;

impl Flow {
    /// The part of the distance between levels in which edges bend.
    pub(super) fn bend(self) -> i32 {
        match self {
            Flow::Right => 48,
            Flow::Down => 32,
        }
    }

    /// The part of the distance between levels in which labels stand.
    pub(super) fn label(self) -> i32 {
        match self {
            Flow::Right => 96,
            Flow::Down => 24,
        }
    }

    /// The distance of boxes in a level.
    pub(super) fn gap(self) -> i32 {
        match self {
            Flow::Right => 16,
            Flow::Down => 24,
        }
    }

    /// The length of a box along the flow.
    pub(super) fn along(self, notes: i32) -> i32 {
        match self {
            Flow::Right => BOX_WIDTH,
            Flow::Down => BOX_HEIGHT + NOTE_HEIGHT * notes,
        }
    }

    /// The length of a box across the flow: each edge into it needs room for its label.
    pub(super) fn across(self, notes: i32, before: i32, after: i32) -> i32 {
        match self {
            Flow::Right => {
                let text = BOX_HEIGHT + NOTE_HEIGHT * notes;
                text.max(17 * before + 8).max(6 * after + 8)
            }
            Flow::Down => WIDE_BOX_WIDTH.max(84 * before).max(12 * after + 8),
        }
    }
}
