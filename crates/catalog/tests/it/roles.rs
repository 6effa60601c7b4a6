//! Roles that landing tables declare for their columns, and what follows from
//! them for the project.

use catalog::{Party, Project, Roles, SourceFile};

/// A gym's landing tables: no name is one of the shipped lakehouse.
const MEMBERS: (&str, &str, &str) = (
    "members",
    "member_email string, strap_serial string, changed_at bigint, science_since bigint, joined bigint",
    "'stedi.subject'='member_email', 'stedi.device'='strap_serial', 'stedi.time'='changed_at', \
     'stedi.consent.research'='science_since', 'stedi.consent.friends'='science_since'",
);
const HEARTS: (&str, &str, &str) = (
    "heart_rates",
    "Member string, at bigint, bpm int",
    "'stedi.subject'='member', 'stedi.time'='AT'",
);
const TREADMILLS: (&str, &str, &str) = (
    "treadmills",
    "machine string, at bigint, speed double",
    "'stedi.device'='machine', 'stedi.time'=' at '",
);

/// A project of landing tables alone, each as name, columns and properties.
fn project(tables: &[(&str, &str, &str)]) -> Result<Project, String> {
    let files = tables.iter().map(|(name, columns, properties)| SourceFile {
        path: format!("landing/{name}.sql"),
        text: format!(
            "create external table {name} ({columns}) stored as jsonfile location '{name}'\n{}",
            match *properties {
                "" => String::new(),
                properties => format!("tblproperties (\n{properties})"),
            }
        ),
    });
    Project::parse(files.collect()).map_err(|errors| errors.to_string())
}

/// The roles, one line per table with a part.
fn shown(roles: &Roles) -> String {
    let mut lines = Vec::new();
    if let Some(records) = roles.person_records() {
        let consents = records.consents();
        let consents: Vec<_> = consents
            .map(|(p, column)| format!("{p}={column}"))
            .collect();
        lines.push(format!(
            "records {}: {} at {}, claims {}, {}",
            records.table,
            records.subject,
            records.time,
            records.device.as_deref().unwrap_or("-"),
            consents.join(" ")
        ));
    }
    let readings = |of: &str, tables: &[catalog::Readings]| -> Vec<String> {
        let lines = tables.iter();
        lines
            .map(|own| format!("{of} {}: {} at {}", own.table, own.name, own.time))
            .collect()
    };
    lines.extend(readings("people", roles.person_readings()));
    lines.extend(readings("devices", roles.device_readings()));
    lines.join("\n")
}

#[track_caller]
fn check(tables: &[(&str, &str, &str)], expected: &str) {
    match project(tables) {
        Ok(project) => assert_eq!(shown(project.roles()), expected, "{tables:?}"),
        Err(errors) => panic!("{tables:?}\n{errors}"),
    }
}

#[test]
fn a_tables_part_follows_from_its_roles() {
    const RECORDS: &str = "records members: member_email at changed_at, claims strap_serial, \
         research=science_since friends=science_since";
    check(&[], "");
    check(&[MEMBERS], RECORDS);
    check(
        &[TREADMILLS, HEARTS, MEMBERS],
        &format!("{RECORDS}\npeople heart_rates: member at at\ndevices treadmills: machine at at"),
    );
    // Several tables of one part.
    check(
        &[
            HEARTS,
            (
                "steps",
                "who string, at bigint",
                "'stedi.subject'='who', 'stedi.time'='at'",
            ),
        ],
        "people heart_rates: member at at\npeople steps: who at at",
    );
    // Neither records nor readings.
    check(
        &[(
            "letters",
            "sender string, body string",
            "'stedi.subject'='sender'",
        )],
        "",
    );
    check(
        &[("weather", "at bigint, degrees double", "'stedi.time'='at'")],
        "",
    );
}

