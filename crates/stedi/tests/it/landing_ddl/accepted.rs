//! Files, SerDes and properties that a run takes.

use serde_json::Value;

use super::{
    CUSTOMER, Files, INHERITED, OPENX, PHONE, TRAINER, check_all, customer, ddl, of_customer,
    project, rows, run,
};
use crate::places::{DEMO, SMALL};
use crate::program::stedi;

#[test]
fn files_as_people_keep_them() {
    let plain = customer(CUSTOMER);
    let of = |before: &str, after: &str| of_customer(format!("{before}{plain}{after}"));
    check_all(vec![
        (
            "a semicolon, blanks and a byte order mark",
            of("\u{feff}\n", " ;\n\n"),
            INHERITED,
        ),
        (
            "a file with line feeds of Windows",
            of_customer(plain.replace('\n', "\r\n")),
            INHERITED,
        ),
        (
            "a drop before it",
            of("DROP TABLE IF EXISTS stedi.customer_landing;\n", ";"),
            INHERITED,
        ),
        (
            "a database and USE before it",
            of(
                "CREATE DATABASE IF NOT EXISTS stedi COMMENT 'x';\nUSE stedi;\n",
                ";",
            ),
            INHERITED,
        ),
        (
            "a schema before it",
            of("create schema stedi;", ""),
            INHERITED,
        ),
        (
            "partitions repaired after it",
            of("", ";\nMSCK REPAIR TABLE customer_landing;"),
            INHERITED,
        ),
        (
            "queries after it",
            of(
                "",
                ";\nSELECT * FROM customer_landing LIMIT 10;\nSHOW TABLES;\nDESCRIBE customer_landing;",
            ),
            INHERITED,
        ),
        (
            "comments of both kinds",
            of("-- Customers; all\n/* of\n them; */ ", " -- the end"),
            INHERITED,
        ),
        (
            "comments between columns",
            of_customer(customer(
                &CUSTOMER.replace(", ", ", -- next; column\n /* and */ "),
            )),
            INHERITED,
        ),
        (
            "a comma after the last column",
            of_customer(customer(&format!("{CUSTOMER},"))),
            INHERITED,
        ),
        (
            "a file of another name",
            vec![
                ("customer_landing.sql", String::new()),
                ("customer.sql", plain.clone()),
            ],
            INHERITED,
        ),
        (
            "a file name that no table could have",
            vec![
                ("customer_landing.sql", String::new()),
                ("1 Customer-Landing (v2).sql", plain.clone()),
            ],
            INHERITED,
        ),
        (
            "three tables in one file",
            vec![
                ("customer_landing.sql", String::new()),
                ("accelerometer_landing.sql", String::new()),
                ("step_trainer_landing.sql", String::new()),
                (
                    "all.sql",
                    [
                        plain.clone(),
                        ddl("accelerometer_landing", PHONE, OPENX),
                        ddl("step_trainer_landing", TRAINER, OPENX),
                    ]
                    .join(";\n\n"),
                ),
            ],
            "step_trainer_landing: no `stedi.` property",
        ),
        (
            "no database",
            of_customer(plain.replace("`stedi`.`customer_landing`", "customer_landing")),
            INHERITED,
        ),
        (
            "a database in the same quotes",
            of_customer(plain.replace("`stedi`.`customer_landing`", "`stedi.customer_landing`")),
            INHERITED,
        ),
        (
            "double quotes and another database",
            of_customer(plain.replace(
                "`stedi`.`customer_landing`",
                "\"my-db\".\"Customer_Landing\"",
            )),
            INHERITED,
        ),
        (
            "lower case, no IF NOT EXISTS",
            of_customer(plain.replace(
                "CREATE EXTERNAL TABLE IF NOT EXISTS",
                "create external table",
            )),
            INHERITED,
        ),
        (
            "back-quotes and comments on columns",
            of_customer(customer(
                &CUSTOMER
                    .split(", ")
                    .map(|column| {
                        let (name, kind) = column.trim().split_once(' ').unwrap();
                        format!("`{name}` {kind} COMMENT 'from deserializer; it\\'s \"{name}\"'")
                    })
                    .collect::<Vec<_>>()
                    .join(",\n"),
            )),
            INHERITED,
        ),
    ]);
}

