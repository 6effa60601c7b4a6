//! `stedi watch`: files as they arrive, whatever happens meanwhile. In the end a lake that
//! was watched holds what one full run makes of the same files.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bucket::Bucket;
use crate::company::STEDI_TABLES;
use crate::equal;
use crate::growing_landing::{Minds, deliver, on_lake};
use crate::long;
use crate::places::copy;
use crate::program::{Call, stedi};
use crate::stopping::signal;

/// How long something may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A watch in the background.
pub(crate) struct Watch {
    child: Child,
    out: Arc<Mutex<Vec<String>>>,
    err: Arc<Mutex<Vec<String>>>,
}

impl Watch {
    pub(crate) fn start(call: Call) -> Self {
        let (mut child, _) = call.start();
        fn collect(from: impl std::io::Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
            let lines = Arc::new(Mutex::new(Vec::new()));
            let to = Arc::clone(&lines);
            thread::spawn(move || {
                for line in BufReader::new(from).lines().map_while(Result::ok) {
                    to.lock().unwrap().push(line);
                }
            });
            lines
        }
        Self {
            out: collect(child.stdout.take().unwrap()),
            err: collect(child.stderr.take().unwrap()),
            child,
        }
    }

    /// Of the `landing` and the lake `lake` in `dir`, quickly.
    fn of(dir: &Path, lake: &str, words: &str) -> Self {
        let words = format!("watch --format ndjson --every 0.1 --settle 0.5 {words}");
        Self::start(on_lake(dir, lake, &words))
    }

    pub(crate) fn runs(&self) -> Vec<Value> {
        let lines = self.out.lock().unwrap();
        lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub(crate) fn errors(&self) -> String {
        self.err.lock().unwrap().join("\n")
    }

    /// Waits until the runs are as wanted, and returns them.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, is_wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let started = Instant::now();
        loop {
            let runs = self.runs();
            if is_wanted(&runs) {
                return runs;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && started.elapsed() < PATIENCE,
                "{what}: {ended:?} {runs:#?}\n{}",
                self.errors()
            );
            sleep(Duration::from_millis(20));
        }
    }

    /// Waits until a run leaves so many rows in a table.
    #[track_caller]
    pub(crate) fn until_rows(&mut self, table: &str, rows: u64) -> Vec<Value> {
        let what = format!("{rows} rows in {table}");
        self.until(&what, |runs| {
            let done = runs.iter().rfind(|run| !run["rows"][table].is_null());
            done.is_some_and(|run| run["rows"][table] == rows)
        })
    }

    /// Waits until all rows of the landing files of `dir` are in.
    #[track_caller]
    fn until_all_of(&mut self, dir: &Path) {
        for source in ["customer", "accelerometer", "step_trainer"] {
            let folder = dir.join(format!("landing/{source}/landing"));
            let files = fs::read_dir(folder).unwrap();
            let lines = |path: PathBuf| fs::read_to_string(path).unwrap().lines().count();
            let rows: usize = files.map(|entry| lines(entry.unwrap().path())).sum();
            self.until_rows(&format!("{source}_landing"), rows as u64);
        }
    }

    /// Ends it as its user would, and returns how long that took.
    #[track_caller]
    pub(crate) fn stop(mut self) -> Duration {
        let asked = Instant::now();
        signal(self.child.id(), "TERM");
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(130), "{}", self.errors());
        asked.elapsed()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Whether all runs but the first read only what was new.
pub(crate) fn are_incremental(runs: &[Value]) -> bool {
    let later = runs.iter().skip(1);
    later.fold(true, |all, run| {
        let how = run["how"].as_str().unwrap_or_default();
        all && !how.contains("built everything anew")
    })
}

/// The lake of `dir` holds what a full run over its landing files does.
#[track_caller]
fn equals_full_run(dir: &Path, lake: &str) {
    let fresh = format!("fresh-{lake}");
    let _ = fs::remove_dir_all(dir.join(&fresh));
    on_lake(dir, &fresh, "run").run().done();
    let tables: Vec<String> = STEDI_TABLES.iter().map(|name| (*name).to_owned()).collect();
    equal::lakes(&dir.join(lake), &dir.join(&fresh), &tables).unwrap();
}

fn readings_of(dir: &Path) -> PathBuf {
    dir.join("landing/accelerometer/landing")
}

pub(crate) fn reading(person: usize, timestamp: u64) -> String {
    format!("{{\"user\":\"p{person}@x.org\",\"timestamp\":{timestamp},\"x\":1,\"y\":2,\"z\":3}}\n")
}

#[test]
fn files_are_taken_in_once_they_are_whole() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    deliver(dir, 0, Minds::Made);
    let folder = readings_of(dir);
    let mut watch = Watch::of(dir, "lake", "");
    watch.until_rows("accelerometer_landing", 6);
    let mut rows = 6;

