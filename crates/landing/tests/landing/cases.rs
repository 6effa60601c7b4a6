//! The table of cases: inputs, and the rows and rejected stretches expected for
//! each.

use landing::{Column, Decoder, Rejected, Schema, Spec, Type};

use crate::read::{read, read_assuming, schema, small_limits, spec};

/// Decodes `input` and compares the result, as text: the rows, then the rejected
/// stretches as `kind@offset+length`. The result must be the same for every cut and
/// both paths.
fn check(input: impl AsRef<[u8]>, expected: &str) {
    check_with(&spec(schema()), input, expected);
}

fn check_small(input: impl AsRef<[u8]>, expected: &str) {
    let small = Spec {
        limits: small_limits(),
        ..spec(schema())
    };
    check_with(&small, input, expected);
}

fn check_with(spec: &Spec, input: impl AsRef<[u8]>, expected: &str) {
    let input = input.as_ref();
    let shown = String::from_utf8_lossy(&input[..input.len().min(300)]).into_owned();
    let decoder = Decoder::new(spec.clone());
    let whole = read(&decoder, input, &[]);
    let rejected: Vec<String> = whole.rejected.iter().map(as_text).collect();
    let got = [whole.rows.join("; "), rejected.join(" ")].join(" / ");
    assert_eq!(got, expected, "\n{shown}");
    whole.assert_accounted(input);
    for cut in 0..=input.len().min(600) {
        assert_eq!(
            read(&decoder, input, &[cut]),
            whole,
            "cut at {cut}: {shown}"
        );
        assert_eq!(
            read_assuming(&decoder, input, cut),
            whole,
            "cut after {cut}: {shown}"
        );
    }
    let every: Vec<usize> = (0..input.len().min(600)).collect();
    assert_eq!(
        read(&decoder, input, &every),
        whole,
        "byte by byte: {shown}"
    );
    let general = Decoder::general_only(spec.clone());
    assert_eq!(
        read(&general, input, &[]),
        whole,
        "the general path alone: {shown}"
    );
}

fn as_text(rejected: &Rejected) -> String {
    format!(
        "{}@{}+{}",
        rejected.kind.as_str(),
        rejected.offset,
        rejected.length
    )
}

#[test]
fn framing() {
    check("", " / ");
    check("\n\n \r\n", " / ");
    check("{\"a\":1}\n{\"a\":2}\n", "a=1; a=2 / ");
    check("{\"a\":1}\r\n{\"a\":2}\r\n", "a=1; a=2 / ");
    check("{\"a\":1}\n\n\n{\"a\":2}", "a=1; a=2 / ");
    check("{\"a\":1}{\"a\":2}{\"a\":3}", "a=1; a=2; a=3 / ");
    check("{\"a\":1},\n{\"a\":2},\n", "a=1; a=2 / ");
    check("{\"a\":1},{\"a\":2},,\n", "a=1; a=2 / ");
    check("[{\"a\":1},{\"a\":2}]", "a=1; a=2 / ");
    check("[]", " / ");
    check("[{\"a\":1}]\n[{\"a\":2}]\n", "a=1; a=2 / ");
    check(
        "[\n  {\n    \"a\": 1\n  },\n  {\n    \"a\": 2\n  }\n]\n",
        "a=1; a=2 / ",
    );
    check(
        "{\n  \"a\": 1,\n  \"t\": \"x\"\n}\n{\n  \"a\": 2\n}\n",
        "a=1 t=\"x\"; a=2 / ",
    );
    check("\u{feff}{\"a\":1}\n", "a=1 / ");
    check("\u{feff}[{\"a\":1}]", "a=1 / ");
    check("{\"a\":1}\n\u{feff}{\"a\":2}\n", "a=1; a=2 / garbage@8+3");
    check(b"\xef\xbb{\"a\":1}", "a=1 / garbage@0+2");
    check(b"\xef", " / garbage@0+1");
    // A file that ends inside its array is truncated.
    check("[{\"a\":1},{\"a\":2}", "a=1; a=2 / truncated@16+0");
}

