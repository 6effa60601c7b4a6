//! Whose rows a model holds follows from its SELECT, whatever its contract declares
//! or leaves out: models that are refused before anything runs, models that are
//! refused because of their rows, and models that are accepted.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::places::{Landing, contents, unchanged};
use crate::program::{Outcome, stedi};

const NOW: i64 = 10_000;

/// Six people consent to research, one only to the public, one to nothing. Each has
/// a device, and phone and device report at the same instants.
fn landing() -> Landing {
    let people: Vec<usize> = (0..8).collect();
    let record = |n: usize| {
        json!({
            "customerName": format!("Name {n}"), "email": format!("p{n}@x.org"), "phone": format!("555-{n}"),
            "birthday": format!("19{}0-01-01", 5 + n % 2), "serialNumber": format!("d-{n}"),
            "registrationDate": 50, "lastUpdateDate": 100 + n,
            "shareWithResearchAsOfDate": (n < 6).then_some(100),
            "shareWithPublicAsOfDate": (n != 7).then_some(100),
        })
    };
    let instants = |n: usize| (0..3).map(move |i| (n, (1_000 + 100 * i + n) as i64));
    let heard = people.iter().flat_map(|n| instants(*n));
    let felt = people.iter().flat_map(|n| instants(*n));
    Landing {
        customers: people.iter().map(|n| record(*n)).collect(),
        accelerometer: heard
            .map(|(n, at)| json!({"user": format!("P{n}@X.org "), "timestamp": at, "x": n as f64, "y": 0.5, "z": 1.0}))
            .collect(),
        step_trainer: felt
            .map(|(n, at)| json!({"serialNumber": format!("d-{n}"), "sensorReadingTime": at, "distanceFromObject": n}))
            .collect(),
    }
}

/// The data product without the table that needs a key, in `p`.
fn laid_out() -> TempDir {
    let dir = landing().laid_out();
    stedi(dir.path(), "init p").run().done();
    fs::remove_file(dir.path().join("p/curated/training_set.sql")).unwrap();
    dir
}

fn write(dir: &Path, name: &str, contract: &str, select: &str) {
    let model = format!("/*\ngrain = \"One.\"\n{contract}\n*/\n{select}\n");
    fs::write(dir.join(format!("p/curated/{name}.sql")), model).unwrap();
}

fn run(dir: &Path, words: &str) -> Outcome {
    let words = format!("run --project p --now {NOW} {words}");
    stedi(dir, &words).run()
}

/// Contract, SELECT, message, hint.
type Refused = (&'static str, &'static str, &'static str, &'static str);

