//! Columns that people leave out, add, or declare with other types.

use super::{
    CUSTOMER, Files, INHERITED, OPENX, PHONE, TRAINER, check_all, customer, ddl, of_customer,
};

#[test]
fn columns_that_people_leave_out_or_declare_otherwise() {
    let without = |names: &[&str]| {
        let columns = CUSTOMER.split(", ");
        let kept =
            columns.filter(|column| !names.iter().any(|name| column.trim().starts_with(name)));
        of_customer(customer(&kept.collect::<Vec<_>>().join(", ")))
    };
    let retyped = |pairs: &[(&str, &str)]| {
        let columns = CUSTOMER.split(", ").map(|column| {
            let (name, kind) = column.trim().split_once(' ').unwrap();
            let own = pairs.iter().find(|(retyped, _)| *retyped == name);
            format!("{name} {}", own.map_or(kind, |(_, kind)| kind))
        });
        columns.collect::<Vec<_>>().join(",\n  ")
    };
    let all_strings = |columns: &str| {
        let names = columns
            .split(", ")
            .map(|column| column.trim().split(' ').next().unwrap());
        names
            .map(|name| format!("`{name}` string"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    check_all(vec![
        ("no properties of this program", without(&[]), INHERITED),
        (
            "no date for friends",
            without(&["shareWithFriends"]),
            "no column `sharewithfriendsasofdate`, which customer_trusted reads; it is null",
        ),
        (
            "no date for the public nor for friends",
            without(&["shareWithFriends", "shareWithPublic"]),
            "no column `sharewithpublicasofdate`",
        ),
        (
            "no birthday",
            without(&["birthDay"]),
            "no column `birthday`",
        ),
        (
            "no phone, no name",
            without(&["phone", "customerName"]),
            "no column `phone`",
        ),
        (
            "no registration date",
            without(&["registration"]),
            "no column `registrationdate`",
        ),
        (
            "no serial number",
            without(&["serialNumber"]),
            "no column `serialnumber`",
        ),
        (
            "roles, but no date for friends",
            with_roles(
                &retyped(&[]).replace(",\n  shareWithFriendsAsOfDate bigint", ""),
                "",
            ),
            "no column `sharewithfriendsasofdate`",
        ),
        (
            "a birthday as date",
            of_customer(customer(&retyped(&[("birthDay", "date")]))),
            INHERITED,
        ),
        (
            "a birthday as timestamp",
            of_customer(customer(&retyped(&[("birthDay", "timestamp")]))),
            INHERITED,
        ),
        (
            "a registration date as timestamp",
            of_customer(customer(&retyped(&[("registrationDate", "timestamp")]))),
            INHERITED,
        ),
        (
            "a registration date as date, which epoch milliseconds are not",
            of_customer(customer(&retyped(&[("registrationDate", "date")]))),
            INHERITED,
        ),
        (
            "dates of consent as timestamp",
            of_customer(customer(&retyped(&[
                ("shareWithResearchAsOfDate", "timestamp"),
                ("shareWithPublicAsOfDate", "timestamp"),
            ]))),
            "`sharewithresearchasofdate` (timestamp) and `sharewithpublicasofdate` (timestamp) are read as \
             bigint",
        ),
        (
            "the last update as timestamp, with roles",
            with_roles(&retyped(&[("lastUpdateDate", "TIMESTAMP")]), ""),
            "`lastupdatedate` (timestamp) is read as bigint",
        ),
        (
            "dates of consent as string, with roles",
            with_roles(&retyped(&[("shareWithResearchAsOfDate", "string")]), ""),
            "`sharewithresearchasofdate` (string) is read as bigint",
        ),
        (
            "all strings: customers",
            of_customer(customer(&all_strings(CUSTOMER))),
            INHERITED,
        ),
        (
            "all strings: every table",
            vec![
                ("customer_landing.sql", customer(&all_strings(CUSTOMER))),
                (
                    "accelerometer_landing.sql",
                    ddl("accelerometer_landing", &all_strings(PHONE), OPENX),
                ),
                (
                    "step_trainer_landing.sql",
                    ddl("step_trainer_landing", &all_strings(TRAINER), OPENX),
                ),
            ],
            "step_trainer_landing: `sensorreadingtime` (string) is read as bigint",
        ),
        (
            "times of readings as timestamp",
            vec![
                (
                    "accelerometer_landing.sql",
                    ddl(
                        "accelerometer_landing",
                        "user string, timestamp timestamp, x double, y double, z double",
                        OPENX,
                    ),
                ),
                (
                    "step_trainer_landing.sql",
                    ddl(
                        "step_trainer_landing",
                        "sensorReadingTime timestamp, serialNumber string, distanceFromObject double",
                        OPENX,
                    ),
                ),
            ],
            "accelerometer_landing: `timestamp` (timestamp) is read as bigint",
        ),
        (
            "varchar, char, float, int and upper case",
            of_customer(customer(&retyped(&[
                ("customerName", "VARCHAR(100)"),
                ("email", "Varchar(255)"),
                ("phone", "CHAR(10)"),
                ("registrationDate", "DOUBLE"),
            ]))),
            INHERITED,
        ),
        (
            "columns that no record has",
            of_customer(customer(&format!(
                "{CUSTOMER}, nickname string, vip boolean"
            ))),
            INHERITED,
        ),
        (
            "columns in another order",
            of_customer(customer(&{
                let mut columns: Vec<&str> = CUSTOMER.split(", ").collect();
                columns.reverse();
                columns.join(", ")
            })),
            INHERITED,
        ),
        (
            "readings without properties",
            vec![
                (
                    "accelerometer_landing.sql",
                    ddl("accelerometer_landing", PHONE, OPENX),
                ),
                (
                    "step_trainer_landing.sql",
                    ddl("step_trainer_landing", TRAINER, OPENX),
                ),
            ],
            "accelerometer_landing: no `stedi.` property",
        ),
    ]);
}

/// With properties that declare the shipped roles.
fn with_roles(columns: &str, clauses: &str) -> Files {
    let text = ddl("customer_landing", columns, &format!("{OPENX}\n{clauses}"));
    let properties = "\nTBLPROPERTIES ('stedi.subject'='email', 'stedi.device'='serialnumber', \
         'stedi.time'='lastupdatedate', 'stedi.consent.research'='sharewithresearchasofdate')";
    of_customer(text + properties)
}
