//! Lineage of columns: models that would put personal values into a column without
//! declaring it. Needs neither landing data nor a lake.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::places::{SMALL, contents, unchanged};
use crate::program::stedi;

/// Writes a data product to `p`, with one more model, `m`.
fn with_model(dir: &Path, contract: &str, select: &str) {
    stedi(dir, "init p").run().done();
    let model = format!("/*\ngrain = \"One.\"\n{contract}\n*/\n{select}\n");
    fs::write(dir.join("p/curated/m.sql"), model).unwrap();
}

#[test]
fn personal_columns_of_every_table_are_those_declared() {
    let dir = tempfile::tempdir().unwrap();
    for table in [
        "customer_landing",
        "accelerometer_landing",
        "step_trainer_landing",
        "customer_trusted",
        "accelerometer_trusted",
        "step_trainer_trusted",
        "customer_curated",
        "machine_learning_curated",
        "system.quarantine",
        "system.ledger",
    ] {
        let columns = |command: &str| -> Vec<(Value, Value)> {
            let call = stedi(dir.path(), command).arg(table);
            let told = call.run().done().json();
            let columns = told["columns"].as_array().unwrap().iter();
            columns
                .map(|column| (column["column"].clone(), column["personal"].clone()))
                .collect()
        };
        let traced = columns("lineage --format json");
        assert!(!traced.is_empty(), "{table}");
        assert_eq!(traced, columns("describe --format json"), "{table}");
    }
}