const REFUSED: &[Refused] = &[
    // Nothing is said.
    (
        "personal = ['user']",
        "select user, timestamp, x, y, z from accelerometer_landing",
        "does not say whose they are",
        "add `subject = \"user\"`",
    ),
    (
        "personal = ['email']",
        "select email from customer_landing",
        "from customer_landing",
        "add `subject = \"email\"`",
    ),
    (
        "personal = ['serialnumber']",
        "select serialnumber, distancefromobject from step_trainer_landing",
        "from step_trainer_landing",
        "add `device = \"serialnumber\"`",
    ),
    (
        "personal = ['who']",
        "select lower(trim(user)) as who from landing.accelerometer_landing",
        "does not say whose",
        "add `subject = \"who\"`",
    ),
    // Rows are people's without a personal column, too.
    (
        "",
        "select x, y, z from accelerometer_landing",
        "nothing in it says whose",
        "accelerometer_landing.user",
    ),
    (
        "",
        "select timestamp from accelerometer_landing",
        "nothing in it says",
        "trusted table",
    ),
    (
        "duplicates = 'drop'",
        "select timestamp from accelerometer_landing",
        "nothing in it",
        "",
    ),
    (
        "",
        "select 1 as one from customer_landing",
        "nothing in it",
        "customer_landing.email",
    ),
    (
        "",
        "select distinct x from accelerometer_landing",
        "nothing in it",
        "",
    ),
    (
        "",
        "select distancefromobject from step_trainer_landing",
        "nothing",
        "serialnumber",
    ),
    (
        "personal = ['phone']",
        "select phone from customer_landing",
        "nothing in it says whose",
        "customer_landing.email",
    ),
    (
        "personal = ['serialnumber', 'birthday']",
        "select serialnumber, birthday from customer_landing",
        "nothing in it says whose",
        "",
    ),
    // As jobs do that ask for another consent.
    (
        "personal = ['email', 'phone']",
        "select email, phone from customer_landing where sharewithpublicasofdate > 0",
        "does not say whose",
        "add `subject = \"email\"`",
    ),
    (
        "personal = ['user']",
        "select a.user, a.timestamp, a.x, a.y, a.z from accelerometer_landing a join customer_landing c on a.user = c.email where c.sharewithpublicasofdate is not null",
        "does not say whose",
        "add `subject = \"user\"`",
    ),
    (
        "",
        "select s.sensorreadingtime, a.x from step_trainer_landing s join accelerometer_landing a on a.timestamp = s.sensorreadingtime",
        "nothing in it says whose",
        "",
    ),
    // What is said is not so.
    (
        "subject = 'who'",
        "select 'p0@x.org' as who, x from accelerometer_landing",
        "subject names `who`, which does not say whose row",
        "",
    ),
    (
        "subject = 'serialnumber'\npersonal = ['serialnumber', 'email']",
        "select serialnumber, email from customer_landing",
        "subject names `serialnumber`",
        "did you mean `email`?",
    ),
    (
        "device = 'serialnumber'\npersonal = ['serialnumber', 'phone']",
        "select serialnumber, phone from customer_landing",
        "device names `serialnumber`",
        "",
    ),
    (
        "subject = 'timestamp'",
        "select timestamp, x from accelerometer_landing",
        "subject names `timestamp`",
        "",
    ),
    (
        "subject = 'email'\npersonal = ['email']",
        "select c.email, a.x from accelerometer_landing a join customer_landing c on c.registrationdate < a.timestamp",
        "others than those named, from accelerometer_landing",
        "join it to the same person's rows",
    ),
    (
        "subject = 'email'\npersonal = ['email']",
        "select c.email, a.x from accelerometer_landing a cross join customer_trusted c",
        "others than those named, from accelerometer_landing",
        "",
    ),
    (
        "subject = 'who'\npersonal = ['who']",
        "select case when x > 3 then user else 'p0@x.org' end as who, x from accelerometer_landing",
        "subject names `who`",
        "",
    ),
    (
        "subject = 'who'\npersonal = ['who']",
        "select coalesce(email, 'p0@x.org') as who from customer_landing",
        "subject names `who`",
        "",
    ),
    (
        "subject = 'who'\npersonal = ['who']",
        "select to_hex(md5(to_utf8(user))) as who, x from accelerometer_landing",
        "subject names `who`",
        "",
    ),
    (
        "subject = 'who'\npersonal = ['who']",
        "select concat(user, '') as who, x from accelerometer_landing",
        "subject names `who`",
        "",
    ),
    (
        "subject = 'who'",
        "select pseudonym(subject(user)) as who, x from accelerometer_trusted",
        "subject names `who`",
        "accelerometer_trusted are checked there",
    ),
    (
        "subject = 'user'\npersonal = ['user']",
        "select lag(user) over (order by timestamp) as user, x from accelerometer_landing",
        "subject names `user`",
        "",
    ),
    (
        "subject = 'user'\npersonal = ['user']",
        "select max(user) as user, timestamp, max(x) as x from accelerometer_landing group by timestamp",
        "subject names `user`",
        "",
    ),
    (
        "subject = 'users'\npersonal = ['users']",
        "select array_to_string(array_agg(user), ',') as users from accelerometer_landing group by user",
        "subject names `users`",
        "",
    ),
    (
        "subject = 'who'\npersonal = ['who']",
        "select (select min(email) from customer_trusted) as who, x from accelerometer_landing",
        "subject names `who`",
        "",
    ),
    (
        "subject = 'who'\npersonal = ['who']",
        "select user as who, x from accelerometer_landing union all select 'p0@x.org', x from accelerometer_landing",
        "subject names `who`",
        "",
    ),
    (
        "subject = 'who'\npersonal = ['who']",
        "select nullif(subject(user), 'p0@x.org') as who, x from accelerometer_trusted",
        "subject names `who`",
        "accelerometer_trusted are checked there",
    ),
    // What may be null for everybody makes one group of all.
    (
        "subject = 'email'\npersonal = ['email', 'phone']",
        "select email, phone from (select email, string_agg(phone, ',') over (partition by nullif(email, email)) as phone from customer_landing) q where email in (select email from customer_trusted)",
        "several people, from customer_landing",
        "",
    ),
    (
        "subject = 'email'\npersonal = ['email', 'phone']",
        "select min(email) as email, string_agg(phone, ',') as phone from customer_landing where email >= (select min(email) from customer_trusted) group by nullif(email, email)",
        "subject names `email`",
        "",
    ),
    (
        "subject = 'email'\npersonal = ['email', 'phone']",
        "select min(email) as email, string_agg(phone, ',') as phone from customer_landing group by cast(nullif(email, email) as text)",
        "subject names `email`",
        "",
    ),
    (
        "subject = 'email'\npersonal = ['email', 'phone']",
        "select min(email) as email, string_agg(phone, ',') as phone from customer_landing group by trim(nullif(lower(email), lower(email)))",
        "subject names `email`",
        "",
    ),
    // Somebody else's rows beside.
    (
        "subject = 'user'\npersonal = ['user', 'other']",
        "select a.user, b.user as other, b.x from accelerometer_landing a join accelerometer_landing b on a.timestamp = b.timestamp",
        "others than those named, from accelerometer_landing",
        "",
    ),
    (
        "subject = 'email'\npersonal = ['email']",
        "select c.email, a.x from accelerometer_landing a left join customer_trusted c on c.email = a.user",
        "from accelerometer_landing",
        "",
    ),
    (
        "subject = 'email'\npersonal = ['email', 'user']",
        "select c.email, a.user from customer_landing c full join accelerometer_landing a on subject(c.email) = subject(a.user)",
        "from accelerometer_landing",
        "",
    ),
    (
        "subject = 'user'\npersonal = ['user']",
        "select user, x, lead(x) over (order by timestamp) as next from accelerometer_landing",
        "several people, from accelerometer_landing",
        "",
    ),
    (
        "subject = 'user'\npersonal = ['user']",
        "select user, x, avg(x) over (partition by timestamp) as mean from accelerometer_landing",
        "several people",
        "",
    ),
    (
        "subject = 'email'\npersonal = ['email', 'most']",
        "select email, (select max(phone) from customer_landing) as most from customer_trusted",
        "several people, from customer_landing",
        "",
    ),
    (
        "subject = 'email'\npersonal = ['email']",
        "select email, exists (select 1 from accelerometer_landing a where a.x > 6) as flies from customer_trusted",
        "several people, from accelerometer_landing",
        "",
    ),
    (
        "subject = 'user'\npersonal = ['user', 'serialnumber']",
        "select a.user, s.serialnumber from accelerometer_trusted a join step_trainer_landing s on s.sensorreadingtime = a.timestamp",
        "step_trainer_landing",
        "",
    ),
    // Groups that nobody has called anonymous, and such that are none.
    (
        "",
        "select count(*) as n from customer_landing",
        "several people, from customer_landing",
        "anonymous = true",
    ),
    (
        "personal = ['email']",
        "select max(email) as email from customer_landing",
        "several people",
        "",
    ),
    (
        "anonymous = true",
        "select x, y, z from accelerometer_landing",
        "anonymous by its contract, and its rows may be those of single people",
        "group the rows",
    ),
    (
        "anonymous = true",
        "select timestamp, x from accelerometer_trusted",
        "anonymous by its contract",
        "take `anonymous` away",
    ),
    (
        "anonymous = true",
        "select distinct x from accelerometer_landing",
        "anonymous by its contract",
        "",
    ),
    (
        "anonymous = true",
        "select pseudonym(subject(user)) as who, x from accelerometer_trusted",
        "anonymous by its contract",
        "",
    ),
    (
        "anonymous = true",
        "select z, count(*) as n from (select z from accelerometer_landing) group by z",
        "anonymous by its contract",
        "going into the grouping",
    ),
    (
        "anonymous = true",
        "select g.n, a.x from accelerometer_landing a cross join (select count(*) as n from accelerometer_landing) g",
        "anonymous by its contract",
        "",
    ),
    (
        "anonymous = true",
        "select max(x) filter (where subject(user) = 'p3@x.org') as x from accelerometer_landing",
        "anonymous by its contract",
        "",
    ),
    (
        "anonymous = true",
        "select sum(case when user = 'P3@X.org ' then x end) as x from accelerometer_trusted",
        "anonymous by its contract",
        "",
    ),
    // A list of single rows is no figure of a group.
    (
        "anonymous = true",
        "select string_agg(cast(timestamp as text) || '/' || cast(x as text), ';' order by user, timestamp) as d from accelerometer_landing",
        "anonymous by its contract",
        "nothing that lists values",
    ),
    (
        "anonymous = true",
        "select array_to_string(array_agg(registrationdate), ',') as d from customer_landing",
        "anonymous by its contract",
        "",
    ),
    (
        "anonymous = true",
        "select first_value(x order by timestamp) as x from accelerometer_landing",
        "anonymous by its contract",
        "",
    ),
    (
        "anonymous = true",
        "select sum(x order by user) as x from accelerometer_landing",
        "anonymous by its contract",
        "",
    ),
    // The system's tables speak of everyone.
    (
        "personal = ['subject']",
        "select subject, valid_from from system.consent where purpose = 'public'",
        "from system.consent",
        "add `subject = \"subject\"`",
    ),
    (
        "",
        "select purpose, valid_from from system.consent",
        "from system.consent",
        "",
    ),
    (
        "personal = ['serialnumber']",
        "select serialnumber from system.device_owner",
        "from system.device_owner",
        "add `device = \"serialnumber\"`",
    ),
    (
        "device = 'serialnumber'\npersonal = ['serialnumber', 'subject']",
        "select serialnumber, subject from system.device_owner",
        "column `subject`",
        "add `subject = \"subject\"`",
    ),
    (
        "personal = ['serialnumber']",
        "select serialnumber from system.device_claim",
        "from system.device_claim",
        "",
    ),
    (
        "personal = ['subject']",
        "select subject, act from system.consent_register",
        "from system.consent_register",
        "add `subject = \"subject\"`",
    ),
    (
        "personal = ['raw']",
        "select cast(raw as string) as raw from system.quarantine",
        "system.quarantine.raw",
        "quarantine show",
    ),
    // What is not understood names nobody.
    (
        "subject = 'user'\npersonal = ['user']",
        "with recursive r as (select user, 1 as n from accelerometer_landing union all select user, n + 1 from r where n < 2) select user, n from r",
        "subject names `user`",
        "",
    ),
];

