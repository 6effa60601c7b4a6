//! The landing reader, through its front door.

mod cases;
mod compression;
mod dirty;
mod properties;
mod read;
