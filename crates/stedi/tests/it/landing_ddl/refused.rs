//! Definitions that are refused, each with file, line and what to change.

use std::fs;

use super::{CUSTOMER, OPENX, customer, ddl, project, run};
use crate::places::SMALL;
use crate::program::stedi;

#[test]
fn with_file_line_and_hint() {
    /// The text of the customer file; what the error says after the file's name,
    /// beginning with the line; and what the hint says.
    type Case = (String, &'static str, &'static str);
    let after = |clauses: &str| format!("{}\n{clauses}", customer(CUSTOMER));
    let with = |clauses: &str| ddl("customer_landing", CUSTOMER, clauses);
    let retyped = |from: &str, to: &str| {
        let columns = CUSTOMER.replace(", ", ",\n");
        assert!(columns.contains(from), "{from}");
        customer(&columns.replace(from, to))
    };
    let cases: Vec<Case> = vec![
        // What the columns mean cannot be told.
        (
            customer("customerName string, email string, phone string"),
            ":1:1: `customer_landing` has no column `lastupdatedate` and `sharewithresearchasofdate`, and no \
             property says which columns mean the same; customer_trusted reads the table",
            "add `lastupdatedate bigint`, `sharewithresearchasofdate bigint` to the columns; or say in \
             TBLPROPERTIES what your columns mean: 'stedi.subject' = 'email', 'stedi.device' = '...', \
             'stedi.time' = '...'",
        ),
        (
            retyped("email string", "e_mail string"),
            ":1:1: `customer_landing` has no column `email`",
            "'stedi.subject' = '...', 'stedi.device' = 'serialnumber', 'stedi.time' = 'lastupdatedate'",
        ),
        (
            retyped("lastUpdateDate bigint", "lastUpdateDate int"),
            ":8:1: `lastupdatedate` is a int column; it is the `stedi.time` of its table, which \
             customer_trusted reads",
            "declare the column `bigint`: epoch milliseconds, UTC",
        ),
        (
            retyped(
                "shareWithResearchAsOfDate bigint",
                "shareWithResearchAsOfDate date",
            ),
            ":9:1: `sharewithresearchasofdate` is a date column",
            "declare the column `bigint`",
        ),
        (
            retyped("serialNumber string", "serialNumber bigint"),
            ":6:1: `serialnumber` is a bigint column; it is the `stedi.device`",
            "declare the column `string`",
        ),
        (
            after(
                "TBLPROPERTIES ('stedi.subject'='email',\n'stedi.time'='registrationdate', 'stedi.consent.reserch'='x')",
            ),
            ":7:34: unknown property `stedi.consent.reserch`",
            "did you mean `stedi.consent.research`?",
        ),
        (
            after("TBLPROPERTIES ('stedi_subject'='email')"),
            ":6:16: unknown property `stedi_subject`",
            "did you mean `stedi.subject`?",
        ),
        (
            after("TBLPROPERTIES ('steid.time'='lastupdatedate')"),
            ":6:16: unknown property `steid.time`",
            "did you mean `stedi.time`?",
        ),
        (
            ddl(
                "customer_landing",
                &CUSTOMER.replace("email", "mail"),
                &format!("{OPENX}\nWITH SERDEPROPERTIES ('mapping.mail'='email')"),
            ) + "\nTBLPROPERTIES ('stedi.subject'='mail', 'stedi.time'='lastupdatedate', \
                   'stedi.consent.research'='sharewithresearchasofdate')",
            ":2:1: `mail` names the person, and `mapping.mail` gives it another JSON key",
            "give the column the name of the JSON key",
        ),
        // With the roles of the shipped table.
        (
            with(&format!(
                "{OPENX}\nWITH SERDEPROPERTIES ('mapping.email'='contactMail')"
            )),
            ":2:1: `email` names the person, and `mapping.email` gives it another JSON key",
            "give the column the name of the JSON key",
        ),
        // Types.
        (
            retyped("phone string", "phone array<string>"),
            ":4:7: column `phone`: type `array<string>` is not supported",
            "declare it `string`: its JSON is kept as text",
        ),
        (
            retyped("phone string", "phone struct<home:string,work:string>"),
            ":4:7: column `phone`: type `struct<home:string,work:string>` is not supported",
            "json_extract takes it apart",
        ),
        (
            retyped("phone string", "phone map<string,string>"),
            ":4:7: column `phone`: type `map<string,string>` is not supported",
            "declare it `string`",
        ),
        (
            retyped("registrationDate bigint", "registrationDate decimal(13,0)"),
            ":7:18: column `registrationdate`: type `decimal(13,0)` is not supported",
            "declare it `double`, or `string` to keep every digit",
        ),
        (
            retyped("phone string", "phone strng"),
            ":4:7: column `phone`: type `strng` is not supported",
            "supported types: string",
        ),
        (
            retyped("phone string", "email string"),
            ":4:1: two columns are named `email`",
            "keep one",
        ),
        // SerDes, formats and their properties.
        (
            with("ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe'"),
            ":4:18: the SerDe `org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe` is not supported",
            "JsonSerDe",
        ),
        (
            with("ROW FORMAT DELIMITED FIELDS TERMINATED BY ','"),
            ":4:1: ROW FORMAT DELIMITED is not supported",
            "JsonSerDe",
        ),
        (
            with(""),
            ":1:1: a table without ROW FORMAT SERDE",
            "add `ROW FORMAT SERDE",
        ),
        (
            with(&format!(
                "{OPENX}\nWITH SERDEPROPERTIES ('dots.in.keys'='TRUE')"
            )),
            ":5:23: `dots.in.keys` = `TRUE` is not supported",
            "write `false`, or leave it out",
        ),
        (
            with(&format!(
                "{OPENX}\nWITH SERDEPROPERTIES ('mapping.serial'='serialNumber')"
            )),
            ":5:23: unknown column `serial` in `mapping.serial`",
            "",
        ),
        (
            with(&format!(
                "{OPENX}\nWITH SERDEPROPERTIES ('mapping.phone'='email')"
            )),
            ": `email` and `phone` both read the JSON key `email`",
            "map one of them to another key",
        ),
        // Statements.
        (
            format!(
                "INSERT INTO customer_landing SELECT 1;\n{}",
                customer(CUSTOMER)
            ),
            ":1:1: `INSERT` in a landing file",
            "take it out",
        ),
        (
            "CREATE TABLE customer_landing AS SELECT 1".to_owned(),
            ":1:1: `CREATE` in a landing file",
            "write CREATE EXTERNAL TABLE",
        ),
        (
            "DROP TABLE customer_landing;".to_owned(),
            ":1:1: no CREATE EXTERNAL TABLE statement",
            "a landing file holds one CREATE EXTERNAL TABLE",
        ),
        (
            customer(CUSTOMER).replace("LOCATION", "LOCATOIN"),
            ":5:1: expected ROW FORMAT SERDE",
            "did you mean `LOCATION`?",
        ),
    ];
    for (text, says, hints) in cases {
        let dir = project(&[("customer_landing.sql", text.clone())]);
        let outcome = run(dir.path(), &SMALL.dir.join("landing"));
        assert_eq!(outcome.code, 2, "{text}\n{outcome}");
        let says = match says.starts_with(": ") {
            true => says.to_owned(),
            false => format!("p/landing/customer_landing.sql{says}"),
        };
        assert!(
            outcome.err.contains(&says),
            "{text}\nnot {says:?}: {outcome}"
        );
        let mut lines = outcome
            .err
            .lines()
            .filter(|line| line.starts_with("hint: "));
        assert!(
            hints.is_empty() || lines.any(|line| line.contains(hints)),
            "{text}\nno hint {hints:?}: {outcome}"
        );
        assert!(!dir.path().join("lake").exists(), "{text}");
    }
}