    // Closed after writing, renamed into place, linked, in a new folder.
    fs::write(folder.join("whole"), reading(0, 1)).unwrap();
    rows += 1;
    watch.until_rows("accelerometer_landing", rows);
    fs::write(dir.join("elsewhere"), reading(0, 2)).unwrap();
    fs::rename(dir.join("elsewhere"), folder.join("renamed")).unwrap();
    rows += 1;
    watch.until_rows("accelerometer_landing", rows);
    fs::write(dir.join("linked"), reading(0, 3)).unwrap();
    fs::hard_link(dir.join("linked"), folder.join("linked")).unwrap();
    fs::create_dir_all(folder.join("2026/11/30/12")).unwrap();
    fs::write(folder.join("2026/11/30/12/s-1"), reading(0, 4)).unwrap();
    rows += 2;
    // A listing finds the link, which causes no event that tells anything.
    fs::create_dir(folder.join("2026/11/30/13")).unwrap();
    watch.until_rows("accelerometer_landing", rows);

    // A slow writer: nothing of its file is read before it ends, also where other files
    // arrive meanwhile.
    let mut slow = fs::File::create(folder.join("slow")).unwrap();
    for part in 0..8 {
        slow.write_all(reading(0, 100 + part).as_bytes()).unwrap();
        slow.write_all(b"{\"user\":\"p0@x.org\",").unwrap();
        sleep(Duration::from_millis(200));
        slow.write_all(b"\"timestamp\":9,\"x\":1,\"y\":1,\"z\":1}\n")
            .unwrap();
        if part % 3 == 1 {
            fs::write(
                folder.join(format!("beside-{part}")),
                reading(0, 200 + part),
            )
            .unwrap();
            rows += 1;
        }
    }
    watch.until_rows("accelerometer_landing", rows);
    drop(slow);
    rows += 16;
    watch.until_rows("accelerometer_landing", rows);

    // These are no input.
    for name in [".hidden", "_temporary"] {
        fs::write(folder.join(name), reading(0, 5)).unwrap();
    }
    fs::write(folder.join("marker"), "").unwrap();
    let before = watch.runs().len();
    sleep(Duration::from_secs(1));
    assert_eq!(watch.runs().len(), before, "{:#?}", watch.runs());

    let runs = watch.runs();
    assert!(are_incremental(&runs), "{runs:#?}");
    for run in &runs {
        assert_eq!(run["quarantined"], 0, "{run}");
        assert_eq!(run["outcome"], "published", "{run}");
        assert!(
            run["release"].as_u64() > Some(0) && run["error"].is_null(),
            "{run}"
        );
    }
    let files: u64 = runs.iter().map(|run| run["files"].as_u64().unwrap()).sum();
    assert_eq!(files, 3 + 4 + 4, "{runs:#?}");
    let waited = watch.stop();
    assert!(waited < Duration::from_secs(2), "{waited:?}");
    for name in [".hidden", "_temporary"] {
        fs::remove_file(folder.join(name)).unwrap();
    }
    equals_full_run(dir, "lake");
}

