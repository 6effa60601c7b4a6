//! Incremental builds of user models: each table equals the result of a full run,
//! or is built anew.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::equal;
use crate::places::append;
use crate::program::stedi;

/// A folder with additional models, and people who report at the same instants.
struct Place {
    dir: TempDir,
    tables: Vec<String>,
    withdrawn: Vec<usize>,
}

/// File below the project, contract, SELECT.
type Model<'a> = (&'a str, &'a str, &'a str);

const PEOPLE: usize = 6;

impl Place {
    fn with(models: &[Model<'_>]) -> Self {
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
            tables: models.iter().map(|(file, ..)| (*file).to_owned()).collect(),
            withdrawn: Vec::new(),
        };
        let dir = place.dir();
        stedi(dir, "init p").run().done();
        for source in ["customer", "accelerometer", "step_trainer"] {
            fs::create_dir_all(dir.join("landing").join(source).join("landing")).unwrap();
        }
        for (file, contract, sql) in models {
            let text = format!("/*\ngrain = \"One row.\"\n{contract}\n*/\n{sql}\n");
            fs::write(dir.join(format!("p/{file}.sql")), text).unwrap();
        }
        for person in 0..PEOPLE {
            place.arrives("customer", "1", &record(person, "555", 10, true));
            for at in 0..5 {
                let x = ["-0.0", "0.0", "1.5", "-1.0", "0.0"][(at + person) % 5];
                place.arrives("accelerometer", "1", &phone(person, at, x));
                // At the first instants, one person's trainer alone.
                if at > 1 || person == 0 {
                    place.arrives("step_trainer", "1", &trainer(person, at));
                }
            }
        }
        place
    }

    fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn arrives(&self, source: &str, file: &str, line: &str) {
        append(self.dir(), &format!("{source}/landing/{file}.json"), line);
    }

    fn run(&self, lake: &str) -> crate::program::Outcome {
        let words = format!("run --project p --lake {lake} --now 3000");
        stedi(self.dir(), &words)
            .env("STEDI_KEY", &"5".repeat(64))
            .run()
            .done()
    }

    fn withdraws(&mut self, person: usize) {
        self.withdrawn.push(person);
        self.enter("lake", person);
    }

    fn enter(&self, lake: &str, person: usize) {
        let words = format!("consent withdraw --lake {lake} --now 2500");
        let call = stedi(self.dir(), &words);
        call.input(&format!("{}\n", email(person))).run().done();
    }

    /// Fails unless the lake equals a fresh one.
    fn is_as_fresh(&self, what: &str) {
        for person in &self.withdrawn {
            self.enter("fresh", *person);
        }
        self.run("fresh");
        let (lake, fresh) = (self.dir().join("lake"), self.dir().join("fresh"));
        equal::lakes(&lake, &fresh, &self.tables)
            .and_then(|()| equal::checks(&lake, &fresh))
            .unwrap_or_else(|fault| panic!("{what}: {fault}"));
        fs::remove_dir_all(fresh).unwrap();
    }
}

fn email(person: usize) -> String {
    format!("p{person}@example.org")
}

fn record(person: usize, phone: &str, at: i64, agrees: bool) -> String {
    let date = if agrees { 5 } else { 0 };
    format!(
        "{{\"email\":\"{}\",\"phone\":\"{phone}\",\"lastUpdateDate\":{at},\"serialNumber\":\"s-{person}\",\"shareWithResearchAsOfDate\":{date}}}\n",
        email(person)
    )
}

fn phone(person: usize, at: usize, x: &str) -> String {
    format!(
        "{{\"user\":\"{}\",\"timestamp\":{},\"x\":{x},\"y\":-2,\"z\":0}}\n",
        email(person),
        1000 + 10 * at
    )
}

fn trainer(person: usize, at: usize) -> String {
    format!(
        "{{\"sensorReadingTime\":{},\"serialNumber\":\"s-{person}\",\"distanceFromObject\":7}}\n",
        1000 + 10 * at
    )
}

/// A row that several of a person's readings produce stays while one of them is
/// left.
#[test]
fn rows_that_others_give_as_well_stay() {
    let own = "subject = \"user\"\npersonal = [\"user\"]";
    let distinct = &format!("{own}\nduplicates = \"drop\"");
    let from = "from curated.beside";
    let mut place = Place::with(&[
        // Some readings are beside those of one person's trainer alone.
        (
            "curated/beside",
            own,
            "select a.user, a.timestamp, a.x from accelerometer_trusted a \
             join step_trainer_trusted s on s.sensorreadingtime = a.timestamp",
        ),
        ("curated/people", distinct, &format!("select user {from}")),
        (
            "curated/times",
            distinct,
            &format!("select user, timestamp / 30 as slot {from}"),
        ),
        (
            "curated/doubles",
            distinct,
            &format!("select user, x {from}"),
        ),
        (
            "curated/zeros",
            distinct,
            &format!("select user, x * 0 as x {from}"),
        ),
        (
            "curated/booleans",
            distinct,
            &format!("select user, x > 0 as up {from}"),
        ),
        (
            "curated/choices",
            distinct,
            &format!("select user, case when x > 0 then 'up' else 'down' end as way {from}"),
        ),
    ]);
    place.run("lake");
    place.withdraws(0);
    place.run("lake");
    place.is_as_fresh("one withdrew");
    place.arrives("accelerometer", "2", &phone(1, 7, "-0.0"));
    place.arrives("accelerometer", "2", &phone(2, 7, "0.0"));
    place.run("lake");
    place.is_as_fresh("readings came");
    place.arrives("customer", "3", &record(1, "555", 20, false));
    place.run("lake");
    place.is_as_fresh("another withdrew");
}

