//! The lakehouse of another company (`tests/gym`), edited: what must hold whatever tables
//! and columns are called.

use std::fs;
use std::path::Path;

use crate::company::Company;
use crate::equal;
use crate::places::append;
use crate::program::{Call, count, stedi};

/// Times of the strap's readings, in milliseconds.
fn instants(from: i64) -> impl Iterator<Item = i64> {
    (0..20).map(move |at| 1_700_000_000_000 + (from + at) * 1000)
}

/// Ann agrees to research and Bob does not. Ann's strap is `S`; Bob has it after her.
fn begin(dir: &Path) {
    Company::Gym.write_product(&dir.join("p"));
    for source in ["people", "treadmills", "straps"] {
        fs::create_dir_all(dir.join("landing").join(source)).unwrap();
    }
    member(dir, "ann", 10, Some(10));
    member(dir, "bob", 10, None);
    for (name, from, bpm) in [("ann", 0, 100), ("bob", 100, 999)] {
        for at in instants(from) {
            append(
                dir,
                "treadmills/1.json",
                &format!(
                    "{{\"member\":\"{name}@gym.org\",\"at\":{at},\"speed\":9,\"coach\":\"ann@gym.org\"}}\n"
                ),
            );
            append(
                dir,
                "straps/1.json",
                &format!("{{\"strap\":\"S\",\"measured_at\":{at},\"bpm\":{bpm}}}\n"),
            );
        }
    }
}

fn member(dir: &Path, name: &str, at: i64, agreed: Option<i64>) {
    let agreed = agreed.map_or(String::new(), |at| format!(",\"science_since\":{at}"));
    append(
        dir,
        "people/1.json",
        &format!("{{\"member_email\":\"{name}@gym.org\",\"changed_at\":{at}{agreed}}}\n"),
    );
}

fn call(dir: &Path, words: &str) -> Call {
    stedi(dir, &format!("{words} --project p --now 1800000000000"))
        .env("STEDI_KEY", &"7".repeat(64))
}

fn model(dir: &Path, name: &str, contract: &str, sql: &str) {
    let text = format!("/*\ngrain = \"One row.\"\n{contract}\n*/\n{sql}\n");
    fs::write(dir.join(format!("p/curated/{name}.sql")), text).unwrap();
}

fn edit(dir: &Path, file: &str, from: &str, to: &str) {
    let path = dir.join("p").join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file}: no {from}");
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn readings_of_a_strap_that_was_passed_on_are_of_whoever_had_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    begin(dir);
    call(dir, "run").run().done();
    let owners = "select count(*) from system.device_owner where valid_to is not null";
    assert_eq!(count(dir, owners), 1);
    let readings = "select count(*) from heart_rates_agreed";
    let counted = |statement: &str| {
        let answer = call(dir, "sql --format csv")
            .arg("-c")
            .arg(statement)
            .run()
            .done();
        answer.out.lines().last().unwrap().to_owned()
    };
    assert_eq!(counted(readings), "20");
    // Rows that do not give the time of their reading as it is, and rows by person.
    for (contract, sql) in [
        (
            "device = \"strap\"\npersonal = [\"strap\"]",
            "select strap, min(measured_at) as measured_at, max(bpm) as bpm from heart_rates group by strap",
        ),
        (
            "device = \"strap\"\npersonal = [\"strap\"]",
            "select strap, min(measured_at) over (partition by strap) as measured_at, bpm from heart_rates",
        ),
        (
            "device = \"strap\"\npersonal = [\"strap\"]",
            "select strap, measured_at, max(bpm) over (partition by strap) as bpm from heart_rates",
        ),
        (
            "device = \"strap\"\npersonal = [\"strap\"]",
            "select strap, measured_at - 2592000000 as measured_at, bpm from heart_rates",
        ),
        (
            "device = \"strap\"\npersonal = [\"strap\"]",
            "select strap, cast(1700000000000 as bigint) as measured_at, bpm from heart_rates",
        ),
        (
            "device = \"strap\"\npersonal = [\"strap\"]",
            "select h.strap, h.measured_at, b.bpm from heart_rates h join (select strap, max(bpm) as bpm \
             from heart_rates group by strap) b on b.strap = h.strap where h.measured_at < 1700000050000",
        ),
        (
            "subject = \"who\"\npersonal = [\"who\"]",
            "select o.subject as who, h.measured_at, h.bpm from heart_rates h \
             join system.device_owner o on o.serialnumber = h.strap \
             join members_agreed m on subject(m.member_email) = o.subject",
        ),
    ] {
        model(dir, "own", contract, sql);
        let outcome = call(dir, "run").run();
        assert_eq!(outcome.code, 4, "{sql}\n{outcome}");
        let outcome = call(dir, "run --full").run();
        assert_eq!(outcome.code, 4, "{sql}\n{outcome}");
    }
    // With its own time, under another name.
    model(
        dir,
        "own",
        "device = \"strap\"\npersonal = [\"strap\"]",
        "select strap, measured_at as taken, bpm from heart_rates h where exists (select 1 from \
         system.device_owner o join members_agreed m on subject(m.member_email) = o.subject \
         where o.serialnumber = h.strap and (o.valid_to is null or h.measured_at < o.valid_to) \
         and (o.valid_from is null or h.measured_at >= o.valid_from))",
    );
    call(dir, "run").run().done();
    assert_eq!(counted("select count(*) from own"), "20");
}

