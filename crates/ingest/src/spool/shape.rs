//! What one message becomes in a landing file.
//!
//! A message that is one JSON object becomes one line beside others. Anything else gets a
//! file of its own: half an object, an open string or a stray bracket may take what
//! follows it in a file for its own rest, and so cost a neighbour.

use bytes::Bytes;
use serde::de::IgnoredAny;

/// Larger objects get a file of their own. The reader of landing files refuses objects far
/// above.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Objects that are nested deeper get a file of their own, as the reader of landing files
/// refuses them.
const DEPTH_MAX: usize = 60;

/// What one message becomes in a landing file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One JSON object without line ends.
    Line(Bytes),
    /// Anything else, as it came.
    Alone(Bytes),
    /// Nothing but white space.
    Empty,
}

impl Shape {
    /// The shape of a message.
    pub(crate) fn of(message: Bytes) -> Self {
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        if message.iter().all(is_space) {
            return Self::Empty;
        }
        if !is_object(&message) {
            return Self::Alone(message);
        }
        // In a whole object, line ends stand between its parts alone: inside a text they
        // are escaped.
        match message.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            false => Self::Line(message),
            true => {
                let on_one_line = |byte: &u8| match byte {
                    b'\n' | b'\r' => b' ',
                    other => *other,
                };
                Self::Line(message.iter().map(on_one_line).collect())
            }
        }
    }
}

fn is_object(message: &[u8]) -> bool {
    message.len() <= LINE_BYTES_MAX
        && message.trim_ascii_start().first() == Some(&b'{')
        && std::str::from_utf8(message)
            .is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
        && depth(message) <= DEPTH_MAX
}

/// How deep a valid JSON text is nested.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_text, mut is_escaped) = (false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_by_shape() {
        let deep = format!(
            "{}{}",
            "{\"a\":".repeat(61),
            "1".to_owned() + &"}".repeat(61)
        );
        let braces_in_text = format!("{{\"a\":\"{}\"}}", "[".repeat(100));
        for (message, expected) in [
            ("{}", "line {}"),
            ("{\"a\": \"x\\n\"}", "line {\"a\": \"x\\n\"}"),
            ("{\"a\":\r\n 1}\n", "line {\"a\":   1} "),
            (" {\"a\":1}", "line  {\"a\":1}"),
            (&braces_in_text, &format!("line {braces_in_text}")),
            ("{\"a\":\"\n\"}", "alone"),
            ("{\"a\":1}{\"b\":2}", "alone"),
            ("{\"a\":1", "alone"),
            ("{\"a\":\"", "alone"),
            ("[{\"a\":1}]", "alone"),
            ("\u{feff}{\"a\":1}", "alone"),
            ("1", "alone"),
            ("null", "alone"),
            ("garbage\n{\"a\":1}", "alone"),
            (&deep, "alone"),
            ("", "empty"),
            (" \r\n", "empty"),
        ] {
            let shape = match Shape::of(Bytes::copy_from_slice(message.as_bytes())) {
                Shape::Line(line) => format!("line {}", String::from_utf8_lossy(&line)),
                Shape::Alone(bytes) => {
                    assert_eq!(bytes, message.as_bytes());
                    "alone".to_owned()
                }
                Shape::Empty => "empty".to_owned(),
            };
            assert_eq!(shape, expected, "{message}");
        }
        let not_utf8 = Bytes::from_static(b"{\"a\":\"\xff\"}");
        assert_eq!(Shape::of(not_utf8.clone()), Shape::Alone(not_utf8));
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(LINE_BYTES_MAX));
        assert!(matches!(Shape::of(large.into()), Shape::Alone(_)));
    }
}
