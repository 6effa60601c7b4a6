//! Privacy gates: checks that no contract can switch off.

use std::fs;

use serde_json::json;

use crate::places::{SMALL, contents, unchanged};
use crate::program::{rows, stedi};

/// An edit of the data product, and the privacy gate that refuses the result.
struct Case {
    file: &'static str,
    from: &'static str,
    to: &'static str,
    table: &'static str,
    check: &'static str,
}

#[test]
fn products_that_let_rows_through() {
    let consent = "privacy: consent in force";
    let rows_allowed = "privacy: rows that may be there";
    for case in [
        Case {
            file: "trusted/accelerometer_trusted.sql",
            from: "join customer_trusted c on subject(c.email) = subject(a.user)",
            to: "",
            table: "accelerometer_trusted",
            check: consent,
        },
        Case {
            file: "trusted/customer_trusted.sql",
            from: "join in_force c on c.subject = n.subject",
            to: "left join in_force c on c.subject = n.subject",
            table: "customer_trusted",
            check: consent,
        },
        // Devices of everybody.
        Case {
            file: "trusted/step_trainer_trusted.sql",
            from: "join customer_curated c on subject(c.email) = o.subject",
            to: "",
            table: "step_trainer_trusted",
            check: "privacy: owner's consent in force",
        },
        // The consent of another purpose.
        Case {
            file: "trusted/customer_trusted.sql",
            from: "where purpose = 'research'",
            to: "where purpose = 'friends'",
            table: "customer_trusted",
            check: consent,
        },
        // Readings from before the consent.
        Case {
            file: "curated/training_set.sql",
            from: "and m.sensorreadingtime >= c.valid_from",
            to: "",
            table: "training_set",
            check: rows_allowed,
        },
        // One person's trainer beside another person's phone.
        Case {
            file: "curated/training_set.sql",
            from: "where m.same_owner and",
            to: "where",
            table: "training_set",
            check: rows_allowed,
        },
        // Likewise, said by the table of pairs.
        Case {
            file: "curated/machine_learning_curated.sql",
            from: "d.owner = subject(a.user) as same_owner",
            to: "d.owner = d.owner as same_owner",
            table: "training_set",
            check: rows_allowed,
        },
        // Absolute times.
        Case {
            file: "curated/training_set.sql",
            from: "p.sensorreadingtime - f.sensorreadingtime as elapsed_ms",
            to: "p.sensorreadingtime as elapsed_ms",
            table: "training_set",
            check: rows_allowed,
        },
    ] {
        let own = SMALL.with_own_lake();
        let before = contents(&own.path().join("lake"));
        stedi(own.path(), "init p").run().done();
        let file = own.path().join("p").join(case.file);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(case.from), "{} in {}", case.from, case.file);
        // Checks of contracts shall not speak first.
        let text = text.replacen(case.from, case.to, 1);
        let (contract, select) = text.split_once("*/").unwrap();
        let contract = contract.split("[checks]").next().unwrap();
        fs::write(&file, format!("{contract}*/{select}")).unwrap();

        let refused = stedi(own.path(), "run --project p --format json")
            .run()
            .ended(4);
        let what = format!(".sql: check {} of {} failed", case.check, case.table);
        let refused = refused.says(&what);
        assert!(refused.err.contains("\nhint: "), "{refused}");
        let report = refused.json();
        let failed: Vec<_> = report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|check| check["verdict"] == "fail")
            .map(|check| {
                (
                    check["table"].as_str().unwrap(),
                    check["check"].as_str().unwrap(),
                )
            })
            .collect();
        assert!(
            failed.contains(&(case.table, case.check)),
            "{}: {failed:?}",
            case.file
        );
        unchanged(&before, &own.path().join("lake"), case.file);
    }
}

#[test]
fn an_anonymous_table_takes_no_personal_column() {
    let own = SMALL.with_own_lake();
    let before = contents(&own.path().join("lake"));
    stedi(own.path(), "init p").run().done();
    let file = own.path().join("p/curated/training_set.sql");
    let text = fs::read_to_string(&file).unwrap();
    for (from, to) in [
        ("pseudonym(p.person) as subject", "p.person as subject"),
        (
            "p.distancefromobject,",
            "p.distancefromobject, upper(p.person) as name,",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        fs::write(&file, text.replacen(from, to, 1)).unwrap();
        stedi(own.path(), "run --project p")
            .run()
            .ended(4)
            .says("training_set is anonymous")
            .hints("pseudonym");
        unchanged(&before, &own.path().join("lake"), from);
    }
}

#[test]
fn what_stands_is_checked_anew() {
    let own = SMALL.copied();
    stedi(own.path(), "run").run().done();
    stedi(own.path(), "verify").run().done();
    let person = rows(
        own.path(),
        "select email from customer_curated order by email limit 1",
    );
    // The person withdraws, and nothing has been run since.
    let gone = fs::read_dir(own.path().join("landing/customer/landing")).unwrap();
    let file = gone.map(|file| file.unwrap().path()).next().unwrap();
    let withdrawn = json!({
        "email": person[0]["email"],
        "lastUpdateDate": 1_790_000_000_000_i64,
    });
    let text = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    fs::write(&file, format!("{text}{withdrawn}\n")).unwrap();
    let report = stedi(own.path(), "verify --format json")
        .run()
        .ended(4)
        .json();
    let checks = report["checks"].as_array().unwrap();
    for (table, check, violations) in [
        ("customer_trusted", "privacy: consent in force", 1),
        ("accelerometer_trusted", "privacy: consent in force", 1),
        ("customer_curated", "privacy: consent in force", 1),
        ("machine_learning_curated", "privacy: consent in force", 1),
    ] {
        let found = checks
            .iter()
            .find(|c| c["table"] == table && c["check"] == check);
        assert_eq!(found.unwrap()["violations"], violations, "{table}");
    }
    stedi(own.path(), "run").run().done();
    stedi(own.path(), "verify").run().done();
}
