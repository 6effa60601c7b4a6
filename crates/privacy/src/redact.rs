//! Takes personal values out of messages written by libraries.

/// Replaces what looks like an e-mail, a serial number (UUID), a phone number
/// or a birthday by `***`, wherever it stands in `message`.
///
/// For text in which names of tables and columns must stay readable, such as
/// the reason a statement could not be planned.
pub fn redact(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut word = String::new();
    for c in message.chars() {
        if belongs_to_value(c) {
            word.push(c);
        } else {
            push_word(&mut out, &word);
            word.clear();
            out.push(c);
        }
    }
    push_word(&mut out, &word);
    out
}

/// Like [`redact`], and replaces whatever stands in quotes as well.
///
/// For errors raised while rows are read: libraries quote the value that they
/// stumbled over, and that may be a name.
pub fn redact_values(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(start) = rest.find(['\'', '"', '`']) {
        let quote = rest[start..].chars().next().unwrap_or('"');
        let (before, quoted) = rest.split_at(start);
        out.push_str(before);
        let inner = &quoted[quote.len_utf8()..];
        // The last matching quote: a value may hold quotes of its own.
        // Without one, the value runs to the end of the message.
        let end = inner
            .rfind(quote)
            .map_or(inner.len(), |end| end + quote.len_utf8());
        out.push(quote);
        out.push_str("***");
        out.push(quote);
        rest = &inner[end..];
    }
    out.push_str(rest);
    redact(&out)
}

fn belongs_to_value(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '@' | '.' | '-' | '+' | '_' | '%' | ':')
}

fn push_word(out: &mut String, word: &str) {
    // A full stop or colon behind a word ends the sentence, not the value.
    let value = word.trim_end_matches(['.', ':']);
    if is_personal(value) {
        out.push_str("***");
        out.push_str(&word[value.len()..]);
    } else {
        out.push_str(word);
    }
}

fn is_personal(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let email = word
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
    let serial =
        word.len() >= 32 && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-') && digits > 0;
    // Phone numbers and birthdays: digits with separators alone. Instants and
    // offsets are digits, too; a message can do without them.
    let number = digits >= 7
        && word
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    let date = digits >= 7 && word.matches('-').count() == 2;
    email || serial || number || date
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_values_go_and_names_of_columns_stay() {
        for (message, expected) in [
            (
                "no field named user in accelerometer_landing",
                "no field named user in accelerometer_landing",
            ),
            ("cannot cast jane.doe@example.com.", "cannot cast ***."),
            (
                "serial 50f7b4f3-7af5-4b07-a421-7b902c8d2b7c: twice",
                "serial ***: twice",
            ),
            ("call 8015551212 or +1-801-555-1212", "call *** or ***"),
            ("born 1965-01-01", "born ***"),
            ("line 12, offset 345", "line 12, offset 345"),
            ("s3://bucket/part-1.json", "s3://bucket/part-1.json"),
        ] {
            assert_eq!(redact(message), expected);
        }
    }

    #[test]
    fn quoted_values_go_from_errors_of_execution() {
        for (message, expected) in [
            (
                "Cannot cast string 'Jane O'Hara' to value of Int64 type",
                "Cannot cast string '***' to value of Int64 type",
            ),
            (
                "Parser error: Error parsing timestamp from \"Jane\"",
                "Parser error: Error parsing timestamp from \"***\"",
            ),
            ("unterminated 'Jane", "unterminated '***'"),
            ("divide by zero", "divide by zero"),
        ] {
            assert_eq!(redact_values(message), expected);
        }
    }
}
