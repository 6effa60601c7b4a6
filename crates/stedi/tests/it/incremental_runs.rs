//! Changes that a run handles incrementally, and changes for which it builds
//! everything anew. Each case ends with a lake that equals a fresh one over the
//! same files.

use std::fs;
use std::path::Path;

use crate::company::STEDI_TABLES;
use crate::places::{append, contents, copy, unchanged};
use crate::program::{Call, rows, stedi};
use crate::{delta, equal};

/// The key of pseudonyms in all lakes.
const KEY: &str = "5555555555555555555555555555555555555555555555555555555555555555";

/// Ann and Bob consent, Cleo will at 5000, Dan does not. Each has a device of five
/// readings, and a phone that reports at the same instants.
fn begin(dir: &Path) {
    for source in ["customer", "accelerometer", "step_trainer"] {
        fs::create_dir_all(dir.join("landing").join(source).join("landing")).unwrap();
    }
    for (name, device, date) in [
        ("ann", "s-a", ",\"shareWithResearchAsOfDate\":5"),
        ("bob", "s-b", ",\"shareWithResearchAsOfDate\":500"),
        ("cleo", "s-c", ",\"shareWithResearchAsOfDate\":5000"),
        ("dan", "s-d", ""),
    ] {
        append(
            dir,
            "customer/landing/1.json",
            &format!(
                "{{\"email\":\"{name}@example.org\",\"lastUpdateDate\":10,\"serialNumber\":\"{device}\"{date}}}\n"
            ),
        );
        for at in [100, 200, 300, 400, 600] {
            let at = at + device.len() as i64 + i64::from(name.as_bytes()[0]);
            append(dir, "accelerometer/landing/1.json", &phone(name, at));
            append(dir, "step_trainer/landing/1.json", &trainer(device, at));
        }
    }
}

fn phone(name: &str, at: i64) -> String {
    format!("{{\"user\":\"{name}@example.org\",\"timestamp\":{at},\"x\":1.5,\"y\":-2,\"z\":0}}\n")
}

fn trainer(device: &str, at: i64) -> String {
    format!(
        "{{\"sensorReadingTime\":{at},\"serialNumber\":\"{device}\",\"distanceFromObject\":7}}\n"
    )
}

fn run(dir: &Path, lake: &str, now: i64) -> Call {
    call(dir, &format!("run --lake {lake} --now {now}"))
}

/// A call with the data product in `dir`, if there is one.
fn call(dir: &Path, words: &str) -> Call {
    let call = stedi(dir, words).env("STEDI_KEY", KEY);
    match dir.join("lakehouse").exists() {
        true => call.arg("--project").arg("lakehouse"),
        false => call,
    }
}

fn entered(dir: &Path, lake: &str, act: &str) {
    stedi(dir, &format!("consent {act} --lake {lake} --now 2000"))
        .input("ann@example.org\n")
        .run()
        .done();
}

/// A change to a lake and its landing folder between two runs.
type Happens = fn(&Path);

