//! `stedi import glue`: Glue scripts of the kinds that people write become a project that
//! runs. The scripts are in `import_glue/`, one folder for each kind.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::places::{DEMO, SMALL, contents, unchanged};
use crate::program::{Outcome, stedi};

fn scripts(kind: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/it/import_glue").join(kind)
}

/// The project `p` in a new folder, made of scripts.
fn imported(from: &Path, ending: i32) -> (TempDir, Outcome) {
    let dir = tempfile::tempdir().unwrap();
    let call = stedi(dir.path(), "import glue --format csv --to p").arg(from);
    let outcome = call.run().ended(ending);
    (dir, outcome)
}

fn linked(dir: &Path, landing: &Path) {
    std::os::unix::fs::symlink(landing.join("landing"), dir.join("landing")).unwrap();
}

/// A project of five jobs must run as it is, with the published counts.
fn runs_with_published_counts(kind: &str, customer_curated: &str) {
    let (dir, outcome) = imported(&scripts(kind), 0);
    assert!(!outcome.out.contains("not translated"), "{}", outcome.out);
    outcome.hints("stedi run --project p");
    linked(dir.path(), &DEMO.dir);
    stedi(dir.path(), "run --project p").run().done();
    for (table, expected) in [
        ("customer_trusted", 482),
        ("accelerometer_trusted", 40_981),
        (customer_curated, 482),
        ("step_trainer_trusted", 14_460),
        ("machine_learning_curated", 43_681),
    ] {
        let call = format!("select count(*) from {table}");
        let counted = stedi(dir.path(), "sql --project p --format csv -c").arg(&call);
        let counted = counted.run().done().out;
        let counted = counted.lines().last().unwrap_or_default();
        assert_eq!(counted, expected.to_string(), "{kind}: {table}");
    }
}

#[test]
fn nodes_of_glue_studio_give_the_published_counts() {
    runs_with_published_counts("studio_nodes", "customer_curated");
}

#[test]
fn sql_of_glue_studio_gives_the_published_counts() {
    runs_with_published_counts("studio_sql", "customers_curated");
}

#[test]
fn data_frames_give_the_published_counts() {
    runs_with_published_counts("dataframes", "customer_curated");
}

#[test]
fn tables_of_the_catalog_give_the_published_counts() {
    runs_with_published_counts("catalog", "customer_curated");
}

/// The columns after the script's folder: file, line, node, outcome, note.
fn lines_of(outcome: &Outcome, folder: &Path) -> Vec<String> {
    let folder = format!("{}/", folder.display());
    let lines = outcome.out.lines().skip(1);
    lines.map(|line| line.replace(&folder, "")).collect()
}

#[test]
fn each_node_has_its_outcome() {
    let from = scripts("careless");
    let (dir, outcome) = imported(&from, 1);
    let expected = include_str!("import_glue/careless/outcomes.csv");
    assert_eq!(
        lines_of(&outcome, &from),
        expected.lines().collect::<Vec<_>>(),
        "{}",
        outcome.out
    );
    // What is not translated stops a run, where it is to be mended.
    linked(dir.path(), &SMALL.dir);
    let run = stedi(dir.path(), "run --project p").run().ended(2);
    run.says("trusted/accelerometer_trusted.sql");
}

/// The outcome of a script that reads customers, does `body` and writes `customer_trusted`.
fn outcome_of(body: &str) -> (String, String) {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "q = 'select * from customer_landing where shareWithResearchAsOfDate > 0'\n\
         c = spark.table('customer_landing').filter('shareWithResearchAsOfDate > 0')\n{body}\n\
         c.write.saveAsTable('customer_trusted')\n"
    );
    fs::write(dir.path().join("job.py"), text).unwrap();
    let outcome = stedi(dir.path(), "import glue job.py --format csv --to p").run();
    assert!([0, 1].contains(&outcome.code), "{body}: {}", outcome.err);
    let file = fs::read_to_string(dir.path().join("p/trusted/customer_trusted.sql"));
    (outcome.out, file.unwrap_or_default())
}

