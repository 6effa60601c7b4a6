//! What people write in Athena over the STEDI tables, with Athena's answers: each case is
//! `statement => rows`, the columns of a row with `|` between and rows with `\n`; `!`
//! before a text asks for an error that has it.

use catalog::{Project, SourceFile};
use lake::Location;
use query::{Session, Setup};

use crate::answer;

const CUSTOMERS: &str = r#"{"customername":"Ann Lee","email":"ann@example.com","phone":"8015551212","birthday":"1980-05-17","serialnumber":"aaa-1","registrationdate":1655564376361,"lastupdatedate":1655564376361,"sharewithresearchasofdate":1655564376361,"sharewithfriendsasofdate":1655564376361}
{"customername":"Bob Ray","email":"bob@example.org","phone":"8015553434","birthday":"1990-01-01","serialnumber":"bbb-2","registrationdate":1655294864820,"lastupdatedate":1655294864820}
{"customername":"Cy Orr","email":"cy@example.com","phone":"8015550000","birthday":"2001-12-31","serialnumber":"ccc-3","registrationdate":1655471583651,"lastupdatedate":1655471583651,"sharewithresearchasofdate":1655471583651}
"#;

const READINGS: &str = r#"{"user":"ann@example.com","timestamp":1655564376361,"x":1.0,"y":-2.0,"z":0.5}
{"user":"ann@example.com","timestamp":1655564377361,"x":3.0,"y":-4.0,"z":1.5}
{"user":"bob@example.org","timestamp":1655294864820,"x":-1.0,"y":2.0,"z":2.5}
{"user":"cy@example.com","timestamp":1655471583651,"x":0.0,"y":0.0,"z":0.0}
"#;

const STEPS: &str = r#"{"sensorreadingtime":1655564376361,"serialnumber":"aaa-1","distancefromobject":200}
{"sensorreadingtime":1655564377361,"serialnumber":"aaa-1","distancefromobject":210}
{"sensorreadingtime":1655294864820,"serialnumber":"bbb-2","distancefromobject":150}
"#;

/// A session over landing tables with the rows above.
pub(crate) fn session(landing: &std::path::Path) -> Session {
    let tables = [
        ("customer_landing", "customer", CUSTOMERS),
        ("accelerometer_landing", "accelerometer", READINGS),
        ("step_trainer_landing", "step_trainer", STEPS),
    ];
    let product = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lakehouse/landing");
    let mut files = Vec::new();
    for (table, folder, rows) in tables {
        let folder = landing.join(folder).join("landing");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("rows.json"), rows).unwrap();
        let path = format!("landing/{table}.sql");
        let definition = std::fs::read_to_string(product.join(format!("{table}.sql"))).unwrap();
        files.push(SourceFile {
            path,
            text: definition,
        });
    }
    let setup = Setup {
        landing: Location::parse(landing.to_str().unwrap()).unwrap(),
        now_ms: 1_700_000_000_000,
        ..Setup::nowhere(Project::parse(files).unwrap())
    };
    Session::to_plan_in(&setup).unwrap()
}

#[tokio::test]
async fn what_people_write_is_answered_as_athena_does() {
    let landing = tempfile::tempdir().unwrap();
    let session = session(landing.path());
    let mut faults = Vec::new();
    let (mut count, mut refused) = (0, 0);
    for case in include_str!("idioms.txt").lines() {
        if case.is_empty() || case.starts_with('#') {
            continue;
        }
        let (sql, expected) = case.rsplit_once(" => ").expect(case);
        count += 1;
        let found = answer(&session, sql).await;
        let is_right = match (expected.strip_prefix('!'), &found) {
            (Some(part), Err(error)) => {
                refused += 1;
                error.contains(part)
            }
            (None, Ok(rows)) => rows.replace('\n', "\\n") == expected,
            _ => false,
        };
        if !is_right {
            let found = found.unwrap_or_else(|error| error).replace('\n', "\\n");
            faults.push(format!(
                "{sql}\n    expected {expected}\n    found    {found}"
            ));
        }
    }
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
    // At least 95 in 100 are answered; the others say why not.
    assert!(count >= 150, "{count} statements");
    assert!(refused * 20 <= count, "{refused} of {count} are refused");
}
