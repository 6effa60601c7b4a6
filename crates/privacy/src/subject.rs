//! Who a row is about.

use std::borrow::Cow;

/// The name under which a person is known: the e-mail, trimmed, in lower case.
///
/// Two spellings of one address give the same subject. Borrows where the
/// address is spelled so already.
pub fn subject(email: &str) -> Cow<'_, str> {
    let trimmed = email.trim();
    let plain = trimmed
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if plain {
        Cow::Borrowed(trimmed)
    } else if trimmed.is_ascii() {
        Cow::Owned(trimmed.to_ascii_lowercase())
    } else {
        Cow::Owned(trimmed.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::subject;

    #[test]
    fn spellings_of_one_address_are_one_subject() {
        for (email, expected) in [
            ("jane@example.com", "jane@example.com"),
            (" Jane@Example.COM\t", "jane@example.com"),
            ("JÜRGEN@example.com", "jürgen@example.com"),
            ("jane@example.com\u{a0}", "jane@example.com"),
            ("   ", ""),
        ] {
            assert_eq!(subject(email), expected);
        }
    }
}
