//! The figures of a live lake's pages.
//!
//! - They are what runs noted: system tables, table logs, the release. Neither data files of
//!   models nor landing files are read, except by [`singling_out`].
//! - All tables are read as one release left them.
//! - They hold no personal value.
//! - A lake without a run gives figures without rows. A damaged table is missing in them, and
//!   one of the things that need attention.

mod attention;
mod overview;
mod plot_columns;
mod privacy_page;
mod quarantine_page;
mod results;
mod runs;
mod singling_out;
mod snapshot;
mod table_figures;
mod table_page;

pub use overview::overview;
pub use plot_columns::{PlotColumns, plot_columns};
pub use privacy_page::privacy_page;
pub use quarantine_page::quarantine_page;
pub use runs::{run_detail, run_list};
pub use singling_out::singling_out;
pub use table_page::table_page;
