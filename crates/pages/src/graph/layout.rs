//! Places nodes and edges.
//!
//! Sugiyama's method: a table's level is one more than the last of those that it reads; an
//! edge over several levels has a lane of its own in each level between, so that it never
//! crosses a box; the order in each level follows the mean place of the neighbours. All of
//! it is deterministic.

use std::collections::BTreeMap;

use evidence::{Edge, Zone};

use super::flow::{Flow, LANE};
use super::node::Node;

/// Distance from the border.
const MARGIN: i32 = 12;
/// How often columns are ordered by their neighbours, back and forth.
const SWEEPS: usize = 6;

/// A graph with places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) flow: Flow,
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
    pub(super) width: i32,
    pub(super) height: i32,
}

/// The line of an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) edge: Edge,
    /// Straight pieces along the flow, joined by bends.
    pub(super) pieces: Vec<Piece>,
}

/// A straight piece of a line, along the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) from: i32,
    pub(super) to: i32,
    /// Its place across the flow.
    pub(super) across: i32,
}

/// What stands in a level: a table, or an edge that passes.
#[derive(Debug, Clone, Default)]
struct Slot {
    /// The table; `None` for a lane.
    table: Option<usize>,
    /// Slots of the level before, and of the one after.
    before: Vec<usize>,
    after: Vec<usize>,
    /// Its length along the flow.
    along: i32,
    /// Its length across the flow.
    across: i32,
    /// Where it begins, across the flow.
    at: i32,
}

struct Graph<'a> {
    flow: Flow,
    tables: Vec<&'a Node>,
    slots: Vec<Slot>,
    /// The slots of each level, in order across the flow.
    levels: Vec<Vec<usize>>,
    /// The slots that each edge passes, both ends included.
    paths: Vec<(&'a Edge, Vec<usize>)>,
}

/// Places the tables and their edges. Edges of unknown tables, and those that close a
/// circle, are left out.
pub(super) fn layout(tables: &[Node], edges: &[Edge], flow: Flow) -> Layout {
    let mut graph = Graph::of(tables, edges, flow);
    graph.order();
    graph.place();
    graph.into_layout()
}