/// Zeros of both signs are one value, in full and in incremental builds.
#[test]
fn zeros_of_both_signs_are_one() {
    let own = "subject = \"user\"\npersonal = [\"user\"]\nduplicates = \"drop\"";
    let place = Place::with(&[
        (
            "curated/zeros",
            own,
            "select user, x from accelerometer_trusted",
        ),
        (
            "curated/signs",
            own,
            "select user, -x as x, x * 0 as none from accelerometer_trusted where x <= 0",
        ),
    ]);
    place.run("lake");
    for (file, x) in [("2", "-0.0"), ("3", "0.0"), ("4", "-0"), ("5", "2.5")] {
        place.arrives("accelerometer", file, &phone(1, 9, x));
        place.run("lake");
        place.is_as_fresh(&format!("{x} came"));
    }
}

/// A landing table that several models read is read once. Each model may use other
/// columns and other joins.
#[test]
fn models_that_read_the_same_landing_tables() {
    let own = "subject = \"user\"\npersonal = [\"user\"]";
    let joined = "from accelerometer_landing a \
                  join customer_landing c on c.email = a.user \
                  left semi join customer_trusted t on subject(t.email) = subject(a.user)";
    let place = Place::with(&[
        (
            "curated/one",
            own,
            &format!("select a.user, c.lastupdatedate as at {joined}"),
        ),
        (
            "curated/other",
            own,
            &format!("select a.user, count(*) as n {joined} group by a.user"),
        ),
        (
            "curated/some",
            own,
            "select c.email as user, c.lastupdatedate as at from customer_trusted c \
             where exists (select a.timestamp from accelerometer_landing a where a.user = c.email)",
        ),
        (
            "curated/none",
            own,
            "select c.email as user from customer_trusted c \
             where not exists (select a.timestamp, a.x from accelerometer_landing a where a.user = c.email)",
        ),
    ]);
    place.run("lake");
    place.is_as_fresh("from nothing");
    place.arrives("accelerometer", "2", &phone(1, 7, "3"));
    place.run("lake");
    place.is_as_fresh("a reading came");
}

/// The side of a join that the ledger counts does not depend on the tables'
/// contents.
#[test]
fn accounts_of_a_table_joined_with_itself_add_up() {
    let own = "subject = \"user\"\npersonal = [\"user\"]";
    let mut place = Place::with(&[
        (
            "curated/later",
            own,
            "select a.user, b.x from accelerometer_trusted a \
             join accelerometer_trusted b on a.user = b.user and a.timestamp < b.timestamp",
        ),
        (
            "curated/alike",
            own,
            "select a.email as user, b.lastupdatedate as at from customer_trusted a \
             join customer_trusted b on a.phone = b.phone and a.email < b.email",
        ),
        (
            "curated/earlier",
            own,
            "select b.user, a.x from accelerometer_trusted a \
             join (select * from accelerometer_trusted where x > 0) b \
             on a.timestamp = b.timestamp and a.x > b.x",
        ),
        (
            "curated/by_value",
            own,
            "select a.user, b.timestamp from accelerometer_trusted a \
             join accelerometer_trusted b on a.x = b.x and a.timestamp < b.timestamp",
        ),
    ]);
    place.run("lake");
    place.arrives("accelerometer", "2", &phone(1, 7, "3"));
    place.arrives("accelerometer", "2", &phone(2, 8, "-3"));
    place.arrives("customer", "2", &record(PEOPLE, "555", 10, true));
    place.run("lake").says("took in 2 new files");
    place.is_as_fresh("readings and somebody came");
    place.withdraws(0);
    place.run("lake").says("took in what is new about people");
    place.is_as_fresh("somebody withdrew");
}