#[test]
fn between_objects() {
    check("xyz\n{\"a\":1}\n", "a=1 / garbage@0+3");
    check(
        "{\"a\":1}\nxyz {\"a\":2}\n{\"a\":3}\n",
        "a=1; a=2; a=3 / garbage@8+3",
    );
    check(
        "{\"a\":1} xyz {\"a\":2} uvw {\"a\":3}",
        "a=1; a=2; a=3 / garbage@8+3 garbage@20+3",
    );
    check("one\ntwo\n\nthree\n{\"a\":1}\n", "a=1 / garbage@0+14");
    check("1\n{\"a\":1}\n", "a=1 / not_an_object@0+1");
    check(
        "\"text\"\nnull true\n-1.5e3\n{\"a\":1}\n",
        "a=1 / not_an_object@0+23",
    );
    check("[1,2,3]\n{\"a\":1}\n", "a=1 / not_an_object@0+7");
    check("[1,{\"a\":1}]\n{\"a\":2}\n", "a=2 / not_an_object@0+11");
    check("[[{\"a\":1}]]\n{\"a\":2}\n", "a=2 / not_an_object@0+11");
    check("{\"a\":1}]\n{\"a\":2}\n", "a=1; a=2 / garbage@7+1");
    check("{\"a\":1}}\n{\"a\":2}\n", "a=1; a=2 / garbage@7+1");
    check("a \"quote { in\n{\"a\":1}\n", "a=1 / garbage@0+13");
    check("\0\0\n{\"a\":1}\n\0", "a=1 / garbage@0+2 garbage@11+1");
    check("// no\n{\"a\":1} # no\n", "a=1 / garbage@0+5 garbage@14+4");
    // In garbage that may be the inside of an object, a value is not a record.
    check("\"b\":{\"a\":1}\n{\"a\":2}\n", "a=2 / garbage@0+11");
    check(
        "\"b\": [\n{\"a\":1},\n{\"a\":2}\n]\n{\"a\":3}\n",
        "a=3 / garbage@0+25",
    );
}

