//! Error messages contain no personal values, even where an error of a library
//! would quote one.

use std::fs;

use crate::places::{SMALL, append};
use crate::program::{rows, stedi};

/// Statements that fail while rows are read, most of them on a personal value.
const STUMBLING: [&str; 47] = [
    "select cast(email as bigint) from customer_landing",
    "select cast(email as double) from customer_landing",
    "select sum(cast(email as double)) from customer_landing",
    "select cast(customername as bigint) from customer_landing",
    "select cast(customername as timestamp) from customer_landing",
    "select cast(customername as date) from customer_landing",
    "select cast(customername as time) from customer_landing",
    "select cast(customername as boolean) from customer_landing",
    "select cast(customername as interval) from customer_landing",
    "select cast(customername as decimal(3, 1)) from customer_landing",
    "select cast(serialnumber as int) from step_trainer_landing",
    "select cast(phone as smallint) from customer_landing",
    "select cast(cast(phone as bigint) as int) from customer_landing",
    "select cast(cast(phone as bigint) as decimal(3, 1)) from customer_landing",
    "select arrow_cast(email, 'Int32') from customer_landing",
    "select arrow_cast(customername, 'Timestamp(Second, None)') from customer_landing",
    "select to_timestamp(email) from customer_landing",
    "select to_timestamp(customername) from customer_landing",
    "select to_timestamp(customername, '%Y') from customer_landing",
    "select to_timestamp_millis(customername) from customer_landing",
    "select to_date(customername) from customer_landing",
    "select to_date('2020', customername) from customer_landing",
    "select to_char(to_timestamp_millis(lastupdatedate), '%!' || customername) from customer_landing",
    "select date_trunc(customername, now()) from customer_landing",
    "select make_date(cast(phone as bigint), 1, 1) from customer_landing",
    "select decode(customername, 'hex') from customer_landing",
    "select decode(customername, 'base64') from customer_landing",
    "select chr(cast(phone as bigint)) from customer_landing",
    "select factorial(cast(phone as bigint)) from customer_landing",
    "select rpad(email, cast(phone as bigint) * 1000, email) from customer_landing",
    "select 1 / (lastupdatedate - lastupdatedate) from customer_landing",
    "select lastupdatedate % (lastupdatedate - lastupdatedate) from customer_landing",
    "select 'x' ~ ('(' || customername) from customer_landing",
    "select 'x' similar to ('(' || customername) from customer_landing",
    "select regexp_like('x', '(' || customername) from customer_landing",
    "select regexp_like('x', '[' || email) from customer_landing",
    "select regexp_match('x', customername || '(') from customer_landing",
    "select regexp_match('x', 'x', customername) from customer_landing",
    "select regexp_count('x', customername || '[') from customer_landing",
    "select regexp_replace('x', customername || '(', 'y') from customer_landing",
    "select regexp_replace('x', serialnumber || '\\', 'y') from customer_landing",
    "select map(make_array(customername, customername), make_array(1, 2)) from customer_landing",
    "select make_array(1, 2)[cast(customername as bigint)] from customer_landing",
    "select split_part(email, '@', 0) from customer_landing",
    "select array_slice(make_array(email), 1, 1, 0) from customer_landing",
    "select * from customer_landing where email = (select email from customer_landing)",
    "select approx_percentile_cont(0.5) within group (order by cast(customername as double)) from customer_landing",
];

#[test]
fn values_that_the_engine_stumbles_over() {
    let dir = &SMALL.dir;
    let in_the_lake = STUMBLING
        .iter()
        .step_by(4)
        .map(|statement| statement.replace("customer_landing", "customer_trusted"));
    for statement in STUMBLING.map(str::to_owned).into_iter().chain(in_the_lake) {
        let outcome = stedi(dir, "sql -v -c").arg(&statement).run();
        SMALL.people.untold_by(&outcome);
        if outcome.code == 0 {
            // The engine found an answer; then there was nothing to tell.
            continue;
        }
        let outcome = outcome.ended(1).says("error: ");
        assert!(outcome.out.is_empty(), "{outcome}");
        let message = outcome.err.lines().find(|line| line.starts_with("error: "));
        let words = message.map(|line| line.split_whitespace().count());
        assert!(words > Some(3), "too short to help: {outcome}");
    }
}

/// Messages about statements must not quote their values: a user looks people up by
/// name or address, and the terminal's log is kept.
#[test]
fn values_that_stand_in_a_statement() {
    let dir = &SMALL.dir;
    let person = &rows(
        dir,
        "select email, customername, phone, serialnumber from customer_landing limit 1",
    )[0];
    let [email, name, phone, serial] =
        ["email", "customername", "phone", "serialnumber"].map(|key| person[key].as_str().unwrap());
    let (first, last) = name.split_once(' ').unwrap();
    for statement in [
        format!("select * from customer_landing where customername = \"{name}\""),
        format!("select * from customer_landing where email = \"{email}\""),
        format!("select * from customer_landing where customername = 'x' '{name}'"),
        format!("select * from customer_landing wher customername = '{name}'"),
        format!("select * from customer_landing where customername = '{name}"),
        format!("select * from customer_landing where customername = {name}"),
        format!("select * from customer_landing where email = {email}"),
        format!("select * from customer_landing where phone = cast('{phone}x' as bigint)"),
        format!("select * from customer_landing where lastupdatedate = '{name}'"),
        format!("select cast('{name}' as bigint)"),
        format!("select '{serial}'::int"),
        format!("select timestamp '{name}'"),
        format!("select date '{name}'"),
        format!("select to_timestamp('{name}')"),
        format!("select arrow_cast(1, '{name}')"),
        format!("select date_part('{name}', now())"),
        format!("select regexp_like('x', '{name}(')"),
        format!("select 'x' ~ '{name}('"),
        format!("select interval '{name}'"),
        format!("select * from \"{name}\""),
        format!("select * from customer_trusted timestamp as of '{name}'"),
        format!("select * from customer_trusted version as of '{name}'"),
        format!("select nothing_such('{name}')"),
        format!("select lastupdatedate from customer_landing group by '{name}'"),
        format!("select substr('{name}')"),
        format!("select c.\"{name}\" from customer_landing c"),
        format!("select now() at time zone '{name}'"),
        format!("insert into customer_trusted values ('{name}', '{email}')"),
        format!("create external table t (a string, '{name}' string)"),
        format!(
            "create external table t (a string) location '{name}' tblproperties ('owner' = '{email}')"
        ),
    ] {
        let outcome = stedi(dir, "sql -v -c").arg(&statement).run();
        if outcome.code == 0 {
            continue;
        }
        SMALL.people.untold_by(&outcome);
        // An unquoted name is told word by word.
        assert!(
            !(outcome.err.contains(first) && outcome.err.contains(last)),
            "{outcome}"
        );
    }
}

