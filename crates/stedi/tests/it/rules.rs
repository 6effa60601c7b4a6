//! Checks of contracts, and what happens to rows that violate them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::places::{Landing, SMALL, contents};
use crate::program::{Outcome, count, stedi};

/// Start time of the runs in these tests.
const NOW: i64 = 10_000;

/// Rows of the table if none is left out.
const ALL: u64 = 15;

/// Landing data of five people, all of whom consent to research now: a run never
/// publishes rows of other people, whatever a check does. Consents to the public:
/// ann [100, 200) and from 300 on, bob from 500 on, cat and eve never, dan [100,
/// 400).
fn landing() -> Landing {
    let record = |email: &str, at: i64, consent: Option<i64>| json!({"email": email, "lastUpdateDate": at, "shareWithResearchAsOfDate": 50, "shareWithPublicAsOfDate": consent});
    let reading = |user: &str, at: i64, x: Option<i64>, z: i64| json!({"user": user, "timestamp": at, "x": x, "y": 0, "z": z});
    Landing {
        customers: vec![
            record("ann@example.com", 100, Some(100)),
            record("ann@example.com", 200, None),
            record("ann@example.com", 300, Some(300)),
            record("bob@example.com", 500, Some(500)),
            record("cat@example.com", 100, None),
            record("dan@example.com", 100, Some(100)),
            record("dan@example.com", 400, None),
            record("eve@example.com", 100, None),
        ],
        accelerometer: vec![
            reading("ann@example.com", 99, None, 0),
            reading("ann@example.com", 100, Some(1), 0),
            reading("ann@example.com", 199, Some(1), 0),
            reading("ann@example.com", 200, Some(1), 0),
            reading("ann@example.com", 299, Some(1), 0),
            reading("ann@example.com", 300, Some(1), 0),
            reading("ann@example.com", 300, Some(1), 0),
            reading("ANN@example.com ", 301, Some(1), 0),
            reading("ann@example.com", 1_000, Some(1), 8),
            reading("bob@example.com", 499, Some(-1), 0),
            reading(" BOB@example.com", 500, Some(1), 0),
            reading("cat@example.com", 150, Some(6), 0),
            reading("dan@example.com", 399, Some(1), 0),
            reading("dan@example.com", 400, Some(1), 0),
            reading("eve@example.com", 150, Some(1), 9),
        ],
        step_trainer: vec![json!({"serialNumber": "nobody's", "sensorReadingTime": 1})],
    }
}

/// A folder with this landing data, and in `p` the data product with one additional
/// table, whose name would make it first in the build order.
fn judged(contract: &str) -> TempDir {
    let dir = landing().laid_out();
    stedi(dir.path(), "init p").run().done();
    // It asks for a key of pseudonyms, also where only contracts are verified.
    fs::remove_file(dir.path().join("p/curated/training_set.sql")).unwrap();
    write_table(dir.path(), contract);
    dir
}

fn write_table(dir: &Path, contract: &str) {
    let table = format!(
        "/*\ngrain = \"One reading.\"\nsubject = \"user\"\npersonal = [\"user\", \"named\"]\n{contract}\n*/\n\
         select\n\
         user,\n\
         case when z = 9 then null else user end as named,\n\
         case when z = 8 then null else timestamp end as timestamp,\n\
         x\n\
         from accelerometer_landing -- all of them"
    );
    fs::write(dir.join("p/trusted/a_reading.sql"), table).unwrap();
}

fn run(dir: &Path, lake: &str) -> Outcome {
    let words =
        format!("run --project p --select a_reading --lake {lake} --now {NOW} --format json");
    stedi(dir, &words).run()
}

fn verify(dir: &Path, lake: &str) -> Outcome {
    // The other tables are not there; what counts is what is said of this one.
    let words = format!("verify --project p --lake {lake} --now {NOW} --format json");
    stedi(dir, &words).run()
}

