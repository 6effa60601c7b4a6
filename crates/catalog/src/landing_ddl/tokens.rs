//! Tokens of a `CREATE EXTERNAL TABLE` statement: words, quoted text, symbols,
//! each with its place in the file.

use crate::errors::{Error, ErrorKind};
use crate::statements::{comment_end, line_end, quote_end};
use crate::text::Spot;

pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) spot: Spot,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A bare word or number.
    Word(String),
    /// Quoted text: the quote character, and the text without quotes.
    Quoted(char, String),
    /// Any other character.
    Symbol(char),
    /// The end of the text.
    End,
}

impl Kind {
    pub(super) fn is_word(&self, expected: &str) -> bool {
        matches!(self, Kind::Word(word) if word.eq_ignore_ascii_case(expected))
    }

    pub(super) fn in_words(&self) -> String {
        match self {
            Kind::Word(word) => format!("`{word}`"),
            Kind::Quoted('`', name) => format!("`{name}`"),
            Kind::Quoted(..) => "a string".to_owned(),
            Kind::Symbol(symbol) => format!("`{symbol}`"),
            Kind::End => "the end".to_owned(),
        }
    }
}

impl Token {
    pub(super) fn written(&self) -> String {
        match &self.kind {
            Kind::Word(word) => word.to_lowercase(),
            Kind::Quoted(quote, text) => format!("{quote}{text}{quote}"),
            Kind::Symbol(symbol) => symbol.to_string(),
            Kind::End => String::new(),
        }
    }
}

/// The tokens of a statement. The last one is [`Kind::End`].
pub(super) fn tokenize(file: &str, text: &str, start: Spot) -> Result<Vec<Token>, Error> {
    let never_closed = |at: usize, expected: &'static str| {
        let kind = ErrorKind::DdlSyntax {
            expected,
            found: Kind::End.in_words(),
            near: None,
        };
        Error::at(file, start.after(text, at), kind)
    };
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (kind, end) = if c.is_whitespace() || c == '\u{feff}' {
            (None, at + c.len_utf8())
        } else if rest.starts_with("--") {
            (None, line_end(text, at))
        } else if rest.starts_with("/*") {
            let end = comment_end(text, at)
                .ok_or_else(|| never_closed(at, "`*/` to close this comment"))?;
            (None, end)
        } else if matches!(c, '\'' | '"' | '`') {
            let end = quote_end(text, at, c != '`')
                .ok_or_else(|| never_closed(at, "a quote that closes this one"))?;
            let content = unquoted(&text[at + 1..end - 1], c);
            (Some(Kind::Quoted(c, content)), end)
        } else if c.is_alphanumeric() || c == '_' {
            let length = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            (Some(Kind::Word(rest[..length].to_owned())), at + length)
        } else {
            (Some(Kind::Symbol(c)), at + c.len_utf8())
        };
        let spot = start.after(text, at);
        tokens.extend(kind.map(|kind| Token { kind, spot }));
        at = end;
    }
    let spot = start.after(text, text.trim_end().len());
    tokens.push(Token {
        kind: Kind::End,
        spot,
    });
    Ok(tokens)
}

/// The text between quotes, unescaped: a doubled quote stands for one, and in
/// strings a backslash escapes the next character.
fn unquoted(content: &str, quote: char) -> String {
    let mut out = String::with_capacity(content.len());
    let mut chars = content.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quote != '`' => out.extend(chars.next().map(|escaped| match escaped {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            })),
            c if c == quote => {
                chars.next();
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
