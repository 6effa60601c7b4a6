//! A wrapper for personal values that prints as `***`.

use std::fmt;

/// A personal value. It prints as `***`, so that printing is safe by default. Only
/// [`Personal::reveal`] returns the value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Personal<T>(T);

impl<T> Personal<T> {
    /// Wraps `value`.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for comparisons and for tables. Never for logs, messages or object
    /// names.
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
    fn printing_reveals_nothing() {
        let email = Personal::new("jane@example.com".to_owned());
        assert_eq!(
            format!("{email} {email:?} {:?}", Some(&email)),
            "*** *** Some(***)"
        );
        assert_eq!(email.reveal(), "jane@example.com");
    }
}
