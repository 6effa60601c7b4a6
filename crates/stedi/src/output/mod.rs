//! What the program prints: data to standard output, everything else to
//! standard error.

mod escape;
mod events;
mod list;
mod log;
mod message;
mod number;
mod out;
mod rows;
mod sheet;
mod terminal;
#[cfg(feature = "otel")]
mod traces;

pub(crate) use self::events::{Event, tell, write_events, writes_events};
pub(crate) use self::list::{Field, put_list};
pub(crate) use self::log::log_to_stderr;
pub(crate) use self::message::{complain, say};
pub(crate) use self::number::{grouped, grouped_or_dash, places, rows};
pub(crate) use self::out::{Out, put, put_escaped, put_json};
pub(crate) use self::rows::{Page, Rows};
pub(crate) use self::terminal::of_stdout as terminal_size;
#[cfg(feature = "otel")]
pub(crate) use self::traces::flush as flush_traces;
