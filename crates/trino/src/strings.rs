//! Functions of texts. Positions count characters from 1.

use unicode_normalization::UnicodeNormalization;

use crate::fault::Fault;
use crate::function::Param::{Bigint, Binary, Text};
use crate::function::{Function, Returns, Row};

pub(crate) static FUNCTIONS: [Function; 19] = [
    Function::new(
        "length",
        &[&[Text], &[Binary]],
        Returns::Bigint(|row| {
            let length = match row.is_text(0) {
                true => row.text(0).chars().count(),
                false => row.binary(0).len(),
            };
            Ok(Some(length as i64))
        }),
    ),
    Function::new("codepoint", &[&[Text]], Returns::Bigint(codepoint)),
    Function::new(
        "hamming_distance",
        &[&[Text, Text]],
        Returns::Bigint(hamming),
    ),
    Function::new(
        "levenshtein_distance",
        &[&[Text, Text]],
        Returns::Bigint(levenshtein),
    ),
    Function::new(
        "btrim",
        &[&[Text], &[Text, Text]],
        Returns::Text(|row| Ok(Some(trimmed(row, true, true)))),
    )
    .also(&["trim"]),
    Function::new(
        "ltrim",
        &[&[Text], &[Text, Text]],
        Returns::Text(|row| Ok(Some(trimmed(row, true, false)))),
    ),
    Function::new(
        "rtrim",
        &[&[Text], &[Text, Text]],
        Returns::Text(|row| Ok(Some(trimmed(row, false, true)))),
    ),
    Function::new(
        "lpad",
        &[&[Text, Bigint], &[Text, Bigint, Text]],
        Returns::Text(|row| padded(row, true)),
    ),
    Function::new(
        "rpad",
        &[&[Text, Bigint], &[Text, Bigint, Text]],
        Returns::Text(|row| padded(row, false)),
    ),
    Function::new(
        "normalize",
        &[&[Text], &[Text, Text]],
        Returns::Text(normalize),
    ),
    Function::new(
        "replace",
        &[&[Text, Text], &[Text, Text, Text]],
        Returns::Text(replace),
    ),
    Function::new("soundex", &[&[Text]], Returns::Text(soundex)),
    Function::new(
        "split",
        &[&[Text, Text], &[Text, Text, Bigint]],
        Returns::Texts(split),
    ),
    Function::new(
        "split_part",
        &[&[Text, Text, Bigint]],
        Returns::Text(split_part),
    ),
    Function::new(
        "strpos",
        &[&[Text, Text], &[Text, Text, Bigint]],
        Returns::Bigint(strpos),
    ),
    Function::new(
        "substr",
        &[&[Text, Bigint], &[Text, Bigint, Bigint]],
        Returns::Text(substr),
    )
    .also(&["substring"]),
    Function::new(
        "from_utf8",
        &[&[Binary], &[Binary, Text]],
        Returns::Text(from_utf8),
    ),
    Function::new(
        "to_utf8",
        &[&[Text]],
        Returns::Binary(|row| Ok(Some(row.text(0).as_bytes().to_vec()))),
    ),
    Function::new("luhn_check", &[&[Text]], Returns::Boolean(luhn)),
];

fn codepoint(row: &Row<'_>) -> Result<Option<i64>, Fault> {
    let mut chars = row.text(0).chars();
    match (chars.next(), chars.next()) {
        (Some(one), None) => Ok(Some(i64::from(u32::from(one)))),
        _ => Err(Fault::new(
            "`codepoint` takes one character",
            "write codepoint(substr(text, 1, 1))",
        )),
    }
}

fn hamming(row: &Row<'_>) -> Result<Option<i64>, Fault> {
    let (one, other) = (row.text(0), row.text(1));
    if one.chars().count() != other.chars().count() {
        return Err(Fault::new(
            "`hamming_distance` takes two texts of the same length",
            "write levenshtein_distance(a, b) for texts of any length",
        ));
    }
    let pairs = one.chars().zip(other.chars());
    Ok(Some(pairs.filter(|(a, b)| a != b).count() as i64))
}

/// Beyond this, the two texts' lengths multiplied, the distance would take too long.
const CELLS_MAX: usize = 100_000_000;