#[test]
fn many_files_at_once_are_one_run_and_bad_ones_do_not_end_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    deliver(dir, 0, Minds::Made);
    let folder = readings_of(dir);
    let mut watch = Watch::of(dir, "lake", "--at-least 200 --at-most-wait 4");
    watch.until_rows("accelerometer_landing", 6);
    for number in 0..200 {
        fs::write(
            folder.join(format!("many-{number}")),
            reading(0, 10_000 + number),
        )
        .unwrap();
    }
    watch.until_rows("accelerometer_landing", 206);
    assert_eq!(watch.runs().len(), 2, "{:#?}", watch.runs());

    // Garbage, a file cut off, one that is not what its name says. They wait for others as
    // long as they may.
    let wrote = Instant::now();
    fs::write(folder.join("garbage"), "what is this").unwrap();
    fs::write(folder.join("cut.json"), &reading(0, 1)[..20]).unwrap();
    fs::write(folder.join("wrong.gz"), "no gzip").unwrap();
    let runs = watch.until("quarantined", |runs| runs.len() > 2);
    assert!(
        wrote.elapsed() > Duration::from_secs(3),
        "{:?}",
        wrote.elapsed()
    );
    assert_eq!(runs[2]["quarantined"], 3, "{runs:#?}");
    assert_eq!(runs[2]["outcome"], "published");
    watch.stop();
    equals_full_run(dir, "lake");
}

#[test]
fn a_folder_that_vanishes_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    deliver(dir, 0, Minds::Made);
    let mut watch = Watch::of(dir, "lake", "");
    watch.until_rows("accelerometer_landing", 6);
    let (landing, away) = (dir.join("landing"), dir.join("away"));
    fs::rename(&landing, &away).unwrap();
    sleep(Duration::from_millis(1500));
    assert_eq!(watch.runs().len(), 1, "{:#?}", watch.runs());
    fs::rename(&away, &landing).unwrap();
    // What arrives now is seen again, also where the folder was made anew.
    deliver(dir, 1, Minds::Made);
    watch.until_all_of(dir);
    let folder = readings_of(dir);
    copy(&folder, &away);
    fs::remove_dir_all(&folder).unwrap();
    sleep(Duration::from_millis(500));
    copy(&away, &folder);
    deliver(dir, 2, Minds::Made);
    watch.until_all_of(dir);
    // Files of the same content are known again or read again; nothing is lost.
    watch.stop();
    equals_full_run(dir, "lake");
}

#[test]
fn a_watch_begins_before_there_is_anything() {
    let dir = tempfile::tempdir().unwrap();
    let mut watch = Watch::of(dir.path(), "lake", "");
    watch.until("a failed run", |runs| {
        runs.last().is_some_and(|run| run["outcome"] == "failed")
    });
    deliver(dir.path(), 0, Minds::Made);
    // Tables follow from the first file on.
    watch.until_all_of(dir.path());
    watch.stop();
    equals_full_run(dir.path(), "lake");
}

/// Only readings arrive: what follows from them is there, and empty tables for the others.
#[test]
fn tables_follow_before_every_landing_table_has_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir_all(readings_of(dir)).unwrap();
    let mut watch = Watch::of(dir, "lake", "");
    fs::write(readings_of(dir).join("first"), reading(0, 1)).unwrap();
    watch.until_rows("accelerometer_landing", 1);
    fs::write(readings_of(dir).join("second"), reading(0, 2)).unwrap();
    watch.until_rows("accelerometer_landing", 2);
    deliver(dir, 0, Minds::Made);
    watch.until_all_of(dir);
    watch.until_rows("customer_trusted", 1);
    watch.stop();
    equals_full_run(dir, "lake");
}