static READ_ONCE: LazyLock<TempDir> = LazyLock::new(laid_out);

#[test]
fn what_does_not_say_whose_rows_it_holds_is_refused_before_anything_runs() {
    let dir = READ_ONCE.path();
    let before = contents(&dir.join("landing"));
    for (contract, select, says, hints) in REFUSED {
        write(dir, "m", contract, select);
        let outcome = run(dir, "--select m");
        assert_eq!(outcome.code, 4, "{contract}\n{select}\n{outcome}");
        assert!(outcome.out.is_empty(), "{select}: {outcome}");
        let outcome = outcome.says("p/curated/m.sql:").says(says).hints(hints);
        assert!(!outcome.err.contains("p0@"), "{outcome}");
        assert!(!dir.join("lake").exists(), "{select}");
    }
    unchanged(&before, &dir.join("landing"), "landing");
    // `plan` and `verify` look at the same.
    for verb in ["plan", "verify"] {
        let words = format!("{verb} --project p --now {NOW}");
        stedi(dir, &words).run().ended(4).says("p/curated/m.sql:");
    }
    // `lineage` tells all the same where columns come from.
    stedi(dir, "lineage m --project p").run().done();
}

/// A model that reads a refused one is refused, too.
#[test]
fn lines_and_models_over_models() {
    let dir = laid_out();
    let dir = dir.path();
    write(
        dir,
        "a",
        "personal = ['who']",
        "select email as who\nfrom customer_landing",
    );
    write(
        dir,
        "b",
        "subject = 'who'\npersonal = ['who']",
        "select who from a",
    );
    for words in ["", "--select b"] {
        run(dir, words)
            .ended(4)
            .says("p/curated/a.sql:5: a holds rows of people");
    }
    write(
        dir,
        "a",
        "subject = 'x'\npersonal = ['who']",
        "select email as who, 1 as x\nfrom customer_landing",
    );
    run(dir, "")
        .ended(4)
        .says("p/curated/a.sql:3: subject names `x`");
    assert!(!dir.join("lake").exists());
}