#[test]
fn a_table_down_to_landing_fields() {
    let dir = tempfile::tempdir().unwrap();
    let told = |words: &str| stedi(dir.path(), words).run().done().silent().out;
    assert_eq!(
        told("lineage machine_learning_curated --format csv"),
        "column,personal,from,landing\n\
         serialnumber,personal,step_trainer_trusted.serialnumber,step_trainer_landing.serialnumber\n\
         sensorreadingtime,,step_trainer_trusted.sensorreadingtime,step_trainer_landing.sensorreadingtime\n\
         distancefromobject,,step_trainer_trusted.distancefromobject,step_trainer_landing.distancefromobject\n\
         user,personal,accelerometer_trusted.user,accelerometer_landing.user\n\
         x,,accelerometer_trusted.x,accelerometer_landing.x\n\
         y,,accelerometer_trusted.y,accelerometer_landing.y\n\
         z,,accelerometer_trusted.z,accelerometer_landing.z\n\
         same_owner,,\"accelerometer_trusted.user (masked), system.device_owner.subject (masked)\",\
         \"accelerometer_landing.user (masked), customer_landing.email (masked)\"\n"
    );
    let shown = told("lineage step_trainer_curated");
    for part in [
        "trusted.step_trainer_trusted\n",
        "rows by   customer_curated.email, step_trainer_landing.sensorreadingtime",
        "step_trainer_landing.distancefromobject",
        "personal",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let lines = stedi(dir.path(), "lineage accelerometer_trusted --format ndjson");
    let lines = lines.run().done().json_lines();
    assert_eq!(lines.len(), 5);
    assert_eq!(
        lines[0].to_string(),
        r#"{"column":"user","from":[{"column":"user","influence":"direct","personal":true,"table":"accelerometer_landing","through":[]}],"landing":[{"column":"user","influence":"direct","personal":true,"table":"accelerometer_landing","through":[]}],"personal":true}"#
    );
    let table = stedi(dir.path(), "lineage accelerometer_trusted --format json");
    let table = table.run().done().json();
    let deciding = |key: &str| -> Vec<String> {
        let sources = table[key].as_array().unwrap().iter();
        let name = |source: &Value| format!("{}.{}", source["table"], source["column"]);
        sources
            .map(|source| name(source).replace('"', ""))
            .collect()
    };
    assert_eq!(
        deciding("rows"),
        ["accelerometer_landing.user", "customer_trusted.email"]
    );
    // Whoever is in customer_trusted is there by consent.
    let landing = deciding("rows_landing");
    for field in ["sharewithresearchasofdate", "lastupdatedate", "email"] {
        let field = format!("customer_landing.{field}");
        assert!(landing.contains(&field), "{landing:?}");
    }
}

#[test]
fn a_column_through_every_select() {
    let dir = tempfile::tempdir().unwrap();
    let told = |words: &str| stedi(dir.path(), words).run().done().silent().out;
    assert_eq!(
        told("lineage machine_learning_curated.same_owner"),
        "machine_learning_curated.same_owner\n\
         ├─ accelerometer_trusted.user  (personal; masked)\n\
         │  └─ accelerometer_landing.user  (personal)\n\
         └─ system.device_owner.subject  (personal; masked; through device_reading.owner)\n   \
            ├─ accelerometer_landing.user  (personal)\n   \
            └─ customer_landing.email  (personal)\n  \
           rows by   accelerometer_trusted.timestamp, step_trainer_trusted.sensorreadingtime, \
         step_trainer_trusted.serialnumber, system.device_owner.serialnumber, \
         system.device_owner.valid_from, system.device_owner.valid_to\n"
    );
    assert_eq!(
        told("lineage machine_learning_curated.user --format csv"),
        "depth,table,column,personal,influence,through\n\
         0,machine_learning_curated,user,personal,,\n\
         1,accelerometer_trusted,user,personal,direct,\n\
         2,accelerometer_landing,user,personal,direct,\n"
    );
    let json = stedi(dir.path(), "lineage curated.customer_curated.serialnumber");
    let json = json.arg("--format=json").run().done().json();
    assert_eq!(json["zone"], "curated");
    assert_eq!(json["tree"][1]["table"], "system.device_claim");
    assert_eq!(json["tree"][1]["through"][0], "silent.serialnumber");
    assert_eq!(json["tree"][2]["table"], "customer_landing");
    assert_eq!(json["tree"][3]["table"], "system.device_owner");
    // A landing field comes from nowhere else.
    assert_eq!(
        told("lineage customer_landing.email"),
        "customer_landing.email  (personal)\n"
    );
}

#[test]
fn names_that_there_are_not() {
    let dir = tempfile::tempdir().unwrap();
    for (name, says, hints) in [
        (
            "custommer_trusted",
            "there is no table `custommer_trusted`",
            "customer_trusted",
        ),
        (
            "custommer_trusted.email",
            "there is no table `custommer_trusted`",
            "customer_trusted",
        ),
        (
            "customer_trusted.emial",
            "there is no column `emial` in `customer_trusted`",
            "`email`",
        ),
        (
            "accelerometer_trusted.phone",
            "there is no column `phone`",
            "user, timestamp, x, y, z",
        ),
        (
            "system.quarantene",
            "there is no table `system.quarantene`",
            "system.quarantine",
        ),
    ] {
        let outcome = stedi(dir.path(), "lineage").arg(name).run();
        let outcome = outcome.ended(1).says(says).hints(hints);
        assert!(outcome.out.is_empty(), "{outcome}");
    }
}

#[test]
fn personal_values_under_another_name_are_refused() {
    for (shows, select) in [
        ("as it is", "select user as u from accelerometer_landing"),
        (
            "concat",
            "select concat('Jane Doe', c.email) as u from customer_trusted c",
        ),
        (
            "substr",
            "select substr(email, 1, 3) as u from customer_trusted",
        ),
        (
            "cast",
            "select cast(split_part(birthday, '-', 1) as int) as u from customer_trusted",
        ),
        (
            "case value",
            "select case when registrationdate > 0 then phone else 'Jane Doe' end as u from customer_landing",
        ),
        (
            "coalesce",
            "select coalesce(cast(registrationdate as string), email) as u from customer_landing",
        ),
        (
            "window",
            "select lead(user) over (order by timestamp) as u from accelerometer_trusted",
        ),
        (
            "scalar subquery",
            "select (select max(email) from customer_trusted) as u",
        ),
        (
            "array_agg",
            "select array_to_string(array_agg(email), 'Jane Doe') as u from customer_trusted",
        ),
        (
            "nested struct",
            "select named_struct('a', named_struct('b', email))['a']['b'] as u from customer_trusted",
        ),
        (
            "star in a named select",
            "with c as (select * from customer_trusted) select phone as u from c",
        ),
        (
            "union",
            "select 'Jane Doe' as u union all select email from customer_trusted",
        ),
        ("a system table", "select hash as u from system.quarantine"),
        (
            "a recursive select",
            "with recursive r as (select email as e, 1 as n from customer_trusted \
             union all select upper(e), n + 1 from r where n < 3) select e as u from r",
        ),
    ] {
        let own = SMALL.with_own_lake();
        with_model(own.path(), "", select);
        let before = contents(&own.path().join("lake"));
        for words in ["run --project p", "lineage m --project p"] {
            let outcome = stedi(own.path(), words).run();
            let outcome = outcome
                .ended(2)
                .says("p/curated/m.sql:5: column `u` is not declared personal")
                .says("personal values from ")
                .hints("add `u` to `personal`");
            assert!(!outcome.err.contains("Jane"), "{shows}: {outcome}");
            assert!(outcome.out.is_empty(), "{shows}: {outcome}");
            unchanged(&before, &own.path().join("lake"), shows);
        }
        // Once it is declared, it may be there.
        let declared = tempfile::tempdir().unwrap();
        with_model(declared.path(), "personal = [\"u\"]", select);
        let told = stedi(declared.path(), "lineage m --project p --format csv");
        let told = told.run().done().out;
        assert!(told.contains("\nu,personal,"), "{shows}: {told}");
    }
}

#[test]
fn the_path_of_a_personal_value_is_told() {
    let dir = tempfile::tempdir().unwrap();
    with_model(
        dir.path(),
        "",
        "with w as (select trim(email) as mail from customer_curated) select mail from w",
    );
    let outcome = stedi(dir.path(), "lineage m --project p").run().ended(2);
    outcome.says(
        "from w.mail, from customer_curated.email, from customer_trusted.email, from newest.email",
    );
}

#[test]
fn what_tells_of_nobody_needs_no_declaration() {
    let select = "select count(*) as n, count(distinct subject(a.user)) as people, \
                  max(a.x) as most, bool_or(a.user = c.email) as same, \
                  max(case when c.phone is null then a.y end) as y \
                  from accelerometer_trusted a join customer_trusted c on subject(c.email) = subject(a.user)";
    let own = SMALL.with_own_lake();
    with_model(own.path(), "", select);
    stedi(own.path(), "run --project p").run().done();
    let told = stedi(own.path(), "lineage m --project p --format csv");
    assert_eq!(
        told.run().done().out,
        "column,personal,from,landing\n\
         n,,,\n\
         people,,accelerometer_trusted.user (masked),accelerometer_landing.user (masked)\n\
         most,,accelerometer_trusted.x,accelerometer_landing.x\n\
         same,,\"accelerometer_trusted.user (masked), customer_trusted.email (masked)\",\
         \"accelerometer_landing.user (masked), customer_landing.email (masked)\"\n\
         y,,accelerometer_trusted.y,accelerometer_landing.y\n"
    );
}
