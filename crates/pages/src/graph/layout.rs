//! Places nodes and edges.
//!
//! Sugiyama's method: a table's column is one more than the last of those that it reads;
//! an edge over several columns has a lane of its own in each column between, so that it
//! never crosses a box; the order in each column follows the mean place of the
//! neighbours. All of it is deterministic.

use std::collections::BTreeMap;

use evidence::{Edge, Zone};

use super::node::Node;

/// Width of a box, in pixels.
pub(super) const BOX_WIDTH: i32 = 216;
/// Least height of a box.
const BOX_HEIGHT: i32 = 46;
/// Height of each note in a box.
pub(super) const NOTE_HEIGHT: i32 = 15;
/// Height that each edge into a box needs: its label is that high.
const PORT_HEIGHT: i32 = 17;
/// Height of a lane for an edge that passes a column.
const LANE_HEIGHT: i32 = 14;
/// Distance of boxes in a column.
const GAP: i32 = 16;
/// Part of the distance between columns in which edges bend.
pub(super) const BEND: i32 = 48;
/// Part of the distance between columns in which labels stand.
pub(super) const LABEL_WIDTH: i32 = 96;
/// Distance from the border.
const MARGIN: i32 = 12;
/// How often columns are ordered by their neighbours, back and forth.
const SWEEPS: usize = 6;

/// A graph with places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) boxes: Vec<TableBox>,
    pub(super) lines: Vec<Line>,
}

/// The box of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableBox {
    pub(super) node: Node,
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) height: i32,
}

/// The line of an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) edge: Edge,
    /// Each pair is a straight piece from left to right; pieces are joined by bends.
    pub(super) pieces: Vec<Piece>,
}

/// A horizontal piece of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) from: i32,
    pub(super) to: i32,
    pub(super) y: i32,
}

/// What stands in a column: a table, or an edge that passes.
#[derive(Debug, Clone, Default)]
struct Slot {
    /// The table; `None` for a lane.
    table: Option<usize>,
    /// Slots of the column before, and of the one after.
    before: Vec<usize>,
    after: Vec<usize>,
    height: i32,
    y: i32,
}

struct Graph<'a> {
    tables: Vec<&'a Node>,
    slots: Vec<Slot>,
    /// The slots of each column, from top to bottom.
    columns: Vec<Vec<usize>>,
    /// The slots that each edge passes, both ends included.
    paths: Vec<(&'a Edge, Vec<usize>)>,
}

/// Places the tables and their edges. Edges of unknown tables, and those that close a
/// circle, are left out.
pub(super) fn layout(tables: &[Node], edges: &[Edge]) -> Layout {
    let mut graph = Graph::of(tables, edges);
    graph.order();
    graph.place();
    graph.into_layout()
}

impl<'a> Graph<'a> {
    fn of(tables: &'a [Node], edges: &'a [Edge]) -> Self {
        let is_read = |name: &str| edges.iter().any(|edge| edge.from == name);
        let tables: Vec<&Node> = tables
            .iter()
            .filter(|table| table.zone != Zone::System || is_read(&table.name))
            .collect();
        let places: BTreeMap<&str, usize> = (0..)
            .zip(&tables)
            .map(|(place, table)| (table.name.as_str(), place))
            .collect();
        let place = |name: &String| places.get(name.as_str()).copied();
        let ends = |edge: &Edge| Some((place(&edge.from)?, place(&edge.to)?));
        let known: Vec<(&Edge, usize, usize)> = edges
            .iter()
            .filter_map(|edge| ends(edge).map(|(from, to)| (edge, from, to)))
            .collect();
        let levels = levels(tables.len(), &known);
        let slots = (0..tables.len()).map(|table| Slot {
            table: Some(table),
            ..Slot::default()
        });
        let mut graph = Self {
            slots: slots.collect(),
            columns: vec![Vec::new(); levels.iter().max().map_or(0, |last| last + 1)],
            paths: Vec::new(),
            tables,
        };
        for (slot, level) in levels.iter().enumerate() {
            graph.columns[*level].push(slot);
        }
        for (edge, from, to) in known {
            if levels[from] < levels[to] {
                graph.add_path(edge, (from, levels[from]), (to, levels[to]));
            }
        }
        for slot in &mut graph.slots {
            let Some(table) = slot.table else {
                continue;
            };
            let text = BOX_HEIGHT + NOTE_HEIGHT * count(&graph.tables[table].notes);
            slot.height = text.max(PORT_HEIGHT * count(&slot.before) + 8);
            slot.height = slot.height.max(6 * count(&slot.after) + 8);
        }
        graph
    }

    /// Adds an edge, with a lane in each column that it passes.
    fn add_path(&mut self, edge: &'a Edge, from: (usize, usize), to: (usize, usize)) {
        let mut path = vec![from.0];
        for level in from.1 + 1..to.1 {
            self.slots.push(Slot {
                height: LANE_HEIGHT,
                ..Slot::default()
            });
            let lane = self.slots.len() - 1;
            self.columns[level].push(lane);
            path.push(lane);
        }
        path.push(to.0);
        for step in path.windows(2) {
            self.slots[step[0]].after.push(step[1]);
            self.slots[step[1]].before.push(step[0]);
        }
        self.paths.push((edge, path));
    }

