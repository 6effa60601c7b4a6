//! The columns of a model that name the person or device of a row.

use catalog::Model;

/// The table for training machine learning models.
pub(crate) const TRAINING_SET: &str = "training_set";

/// What a column names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SubjectKind {
    Subject,
    Device,
}

/// The columns of [`TRAINING_SET`]. Its privacy gate compares all of them.
const TRAINING_COLUMNS: [&str; 6] = ["subject", "elapsed_ms", "distancefromobject", "x", "y", "z"];

/// The model whose pairs of readings [`TRAINING_SET`] is made of.
const PAIRS: &str = "machine_learning_curated";

/// Whether a model with these columns is the training set, of which a privacy gate checks each
/// row. Another company's model of that name reads other pairs, and is checked like any other
/// model.
pub(crate) fn is_training_set(model: &Model, columns: &[&str]) -> bool {
    let mut reads = model.reads().iter();
    model.name.as_ref() == TRAINING_SET
        && columns == TRAINING_COLUMNS
        && reads.any(|read| read.table == PAIRS)
}

/// The column that names the person or device of a row, if the model declares one.
pub(crate) fn column(model: &Model) -> Option<(SubjectKind, &str)> {
    columns(model).next()
}

/// All declared columns by which rows are checked: the person's before the device's.
pub(crate) fn columns(model: &Model) -> impl Iterator<Item = (SubjectKind, &str)> {
    let contract = &model.contract;
    let subject = contract.subject.iter();
    let subject = subject.map(|name| (SubjectKind::Subject, name.as_str()));
    let device = contract.device.iter();
    subject.chain(device.map(|name| (SubjectKind::Device, name.as_str())))
}
