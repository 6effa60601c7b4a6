//! A value that does not show itself.

use std::fmt;

/// Holds a personal value. Printing it gives `***`; the value comes out only
/// where [`Personal::reveal`] is spelled out.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Personal<T>(T);

impl<T> Personal<T> {
    /// Takes `value` into keeping.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for matching and for writing into tables; never for
    /// logs, messages or names of objects.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T> fmt::Display for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_shows_nothing() {
        let email = Personal::new("jane@example.com".to_owned());
        assert_eq!(
            format!("{email} {email:?} {:?}", Some(&email)),
            "*** *** Some(***)"
        );
        assert_eq!(email.reveal(), "jane@example.com");
    }
}
