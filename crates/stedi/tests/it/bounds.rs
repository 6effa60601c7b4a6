//! Statements that would use up memory, time or stack: how much each may use,
//! measured from outside of the process, and how soon it ends when it is told to.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::measured::Measured;
use crate::places::{DEMO, SMALL, contents};
use crate::program::{Call, Outcome, finish, stedi};
use crate::stopping::signal;

/// Memory and time of a call.
pub(crate) struct Taken {
    pub(crate) outcome: Outcome,
    pub(crate) peak_mb: u64,
    pub(crate) elapsed: Duration,
}

/// Runs a call to its end and measures it, with the figures of the kernel.
#[track_caller]
pub(crate) fn measured(call: Call) -> Taken {
    let Measured {
        outcome,
        peak_bytes,
        took,
    } = crate::measured::measured(call);
    Taken {
        outcome,
        peak_mb: peak_bytes >> 20,
        elapsed: took,
    }
}

impl Taken {
    /// Fails if the call used more.
    #[track_caller]
    pub(crate) fn within(self, mb: u64, seconds: u64) -> Outcome {
        let Taken {
            outcome,
            peak_mb,
            elapsed,
        } = self;
        assert!(peak_mb <= mb, "{peak_mb} MB of {mb}: {}", shown(&outcome));
        assert!(
            elapsed <= Duration::from_secs(seconds),
            "{elapsed:?} of {seconds} s: {}",
            shown(&outcome)
        );
        outcome
    }
}

/// The outcome as a failure prints it, shortened: statements here are long.
fn shown(outcome: &Outcome) -> String {
    outcome.to_string().chars().take(2000).collect()
}

fn sql(words: &str, statement: &str) -> Call {
    stedi(&DEMO.dir, &format!("sql --memory 100MB {words} -f -")).input(statement)
}

/// `with c0 as (...), c1 as (step of c0 twice), ...`
fn ctes(levels: usize, first: &str, step: impl Fn(usize) -> String, last: &str) -> String {
    let mut text = format!("with c0 as ({first})");
    for level in 1..=levels {
        text.push_str(&format!(", c{level} as ({})", step(level - 1)));
    }
    format!("{text} select {last} from c{levels}")
}

fn joined_with_itself(levels: usize) -> String {
    let join = |n| format!("select a.user from c{n} a join c{n} b on a.user = b.user");
    let readings = "select user from accelerometer_landing";
    ctes(levels, readings, join, "count(*)")
}

fn chain(count: usize, part: &str, sign: &str) -> String {
    vec![part; count].join(sign)
}

/// Memory limit of a statement that is refused: the program's own pages, most of
/// all of a debug build.
const REFUSED_MB: u64 = 350;

/// Memory limit of a statement that is stopped: `--memory`, 400 MB for the program
/// and 128 MB while it ends, its pages, and what it allocates between two checks.
const STOPPED_MB: u64 = 900;

/// Time limit: the machine is busy with other tests. Alone, each takes a second or
/// two.
const SECONDS: u64 = 40;

#[test]
fn statements_that_make_much_of_little_are_refused() {
    let nested =
        |open: &str, close: &str| format!("select {}1{}", open.repeat(3_000), close.repeat(3_000));
    let readings = "from accelerometer_landing";
    for (statement, says) in [
        // Values.
        (
            "select rpad('x', 2000000000, 'x')".to_owned(),
            "`rpad` would make",
        ),
        (
            "select lpad('x', 2147483647, 'y')".to_owned(),
            "`lpad` would make",
        ),
        (
            format!("select length(rpad(user, 100000000)) {readings}"),
            "`rpad` would make",
        ),
        (
            format!("select array_agg(rpad(user, 20000, user)) {readings}"),
            "`rpad` would make",
        ),
        (
            "select replace(rpad('x', 20000, 'x'), 'x', rpad('y', 20000, 'y'))".to_owned(),
            "`replace` would make",
        ),
        (
            "select range(1, 1000000000000)".to_owned(),
            "`range` would make",
        ),
        (
            "select cardinality(generate_series(1, 2000000000))".to_owned(),
            "`generate_series` would make",
        ),
        (
            "select array_repeat(array_repeat('xxxxxxxx', 100000), 100000)".to_owned(),
            "`array_repeat` would make",
        ),
        (
            "select array_resize([1], 2000000000, 7)".to_owned(),
            "`array_resize` would make",
        ),
        (
            format!("select array_agg(timestamp) over () {readings}, unnest(sequence(1, 9)) t(n)"),
            "`array_agg` would make",
        ),
        (
            "select length(concat_ws(rpad('x', 20000, 'x'), sequence(1, 10000)))".to_owned(),
            "`array_join` would make",
        ),
        (
            format!(
                "select length(format('{}', user)) {readings}",
                "%1000n".repeat(1_000)
            ),
            "`format` would make",
        ),
        (
            format!(
                "select length(format('{}', x)) {readings}",
                "%,.1000f".repeat(1_000)
            ),
            "`format` would make",
        ),
        // Plans.
        (joined_with_itself(21), "more than 500 tables"),
        (
            format!("select {}", chain(20_000, "1", " + ")),
            "more than 2000 operators",
        ),
        (
            chain(5_000, "select 1", " union all "),
            "more than 1000 SELECTs",
        ),
        (
            format!("select 1 {}", "is null ".repeat(20_000)),
            "more than 2000 operators",
        ),
        (
            format!("select 1{}", "::int".repeat(20_000)),
            "more than 2000 operators",
        ),
        // What recurses in the parser.
        (nested("(", ")"), "nested too deeply"),
        (nested("case when true then ", " end"), "nested too deeply"),
        (nested("(select ", ")"), "nested too deeply"),
        (nested("array<", ">"), "nested too deeply"),
        (
            format!("{}select 1", "explain ".repeat(50_000)),
            "nested too deeply",
        ),
        (
            format!("select {}'1'", "interval ".repeat(50_000)),
            "nested too deeply",
        ),
        (
            format!("select {}1", "- ".repeat(50_000)),
            "nested too deeply",
        ),
        (format!("select {}", chain(150_000, "1", ", ")), "too long"),
    ] {
        let taken = measured(sql("--format csv", &statement)).within(REFUSED_MB, SECONDS);
        let outcome = taken.ended(1).says("error: ").says(says);
        assert!(outcome.out.is_empty(), "{}", shown(&outcome));
    }
}