#[test]
fn each_kind_of_news() {
    if crate::long::is_left_out() {
        return;
    }
    let nothing: Happens = |_| {};
    let cases: [(&str, Happens, &[&str], i64, &str); 16] = [
        ("nothing", nothing, &[], 3000, "nothing new"),
        (
            "readings of people who agree",
            |dir| {
                append(dir, "accelerometer/landing/2.json", &phone("ann", 900));
                append(dir, "step_trainer/landing/2.json", &trainer("s-a", 900));
            },
            &[],
            2000,
            "took in 2 new files",
        ),
        (
            "a reading that was there",
            |dir| append(dir, "accelerometer/landing/2.json", &phone("ann", 200)),
            &[],
            2000,
            "took in 1 new file",
        ),
        (
            "a late trainer's reading for an early phone's",
            |dir| {
                append(dir, "accelerometer/landing/2.json", &phone("bob", 50));
                append(dir, "accelerometer/landing/2.json", &phone("ann", 50));
                append(dir, "step_trainer/landing/2.json", &trainer("s-a", 50));
            },
            &[],
            2000,
            "took in 2 new files",
        ),
        (
            "somebody new with all they have",
            |dir| {
                append(
                    dir,
                    "customer/landing/2.json",
                    "{\"email\":\"eve@example.org\",\"lastUpdateDate\":20,\"serialNumber\":\"s-e\",\"shareWithResearchAsOfDate\":20}\n",
                );
                append(dir, "accelerometer/landing/2.json", &phone("eve", 700));
                append(dir, "step_trainer/landing/2.json", &trainer("s-e", 700));
            },
            &[],
            2000,
            "took in 3 new files",
        ),
        (
            "somebody agrees by a record, late",
            |dir| {
                append(
                    dir,
                    "customer/landing/2.json",
                    "{\"email\":\" DAN@example.org\",\"lastUpdateDate\":20,\"serialNumber\":\"s-d\",\"shareWithResearchAsOfDate\":15}\n",
                );
            },
            &[],
            2000,
            "took in 1 new file",
        ),
        (
            "somebody withdraws by a record",
            |dir| {
                append(
                    dir,
                    "customer/landing/2.json",
                    "{\"email\":\"bob@example.org\",\"lastUpdateDate\":30,\"serialNumber\":\"s-b\"}\n",
                );
            },
            &[],
            2000,
            "took in 1 new file",
        ),
        (
            "a record that cannot be read names somebody",
            |dir| {
                append(
                    dir,
                    "customer/landing/2.json",
                    "{\"email\":\"bob@example.org\",\"lastUpdateDa",
                );
            },
            &[],
            2000,
            "took in 1 new file",
        ),
        (
            "somebody withdraws by hand",
            nothing,
            &["withdraw"],
            2000,
            "took in what is new about people",
        ),
        (
            "and comes back by hand",
            nothing,
            &["withdraw", "grant"],
            2000,
            "took in what is new about people",
        ),
        (
            "a consent begins",
            nothing,
            &[],
            5000,
            "took in what is new about people",
        ),
        (
            "time goes back",
            nothing,
            &[],
            400,
            "took in what is new about people",
        ),
        (
            "a device that two people claim",
            |dir| {
                append(
                    dir,
                    "customer/landing/2.json",
                    "{\"email\":\"dan@example.org\",\"lastUpdateDate\":20,\"serialNumber\":\"s-a\"}\n",
                );
            },
            &[],
            2000,
            "built everything anew: what is new bears on everything",
        ),
        (
            "a file that changed",
            |dir| append(dir, "accelerometer/landing/1.json", &phone("ann", 950)),
            &[],
            2000,
            "what it fed was built anew",
        ),
        (
            "a file that went",
            |dir| {
                append(dir, "accelerometer/landing/2.json", &phone("ann", 950));
                fs::remove_file(dir.join("landing/accelerometer/landing/1.json")).unwrap();
            },
            &[],
            2000,
            "what it fed was built anew",
        ),
        (
            "a table that went",
            |dir| fs::remove_dir_all(dir.join("lake/curated/training_set")).unwrap(),
            &[],
            2000,
            "built everything anew: tables are not as the last run left them (curated/training_set)",
        ),
    ];
    for (shows, happens, by_hand, now, says) in cases {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        begin(dir);
        run(dir, "lake", 2000).run().done();
        happens(dir);
        for act in by_hand {
            entered(dir, "lake", act);
            entered(dir, "fresh", act);
        }
        let outcome = run(dir, "lake", now).run().done();
        assert!(outcome.err.contains(says), "{shows}: {outcome}");
        run(dir, "fresh", now).arg("--full").run().done();
        let tables = STEDI_TABLES.map(str::to_owned);
        equal::lakes(&dir.join("lake"), &dir.join("fresh"), &tables)
            .unwrap_or_else(|fault| panic!("{shows}: {fault}"));
        let before = contents(&dir.join("lake"));
        run(dir, "lake", now).run().done().says("nothing new");
        unchanged(&before, &dir.join("lake"), shows);
    }
}

