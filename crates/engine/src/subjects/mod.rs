//! People and devices: consent, owners of devices, and landing input that cannot be read.

pub(crate) mod consent;
pub(crate) mod decisions;
pub(crate) mod devices;
pub(crate) mod in_force;
pub(crate) mod landing_files;
pub(crate) mod name_hashes;
pub(crate) mod person_records;
pub(crate) mod quarantine;
pub(crate) mod quarantine_writer;
