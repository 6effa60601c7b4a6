//! The grammar of one JSON object, as an automaton that can stop after any byte and
//! continue in the next segment.
//!
//! The automaton decides where an object ends and where it breaks: at the first
//! byte that no valid object can have at that place. It takes one byte at a time,
//! which is slow, so it sees only objects that are broken or cut by the end of a
//! segment. Inside strings it accepts all bytes from 0x80 on. Invalid UTF-8 and
//! unpaired surrogates do not change where an object ends; they are checked when
//! the object is decoded.

use crate::reject::Reason;

/// The open brackets, innermost last. Their kinds are known for the innermost 128
/// levels, the deepest that a limit can allow. Deeper levels are only counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nesting {
    /// One bit for each level, the innermost lowest, set for an array.
    kinds: u128,
    depth: u64,
}

/// Number of levels whose kinds of bracket are known.
pub(crate) const DEPTH_MAX: usize = 128;

impl Nesting {
    pub(crate) fn push(&mut self, array: bool) {
        self.kinds = self.kinds << 1 | u128::from(array);
        self.depth += 1;
    }

    pub(crate) fn pop(&mut self) {
        self.kinds >>= 1;
        self.depth = self.depth.saturating_sub(1);
    }

    pub(crate) fn depth(&self) -> u64 {
        self.depth
    }

    /// Whether the innermost open bracket is that of an array.
    pub(crate) fn in_array(&self) -> bool {
        self.depth > 0 && self.kinds & 1 == 1
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// After `{`: expects a key or the end.
    KeyOrEnd,
    /// After a comma in an object: expects a key.
    Key,
    Colon,
    /// After a colon, or after a comma in an array: expects a value.
    Value,
    /// After `[`: expects a value or the end.
    ValueOrEnd,
    /// After a value: expects a comma or the end of the object or array around it.
    AfterValue,
    InString {
        key: bool,
    },
    Escape {
        key: bool,
    },
    Hex {
        key: bool,
        left: u8,
    },
    Minus,
    Zero,
    Digits,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
    /// Inside `true`, `false` or `null`: the bytes that must follow.
    Literal(&'static [u8]),
}

/// The effect of a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The object continues.
    More,
    /// The byte closed the object.
    Done,
    /// No valid object can have this byte here. The automaton has not taken it.
    Broken(Reason, &'static str),
}

/// A position inside one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Automaton {
    state: State,
    nesting: Nesting,
}

impl Automaton {
    /// The position just after an object's opening brace.
    pub(crate) fn opened() -> Automaton {
        let mut nesting = Nesting::default();
        nesting.push(false);
        Automaton {
            state: State::KeyOrEnd,
            nesting,
        }
    }

    pub(crate) fn nesting(&self) -> Nesting {
        self.nesting
    }

    /// Whether the next byte is inside a string.
    pub(crate) fn in_string(&self) -> bool {
        matches!(
            self.state,
            State::InString { .. } | State::Escape { .. } | State::Hex { .. }
        )
    }

    /// Whether the next byte is plain text of a string. If so, all bytes up to the
    /// next quote, backslash or control character may be skipped.
    pub(crate) fn in_text(&self) -> bool {
        matches!(self.state, State::InString { .. })
    }

    /// Whether the value of a field is expected.
    pub(crate) fn at_field_value(&self) -> bool {
        self.state == State::Value && !self.nesting.in_array()
    }

    /// Whether a value is complete and a comma or bracket is expected, or a key
    /// after a comma.
    pub(crate) fn between_fields(&self) -> bool {
        matches!(self.state, State::AfterValue | State::Key)
    }

