//! The columns of a model that say whose its rows are.

use catalog::Model;

/// The table that is made to train on.
pub(crate) const TRAINING_SET: &str = "training_set";

/// The column that says whose row it is names a person, or their device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SubjectKind {
    Subject,
    Device,
}

/// The columns of [`TRAINING_SET`], all of which its own check looks at.
const TRAINING_COLUMNS: [&str; 6] = ["subject", "elapsed_ms", "distancefromobject", "x", "y", "z"];

/// Whether a model, which gives these columns, is the one whose rows are held
/// one by one against those that may be there.
pub(crate) fn is_training_set(model: &Model, columns: &[&str]) -> bool {
    model.name.as_ref() == TRAINING_SET && columns == TRAINING_COLUMNS
}

/// The column of a model that says whose row it is, if it has one.
pub(crate) fn column(model: &Model) -> Option<(SubjectKind, &str)> {
    columns(model).next()
}

/// All columns of a model by which its rows are checked: that of the person
/// before that of the device.
pub(crate) fn columns(model: &Model) -> impl Iterator<Item = (SubjectKind, &str)> {
    let contract = &model.contract;
    let subject = contract.subject.iter();
    let subject = subject.map(|name| (SubjectKind::Subject, name.as_str()));
    let device = contract.device.iter();
    subject.chain(device.map(|name| (SubjectKind::Device, name.as_str())))
}
