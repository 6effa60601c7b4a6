//! The catalog from outside: the projects and statements people write, and what
//! they are told when something is wrong. One binary, since each link costs.

#![allow(missing_docs, reason = "tests say what they show in their names")]

mod contract;
mod external_table;
mod project;
mod robust;
mod roles;