#[test]
fn broken_objects_and_their_neighbours() {
    // Cut off at the end of their line, in every state of the grammar.
    check("{\"a\":1,\"t\":\"tru\n{\"a\":2}\n", "a=2 / truncated@0+15");
    check(
        "{\"a\":1,\"t\":\"tru\\\n{\"a\":2}\n",
        "a=2 / truncated@0+16",
    );
    check(
        "{\"a\":1,\"t\":\"tru\\u12\n{\"a\":2}\n",
        "a=2 / truncated@0+19",
    );
    check("{\"a\":1,\"t\"\n{\"a\":2}\n", "a=2 / truncated@0+10");
    check("{\"a\":1,\"t\":\n{\"a\":2}\n", "a=2 / truncated@0+11");
    check(
        "{\"a\":1,\"t\":\n{\"a\":2}\n{\"a\":3}\n",
        "a=2; a=3 / truncated@0+11",
    );
    check(
        "{\"a\":1,\"t\":\n{\"a\":2},\n{\"a\":3},\n",
        "a=2; a=3 / truncated@0+11",
    );
    check("{\"a\":1,\"t\":\n{\"a\":2}", "a=2 / truncated@0+11");
    check("[\n{\"a\":1,\"t\":\n{\"a\":2}\n]\n", "a=2 / truncated@2+11");
    check(
        "{\"a\":1,\"t\":\n{\"a\":2,\"t\":\n{\"a\":3}\n{\"a\":4}\n",
        "a=3; a=4 / truncated@0+23",
    );
    check("{\"a\":1\n{\"a\":2}\n", "a=2 / truncated@0+6");
    check("{\"a\":1,\n{\"a\":2}\n", "a=2 / truncated@0+7");
    check("{\"a\":-\n{\"a\":2}\n", "a=2 / syntax@0+6");
    check("{\"a\":tr\n{\"a\":2}\n", "a=2 / syntax@0+7");
    check("{\n{\"a\":2}\n", "a=2 / truncated@0+1");
    check("{\"a\":{\"b\":1}\n{\"a\":2}\n", "a=2 / truncated@0+12");
    check(
        "{\"a\":1,\"b\":[1,\"x\n{\"a\":2}\n{\"a\":3}\n",
        "a=2; a=3 / truncated@0+16",
    );
    check(
        "{\"a\":1,\"b\":[1\n{\"a\":2}\n{\"a\":3}\n",
        "a=2; a=3 / truncated@0+13",
    );
    // Cut off with the next object on the same line.
    check("{{\"a\":2}\n", "a=2 / truncated@0+1");
    check(
        "{\"ema{\"a\":2,\"t\":\"x\"}\n",
        "a=2 t=\"x\" / truncated@0+5",
    );
    check("{\"t\"{\"a\":2}\n", "a=2 / truncated@0+4");
    check(
        "{\"a\":1,\"t\":\"tru{\"a\":2}{\"a\":3}",
        "a=2; a=3 / truncated@0+15",
    );
    check("{\"a\":1,\"t\":\"tru{ \"a\":2}\n", "a=2 / truncated@0+15");
    check(
        "{\"a\":1,\"t\":\"tru{\n  \"a\":2\n}\n",
        "a=2 / truncated@0+15",
    );
    check("{\"a\":1,\"t\":\"tru\\{\"a\":2}\n", "a=2 / truncated@0+16");
    check(
        "{\"a\":1,\"t\":\"tru\\u0{\"a\":2}\n",
        "a=2 / truncated@0+18",
    );
    check("{\"a\":1{\"a\":2}\n", "a=2 / truncated@0+6");
    check("{\"a\":1,{\"a\":2}\n", "a=2 / truncated@0+7");
    check("{\"a\":-{\"a\":2}\n", "a=2 / truncated@0+6");
    check(
        "{\"a\":1,\"t\":nu{\"a\":2}{\"a\":3}\n",
        "a=2; a=3 / truncated@0+13",
    );
    // After a colon, an object is a value of the object around it.
    check(
        "{\"a\":1,\"t\":{\"a\":2}{\"a\":3}\n",
        "a=3 / truncated@0+18",
    );
    check(
        "{\"a\":1,\"t\":{\"a\":2}\n{\"a\":3}\n",
        "a=3 / truncated@0+18",
    );
    // At the end of the file.
    check("{", " / truncated@0+1");
    check("{\"a\":2}\n{\"a\":1,\"t\":\"tru", "a=2 / truncated@8+15");
    check("{\"a\":2}\n{\"a\":16555", "a=2 / truncated@8+10");
    check(
        "{\"a\":2}\n{\"a\":1,\"t\":{\"a\":3}\n",
        "a=2 / truncated@8+18",
    );
    // Complete, but not valid JSON.
    check("{\"a\":NaN}\n{\"a\":2}\n", "a=2 / syntax@0+9");
    check("{\"a\":1,\"d\":-Infinity}{\"a\":2}\n", "a=2 / syntax@0+21");
    check("{\"a\":01}{\"a\":2}", "a=2 / syntax@0+8");
    check("{\"a\":1,}{\"a\":2}", "a=2 / syntax@0+8");
    check("{'a':1}{\"a\":2}", "a=2 / syntax@0+7");
    check("{\"a\":1 /* one */}{\"a\":2}", "a=2 / syntax@0+17");
    check("{\"a\":1,\"u\":[1,]}{\"a\":2}", "a=2 / syntax@0+16");
    check("{\"a\":1,\"u\":+1}{\"a\":2}", "a=2 / syntax@0+14");
    check("{\"a\":1,\"u\":.5}{\"a\":2}", "a=2 / syntax@0+14");
    check("{\"a\":1,\"u\":1.}{\"a\":2}", "a=2 / syntax@0+14");
    check("{\"a\":1,\"u\":-01}{\"a\":2}", "a=2 / syntax@0+15");
    check("{\"a\":1,\"t\":\"\\x\"}{\"a\":2}", "a=2 / syntax@0+16");
    check(
        "{\"a\":1,\"t\":\"tab\there\"}\n{\"a\":2}",
        "a=2 / syntax@0+22",
    );
    check(
        "{\"a\":1,\"t\":\"nul\0here\"}\n{\"a\":2}",
        "a=2 / syntax@0+22",
    );
    check("{\"a\":1]\n{\"a\":2}", "a=2 / syntax@0+7");
    check(
        "{\"t\":\"x\"y\"}{\"a\":2}{\"a\":3}\n",
        "a=2; a=3 / syntax@0+11",
    );
    check("[{\"a\":1},{\"a\":NaN},{\"a\":3}]", "a=1; a=3 / syntax@9+9");
    check(
        "[{\"t\":\"x\"y\"},{\"a\":2},{\"a\":3}]",
        "a=2; a=3 / syntax@1+11",
    );
    check(
        "[\n{\"a\":1},\n{\"a\":2,\"t\":\"tru\n]\n",
        "a=1 / truncated@11+15",
    );
    check(
        "[\n  {\n    \"a\": \"x\n  {\n    \"a\": 2\n  }\n]",
        "a=2 / truncated@4+13",
    );
}

