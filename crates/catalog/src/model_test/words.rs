//! A cursor that tokenizes one statement of a model test: words, names, literals,
//! punctuation.

use crate::statements::{quote_end, skip_blank_and_comments};
use crate::test_fault::TestFault;

/// A cursor over the statement's text.
#[derive(Debug, Clone)]
pub(super) struct Words<'a> {
    /// The text up to the statement's end.
    text: &'a str,
    at: usize,
    /// How the statement is written, for messages.
    form: &'static str,
}

impl<'a> Words<'a> {
    /// Words of `text` from `at` on.
    pub(super) fn new(text: &'a str, at: usize) -> Self {
        let at = skip_blank_and_comments(text, at);
        let form = "";
        Self { text, at, form }
    }

    /// What messages say of how the statement is written.
    pub(super) fn written_as(&mut self, form: &'static str) {
        self.form = form;
    }

    /// The offset of the next word.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// The bare word that comes next, as written; empty where something else does.
    pub(super) fn peek(&self) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    }

    /// Takes the bare word that comes next if it is `word`, in any letter case.
    pub(super) fn take(&mut self, word: &str) -> bool {
        let is_next = self.peek().eq_ignore_ascii_case(word);
        if is_next {
            self.advance(word.len());
        }
        is_next
    }

    /// Takes the sign that comes next if it is `sign`.
    pub(super) fn take_sign(&mut self, sign: char) -> bool {
        let is_next = self.text[self.at..].starts_with(sign);
        if is_next {
            self.advance(sign.len_utf8());
        }
        is_next
    }

    /// Takes the sign that must come next.
    pub(super) fn sign(&mut self, sign: char, expected: &'static str) -> Result<(), TestFault> {
        match self.take_sign(sign) {
            true => Ok(()),
            false => Err(self.fault(expected)),
        }
    }

    /// Takes the word that must come next.
    pub(super) fn word(&mut self, word: &str, expected: &'static str) -> Result<(), TestFault> {
        match self.take(word) {
            true => Ok(()),
            false => Err(self.fault(expected)),
        }
    }

    /// Takes a name: a bare word, in lower case, or one in double quotes or
    /// back-quotes, as it is.
    pub(super) fn name(&mut self, expected: &'static str) -> Result<String, TestFault> {
        if self.text[self.at..].starts_with(['"', '`']) {
            return self.quoted();
        }
        let word = self.peek();
        if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.fault(expected));
        }
        self.advance(word.len());
        Ok(word.to_lowercase())
    }

    /// Takes a name with a zone before it, or without: `trusted.readings`.
    pub(super) fn path(&mut self, expected: &'static str) -> Result<String, TestFault> {
        let mut path = self.name(expected)?;
        while self.take_sign('.') {
            path = format!("{path}.{}", self.name(expected)?);
        }
        Ok(path)
    }

    /// Takes names in brackets, divided by commas.
    pub(super) fn names(&mut self, expected: &'static str) -> Result<Vec<String>, TestFault> {
        self.sign('(', expected)?;
        let mut names = vec![self.name("a column's name")?];
        while self.take_sign(',') {
            names.push(self.name("a column's name")?);
        }
        self.sign(')', "`,` or `)`")?;
        Ok(names)
    }

    /// Takes a text in single quotes.
    pub(super) fn text(&mut self, expected: &'static str) -> Result<String, TestFault> {
        match self.text[self.at..].starts_with('\'') {
            true => self.quoted(),
            false => Err(self.fault(expected)),
        }
    }

    /// Takes an instant: a text, or a bare number of milliseconds.
    pub(super) fn instant(&mut self) -> Result<String, TestFault> {
        let expected = "an instant in quotes, or epoch milliseconds";
        if self.text[self.at..].starts_with('\'') {
            return self.quoted();
        }
        self.number(expected).map(|number| number.to_string())
    }

    /// Takes an integer.
    pub(super) fn number(&mut self, expected: &'static str) -> Result<i64, TestFault> {
        let rest = &self.text[self.at..];
        let digits = rest.strip_prefix('-').unwrap_or(rest);
        let end = digits.find(|c: char| !c.is_ascii_digit());
        let length = rest.len() - digits.len() + end.unwrap_or(digits.len());
        let number = rest[..length].parse();
        let number = number.map_err(|_| self.fault(expected))?;
        self.advance(length);
        Ok(number)
    }

    /// Takes everything up to the statement's end.
    pub(super) fn rest(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        self.at = self.text.len();
        rest.trim_end()
    }

    /// Takes the word that must come next, and everything behind it up to the
    /// statement's end, its comments too.
    pub(super) fn rest_behind(
        &mut self,
        word: &str,
        expected: &'static str,
    ) -> Result<&'a str, TestFault> {
        if !self.peek().eq_ignore_ascii_case(word) {
            return Err(self.fault(expected));
        }
        self.at += word.len();
        Ok(self.rest())
    }

    /// Takes what is between the bracket that comes next and its partner.
    pub(super) fn in_brackets(&mut self) -> Result<&'a str, TestFault> {
        let (start, bytes) = (self.at, self.text.as_bytes());
        let (mut at, mut depth) = (self.at, 0_u32);
        while at < bytes.len() {
            match bytes[at] {
                b'(' => depth += 1,
                b')' => depth -= 1,
                b'\'' | b'"' | b'`' => {
                    at = quote_end(self.text, at, false).unwrap_or(bytes.len());
                    continue;
                }
                b'-' | b'/' => {
                    let past = skip_blank_and_comments(self.text, at);
                    if past > at {
                        at = past;
                        continue;
                    }
                }
                _ => {}
            }
            at += 1;
            if depth == 0 {
                self.advance(at - start);
                return Ok(&self.text[start + 1..at - 1]);
            }
        }
        let opens = "(".to_owned();
        Err(TestFault::NotClosed { opens })
    }

    /// Takes the text in dollar quotes, without the line break after the opening `$$`.
    pub(super) fn in_dollars(&mut self) -> Result<&'a str, TestFault> {
        let opens = "$$";
        let Some(behind) = self.text[self.at..].strip_prefix(opens) else {
            return Err(self.fault("`$$`"));
        };
        let Some(end) = behind.find(opens) else {
            let opens = opens.to_owned();
            return Err(TestFault::NotClosed { opens });
        };
        self.advance(opens.len() + end + opens.len());
        let text = &behind[..end];
        let text = text
            .strip_prefix("\r\n")
            .or(text.strip_prefix('\n'))
            .unwrap_or(text);
        Ok(text)
    }

    /// The statement must end here.
    pub(super) fn end(&self) -> Result<(), TestFault> {
        match self.at == self.text.len() {
            true => Ok(()),
            false => Err(self.fault("`;`")),
        }
    }

    /// A fault at the next word.
    pub(super) fn fault(&self, expected: &'static str) -> TestFault {
        let rest = &self.text[self.at..];
        let word = self.peek();
        let found = match rest.chars().next() {
            None => "the end of the statement".to_owned(),
            Some(_) if !word.is_empty() => format!("`{word}`"),
            Some(sign) => format!("`{sign}`"),
        };
        TestFault::Syntax {
            expected,
            found,
            form: self.form,
        }
    }

    fn advance(&mut self, bytes: usize) {
        self.at = skip_blank_and_comments(self.text, self.at + bytes);
    }

    /// Takes a quoted text; its quote written twice stands for itself.
    fn quoted(&mut self) -> Result<String, TestFault> {
        let quote = &self.text[self.at..self.at + 1];
        let Some(end) = quote_end(self.text, self.at, false) else {
            let opens = quote.to_owned();
            return Err(TestFault::NotClosed { opens });
        };
        let text = &self.text[self.at + 1..end - 1];
        let text = text.replace(&quote.repeat(2), quote);
        self.advance(end - self.at);
        Ok(text)
    }
}