#[test]
fn landing_input_that_cannot_be_read() {
    let own = SMALL.copied();
    let dir = own.path();
    let person = &rows(
        dir,
        "select email, customername, phone, serialnumber from customer_landing limit 1",
    )[0];
    let [email, name, phone, serial] =
        ["email", "customername", "phone", "serialnumber"].map(|key| person[key].as_str().unwrap());
    for (file, line) in [
        (
            "customer",
            format!(r#"{{"email":"{email}","customerName":"{name}","lastUpdateDate":"{phone}x"}}"#),
        ),
        (
            "customer",
            format!(r#"{{"email":"{email}","email":"{email}","lastUpdateDate":1}}"#),
        ),
        (
            "customer",
            format!(r#"{{"email":"{email}","lastUpdateDate":1.5}}"#),
        ),
        (
            "customer",
            format!(r#"{{"email":"{email}","{name}":"{name}","{name}":1,"lastUpdateDate":true}}"#),
        ),
        ("customer", format!(r#"{{"email":"{email}" "{name}"}}"#)),
        ("customer", format!("{name} {email} {phone} {serial}")),
        ("customer", format!("\"{name}\"")),
        ("customer", phone.to_owned()),
        ("customer", format!(r#"["{name}"]"#)),
        (
            "customer",
            format!(
                r#"{{"email":"{email}","lastUpdateDate":1,"shareWithResearchAsOfDate":"{name}"}}"#
            ),
        ),
        ("accelerometer", format!(r#"{{"user":"{email}"}}"#)),
        (
            "accelerometer",
            format!(r#"{{"user":"{email}","timestamp":99999999999999999999}}"#),
        ),
        (
            "accelerometer",
            format!(r#"{{"user":"{email}","timestamp":1,"x":"{name}"}}"#),
        ),
        (
            "step_trainer",
            format!(r#"{{"serialNumber":"{serial}","sensorReadingTime":"{serial}"}}"#),
        ),
        ("step_trainer", format!(r#"{{"serialNumber":"{serial}"#)),
    ] {
        append(
            dir,
            &format!("{file}/landing/bad.json"),
            &format!("{line}\n"),
        );
    }
    for (words, code) in [("run --strict -v", 3), ("run -v", 0), ("verify -v", 0)] {
        let outcome = stedi(dir, words).run().ended(code);
        SMALL.people.untold_by(&outcome);
        assert!(outcome.err.contains("bad.json") || code == 0, "{outcome}");
    }
    let select = "select count(*) from customer_landing";
    let outcome = stedi(dir, "sql -v -c").arg(select).run().done();
    SMALL.people.untold_by(&outcome);
    // The reason stands in the table that people look at first.
    let reasons = rows(
        dir,
        "select table_name, file, line, reason, detail from system.quarantine",
    );
    assert!(reasons.len() >= 12, "{reasons:?}");
    for reason in reasons {
        assert_eq!(SMALL.people.found_in(&reason.to_string()), None, "{reason}");
    }
}

#[test]
fn values_that_stand_in_a_project() {
    let own = SMALL.with_own_lake();
    let dir = own.path();
    let person = &rows(
        dir,
        "select email, customername from customer_landing limit 1",
    )[0];
    let name = person["customername"].as_str().unwrap();
    for (shows, from, to) in [
        ("a cast", "a.x,", "cast(a.user as bigint) as x,"),
        (
            "a pattern",
            "a.x,",
            "regexp_count(a.user, a.user || '(') as x,",
        ),
        ("division", "a.x,", "1 / (a.timestamp - a.timestamp) as x,"),
    ] {
        let project = dir.join("p");
        let _ = fs::remove_dir_all(&project);
        stedi(dir, "init p").run().done();
        let file = project.join("trusted/accelerometer_trusted.sql");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        // What is made of a personal value must be declared, here and in every
        // table that reads it: those are not built.
        let text = text.replacen(from, to, 1);
        let text = text.replacen("personal = [\"user\"]", "personal = [\"user\", \"x\"]", 1);
        fs::write(&file, text).unwrap();
        let words = "run -v --project p --select accelerometer_trusted";
        let outcome = stedi(dir, words).run().ended(1);
        let outcome = outcome.says("accelerometer_trusted");
        SMALL.people.untold_by(&outcome);
        assert!(!outcome.err.contains(name), "{shows}: {outcome}");
    }
}