/// Contract, SELECT, number of rows.
type Taken = (&'static str, &'static str, u64);

const TAKEN: &[Taken] = &[
    // Rows of trusted tables were checked there.
    ("", "select timestamp from accelerometer_trusted", 18),
    (
        "duplicates = 'drop'",
        "select y from accelerometer_trusted",
        1,
    ),
    (
        "personal = ['user']",
        "select user, x from accelerometer_trusted",
        18,
    ),
    (
        "personal = ['phone']",
        "select phone from customer_trusted",
        6,
    ),
    (
        "personal = ['year']",
        "select split_part(birthday, '-', 1) as year, count(*) as n from customer_trusted group by 1",
        2,
    ),
    (
        "personal = ['user', 'other']",
        "select a.user, b.user as other from accelerometer_trusted a join accelerometer_trusted b on a.timestamp = b.timestamp",
        18,
    ),
    (
        "subject = 'user'\npersonal = ['user']",
        "select user, lead(x) over (order by timestamp) as next from accelerometer_trusted",
        18,
    ),
    (
        "subject = 'user'\npersonal = ['user', 'phone', 'serialnumber']",
        "select a.user, c.phone, k.serialnumber from accelerometer_trusted a left join customer_trusted c on c.email = a.user left join customer_curated k on k.email = c.email",
        18,
    ),
    (
        "device = 'serialnumber'\npersonal = ['serialnumber']",
        "select serialnumber, count(*) as n from step_trainer_trusted group by 1",
        6,
    ),
    (
        "subject = 'user'\ndevice = 'serialnumber'\npersonal = ['user', 'serialnumber']",
        "select user, serialnumber from machine_learning_curated where same_owner",
        18,
    ),
    // Landing tables, joined to those who agree.
    (
        "subject = 'who'\npersonal = ['who']",
        "select lower(trim(a.user)) as who, a.x from accelerometer_landing a join customer_trusted c on subject(c.email) = subject(a.user)",
        18,
    ),
    (
        "subject = 'user'\npersonal = ['user', 'birthday']",
        "select a.user, c.birthday from accelerometer_landing a, customer_landing c, customer_trusted t where subject(c.email) = subject(a.user) and subject(t.email) = subject(c.email)",
        18,
    ),
    (
        "subject = 'email'\npersonal = ['email']",
        "select email, lastupdatedate from customer_landing where subject(email) in (select subject(email) from customer_trusted)",
        6,
    ),
    (
        "subject = 'who'\npersonal = ['who']",
        "select subject(user) as who, count(*) as n, max(x) as most from accelerometer_landing where subject(user) in (select subject(email) from customer_trusted) group by 1",
        6,
    ),
    (
        "subject = 'who'\npersonal = ['who']",
        "select min(user) as who, max(x) as most from accelerometer_landing where subject(user) in (select subject(email) from customer_trusted) group by subject(user)",
        6,
    ),
    (
        "subject = 'user'\npersonal = ['user']",
        "select a.user, sum(a.x) over (partition by subject(a.user) order by a.timestamp) as far from accelerometer_landing a left semi join customer_trusted c on subject(c.email) = subject(a.user)",
        18,
    ),
    (
        "subject = 'email'\npersonal = ['email', 'last']",
        "select t.email, (select max(c.phone) from customer_landing c where c.email = t.email) as last from customer_trusted t",
        6,
    ),
    (
        "subject = 'email'\npersonal = ['email', 'user']",
        "select t.email, a.user from customer_trusted t left join accelerometer_landing a on subject(a.user) = subject(t.email)",
        18,
    ),
    (
        "subject = 'who'\npersonal = ['who']",
        "select subject(user) as who from accelerometer_trusted union all select l.email from customer_landing l join customer_trusted t on subject(t.email) = subject(l.email)",
        24,
    ),
    (
        "device = 'serialnumber'\npersonal = ['serialnumber']",
        "select s.serialnumber, s.distancefromobject from step_trainer_landing s join step_trainer_trusted t on t.serialnumber = s.serialnumber and t.sensorreadingtime = s.sensorreadingtime",
        18,
    ),
    (
        "subject = 'owner'\npersonal = ['owner']",
        "select o.subject as owner, s.distancefromobject from step_trainer_landing s join system.device_owner o on o.serialnumber = s.serialnumber join customer_trusted c on subject(c.email) = o.subject",
        18,
    ),
    // The system's tables.
    (
        "personal = ['email']",
        "select c.email, s.valid_from from customer_trusted c join system.consent s on s.subject = subject(c.email) where s.purpose = 'research'",
        6,
    ),
    (
        "subject = 'subject'\npersonal = ['subject']",
        "select subject, valid_from from system.consent where purpose = 'research' and valid_to is null",
        6,
    ),
    ("", "select count(*) as n from system.quarantine", 1),
    ("", "select table_name, reason from system.quarantine", 0),
    (
        "",
        "select act, count(*) as n from system.consent_register group by act",
        0,
    ),
    (
        "",
        "select table_name, rows_out from system.ledger where false",
        0,
    ),
    // Groups.
    (
        "anonymous = true",
        "select count(*) as n from customer_landing",
        1,
    ),
    (
        "anonymous = true",
        "select count(*) as n, avg(x) as mean from accelerometer_landing",
        1,
    ),
    (
        "anonymous = true",
        "select count(*) as n from customer_trusted where registrationdate > 0",
        1,
    ),
    (
        "anonymous = true",
        "select y, count(*) as n from accelerometer_trusted group by y having count(*) > 1 order by n limit 3",
        1,
    ),
    (
        "anonymous = true",
        "select x, count(*) as n from accelerometer_landing group by x having count(distinct subject(user)) >= 5",
        0,
    ),
    (
        "anonymous = true",
        "with per_person as (select subject(user) as who, avg(x) as x from accelerometer_trusted group by 1) select avg(x) as x, count(*) as people from per_person",
        1,
    ),
    (
        "anonymous = true",
        "select avg(n) as n from (select y, count(*) as n from accelerometer_trusted group by y)",
        1,
    ),
    (
        "anonymous = true",
        "select max(distancefromobject) as far from step_trainer_landing",
        1,
    ),
    (
        "anonymous = true",
        "select count(*) as n from system.consent where purpose = 'public'",
        1,
    ),
    (
        "anonymous = true",
        "select count(*) as n from customer_landing where false",
        1,
    ),
    // Nobody.
    ("", "select 1 as one", 1),
    ("anonymous = true", "select 1 as one", 1),
];

