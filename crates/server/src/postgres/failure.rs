//! Faults with the codes that Postgres has for them.

use bytes::BufMut;

use super::wire::{Channel, Malformed, Wire, put_text};
use crate::fault::{Fault, Kind};
use crate::sql_text::{PARAMETERS_MAX, TooMany};

/// A fault with its SQLSTATE.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// The place in the statement, in characters from 1.
    pub(super) position: Option<usize>,
}

/// What ends a message: a failure that the client is told, or the end of the connection.
#[derive(Debug)]
pub(super) enum Ended {
    Failed(Failure),
    /// Told, and then the connection is closed.
    Fatal(Failure),
    Gone,
}

pub(super) type Result<T, E = Ended> = std::result::Result<T, E>;

impl Failure {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            position: None,
        }
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A statement that this door never accepts.
    pub(super) fn writes(what: &str) -> Self {
        Self::new("25006", format!("{what} is refused: this door only reads"))
            .with_hint("ask with SELECT; runs and the command line write")
    }

    pub(super) fn cancelled() -> Self {
        Self::new("57014", "the statement was cancelled")
    }

    pub(super) fn protocol(message: impl Into<String>) -> Self {
        Self::new("08P01", message)
    }

    /// A fault of the statement `sent`, whose place in it becomes a position.
    pub(super) fn of(fault: Fault, sent: &str) -> Self {
        let position = fault
            .place
            .and_then(|(line, column)| position_of(sent, line, column));
        Self {
            code: code(&fault),
            message: fault.message,
            hint: fault.hint,
            position,
        }
    }

    /// Adds it as an answer.
    pub(super) fn put<C: Channel>(&self, severity: &str, wire: &mut Wire<C>) {
        wire.put(b'E', |out| {
            let mut field = |name: u8, text: &str| {
                out.put_u8(name);
                put_text(out, text);
            };
            field(b'S', severity);
            field(b'V', severity);
            field(b'C', self.code);
            field(b'M', &self.message);
            if let Some(hint) = &self.hint {
                field(b'H', hint);
            }
            if let Some(position) = self.position {
                field(b'P', &position.to_string());
            }
            out.put_u8(0);
        });
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Self {
        Self::Failed(Failure::of(fault, ""))
    }
}

impl From<std::io::Error> for Ended {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::InvalidData => Self::Fatal(Failure::protocol(error.to_string())),
            _ => Self::Gone,
        }
    }
}

impl From<TooMany> for Ended {
    fn from(_: TooMany) -> Self {
        let failure = Failure::new("42P02", "there is no parameter of that number");
        let hint = format!("a statement has at most {PARAMETERS_MAX} parameters");
        Self::Failed(failure.with_hint(hint))
    }
}

impl From<Malformed> for Ended {
    fn from(_: Malformed) -> Self {
        Self::Fatal(Failure::protocol("a message is not as the protocol has it"))
    }
}

/// The SQLSTATE of a fault.
fn code(fault: &Fault) -> &'static str {
    match fault.kind {
        Kind::Wrong => code_of_statement(&fault.message),
        Kind::Missing => "42P01",
        Kind::SignIn => "28P01",
        Kind::Forbidden if fault.message.contains("read") => "25006",
        Kind::Forbidden => "42501",
        Kind::Limit => "54000",
        Kind::Busy => "53400",
        Kind::Cancelled => "57014",
        Kind::Failed => "58000",
    }
}

/// The SQLSTATE of a statement that is wrong, or that meets a value it cannot compute with.
fn code_of_statement(message: &str) -> &'static str {
    // In the order of reading: the first that the message has.
    const CODES: [(&str, &str); 10] = [
        ("division by zero", "22012"),
        ("a number is too large for its type", "22003"),
        ("a value cannot be converted", "22018"),
        (" failed: ", "22000"),
        ("there is no column", "42703"),
        ("is in several tables", "42702"),
        ("neither in GROUP BY nor", "42803"),
        ("have the same name", "42701"),
        ("there is no function", "42883"),
        ("does not take these types", "42883"),
    ];
    let found = CODES.iter().find(|(says, _)| message.contains(says));
    found.map_or("42601", |(_, code)| *code)
}

/// Characters before a line and a column, plus one.
fn position_of(sql: &str, line: u64, column: u64) -> Option<usize> {
    let before = usize::try_from(line.checked_sub(1)?).ok()?;
    let mut position = 0;
    for text in sql.split('\n').take(before) {
        position += text.chars().count() + 1;
    }
    (!sql.is_empty()).then(|| position + column as usize)
}