/// Neither a link to nothing nor a name that is no text ends or holds up a watch; one that
/// may be a withdrawal does hold it up, until it is mended.
#[test]
fn entries_that_cannot_be_read_hold_up_no_other() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    deliver(dir, 0, Minds::Made);
    let folder = readings_of(dir);
    symlink("gone", folder.join("dangling")).unwrap();
    let mut watch = Watch::of(dir, "lake", "");
    watch.until_rows("accelerometer_landing", 6);
    for name in [&b"no\xfftext"[..], b"two\nlines"] {
        let name = std::ffi::OsStr::from_bytes(name);
        fs::write(folder.join(name), reading(0, 1)).unwrap();
    }
    symlink("round", folder.join("round")).unwrap();
    fs::write(folder.join("beside"), reading(0, 2)).unwrap();
    watch.until_rows("accelerometer_landing", 7);
    // What the link leads to comes, and a listing finds it.
    fs::write(dir.join("there"), reading(0, 3)).unwrap();
    fs::remove_file(folder.join("dangling")).unwrap();
    symlink(dir.join("there"), folder.join("dangling")).unwrap();
    watch.until_rows("accelerometer_landing", 8);

    let records = dir.join("landing/customer/landing");
    symlink("gone", records.join("withdrawn")).unwrap();
    fs::write(folder.join("held-up"), reading(0, 4)).unwrap();
    let runs = watch.until("a failed run", |runs| {
        runs.last().is_some_and(|run| run["outcome"] == "failed")
    });
    let error = runs.last().unwrap()["error"].as_str().unwrap_or_default();
    assert!(error.contains("withdrawn"), "{error}");
    fs::remove_file(records.join("withdrawn")).unwrap();
    watch.until_rows("accelerometer_landing", 9);
    watch.stop();
}

/// A file that is renamed over another one of its size and time is another file.
#[test]
fn a_file_of_the_same_size_and_time_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    deliver(dir, 0, Minds::Made);
    let mut watch = Watch::of(dir, "lake", "");
    watch.until_rows("accelerometer_landing", 6);
    let file = readings_of(dir).join("twice");
    fs::write(&file, reading(0, 11)).unwrap();
    watch.until_rows("accelerometer_landing", 7);
    let time = fs::metadata(&file).unwrap().modified().unwrap();
    let runs = watch.runs().len();
    let other = dir.join("other");
    fs::write(&other, reading(0, 12)).unwrap();
    let opened = fs::File::options().append(true).open(&other).unwrap();
    opened.set_modified(time).unwrap();
    drop(opened);
    fs::rename(&other, &file).unwrap();
    watch.until("another run", |all| all.len() > runs);
    let sql = "select count(*) from accelerometer_landing where timestamp = 12";
    assert_eq!(crate::program::count(dir, sql), 1);
    watch.stop();
    equals_full_run(dir, "lake");
}

#[test]
fn two_watches_and_runs_beside_them() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    deliver(dir, 0, Minds::Change);
    let mut one = Watch::of(dir, "lake", "");
    let mut two = Watch::of(dir, "lake", "");
    for number in 1..6 {
        deliver(dir, number, Minds::Change);
        let run = on_lake(dir, "lake", "run --wait 30").run();
        assert!([0, 5].contains(&run.code), "{run}");
    }
    one.until_all_of(dir);
    two.until_all_of(dir);
    one.stop();
    two.stop();
    equals_full_run(dir, "lake");
}

#[test]
fn a_watch_that_is_ended_or_killed_leaves_its_work_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for number in 0..6 {
        deliver(dir, number, Minds::Change);
        let watch = Watch::of(dir, "lake", "");
        // At its beginning, in the middle of a run, while it publishes, afterwards.
        sleep(Duration::from_millis(200 + 350 * number as u64));
        match number % 2 {
            0 => {
                let waited = watch.stop();
                assert!(waited < Duration::from_secs(4), "{waited:?}");
            }
            _ => watch.kill(),
        }
    }
    let mut watch = Watch::of(dir, "lake", "");
    watch.until_all_of(dir);
    watch.stop();
    equals_full_run(dir, "lake");
}