impl<'a> Graph<'a> {
    fn of(tables: &'a [Node], edges: &'a [Edge], flow: Flow) -> Self {
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
            flow,
            slots: slots.collect(),
            levels: vec![Vec::new(); levels.iter().max().map_or(0, |last| last + 1)],
            paths: Vec::new(),
            tables,
        };
        for (slot, level) in levels.iter().enumerate() {
            graph.levels[*level].push(slot);
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
            let notes = count(&graph.tables[table].notes);
            slot.along = flow.along(notes);
            slot.across = flow.across(notes, count(&slot.before), count(&slot.after));
        }
        graph
    }

    /// Adds an edge, with a lane in each level that it passes.
    fn add_path(&mut self, edge: &'a Edge, from: (usize, usize), to: (usize, usize)) {
        let mut path = vec![from.0];
        for level in from.1 + 1..to.1 {
            self.slots.push(Slot {
                across: LANE,
                ..Slot::default()
            });
            let lane = self.slots.len() - 1;
            self.levels[level].push(lane);
            path.push(lane);
        }
        path.push(to.0);
        for step in path.windows(2) {
            self.slots[step[0]].after.push(step[1]);
            self.slots[step[1]].before.push(step[0]);
        }
        self.paths.push((edge, path));
    }

    /// Orders each level by the mean place of what its slots are connected to.
    fn order(&mut self) {
        let mut places = vec![0usize; self.slots.len()];
        let note = |level: &[usize], places: &mut Vec<usize>| {
            for (place, slot) in level.iter().enumerate() {
                places[*slot] = place;
            }
        };
        for level in &self.levels {
            note(level, &mut places);
        }
        for sweep in 0..SWEEPS {
            let forwards = sweep % 2 == 0;
            let mut order: Vec<usize> = (0..self.levels.len()).collect();
            if !forwards {
                order.reverse();
            }
            for level in order {
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
                let mut sorted = self.levels[level].clone();
                sorted.sort_by_key(|slot| (mean(slot), places[*slot]));
                note(&sorted, &mut places);
                self.levels[level] = sorted;
            }
        }
    }

    /// Places the slots of each level side by side, in the middle of the longest level.
    fn place(&mut self) {
        let gap = self.flow.gap();
        let length = |level: &[usize], slots: &[Slot]| -> i32 {
            let lengths: i32 = level.iter().map(|slot| slots[*slot].across).sum();
            lengths + gap * (count(level) - 1).max(0)
        };
        let lengths: Vec<i32> = self
            .levels
            .iter()
            .map(|level| length(level, &self.slots))
            .collect();
        let longest = lengths.iter().copied().max().unwrap_or_default();
        for (level, length) in self.levels.iter().zip(lengths) {
            let mut at = MARGIN + (longest - length) / 2;
            for slot in level {
                self.slots[*slot].at = at;
                at += self.slots[*slot].across + gap;
            }
        }
    }

    fn into_layout(self) -> Layout {
        let mut ends = vec![(0, 0); self.slots.len()];
        let (mut begin, mut end) = (MARGIN, MARGIN);
        for level in &self.levels {
            let longest = level.iter().map(|slot| self.slots[*slot].along).max();
            end = begin + longest.unwrap_or_default();
            for slot in level {
                ends[*slot] = (begin, end);
            }
            begin = end + self.flow.bend() + self.flow.label();
        }
        let across = self.slots.iter().map(|slot| slot.at + slot.across).max();
        let across = across.unwrap_or_default() + MARGIN;
        let boxes = self.slots.iter().zip(&ends).filter_map(|(slot, ends)| {
            let node = self.tables[slot.table?].clone();
            let (along, at) = ((ends.0, slot.along), (slot.at, slot.across));
            let ((x, width), (y, height)) = match self.flow {
                Flow::Right => (along, at),
                Flow::Down => (at, along),
            };
            Some(TableBox {
                node,
                x,
                y,
                width,
                height,
            })
        });
        let lines = self.paths.iter().map(|(edge, path)| Line {
            edge: (*edge).clone(),
            pieces: self.pieces(path, &ends),
        });
        let (width, height) = match self.flow {
            Flow::Right => (end + MARGIN, across),
            Flow::Down => (across, end + MARGIN),
        };
        Layout {
            flow: self.flow,
            width,
            height,
            boxes: boxes.collect(),
            lines: lines.collect(),
        }
    }

    /// The straight pieces of an edge: out of its first box, through its lanes, into its last
    /// box. `ends` are where the level of each slot begins and ends.
    fn pieces(&self, path: &[usize], ends: &[(i32, i32)]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for (place, slot) in path.iter().enumerate() {
            let (begin, end) = ends[*slot];
            let before_labels = begin - self.flow.label();
            let previous = place.checked_sub(1).map(|previous| path[previous]);
            let next = path.get(place + 1);
            let (from, to, across) = match (previous, next) {
                (Some(previous), None) => {
                    let across = self.port(*slot, previous, |slot| &slot.before);
                    (before_labels, begin, across)
                }
                (None, Some(next)) => {
                    let across = self.port(*slot, *next, |slot| &slot.after);
                    (begin + self.slots[*slot].along, end, across)
                }
                _ => (before_labels, end, self.slots[*slot].at + LANE / 2),
            };
            pieces.push(Piece { from, to, across });
        }
        pieces
    }

    /// Where an edge meets a box: its ends are spread over the side, in the order of what
    /// they lead to.
    fn port(&self, slot: usize, other: usize, side: impl Fn(&Slot) -> &Vec<usize>) -> i32 {
        let of = &self.slots[slot];
        let mut ends: Vec<usize> = side(of).clone();
        ends.sort_by_key(|end| (self.slots[*end].at, *end));
        let place = ends.iter().position(|end| *end == other).unwrap_or(0);
        let place = i32::try_from(place).unwrap_or_default();
        of.at + of.across * (2 * place + 1) / (2 * count(&ends).max(1))
    }
}

fn count<T>(of: &[T]) -> i32 {
    i32::try_from(of.len()).unwrap_or(i32::MAX / 1000)
}

/// The level of each table: one more than the last of those it reads. Bounded, should
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

    /// Which way and how far a label goes from the end of its line.
    fn label(flow: Flow, end: &Piece) -> [i32; 4] {
        match flow {
            Flow::Right => [
                end.to - flow.label(),
                end.across - 13,
                end.to,
                end.across - 2,
            ],
            Flow::Down => [end.across + 4, end.to - 16, end.across + 74, end.to - 6],
        }
    }

    /// No box overlaps another, and no line or label runs over a box, whichever way rows
    /// flow. Gives the layout to the right.
    #[track_caller]
    fn check(case: &str, tables: &[Table], edges: &[Edge]) -> Layout {
        check_flow(case, tables, edges, Flow::Down);
        check_flow(case, tables, edges, Flow::Right)
    }

    #[track_caller]
    fn check_flow(case: &str, tables: &[Table], edges: &[Edge], flow: Flow) -> Layout {
        let nodes: Vec<Node> = tables.iter().map(Node::of).collect();
        let layout = layout(&nodes, edges, flow);
        let boxes: Vec<[i32; 4]> = layout
            .boxes
            .iter()
            .map(|of| [of.x, of.y, of.x + of.width, of.y + of.height])
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
                let strip = match flow {
                    Flow::Right => [piece.from, piece.across, piece.to, piece.across + 1],
                    Flow::Down => [piece.across, piece.from, piece.across + 1, piece.to],
                };
                assert!(
                    boxes.iter().all(|of| !overlap(&strip, of)),
                    "{case}: {line:?}"
                );
            }
            for step in line.pieces.windows(2) {
                assert_eq!(step[1].from - step[0].to, flow.bend(), "{case}: {line:?}");
            }
            let label = label(flow, line.pieces.last().unwrap());
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