#[test]
fn what_a_changed_file_fed_is_kept_if_the_flag_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    begin(dir);
    append(dir, "accelerometer/landing/3.json", &phone("cleo", 5500));
    run(dir, "lake", 2000).run().done();
    let keep = |now| run(dir, "lake", now).arg("--changed").arg("keep").run();
    fs::remove_file(dir.join("landing/accelerometer/landing/3.json")).unwrap();
    append(dir, "accelerometer/landing/2.json", &phone("ann", 900));
    keep(2000)
        .done()
        .says("3.json changed or went")
        .says("was kept")
        .says("took in 1 new file");
    let before = contents(&dir.join("lake"));
    keep(2000).done().says("was kept").says("nothing new");
    unchanged(&before, &dir.join("lake"), "kept twice");
    // Some of Cleo's earlier readings were in the file that went.
    keep(5000).ended(1).says("3.json").hints("--changed keep");
    unchanged(
        &before,
        &dir.join("lake"),
        "what cannot be told from a part",
    );
    run(dir, "lake", 5000).run().done().says("was built anew");
}

/// For a suspended person, `system.consent` has the intervals that have ended: one
/// may end between two runs.
#[test]
fn what_ends_of_a_suspended_person_is_told_when_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    begin(dir);
    let records = "{\"email\":\"ann@example.org\",\"lastUpdateDate\":2500,\"serialNumber\":\"s-a\"}\n\
                   {\"email\":\"ann@example.org\",\"lastUpdateDate\":20,\"seri";
    append(dir, "customer/landing/2.json", records);
    let tables = STEDI_TABLES.map(str::to_owned);
    for now in [2000, 2400, 2600, 2700] {
        run(dir, "lake", now).run().done();
        let fresh = format!("fresh-{now}");
        run(dir, &fresh, now).run().done();
        equal::lakes(&dir.join("lake"), &dir.join(fresh), &tables)
            .unwrap_or_else(|fault| panic!("at {now}: {fault}"));
    }
    let before = contents(&dir.join("lake"));
    run(dir, "lake", 2800).run().done().says("nothing new");
    unchanged(&before, &dir.join("lake"), "nothing ended");
}

/// Edits a model of the data product in `lakehouse`. Writes the product first if it
/// is absent.
fn edit(dir: &Path, model: &str, from: &str, to: &str) {
    if !dir.join("lakehouse").exists() {
        stedi(dir, "init lakehouse").run().done();
    }
    let file = dir.join("lakehouse").join(format!("{model}.sql"));
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.matches(from).count(), 1, "{model}: {from}");
    fs::write(&file, text.replace(from, to)).unwrap();
}

/// Number of versions of each table.
fn versions(dir: &Path) -> Vec<usize> {
    let count = |table: &str| {
        let log = dir.join("lake").join(table).join("_delta_log");
        fs::read_dir(log).unwrap().count()
    };
    STEDI_TABLES.map(count).to_vec()
}

#[test]
fn a_changed_model_is_rebuilt_with_what_follows_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    begin(dir);
    run(dir, "lake", 2000).run().done();
    assert_eq!(versions(dir), [1; 6]);
    let follow = "accelerometer_trusted, which has changed, and what follows: \
                  customer_curated, machine_learning_curated, step_trainer_trusted, training_set";
    for (model, from, to, follow, expected) in [
        // Rows are others, in the table and in two of those that read it.
        (
            "trusted/accelerometer_trusted",
            "a.y, a.z",
            "a.y, a.z + 1 as z",
            follow,
            [1, 2, 1, 1, 2, 2],
        ),
        // Its contract says something else.
        (
            "trusted/accelerometer_trusted",
            "One phone reading",
            "A phone reading",
            follow,
            [1, 3, 1, 1, 2, 2],
        ),
        // Written otherwise it gives the same rows.
        (
            "curated/training_set",
            "m.same_owner and c.purpose",
            "c.purpose",
            "training_set, which has changed",
            [1, 3, 1, 1, 2, 2],
        ),
    ] {
        edit(dir, model, from, to);
        let plan = call(dir, "plan --lake lake --now 2000").run().done();
        plan.says(&format!("the run that follows rebuilds {follow}"));
        let ran = run(dir, "lake", 2000).run().done();
        ran.says(&format!("rebuilt {follow}"));
        assert_eq!(versions(dir), expected, "{model}: {to}");
        run(dir, "fresh", 2000).arg("--full").run().done();
        let tables = STEDI_TABLES.map(str::to_owned);
        equal::lakes(&dir.join("lake"), &dir.join("fresh"), &tables)
            .unwrap_or_else(|fault| panic!("{model}: {to}: {fault}"));
        let before = contents(&dir.join("lake"));
        run(dir, "lake", 2000).run().done().says("nothing new");
        unchanged(&before, &dir.join("lake"), to);
    }
    // With anything else that is new, everything is built anew.
    edit(
        dir,
        "trusted/accelerometer_trusted",
        "a.z + 1 as z",
        "a.z + 2 as z",
    );
    append(dir, "accelerometer/landing/2.json", &phone("ann", 900));
    let ran = run(dir, "lake", 2000).run().done();
    ran.says("built everything anew: the data product has changed (accelerometer_trusted)");
}

