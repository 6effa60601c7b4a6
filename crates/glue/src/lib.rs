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
mod models;
mod names;
mod python;
mod quality;
mod query;
mod script;
mod spark;

pub use import::{Imported, ImportedModel, People, import};

/// A file that is imported, or a shipped one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceText {
    /// The path, as messages show it.
    pub path: String,
    /// Its content.
    pub text: String,
}

/// What became of a node of a script, or of a statement of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The file.
    pub script: String,
    /// The line in it, from 1.
    pub line: u32,
    /// The node's or the table's name; empty for a script as a whole.
    pub node: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// See [`Step`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is a file of the project.
    Written {
        /// The file, below the project's folder.
        file: String,
        /// What a reader should know about it.
        note: Option<String>,
    },
    /// It is part of a model.
    Translated,
    /// Nothing needs it, and why.
    LeftOut(String),
    /// It has no translation, and why.
    NotTranslated(String),
}
