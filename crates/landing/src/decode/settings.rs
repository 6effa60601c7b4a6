//! The settings of a decoder.

use arrow::datatypes::SchemaRef;

use crate::schema::Spec;

/// The settings of a decoder, shared by its clones.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) spec: Spec,
    pub(crate) schema: SchemaRef,
    pub(crate) depth_max: usize,
    /// Whether to use the fast path. Off in tests that compare the two paths.
    pub(crate) fast: bool,
}