fn levenshtein(row: &Row<'_>) -> Result<Option<i64>, Fault> {
    let one: Vec<char> = row.text(0).chars().collect();
    let other: Vec<char> = row.text(1).chars().collect();
    if one.len().saturating_mul(other.len()) > CELLS_MAX {
        return Err(Fault::new(
            "`levenshtein_distance` of texts that are too long",
            "compare shorter texts, such as substr(text, 1, 1000)",
        ));
    }
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = above[0];
        above[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = above[j + 1];
            above[j + 1] = replaced.min(above[j] + 1).min(above[j + 1] + 1);
        }
    }
    Ok(above.last().map(|distance| *distance as i64))
}

/// Without white space, or without the characters of the second argument.
fn trimmed(row: &Row<'_>, at_start: bool, at_end: bool) -> String {
    let goes = |c: char| match row.len() {
        1 => c.is_whitespace(),
        _ => row.text(1).contains(c),
    };
    let mut text = row.text(0);
    if at_start {
        text = text.trim_start_matches(goes);
    }
    if at_end {
        text = text.trim_end_matches(goes);
    }
    text.to_owned()
}

/// What a text may be padded to, in characters.
const PADDED_MAX: i64 = i32::MAX as i64;

/// A text of so many characters: cut off, or padded with blanks or the third argument.
fn padded(row: &Row<'_>, at_start: bool) -> Result<Option<String>, Fault> {
    let (text, size) = (row.text(0), row.bigint(1));
    let pad = if row.len() > 2 { row.text(2) } else { " " };
    let wrong = |message: &str| Fault::new(message, "write lpad(text, 10, ' ')");
    if !(0..=PADDED_MAX).contains(&size) {
        return Err(wrong("a text is padded to a size from 0 to 2147483647"));
    }
    if pad.is_empty() {
        return Err(wrong("a text is padded with one character at least"));
    }
    let size = size as usize;
    let length = text.chars().count();
    if length >= size {
        return Ok(Some(text.chars().take(size).collect()));
    }
    let padding: String = pad.chars().cycle().take(size - length).collect();
    Ok(Some(match at_start {
        true => padding + text,
        false => text.to_owned() + &padding,
    }))
}

fn normalize(row: &Row<'_>) -> Result<Option<String>, Fault> {
    let text = row.text(0);
    let form = if row.len() > 1 {
        row.text(1).to_uppercase()
    } else {
        "NFC".to_owned()
    };
    Ok(Some(match form.as_str() {
        "NFC" => text.nfc().collect(),
        "NFD" => text.nfd().collect(),
        "NFKC" => text.nfkc().collect(),
        "NFKD" => text.nfkd().collect(),
        _ => {
            return Err(Fault::new(
                "`normalize` does not know that form",
                "the forms are NFC, NFD, NFKC and NFKD",
            ));
        }
    }))
}

fn replace(row: &Row<'_>) -> Result<Option<String>, Fault> {
    let with = if row.len() > 2 { row.text(2) } else { "" };
    // An empty search stands between all characters, as it does for Java.
    Ok(Some(row.text(0).replace(row.text(1), with)))
}

fn soundex(row: &Row<'_>) -> Result<Option<String>, Fault> {
    let code = |c: char| match c.to_ascii_uppercase() {
        'B' | 'F' | 'P' | 'V' => Some('1'),
        'C' | 'G' | 'J' | 'K' | 'Q' | 'S' | 'X' | 'Z' => Some('2'),
        'D' | 'T' => Some('3'),
        'L' => Some('4'),
        'M' | 'N' => Some('5'),
        'R' => Some('6'),
        _ => None,
    };
    let letters: Vec<char> = row
        .text(0)
        .chars()
        .filter(char::is_ascii_alphabetic)
        .collect();
    let Some(first) = letters.first() else {
        return Ok(Some(String::new()));
    };
    let mut out = first.to_ascii_uppercase().to_string();
    let mut last = code(*first);
    for letter in &letters[1..] {
        let own = code(*letter);
        match own {
            Some(digit) if own != last => out.push(digit),
            _ => {}
        }
        // H and W stand between letters as if they were not there.
        if !matches!(letter.to_ascii_uppercase(), 'H' | 'W') {
            last = own;
        }
    }
    out.truncate(4);
    while out.len() < 4 {
        out.push('0');
    }
    Ok(Some(out))
}