#[test]
fn two_files_for_one_table() {
    let dir = project(&[("customer.sql", customer(CUSTOMER))]);
    run(dir.path(), &SMALL.dir.join("landing"))
        .ended(2)
        .says("`customer_landing` is already the name of a table: p/landing/customer.sql")
        .hints("remove one of the two files");
}

/// A column that a model reads and the definition, which declares other roles, lacks.
#[test]
fn a_missing_column_is_told_of_the_landing_file() {
    let columns = CUSTOMER.replace("lastUpdateDate", "changed");
    let text = customer(&columns)
        + " TBLPROPERTIES ('stedi.subject'='email', 'stedi.time'='changed', \
           'stedi.consent.research'='sharewithresearchasofdate')";
    let dir = project(&[("customer_landing.sql", text)]);
    run(dir.path(), &SMALL.dir.join("landing"))
        .ended(2)
        .says(
            "p/landing/customer_landing.sql:1: `customer_landing` has no column `lastupdatedate`, which \
             customer_trusted reads",
        )
        .hints("add `lastupdatedate bigint` to its columns, or take the column out of p/trusted/customer_trusted.sql");
}

/// Readings that are equal in every column count once, so no column is made up.
#[test]
fn a_reading_without_one_of_its_values() {
    for (table, columns, missing) in [
        (
            "step_trainer_landing",
            "sensorReadingTime bigint, serialNumber string",
            "distancefromobject",
        ),
        (
            "accelerometer_landing",
            "user string, timestamp bigint, x float, y float",
            "z",
        ),
    ] {
        let file = format!("{table}.sql");
        let dir = project(&[(file.as_str(), ddl(table, columns, OPENX))]);
        run(dir.path(), &SMALL.dir.join("landing"))
            .ended(2)
            .says(&format!(
                "p/landing/{file}:1: `{table}` has no column `{missing}`, which"
            ))
            .hints(&format!("add `{missing} "));
    }
}

/// The columns to paste, and all models at once.
#[test]
fn stars_and_personal_columns_of_all_models() {
    let dir = project(&[]);
    let edit = |file: &str, from: &str, to: &str| {
        let path = dir.path().join("p").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
    };
    edit(
        "trusted/accelerometer_trusted.sql",
        "a.user, a.timestamp, a.x, a.y, a.z",
        "a.*",
    );
    edit(
        "trusted/accelerometer_trusted.sql",
        "personal = [\"user\"]",
        "",
    );
    edit(
        "trusted/step_trainer_trusted.sql",
        "personal = [\"serialnumber\"]",
        "",
    );
    edit(
        "curated/customer_curated.sql",
        "\"phone\", \"birthday\", ",
        "\"birthday\", ",
    );
    let outcome = stedi(dir.path(), "run --project p --lake lake --landing")
        .arg(SMALL.dir.join("landing"))
        .run()
        .ended(2)
        .says("p/trusted/accelerometer_trusted.sql:10: `*` in the output columns")
        .hints("these are all: user, timestamp, x, y, z")
        .says(
            "p/trusted/step_trainer_trusted.sql:17: column `serialnumber` is not declared personal",
        )
        .hints("add `serialnumber` to `personal`")
        .hints("add `phone` to `personal`");
    assert_eq!(outcome.err.matches("error: ").count(), 1, "{outcome}");
    // A model that reads such a column is told as well: `user` in accelerometer_trusted.
    assert!(
        outcome
            .err
            .contains("column `user` is not declared personal"),
        "{outcome}"
    );
}