#[track_caller]
fn ask(dir: &Path, lake: &str, sql: &str) -> Value {
    let words = format!("sql --project p --lake {lake} --format json -c");
    stedi(dir, &words).arg(sql).run().done().json()
}

/// Verdict and number of violations of a check.
#[track_caller]
fn reported(outcome: &Outcome, check: &str) -> (String, u64) {
    let report = outcome.json();
    let checks = report["checks"].as_array().unwrap();
    let found = checks
        .iter()
        .find(|found| found["table"] == "a_reading" && found["check"] == check)
        .unwrap_or_else(|| panic!("{check}: {outcome}"));
    let verdict = found["verdict"].as_str().unwrap().to_owned();
    (verdict, found["violations"].as_u64().unwrap())
}

struct Case {
    /// Name of the check.
    name: &'static str,
    /// Text of the check in the contract, with `ACTION` for the action.
    rule: &'static str,
    violations: u64,
    /// Whether it can leave rows out.
    leaves_out: bool,
}

const fn case(name: &'static str, rule: &'static str, violations: u64) -> Case {
    Case {
        name,
        rule,
        violations,
        leaves_out: true,
    }
}

const CASES: [Case; 14] = [
    case(
        "not_null(x)",
        "not_null = { columns = ['x'], action = 'ACTION' }",
        1,
    ),
    // Null is accepted.
    case(
        "accepted(x)",
        "accepted = { x = { min = 0, max = 5, action = 'ACTION' } }",
        2,
    ),
    case(
        "accepted(x)",
        "accepted = { x = { values = [1, 6], action = 'ACTION' } }",
        1,
    ),
    // Both spelled otherwise. Null refers to nothing.
    case(
        "references(named)",
        "references = { named = { to = 'customer_trusted.email', action = 'ACTION' } }",
        2,
    ),
    case(
        "references(named)",
        "references = { named = { to = 'customer_landing.email', action = 'ACTION' } }",
        2,
    ),
    // The table's own source, read twice then.
    case(
        "references(x)",
        "references = { x = { to = 'accelerometer_landing.z', action = 'ACTION' } }",
        14,
    ),
    // ann at 99, 200, 299 and at no time; bob at 499; cat; dan at 400; nobody.
    case(
        "consent_in_force(named, timestamp for public)",
        "consent_in_force = { subject = 'named', at = 'timestamp', purpose = 'public', action = 'ACTION' }",
        8,
    ),
    // cat, dan twice, nobody.
    case(
        "consent_in_force(named for public)",
        "consent_in_force = { subject = 'named', purpose = 'public', action = 'ACTION' }",
        4,
    ),
    // Nobody alone: everybody else agrees to research.
    case(
        "consent_in_force(named)",
        "consent_in_force = { subject = 'named', action = 'ACTION' }",
        1,
    ),
    case(
        "consent_in_force(named, timestamp for friends)",
        "consent_in_force = { subject = 'named', at = 'timestamp', purpose = 'friends', action = 'ACTION' }",
        ALL,
    ),
    // Null is not known to be above 0.
    case(
        "x above 0",
        "rows = [{ name = 'x above 0', holds = 'x > 0 -- metres', action = 'ACTION' }]",
        2,
    ),
    case(
        "someone",
        "rows = [{ name = 'someone', holds = \"named is null or subject(named) <> ''\", action = 'ACTION' }]",
        0,
    ),
    Case {
        leaves_out: false,
        ..case(
            "unique(user, timestamp)",
            "unique = { columns = [['user', 'timestamp']], action = 'ACTION' }",
            2,
        )
    },
    Case {
        leaves_out: false,
        ..case(
            "below",
            "sql = [{ name = 'below', violations = 'select x from a_reading where x < 0', action = 'ACTION' }]",
            1,
        )
    },
];

