//! Where objects begin and end: the state of the reader between bytes.
//!
//! [`grammar`] follows one object byte by byte, [`recovery`] looks for the
//! next object after a broken one, [`carry`] is what passes from one segment
//! of a file to the next. The decoder drives all three.

pub(crate) mod carry;
pub(crate) mod grammar;
pub(crate) mod recovery;

/// Where to cut: the offset just after the first newline at or after `at`.
/// `None` if there is none.
pub fn boundary(bytes: &[u8], at: usize) -> Option<usize> {
    let tail = bytes.get(at..)?;
    memchr::memchr(b'\n', tail).map(|found| at + found + 1)
}
