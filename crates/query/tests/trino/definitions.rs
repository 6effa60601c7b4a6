//! Views and prepared statements. A case is statements with `; ` between them, and what
//! the last one answers; `!` before a text asks for an error that has it.

use query::{Request, Session};

use crate::{answer, idioms};

/// What the last of the statements answers, or the first error.
async fn asked(session: &Session, statements: &str) -> Result<String, String> {
    let mut last = String::new();
    for sql in statements.split("; ") {
        let requested = session.request(sql).map_err(|error| {
            let hint = error.advice().unwrap_or_default();
            format!("error: {error}; hint: {hint}")
        })?;
        last = match requested {
            Request::Query(sql) => answer(session, &sql).await?,
            Request::Done(sentence) => sentence,
        };
    }
    Ok(last)
}

/// Each case has a session of its own.
async fn check(cases: &[(&str, &str)]) {
    let mut faults = Vec::new();
    for (statements, expected) in cases {
        let landing = tempfile::tempdir().unwrap();
        let session = idioms::session(landing.path());
        let found = asked(&session, statements).await;
        let is_right = match (expected.strip_prefix('!'), &found) {
            (Some(part), Err(error)) => error.contains(part),
            (None, Ok(rows)) => rows == expected,
            _ => false,
        };
        if !is_right {
            let found = found.unwrap_or_else(|error| error);
            faults.push(format!(
                "{statements}\n    expected {expected}\n    found    {found}"
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn a_prepared_statement_stays_as_it_is_written() {
    check(&[
        ("prepare p from select 'O''Brien'; execute p", "O'Brien"),
        (
            "prepare p from select count(*) from customer_landing where email = ?; \
             execute p using 'x'') or (''1''=''1'",
            "0",
        ),
        ("prepare p from select ?; execute p using 'it''s'", "it's"),
        (
            "prepare p from select E'it\\'s', U&'\\0041', ?; execute p using E'\\'\\n'",
            "it's|A|'\n",
        ),
        (
            "prepare p from select \"a\"\"b\", `c``d` from (values (1, 2)) t(\"a\"\"b\", `c``d`); \
             execute p",
            "1|2",
        ),
        (
            "prepare p from\nselect 'é', ? -- it's\n  , /* ? */ '?'; execute p using\n 'ü' , 2",
            "!takes 1 values, and 2 are given",
        ),
        (
            "prepare p from\nselect 'é', ? -- it's\n  , /* ? */ '?'; execute p using\n 'ü'",
            "é|ü|?",
        ),
        (
            "prepare p from select count(*) from customer_landing where email = ?; \
             execute p using 'x') or (1 = 1",
            "!closes a bracket",
        ),
        (
            "prepare p from select ?, ?; execute p using array[1, 2][1], (3)",
            "1|3",
        ),
    ])
    .await;
}
