//! Large inputs without structure take linear time and bounded memory. The test
//! repeats one segment, so that it does not hold the input itself.

use std::time::{Duration, Instant};

use bytes::Bytes;
use landing::{Carry, Decoder, Limits, Reason, Spec, Tally};

use crate::read::{schema, spec};

const SEGMENT_BYTES: usize = 1 << 18;

/// Decodes `head`, then [`segments`] segments of repeated `body`, then `tail`. The
/// carry never holds more than the limit for one object.
fn check(head: &str, body: &str, tail: &str, expected: (u64, &[Reason])) {
    let limits = Limits {
        object_bytes_max: 1 << 20,
        ..Limits::default()
    };
    let decoder = Decoder::new(Spec {
        limits,
        ..spec(schema())
    });
    let segment = Bytes::from(body.repeat(SEGMENT_BYTES / body.len()));
    let mut bytes = 0;
    let mut tally = Tally::default();
    let mut reasons = Vec::new();
    let mut carry = Carry::start();
    let began = Instant::now();
    let middle = std::iter::repeat_n(segment, segments());
    let ends = |text: &str| std::iter::once(Bytes::copy_from_slice(text.as_bytes()));
    for piece in ends(head).chain(middle).chain(ends(tail)) {
        bytes += piece.len() as u64;
        let decoded = decoder.decode(piece, carry);
        tally.add(&decoded.tally);
        reasons.extend(decoded.rejected.iter().map(|rejected| rejected.kind));
        carry = decoded.carry;
        assert!(carry.held_bytes() <= limits.object_bytes_max);
    }
    let end = decoder.finish(carry);
    tally.add(&end.tally);
    reasons.extend(end.rejected.iter().map(|rejected| rejected.kind));
    assert_eq!(tally.bytes(), bytes);
    assert_eq!((tally.rows, reasons.as_slice()), expected, "{head} {body}");
    // Rescanning would take far longer.
    let took = began.elapsed();
    assert!(
        took < Duration::from_secs(segments() as u64),
        "{head} {body}: {took:?}"
    );
}

/// Number of segments: 6 MiB, or `LANDING_BOUNDED_MIB`.
fn segments() -> usize {
    let mib: usize = std::env::var("LANDING_BOUNDED_MIB")
        .ok()
        .and_then(|mib| mib.parse().ok())
        .unwrap_or(6);
    mib * 4
}

#[test]
fn input_without_structure() {
    let good = (SEGMENT_BYTES / 7 * segments()) as u64;
    // One line of concatenated objects.
    check("", "{\"a\":1}", "", (good, &[]));
    // No braces at all, or braces only.
    check("", "garbage ", "\n{\"a\":1}\n", (1, &[Reason::Garbage]));
    check("", "x\n", "\n{\"a\":1}\n", (1, &[Reason::Garbage]));
    check("", "\"", "\n{\"a\":1}\n", (1, &[Reason::Garbage]));
    check("", "}", "\n{\"a\":1}\n", (1, &[Reason::Garbage]));
    // The line after an open bracket may be its element.
    check("", "[", "\n{\"a\":1}\n{\"a\":2}\n", (1, &[Reason::Garbage]));
    check("[", " ", "{\"a\":1}]\n", (1, &[]));
    check("", ",\n ", "{\"a\":1}\n", (1, &[]));
    // Strings, numbers, arrays and white space that do not end.
    check("{\"t\":\"", "x", "\n{\"a\":1}\n", (1, &[Reason::TooLarge]));
    check("{\"t\":\"", "{ ", "\n{\"a\":1}\n", (1, &[Reason::TooLarge]));
    check("{\"a\":", "1", "\n{\"a\":1}\n", (1, &[Reason::TooLarge]));
    check(
        "{\"u\":[",
        "{\"a\":1},",
        "\n{\"a\":1}]\n",
        (0, &[Reason::TooLarge]),
    );
    check("{\"a\":1", " ", "}\n{\"a\":1}\n", (1, &[Reason::TooLarge]));
    check(
        "{\"a\":1}x{\"a\":1}",
        " ",
        "\n{\"a\":1}\n",
        (3, &[Reason::Garbage]),
    );
    check(
        "{\"a\":x",
        "{\"a\":",
        "\n{\"a\":1}\n",
        (1, &[Reason::Syntax, Reason::TooDeep]),
    );
}