#[test]
fn inner_objects_never_become_rows() {
    check(
        "{\"a\":1,\"in\":{\"a\":9},BROKEN}\n{\"a\":2}\n",
        "a=2 / syntax@0+27",
    );
    check(
        "{\"a\":BROKEN,\"in\":{\"a\":9}}\n{\"a\":2}\n",
        "a=2 / syntax@0+25",
    );
    check(
        "{\"a\":BROKEN,\"in\":{\"a\":9}\n{\"a\":2}\n",
        "a=2 / syntax@0+24",
    );
    check(
        "{\"t\":\"bro\nken\",\"in\":{\"a\":9}}\n{\"a\":2}\n",
        "a=2 / truncated@0+28",
    );
    check(
        "{\"t\":\"bro\n{\"a\":9}\",\"a\":1}\n{\"a\":2}\n",
        "a=2 / truncated@0+9 ambiguous@10+7 garbage@17+8",
    );
    check(
        "{\"t\":\"x\"y\",\"in\":{\"a\":9},\"u\":1}\n{\"a\":2}\n",
        "a=2 / syntax@0+30",
    );
    check(
        "{\"t\":\"x\"y\",\"in\":[{\"a\":8},{\"a\":9}]}\n{\"a\":2}\n",
        "a=2 / syntax@0+34",
    );
    check(
        "{\"t\":\"see {\"a\":9} here\",\"a\":1}\n{\"a\":2}\n",
        "a=2 / truncated@0+9 ambiguous@10+7 garbage@18+12",
    );
    check(
        "{\"t\":\"{\"a\":9}\",\"a\":1}\n{\"a\":2}\n",
        "a=2 / truncated@0+6 ambiguous@6+7 garbage@13+8",
    );
    check(
        "{\"in\"{\"a\":9}}\n{\"a\":2}\n",
        "a=2 / truncated@0+5 ambiguous@5+7 garbage@12+1",
    );
    check(
        "{\"a\":1{\"a\":9},\"t\":\"x\"}\n{\"a\":2}\n",
        "a=2 / truncated@0+6 ambiguous@6+7 garbage@14+8",
    );
    check(
        "{\"in\":[{\"a\":8}{\"a\":9}]}\n{\"a\":2}\n",
        "a=2 / syntax@0+23",
    );
    check(
        "{\"in\":[{\"a\":8} x, {\"a\":9}]}\n{\"a\":2}\n",
        "a=2 / syntax@0+27",
    );
    check(
        "{\"a\":1,\"pos\":{\"x\":1}},\n\"in\":{\"a\":9}\n{\"a\":2}\n",
        "a=1; a=2 / garbage@23+12",
    );
    // Pretty-printed, with the break before and after the inner objects.
    check(
        "{\n  \"a\": tru,\n  \"in\": [\n    {\n      \"a\": 8\n    },\n    {\n      \"a\": 9\n    }\n  ]\n}\n{\n  \"a\": 2\n}\n",
        "a=2 / syntax@0+80",
    );
    check(
        "{\n  \"in\": [\n    {\n      \"a\": 8\n    },\n    {\n      \"a\": 9\n    }\n  ],\n  \"a\": tru\n}\n{\n  \"a\": 2\n}\n",
        "a=2 / syntax@0+80",
    );
    // The same without indentation.
    check(
        "{\n\"a\": tru,\n\"in\": [\n{\n\"a\": 8\n},\n{\n\"a\": 9\n}\n]\n}\n{\n\"a\": 2\n}\n",
        "a=2 / syntax@0+46",
    );
    check(
        "{\n\"a\": tru,\n\"in\":\n{\n\"a\": 9\n},\n\"t\": \"x\"\n}\n{\n\"a\": 2\n}\n",
        "a=2 / syntax@0+17 ambiguous@18+10 garbage@30+10",
    );
    check(
        "{\"in\": [\n{\"a\":7}\n{\"a\":8}\n]}\n{\"a\":2}\n",
        "a=2 / truncated@0+16 ambiguous@17+7 garbage@25+2",
    );
    // Valid objects in unusual layouts.
    check("{\"a\":\n1,\"in\":\n{\"a\":9}}\n{\"a\":2}", "a=1; a=2 / ");
    check("{\"in\":\n{\"a\":9},\n\"a\":1}\n{\"a\":2}", "a=1; a=2 / ");
    check(
        "{\n\"in\":\n[\n{\n\"a\":9}\n,{\n\"a\":8}],\n\"a\":1}",
        "a=1 / ",
    );
}

