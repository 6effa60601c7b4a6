//! People and devices: who agreed to what, whose a device is, and what cannot
//! be read of them.

pub(crate) mod consent;
pub(crate) mod decisions;
pub(crate) mod devices;
pub(crate) mod in_force;
pub(crate) mod known;
pub(crate) mod landing_files;
pub(crate) mod person_records;
pub(crate) mod quarantine;