#[test]
fn a_model_that_a_run_refuses_says_why_without_its_place() {
    for (query, why) in [
        (
            "select wrong from customer_landing",
            "there is no column `wrong`",
        ),
        (
            "select a.z from accelerometer_landing a where a.z > 1",
            "nothing in it says whose they are",
        ),
    ] {
        let (out, file) = outcome_of(&format!("c = spark.sql('{query}')"));
        let line = out.lines().find(|line| line.contains(",refused,"));
        let line = line.unwrap_or_else(|| panic!("{out}"));
        assert!(line.contains(why), "{out}");
        assert!(file.contains("A run refuses this model: "), "{file}");
        assert!(!format!("{file}{line}").contains("import/"), "{file}{line}");
    }
}

#[test]
fn what_is_not_followed_is_told_and_taints_what_it_assigns() {
    for (body, expected) in [
        (
            "while more():\n    c = c.distinct()",
            "`while` is not followed",
        ),
        (
            "for x in c.columns:\n    c = c.drop(x)",
            "a loop over something that only a run knows is not followed",
        ),
        (
            "for x in ['a']:\n    c = c.drop(x)\n    break",
            "a loop with `break`, `continue` or `else` is not followed",
        ),
        (
            "match day:\n    case 1:\n        c = c.distinct()",
            "`match` is not followed",
        ),
        (
            "try:\n    c = c.distinct()\nexcept Exception:\n    c = spark.table('other')",
            "`except` is not followed",
        ),
        (
            "with thing() as c:\n    pass",
            "Python's with is not understood",
        ),
        (
            "async def f():\n    pass\nc = f()",
            "`async` is not followed",
        ),
        (
            "def f():\n    def g():\n        nonlocal d\n        d = c.distinct()\n    d = c\n    g()\n    return d\nc = f()",
            "`nonlocal` is not followed",
        ),
        ("del c", "`delete` is not followed"),
        (
            "c = helper.clean(c)",
            "`helper.clean` is given a frame, and what it does is not known",
        ),
        (
            "q += day\nc = spark.sql(q)",
            "the query is put together when the job runs",
        ),
        (
            "x = y = c\ny = x.foo()\nc = y",
            "`foo` of a frame is not translated",
        ),
        (
            "d = {}\nd[day] = c\nc = d['a']",
            "a part of it is assigned, which is not followed",
        ),
        (
            "def f(x):\n    if x['phone'] is None:\n        return True\n    return x['serialNumber'] != 'a'\nc = Filter.apply(frame=c, f=f)",
            "a branch that depends on a row is not translated",
        ),
        (
            "@udf\ndef f(x):\n    return 1\nc = c.withColumn('phone', f(c['phone']))",
            "a definition with a decorator is not followed",
        ),
        (
            "c = glueContext.create_dynamic_frame.from_catalog(database='d', table_name='customer_landing', additional_options={'exclusions': 'x'})",
            "the option `exclusions` of a source is not translated",
        ),
        (
            "c = glueContext.create_dynamic_frame.from_catalog(database='d', table_name='customer_landing', push_down_predicate=\"year == '2024'\")",
            "there is no column `year`",
        ),
        (
            "c = spark.read.option('pathGlobFilter', 'a*').json('s3://b/customer/landing/')",
            "the option `pathGlobFilter` of a source is not translated",
        ),
    ] {
        let (out, file) = outcome_of(body);
        assert!(out.contains(expected), "{body}\n{out}");
        assert!(out.contains("not translated"), "{body}\n{out}");
        assert!(file.contains("-- Not translated: "), "{body}\n{file}");
    }
}