#[test]
fn keys() {
    check("{\"A\":1}{\"T\":\"x\",\"a\":2}", "a=1; a=2 t=\"x\" / ");
    check("{\"TiMe\":5,\"a\":2}", "a=2 time=5000 / ");
    check("{\"\\u0061\":1}", "a=1 / ");
    check("{\"a\":1,\"a\":1}{\"a\":2}", "a=2 / duplicate_key@0+13");
    check("{\"a\":1,\"A\":2}", " / duplicate_key@0+13");
    check("{\"a\":1,\"\\u0041\":2}", " / duplicate_key@0+18");
    check("{\"a\":1,\"t\":null,\"t\":null}", " / duplicate_key@0+25");
    // The Kelvin sign is not a k: only ASCII letters match in both cases.
    check("{\"a\":1,\"o\u{212a}\":true}", "a=1 / ");
    check("{}", " / missing_field@0+2");
    check("{\"t\":\"x\"}", " / missing_field@0+9");
    check("{\"a\":null}", " / missing_field@0+10");
    check("{\"a\":1,\"t\":null,\"d\":null,\"ok\":null}", "a=1 / ");
    // Unknown fields may repeat and may hold any JSON.
    check("{\"a\":1,\"u\":1,\"u\":[{\"a\":[]}],\"U\":{}}", "a=1 / ");
}

#[test]
fn unknown_fields_are_counted() {
    let bytes = b"{\"a\":1,\"u\":1}\n{\"a\":2,\"u\":1,\"u\":2,\"W\":[]}\n{\"a\":3,\"u\":4}\n{\"t\":\"\",\"z\":1}\n";
    let read = read(&Decoder::new(spec(schema())), bytes, &[]);
    let names: Vec<_> = read.tally.unknown_fields.iter().collect();
    assert_eq!(read.tally.unknown, 5);
    assert_eq!(names, [(&"W".to_owned(), &1), (&"u".to_owned(), &4)]);
}