#[test]
fn a_role_says_whose_a_row_is() {
    let letters = (
        "letters",
        "sender string, body string",
        "'stedi.subject'='sender'",
    );
    let plain = ("plain", "member string, machine string", "");
    let project = project(&[MEMBERS, HEARTS, TREADMILLS, letters, plain]).unwrap();
    let roles = project.roles();
    let check = |table: &str, expected: Option<(Party, &str)>| {
        assert_eq!(roles.party(table), expected, "{table}");
    };
    check("members", Some((Party::Subject, "member_email")));
    check("heart_rates", Some((Party::Subject, "member")));
    check("treadmills", Some((Party::Device, "machine")));
    check("letters", Some((Party::Subject, "sender")));
    check("plain", None);
    check("nothing", None);
    assert!(roles.has_person_records("members"));
    assert!(!roles.has_person_records("letters"));
    // What other tables call people and devices.
    assert_eq!(roles.party_by_column("Sender"), Some(Party::Subject));
    assert_eq!(roles.party_by_column("strap_serial"), Some(Party::Device));
    assert_eq!(roles.party_by_column("body"), None);
    // And what the shipped ones call them.
    assert_eq!(roles.party_by_column("email"), Some(Party::Subject));
    assert_eq!(roles.party_by_column("serialnumber"), Some(Party::Device));
}

#[test]
fn roles_make_columns_personal_and_required() {
    let check = |table: (&str, &str, &str), personal: &[&str], required: &[&str]| {
        let project = project(&[table]).unwrap();
        assert_eq!(project.landing()[0].personal(), personal, "{table:?}");
        assert_eq!(project.landing()[0].required(), required, "{table:?}");
    };
    check(
        MEMBERS,
        &["member_email", "strap_serial"],
        &["member_email", "changed_at"],
    );
    check(TREADMILLS, &["machine"], &["machine", "at"]);
    check(
        (
            "steps",
            "who string, at bigint, note string",
            "'stedi.subject'='who', 'stedi.personal'='note', 'stedi.required'='at'",
        ),
        &["note", "who"],
        &["at", "who"],
    );
}

/// Lakehouses written before there were roles.
#[test]
fn without_roles_the_shipped_names_are_understood() {
    const CUSTOMER: (&str, &str, &str) = (
        "customer_landing",
        "email string, serialnumber string, lastupdatedate bigint, sharewithresearchasofdate bigint, \
         sharewithpublicasofdate bigint, sharewithfriendsasofdate bigint",
        "",
    );
    const PHONES: (&str, &str, &str) = (
        "accelerometer_landing",
        "user string, timestamp bigint, x double",
        "",
    );
    const TRAINERS: (&str, &str, &str) = (
        "step_trainer_landing",
        "serialnumber string, sensorreadingtime bigint",
        "",
    );
    const RECORDS: &str = "records customer_landing: email at lastupdatedate, claims serialnumber, \
         research=sharewithresearchasofdate public=sharewithpublicasofdate \
         friends=sharewithfriendsasofdate";
    check(
        &[CUSTOMER, PHONES, TRAINERS],
        &format!(
            "{RECORDS}\npeople accelerometer_landing: user at timestamp\n\
             devices step_trainer_landing: serialnumber at sensorreadingtime"
        ),
    );
    // Only what is there.
    check(&[("step_trainer_landing", "serialnumber string", "")], "");
    check(
        &[("accelerometer_landing", "user string, timestamp string", "")],
        "people accelerometer_landing: user at timestamp",
    );
    check(
        &[("accelerometer_landing", "user string, timestamp int", "")],
        "",
    );
    let partial = (
        "customer_landing",
        "email string, serialnumber string, lastupdatedate bigint",
        "",
    );
    check(&[partial], "");
    let partial = project(&[partial]).unwrap();
    let party = partial.roles().party("customer_landing");
    assert_eq!(party, Some((Party::Subject, "email")));
    // What the shipped tables require and call personal holds as well.
    let phones = project(&[PHONES]).unwrap();
    assert_eq!(phones.landing()[0].required(), ["user", "timestamp"]);
    assert_eq!(phones.landing()[0].personal(), ["user"]);
    // Each table for itself, whatever others declare.
    check(
        &[CUSTOMER, PHONES, HEARTS],
        &format!(
            "{RECORDS}\npeople accelerometer_landing: user at timestamp\n\
             people heart_rates: member at at"
        ),
    );
    // But who agreed is said in one table.
    check(
        &[CUSTOMER, PHONES, MEMBERS],
        "records members: member_email at changed_at, claims strap_serial, \
         research=science_since friends=science_since\n\
         people accelerometer_landing: user at timestamp",
    );
}

