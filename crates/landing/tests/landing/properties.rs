//! Property tests: for random bytes, cuts and paths make no difference, every byte
//! is accounted for, and serde_json agrees on where objects end.

use landing::{Decoder, Reason};
use proptest::prelude::*;

use crate::invariants::{check, check_seeded};
use crate::read::{read, rows, schema, spec};

/// Random sequences of tokens that the grammar knows.
fn token_soup() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        8 => Just(&b"{"[..]), 8 => Just(&b"}"[..]), 3 => Just(&b"["[..]), 3 => Just(&b"]"[..]),
        8 => Just(&b"\""[..]), 6 => Just(&b":"[..]), 6 => Just(&b","[..]), 5 => Just(&b"\n"[..]),
        3 => Just(&b" "[..]), 1 => Just(&b"\r"[..]), 2 => Just(&b"\\"[..]), 4 => Just(&b"1"[..]),
        2 => Just(&b"-"[..]), 1 => Just(&b"."[..]), 1 => Just(&b"e"[..]), 1 => Just(&b"0"[..]),
        4 => Just(&b"a"[..]), 2 => Just(&b"t"[..]), 1 => Just(&b"A"[..]), 2 => Just(&b"null"[..]),
        1 => Just(&b"true"[..]), 2 => Just(&b"\\u00"[..]), 1 => Just(&b"\\ud83d"[..]),
        1 => Just(&b"\xff"[..]), 1 => Just(&b"\xc3\xa9"[..]), 1 => Just(&b"\xef\xbb\xbf"[..]),
        1 => Just(&b"\0"[..]), 10 => Just(&b"{\"a\":1}"[..]), 6 => Just(&b"\"a\":"[..]),
        6 => Just(&b"{\"t\":\"x"[..]), 4 => Just(&b"\"t\":\"longer than inline\""[..]),
        3 => Just(&b"\n{"[..]), 3 => Just(&b"}\n"[..]), 3 => Just(&b"\n  {\n"[..]),
    ];
    proptest::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

/// An object as JSON and, if it is a row, the row as text.
fn object() -> impl Strategy<Value = (String, Option<String>)> {
    let a = prop_oneof![
        any::<i64>().prop_map(|a| (a.to_string(), Some(a))),
        any::<i32>().prop_map(|a| (format!("{a}.0"), Some(i64::from(a)))),
        any::<i64>().prop_map(|a| (format!("\"{a}\""), Some(a))),
        Just(("1.5".to_owned(), None)),
        Just(("null".to_owned(), None)),
    ];
    let t =
        proptest::option::of(proptest::string::string_regex("[ -~é😀\\n]{0,20}").expect("a regex"));
    let d = proptest::option::of(prop_oneof![
        any::<f64>().prop_filter("finite", |d| d.is_finite()),
        (-2000..2000_i32).prop_map(|d| f64::from(d) / 100.0),
    ]);
    let style = 0..3;
    (a, t, d, any::<Option<bool>>(), style, any::<bool>()).prop_map(
        |((spelled, a), t, d, ok, style, unknown)| {
            let mut fields = vec![format!("\"a\":{spelled}")];
            let mut row = a.map(|a| format!("a={a}"));
            let mut field = |text: String, words: String| {
                fields.push(text);
                if let Some(row) = &mut row {
                    row.push_str(&words);
                }
            };
            if let Some(t) = t {
                let text = serde_json::to_string(&t).expect("text");
                field(format!("\"T\":{text}"), format!(" t={t:?}"));
            }
            if let Some(d) = d {
                field(format!("\"d\":{d:?}"), format!(" d={d:?}"));
            }
            if let Some(ok) = ok {
                field(format!("\"ok\":{ok}"), format!(" ok={ok}"));
            }
            if unknown {
                field("\"u\":[{\"a\":1},{}]".to_owned(), String::new());
            }
            let text = match style {
                0 => format!("{{{}}}", fields.join(",")),
                1 => format!("{{{}}}", fields.join(", ")),
                _ => format!("{{\n  {}\n}}", fields.join(",\n  ")),
            };
            (text, row)
        },
    )
}

/// Cases for each property; `PROPTEST_CASES` sets another number.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(300)
}

/// A record on one line, as devices send it, and its row as text.
fn line() -> impl Strategy<Value = (String, String)> {
    (any::<i64>(), "[ -~é]{0,20}", -2000..2000_i32).prop_map(|(a, t, d)| {
        let d = f64::from(d) / 100.0;
        let text = serde_json::to_string(&t).expect("text");
        (
            format!("{{\"a\":{a},\"t\": {text},\"u\":null,\"d\":{d:?}}}"),
            format!("a={a} t={t:?} d={d:?}"),
        )
    })
}

