//! Characters that a terminal or a browser would obey instead of showing them.

use std::borrow::Cow;
use std::fmt::Write;

/// `text` with control characters as `\u001b`. Line ends and tabs stay.
pub fn without_control(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if !is_control(c) {
            out.push(c);
            continue;
        }
        let mut units = [0; 2];
        for unit in c.encode_utf16(&mut units) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    Cow::Owned(out)
}

/// Control characters (C0 except line ends and tabs, DEL, C1), characters that
/// change the direction of writing, separators that some terminals take for line
/// ends, invisible tags, and code points that no page may hold.
fn is_control(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        _ if c.is_control() => true,
        '\u{61c}' | '\u{200e}' | '\u{200f}' => true,
        '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        '\u{fdd0}'..='\u{fdef}' | '\u{fffe}' | '\u{ffff}' => true,
        '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
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
            assert_eq!(without_control(text), expected);
        }
    }
}
