//! Escapes characters that would control the terminal.
//!
//! A landing value can hold sequences that move the cursor, set the window's
//! title or write into the shell's input, and characters that reverse the
//! direction of the text. Output to a terminal, and tables for people, show
//! them as `\u001b`; output to programs is not changed.

use std::borrow::Cow;

/// `text` with control characters escaped. Line ends stay.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    push_escaped(text, &mut out);
    Cow::Owned(out)
}

fn push_escaped(text: &str, out: &mut String) {
    use std::fmt::Write;
    for c in text.chars() {
        if is_harmful(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
}

/// Control characters (C0 except line ends and tabs, DEL, C1), characters that
/// change the direction of writing, separators that some terminals take for line
/// ends, and invisible tags.
fn is_harmful(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        _ if c.is_control() => true,
        '\u{61c}' | '\u{200e}' | '\u{200f}' => true,
        '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
}

/// The bytes escaped for a terminal, and the incomplete character at their end.
pub(super) fn shown(bytes: &[u8]) -> (String, Vec<u8>) {
    use std::fmt::Write;
    let mut shown = String::with_capacity(bytes.len());
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        push_escaped(chunk.valid(), &mut shown);
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
            assert_eq!(escaped(text), expected);
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