    /// Orders each column by the mean place of what its slots are connected to.
    fn order(&mut self) {
        let mut places = vec![0usize; self.slots.len()];
        let note = |column: &[usize], places: &mut Vec<usize>| {
            for (place, slot) in column.iter().enumerate() {
                places[*slot] = place;
            }
        };
        for column in &self.columns {
            note(column, &mut places);
        }
        for sweep in 0..SWEEPS {
            let forwards = sweep % 2 == 0;
            let mut order: Vec<usize> = (0..self.columns.len()).collect();
            if !forwards {
                order.reverse();
            }
            for column in order {
                let slots = &self.slots;
                let mean = |slot: &usize| {
                    let near = match forwards {
                        true => &slots[*slot].before,
                        false => &slots[*slot].after,
                    };
                    let sum: usize = near.iter().map(|near| places[*near]).sum();
                    match near.len() {
                        // What is connected to nothing keeps its place.
                        0 => places[*slot] * 1000,
                        count => sum * 1000 / count,
                    }
                };
                let mut sorted = self.columns[column].clone();
                sorted.sort_by_key(|slot| (mean(slot), places[*slot]));
                note(&sorted, &mut places);
                self.columns[column] = sorted;
            }
        }
    }

    /// Stacks each column, in the middle of the highest.
    fn place(&mut self) {
        let height = |column: &[usize], slots: &[Slot]| -> i32 {
            let heights: i32 = column.iter().map(|slot| slots[*slot].height).sum();
            heights + GAP * (count(column) - 1).max(0)
        };
        let heights: Vec<i32> = self
            .columns
            .iter()
            .map(|column| height(column, &self.slots))
            .collect();
        let highest = heights.iter().copied().max().unwrap_or_default();
        for (column, height) in self.columns.iter().zip(heights) {
            let mut y = MARGIN + (highest - height) / 2;
            for slot in column {
                self.slots[*slot].y = y;
                y += self.slots[*slot].height + GAP;
            }
        }
    }

    fn into_layout(self) -> Layout {
        let step = BOX_WIDTH + BEND + LABEL_WIDTH;
        let mut level = vec![0; self.slots.len()];
        for (place, column) in (0i32..).zip(&self.columns) {
            for slot in column {
                level[*slot] = place;
            }
        }
        let x = |slot: usize| MARGIN + level[slot] * step;
        let bottom = self.slots.iter().map(|slot| slot.y + slot.height).max();
        let boxes = self.slots.iter().enumerate().filter_map(|(place, slot)| {
            Some(TableBox {
                node: self.tables[slot.table?].clone(),
                x: x(place),
                y: slot.y,
                height: slot.height,
            })
        });
        let lines = self.paths.iter().map(|(edge, path)| Line {
            edge: (*edge).clone(),
            pieces: self.pieces(path, x),
        });
        Layout {
            width: 2 * MARGIN + count(&self.columns) * step - BEND - LABEL_WIDTH,
            height: bottom.unwrap_or_default() + MARGIN,
            boxes: boxes.collect(),
            lines: lines.collect(),
        }
    }

    /// The horizontal pieces of an edge: out of its first box, through its lanes, into
    /// its last box.
    fn pieces(&self, path: &[usize], x: impl Fn(usize) -> i32) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for (place, slot) in path.iter().enumerate() {
            let left = x(*slot);
            let previous = place.checked_sub(1).map(|previous| path[previous]);
            let next = path.get(place + 1);
            let (from, to, y) = match (previous, next) {
                (Some(previous), None) => {
                    let y = self.port(*slot, previous, |slot| &slot.before);
                    (left - LABEL_WIDTH, left, y)
                }
                (None, Some(next)) => {
                    let y = self.port(*slot, *next, |slot| &slot.after);
                    (left + BOX_WIDTH, left + BOX_WIDTH, y)
                }
                _ => {
                    let y = self.slots[*slot].y + LANE_HEIGHT / 2;
                    (left - LABEL_WIDTH, left + BOX_WIDTH, y)
                }
            };
            pieces.push(Piece { from, to, y });
        }
        pieces
    }

    /// Where an edge meets a box: its ends are spread over the side, in the order of what
    /// they lead to.
    fn port(&self, slot: usize, other: usize, side: impl Fn(&Slot) -> &Vec<usize>) -> i32 {
        let of = &self.slots[slot];
        let mut ends: Vec<usize> = side(of).clone();
        ends.sort_by_key(|end| (self.slots[*end].y, *end));
        let place = ends.iter().position(|end| *end == other).unwrap_or(0);
        let place = i32::try_from(place).unwrap_or_default();
        of.y + of.height * (2 * place + 1) / (2 * count(&ends).max(1))
    }
}

