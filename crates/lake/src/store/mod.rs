//! Object stores: what is tried again, and objects that must not exist yet.

pub(crate) mod conditional_put;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod partial_writes;
pub(crate) mod retry;
mod retry_policy;
