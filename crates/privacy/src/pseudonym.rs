//! Pseudonyms: names for people that reveal nothing about them, made with a secret
//! key. The engine's SQL function `pseudonym` and the key file use it.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// The length of a key, in bytes.
const BYTES: usize = 32;

/// Contexts that separate the two uses of a key. Changing one of these texts would
/// change every pseudonym or fingerprint.
const PSEUDONYM: &str = "stedi 2026-11-21 pseudonym of a subject";
const FINGERPRINT: &str = "stedi 2026-11-21 fingerprint of a pseudonym key";

/// The secret key of pseudonyms: 256 random bits.
///
/// Somebody with the key can check whether a pseudonym belongs to a known e-mail.
/// Without the key, pseudonyms are 128 random bits, even to somebody who knows all
/// e-mails. The key prints as `***`, and its memory is zeroed when it is dropped.
#[derive(Clone)]
pub struct PseudonymKey {
    secret: [u8; BYTES],
    /// Derived from the secret once, because every pseudonym needs it.
    pseudonym_key: [u8; BYTES],
}

/// The text is not a key. The error does not contain the text, which may be a key
/// with a digit missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is 64 hexadecimal digits")]
pub struct InvalidKey;

/// The operating system returned no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system returned no random bytes")]
pub struct NoRandomness;

impl PseudonymKey {
    /// A new key from the random number generator of the operating system.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut secret = Zeroizing::new([0; BYTES]);
        getrandom::fill(secret.as_mut_slice()).map_err(|_| NoRandomness)?;
        Ok(Self::of(&secret))
    }

    /// Parses a key: 64 hexadecimal digits. White space around them is ignored.
    ///
    /// # Errors
    /// [`InvalidKey`].
    pub fn from_hex(text: &str) -> Result<Self, InvalidKey> {
        let digits = text.trim().as_bytes();
        if digits.len() != 2 * BYTES {
            return Err(InvalidKey);
        }
        let mut secret = Zeroizing::new([0; BYTES]);
        for (byte, pair) in secret.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
        }
        Ok(Self::of(&secret))
    }

    fn of(secret: &[u8; BYTES]) -> Self {
        Self {
            secret: *secret,
            pseudonym_key: blake3::derive_key(PSEUDONYM, secret),
        }
    }

    /// The key as text, for [`PseudonymKey::from_hex`]. Only for the key file, never for a
    /// message.
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(hex(&self.secret))
    }

    /// The pseudonym of `subject`: 32 lower-case hexadecimal digits, the first
    /// 128 bits of a keyed BLAKE3 hash.
    ///
    /// Different spellings of one e-mail have different pseudonyms. Use
    /// [`crate::normalize_subject`] before.
    pub fn pseudonym(&self, subject: &str) -> String {
        let hash = blake3::keyed_hash(&self.pseudonym_key, subject.as_bytes());
        hex(&hash.as_bytes()[..16])
    }

    /// Identifies the key without revealing it: 16 lower-case hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        hex(&blake3::derive_key(FINGERPRINT, &self.secret)[..8])
    }
}

impl Drop for PseudonymKey {
    fn drop(&mut self) {
        self.secret.zeroize();
        self.pseudonym_key.zeroize();
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

fn digit(digit: u8) -> Result<u8, InvalidKey> {
    let value = char::from(digit).to_digit(16).ok_or(InvalidKey)?;
    u8::try_from(value).map_err(|_| InvalidKey)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTED: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const ONES: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

    /// Published pseudonyms must never change. The expected values come from an
    /// independent implementation of BLAKE3, written from its specification.
    #[test]
    fn pseudonyms_never_change() {
        for (key, subject, expected) in [
            (COUNTED, "", "f8c79159fee9dfd29a1491181818dd10"),
            (
                COUNTED,
                "jane@example.com",
                "b3714b0ef6bd09cfdd5b4713f0eacf43",
            ),
            (
                COUNTED,
                "Jane@example.com",
                "e7b7494ee7a01ec06872a817c399f182",
            ),
            (
                COUNTED,
                "jürgen@example.com",
                "68c1a1115e2acea665fc3d946fb168db",
            ),
            (ONES, "jane@example.com", "57ea5e9cf9ba12efa7065257e24aa1da"),
        ] {
            let key = PseudonymKey::from_hex(key).unwrap();
            assert_eq!(key.pseudonym(subject), expected, "{subject}");
        }
        for (key, expected) in [(COUNTED, "4ed89a9ed599ca55"), (ONES, "cba77074f9202d24")] {
            assert_eq!(PseudonymKey::from_hex(key).unwrap().fingerprint(), expected);
        }
    }

    #[test]
    fn valid_and_invalid_keys() {
        for (text, expected) in [
            (COUNTED.to_owned(), true),
            (COUNTED.to_uppercase(), true),
            (format!(" {COUNTED}\n"), true),
            (COUNTED[1..].to_owned(), false),
            (format!("{COUNTED}0"), false),
            (COUNTED.replace('f', "g"), false),
            (COUNTED.replace('f', "ü"), false),
            ("ü".repeat(32), false),
            (String::new(), false),
        ] {
            assert_eq!(PseudonymKey::from_hex(&text).is_ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_key_survives_writing_and_reading() {
        let key = PseudonymKey::generate().unwrap();
        let again = PseudonymKey::from_hex(&key.reveal()).unwrap();
        assert_eq!(again.fingerprint(), key.fingerprint());
        assert_eq!(again.pseudonym("a"), key.pseudonym("a"));
        let other = PseudonymKey::generate().unwrap();
        assert_ne!(other.fingerprint(), key.fingerprint());
        assert_ne!(other.pseudonym("a"), key.pseudonym("a"));
    }

    #[test]
    fn printing_reveals_nothing() {
        let key = PseudonymKey::from_hex(ONES).unwrap();
        assert_eq!(
            format!("{key} {key:?} {:?}", Some(&key)),
            "*** *** Some(***)"
        );
        assert_eq!(InvalidKey.to_string(), "a key is 64 hexadecimal digits");
    }
}
