//! The grammar of one JSON object as an automaton that can stop after any
//! byte and go on in the next segment.
//!
//! It is the judge of where an object ends and where it breaks: at the first
//! byte with which no valid object can go on. It is slow (a byte at a time)
//! and only sees objects that are cut by the end of a segment or broken.
//! Bytes from 0x80 on are taken inside strings: whether they are UTF-8, and
//! whether surrogates pair up, does not move an object's end and is asked
//! when the object is decoded.

use crate::reject::Reason;

/// Which brackets are open, innermost last. Kinds are known of the innermost
/// 128 levels, which is as deep as a limit can be; deeper ones are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nest {
    /// One bit per level, the innermost lowest, set for an array.
    kinds: u128,
    depth: u64,
}

/// The deepest nesting whose kinds of bracket are remembered.
pub(crate) const DEPTH_MAX: usize = 128;

impl Nest {
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
    /// After `{`: a key or the end.
    First,
    /// After a comma in an object: a key.
    Key,
    Colon,
    /// After a colon, or after a comma in an array.
    Value,
    /// After `[`: a value or the end.
    Element,
    /// After a value: a comma or the end of what it is in.
    After,
    Text {
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
    /// What is left of `true`, `false` or `null`.
    Word(&'static [u8]),
}

/// What a byte did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The object goes on.
    More,
    /// The byte closed the object.
    Done,
    /// No valid object goes on with this byte. The automaton still stands
    /// before it.
    Broken(Reason, &'static str),
}

/// Stands somewhere inside one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Automaton {
    state: State,
    nest: Nest,
}

impl Automaton {
    /// Just after an object's opening brace.
    pub(crate) fn opened() -> Automaton {
        let mut nest = Nest::default();
        nest.push(false);
        Automaton {
            state: State::First,
            nest,
        }
    }

    pub(crate) fn nest(&self) -> Nest {
        self.nest
    }

    /// Whether the next byte stands inside a string.
    pub(crate) fn in_string(&self) -> bool {
        matches!(
            self.state,
            State::Text { .. } | State::Escape { .. } | State::Hex { .. }
        )
    }

    /// Whether the next byte is ordinary text of a string, so that all bytes
    /// up to the next quote, backslash or control character may be skipped.
    pub(crate) fn in_text(&self) -> bool {
        matches!(self.state, State::Text { .. })
    }

    /// Whether the value of a field is due.
    pub(crate) fn at_field_value(&self) -> bool {
        self.state == State::Value && !self.nest.in_array()
    }

    /// Whether a value is complete and a comma or a bracket is due, or a key
    /// after a comma.
    pub(crate) fn between_fields(&self) -> bool {
        matches!(self.state, State::After | State::Key)
    }

    pub(crate) fn step(&mut self, byte: u8, depth_max: usize) -> Step {
        use State::*;
        self.state = match (self.state, byte) {
            (Text { key: true }, b'"') => Colon,
            (Text { key: false }, b'"') => After,
            (Text { key }, b'\\') => Escape { key },
            (Text { .. }, b'\n' | b'\r') => {
                return Step::Broken(Reason::Truncated, "the line ends inside a string");
            }
            (Text { .. }, 0..0x20) => {
                return Step::Broken(Reason::Syntax, "a control character inside a string");
            }
            (Text { .. }, _) => return Step::More,
            (Escape { key }, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                Text { key }
            }
            (Escape { key }, b'u') => Hex { key, left: 4 },
            (Hex { key, left: 1 }, b) if b.is_ascii_hexdigit() => Text { key },
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
            (Word([expected]), b) if b == *expected => After,
            (Word([expected, rest @ ..]), b) if b == *expected => Word(rest),
            (Minus, b'0') => Zero,
            (Minus, b'1'..=b'9') => Digits,
            (Digits, b'0'..=b'9') => Digits,
            (Zero | Digits, b'.') => Point,
            (Point | Fraction, b'0'..=b'9') => Fraction,
            (Zero | Digits | Fraction, b'e' | b'E') => Exponent,
            (Exponent, b'+' | b'-') => ExponentSign,
            (Exponent | ExponentSign | ExponentDigits, b'0'..=b'9') => ExponentDigits,
            // A number ends with the byte after it.
            (Zero | Digits | Fraction | ExponentDigits, b' ' | b'\t' | b'\n' | b'\r') => After,
            (Zero | Digits | Fraction | ExponentDigits, b',' | b'}' | b']') => {
                let number = self.state;
                self.state = After;
                let step = self.step(byte, depth_max);
                if let Step::Broken(..) = step {
                    self.state = number;
                }
                return step;
            }
            (First | Key | Colon | Value | Element | After, b' ' | b'\t' | b'\n' | b'\r') => {
                return Step::More;
            }
            (First | Key, b'"') => Text { key: true },
            (Colon, b':') => Value,
            (Value | Element, b'"') => Text { key: false },
            (Value | Element, b'{' | b'[') => {
                if self.nest.depth() >= depth_max as u64 {
                    return Step::Broken(Reason::TooDeep, "nested too deeply");
                }
                self.nest.push(byte == b'[');
                if byte == b'[' { Element } else { First }
            }
            (Value | Element, b'-') => Minus,
            (Value | Element, b'0') => Zero,
            (Value | Element, b'1'..=b'9') => Digits,
            (Value | Element, b't') => Word(b"rue"),
            (Value | Element, b'f') => Word(b"alse"),
            (Value | Element, b'n') => Word(b"ull"),
            (After, b',') if self.nest.in_array() => Value,
            (After, b',') => Key,
            (After, b']') | (Element, b']') if self.nest.in_array() => {
                self.nest.pop();
                After
            }
            (After, b'}') | (First, b'}') if !self.nest.in_array() => {
                self.nest.pop();
                if self.nest.depth() == 0 {
                    return Step::Done;
                }
                After
            }
            (state, _) => return Step::Broken(Reason::Syntax, expectation(state)),
        };
        Step::More
    }
}

/// What should have come.
fn expectation(state: State) -> &'static str {
    match state {
        State::First => "expected a key or the end of the object",
        State::Key => "expected a key after a comma",
        State::Colon => "expected a colon after a key",
        State::Value | State::Element => "expected a value",
        State::After => "expected a comma or a closing bracket",
        State::Word(_) => "expected true, false or null",
        _ => "expected a number",
    }
}
