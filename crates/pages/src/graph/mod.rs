//! The graph of tables as SVG.
//!
//! Tables stand in levels, each after all that it reads, so that every edge goes with the
//! [`flow`]. [`layout`] places nodes and edges, [`svg`] draws them.

mod flow;
mod layout;
mod node;
mod svg;

use evidence::{Edge, Table};

pub(crate) use flow::Flow;
pub(crate) use node::{Node, Note, edge_name};

pub use svg::GRAPH_STYLE;

/// The graph as an `<svg>` element. It needs the rules of [`GRAPH_STYLE`]. System tables
/// are in it if another table reads them.
pub fn graph(tables: &[Table], edges: &[Edge]) -> String {
    let nodes: Vec<Node> = tables.iter().map(Node::of).collect();
    graph_of(&nodes, edges, Flow::Right)
}

/// As [`graph`], of tables with notes and links.
pub(crate) fn graph_of(nodes: &[Node], edges: &[Edge], flow: Flow) -> String {
    svg::svg(&layout::layout(nodes, edges, flow))
}

#[cfg(test)]
mod tests {
    use evidence::{Preview, Verdict, Zone};

    use super::*;

    pub(super) fn table(zone: Zone, name: &str) -> Table {
        Table {
            zone,
            table: name.to_owned(),
            grain: None,
            rows: Some(1234),
            expected: None,
            verdict: Verdict::Ok,
            version: None,
            files: None,
            bytes: None,
            columns: Vec::new(),
            columns_more: 0,
            account: None,
            subjects: None,
            versions: Vec::new(),
            versions_more: 0,
            seconds: None,
            preview: Preview::default(),
        }
    }

    pub(super) fn edge(from: &str, to: &str) -> Edge {
        Edge {
            from: from.to_owned(),
            to: to.to_owned(),
            is_main: true,
            rows: Some(81_273),
        }
    }

    #[test]
    fn names_are_escaped_and_cut() {
        let tables = [
            table(Zone::Landing, "<script>alert(1)</script>"),
            table(Zone::Curated, &"long".repeat(20)),
        ];
        let svg = graph(
            &tables,
            &[edge("<script>alert(1)</script>", &"long".repeat(20))],
        );
        assert!(!svg.contains("<script"), "{svg}");
        assert!(svg.contains("&lt;script&gt;"), "{svg}");
        assert!(svg.contains("longlonglonglonglonglon…"), "{svg}");
        assert!(svg.contains(">81,273<"), "{svg}");
    }
}