/// Rows of files that a reader can skip count as read.
#[test]
fn rows_of_files_that_cannot_match_are_accounted_for() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    begin(dir);
    let from = "where m.same_owner";
    let to = "where m.distancefromobject > 7 and m.same_owner";
    edit(dir, "curated/training_set", from, to);
    run(dir, "lake", 2000).run().done();
    let account = "select rows_in, rows_out, filtered from system.ledger \
                   where step = 'build' and table_name = 'training_set'";
    let account = rows(dir, account);
    let expected = serde_json::json!({"rows_in": 10, "rows_out": 0, "filtered": 10});
    assert_eq!(account, [expected]);
}

/// The verdicts on a table that was not rebuilt are those of the run before.
#[test]
fn a_run_that_rebuilds_one_model_tells_the_verdicts_on_all() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    begin(dir);
    run(dir, "lake", 2000).run().done();
    edit(
        dir,
        "curated/customer_curated",
        "grain = \"",
        "grain = \"All: ",
    );
    let ran = run(dir, "lake", 2000).run().done();
    ran.says("rebuilt customer_curated");
    let counted = "select count(*) as n from \
                   (select distinct table_name, check_name, verdict, run from system.checks) \
                   group by run";
    let runs = rows(dir, counted);
    assert_eq!(runs.len(), 2, "{runs:?}");
    assert_eq!(runs[0], runs[1]);
}

/// Row groups of a large file without rows of a removed person are copied as they
/// are encoded.
#[test]
fn who_leaves_a_large_file() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    stedi(dir, "sample landing --customers 6500").run().done();
    call(dir, "run").run().done();
    stedi(dir, "compact").run().done();
    let table = "trusted/accelerometer_trusted";
    let before = delta::row_groups(&dir.join("lake"), table).unwrap();
    assert!(before.len() > 1, "{before:?}");
    let somebody = rows(dir, "select min(email) as email from customer_trusted");
    let email = somebody[0]["email"].as_str().unwrap();
    stedi(dir, "consent withdraw").input(email).run().done();
    call(dir, "run").run().done().says("took in");
    let after = delta::row_groups(&dir.join("lake"), table).unwrap();
    let kept = after.iter().filter(|group| before.contains(group)).count();
    assert_eq!(
        (after.len(), kept),
        (before.len(), before.len() - 1),
        "{after:?}"
    );

    let register = "system/consent_register";
    fs::create_dir_all(dir.join("fresh/system")).unwrap();
    copy(
        &dir.join("lake").join(register),
        &dir.join("fresh").join(register),
    );
    call(dir, "run --lake fresh").run().done();
    for (table, whose, sums) in [
        (
            "accelerometer_trusted",
            "user",
            "sum(timestamp), sum(x), sum(y), sum(z)",
        ),
        (
            "step_trainer_trusted",
            "serialnumber",
            "sum(sensorreadingtime), sum(distancefromobject)",
        ),
        (
            "machine_learning_curated",
            "user",
            "sum(sensorreadingtime), sum(x), sum(y), sum(z)",
        ),
        (
            "training_set",
            "subject",
            "sum(elapsed_ms), sum(x), sum(y), sum(z)",
        ),
    ] {
        let sql = format!("select count(*), count(distinct {whose}), {sums} from {table}");
        let sums = |lake: &str| {
            let call = stedi(dir, &format!("sql --format json --lake {lake} -c"));
            call.arg(&sql).run().done().out
        };
        assert_eq!(sums("lake"), sums("fresh"), "{table}");
    }
}