#[test]
fn statements_that_take_much_are_stopped_or_answered() {
    let readings = "from accelerometer_landing";
    for (statement, codes) in [
        // Answered, in spite of their looks.
        (format!("select {} as sum", chain(400, "1", " + ")), &[0][..]),
        (chain(150, "select 1 as one", " union all "), &[0]),
        (
            format!(
                "select count(distinct rpad(line, 1000, line)) \
                 from (select user || cast(x as varchar) || cast(y as varchar) as line {readings})"
            ),
            &[0],
        ),
        // One value of all rows, or one text of texts that are as long as they may be.
        (format!("select array_agg(rpad(user, 2000, user)) {readings}"), &[0, 1]),
        (format!("select length(string_agg(rpad(user, 2000, user), ',')) {readings}"), &[0, 1]),
        (
            format!(
                "select length(concat_ws(rpad('x', 20000000, 'x'), {}))",
                chain(40, "'a'", ", ")
            ),
            &[1],
        ),
        // A value that doubles each time.
        (
            "with recursive r as (select 'x' as n union all select n || n from r) select max(length(n)) from r".to_owned(),
            &[1],
        ),
    ] {
        let outcome = measured(sql("--format csv", &statement)).within(STOPPED_MB, SECONDS);
        assert!(codes.contains(&outcome.code), "{}", shown(&outcome));
        if outcome.code == 1 {
            let outcome = outcome.says("error: ").says("memory");
            SMALL.people.untold_by(&outcome);
        }
    }
}

/// Column widths are computed without holding all rows, or all characters of a
/// value.
#[test]
fn a_table_for_people_shows_a_beginning_and_tells_how_to_get_the_rest() {
    let many = "select a.* from accelerometer_landing a
        cross join (values (1), (2), (3), (4), (5), (6), (7), (8), (9), (10),
            (11), (12), (13), (14), (15), (16), (17), (18), (19), (20)) v";
    let taken = measured(sql("--format table", many)).within(STOPPED_MB, SECONDS);
    let outcome = taken
        .done()
        .says("a table shows 1,000 rows at most")
        .hints("--format csv");
    assert!(
        outcome
            .out
            .ends_with("the first 1,000 rows; there are more\n")
    );
    assert_eq!(
        outcome
            .out
            .lines()
            .filter(|line| line.contains('@'))
            .count(),
        1_000
    );

    let outcome = sql(
        "--format table",
        "select rpad('long ', 500000, 'long ') as x",
    )
    .run();
    let outcome = outcome.done().says("are cut").hints("--format csv");
    assert!(outcome.out.contains('…') && outcome.out.contains("1 row\n"));
    let count = outcome.out.matches("long").count();
    assert!((500..5_000).contains(&count), "{count}");
    // What fits is shown whole, without a word.
    let all = "select * from accelerometer_landing limit 1000";
    let outcome = sql("--format table", all).run().done().silent();
    assert!(outcome.out.ends_with("\n1,000 rows\n"));
    // And programs get everything.
    let outcome = sql("--format ndjson", &format!("{many} limit 30000")).run();
    assert_eq!(outcome.done().out.lines().count(), 30_000);
}