#[test]
fn each_rule_with_each_action() {
    if crate::long::is_left_out() {
        return;
    }
    let dir = judged("");
    let dir = dir.path();
    for (number, case) in CASES.iter().enumerate() {
        for action in ["fail", "warn", "report", "leave_out"] {
            let shows = format!("{action}: {}", case.rule);
            let lake = format!("lake-{number}-{action}");
            let rule = case.rule.replace("ACTION", action);
            write_table(dir, &format!("[checks]\n{rule}"));
            let outcome = run(dir, &lake);
            if action == "leave_out" && !case.leaves_out {
                let outcome = outcome
                    .ended(2)
                    .says("a_reading.sql:6:")
                    .says("cannot leave rows out");
                assert!(outcome.out.is_empty(), "{shows}: {outcome}");
                continue;
            }
            let (code, verdict, said) = match action {
                _ if case.violations == 0 => (0, "ok", false),
                "fail" => (3, "fail", true),
                "warn" => (0, "warn", true),
                "report" => (0, "ok", false),
                _ => (0, "ok", true),
            };
            assert_eq!(outcome.code, code, "{shows}: {outcome}");
            assert_eq!(
                reported(&outcome, case.name),
                (verdict.to_owned(), case.violations),
                "{shows}"
            );
            assert_eq!(outcome.err.contains(case.name), said, "{shows}: {outcome}");
            assert!(!outcome.err.contains("@"), "{shows}: {outcome}");
            if code != 0 {
                assert!(contents(&dir.join(&lake)).is_empty(), "{shows}");
                continue;
            }
            let left = match action {
                "leave_out" => ALL - case.violations,
                _ => ALL,
            };
            // Landing is accounted for once, however often it was read.
            let found = ask(
                dir,
                &lake,
                "select (select count(*) from a_reading) as rows_left, c.check_name, c.verdict, c.violations, l.rows_in, l.rows_out
                 from system.checks c
                 join system.ledger l on l.step = 'read' and l.table_name = 'accelerometer_landing'
                 where c.table_name = 'a_reading' and c.check_name not like 'privacy: %'",
            );
            let expected = json!([{
                "rows_left": left,
                "check_name": case.name,
                "verdict": verdict,
                "violations": case.violations,
                "rows_in": ALL,
                "rows_out": ALL,
            }]);
            assert_eq!(found, expected, "{shows}");
            let stands = match action {
                "leave_out" => ("ok".to_owned(), 0),
                _ => (verdict.to_owned(), case.violations),
            };
            assert_eq!(reported(&verify(dir, &lake), case.name), stands, "{shows}");
        }
    }
}

#[test]
fn which_rows_are_left() {
    let check = |rule: &str, expected: Value| {
        let dir = judged(&format!("[checks]\n{rule}"));
        run(dir.path(), "lake").done();
        let found = ask(
            dir.path(),
            "lake",
            "select subject(user) as who, timestamp as at from a_reading order by at, who",
        );
        let found: Vec<_> = found
            .as_array()
            .unwrap()
            .iter()
            .map(|row| json!([row["who"], row["at"]]))
            .collect();
        assert_eq!(json!(found), expected, "{rule}");
    };
    let (ann, bob, dan) = ("ann@example.com", "bob@example.com", "dan@example.com");
    check(
        "consent_in_force = { subject = 'named', at = 'timestamp', purpose = 'public', action = 'leave_out' }",
        json!([
            [ann, 100],
            [ann, 199],
            [ann, 300],
            [ann, 300],
            [ann, 301],
            [dan, 399],
            [bob, 500],
        ]),
    );
    check(
        "consent_in_force = [{ subject = 'named', at = 'timestamp', purpose = 'public', action = 'leave_out' },
         { subject = 'named', purpose = 'public', action = 'leave_out' }]",
        json!([
            [ann, 100],
            [ann, 199],
            [ann, 300],
            [ann, 300],
            [ann, 301],
            [bob, 500],
        ]),
    );
}