#[test]
fn what_concerns_no_table_that_is_written_has_a_line() {
    for (body, expected) in [
        (
            "spark.sql('insert into other select * from customer_landing')",
            "the statement INSERT of `sql` is not translated",
        ),
        (
            "Spigot.apply(frame=c, path='s3://b/x')",
            "the transform Spigot is not translated",
        ),
        (
            "class Job:\n    def run(self):\n        c.write.saveAsTable('other_trusted')",
            "a class is not followed",
        ),
        ("if day:\n    c = c.distinct()", "it is taken to hold"),
        (
            "def f(d):\n    if day:\n        return d\n    return d.distinct()\nc = f(c)",
            "it is taken to hold",
        ),
        (
            "while more():\n    c.write.saveAsTable('other_trusted')",
            "\"trusted/other_trusted.sql: `while` is not followed",
        ),
        (
            "[c.write.saveAsTable(n) for n in names]",
            "Python's list comprehension is not understood",
        ),
        (
            "c.write.jdbc('url', 'table')",
            "`jdbc` of a writer is not translated",
        ),
    ] {
        let (out, file) = outcome_of(body);
        let expected = expected.trim_matches('"');
        assert!(out.contains(expected), "{body}\n{out}");
        assert!(out.contains("not translated"), "{body}\n{out}");
        assert!(
            file.contains("sharewithresearchasofdate > 0"),
            "{body}\n{file}"
        );
    }
}

#[test]
fn what_is_followed_is_in_the_model() {
    for (body, expected) in [
        (
            "c = Filter.apply(frame=c, f=lambda x: not (x['phone'] == 'a' or x['phone'] is None))",
            "(phone <> 'a') and phone is not null",
        ),
        (
            "c = Filter.apply(frame=c, f=lambda x: 0 < x['registrationDate'])",
            "registrationdate > 0",
        ),
        (
            "q += \" and phone is null\"\nc = spark.sql(q)",
            "and phone is null",
        ),
        (
            "for n in range(2):\n    c = c.filter(f\"phone <> '{n}'\")",
            "phone <> '1'",
        ),
        (
            "def f():\n    global c\n    c = c.filter('phone is null')\nf()",
            "phone is null",
        ),
        (
            "with timer():\n    c = c.filter('phone is null')",
            "phone is null",
        ),
        (
            "if 1 > 2:\n    c = None\nelif 2 > 1:\n    c = c.filter('phone is null')\nelse:\n    c = None",
            "phone is null",
        ),
        (
            "c = glueContext.create_dynamic_frame.from_catalog(database='d', table_name='customer_landing', push_down_predicate=\"phone is null\")",
            "phone is null",
        ),
    ] {
        let (out, file) = outcome_of(body);
        assert!(!out.contains("not translated"), "{body}\n{out}");
        assert!(file.contains(expected), "{body}\n{file}");
    }
}

#[test]
fn a_file_or_a_name_that_is_too_long_stops_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let long = "n".repeat(300);
    let job = format!(
        "c = spark.table('customer_landing').filter('0 < shareWithResearchAsOfDate')\n\
         c.write.saveAsTable('customer_trusted')\nc.write.saveAsTable('{long}')\n"
    );
    fs::create_dir(path.join("jobs")).unwrap();
    fs::write(path.join("jobs/job.py"), job).unwrap();
    fs::write(path.join("jobs/long.py"), "x = 1\n".repeat(1 << 20)).unwrap();
    let call = "import glue jobs --format csv --to p";
    let outcome = stedi(path, call).run().ended(1);
    for expected in [
        "jobs/long.py,1,,not translated,the file is longer than 4 MiB",
        "the name of the table is longer than 128 letters",
        "job.py,2,customer_trusted,written,trusted/customer_trusted.sql",
    ] {
        assert!(outcome.out.contains(expected), "{}", outcome.out);
    }
}

