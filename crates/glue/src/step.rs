//! The input of an import, and what became of its parts.

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