/// A row that violates several checks counts for the first of them.
#[test]
fn every_row_is_in_the_table_or_counted_once() {
    let rules = [
        (
            "consent_in_force(named, timestamp for public)",
            "consent_in_force = { subject = 'named', at = 'timestamp', purpose = 'public', action = 'leave_out' }",
        ),
        (
            "not_null(x)",
            "not_null = { columns = ['x'], action = 'leave_out' }",
        ),
        (
            "references(named)",
            "references = { named = { to = 'customer_trusted.email', action = 'leave_out' } }",
        ),
        (
            "early",
            "rows = { name = 'early', holds = 'x < 1 or timestamp < 200', action = 'leave_out' }",
        ),
    ];
    // In the order of the file and the other way round.
    for (order, expected) in [([0, 1, 2, 3], [8, 0, 2, 3]), ([3, 2, 1, 0], [9, 0, 1, 3])] {
        let contract: Vec<&str> = order.iter().map(|rule| rules[*rule].1).collect();
        let dir = judged(&format!(
            "duplicates = 'drop'\n[checks]\n{}",
            contract.join("\n")
        ));
        let outcome = run(dir.path(), "lake").done();
        for (rule, violations) in order.iter().zip(expected) {
            assert_eq!(
                reported(&outcome, rules[*rule].0),
                ("ok".to_owned(), violations),
                "{order:?}: {outcome}"
            );
        }
        let left = ALL - expected.iter().sum::<u64>();
        assert_eq!(
            ask(dir.path(), "lake", "select count(*) as n from a_reading"),
            json!([{"n": left}]),
            "{order:?}"
        );
        assert_eq!(
            ask(
                dir.path(),
                "lake",
                "select rows_in, rows_out, left_out, fan_out, unmatched from system.ledger where table_name = 'a_reading' and step = 'build'"
            ),
            json!([{"rows_in": ALL, "rows_out": left, "left_out": ALL - left, "fan_out": 0, "unmatched": 0}]),
            "{order:?}"
        );
        // Once more, nothing is new; what is left out is told again.
        let before = contents(&dir.path().join("lake"));
        run(dir.path(), "lake")
            .done()
            .says("nothing new")
            .says("left out of a_reading");
        assert_eq!(contents(&dir.path().join("lake")), before, "{order:?}");
    }
}

/// Both of two equal readings are left out, so neither is a duplicate.
#[test]
fn rows_left_out_are_no_duplicates() {
    for (rule, rows, duplicates) in [
        ("timestamp >= 0 or timestamp is null", 14, 1),
        ("timestamp <> 300 or timestamp is null", 13, 0),
        ("x <> 1 or x is null", 3, 0),
    ] {
        let dir = judged(&format!(
            "duplicates = 'drop'\n[checks]\nrows = {{ name = 'n', holds = '{rule}', action = 'leave_out' }}"
        ));
        let outcome = run(dir.path(), "lake").done();
        let (_, left_out) = reported(&outcome, "n");
        assert_eq!(rows + duplicates + left_out, ALL, "{rule}");
        assert_eq!(
            ask(
                dir.path(),
                "lake",
                "select rows_in, rows_out, duplicates from system.runs where table_name = 'a_reading'"
            ),
            json!([{"rows_in": ALL, "rows_out": rows, "duplicates": duplicates}]),
            "{rule}"
        );
        assert_eq!(
            ask(
                dir.path(),
                "lake",
                "select rows_in, rows_out, left_out, duplicate from system.ledger where table_name = 'a_reading' and step = 'build'"
            ),
            json!([{"rows_in": ALL, "rows_out": rows, "left_out": left_out, "duplicate": duplicates}]),
            "{rule}"
        );
    }
}