#[test]
fn values() {
    // Integers.
    check(
        "{\"a\":1655564376361.0}{\"a\":1e3}{\"a\":-0.0}{\"a\":1.50e1}",
        "a=1655564376361; a=1000; a=0; a=15 / ",
    );
    check(
        "{\"a\":9223372036854775807}{\"a\":-9223372036854775808}",
        "a=9223372036854775807; a=-9223372036854775808 / ",
    );
    check("{\"a\":9223372036854775808}", " / out_of_range@0+25");
    check("{\"a\":1e19}", " / out_of_range@0+10");
    check("{\"a\":1.5}", " / lossy_number@0+9");
    check("{\"a\":1e-1}", " / lossy_number@0+10");
    check("{\"a\":\"12\"}{\"a\":\"-12\"}", "a=12; a=-12 / ");
    check("{\"a\":\" 12\"}", " / type_mismatch@0+11");
    check("{\"a\":\"012\"}", " / type_mismatch@0+11");
    check("{\"a\":\"1.0\"}", " / type_mismatch@0+11");
    check("{\"a\":\"+1\"}", " / type_mismatch@0+10");
    check("{\"a\":\"9223372036854775808\"}", " / out_of_range@0+27");
    // Blank text is null.
    check(
        "{\"a\":1,\"i\":\"\",\"d\":\" \",\"day\":\"\",\"time\":\"\",\"ok\":\"\"}",
        "a=1 / ",
    );
    check("{\"a\":\"\"}", " / missing_field@0+8");
    check("{\"a\":1,\"t\":\"\"}", "a=1 t=\"\" / ");
    check("{\"a\":true}", " / type_mismatch@0+10");
    check("{\"a\":[1]}", " / type_mismatch@0+9");
    check("{\"a\":{\"a\":1}}", " / type_mismatch@0+13");
    check(
        "{\"a\":1,\"i\":2147483647}{\"a\":1,\"i\":2147483648}",
        "a=1 i=2147483647; a=1 / misfit@33+10",
    );
    // Text.
    check(
        "{\"a\":1,\"t\":8015551212}{\"a\":1,\"t\":-1.50e+3}",
        "a=1 t=\"8015551212\"; a=1 t=\"-1.50e+3\" / ",
    );
    check(
        "{\"a\":1,\"t\":true}{\"a\":1,\"t\":false}",
        "a=1 t=\"true\"; a=1 t=\"false\" / ",
    );
    check("{\"a\":1,\"t\":[]}", "a=1 t=\"[]\" / ");
    check(
        "{\"a\":1,\"t\":{\"u\": [1]} }",
        "a=1 t=\"{\\\"u\\\": [1]}\" / ",
    );
    check(
        "{\"a\":1,\"t\":\"a longer text \\\"quoted\\\" \\\\ \\/ \\b\\f\\n\\r\\t\"}",
        "a=1 t=\"a longer text \\\"quoted\\\" \\\\ / \\u{8}\\u{c}\\n\\r\\t\" / ",
    );
    check(
        "{\"a\":1,\"t\":\"\\u0041\\u00e9\\ud83d\\ude00\"}",
        "a=1 t=\"Aé😀\" / ",
    );
    check("{\"a\":1,\"t\":\"\\u0000\"}", "a=1 t=\"\\0\" / ");
    check(
        "{\"a\":1,\"t\":\"é😀 is kept as it is\"}",
        "a=1 t=\"é😀 is kept as it is\" / ",
    );
    check(
        "{\"a\":1,\"t\":\"\\ud83d\"}{\"a\":2}",
        "a=2 / unpaired_surrogate@0+20",
    );
    check(
        "{\"a\":1,\"t\":\"\\ude00\\ud83d\"}",
        " / unpaired_surrogate@0+26",
    );
    check(
        "{\"a\":1,\"u\":[\"\\ud83d\\u0041\"]}",
        " / unpaired_surrogate@0+28",
    );
    check("{\"a\":1,\"\\ud83d\":1}", " / unpaired_surrogate@0+18");
    check(
        b"{\"a\":1,\"t\":\"J\xf6rg\"}{\"a\":2}",
        "a=2 / invalid_utf8@0+18",
    );
    check(
        b"{\"a\":1,\"t\":\"\xed\xa0\x80\"}\n{\"a\":2}",
        "a=2 / invalid_utf8@0+17",
    );
    check(
        b"{\"a\":1,\"t\":\"cut \xc3\"}\n{\"a\":2}",
        "a=2 / invalid_utf8@0+19",
    );
    check(
        b"{\"a\":1,\"u\":\"\xff\"}\n{\"a\":2}",
        "a=2 / invalid_utf8@0+15",
    );
    check(b"{\"a\":1,\xff\"u\":2}\n{\"a\":2}", "a=2 / syntax@0+14");
    // Floats.
    check(
        "{\"a\":1,\"d\":1}{\"a\":1,\"d\":-0.0}{\"a\":1,\"d\":0.1}{\"a\":1,\"d\":1e-400}",
        "a=1 d=1.0; a=1 d=-0.0; a=1 d=0.1; a=1 d=0.0 / ",
    );
    check(
        "{\"a\":1,\"d\":9007199254740993}{\"a\":1,\"d\":\"2.5e-1\"}",
        "a=1 d=9007199254740992.0; a=1 d=0.25 / ",
    );
    check("{\"a\":1,\"d\":1e400}", "a=1 / misfit@11+5");
    check("{\"a\":1,\"d\":\"NaN\"}", "a=1 / misfit@11+5");
    check(
        "{\"a\":1,\"f\":0.1}{\"a\":1,\"f\":1e39}",
        "a=1 f=0.1; a=1 / misfit@26+4",
    );
    // Dates and times.
    check(
        "{\"a\":1,\"day\":\"1970-01-02\"}{\"a\":1,\"day\":\"1399-01-01\"}",
        "a=1 day=1; a=1 day=-208553 / ",
    );
    check("{\"a\":1,\"day\":\"2023-02-29\"}", "a=1 / misfit@13+12");
    check("{\"a\":1,\"day\":\"967-01-01\"}", "a=1 day=-366338 / ");
    check("{\"a\":1,\"day\":1}", "a=1 day=1 / ");
    check("{\"a\":1,\"day\":1655564376361}", "a=1 / misfit@13+13");
    check(
        "{\"a\":1,\"time\":\"1970-01-01 00:00:01\"}{\"a\":1,\"time\":\"1970-01-01T00:00:01.5Z\"}{\"a\":1,\"time\":1500}{\"a\":1,\"time\":\"1655564376361\"}",
        "a=1 time=1000; a=1 time=1500; a=1 time=1500000; a=1 time=1655564376361 / ",
    );
    check(
        "{\"a\":1,\"time\":\"1970-01-01 00:00:00.0001\"}",
        "a=1 / misfit@14+26",
    );
    check(
        "{\"a\":1,\"time\":\"1970-01-01 24:00:00\"}",
        "a=1 / misfit@14+21",
    );
    // Booleans.
    check(
        "{\"a\":1,\"ok\":true}{\"a\":1,\"ok\":\"false\"}",
        "a=1 ok=true; a=1 ok=false / ",
    );
    check("{\"a\":1,\"ok\":1}", "a=1 / misfit@12+1");
    check("{\"a\":1,\"ok\":\"TRUE\"}", "a=1 / misfit@12+6");
    // The first problem of an object is reported; missing fields come last.
    check("{\"d\":true,\"a\":1.5,\"a\":2}", " / lossy_number@0+24");
    check("{\"d\":true}", " / missing_field@0+10");
}