#[test]
fn what_says_whose_rows_it_holds_is_taken() {
    let dir = laid_out();
    let dir = dir.path();
    for (number, (contract, select, _)) in TAKEN.iter().enumerate() {
        write(dir, &format!("m_{number}"), contract, select);
    }
    run(dir, "").done();
    let counts: Vec<String> = (0..TAKEN.len())
        .map(|number| format!("select {number} as m, count(*) as n from m_{number}"))
        .collect();
    let counts = format!("{} order by m", counts.join(" union all "));
    let call = stedi(dir, "sql --project p --format json -c").arg(counts);
    let found = call.run().done().json();
    for ((contract, select, expected), found) in TAKEN.iter().zip(found.as_array().unwrap()) {
        assert_eq!(found["n"], *expected, "{contract}\n{select}");
    }
    stedi(dir, &format!("verify --project p --now {NOW}"))
        .run()
        .done();
    // Somebody withdraws, and is out of all of them, by a run that takes in
    // nothing else. (Six people were few enough for groups to be five.)
    stedi(dir, &format!("--now {NOW} consent withdraw --at 9000"))
        .input("p5@x.org")
        .run()
        .done();
    run(dir, "").done();
    let named = |(_, (contract, _, _)): &(usize, &Taken)| contract.contains("personal");
    for (number, (_, select, _)) in TAKEN.iter().enumerate().filter(named) {
        let columns =
            stedi(dir, "sql --project p --format json -c").arg(format!("select * from m_{number}"));
        let found = columns.run().done().out.to_lowercase();
        for theirs in ["p5@x.org", "555-5", "d-5"] {
            assert!(!found.contains(theirs), "{theirs}: {select}");
        }
    }
    stedi(dir, &format!("verify --project p --now {NOW}"))
        .run()
        .done();
}

