//! Reads a script as a person would: follows its variables from sources to sinks, without
//! running it.
//!
//! What a job needs of Python is interpreted: assignments, calls of the script's own functions,
//! loops over lists and dictionaries that are spelled out. What is not understood becomes a
//! value that says why, and so does everything made from it.

mod calls;
mod column_methods;
mod doubt;
mod frame_methods;
mod functions;
mod interpreter;
mod library;
mod lists;
mod sources;
mod value;

use crate::graph::Graph;
use crate::python::{self, SyntaxFault};

/// The graph of a script.
///
/// # Errors
/// A [`SyntaxFault`] if the script is not Python.
pub(crate) fn read(text: &str) -> Result<Graph, SyntaxFault> {
    let (statements, skipped) = python::parse(text)?;
    let mut graph = interpreter::interpret(&statements);
    let faults = skipped.into_iter();
    graph
        .left_out
        .extend(faults.map(|fault| (fault.line, fault.message)));
    Ok(graph)
}
