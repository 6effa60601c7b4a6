//! Messages about statements that cannot be run: plain words, the same each time,
//! never a data structure of a library. Also the output of values that would
//! control a terminal.

use std::fs;

use crate::places::{SMALL, append};
use crate::program::stedi;

/// Fragments of the debug output of libraries.
const STRUCTURES: [&str; 12] = [
    " { ",
    "Ident",
    "Span(",
    "Some(",
    "ObjectName",
    "ParserError",
    "Internal error",
    "DataFusion",
    "Assertion",
    "([",
    "Schema error",
    "Candidate",
];

#[test]
fn what_is_not_supported_is_told_by_its_name() {
    for (statement, says, hints) in [
        (
            "select * from customer_trusted pivot (count(email) for phone in ('a', 'b'))",
            "PIVOT is not supported",
            "filter",
        ),
        (
            "select * from customer_trusted unpivot (n for what in (phone, email))",
            "UNPIVOT is not supported",
            "UNION ALL",
        ),
        (
            "select * from customer_trusted a asof join customer_trusted b match_condition (a.phone >= b.phone) on a.email = b.email",
            "ASOF JOIN is not supported",
            "row_number()",
        ),
        (
            "select (select count(*) from accelerometer_landing b where b.x > a.x) from accelerometer_landing a",
            "by more than equality is not supported",
            "join",
        ),
        (
            "select count(*) from accelerometer_landing tablesample bernoulli (10)",
            "TABLESAMPLE is not supported",
            "random()",
        ),
        (
            "select user from (select user from accelerometer_landing) a tablesample system (1)",
            "TABLESAMPLE is not supported",
            "random()",
        ),
        (
            "select user from accelerometer_landing for update",
            "FOR UPDATE or FOR SHARE is not supported",
            "only read",
        ),
        (
            "select user from accelerometer_landing connect by prior user = user",
            "CONNECT BY is not supported",
            "RECURSIVE",
        ),
        (
            "select count(*) from customer_landing partition (p0)",
            "PARTITION (...) is not supported",
            "WHERE",
        ),
        (
            "select x, x from accelerometer_landing",
            "two columns of the result have the same name",
            "AS",
        ),
        (
            "select email collate \"de\" from customer_trusted",
            "COLLATE is not supported",
            "lower",
        ),
        (
            "select top 3 email from customer_trusted",
            "TOP is not supported",
            "LIMIT",
        ),
        (
            "select 'a' rlike 'b'",
            "RLIKE is not supported",
            "regexp_like",
        ),
        (
            "select 'a' like any ('b')",
            "LIKE ANY is not supported",
            "OR",
        ),
        ("select 1 = any (select 1)", "not support", ""),
        (
            "select * from customer_trusted a semi join customer_trusted b using (email)",
            "SEMI JOIN is not supported",
            "LEFT SEMI JOIN",
        ),
        (
            "select * from customer_trusted cross apply (select 1) x",
            "APPLY is not supported",
            "LATERAL",
        ),
        (
            "select email from customer_trusted fetch first 3 rows with ties",
            "FETCH is not supported",
            "LIMIT",
        ),
        ("select array[1] && array[2]", "not support", "other"),
        (
            "select a.b.c.d.e from customer_trusted",
            "not support",
            "other",
        ),
        ("select b'1'", "not support", "other"),
        (
            "select sum(email) from customer_trusted",
            "`sum` does not take",
            "CAST",
        ),
        ("select trim(1 from 'a')", "`btrim` does not take", "CAST"),
        (
            "select ntile('a') over () from customer_trusted",
            "`ntile` does not take",
            "CAST",
        ),
        ("select 5 div 2", "an operator or the end", ""),
        ("select case 1 when 1 then 2", "SQL: expected", ""),
        (
            "select email from customer_trusted limit 1 by email",
            "SQL: expected",
            "",
        ),
        ("select $1", "placeholder", "value"),
        (
            "select current_user",
            "there is no column `current_user`",
            "reads no table",
        ),
    ] {
        let mut outcome = stedi(&SMALL.dir, "sql -c")
            .arg(statement)
            .run()
            .ended(1)
            .says(says);
        if !hints.is_empty() {
            outcome = outcome.hints(hints);
        }
        for structure in STRUCTURES {
            assert!(!outcome.err.contains(structure), "{structure:?}: {outcome}");
        }
    }
}

