//! Translates jobs of AWS Glue, written in Python with PySpark, into models.
//!
//! ```text
//! script (Python) ──python──► statements ──script──► graph ──models, query──► SQL ──import──► model
//! ```
//!
//! `python` parses a script, which is never executed. `script` follows its variables and makes a
//! graph of what the job does with data. `models` writes the part of the graph that leads to a
//! sink as one SELECT, and `query` rewrites SQL that is in the script. `landing` reads the
//! definitions of landing tables, `import` finds which table each source and sink is.
//!
//! The crate reads and writes no files. Whose rows a model holds and which of its columns are
//! personal is not known here: the engine derives it from the SELECT.

mod graph;
mod import;
mod landing;
mod model_columns;
mod model_file;
mod models;
mod names;
mod python;
mod quality;
mod query;
mod script;
mod select_text;
mod spark;
mod spark_meaning;
mod step;

pub use import::{Imported, import};
pub use model_file::{ImportedModel, People};
pub use step::{Outcome, SourceText, Step};
