//! The landing reader, through its front door.

mod agree;
mod bounded;
mod cases;
mod compression;
mod dirty;
mod properties;
mod ranges;
mod read;