/// Spark's meaning of expressions, where this project's SQL would give another value.
#[test]
fn expressions_have_the_meaning_of_spark() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let cases = [
        ("cast(1.7 * length(phone) / length(phone) as int)", "1"),
        ("cast('-1.7' || '' as bigint)", "-1"),
        (
            "cast('9007199254740993' || '' as bigint)",
            "9007199254740993",
        ),
        ("cast(phone || 'x' as int) is null", "true"),
        (
            "length(phone) / (length(phone) - length(phone)) is null",
            "true",
        ),
        (
            "length(phone) % (length(phone) - length(phone)) is null",
            "true",
        ),
        ("substring('abc', 0, 2)", "ab"),
        ("'A_1' like 'A\\\\_%' and not 'AB1' like 'A\\\\_%'", "true"),
        ("length('a\\\\nb')", "3"),
    ];
    let columns = cases.iter().enumerate();
    let columns: Vec<String> = columns
        .map(|(at, (sql, _))| format!("{sql} as x{at}"))
        .collect();
    let job = format!(
        "c = spark.sql(\"select email, {} from customer_landing where \
         shareWithResearchAsOfDate > 0\")\nc.write.saveAsTable('customer_trusted')\n",
        columns.join(", ")
    );
    fs::write(path.join("job.py"), job).unwrap();
    stedi(path, "import glue job.py --to p").run().done();
    linked(path, &SMALL.dir);
    stedi(path, "run --project p").run().done();
    let names: Vec<String> = (0..cases.len()).map(|at| format!("x{at}")).collect();
    let call = format!("select distinct {} from customer_trusted", names.join(", "));
    let found = stedi(path, "sql --project p --format csv -c").arg(&call);
    let found = found.run().done().out;
    let expected: Vec<&str> = cases.iter().map(|(_, value)| *value).collect();
    let values: Vec<&str> = found.lines().skip(1).collect();
    assert_eq!(values, [expected.join(",")]);
}

#[test]
fn people_without_consent_are_refused_by_the_run() {
    let from = scripts("careless").join("1_customers.py");
    let (dir, outcome) = imported(&from, 1);
    assert!(
        outcome.out.contains("does not ask for consent to research"),
        "{}",
        outcome.out
    );
    linked(dir.path(), &SMALL.dir);
    stedi(dir.path(), "run --project p").run().ended(4);
}

#[test]
fn who_withdrew_is_left_out_of_what_asks_for_consent() {
    let (dir, _) = imported(&scripts("studio_sql"), 0);
    let sample = "sample landing --customers 60 --seed 3 --defect withdrawals";
    stedi(dir.path(), sample).run().done();
    stedi(dir.path(), "run --project p").run().done();
    stedi(dir.path(), "run --lake shipped").run().done();
    let people = "select count(distinct email) from customer_trusted";
    let shipped = stedi(dir.path(), "sql --lake shipped --format csv -c").arg(people);
    let shipped = shipped.run().done().out;
    let own = stedi(dir.path(), "sql --project p --format csv -c").arg(people);
    assert_eq!(own.run().done().out, shipped);
}

#[test]
fn contracts_say_whose_rows_they_are() {
    let (dir, _) = imported(&scripts("studio_nodes"), 0);
    for (file, expected) in [
        (
            "trusted/customer_trusted.sql",
            "subject = \"email\"\npersonal = [\"customername\", \"email\", \"phone\", \"birthday\", \"serialnumber\"]\n",
        ),
        (
            "trusted/accelerometer_trusted.sql",
            "subject = \"user\"\npersonal = [\"user\"]\n",
        ),
        (
            "trusted/step_trainer_trusted.sql",
            "device = \"serialnumber\"\npersonal = [\"serialnumber\"]\n",
        ),
        // The rows were checked where the trusted tables are built.
        (
            "curated/machine_learning_curated.sql",
            ".\"\npersonal = [\"serialnumber\", \"user\"]\n*/",
        ),
    ] {
        let text = fs::read_to_string(dir.path().join("p").join(file)).unwrap();
        assert!(text.contains(expected), "{file}:\n{text}");
    }
}

