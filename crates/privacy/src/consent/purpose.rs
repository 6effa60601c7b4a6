//! The purposes that people consent to.

use std::fmt;
use std::str::FromStr;

/// A purpose of using data. Its text is `research`, `public` or `friends`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Research on how people train.
    Research,
    /// Showing data to everybody.
    Public,
    /// Showing data to friends.
    Friends,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Research, Self::Public, Self::Friends];

    /// `research`, `public` or `friends`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Research => "research",
            Self::Public => "public",
            Self::Friends => "friends",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Purpose {
    type Err = UnknownPurpose;

    fn from_str(text: &str) -> Result<Self, UnknownPurpose> {
        Self::ALL
            .into_iter()
            .find(|purpose| purpose.as_str() == text)
            .ok_or(UnknownPurpose)
    }
}

/// The text is not a [`Purpose`]. The error does not contain the text, which may be
/// an e-mail in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownPurpose;

impl fmt::Display for UnknownPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a purpose is one of research, public, friends")
    }
}

impl std::error::Error for UnknownPurpose {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_purposes_can_be_parsed() {
        for purpose in Purpose::ALL {
            assert_eq!(purpose.to_string().parse(), Ok(purpose));
        }
        for text in ["", "Research", " public", "friend", "jane@example.com"] {
            assert_eq!(text.parse::<Purpose>(), Err(UnknownPurpose), "{text}");
        }
    }
}
