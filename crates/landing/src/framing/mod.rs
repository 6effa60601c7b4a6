//! Framing: finds where objects begin and end.
//!
//! - [`grammar`]: follows one object byte by byte and finds where it ends or
//!   breaks.
//! - [`recovery`]: finds the next object after a broken one.
//! - [`carry`]: the state that passes from one segment of a file to the next.
//!
//! `decode::segment` drives all three.

pub(crate) mod carry;
pub(crate) mod grammar;
pub(crate) mod recovery;

/// The end of a segment: the offset just after the first newline at or after `at`.
/// `None` if there is none.
pub fn boundary(bytes: &[u8], at: usize) -> Option<usize> {
    let tail = bytes.get(at..)?;
    memchr::memchr(b'\n', tail).map(|found| at + found + 1)
}
