//! Values that do not fit the types of their columns cost no row, and none of them is
//! lost silently.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::{customer, project, run};
use crate::program::stedi;

const COLUMNS: &str = "email string, birthday date, registrationdate bigint, phone string, \
     lastupdatedate timestamp, sharewithresearchasofdate bigint";

/// Eight people who agreed, with these fields besides; a line each.
fn landing(dir: &Path, fields: &[&str]) {
    let people = fields.iter().enumerate().map(|(number, fields)| {
        format!(
            "{{\"email\":\"p{number}@example.com\",\"lastUpdateDate\":1655564444103,\
             \"shareWithResearchAsOfDate\":1655564444103{fields}}}\n"
        )
    });
    let file = |path: &str, text: &str| {
        let path = dir.join("landing").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    file("customer/landing/c.json", &people.collect::<String>());
    file("accelerometer/landing/a.json", "");
    file("step_trainer/landing/s.json", "");
}

fn ask(dir: &Path, statement: &str) -> serde_json::Value {
    let call = stedi(dir, "sql --project p --format json -q -c").arg(statement);
    call.run().done().json()
}

#[test]
fn nobody_vanishes_over_a_birthday() {
    let dir = project(&[("customer_landing.sql", customer(COLUMNS))]);
    let dir = dir.path();
    landing(
        dir,
        &[
            ",\"birthDay\":\"1962-11-04\"",
            ",\"birthDay\":\"967-01-01\"",
            ",\"birthDay\":\"sometime\"",
            ",\"birthDay\":\"2023-02-30\"",
            ",\"birthDay\":1655564444103",
            ",\"birthDay\":\"someone@example.com\",\"registrationDate\":1.5",
            ",\"registrationDate\":[1],\"phone\":{\"home\": \"1\"}",
            "",
        ],
    );
    let outcome = run(dir, &dir.join("landing")).done();
    let outcome = outcome.says(
        "customer_landing: 6 values do not fit the type of the column (birthday, registrationdate); the \
         rows were kept, with null there",
    );
    for value in ["sometime", "someone@", "2023-02-30"] {
        assert!(!outcome.err.contains(value), "{outcome}");
    }
    let trusted = ask(
        dir,
        "select email, cast(birthday as varchar) as born, registrationdate as since, phone
         from customer_trusted order by email",
    );
    let row = |number: usize, born: Option<&str>| json!({"email": format!("p{number}@example.com"), "born": born, "since": null, "phone": null});
    let mut expected = vec![row(0, Some("1962-11-04")), row(1, Some("0967-01-01"))];
    expected.extend((2..8).map(|number| row(number, None)));
    expected[6]["phone"] = json!("{\"home\": \"1\"}");
    assert_eq!(trusted, json!(expected));
    // Each is where it can be found, and the ledger adds up.
    let entries = ask(
        dir,
        "select line, reason, detail, from_utf8(raw) as raw from system.quarantine order by byte_offset",
    );
    let entry = |line: u64, detail: &str, raw: &str| {
        json!({"line": line, "reason": "misfit", "detail": format!("column {detail}; it is null in its row"),
               "raw": raw})
    };
    assert_eq!(
        entries,
        json!([
            entry(3, "birthday: text that is not a date", "\"sometime\""),
            entry(
                4,
                "birthday: a day or time that does not exist",
                "\"2023-02-30\""
            ),
            entry(
                5,
                "birthday: a number beyond the column's range",
                "1655564444103"
            ),
            entry(
                6,
                "birthday: text that is not a date",
                "\"someone@example.com\""
            ),
            entry(
                6,
                "registrationdate: a fraction where an integer is due",
                "1.5"
            ),
            entry(
                7,
                "registrationdate: an object or array where a scalar is due",
                "[1]"
            ),
        ])
    );
    let bytes = fs::metadata(dir.join("landing/customer/landing/c.json"))
        .unwrap()
        .len();
    assert_eq!(
        ask(
            dir,
            "select rows_in, rows_out, quarantined, bytes_in,
                bytes_rows + bytes_quarantined + bytes_separators as account, bytes_quarantined
             from system.ledger where step = 'read' and table_name = 'customer_landing'"
        ),
        json!([{"rows_in": 8, "rows_out": 8, "quarantined": 0, "bytes_in": bytes, "account": bytes,
                "bytes_quarantined": 10 + 12 + 13 + 21 + 3 + 3}])
    );
    // A value is no record that may have been a withdrawal: nobody is suspended.
    let status = stedi(dir, "consent status --project p")
        .input("someone@example.com")
        .run();
    assert!(!status.err.contains("suspended"), "{status}");
    stedi(dir, "run --project p")
        .run()
        .done()
        .says("nothing new");
    stedi(dir, "verify --project p").run().done();
}

#[test]
fn a_value_that_says_whose_row_it_is_costs_the_row() {
    let dir = project(&[("customer_landing.sql", customer(COLUMNS))]);
    let dir = dir.path();
    landing(dir, &["", ",\"shareWithPublicAsOfDate\":\"x\""]);
    let more = "{\"email\":\"p8@example.com\",\"lastUpdateDate\":\"soon\"}\n\
         {\"email\":\"p9@example.com\",\"lastUpdateDate\":1655564444103,\"shareWithResearchAsOfDate\":\"yes\"}\n\
         {\"email\":{\"of\":\"p10@example.com\"},\"lastUpdateDate\":1655564444103}\n\
         {\"email\":\"p1@example.com\",\"lastUpdateDate\":\"2022-06-18T15:01:00Z\"}\n\
         {\"email\":\"p11@example.com\",\"lastUpdateDate\":1655564444,\"shareWithResearchAsOfDate\":1}\n";
    fs::write(dir.join("landing/customer/landing/d.json"), more).unwrap();
    run(dir, &dir.join("landing")).done();
    assert_eq!(
        ask(
            dir,
            "select line, reason from system.quarantine order by line"
        ),
        json!([
            {"line": 1, "reason": "type_mismatch"},
            {"line": 2, "reason": "type_mismatch"},
            {"line": 3, "reason": "type_mismatch"},
        ])
    );
    // The time in ISO form is later, and withdraws; ten digits are seconds, as in Athena.
    assert_eq!(
        ask(dir, "select email from customer_trusted order by email"),
        json!([{"email": "p0@example.com"}, {"email": "p11@example.com"}])
    );
}