#[test]
fn nothing_is_written_where_it_cannot_be_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    fs::create_dir_all(path.join("full")).unwrap();
    fs::write(path.join("full/file"), "x").unwrap();
    fs::create_dir_all(path.join("none")).unwrap();
    fs::write(path.join("notes.txt"), "x").unwrap();
    let before = contents(path);
    let from = scripts("studio_nodes");
    let from = from.display();
    for (words, code, says) in [
        (
            format!("import glue {from} --to full"),
            1,
            "full is not empty",
        ),
        ("import glue none --to p".to_owned(), 1, "nothing to import"),
        ("import glue gone --to p".to_owned(), 1, "cannot read gone"),
        (
            "import glue notes.txt --to p".to_owned(),
            1,
            "neither a script nor a definition",
        ),
        ("import glue".to_owned(), 2, "required"),
    ] {
        stedi(path, &words).run().ended(code).says(says);
        unchanged(&before, path, &words);
    }
}

/// An empty folder is filled and not replaced: it may be the one that the shell is in.
#[test]
fn the_current_folder_is_filled() {
    let dir = tempfile::tempdir().unwrap();
    let identity = |path: &Path| {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(path).unwrap().ino()
    };
    let before = identity(dir.path());
    let from = scripts("studio_nodes");
    stedi(
        dir.path(),
        &format!("import glue {} --to .", from.display()),
    )
    .run()
    .done();
    assert_eq!(identity(dir.path()), before);
    let mut names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert!(names.iter().any(|name| name == "trusted"), "{names:?}");
    assert!(
        !names
            .iter()
            .any(|name| name.to_string_lossy().starts_with('.')),
        "{names:?}"
    );
}

#[test]
fn hostile_scripts_end_in_an_outcome() {
    let deep = format!("x = {}1{}", "[".repeat(20_000), "]".repeat(20_000));
    let grows = "x = 'a'\nfor a in [1,2,3,4,5,6,7,8,9,10]:\n    for b in [1,2,3,4,5,6,7,8,9,10]:\n        x = x + x\n";
    let many = "a = spark.table('customer_landing')\n".to_owned()
        + &"a = a.filter('email is not null')\n".repeat(1_500)
        + "a.write.saveAsTable('many')\n";
    let wide = "a = spark.table('customer_landing')\n".to_owned()
        + &"a = a.join(a, 'email')\n".repeat(40)
        + "a.write.saveAsTable('wide')\n";
    // Every join has the frame before it on both sides; the other frame is not among them.
    let joined = "a = spark.table('customer_landing')\nother = spark.table('x')\n".to_owned()
        + &"a = a.join(a, ['email'], 'left_semi')\n".repeat(60)
        + "a.select(other['email']).write.saveAsTable('joined')\n";
    let sums = "from pyspark.sql.functions import col\nc = col('x')\n".to_owned()
        + &"c = c + c\n".repeat(40);
    let lists = "x = [1]\n".to_owned() + &"x = [x, x]\n".repeat(40);
    let calls = "def f(x):\n    return f(f(x))\nf(1)\n";
    let cycle = "a = spark.table('b_trusted')\na.write.saveAsTable('b_trusted')\n";
    let injected = "a = spark.table('customer_landing').filter(\"email = '*/ x'\")\na.write.saveAsTable('x_trusted')\n";
    let query = format!(
        "a = spark.sql('select {} from customer_landing')\na.write.saveAsTable('q')\n",
        "(".repeat(5_000)
    );
    for (case, text) in [
        ("deep", deep.as_str()),
        ("grows", grows),
        ("calls", calls),
        ("many", &many),
        ("wide", &wide),
        ("joined", &joined),
        ("sums", &sums),
        ("lists", &lists),
        ("cycle", cycle),
        ("injected", injected),
        ("query", query.as_str()),
        ("binary", "\u{0}\u{1}\u{fffd}"),
        ("empty", ""),
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("*_ x.py"), text).unwrap();
        let outcome = stedi(dir.path(), "import glue . --to p").run();
        assert!([0, 1].contains(&outcome.code), "{case}: {}", outcome.err);
        assert!(!outcome.err.contains("bug"), "{case}: {}", outcome.err);
    }
}