#[test]
fn serdes_formats_and_properties() {
    let of = |clauses: &str| of_customer(ddl("customer_landing", CUSTOMER, clauses));
    let after = |clauses: &str| of_customer(format!("{}\n{clauses}", customer(CUSTOMER)));
    let serde = |properties: &str| of(&format!("{OPENX}\nWITH SERDEPROPERTIES ({properties})"));
    let mapped = "'mapping.customername'='customerName', 'mapping.birthday'='birthDay', \
         'mapping.serialnumber'='serialNumber', 'mapping.registrationdate'='registrationDate', \
         'mapping.lastupdatedate'='lastUpdateDate', \
         'mapping.sharewithresearchasofdate'='shareWithResearchAsOfDate', \
         'mapping.sharewithpublicasofdate'='shareWithPublicAsOfDate', \
         'mapping.sharewithfriendsasofdate'='shareWithFriendsAsOfDate'";
    check_all(vec![
        (
            "Hive's SerDe",
            of("ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'"),
            INHERITED,
        ),
        (
            "Hive's other SerDe",
            of("ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.JsonSerDe'"),
            INHERITED,
        ),
        (
            "the person's key in another letter case",
            serde("'mapping.email'='eMail', 'case.insensitive'='true'"),
            INHERITED,
        ),
        (
            "Amazon's SerDe for Ion",
            of("ROW FORMAT SERDE 'com.amazon.ionhiveserde.IonHiveSerDe'"),
            INHERITED,
        ),
        (
            "Ion's formats",
            of(
                "ROW FORMAT SERDE 'com.amazon.ionhiveserde.IonHiveSerDe'\nSTORED AS \
                INPUTFORMAT 'com.amazon.ionhiveserde.formats.IonInputFormat'\n\
                OUTPUTFORMAT 'com.amazon.ionhiveserde.formats.IonOutputFormat'",
            ),
            INHERITED,
        ),
        (
            "a SerDe in another letter case",
            of("row format serde 'org.openx.data.jsonserde.JsonSerde'"),
            INHERITED,
        ),
        (
            "text files",
            of(&format!("{OPENX} STORED AS TEXTFILE")),
            INHERITED,
        ),
        (
            "the console's formats",
            of(&format!(
                "{OPENX}\nSTORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat' \
                 OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'"
            )),
            INHERITED,
        ),
        (
            "no SerDe, but JSON by its classification",
            of_customer(
                ddl("customer_landing", CUSTOMER, "") + " TBLPROPERTIES ('classification'='json')",
            ),
            INHERITED,
        ),
        ("stored as JSON", of("STORED AS JSONFILE"), INHERITED),
        (
            "what the console writes",
            serde(
                "'ignore.malformed.json' = 'FALSE', 'dots.in.keys' = 'FALSE', 'case.insensitive' = 'TRUE', 'mapping' = 'TRUE'",
            ),
            INHERITED,
        ),
        (
            "a format of the serializer",
            serde("'serialization.format' = '1',"),
            INHERITED,
        ),
        (
            "a crawler's paths",
            serde("'paths'='birthDay,customerName,email,phone'"),
            INHERITED,
        ),
        (
            "keys mapped to the columns they fill",
            serde(mapped),
            INHERITED,
        ),
        (
            "exact keys, mapped",
            serde(&format!("'case.insensitive'='FALSE', {mapped}")),
            "`case.insensitive` is false",
        ),
        (
            "a key of another name",
            of_customer(ddl(
                "customer_landing",
                &CUSTOMER.replace("phone string", "tel string"),
                &format!("{OPENX} WITH SERDEPROPERTIES ('mapping.tel'='Phone')"),
            )),
            "no column `phone`, which customer_trusted reads",
        ),
        (
            "what Glue writes",
            after(
                "TBLPROPERTIES ('CreatedByJob'='customer_landing', 'CreatedByJobRun'='jr_5e0', \
                 'EXTERNAL'='TRUE', 'numFiles'='1', 'transient_lastDdlTime'='1691348231', \
                 'compressionType'='none', 'typeOfData'='file', 'has_encrypted_data'='false', \
                 'classification'='json')",
            ),
            INHERITED,
        ),
        (
            "what its crawler writes",
            after(
                "TBLPROPERTIES ('CrawlerSchemaDeserializerVersion'='1.0', \
                 'CrawlerSchemaSerializerVersion'='1.0', 'UPDATED_BY_CRAWLER'='stedi', \
                 'averageRecordSize'='350', 'objectCount'='1', 'recordCount'='998', \
                 'sizeKey'='349300', 'classification'='json', 'partition_filtering.enabled'='true',)",
            ),
            INHERITED,
        ),
        (
            "what somebody noted",
            after("TBLPROPERTIES ('owner'='me', 'created'='2023-08-06', 'team.cost-center'='42')"),
            INHERITED,
        ),
        (
            "a comment on the table",
            of(&format!("COMMENT 'all; customers'\n{OPENX}")),
            INHERITED,
        ),
        (
            "only which columns are personal",
            after(
                "TBLPROPERTIES ('stedi.personal'='customername,email,phone,birthday,serialnumber')",
            ),
            INHERITED,
        ),
    ]);
}