/// Contract, SELECT, the check that fails.
type FailsByRows = (&'static str, &'static str, &'static str);

const FAILS: &[FailsByRows] = &[
    // Everybody's, said so.
    (
        "subject = 'user'\npersonal = ['user']",
        "select user, x from accelerometer_landing",
        "privacy: consent in force",
    ),
    // Who shares with everybody has not agreed to research.
    (
        "subject = 'email'\npersonal = ['email']",
        "select email from customer_landing where sharewithpublicasofdate > 0",
        "privacy: consent in force",
    ),
    (
        "subject = 'user'\npersonal = ['user']",
        "select a.user, a.x from accelerometer_landing a join customer_landing c on subject(a.user) = subject(c.email) where c.sharewithpublicasofdate is not null",
        "privacy: consent in force",
    ),
    (
        "subject = 'subject'\npersonal = ['subject']",
        "select subject from system.consent where purpose = 'public'",
        "privacy: consent in force",
    ),
    // A null is nobody's name.
    (
        "subject = 'email'\npersonal = ['email', 'user']",
        "select c.email, a.user from accelerometer_trusted a left join customer_trusted c on c.email = a.user",
        "privacy: consent in force",
    ),
    // Devices of everybody, also beside people who agree.
    (
        "device = 'serialnumber'\npersonal = ['serialnumber']",
        "select serialnumber, distancefromobject from step_trainer_landing",
        "privacy: owner's consent in force",
    ),
    (
        "subject = 'user'\ndevice = 'serialnumber'\npersonal = ['user', 'serialnumber']",
        "select a.user, s.serialnumber from accelerometer_trusted a join step_trainer_landing s on s.sensorreadingtime <= a.timestamp",
        "privacy: owner's consent in force",
    ),
    // Groups of few.
    (
        "anonymous = true",
        "select x, count(*) as n from accelerometer_landing group by x",
        "privacy: groups of 5 people or more",
    ),
    (
        "anonymous = true",
        "select count(*) as n from customer_landing where subject(email) = 'p7@x.org'",
        "privacy: groups of 5 people or more",
    ),
    (
        "anonymous = true",
        "select max(x) as x from accelerometer_trusted where x < 3",
        "privacy: groups of 5 people or more",
    ),
    (
        "anonymous = true",
        "select y, x > 4 as more, count(*) as n from accelerometer_landing group by 1, 2",
        "privacy: groups of 5 people or more",
    ),
    (
        "anonymous = true",
        "select y, x, count(*) as n from accelerometer_landing group by rollup (y, x)",
        "privacy: groups of 5 people or more",
    ),
    (
        "anonymous = true",
        "select max(n) as n from (select x, count(*) as n from accelerometer_trusted group by x)",
        "privacy: groups of 5 people or more",
    ),
    // Those who give no value hide nobody who does.
    (
        "anonymous = true",
        "select w, max(x) as x from (select a.user, a.timestamp as w, x from accelerometer_landing a union all select c.email, v.t, null from customer_landing c cross join (values (1000)) v(t)) q group by w having count(distinct user) >= 5",
        "privacy: groups of 5 people or more",
    ),
    (
        "anonymous = true",
        "select max(x) as x from (select c.email, a.x from customer_landing c left join accelerometer_landing a on subject(a.user) = subject(c.email) and a.x > 5) q",
        "privacy: groups of 5 people or more",
    ),
    (
        "anonymous = true",
        "select max(x) filter (where x > 6) as x from accelerometer_landing",
        "privacy: groups of 5 people or more",
    ),
    (
        "anonymous = true",
        "select max(most) as most from (select t, max(x) filter (where x > 6 and t = 1) as most from accelerometer_landing cross join (values (1), (2)) v(t) group by t)",
        "privacy: groups of 5 people or more",
    ),
    (
        "anonymous = true",
        "select distancefromobject, count(*) as n from step_trainer_trusted group by 1",
        "privacy: groups of 5 people or more",
    ),
];

#[test]
fn rows_of_people_who_do_not_agree_are_refused_by_the_column_that_names_them() {
    let dir = laid_out();
    let dir = dir.path();
    for (contract, select, check) in FAILS {
        write(dir, "m", contract, select);
        let outcome = run(dir, "--format json");
        assert_eq!(outcome.code, 4, "{contract}\n{select}\n{outcome}");
        let report: Value = outcome.json();
        let mut checks = report["checks"].as_array().unwrap().iter();
        let failed = checks.any(|found| {
            found["table"] == "m" && found["check"] == *check && found["verdict"] == "fail"
        });
        assert!(failed, "{check}: {select}: {outcome}");
        let left = contents(&dir.join("lake"));
        let published = left.keys().any(|path| path.ends_with("_delta_log"));
        assert!(!published, "{select}");
    }
}

/// A group that becomes too small by a withdrawal is refused by the next run, and
/// before that by `verify`.
#[test]
fn groups_are_counted_again() {
    let dir = laid_out();
    let dir = dir.path();
    write(
        dir,
        "m",
        "anonymous = true",
        "select y, count(*) as n, avg(x) as x from accelerometer_trusted group by y",
    );
    run(dir, "").done();
    assert_eq!(groups(dir), 1);
    for (person, code) in [("p0@x.org", 0), ("p1@x.org", 4)] {
        stedi(dir, &format!("--now {NOW} consent withdraw --at 9000"))
            .input(person)
            .run()
            .done();
        let outcome = run(dir, "").ended(code);
        if code == 4 {
            outcome.says("privacy: groups of 5 people or more");
        }
    }
    assert_eq!(groups(dir), 1, "what stood stands");
}

fn groups(dir: &Path) -> u64 {
    let call = stedi(dir, "sql --project p --format json -c").arg("select count(*) as n from m");
    call.run().done().json()[0]["n"].as_u64().unwrap()
}

/// Another name for the same landing data does not evade the checks.
#[test]
fn a_landing_table_by_another_name_is_of_the_same_people() {
    let dir = laid_out();
    let dir = dir.path();
    fs::write(
        dir.join("p/landing/raw.sql"),
        "create external table raw (user string, timestamp bigint, x double) \
         row format serde 'org.openx.data.jsonserde.JsonSerDe' location 's3://stedi/accelerometer/landing/'",
    )
    .unwrap();
    write(dir, "m", "personal = ['user']", "select user, x from raw");
    run(dir, "")
        .ended(4)
        .says("from raw")
        .hints("add `subject = \"user\"`");
    write(
        dir,
        "m",
        "subject = 'user'\npersonal = ['user']",
        "select user, x from raw",
    );
    run(dir, "").ended(4).says("privacy: consent in force");
    // Nor where the column that would tell is left out.
    fs::write(
        dir.join("p/landing/raw.sql"),
        "create external table raw (x double) \
         row format serde 'org.openx.data.jsonserde.JsonSerDe' location 's3://stedi/accelerometer'",
    )
    .unwrap();
    write(dir, "m", "", "select x from raw");
    run(dir, "").ended(4).says("from raw").hints("raw.user");
    // Of a table of which nothing is known, a personal column says whose rows.
    fs::write(
        dir.join("p/landing/raw.sql"),
        "create external table raw (who string, x double) \
         row format serde 'org.openx.data.jsonserde.JsonSerDe' location 's3://stedi/raw/' \
         tblproperties ('stedi.personal' = 'who')",
    )
    .unwrap();
    let folder = dir.join("landing/raw");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("a.json"), "{\"who\":\"P1@x.org\",\"x\":1}\n").unwrap();
    write(dir, "m", "", "select x from raw");
    run(dir, "").ended(4).hints("raw.who");
    write(
        dir,
        "m",
        "subject = 'who'\npersonal = ['who']",
        "select who, x from raw",
    );
    run(dir, "").done();
    let whose = || {
        let call = stedi(dir, "sql --project p --format json -c").arg("select who from m");
        call.run().done().json()
    };
    assert_eq!(whose(), json!([{"who": "P1@x.org"}]));
    fs::write(folder.join("b.json"), "{\"who\":\"p7@x.org\",\"x\":1}\n").unwrap();
    run(dir, "").ended(4).says("privacy: consent in force");
}