/// More rows than fit in memory, with the person of each.
const SORTED: &str = "select a.*, v.* from accelerometer_landing a
    cross join (values (1), (2), (3), (4), (5), (6), (7), (8)) v
    order by x, y, z, timestamp, user";

/// Like [`sql`], for statements that spill.
fn spilling(statement: &str) -> Call {
    stedi(&DEMO.dir, "sql --memory 32MB --format csv -f -").input(statement)
}

/// Queries that would run, or be planned, for minutes. Some of them never yield.
fn endless() -> Vec<String> {
    let readings = "accelerometer_landing";
    vec![
        format!(
            "select count(*) from {readings} a, {readings} b, {readings} c where a.x + b.x + c.x > 7"
        ),
        "with recursive r as (select 1 as n union all select n + 1 from r) select count(*) from r"
            .to_owned(),
        // Within one call of one function.
        "select levenshtein(rpad('a', 1000000, 'a'), rpad('b', 1000000, 'b'))".to_owned(),
        // In planning.
        ctes(
            40,
            "select user as x from accelerometer_landing",
            |n| format!("select x || x as x from c{n}"),
            "count(*)",
        ) + " where x > 'a'",
        // With rows on disk.
        SORTED.to_owned(),
    ]
}

/// The program promises one second; the machine is busy with the other tests.
const AT_ONCE: Duration = Duration::from_secs(4);

#[test]
fn a_signal_ends_whatever_computes() {
    let signals = ["INT", "TERM", "HUP"];
    for (at, statement) in endless().iter().enumerate() {
        for (turn, after_ms) in [120, 500, 1300].into_iter().enumerate() {
            let name = signals[(at + turn) % 3];
            let tmp = tempfile::tempdir().unwrap();
            let (child, line) = spilling(statement)
                .env("TMPDIR", &tmp.path().display().to_string())
                .start();
            thread::sleep(Duration::from_millis(after_ms));
            let asked = Instant::now();
            signal(child.id(), name);
            let outcome = finish(child, line);
            let waited = asked.elapsed();
            // Right at its beginning a signal ends a program as any other.
            let by_default = [("INT", 130), ("TERM", 143), ("HUP", 129)];
            let is_early = after_ms < 500 && by_default.contains(&(name, outcome.code));
            assert!(
                outcome.code == 130 || is_early,
                "SIG{name} after {after_ms} ms: {}",
                shown(&outcome)
            );
            assert!(
                waited < AT_ONCE,
                "SIG{name} after {after_ms} ms: {waited:?}: {}",
                shown(&outcome)
            );
            nothing_in(tmp.path(), &outcome);
        }
    }
}

/// `stedi sql ... | head`, where no row is output whose writing could fail.
#[test]
fn a_reader_that_goes_away_ends_whatever_computes() {
    for statement in endless() {
        let tmp = tempfile::tempdir().unwrap();
        let (mut child, line) = spilling(&statement)
            .env("TMPDIR", &tmp.path().display().to_string())
            .start();
        thread::sleep(Duration::from_millis(600));
        let gone = Instant::now();
        drop(child.stdout.take());
        let outcome = finish(child, line);
        let waited = gone.elapsed();
        assert!(waited < AT_ONCE, "{waited:?}: {}", shown(&outcome));
        nothing_in(tmp.path(), &outcome.done().silent());
    }
}

#[track_caller]
fn nothing_in(folder: &Path, outcome: &Outcome) {
    let found = contents(folder);
    assert_eq!(found.len(), 1, "{:?}: {}", found.keys(), shown(outcome));
}

/// After SIGKILL only the kernel and the next lock holder can clean up.
#[test]
fn what_was_spilled_is_gone_with_a_killed_process() {
    use std::os::unix::fs::PermissionsExt;
    let tmp = tempfile::tempdir().unwrap();
    let in_tmp = tmp.path().display().to_string();
    let (child, line) = spilling(SORTED).env("TMPDIR", &in_tmp).start();
    let patience = Instant::now();
    while !spills(child.id(), tmp.path()) {
        assert!(
            patience.elapsed() < Duration::from_secs(30),
            "spills nothing"
        );
        thread::sleep(Duration::from_millis(5));
    }
    for path in contents(tmp.path())
        .keys()
        .skip(1)
        .filter(|path| path.is_dir())
    {
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
    }
    signal(child.id(), "KILL");
    let killed = finish(child, line).ended(137);
    for (path, bytes) in contents(tmp.path()) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains('@'), "{}: {killed}", path.display());
    }
    // The folder goes with the next session, one that lives stays.
    let call = spilling(SORTED).env("TMPDIR", &in_tmp);
    let (living, line) = call.start();
    while !spills(living.id(), tmp.path()) {
        thread::sleep(Duration::from_millis(5));
    }
    let next = stedi(&SMALL.dir, "sql -c")
        .arg("select 1")
        .env("TMPDIR", &in_tmp);
    next.run().done();
    let folders = contents(tmp.path())
        .into_keys()
        .filter(|path| path.is_dir());
    assert_eq!(folders.count(), 2, "the temporary folder and one in it");
    signal(living.id(), "TERM");
    nothing_in(tmp.path(), &finish(living, line).ended(130));
}

