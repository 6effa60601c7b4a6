//! Subjects: the person a row is about, identified by a normalised e-mail.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

/// The subject of an e-mail: without surrounding white space and invisible
/// characters, in Unicode NFC and in lower case.
///
/// All spellings of one address have the same subject. The subject of a subject is
/// that subject. Borrows if the address is normalised already.
pub fn normalize_subject(email: &str) -> Cow<'_, str> {
    let trimmed = email.trim();
    let plain = trimmed
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if plain {
        Cow::Borrowed(trimmed)
    } else if trimmed.is_ascii() {
        Cow::Owned(trimmed.to_ascii_lowercase())
    } else {
        normalize_unicode(trimmed)
    }
}

/// Nearly all addresses are ASCII. The code for the others is kept out of the hot
/// path.
#[cold]
fn normalize_unicode(email: &str) -> Cow<'_, str> {
    const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();
    let trimmed = email.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
    let composed = NFC.normalize(trimmed);
    let lower = composed.to_lowercase();
    if lower == trimmed {
        return Cow::Borrowed(trimmed);
    }
    // Lower-casing a composed text may yield letters that have to be composed.
    match NFC.normalize(&lower) {
        Cow::Borrowed(_) => Cow::Owned(lower),
        Cow::Owned(composed) => Cow::Owned(composed),
    }
}

/// Characters without width, which get into an address when it is copied from a
/// page or a table: joiners, direction marks, byte order marks.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::normalize_subject;

    #[test]
    fn spellings_of_one_address_have_one_subject() {
        for (email, expected) in [
            ("jane@example.com", "jane@example.com"),
            (" Jane@Example.COM\t", "jane@example.com"),
            ("JÜRGEN@example.com", "jürgen@example.com"),
            ("jane@example.com\u{a0}", "jane@example.com"),
            ("   ", ""),
            // Composed, decomposed, and decomposed capitals.
            ("j\u{fc}rgen@example.com", "j\u{fc}rgen@example.com"),
            ("ju\u{308}rgen@example.com", "j\u{fc}rgen@example.com"),
            ("JU\u{308}RGEN@EXAMPLE.COM", "j\u{fc}rgen@example.com"),
            // Marks in another order, a Hangul syllable, a singleton.
            ("a\u{323}\u{307}@x.org", "\u{1ea1}\u{307}@x.org"),
            ("a\u{307}\u{323}@x.org", "\u{1ea1}\u{307}@x.org"),
            ("\u{1112}\u{1161}\u{11ab}@x.org", "\u{d55c}@x.org"),
            ("\u{212b}@x.org", "\u{e5}@x.org"),
            // The two small letters of sigma.
            ("ΟΔΟΣ@x.org", "οδος@x.org"),
            // Unicode white space and characters without width, in any order.
            ("\u{200b}jane@example.com", "jane@example.com"),
            ("jane@example.com\u{200b} \u{feff}\n", "jane@example.com"),
            (
                "\u{2003}\u{202a}Jane@example.com\u{202c}",
                "jane@example.com",
            ),
            ("\u{2060}\u{200d}\u{ad}\u{3000}", ""),
            ("\u{3000}jürgen@example.com\u{200e}", "jürgen@example.com"),
            // Inside an address they belong to it.
            ("ja\u{200b}ne@example.com", "ja\u{200b}ne@example.com"),
            ("ja ne@example.com", "ja ne@example.com"),
            // Compatibility forms are different addresses.
            ("\u{ff41}@x.org", "\u{ff41}@x.org"),
        ] {
            assert_eq!(normalize_subject(email), expected, "{email:?}");
        }
    }

    proptest! {
        #[test]
        fn the_subject_of_a_subject_is_that_subject(email in "\\PC*[ \u{200b}\u{308}\u{323}]?") {
            let once = normalize_subject(&email).into_owned();
            prop_assert_eq!(normalize_subject(&once), once.as_str());
        }

        /// Must never change: existing lakes contain pseudonyms of such subjects.
        #[test]
        fn an_ascii_address_is_trimmed_and_lower_cased(email in "[ -~\t]{0,40}") {
            prop_assert_eq!(normalize_subject(&email), email.trim().to_ascii_lowercase());
        }
    }
}