#[test]
fn an_unknown_function_has_one_hint_and_no_far_one() {
    for (statement, says, hint) in [
        (
            "select lenght('x')",
            "there is no function `lenght`",
            "did you mean `length`?",
        ),
        (
            "select summ(1)",
            "there is no function `summ`",
            "did you mean `sum`?",
        ),
        (
            "select foo(1)",
            "there is no function `foo`",
            "`show functions` lists",
        ),
        (
            "select xyzzy_of(1)",
            "there is no function `xyzzy_of`",
            "`show functions` lists",
        ),
        (
            "select group_concat(email, ',') from customer_trusted",
            "there is no function `group_concat`",
            "listagg",
        ),
        (
            "select iff(true, 1, 2)",
            "there is no function `iff`",
            "if(condition",
        ),
        (
            "select row_number() from customer_trusted",
            "`row_number` looks at other rows",
            "over (",
        ),
        // Of several that are as near, always the same.
        (
            "select array_ma(1)",
            "there is no function `array_ma`",
            "did you mean `array_max`?",
        ),
    ] {
        let first = stedi(&SMALL.dir, "sql -c")
            .arg(statement)
            .run()
            .ended(1)
            .says(says)
            .hints(hint);
        for _ in 0..3 {
            let again = stedi(&SMALL.dir, "sql -c").arg(statement).run();
            assert_eq!(again.err, first.err, "{statement}");
        }
    }
}

/// A value that controls a terminal: colours, the window's title, the cursor, a C1
/// introducer, a reversed text direction.
const HARMFUL: &str = "\u{1b}[31m\u{1b}]0;title\u{7}\r\u{9b}2J\u{7f}\u{202e}";

#[test]
fn harmful_values_are_shown_in_tables_and_faithful_elsewhere() {
    let own = SMALL.copied();
    let record = serde_json::json!({
        "user": format!("p{HARMFUL}@example.com"), "timestamp": 1, "x": 1.0, "y": 2.0, "z": 3.0,
    });
    append(
        own.path(),
        "accelerometer/landing/harmful.json",
        &format!("{record}\n"),
    );
    // What cannot be read, with bytes that are no text.
    let broken = own.path().join("landing/accelerometer/landing/broken.json");
    fs::write(broken, b"{\"user\":\"a\x1b[31m\x9b\xff\n").unwrap();
    let rows = "select user as \"u\u{1b}[32m\" from accelerometer_landing where timestamp = 1";
    let call = |format: &str| {
        let call = stedi(own.path(), &format!("sql --format {format} -c"));
        call.arg(rows).run().done()
    };
    let shown = "\\u001b[31m\\u001b]0;title\\u0007\\u000d\\u009b2J\\u007f\\u202e";
    let table = call("table");
    assert!(
        table.out.contains(shown) && table.out.contains("u\\u001b[32m"),
        "{table}"
    );
    assert!(
        !table.out.chars().any(|c| c.is_control() && c != '\n'),
        "{table}"
    );
    // A program gets what was sent.
    assert!(call("csv").out.contains(HARMFUL));
    let json = call("ndjson");
    assert!(!json.out.contains('\u{1b}'), "{json}");
    let value = &json.json_lines()[0]["u\u{1b}[32m"];
    assert_eq!(value, &format!("p{HARMFUL}@example.com"));

    stedi(own.path(), "run").run().done();
    let list = stedi(own.path(), "quarantine list --format json")
        .run()
        .done()
        .json();
    let id = list[0]["id"].as_str().unwrap();
    let show = stedi(own.path(), "quarantine show").arg(id).run().done();
    assert!(show.out.contains("\u{1b}[31m"), "{show}");
    // Messages go to people.
    let named = "select * from \"x\u{1b}[31m\"";
    let refused = stedi(own.path(), "sql -c").arg(named).run().ended(1);
    assert!(!refused.err.contains('\u{1b}'), "{refused}");
    let missing = stedi(own.path(), "sql -f")
        .arg("no\u{1b}[31m.sql")
        .run()
        .ended(1);
    assert!(!missing.err.contains('\u{1b}'), "{missing}");
}
