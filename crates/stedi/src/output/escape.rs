//! Escapes characters that would control the terminal.
//!
//! A landing value can hold sequences that move the cursor, set the window's
//! title or write into the shell's input, and characters that reverse the
//! direction of the text. Output to a terminal, and tables for people, show
//! them as `\u001b`; output to programs is not changed.

pub(crate) use pages::without_control as escaped;

/// The bytes escaped for a terminal, and the incomplete character at their end.
pub(super) fn shown(bytes: &[u8]) -> (String, Vec<u8>) {
    use std::fmt::Write;
    let mut shown = String::with_capacity(bytes.len());
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        shown.push_str(&escaped(chunk.valid()));
        let invalid = chunk.invalid();
        let is_last = chunks.peek().is_none();
        let is_begun = std::str::from_utf8(invalid).is_err_and(|e| e.error_len().is_none());
        if is_last && is_begun && !invalid.is_empty() {
            return (shown, invalid.to_vec());
        }
        for byte in invalid {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    (shown, Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_other_text_is_not() {
        for (text, expected) in [
            ("plain", "plain"),
            ("Jörg 李 🙂\n\tindented", "Jörg 李 🙂\n\tindented"),
            ("\u{1b}[31mred\u{7}", "\\u001b[31mred\\u0007"),
            ("back\rforth\u{8}", "back\\u000dforth\\u0008"),
            ("\u{7f}\u{9b}2J", "\\u007f\\u009b2J"),
            ("\u{202e}gnp.exe\u{2066}", "\\u202egnp.exe\\u2066"),
            ("\u{e0041}", "\\udb40\\udc41"),
            ("\0", "\\u0000"),
        ] {
            assert_eq!(
                shown(text.as_bytes()),
                (expected.to_owned(), Vec::new()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn invalid_bytes_are_escaped_and_a_split_character_is_joined() {
        assert_eq!(
            shown(b"a\x9b2J\xffb"),
            ("a\\x9b2J\\xffb".to_owned(), Vec::new())
        );
        let text = "é🙂\u{9b}".as_bytes();
        for at in 0..=text.len() {
            let (first, mut begun) = shown(&text[..at]);
            begun.extend_from_slice(&text[at..]);
            let (second, rest) = shown(&begun);
            assert_eq!(first + &second, "é🙂\\u009b");
            assert!(rest.is_empty());
        }
    }
}