fn split(row: &Row<'_>) -> Result<Option<Vec<Option<String>>>, Fault> {
    let (text, delimiter) = (row.text(0), row.text(1));
    if delimiter.is_empty() {
        return Err(empty_delimiter("split"));
    }
    let owned = |part: &str| Some(part.to_owned());
    if row.len() < 3 {
        return Ok(Some(text.split(delimiter).map(owned).collect()));
    }
    match usize::try_from(row.bigint(2)) {
        Ok(limit) if limit > 0 => Ok(Some(text.splitn(limit, delimiter).map(owned).collect())),
        _ => Err(Fault::new(
            "the limit of `split` must be positive",
            "write 1 or more",
        )),
    }
}

fn split_part(row: &Row<'_>) -> Result<Option<String>, Fault> {
    let (text, delimiter) = (row.text(0), row.text(1));
    if delimiter.is_empty() {
        return Err(empty_delimiter("split_part"));
    }
    match usize::try_from(row.bigint(2)) {
        Ok(index) if index > 0 => Ok(text.split(delimiter).nth(index - 1).map(str::to_owned)),
        _ => Err(Fault::new(
            "the index of `split_part` must be positive",
            "parts count from 1",
        )),
    }
}

pub(crate) fn empty_delimiter(function: &str) -> Fault {
    Fault::new(
        format!("the delimiter of `{function}` is empty"),
        "write at least one character",
    )
}

/// The position of the first, or of the given, occurrence; a negative one counts from
/// the end.
fn strpos(row: &Row<'_>) -> Result<Option<i64>, Fault> {
    let (text, wanted) = (row.text(0), row.text(1));
    let instance = if row.len() > 2 { row.bigint(2) } else { 1 };
    if instance == 0 {
        return Err(Fault::new(
            "the instance of `strpos` must not be 0",
            "1 is the first occurrence, -1 the last one",
        ));
    }
    if wanted.is_empty() {
        return Ok(Some(1));
    }
    let nth = instance.unsigned_abs() as usize - 1;
    // Occurrences may overlap.
    let mut places = text
        .char_indices()
        .map(|(at, _)| at)
        .filter(|at| text[*at..].starts_with(wanted));
    let found = match instance > 0 {
        true => places.nth(nth),
        false => {
            let places: Vec<usize> = places.collect();
            places.len().checked_sub(nth + 1).map(|at| places[at])
        }
    };
    Ok(Some(
        found.map_or(0, |at| text[..at].chars().count() as i64 + 1),
    ))
}

/// A negative start counts from the end; what begins outside of the text is empty.
fn substr(row: &Row<'_>) -> Result<Option<String>, Fault> {
    let text = row.text(0);
    let count = text.chars().count() as i64;
    let start = match row.bigint(1) {
        start if start < 0 => count.saturating_add(start),
        start => start - 1,
    };
    let length = if row.len() > 2 {
        row.bigint(2)
    } else {
        i64::MAX
    };
    if start < 0 || start >= count || length <= 0 {
        return Ok(Some(String::new()));
    }
    let rest = text.chars().skip(start as usize);
    Ok(Some(
        rest.take(usize::try_from(length).unwrap_or(usize::MAX))
            .collect(),
    ))
}

/// Bytes that are no UTF-8 become U+FFFD, or the given character.
fn from_utf8(row: &Row<'_>) -> Result<Option<String>, Fault> {
    let text = String::from_utf8_lossy(row.binary(0));
    Ok(Some(match row.len() {
        1 => text.into_owned(),
        _ if row.text(1).chars().count() > 1 => {
            return Err(Fault::new(
                "`from_utf8` replaces invalid bytes by one character at most",
                "write one character, or ''",
            ));
        }
        _ => text.replace('\u{fffd}', row.text(1)),
    }))
}

fn luhn(row: &Row<'_>) -> Result<Option<bool>, Fault> {
    let digits: Option<Vec<u32>> = row.text(0).chars().map(|c| c.to_digit(10)).collect();
    let Some(digits) = digits else {
        return Err(Fault::new(
            "`luhn_check` takes digits alone",
            "write luhn_check(regexp_replace(text, '[^0-9]'))",
        ));
    };
    if digits.is_empty() {
        return Ok(Some(false));
    }
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match at % 2 {
            0 => *digit,
            _ if digit * 2 > 9 => digit * 2 - 9,
            _ => digit * 2,
        })
        .sum();
    Ok(Some(sum.is_multiple_of(10)))
}