#[test]
fn with_the_published_counts() {
    let published: &[(&str, u64)] = &[
        ("accelerometer_landing", 81_273),
        ("accelerometer_trusted", 40_981),
        ("customer_curated", 482),
        ("customer_landing", 956),
        ("customer_trusted", 482),
        ("machine_learning_curated", 43_681),
        ("step_trainer_landing", 28_680),
        ("step_trainer_trusted", 14_460),
        ("training_set", 32_025),
    ];
    let expected: Vec<_> = published
        .iter()
        .map(|(name, rows)| ((*name).to_owned(), Value::from(*rows)))
        .collect();
    let check = |shows: &str, files: Files| {
        let dir = project(&files);
        let outcome = run(dir.path(), &DEMO.dir.join("landing")).done();
        assert_eq!(rows(&outcome), expected, "{shows}");
    };
    let strings = "customerName string, email string, phone string, birthDay string, serialNumber string, \
         registrationDate string, lastUpdateDate string, shareWithResearchAsOfDate string";
    check(
        "all strings, two dates left out",
        vec![
            ("customer_landing.sql", String::new()),
            ("customer.sql", customer(strings)),
            (
                "accelerometer_landing.sql",
                ddl(
                    "accelerometer_landing",
                    "user string, timestamp string, x string, y string, z string",
                    OPENX,
                ),
            ),
            (
                "step_trainer_landing.sql",
                ddl(
                    "step_trainer_landing",
                    "sensorreadingtime string, serialnumber string, distancefromobject string",
                    OPENX,
                ),
            ),
        ],
    );
    check(
        "timestamps and dates",
        vec![
            (
                "customer_landing.sql",
                customer(
                    "customerName string, email string, phone string, birthDay date, serialNumber string, \
                     registrationDate timestamp, lastUpdateDate timestamp, \
                     shareWithResearchAsOfDate timestamp, shareWithPublicAsOfDate date_",
                )
                .replace("date_", "timestamp"),
            ),
            (
                "accelerometer_landing.sql",
                ddl("accelerometer_landing", "user string, timestamp timestamp, x float, y float, z float", OPENX),
            ),
            (
                "step_trainer_landing.sql",
                ddl("step_trainer_landing", "sensorreadingtime timestamp, serialnumber string, distancefromobject int", OPENX),
            ),
        ],
    );
}

#[test]
fn definitions_typed_into_a_session() {
    let check = |statement: String, ask: &str, expected: Value| {
        let script = format!("{statement};\n{ask};");
        let outcome = stedi(&SMALL.dir, "sql --format json -f -")
            .input(&script)
            .run()
            .done();
        assert_eq!(outcome.json(), expected, "{script}");
    };
    let count = crate::program::count(&SMALL.dir, "select count(*) from customer_landing");
    let openx = |columns: &str| {
        ddl("customer_landing", columns, OPENX)
            .replace("IF NOT EXISTS `stedi`.`customer_landing`", "c")
    };
    check(
        openx("birthDay date, registrationDate date,"),
        "select count(*) as n, count(birthday) as born, count(registrationdate) as never from c",
        serde_json::json!([{"n": count, "born": count, "never": 0}]),
    );
    check(
        openx("lastUpdateDate timestamp, email varchar(10)"),
        "select count(*) as n, count(distinct year(lastupdatedate)) as years from c where email like '%@%'",
        serde_json::json!([{"n": count, "years": 1}]),
    );
    check(
        openx("stamp string, serialnumber string, customername string")
            .replace(OPENX, &format!("{OPENX} WITH SERDEPROPERTIES ('case.insensitive'='false', 'mapping.stamp'='lastUpdateDate')")),
        "select count(stamp) as n, count(serialnumber) as other, count(customername) as spelling from c",
        serde_json::json!([{"n": count, "other": 0, "spelling": 0}]),
    );
}
