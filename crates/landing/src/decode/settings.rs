//! What a decoder was made with.

use arrow::datatypes::SchemaRef;

use crate::schema::Spec;

/// What a decoder was made with.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) spec: Spec,
    pub(crate) schema: SchemaRef,
    pub(crate) depth_max: usize,
    /// Off in tests that compare the two paths.
    pub(crate) fast: bool,
}
