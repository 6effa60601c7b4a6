//! Finds where strings, numbers and values end.
//!
//! Every function takes the bytes and the offset to begin at. It returns the offset
//! where the token ends, or `None` if no complete token is there.

/// The value 1 in every byte.
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = ONES << 7;

/// Skips plain text of a string. It ends at a quote, a backslash or a control
/// character. `None` if the bytes end first.
#[inline(always)]
pub(crate) fn skip_plain_text(bytes: &[u8], mut at: usize) -> Option<usize> {
    while let Some(chunk) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().unwrap_or([0; 8]));
        let found = zero_bytes(word ^ (ONES * b'"' as u64))
            | zero_bytes(word ^ (ONES * b'\\' as u64))
            | (word.wrapping_sub(ONES * 0x20) & !word & HIGHS);
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b'"' | b'\\' | 0..0x20) {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// Sets the high bit of the first zero byte. For later bytes it may be wrong, by a
/// borrow; callers use only the first.
#[inline(always)]
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// Skips white space.
#[inline(always)]
pub(crate) fn skip_white_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Skips the digits from `at` on.
#[inline(always)]
fn skip_digits(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b'0'..=b'9') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Skips a JSON number; does not check the byte after it.
#[inline]
pub(crate) fn skip_number(bytes: &[u8], mut at: usize) -> Option<usize> {
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match bytes.get(at)? {
        b'0' => at + 1,
        b'1'..=b'9' => skip_digits(bytes, at),
        _ => return None,
    };
    if bytes.get(at) == Some(&b'.') {
        let end = skip_digits(bytes, at + 1);
        if end == at + 1 {
            return None;
        }
        at = end;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = bytes.get(at) {
            at += 1;
        }
        let end = skip_digits(bytes, at);
        if end == at {
            return None;
        }
        at = end;
    }
    Some(at)
}

/// A string that was scanned: where its content ends (at the closing quote),
/// whether it has escapes, and whether one of them is an unpaired surrogate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScannedString {
    pub(crate) end: usize,
    pub(crate) escaped: bool,
    pub(crate) unpaired: bool,
}

/// Scans a string whose content begins at `at`.
#[inline]
pub(crate) fn scan_string(bytes: &[u8], at: usize) -> Option<ScannedString> {
    let end = skip_plain_text(bytes, at)?;
    if bytes[end] == b'"' {
        return Some(ScannedString {
            end,
            escaped: false,
            unpaired: false,
        });
    }
    escaped_string(bytes, end)
}

fn escaped_string(bytes: &[u8], mut at: usize) -> Option<ScannedString> {
    let mut unpaired = false;
    loop {
        at = skip_plain_text(bytes, at)?;
        match bytes[at] {
            b'"' => {
                return Some(ScannedString {
                    end: at,
                    escaped: true,
                    unpaired,
                });
            }
            b'\\' => match bytes.get(at + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                b'u' => match hex(bytes, at + 2)? {
                    0xD800..=0xDBFF => {
                        at += 6;
                        if bytes.get(at..at + 2) == Some(b"\\u")
                            && (0xDC00..=0xDFFF).contains(&hex(bytes, at + 2)?)
                        {
                            at += 6;
                        } else {
                            unpaired = true;
                        }
                    }
                    0xDC00..=0xDFFF => {
                        unpaired = true;
                        at += 6;
                    }
                    _ => at += 6,
                },
                _ => return None,
            },
            _ => return None,
        }
    }
}

fn hex(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.iter().try_fold(0, |value, byte| {
        (*byte as char).to_digit(16).map(|digit| value << 4 | digit)
    })
}

/// Unescapes the content of a string that [`scan_string`] accepted.
pub(crate) fn unescape(content: &[u8], into: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(slash) = memchr::memchr(b'\\', &content[at..]) {
        into.extend_from_slice(&content[at..at + slash]);
        at += slash + 2;
        let plain = match content.get(at - 1) {
            Some(b'b') => 0x08,
            Some(b'f') => 0x0C,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                let mut code = hex(content, at).unwrap_or(0xFFFD);
                at += 4;
                if (0xD800..=0xDBFF).contains(&code)
                    && content.get(at..at + 2) == Some(b"\\u")
                    && let Some(low @ 0xDC00..=0xDFFF) = hex(content, at + 2)
                {
                    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                    at += 6;
                }
                let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            Some(other) => *other,
            None => return,
        };
        into.push(plain);
    }
    into.extend_from_slice(&content[at..]);
}

/// Skips any value that begins at `at`. Checks it in full; it may be nested at most
/// `levels` deep. Sets `unpaired` if it holds an unpaired surrogate.
pub(crate) fn skip_value(
    bytes: &[u8],
    at: usize,
    levels: usize,
    unpaired: &mut bool,
) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => {
            let text = scan_string(bytes, at + 1)?;
            *unpaired |= text.unpaired;
            Some(text.end + 1)
        }
        b'{' => {
            let levels = levels.checked_sub(1)?;
            let mut at = skip_white_space(bytes, at + 1);
            if bytes.get(at)? == &b'}' {
                return Some(at + 1);
            }
            loop {
                if bytes.get(at)? != &b'"' {
                    return None;
                }
                let key = scan_string(bytes, at + 1)?;
                *unpaired |= key.unpaired;
                at = skip_white_space(bytes, key.end + 1);
                if bytes.get(at)? != &b':' {
                    return None;
                }
                at = skip_value(bytes, skip_white_space(bytes, at + 1), levels, unpaired)?;
                at = skip_white_space(bytes, at);
                match bytes.get(at)? {
                    b',' => at = skip_white_space(bytes, at + 1),
                    b'}' => return Some(at + 1),
                    _ => return None,
                }
            }
        }
        b'[' => {
            let levels = levels.checked_sub(1)?;
            let mut at = skip_white_space(bytes, at + 1);
            if bytes.get(at)? == &b']' {
                return Some(at + 1);
            }
            loop {
                at = skip_value(bytes, at, levels, unpaired)?;
                at = skip_white_space(bytes, at);
                match bytes.get(at)? {
                    b',' => at = skip_white_space(bytes, at + 1),
                    b']' => return Some(at + 1),
                    _ => return None,
                }
            }
        }
        b't' => skip_literal(bytes, at, b"true"),
        b'f' => skip_literal(bytes, at, b"false"),
        b'n' => skip_literal(bytes, at, b"null"),
        _ => skip_number(bytes, at),
    }
}

/// Skips `true`, `false` or `null`.
#[inline]
pub(crate) fn skip_literal(bytes: &[u8], at: usize, literal: &[u8]) -> Option<usize> {
    bytes[at..]
        .starts_with(literal)
        .then_some(at + literal.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_ends_at_the_first_special_byte() {
        for length in 0..40 {
            for (special, high) in [(b'"', b'x'), (b'\\', 0xFF), (0x1F, 0x80), (0, b' ')] {
                let mut bytes = vec![high; length];
                assert_eq!(skip_plain_text(&bytes, 0), None);
                bytes.push(special);
                bytes.extend(*b"\x01\"\\tail of it");
                for at in 0..=length {
                    assert_eq!(skip_plain_text(&bytes, at), Some(length));
                }
            }
        }
    }
}
