//! The doors of a lake: HTTP and pages, Postgres wire, Flight SQL; sign-in and roles.
//!
//! This is the only crate that knows status codes. Every door hands its statements to the
//! [`Desk`], which shows the tables as the role of whoever asks allows.

mod audit;
mod audit_table;
mod desk;
mod fault;
mod fault_of_query;
mod flight;
mod gate;
mod http;
mod operations;
mod postgres;
mod principal;
mod saved;
mod sql_text;
mod users;
mod words;

pub use audit::{Audit, AuditEntry};
pub use desk::{Desk, Limits, Rows, VisibleTable};
pub use fault::{Fault, Kind};
pub use flight::flight;
pub use gate::Gate;
pub use http::{Beside, HttpSetup, http};
pub use operations::Launcher;
pub use postgres::postgres;
pub use principal::{Door, Principal, Role};
pub use saved::{Saved, SavedError};
pub use users::{TokenSummary, UserSummary, Users, UsersError};
