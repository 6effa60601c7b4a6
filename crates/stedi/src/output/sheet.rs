//! Tables for people, laid out in text.

use std::io::{self, IsTerminal};

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, presets};

use super::escape::escaped;
use crate::settings::Settings;

/// A table for people: headings, then rows of cells.
pub(super) struct Sheet {
    table: Table,
    color: bool,
}

impl Sheet {
    pub(super) fn new(settings: &Settings, headings: &[&str]) -> Self {
        let color = settings.color && io::stdout().is_terminal();
        let mut table = Table::new();
        table.load_preset(presets::UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        if color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        // A terminal that does not know its width tells 0.
        if table.width() == Some(0) {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        table.set_header(headings.iter().map(|heading| {
            let cell = Cell::new(escaped(heading));
            if color {
                cell.add_attribute(Attribute::Bold)
            } else {
                cell
            }
        }));
        Self { table, color }
    }

    pub(super) fn color(&self) -> bool {
        self.color
    }

    /// Sets columns to the right.
    pub(super) fn numbers(&mut self, columns: impl Iterator<Item = usize>) {
        for column in columns {
            if let Some(column) = self.table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }

    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.table.add_row(cells);
    }

    pub(super) fn text(&self) -> String {
        format!("{}\n", self.table)
    }
}