#[test]
fn what_roles_no_longer_give_is_gone() {
    for (shows, changes) in [
        (
            "no device tells its time",
            &[(
                "landing/heart_rates.sql",
                ",\n  'stedi.time' = 'measured_at'",
                "",
            )][..],
        ),
        (
            "nobody's consent is recorded",
            &[
                (
                    "landing/members.sql",
                    "  'stedi.consent.research' = 'science_since',\n",
                    "",
                ),
                (
                    "landing/members.sql",
                    "  'stedi.consent.friends' = 'buddies_since',\n",
                    "",
                ),
                (
                    "landing/members.sql",
                    "  'stedi.device' = 'strap_serial',\n",
                    "",
                ),
            ],
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        begin(dir);
        call(dir, "run").run().done();
        for (file, from, to) in changes {
            edit(dir, file, from, to);
        }
        for words in ["run", "run --full"] {
            let outcome = call(dir, words).run();
            assert_eq!(outcome.code, 0, "{shows}: {outcome}");
        }
        call(dir, "run --lake fresh").run().done();
        let tables = Company::Gym.tables().map(str::to_owned);
        equal::lakes(&dir.join("lake"), &dir.join("fresh"), &tables)
            .unwrap_or_else(|fault| panic!("{shows}: {fault}"));
    }
}

#[test]
fn files_of_people_are_read_by_the_column_that_names_them() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    begin(dir);
    fs::write(
        dir.join("p/landing/coached.sql"),
        "create external table coached (coach string, at bigint, speed double)\n\
         row format serde 'org.openx.data.jsonserde.JsonSerDe' location 's3://gym/treadmills/'\n\
         tblproperties ('stedi.subject' = 'coach', 'stedi.time' = 'at')\n",
    )
    .unwrap();
    model(
        dir,
        "own",
        "subject = \"coach\"\npersonal = [\"coach\"]",
        "select coach, at, speed from coached",
    );
    let outcome = call(dir, "run").run();
    assert_eq!(outcome.code, 4, "{outcome}");
    outcome
        .says("coached")
        .says("treadmill_strides")
        .says("does not name them");
}

#[test]
fn a_training_set_of_ones_own_may_have_any_columns() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    begin(dir);
    let file = "curated/training_set.sql";
    edit(dir, file, " as runner", " as subject");
    edit(
        dir,
        file,
        "    e.bpm,\n    e.speed,\n    e.incline,\n    e.cadence\nfrom (",
        "    e.bpm as distancefromobject,\n    e.speed as x,\n    e.incline as y,\n    e.cadence as z\nfrom (",
    );
    call(dir, "run").run().done();
    call(dir, "verify").run().done();
}

#[test]
fn no_table_is_named_as_a_system_table_is() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    begin(dir);
    fs::rename(
        dir.join("p/landing/heart_rates.sql"),
        dir.join("p/landing/device_owner.sql"),
    )
    .unwrap();
    edit(
        dir,
        "landing/device_owner.sql",
        "TABLE heart_rates",
        "TABLE device_owner",
    );
    edit(
        dir,
        "trusted/heart_rates_agreed.sql",
        "from heart_rates h",
        "from device_owner h",
    );
    let outcome = call(dir, "run").run().ended(2);
    outcome.says("landing/device_owner.sql:2: `device_owner` is the name of a system table");
}

/// A landing definition may name a database; one of the name of a zone or of the system
/// tables hides neither.
#[test]
fn no_database_hides_system_tables() {
    for database in ["system", "`System`", "trusted", "information_schema", "gym"] {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        begin(dir);
        let name = format!("TABLE {database}.heart_rates");
        edit(dir, "landing/heart_rates.sql", "TABLE heart_rates", &name);
        call(dir, "run").run().done();
        let owners = "select count(*) > 0 as n from system.device_owner";
        let call = |statement: &str| call(dir, "sql --format csv").arg("-c").arg(statement).run();
        assert_eq!(call(owners).done().out, "n\ntrue\n", "{database}");
        let known = call("select count(*) > 0 as n from gym.members").code == 0;
        assert_eq!(known, database == "gym", "{database}");
        assert_ne!(
            call("select count(*) from system.members").code,
            0,
            "{database}"
        );
    }
}