fn count<T>(of: &[T]) -> i32 {
    i32::try_from(of.len()).unwrap_or(i32::MAX / 1000)
}

/// The column of each table: one more than the last of those it reads. Bounded, should
/// the edges close a circle.
fn levels(tables: usize, edges: &[(&Edge, usize, usize)]) -> Vec<usize> {
    let mut levels = vec![0; tables];
    for _ in 0..tables {
        let mut changed = false;
        for (_, from, to) in edges.iter().filter(|(_, from, to)| from != to) {
            let least = (levels[*from] + 1).min(tables.saturating_sub(1));
            if levels[*to] < least {
                levels[*to] = least;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    levels
}

#[cfg(test)]
mod tests {
    use evidence::Table;

    use super::super::tests::{edge, table};
    use super::*;

    /// No box overlaps another, and no line or label runs over a box.
    #[track_caller]
    fn check(case: &str, tables: &[Table], edges: &[Edge]) -> Layout {
        let nodes: Vec<Node> = tables.iter().map(Node::of).collect();
        let layout = layout(&nodes, edges);
        let boxes: Vec<[i32; 4]> = layout
            .boxes
            .iter()
            .map(|of| [of.x, of.y, of.x + BOX_WIDTH, of.y + of.height])
            .collect();
        let overlap =
            |a: &[i32; 4], b: &[i32; 4]| a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
        for (place, one) in boxes.iter().enumerate() {
            assert!(one[0] >= 0 && one[1] >= 0, "{case}: {one:?}");
            assert!(one[2] <= layout.width && one[3] <= layout.height, "{case}");
            for other in &boxes[place + 1..] {
                assert!(!overlap(one, other), "{case}: {one:?} {other:?}");
            }
        }
        let mut labels: Vec<[i32; 4]> = Vec::new();
        for line in &layout.lines {
            for piece in line.pieces.iter().filter(|piece| piece.from < piece.to) {
                let strip = [piece.from, piece.y, piece.to, piece.y + 1];
                assert!(
                    boxes.iter().all(|of| !overlap(&strip, of)),
                    "{case}: {line:?}"
                );
            }
            for step in line.pieces.windows(2) {
                assert_eq!(step[1].from - step[0].to, BEND, "{case}: {line:?}");
            }
            let end = line.pieces.last().unwrap();
            let label = [end.to - LABEL_WIDTH, end.y - 13, end.to, end.y - 2];
            assert!(
                labels.iter().all(|known| !overlap(known, &label)),
                "{case}: {line:?}"
            );
            assert!(
                boxes.iter().all(|of| !overlap(&label, of)),
                "{case}: {line:?}"
            );
            labels.push(label);
        }
        layout
    }

    #[test]
    fn nothing_overlaps() {
        let chain: Vec<Table> = (0..6)
            .map(|n| table(Zone::Trusted, &format!("t{n}")))
            .collect();
        let all: Vec<Edge> = (0..6)
            .flat_map(|to| (0..to).map(move |from| edge(&format!("t{from}"), &format!("t{to}"))))
            .collect();
        let layout = check("everything reads everything", &chain, &all);
        assert_eq!((layout.boxes.len(), layout.lines.len()), (6, 15));

        let two_hundred: Vec<Table> = (0..200)
            .map(|n| table(Zone::Curated, &format!("t{n}")))
            .collect();
        let mut edges = Vec::new();
        for to in 1..200usize {
            for step in [1, 7, 31] {
                if (to * 13 + step) % 3 == 0 && to >= step {
                    edges.push(edge(&format!("t{}", to - step), &format!("t{to}")));
                }
            }
        }
        let layout = check("two hundred", &two_hundred, &edges);
        assert_eq!(layout.boxes.len(), 200);
        assert_eq!(layout.lines.len(), edges.len());

        let star: Vec<Edge> = (1..200).map(|n| edge(&format!("t{n}"), "t0")).collect();
        check("two hundred into one", &two_hundred, &star);
        let fan: Vec<Edge> = (1..200).map(|n| edge("t0", &format!("t{n}"))).collect();
        check("one into two hundred", &two_hundred, &fan);
    }

    #[test]
    fn what_is_no_graph_of_tables_ends() {
        let tables = [
            table(Zone::Landing, "a"),
            table(Zone::Trusted, "b"),
            table(Zone::System, "c"),
        ];
        let layout = check(
            "a circle, a loop, an unknown table, a system table that nobody reads",
            &tables,
            &[
                edge("a", "b"),
                edge("b", "a"),
                edge("b", "b"),
                edge("x", "b"),
            ],
        );
        assert_eq!(layout.boxes.len(), 2);
        assert!(layout.lines.len() <= 1, "{layout:?}");
        assert!(super::super::graph(&[], &[]).is_empty());
        let read = check("a system table is read", &tables, &[edge("system.c", "b")]);
        assert_eq!(read.boxes.len(), 3);
    }
}
