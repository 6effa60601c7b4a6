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

#[tokio::test]
async fn a_with_and_a_view_do_not_change_each_other() {
    check(&[
        (
            "create view v as select email from customer_landing; \
             with customer_landing as (select 'captured' as email) select * from v",
            "!WITH defines `customer_landing`, which the view `v` reads; hint: give it another name",
        ),
        (
            "create view v as select email from customer_landing; \
             with customer_landing as (select 'captured' as email) \
             select count(*) from (values (1)) t(n) where exists (select 1 from v)",
            "!WITH defines `customer_landing`",
        ),
        (
            "create view v as select email from customer_landing; \
             create view w as with customer_landing as (select 'a' as email) select * from v",
            "!WITH defines `customer_landing`",
        ),
        (
            "create view v as select email from landing.customer_landing; \
             with \"landing.customer_landing\" as (select 'captured' as email) select * from v",
            "!WITH defines",
        ),
        // The WITH reads the view, and holds only behind it.
        (
            "create view v as select email from customer_landing; \
             with customer_landing as (select email from v) select count(*) from customer_landing",
            "3",
        ),
        (
            "create view v as select email from customer_landing; \
             with v as (select email from v limit 1) select count(*) from v",
            "1",
        ),
        // A view's own WITH is its own; the planner takes each name once.
        (
            "create view v as with x as (select 1 as a) select a from x; \
             with y as (select 2 as a) select v.a, y.a from v cross join y",
            "1|2",
        ),
        (
            "create view v as with x as (select 1 as a) select a from x; \
             with x as (select 2 as a) select v.a, x.a from v cross join x",
            "!specified more than once",
        ),
        (
            "create view base as select 1 as a; \
             select * from (with base as (select 2 as b) select b from base) x cross join base",
            "2|1",
        ),
    ])
    .await;
}

#[tokio::test]
async fn errors_show_no_literal_of_a_view() {
    let landing = tempfile::tempdir().unwrap();
    let session = idioms::session(landing.path());
    for statements in [
        "create view v as select upper('AnnSmith'), 1 as b; select nope from v",
        "create view w as select * from v; select nope from w",
        "drop view v; select nope from w",
        "create view u (\"AnnSmith@home\") as select 1; select nope from u",
        "prepare p from select nope from (select upper(?) as a, upper('AnnSmith'), 1 as b); \
         execute p using 'AnnSmith'",
    ] {
        let found = asked(&session, statements).await;
        let error = found.expect_err(statements);
        assert!(error.contains("no column `nope`"), "{statements}: {error}");
        assert!(!error.contains("AnnSmith"), "{statements}: {error}");
    }
}

#[tokio::test]
async fn a_statement_is_measured_before_it_is_taken_apart() {
    let long = |begin: &str, end: &str| format!("{begin}{}{end}", " ".repeat(2 << 20));
    let cases = [
        long("drop table", "x"),
        long("create database", "x"),
        long("deallocate prepare", "x"),
        long("prepare p from", "select 1"),
        format!("drop view {}", vec!["v"; 100_001].join(",")),
    ];
    for sql in cases {
        check(&[(&sql, "!the statement is too long")]).await;
    }
}

#[tokio::test]
async fn what_a_session_keeps_is_bounded_in_bytes() {
    let long = format!("select '{}' as x", "x".repeat(2_000_000));
    let two = format!("create view v as {long}; prepare p from {long}");
    let many = format!("select 1 in ({}) as x", vec!["1"; 75_000].join(","));
    let full = "!the views and prepared statements of the session are too long: more than 4 MiB";
    let too_long = "!the queries of the views that a statement names are too long: more than 2 MiB";
    for (statements, expected) in [
        (format!("{two}; create view w as {long}"), full),
        (format!("{two}; prepare q from {long}"), full),
        (
            format!(
                "{two}; create or replace view v as {long}; prepare p from {long}; \
                 drop view v; deallocate prepare p; \
                 create view v as {long}; prepare q from {long}; select 1"
            ),
            "1",
        ),
        (
            format!("create view v as {long}; create view w as select 1 from v a, v b"),
            too_long,
        ),
        (
            format!("create view v as {long}; explain select 1 from v a, v b"),
            too_long,
        ),
        // Of little text and many tokens.
        (
            format!("create view v as {many}; select 1 from v a, v b"),
            too_long,
        ),
        (
            format!("create view v as {many}; create view w as {many}; create view x as {many}"),
            full,
        ),
    ] {
        check(&[(&statements, expected)]).await;
    }
}

#[tokio::test]
async fn views_are_removed_together_or_not_at_all() {
    let made = "create view a as select 1 as x; create view b as select 2 as x";
    for (statements, expected) in [
        (
            format!("{made}; drop view a, missing"),
            "!there is no view `missing`",
        ),
        (format!("{made}; drop view a, b; show views"), ""),
        (
            format!("{made}; drop view if exists a, missing"),
            "a is removed; there is no view missing; nothing was done",
        ),
    ] {
        check(&[(&statements, expected)]).await;
    }
    let landing = tempfile::tempdir().unwrap();
    let session = idioms::session(landing.path());
    asked(&session, made).await.unwrap();
    asked(&session, "drop view a, missing").await.unwrap_err();
    assert_eq!(asked(&session, "show views").await.unwrap(), "a\nb");
}