/// The counts of a join do not depend on which side is the build side, nor on an
/// empty side.
#[test]
fn accounts_of_joins_do_not_follow_from_what_tables_hold() {
    let own = "subject = \"user\"\npersonal = [\"user\"]";
    let mut place = Place::with(&[
        (
            "curated/flags",
            own,
            "select email as user, phone is null as without, lastupdatedate as at \
             from customer_trusted",
        ),
        // Of rows with a flag, some are of nobody who has a device.
        (
            "curated/flags_of_owners",
            own,
            "select f.user, f.without from flags f \
             where subject(f.user) in (select o.subject from system.device_owner o)",
        ),
        // No reading is of that instant: all rows are without a partner.
        (
            "curated/met_by_others",
            own,
            "select c.email as user from customer_trusted c \
             where c.phone <> '1' and exists (select 1 from accelerometer_trusted a \
             where a.timestamp = c.lastupdatedate and a.user <> c.email)",
        ),
        // Joined by what is neither a text nor an integer.
        (
            "curated/alike",
            own,
            "select f.user, g.at from flags f join flags g \
             on f.without = g.without and f.at = g.at and f.user <> g.user",
        ),
        (
            "curated/beside_zero",
            own,
            "select a.user, b.timestamp from accelerometer_trusted a \
             join (select x, timestamp from accelerometer_trusted where timestamp = 1000) b \
             on a.x = b.x",
        ),
        (
            "curated/both",
            own,
            "select user, x from accelerometer_trusted where timestamp > 1010 \
             intersect select user, x from accelerometer_trusted where timestamp <= 1010",
        ),
    ]);
    // They have no device that reports.
    place.arrives("customer", "2", &record(PEOPLE, "555", 10, true));
    place.run("lake");
    place.arrives("customer", "3", &record(PEOPLE + 1, "555", 10, true));
    place.run("lake").says("took in 1 new file");
    place.is_as_fresh("somebody without a device came");
    place.arrives("accelerometer", "2", &phone(1, 0, "null"));
    place.arrives("accelerometer", "2", &phone(2, 7, "-0.0"));
    place.run("lake").says("took in 1 new file");
    place.is_as_fresh("readings came");
    place.withdraws(0);
    place.run("lake").says("took in what is new about people");
    place.is_as_fresh("somebody withdrew");
}

/// A SELECT that cannot be divided is computed from all its input.
#[test]
fn what_cannot_be_divided_is_computed_whole() {
    let own = "subject = \"user\"\npersonal = [\"user\"]";
    let distinct = &format!("{own}\nduplicates = \"drop\"");
    let mut place = Place::with(&[
        (
            "curated/united",
            distinct,
            "select user, x from accelerometer_trusted where x > 0 \
             union all select user, timestamp % 20 from accelerometer_trusted",
        ),
        (
            "curated/earliest",
            own,
            "select user, timestamp, x from accelerometer_trusted order by timestamp, user limit 3",
        ),
        (
            "curated/crossed",
            own,
            "select a.user, b.timestamp from accelerometer_trusted a \
             join accelerometer_trusted b on a.timestamp < b.timestamp and a.user <> b.user",
        ),
        (
            "curated/beside_oneself",
            own,
            "select a.user, b.x from accelerometer_trusted a \
             join accelerometer_trusted b on a.user = b.user and a.timestamp < b.timestamp",
        ),
        (
            "curated/late",
            own,
            "select user, timestamp from accelerometer_trusted \
             where timestamp > (select min(sensorreadingtime) from step_trainer_trusted)",
        ),
    ]);
    place.run("lake");
    place.arrives("accelerometer", "2", &phone(1, 7, "3"));
    place.run("lake").says("took in 1 new file");
    place.is_as_fresh("a reading came");
    place.withdraws(0);
    place.run("lake").says("took in what is new about people");
    place.is_as_fresh("somebody withdrew");
}

/// Partitions that share a repartitioning are drained together.
#[test]
fn joins_in_a_row_do_not_wait_for_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    stedi(dir, "init p").run().done();
    stedi(dir, "sample landing --customers 200 --seed 1")
        .run()
        .done();
    let sql = "select a.user, c.phone, k.serialnumber from accelerometer_trusted a \
               left join customer_trusted c on c.email = a.user \
               left join customer_curated k on k.email = c.email";
    let contract = "grain = \"One reading.\"\nsubject = \"user\"\npersonal = [\"user\", \"phone\", \"serialnumber\"]";
    fs::write(
        dir.join("p/curated/joined.sql"),
        format!("/*\n{contract}\n*/\n{sql}\n"),
    )
    .unwrap();
    stedi(dir, "run --project p").run().done();
    // Somebody who agrees has another phone.
    let folder = dir.join("landing/customer/landing");
    let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    let text = fs::read_to_string(file.path()).unwrap();
    let records = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let mut records = records.filter(|record: &serde_json::Value| {
        let date = &record["shareWithResearchAsOfDate"];
        date.as_i64().is_some_and(|date| date > 0)
    });
    let mut record = records.next().unwrap();
    record["phone"] = "555".into();
    record["lastUpdateDate"] = (record["lastUpdateDate"].as_i64().unwrap() + 1).into();
    fs::write(folder.join("new.json"), format!("{record}\n")).unwrap();
    stedi(dir, "run --project p")
        .run()
        .done()
        .says("took in 1 new file");
    stedi(dir, "run --project p --lake fresh").run().done();
    let tables = ["curated/joined".to_owned()];
    equal::lakes(&dir.join("lake"), &dir.join("fresh"), &tables).unwrap();
}