    pub(crate) fn step(&mut self, byte: u8, depth_max: usize) -> Step {
        use State::*;
        self.state = match (self.state, byte) {
            (InString { key: true }, b'"') => Colon,
            (InString { key: false }, b'"') => AfterValue,
            (InString { key }, b'\\') => Escape { key },
            (InString { .. }, b'\n' | b'\r') => {
                return Step::Broken(Reason::Truncated, "the line ends inside a string");
            }
            (InString { .. }, 0..0x20) => {
                return Step::Broken(Reason::Syntax, "a control character inside a string");
            }
            (InString { .. }, _) => return Step::More,
            (Escape { key }, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                InString { key }
            }
            (Escape { key }, b'u') => Hex { key, left: 4 },
            (Hex { key, left: 1 }, b) if b.is_ascii_hexdigit() => InString { key },
            (Hex { key, left }, b) if b.is_ascii_hexdigit() => Hex {
                key,
                left: left - 1,
            },
            (Escape { .. } | Hex { .. }, b'\n' | b'\r') => {
                return Step::Broken(Reason::Truncated, "the line ends inside a string");
            }
            (Escape { .. } | Hex { .. }, _) => {
                return Step::Broken(Reason::Syntax, "an escape that JSON does not know");
            }
            (Literal([expected]), b) if b == *expected => AfterValue,
            (Literal([expected, rest @ ..]), b) if b == *expected => Literal(rest),
            (Minus, b'0') => Zero,
            (Minus, b'1'..=b'9') => Digits,
            (Digits, b'0'..=b'9') => Digits,
            (Zero | Digits, b'.') => Point,
            (Point | Fraction, b'0'..=b'9') => Fraction,
            (Zero | Digits | Fraction, b'e' | b'E') => Exponent,
            (Exponent, b'+' | b'-') => ExponentSign,
            (Exponent | ExponentSign | ExponentDigits, b'0'..=b'9') => ExponentDigits,
            // The byte after a number ends it.
            (Zero | Digits | Fraction | ExponentDigits, b' ' | b'\t' | b'\n' | b'\r') => AfterValue,
            (Zero | Digits | Fraction | ExponentDigits, b',' | b'}' | b']') => {
                let number = self.state;
                self.state = AfterValue;
                let step = self.step(byte, depth_max);
                if let Step::Broken(..) = step {
                    self.state = number;
                }
                return step;
            }
            (
                KeyOrEnd | Key | Colon | Value | ValueOrEnd | AfterValue,
                b' ' | b'\t' | b'\n' | b'\r',
            ) => {
                return Step::More;
            }
            (KeyOrEnd | Key, b'"') => InString { key: true },
            (Colon, b':') => Value,
            (Value | ValueOrEnd, b'"') => InString { key: false },
            (Value | ValueOrEnd, b'{' | b'[') => {
                if self.nesting.depth() >= depth_max as u64 {
                    return Step::Broken(Reason::TooDeep, "nested too deeply");
                }
                self.nesting.push(byte == b'[');
                if byte == b'[' { ValueOrEnd } else { KeyOrEnd }
            }
            (Value | ValueOrEnd, b'-') => Minus,
            (Value | ValueOrEnd, b'0') => Zero,
            (Value | ValueOrEnd, b'1'..=b'9') => Digits,
            (Value | ValueOrEnd, b't') => Literal(b"rue"),
            (Value | ValueOrEnd, b'f') => Literal(b"alse"),
            (Value | ValueOrEnd, b'n') => Literal(b"ull"),
            (AfterValue, b',') if self.nesting.in_array() => Value,
            (AfterValue, b',') => Key,
            (AfterValue, b']') | (ValueOrEnd, b']') if self.nesting.in_array() => {
                self.nesting.pop();
                AfterValue
            }
            (AfterValue, b'}') | (KeyOrEnd, b'}') if !self.nesting.in_array() => {
                self.nesting.pop();
                if self.nesting.depth() == 0 {
                    return Step::Done;
                }
                AfterValue
            }
            (state, _) => return Step::Broken(Reason::Syntax, expectation(state)),
        };
        Step::More
    }
}

/// The detail of a syntax error: what the grammar expected.
fn expectation(state: State) -> &'static str {
    match state {
        State::KeyOrEnd => "expected a key or the end of the object",
        State::Key => "expected a key after a comma",
        State::Colon => "expected a colon after a key",
        State::Value | State::ValueOrEnd => "expected a value",
        State::AfterValue => "expected a comma or a closing bracket",
        State::Literal(_) => "expected true, false or null",
        _ => "expected a number",
    }
}