#[test]
fn the_shipped_tables_declare_what_their_names_meant() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lakehouse");
    let project = Project::read(&root).unwrap();
    let without_roles = project.definitions().map(|(table, text)| SourceFile {
        path: format!("{table}.sql"),
        text: text
            .lines()
            .filter(|line| {
                let role = [
                    "'stedi.subject'",
                    "'stedi.device'",
                    "'stedi.time'",
                    "'stedi.consent.",
                ];
                !role.iter().any(|role| line.trim().starts_with(role))
            })
            .collect::<Vec<_>>()
            .join("\n"),
    });
    let before = Project::parse(without_roles.collect()).unwrap();
    assert_eq!(project.roles(), before.roles());
    for (now, before) in project.landing().iter().zip(before.landing()) {
        assert_eq!(now.personal(), before.personal());
        assert_eq!(now.required(), before.required());
    }
}

#[test]
fn what_is_wrong_with_roles_is_told_at_their_place() {
    let check = |properties: &str, expected: &str| {
        let columns = "email string, serial string, at bigint, day date, agreed bigint";
        match project(&[("t", columns, properties)]) {
            Ok(project) => panic!("{properties}\nwas taken: {}", shown(project.roles())),
            Err(errors) => assert_eq!(errors, expected, "{properties}"),
        }
    };
    check(
        "'stedi.subject'='emial',\n'stedi.time'=''",
        "landing/t.sql:3:1: unknown column `emial` in `stedi.subject`\n\
         hint: did you mean `email`?\n\
         landing/t.sql:4:1: unknown column `` in `stedi.time`",
    );
    check(
        "'stedi.subject'='email,serial'",
        "landing/t.sql:3:1: unknown column `email,serial` in `stedi.subject`",
    );
    check(
        "'stedi.subject'='at',\n'stedi.time'='day'",
        "landing/t.sql:3:1: `stedi.subject` names `at`, a bigint column\n\
         hint: declare the column `string`\n\
         landing/t.sql:4:1: `stedi.time` names `day`, a date column\n\
         hint: declare the column `bigint`: epoch milliseconds, UTC",
    );
    check(
        "'stedi.subject'='email', 'stedi.time'='at',\n'stedi.consent.research'='at'",
        "landing/t.sql:4:1: `stedi.time` and `stedi.consent.research` both name `at`\n\
         hint: name another column, or remove one of the two properties",
    );
    check(
        "'stedi.consent.public'='agreed'",
        "landing/t.sql:3:1: `stedi.consent.public` without `stedi.subject`\n\
         hint: add `stedi.subject`: the column that names the person who agreed\n\
         landing/t.sql:3:1: `stedi.consent.public` without `stedi.time`\n\
         hint: add `stedi.time`: the column that says when the record was last updated",
    );
    check(
        "'stedi.subject'='email',\n'stedi.device'='serial', 'stedi.time'='at'",
        "landing/t.sql:4:1: `stedi.subject` and `stedi.device` in a table without consent\n\
         hint: keep the one whose readings these are; in a table with `stedi.consent.*` \
         `stedi.device` is the device that a person claims",
    );
    check(
        "'stedi.consent.reserch'='agreed'",
        "landing/t.sql:3:1: unknown property `stedi.consent.reserch` in TBLPROPERTIES\n\
         hint: did you mean `stedi.consent.research`?",
    );
    check(
        "'stedi.tme'='at'",
        "landing/t.sql:3:1: unknown property `stedi.tme` in TBLPROPERTIES\n\
         hint: did you mean `stedi.time`?",
    );
    check(
        "'Stedi.Subject'='email'",
        "landing/t.sql:3:1: unknown property `Stedi.Subject` in TBLPROPERTIES\n\
         hint: did you mean `stedi.subject`?",
    );
    check(
        "'stedi.consent.marketing'='agreed'",
        "landing/t.sql:3:1: unknown property `stedi.consent.marketing` in TBLPROPERTIES\n\
         hint: known properties: `stedi.personal`, `stedi.required`, `stedi.topic`, `stedi.subject`, `stedi.device`, \
         `stedi.time`, `stedi.consent.research`, `stedi.consent.public` and `stedi.consent.friends`",
    );
}

#[test]
fn consent_is_recorded_in_one_table() {
    let guests = (
        "guests",
        "email string, at bigint, agreed bigint",
        "'stedi.subject'='email', 'stedi.time'='at', 'stedi.consent.public'='agreed'",
    );
    assert_eq!(
        project(&[MEMBERS, HEARTS, guests]).unwrap_err(),
        "landing/members.sql:1:1: `guests` declares a consent as well\nhint: records of consent are one \
         table: put the files of both below its LOCATION, or remove `stedi.consent.*` from one of \
         the two"
    );
}