/// Length of the trailing white space.
fn trailing(text: &str) -> u64 {
    (text.len() - text.trim_end().len()) as u64
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(
        bytes in token_soup(),
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
        size in 0..50_usize,
        small in any::<bool>(),
    ) {
        check(&bytes, &cuts, size, small);
    }

    #[test]
    fn valid_objects_in_any_framing(
        objects in proptest::collection::vec(object(), 0..12),
        separator in prop_oneof![
            Just("\n"), Just("\r\n"), Just(""), Just(",\n"), Just("\n\n"), Just(",")
        ],
        array in any::<bool>(),
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
        size in 0..200_usize,
    ) {
        let texts: Vec<&str> = objects.iter().map(|(text, _)| text.as_str()).collect();
        let mut file = texts.join(separator);
        if array {
            file = format!("[{file}]");
        }
        check(file.as_bytes(), &cuts, size, false);
        let got = read(&Decoder::new(spec(schema())), file.as_bytes(), &[]);
        let expected: Vec<&String> = objects.iter().filter_map(|(_, row)| row.as_ref()).collect();
        prop_assert_eq!(got.rows.iter().collect::<Vec<_>>(), expected);
        prop_assert_eq!(got.tally.objects, objects.len() as u64);
    }

    #[test]
    fn damaged_files(
        objects in proptest::collection::vec(object(), 1..8),
        damage in proptest::collection::vec((any::<usize>(), any::<u8>(), 0..4_u8), 1..4),
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
        size in 0..200_usize,
        small in any::<bool>(),
    ) {
        let texts: Vec<&str> = objects.iter().map(|(text, _)| text.as_str()).collect();
        let mut file = texts.join("\n").into_bytes();
        for (at, byte, how) in damage {
            if file.is_empty() {
                break;
            }
            let at = at % file.len();
            match how {
                0 => file[at] = byte,
                1 => { file.remove(at); }
                2 => file.insert(at, byte),
                _ => file.truncate(at),
            }
        }
        check(&file, &cuts, size, small);
    }

    /// A line that is cut off anywhere costs no other line.
    #[test]
    fn a_truncated_line_costs_no_other_line(
        lines in proptest::collection::vec(line(), 2..5),
        cut in any::<usize>(),
        crlf in any::<bool>(),
        ends in any::<bool>(),
    ) {
        let end = if crlf { "\r\n" } else { "\n" };
        let texts: Vec<&str> = lines.iter().map(|(text, _)| text.as_str()).collect();
        let first = texts[0];
        let mut cut = 1 + cut % (first.len() - 1);
        while !first.is_char_boundary(cut) {
            cut -= 1;
        }
        let mut file = format!("{}{end}{}", &first[..cut], texts[1..].join(end));
        if ends {
            file.push_str(end);
        }
        let got = read(&Decoder::new(spec(schema())), file.as_bytes(), &[]);
        let expected: Vec<&String> = lines[1..].iter().map(|(_, row)| row).collect();
        prop_assert_eq!(got.rows.iter().collect::<Vec<_>>(), expected);
        // If the cut leaves a brace at the end of a string, the brace may begin an
        // object, so there may be two stretches.
        prop_assert_eq!(got.rejected[0].offset, 0);
        prop_assert!(got.rejected.len() <= 2);
        let last = got.rejected.last().expect("one");
        prop_assert_eq!(last.offset + last.length, cut as u64 - trailing(&first[..cut]));
    }

    /// Doubles are rounded to the nearest.
    #[test]
    fn doubles_round_to_nearest(
        whole in 0..1_000_000_000_000_u64,
        fraction in "[0-9]{1,25}",
        exponent in proptest::option::of(-320..320_i32),
        negative in any::<bool>(),
    ) {
        let sign = if negative { "-" } else { "" };
        let exponent = exponent.map_or(String::new(), |e| format!("e{e}"));
        let text = format!("{sign}{whole}.{fraction}{exponent}");
        let expected: f64 = text.parse().expect("a number");
        let file = format!("{{\"a\":1,\"d\":0.5}}{{\"a\":1,\"d\":{text}}}");
        let decoded = Decoder::new(spec(schema())).decode_all(file.into());
        if expected.is_finite() {
            prop_assert_eq!(&rows(&decoded.batches[0])[1], &format!("a=1 d={expected:?}"));
        } else {
            prop_assert_eq!(decoded.rejected[0].kind, Reason::Misfit);
        }
    }
}

/// The inputs in the corpus of the fuzzer.
#[test]
fn fuzz_corpus() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/decode");
    for entry in std::fs::read_dir(corpus).into_iter().flatten().flatten() {
        if let Ok(bytes) = std::fs::read(entry.path()) {
            check_seeded(&bytes);
        }
    }
}
