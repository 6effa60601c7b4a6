//! The views of a live lake. Each is a function from figures to a whole document.
//!
//! - They work without JavaScript. A script, where one was built, only adds to them: it
//!   finds what it enhances by `data-` attributes.
//! - They load two things of the same origin: [`style()`] at [`STYLE_PATH`] and [`ICON`] at
//!   [`ICON_PATH`]; an enhanced page also [`SCRIPT_PATH`] and [`SCRIPT_STYLE_PATH`]. No styles or scripts are in the page, so that a
//!   Content-Security-Policy can forbid them.
//! - Each figure leads to the rows behind it, where the role may ask for them.

mod attention;
mod chart;
mod editor;
mod failure;
mod frame;
mod grid;
mod operation;
mod overview;
mod parts;
mod person;
mod pipeline;
mod plan;
mod plot;
mod plots;
mod privacy;
mod quarantine;
mod query;
mod run;
mod runs;
mod saved;
mod sign_in;
mod sql;
mod steps;
mod style;
mod table;
mod table_sections;
mod tables;
mod time_line;

pub use chart::{Across, Chart, ChartForm, ChartKind, ChartSeries};
pub use editor::{SavedAs, SqlError};
pub use failure::{Failure, failure};
pub use frame::{Frame, ICON, ICON_PATH, Nav, SCRIPT_PATH, SCRIPT_STYLE_PATH, STYLE_PATH};
pub use grid::{ResultColumn, ResultRows};
pub use operation::operation;
pub use overview::overview;
pub use parts::{percent, sql_name};
pub use person::{PersonPage, person};
pub use pipeline::pipeline;
pub use plan::plan;
pub use plots::plots;
pub use privacy::privacy;
pub use quarantine::quarantine;
pub use query::{QueryPage, QueryState, Took, query};
pub use run::run;
pub use runs::runs;
pub use saved::SavedQuery;
pub use sign_in::{SignIn, sign_in};
pub use sql::{PastQuery, SqlPage, sql};
pub use style::style;
pub use table::table;
pub use tables::tables;