/// Whether a process has spilled rows in files below `folder`, named or unnamed.
fn spills(pid: u32, folder: &Path) -> bool {
    let open = fs::read_dir(format!("/proc/{pid}/fd"));
    open.into_iter().flatten().flatten().any(|entry| {
        let is_there = fs::read_link(entry.path()).is_ok_and(|to| to.starts_with(folder));
        is_there && fs::metadata(entry.path()).is_ok_and(|file| file.len() > 10_000)
    })
}

#[test]
fn a_statement_may_be_given_a_time() {
    let [computing, .., planning, _] = &endless()[..] else {
        unreachable!("there are several");
    };
    for statement in [computing, planning] {
        let taken = measured(sql("--timeout 0.5 --format csv", statement));
        taken
            .within(STOPPED_MB, SECONDS)
            .ended(1)
            .says("took longer than 0.5 s")
            .hints("--timeout");
    }
    sql("--timeout 100 --format csv", "select 1 as one")
        .run()
        .done()
        .silent();
    sql("--timeout soon", "select 1")
        .run()
        .ended(2)
        .says("soon")
        .hints("--timeout 60");
}

/// A project with such a statement as a model or a check.
#[test]
fn models_and_checks_are_bounded_as_queries_are() {
    let hostile = |part: &str| {
        let own = SMALL.with_own_lake();
        stedi(own.path(), "init p").run().done();
        let file = own.path().join("p/trusted/accelerometer_trusted.sql");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text + part).unwrap();
        own
    };
    let long = hostile("where length(rpad(a.user, 2000000000, a.user)) > 0\n");
    let deep = hostile(&format!("where 1 = {}\n", chain(20_000, "1", " + ")));
    let wide = hostile(&format!("where 1 in ({})\n", joined_with_itself(21)));
    for (own, words, code, says) in [
        (&long, "run", 1, "`rpad` would make"),
        (&long, "plan", 1, "`rpad` would make"),
        (&deep, "run", 2, "more than 2000 operators"),
        (&deep, "plan", 2, "more than 2000 operators"),
        (&deep, "verify", 2, "more than 2000 operators"),
        (&wide, "run", 2, "more than 500 tables"),
        (
            &wide,
            "export customer_trusted --to x.csv",
            2,
            "more than 500 tables",
        ),
    ] {
        let call = stedi(own.path(), &format!("{words} --project p --memory 100MB"));
        let taken = measured(call).within(STOPPED_MB, SECONDS);
        SMALL.people.untold_by(&taken.ended(code).says(says));
    }
    // One that computes without end is ended, and the lake stands.
    let endless = hostile(
        "where (select count(*) from accelerometer_landing b, accelerometer_landing c,
            accelerometer_landing d, accelerometer_landing e where b.x + c.x + d.x + e.x > 0) > 0\n",
    );
    let lake = endless.path().join("lake");
    for name in ["INT", "TERM"] {
        let (child, line) = stedi(endless.path(), "run --project p --memory 100MB").start();
        thread::sleep(Duration::from_millis(1500));
        let asked = Instant::now();
        signal(child.id(), name);
        let run = finish(child, line);
        let waited = asked.elapsed();
        assert!(
            waited < AT_ONCE + Duration::from_secs(2),
            "{waited:?}: {run}"
        );
        run.ended(130).says("interrupted");
    }
    stedi(endless.path(), "run").run().done();
    stedi(endless.path(), "verify").run().done();
    assert!(
        !contents(&lake)
            .keys()
            .any(|path| path.ends_with("lock.json"))
    );
}

/// A reader that is told to stop has received the first rows.
#[test]
fn a_query_whose_rows_nobody_takes_ends_too() {
    let (mut child, line) = sql("--format csv", &endless_rows()).start();
    let mut first = [0; 8];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut first)
        .unwrap();
    // The pipe is full, and the program waits in the middle of a write.
    thread::sleep(Duration::from_millis(500));
    let asked = Instant::now();
    signal(child.id(), "TERM");
    while child.try_wait().unwrap().is_none() {
        assert!(asked.elapsed() < AT_ONCE, "{line}");
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(child.wait().unwrap().code(), Some(130), "{line}");
}

fn endless_rows() -> String {
    "select a.user from accelerometer_landing a cross join accelerometer_landing b".to_owned()
}