#[test]
fn rows_that_should_have_been_left_out_fail_verification() {
    let rule = "[checks]\nnot_null = { columns = ['x'], action = 'ACTION' }";
    let dir = judged(&rule.replace("ACTION", "report"));
    run(dir.path(), "lake").done();
    write_table(dir.path(), &rule.replace("ACTION", "leave_out"));
    let verified = verify(dir.path(), "lake").ended(3);
    assert_eq!(reported(&verified, "not_null(x)"), ("fail".to_owned(), 1));
    run(dir.path(), "lake")
        .done()
        .says("left out of a_reading: 1 row,");
    let verified = verify(dir.path(), "lake");
    assert_eq!(reported(&verified, "not_null(x)"), ("ok".to_owned(), 0));
}

/// Errors that only planning finds: the message names the place of the check.
#[test]
fn rules_that_do_not_fit_the_table() {
    let dir = judged("");
    let dir = dir.path();
    for (rule, line, says, hints) in [
        (
            "not_null = { columns = ['xx'], action = 'leave_out' }",
            6,
            "not_null names `xx`",
            "`x`",
        ),
        (
            "\nrows = { name = 'n', holds = 'xx > 0', action = 'leave_out' }",
            7,
            "no column `xx`",
            "`x`",
        ),
        (
            "rows = { name = 'n', holds = 'z > 0', action = 'leave_out' }",
            6,
            "no column `z`",
            "",
        ),
        ("rows = { name = 'n', holds = 'x' }", 6, "boolean", ""),
        (
            "rows = { name = 'n', holds = 'sum(x) > 0', action = 'leave_out' }",
            6,
            "an aggregate",
            "",
        ),
        (
            "consent_in_force = { subject = 'user', at = 'time', action = 'leave_out' }",
            6,
            "consent_in_force names `time`",
            "`timestamp`",
        ),
        (
            "references = { user = { to = 'customer_trusted.mail', action = 'leave_out' } }",
            6,
            "no column `mail`",
            "`email`",
        ),
        (
            "references = { user = { to = 'machine_learning_curated.usr', action = 'leave_out' } }",
            6,
            "no column `usr`",
            "`user`",
        ),
    ] {
        write_table(dir, &format!("[checks]\n{rule}"));
        let outcome = run(dir, "lake")
            .ended(2)
            .says(&format!("p/trusted/a_reading.sql:{line}: "))
            .says(says);
        if !hints.is_empty() {
            outcome.hints(hints);
        }
        assert!(!dir.join("lake").exists(), "{rule}");
    }
    // Who leaves rows out by a table waits for it.
    write_table(
        dir,
        "[checks]\nreferences = { user = { to = 'a_reading.user', action = 'leave_out' } }",
    );
    run(dir, "lake").ended(2).says("reads itself");
}

/// The pairs of phone and trainer that belong to one person, counted by the check
/// and by the model's own ledger entry.
#[test]
fn pairs_of_another_owner_are_left_out() {
    let own = SMALL.with_own_lake();
    let dir = own.path();
    let pairs = "select count(*) from machine_learning_curated";
    let all = count(dir, pairs);
    let same_owner = count(dir, &format!("{pairs} where same_owner"));
    assert!(same_owner < all, "some are of two people");
    stedi(dir, "init p").run().done();
    let path = dir.join("p/curated/machine_learning_curated.sql");
    let text = fs::read_to_string(&path).unwrap();
    let rule = "owner_match = { subject = \"user\", device = \"serialnumber\", at = \"sensorreadingtime\", action = \"leave_out\" }";
    fs::write(
        &path,
        text.replacen("[checks]\n", &format!("[checks]\n{rule}\n"), 1),
    )
    .unwrap();
    let outcome = stedi(dir, "run --project p --format json").run().done();
    let report = outcome.json();
    let check = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["check"] == "owner_match(user, serialnumber, sensorreadingtime)")
        .unwrap();
    assert_eq!(check["violations"], json!(all - same_owner), "{outcome}");
    assert_eq!(count(dir, pairs), same_owner);
    assert_eq!(count(dir, &format!("{pairs} where same_owner")), same_owner);
    stedi(dir, "verify --project p").run().done();
}