/// A definition that declares the subject of a row is stronger than one that lists
/// personal columns: a model may leave neither out.
#[test]
fn a_declared_subject_or_device_says_whose_rows_they_are() {
    let dir = laid_out();
    let dir = dir.path();
    let folder = dir.join("landing/raw");
    fs::create_dir_all(&folder).unwrap();
    let line = "{\"who\":\"P1@x.org\",\"thing\":\"d-1\",\"at\":1000,\"x\":1}\n";
    fs::write(folder.join("a.json"), line).unwrap();
    let declare = |role: &str| {
        fs::write(
            dir.join("p/landing/raw.sql"),
            format!(
                "create external table raw (who string, thing string, at bigint, x double) \
                 row format serde 'org.openx.data.jsonserde.JsonSerDe' location 's3://stedi/raw/' \
                 tblproperties ({role}, 'stedi.time' = 'at', 'stedi.personal' = 'who,thing')"
            ),
        )
        .unwrap();
    };
    declare("'stedi.subject' = 'who'");
    for select in ["select x from raw", "select distinct 1 as one from raw"] {
        write(dir, "m", "", select);
        run(dir, "").ended(4).says("from raw").hints("raw.who");
    }
    // The device is no person, whatever else is personal.
    write(
        dir,
        "m",
        "subject = 'thing'\npersonal = ['thing']",
        "select thing, x from raw",
    );
    run(dir, "")
        .ended(4)
        .says("`thing`, which does not say whose row");
    let named = "subject = 'who'\npersonal = ['who']";
    write(dir, "m", named, "select who, x from raw");
    run(dir, "").done();
    fs::write(folder.join("b.json"), line.replace("P1", "P7")).unwrap();
    run(dir, "").ended(4).says("privacy: consent in force");
    fs::remove_file(folder.join("b.json")).unwrap();

    declare("'stedi.device' = 'thing'");
    write(dir, "m", "", "select x from raw");
    run(dir, "").ended(4).hints("raw.thing");
    write(
        dir,
        "m",
        "device = 'thing'\npersonal = ['thing']",
        "select thing, x from raw",
    );
    run(dir, "").done();
}