#[test]
fn limits() {
    let long = "x".repeat(250);
    check_small("{\"a\":1,\"u\":[[[[]]]]}\n{\"a\":2}", "a=1; a=2 / ");
    check_small(
        "{\"a\":1,\"u\":[[[[[]]]]]}\n{\"a\":2}",
        "a=2 / too_deep@0+22",
    );
    check_small(
        "{\"a\":1,\"u\":{\"u\":{\"u\":{\"u\":{\"u\":{\"a\":9}}}}}}{\"a\":2}",
        "a=2 / too_deep@0+43",
    );
    let deep = "[".repeat(300) + &"]".repeat(300);
    check(
        format!("{{\"a\":1,\"u\":{deep}}}\n{{\"a\":2}}"),
        "a=2 / too_deep@0+612",
    );
    check_small(
        format!("{{\"a\":1,\"t\":\"{long}\"}}\n{{\"a\":2}}"),
        "a=2 / too_large@0+264",
    );
    check_small(
        format!("{{\"a\":1,\"u\":\"{}\"}}{{\"a\":2}}", "x".repeat(186)),
        "a=1; a=2 / ",
    );
    check_small(
        format!("{{\"a\":1,\"u\":\"{}\"}}{{\"a\":2}}", "x".repeat(187)),
        "a=2 / too_large@0+201",
    );
    // Broken beyond the limit.
    check_small(
        format!("{{\"a\":1,\"t\":\"{long}\n{{\"a\":2}}"),
        "a=2 / too_large@0+262",
    );
    check_small(format!("{{\"a\":1,\"t\":\"{long}"), " / too_large@0+262");
    // Garbage has no limit.
    check_small(format!("{long}{long}\n{{\"a\":2}}"), "a=2 / garbage@0+500");
}

#[test]
fn a_time_that_is_text_is_not_counted_as_converted() {
    for (kind, value, converted) in [
        (Type::Date, "\"2024-01-31\"", 0),
        (Type::Timestamp, "\"2024-01-31 05:06:07\"", 0),
        (
            Type::Instant { is_checked: true },
            "\"2024-01-31 05:06:07\"",
            0,
        ),
        (
            Type::Instant { is_checked: false },
            "\"2024-01-31\\u002005:06:07\"",
            0,
        ),
        (Type::Instant { is_checked: false }, "1.7066e12", 1),
        (Type::Millis, "\"1706677567000\"", 1),
    ] {
        let columns = vec![Column::optional("at", kind)];
        let spec = spec(Schema { columns });
        let input = format!("{{\"at\":{value}}}");
        for decoder in [Decoder::new(spec.clone()), Decoder::general_only(spec)] {
            let found = read(&decoder, input.as_bytes(), &[]);
            assert_eq!(found.rejected, [], "{kind:?} {value}");
            assert_eq!(found.tally.converted, converted, "{kind:?} {value}");
        }
    }
}
