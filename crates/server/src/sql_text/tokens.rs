//! Words, texts and parameters of a statement: as much of SQL as is needed to tell what a
//! statement is for and where its parameters stand.

use std::ops::Range;

/// What a piece of a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A word or a number.
    Word,
    /// A name in double quotes.
    Quoted,
    /// A text, in single quotes or between dollar signs.
    Text,
    /// `$1`.
    Parameter(usize),
    /// One other character.
    Sign,
}

/// A piece and its place.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) piece: Piece,
    pub(crate) at: Range<usize>,
}

/// The pieces of `sql`, without blanks and comments.
pub(crate) fn tokens(sql: &str) -> Vec<Token> {
    let bytes = sql.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let piece = match bytes[at] {
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'-' if bytes.get(at + 1) == Some(&b'-') => {
                at = bytes[at..]
                    .iter()
                    .position(|byte| *byte == b'\n')
                    .map_or(bytes.len(), |end| at + end);
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                at = comment_end(bytes, at);
                continue;
            }
            b'\'' => {
                at = quoted_end(bytes, at, false);
                Piece::Text
            }
            b'e' | b'E' if bytes.get(at + 1) == Some(&b'\'') => {
                at = quoted_end(bytes, at + 1, true);
                Piece::Text
            }
            b'"' => {
                at = quoted_end(bytes, at, false);
                Piece::Quoted
            }
            b'$' => {
                let (end, piece) = dollar(bytes, at);
                at = end;
                piece
            }
            byte if is_of_word(byte) => {
                at += bytes[at..]
                    .iter()
                    .take_while(|byte| is_of_word(**byte) || **byte == b'$')
                    .count();
                Piece::Word
            }
            _ => {
                at += 1;
                Piece::Sign
            }
        };
        found.push(Token {
            piece,
            at: start..at,
        });
    }
    found
}

/// The statements of `sql`, without their semicolons; empty ones are left out.
pub(crate) fn statements(sql: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = None;
    let mut end = 0;
    for token in tokens(sql) {
        match &sql[token.at.clone()] {
            ";" => found.extend(start.take().map(|start: usize| &sql[start..end])),
            _ => {
                start.get_or_insert(token.at.start);
                end = token.at.end;
            }
        }
    }
    found.extend(start.map(|start| &sql[start..end]));
    found
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Behind a comment, which may hold others.
fn comment_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at.min(bytes.len())
}

/// Behind a quoted text that begins at `start`; a quote inside is doubled.
fn quoted_end(bytes: &[u8], start: usize, has_escapes: bool) -> usize {
    let quote = bytes[start];
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if has_escapes => at += 2,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// A parameter, or a text between two equal tags of dollar signs.
fn dollar(bytes: &[u8], start: usize) -> (usize, Piece) {
    let digits = bytes[start + 1..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if digits > 0 {
        let end = start + 1 + digits;
        let number = std::str::from_utf8(&bytes[start + 1..end]).unwrap_or_default();
        // A number that is too large is found to have no value.
        return (end, Piece::Parameter(number.parse().unwrap_or(usize::MAX)));
    }
    let name = bytes[start + 1..]
        .iter()
        .take_while(|byte| is_of_word(**byte))
        .count();
    let end = start + 1 + name;
    if bytes.get(end) != Some(&b'$') {
        return (start + 1, Piece::Sign);
    }
    let tag = &bytes[start..=end];
    let body = &bytes[end + 1..];
    let close = body.windows(tag.len()).position(|window| window == tag);
    (
        close.map_or(bytes.len(), |close| end + 1 + close + tag.len()),
        Piece::Text,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_and_parameters_are_told_from_texts() {
        for (sql, expected) in [
            ("select 1; select 2 ;; ", vec!["select 1", "select 2"]),
            (
                "select ';' -- ; \n; /* ; /* */ ; */ x",
                vec!["select ';'", "x"],
            ),
            (
                r"select E'\';', 'a'';'; b",
                vec![r"select E'\';', 'a'';'", "b"],
            ),
            (
                "select $$;$$, $a$ ; $$ $a$; c",
                vec!["select $$;$$, $a$ ; $$ $a$", "c"],
            ),
            ("select \"a;\"\"\"; d", vec!["select \"a;\"\"\"", "d"]),
            ("select 'never ended ; x", vec!["select 'never ended ; x"]),
            ("/* never ended ; x", vec![]),
        ] {
            assert_eq!(statements(sql), expected, "{sql}");
        }
        let sql = "select $1, '$2', \"$3\", a$4, $10 -- $5";
        let parameters: Vec<Piece> = tokens(sql)
            .into_iter()
            .map(|token| token.piece)
            .filter(|piece| matches!(piece, Piece::Parameter(_)))
            .collect();
        assert_eq!(parameters, [Piece::Parameter(1), Piece::Parameter(10)]);
    }
}
