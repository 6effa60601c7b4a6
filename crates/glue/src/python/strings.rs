//! Python's string literals: prefixes, escapes, and the pieces of f-strings.

use tree_sitter::Node;

use super::convert::Converter;
use super::tree::{SyntaxFault, TextPart};

impl Converter<'_> {
    /// The pieces of a `string` node.
    pub(super) fn text(&mut self, node: Node<'_>) -> Result<Vec<TextPart>, SyntaxFault> {
        let mut parts = Vec::new();
        let mut is_raw = false;
        let mut cursor = node.walk();
        for child in node.children(&mut cursor) {
            let source = self.source(child);
            match child.kind() {
                "string_start" => is_raw = source.contains(['r', 'R']),
                "string_content" => parts.push(TextPart::Literal(match is_raw {
                    true => source.to_owned(),
                    false => unescape(source),
                })),
                "interpolation" => {
                    if let Some(value) = child.child_by_field_name("expression") {
                        parts.push(TextPart::Value(self.expr(value)?));
                    }
                }
                _ => {}
            }
        }
        Ok(parts)
    }
}

/// The text of a literal without Python's escapes. Unknown ones stay, as in Python.
fn unescape(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut rest = source.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match rest.next() {
            Some('\n') => {}
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some(c @ ('\\' | '\'' | '"')) => text.push(c),
            Some(c) => text.extend(['\\', c]),
            None => text.push('\\'),
        }
    }
    text
}
