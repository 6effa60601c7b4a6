//! Draws a laid out graph.

use std::fmt::Write;

use maud::{Markup, PreEscaped, html};

use super::flow::{Flow, NOTE_HEIGHT};
use super::layout::{Layout, Line, TableBox};
use super::node::Note;
use crate::number::{grouped, grouped_signed};
use crate::words;

/// The rules that the graph needs, for light and dark pages. They use the page's
/// variables `--ink`, `--paper`, `--faint` and one for each zone.
pub const GRAPH_STYLE: &str = "
svg.graph { display: block; font: 12px/1.2 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
svg.graph .box { fill: var(--paper); stroke-width: 1.5; }
svg.graph .landing .box, svg.graph .landing .tag { stroke: var(--landing); }
svg.graph .trusted .box, svg.graph .trusted .tag { stroke: var(--trusted); }
svg.graph .curated .box, svg.graph .curated .tag { stroke: var(--curated); }
svg.graph .system .box, svg.graph .system .tag { stroke: var(--faint); }
svg.graph .system .box { stroke-dasharray: 4 3; }
svg.graph .landing .tag { fill: var(--landing); }
svg.graph .trusted .tag { fill: var(--trusted); }
svg.graph .curated .tag { fill: var(--curated); }
svg.graph .system .tag { fill: var(--faint); }
svg.graph .letter { fill: var(--paper); font-weight: 700; text-anchor: middle; }
svg.graph .name { fill: var(--ink); font-weight: 600; }
svg.graph .rows { fill: var(--ink); font-size: 11px; }
svg.graph .line { fill: none; stroke: var(--faint); stroke-width: 1.4; }
svg.graph .joined { stroke-dasharray: 5 3; }
svg.graph .label { fill: var(--ink); stroke: var(--paper); stroke-width: 3; paint-order: stroke; font-size: 11px; text-anchor: end; }
svg.graph .tip { fill: var(--faint); }
";

/// How many characters of a name fit into a box.
const NAME_MAX: usize = 24;

/// How many characters of a note fit into a box.
const NOTE_MAX: usize = 30;

/// The graph as an `<svg>` element.
pub(super) fn svg(layout: &Layout) -> String {
    if layout.boxes.is_empty() {
        return String::new();
    }
    let (width, height, flow) = (layout.width, layout.height, layout.flow);
    let side = match flow {
        Flow::Right => "to the right of",
        Flow::Down => "below",
    };
    let description = format!(
        "{} tables and {} edges. Each table stands {side} those it reads. The letter and the colour of a box tell the zone: L landing, T trusted, C curated, S system. A solid line is where rows come from, with the rows read; a dashed line is a join or a lookup, with the rows that went on. The table below says the same.",
        layout.boxes.len(),
        layout.lines.len()
    );
    // A picture has no parts that one could follow.
    let role = match layout.boxes.iter().any(|of| of.node.href.is_some()) {
        true => "group",
        false => "img",
    };
    html! {
        svg class="graph" role=(role) aria-labelledby="graph-title graph-description"
            width=(width) height=(height) viewBox=(format!("0 0 {width} {height}")) {
            title #graph-title { "Tables and the rows between them" }
            desc #graph-description { (description) }
            @for line in &layout.lines { (path(line, flow)) }
            @for line in &layout.lines { (label(line, flow)) }
            @for table in &layout.boxes { (table_box(table)) }
        }
    }
    .into_string()
}

fn path(line: &Line, flow: Flow) -> Markup {
    let mut d = String::new();
    let ahead = match flow {
        Flow::Right => 'H',
        Flow::Down => 'V',
    };
    let point = |along: i32, across: i32| match flow {
        Flow::Right => format!("{along} {across}"),
        Flow::Down => format!("{across} {along}"),
    };
    for (place, piece) in line.pieces.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = match place.checked_sub(1).map(|before| line.pieces[before]) {
            None => write!(d, "M{}{ahead}{}", point(piece.from, piece.across), piece.to),
            Some(before) => {
                let middle = before.to + flow.bend() / 2;
                write!(
                    d,
                    "C{} {} {}{ahead}{}",
                    point(middle, before.across),
                    point(middle, piece.across),
                    point(piece.from, piece.across),
                    piece.to
                )
            }
        };
    }
    let class = match line.edge.is_main {
        true => "line",
        false => "line joined",
    };
    let head = match flow {
        Flow::Right => "l-7 -3.5v7z",
        Flow::Down => "l-3.5 -7h7z",
    };
    html! {
        path class=(class) d=(d) {}
        @if let Some(end) = line.pieces.last() {
            path class="tip" d=(format!("M{}{head}", point(end.to, end.across))) {}
        }
    }
}

fn label(line: &Line, flow: Flow) -> Markup {
    let Some((end, rows)) = line.pieces.last().zip(line.edge.rows) else {
        return PreEscaped(String::new());
    };
    let text = match line.edge.is_main {
        true => grouped_signed(rows),
        false => format!("⋈ {}", grouped_signed(rows)),
    };
    html! {
        @match flow {
            Flow::Right => text class="label" x=(end.to - 10) y=(end.across - 4) { (text) },
            Flow::Down => text class="label beside" x=(end.across + 6) y=(end.to - 6) { (text) },
        }
    }
}

fn table_box(of: &TableBox) -> Markup {
    let link = of.node.href.as_ref();
    html! {
        @match link {
            Some(href) => a href=(href) { (drawn_box(of)) },
            None => (drawn_box(of)),
        }
    }
}

fn drawn_box(of: &TableBox) -> Markup {
    let node = &of.node;
    let zone = node.zone.as_str();
    let rows = match node.rows {
        Some(1) => "1 row".to_owned(),
        Some(rows) => format!("{} rows", grouped(rows)),
        None => "not built".to_owned(),
    };
    let notes = i32::try_from(node.notes.len()).unwrap_or_default();
    let middle = of.y + (of.height - NOTE_HEIGHT * notes) / 2;
    html! {
        g class=(zone) {
            title { (node.name) ", " (zone) ", " (rows) }
            rect class="box" x=(of.x) y=(of.y) width=(of.width) height=(of.height) rx="5" {}
            rect class="tag" x=(of.x) y=(of.y) width="20" height=(of.height) rx="5" {}
            text class="letter" x=(of.x + 10) y=(of.y + of.height / 2 + 4) { (words::zone_letter(node.zone)) }
            text class="name" x=(of.x + 28) y=(middle - 4) { (shortened(&node.name, NAME_MAX)) }
            text class="rows" x=(of.x + 28) y=(middle + 13) { (rows) }
            @for (line, note) in (1..).zip(&node.notes) { (drawn_note(note, of.x + 28, middle + 13 + line * NOTE_HEIGHT)) }
        }
    }
}

fn drawn_note(note: &Note, x: i32, y: i32) -> Markup {
    let (class, text) = match note {
        Note::LeftOut(text) => ("rows left-out", text),
        Note::Added(text) => ("rows added", text),
        Note::Hidden(text) => ("rows hidden", text),
    };
    html! { text class=(class) x=(x) y=(y) { (shortened(text, NOTE_MAX)) } }
}

fn shortened(text: &str, max: usize) -> String {
    match text.chars().count() > max {
        true => text.chars().take(max - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}
