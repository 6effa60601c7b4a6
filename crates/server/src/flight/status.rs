//! Faults as statuses of gRPC.

use tonic::{Code, Status};

use crate::fault::{Fault, Kind};

/// The status of a fault, with its hint behind the message.
pub(super) fn status(fault: Fault) -> Status {
    let code = match fault.kind {
        Kind::Wrong => Code::InvalidArgument,
        Kind::Missing => Code::NotFound,
        Kind::SignIn => Code::Unauthenticated,
        Kind::Forbidden => Code::PermissionDenied,
        Kind::Limit => Code::ResourceExhausted,
        Kind::Busy => Code::Unavailable,
        Kind::Cancelled => Code::Cancelled,
        Kind::Failed => Code::Internal,
    };
    let place = fault
        .place
        .map(|(line, column)| format!(" (line {line}, column {column})"));
    let hint = fault.hint.map(|hint| format!("\nhint: {hint}"));
    let parts = [Some(fault.message), place, hint];
    Status::new(code, parts.into_iter().flatten().collect::<String>())
}

/// What this door never does.
pub(super) fn writes(what: &str) -> Status {
    Status::permission_denied(format!("{what} is refused: this door only reads"))
}