/// All spellings of the location of the same files, and links to some of them.
#[test]
fn a_landing_table_over_the_same_files_is_of_the_same_people() {
    let dir = laid_out();
    let dir = dir.path();
    let landing = dir.join("landing");
    std::os::unix::fs::symlink(landing.join("accelerometer"), landing.join("linked")).unwrap();
    fs::create_dir_all(landing.join("hard")).unwrap();
    let files = contents(&landing.join("accelerometer/landing"));
    let file = files.keys().find(|path| path.is_file()).unwrap();
    fs::hard_link(file, landing.join("hard/a.json")).unwrap();
    let whole = landing.display();
    let raw = |columns: &str, place: &str| {
        let table = format!(
            "create external table raw ({columns}) \
             row format serde 'org.openx.data.jsonserde.JsonSerDe' location '{place}'"
        );
        fs::write(dir.join("p/landing/raw.sql"), table).unwrap();
    };
    write(dir, "m", "", "select x from raw");
    for place in [
        format!("file://{whole}/accelerometer/landing/"),
        format!("file://{whole}/./accelerometer//landing"),
        format!("file://localhost{whole}/accelerometer/landing/"),
        format!("file:{whole}/accelerometer/landing/"),
        format!("file://{whole}/linked/landing/"),
        "file:///proc/self/cwd/landing/accelerometer/landing/".to_owned(),
        "s3://other//accelerometer//landing/".to_owned(),
        "s3://stedi/linked/".to_owned(),
        "s3://stedi/hard/".to_owned(),
    ] {
        raw("x double", &place);
        let outcome = run(dir, "").ended(4).says("raw");
        assert!(!dir.join("lake/curated").exists(), "{place}: {outcome}");
        // The column that tells is asked for wherever it is.
        raw("USER string, x double", &place);
        run(dir, "").ended(4).says("from raw").hints("raw.user");
    }
    // Also in a table that lies elsewhere, whatever it says is personal.
    raw("x double, phone string, Email string", "s3://stedi/else/");
    run(dir, "").ended(4).says("from raw").hints("raw.email");
}

/// Without customer records nobody consents.
#[test]
fn without_records_nobody_has_agreed() {
    let dir = landing().laid_out();
    let dir = dir.path();
    fs::create_dir_all(dir.join("p/landing")).unwrap();
    fs::create_dir_all(dir.join("p/curated")).unwrap();
    fs::write(
        dir.join("p/landing/reading.sql"),
        "create external table reading (user string, x double) \
         row format serde 'org.openx.data.jsonserde.JsonSerDe' location 's3://stedi/accelerometer/landing/' \
         tblproperties ('stedi.personal' = 'user')",
    )
    .unwrap();
    write(
        dir,
        "m",
        "subject = 'user'\npersonal = ['user']",
        "select user, x from reading",
    );
    run(dir, "").ended(4).says("privacy: consent in force");
}