/// A failing input is not run again and again, and the watch goes on with what follows.
#[test]
fn a_failed_check_is_said_once_and_waits_for_other_input() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    deliver(dir, 0, Minds::Made);
    stedi(dir, "init product").run().done();
    let model = dir.join("product/trusted/accelerometer_trusted.sql");
    let text = fs::read_to_string(&model).unwrap();
    let checked = text.replacen(
        "*/",
        "[[checks.sql]]\nname = \"small_x\"\nviolations = \"select user from accelerometer_trusted where x > 900\"\n*/",
        1,
    );
    assert_ne!(text, checked, "{text}");
    fs::write(&model, checked).unwrap();
    let mut watch = Watch::of(dir, "lake", "--project product");
    watch.until_rows("accelerometer_landing", 6);
    let bad = readings_of(dir).join("bad");
    fs::write(&bad, reading(0, 1).replace("\"x\":1", "\"x\":999")).unwrap();
    watch.until("a failed check", |runs| {
        runs.last()
            .is_some_and(|run| run["outcome"] == "check_failed")
    });
    let before = watch.runs().len();
    sleep(Duration::from_secs(1));
    assert_eq!(watch.runs().len(), before, "{:#?}", watch.runs());
    fs::remove_file(&bad).unwrap();
    fs::write(readings_of(dir).join("good"), reading(0, 2)).unwrap();
    let runs = watch.until("the next input", |runs| {
        let last = runs.last().unwrap();
        last["outcome"] == "published" && last["rows"]["accelerometer_landing"] == 7
    });
    assert!(runs.len() <= before + 3, "{runs:#?}");
    watch.stop();
}

/// Consent that is withdrawn by hand takes effect without any file.
#[test]
fn a_withdrawal_by_hand_takes_effect() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    deliver(dir, 0, Minds::Made);
    deliver(dir, 1, Minds::Made);
    let mut watch = Watch::of(dir, "lake", "");
    watch.until_rows("customer_trusted", 2);
    let withdraw = on_lake(dir, "lake", "consent withdraw --why asked --wait 30");
    withdraw.input("p0@x.org\n").run().done();
    watch.until_rows("customer_trusted", 1);
    watch.stop();
}

#[test]
fn settings_that_are_wrong() {
    let dir = tempfile::tempdir().unwrap();
    for (words, says) in [
        ("--every soon", "every: `soon` is not a number of seconds"),
        ("--at-least many", "neither a number of files nor a size"),
        ("--keep 3", "keep: `3` is not a duration"),
        ("--project nowhere", "nowhere"),
    ] {
        let call = stedi(dir.path(), &format!("watch {words}"));
        call.run().ended(2).says(says);
    }
}

#[test]
fn objects_of_a_bucket() {
    let dir = tempfile::tempdir().unwrap();
    deliver(dir.path(), 0, Minds::Made);
    let Some(bucket) = Bucket::with_landing(dir.path()) else {
        return;
    };
    let words = "watch --format ndjson --quiet --every 0.5 --now 100000";
    let mut watch = Watch::start(bucket.stedi(words));
    watch.until_rows("accelerometer_landing", 6);
    for number in 0..3_u64 {
        let name = format!("landing/accelerometer/landing/2026/11/30/12/s-{number}");
        bucket.put(&name, reading(0, 10 + number));
        watch.until_rows("accelerometer_landing", 7 + number);
    }
    // Folder markers and hidden names.
    bucket.put("landing/accelerometer/landing/2026/12/", "");
    bucket.put("landing/accelerometer/landing/_SUCCESS", "");
    let before = watch.runs().len();
    sleep(Duration::from_secs(2));
    assert_eq!(watch.runs().len(), before, "{:#?}", watch.runs());
    assert!(are_incremental(&watch.runs()), "{:#?}", watch.runs());
    watch.stop();
    let full = bucket.stedi("run --full --now 100000").run().done();
    assert!(full.err.contains("no table was changed"), "{full}");
}

