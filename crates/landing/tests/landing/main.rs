//! The landing reader, through its front door.

mod bounded;
mod cases;
mod compression;
mod dirty;
mod properties;
mod read;
