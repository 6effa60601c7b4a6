//! Tests of models: `lakehouse/trusted/accelerometer_trusted.test.sql`, read
//! into cases.
//!
//! A case is a title and a sequence of steps: landing rows that are given,
//! consent entered by hand, runs, and what must be in tables after them. This
//! module reads the files; `engine` runs the cases, and `stedi test` shows what
//! came of them. `docs/testing-models.md` describes the format for authors.

mod case;
mod reader;
mod source_files;
mod words;

pub use case::{
    Expectation, GivenRows, ModelTests, RowsOf, RowsSql, RunEnding, StepKind, TestCase, TestStep,
};
pub use source_files::read_source_files;