/// A listing has a thousand names a page.
#[test]
fn a_listing_of_ten_thousand_objects() {
    if long::is_left_out() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for number in 0..20 {
        deliver(dir.path(), number, Minds::Made);
    }
    let Some(bucket) = Bucket::with_landing(dir.path()) else {
        return;
    };
    // As an IoT rule writes them: an object for each message, a folder for each hour.
    let count = long::much_or(10_000, 2_500);
    let name = |number: u64| {
        let (hour, number) = (number % 24, number);
        format!("landing/accelerometer/landing/2026/11/30/{hour:02}/{number}")
    };
    let message = |number: u64| reading(number as usize % 20, 50_000 + number);
    bucket.put_all((0..count).map(|number| (name(number), message(number))));
    let words = "watch --format ndjson --quiet --every 0.5 --now 100000";
    let mut watch = Watch::start(bucket.stedi(words));
    let first = watch.until("the first run", |runs| !runs.is_empty());
    let rows = first[0]["rows"]["accelerometer_landing"].as_u64().unwrap();
    assert!(rows > count, "{rows}");
    for more in 1..=3 {
        let put = Instant::now();
        bucket.put(&name(count + more), message(count + more));
        watch.until_rows("accelerometer_landing", rows + more);
        eprintln!("object {} was in after {:?}", count + more, put.elapsed());
    }
    assert!(are_incremental(&watch.runs()), "{:#?}", watch.runs());
    let pause = Duration::from_secs(20);
    let before = cpu_time(watch.child.id());
    sleep(pause);
    let used = cpu_time(watch.child.id()) - before;
    eprintln!("at rest: {used:?} of CPU in {pause:?}");
    assert!(used * 20 < pause, "{used:?} of CPU at rest");
    watch.stop();
    let full = bucket.stedi("run --full --now 100000").run().done();
    assert!(full.err.contains("no table was changed"), "{full}");
}

/// The CPU time that a process has used.
fn cpu_time(pid: u32) -> Duration {
    const TICK: Duration = Duration::from_millis(10);
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = text.rsplit(')').next().unwrap().split_ascii_whitespace();
    let ticks = fields.skip(11).take(2).map(|ticks| ticks.parse::<u32>());
    TICK * ticks.map(Result::unwrap).sum::<u32>()
}

/// Counted work of a run: system calls and bytes that the process read.
fn work(pid: u32) -> (u64, u64) {
    let text = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    let of = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().parse().unwrap()
    };
    (of("syscr:"), of("rchar:"))
}

/// A run costs as much after a thousand runs (or two hundred) as after ten, and tables have
/// few files.
#[test]
fn the_thousandth_run_costs_no_more_than_the_tenth() {
    if long::is_left_out() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for number in 0..20 {
        deliver(dir, number, Minds::Made);
    }
    let mut watch = Watch::of(dir, "lake", "");
    watch.until("the first run", |runs| !runs.is_empty());
    let rows = watch.runs()[0]["rows"]["accelerometer_landing"]
        .as_u64()
        .unwrap();
    let mut costs = Vec::new();
    let count = long::much_or(1000, 200);
    for number in 1..=count {
        let before = work(watch.child.id());
        let file = readings_of(dir).join(format!("run-{number}"));
        fs::write(file, reading(number as usize % 20, 50_000 + number)).unwrap();
        watch.until_rows("accelerometer_landing", rows + number);
        let after = work(watch.child.id());
        costs.push((after.0 - before.0, after.1 - before.1));
    }
    // The mean of many runs, as every so many of them also merge files.
    let mean = |from: usize, of: fn(&(u64, u64)) -> u64| -> u64 {
        costs[from..from + 32].iter().map(of).sum::<u64>() / 32
    };
    for (what, of) in [
        ("reads", (|cost| cost.0) as fn(&(u64, u64)) -> u64),
        ("bytes", |cost| cost.1),
    ] {
        let (early, late) = (mean(8, of), mean(count as usize - 40, of));
        eprintln!("{what}: {early} about the tenth run, {late} about run {count}");
        assert!(late * 2 <= early * 3, "{what}: {early} and then {late}");
    }
    watch.stop();
    for table in crate::delta::tables(&dir.join("lake")) {
        let log = crate::delta::Log::read(&dir.join("lake").join(&table)).unwrap();
        let files = log.map_or(0, |log| log.files.len());
        assert!(files <= 48, "{table} has {files} files");
    }
    equals_full_run(dir, "lake");
}
