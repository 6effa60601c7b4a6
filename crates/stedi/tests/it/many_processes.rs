//! Eight concurrent processes on one lake while files arrive.
//!
//! `STEDI_TEST_CROWD_SECONDS=180 cargo test --workspace --test it many_processes` runs
//! longer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::growing_landing::{Minds, consistent, deliver, on_lake, settle};
use crate::program::knows;
use crate::random::{Dice, setting};

const SECONDS: u64 = 10;

/// Minimum number of completed runs; the test goes on until they are reached, for a
/// limited time.
const RUNS_MIN: u64 = 3;
const GRACE: Duration = Duration::from_secs(60);

/// The calls that readers repeat: none of them may fail or wait for a writer. While
/// people change their consent, the lake does not verify until the next run, so
/// `VERIFY` is called only if nobody does. With each call, a line that its output
/// must contain.
const QUESTIONS: [(&str, &str, &str); 5] = [
    (
        "sql --format csv",
        "select 'missing', count(*) from customer_curated c left anti join customer_trusted t on t.email = c.email",
        "missing,0",
    ),
    ("VERIFY", "", ""),
    ("tables", "", ""),
    ("history customer_trusted", "", ""),
    // Of two tables, the one made visible first and the one made visible last.
    (
        "sql --format csv",
        "select 'more', (select count(*) from accelerometer_trusted) - (select sum(rows_out) from system.ledger \
         where step = 'build' and table_name = 'accelerometer_trusted')",
        "more,0",
    ),
];

#[test]
fn eight_processes_at_once_lose_and_double_nothing() {
    if crate::long::is_left_out() {
        return;
    }
    crowd(Minds::Made, "verify");
}

#[test]
fn nor_do_they_where_people_change_their_minds() {
    crowd(Minds::Change, "quarantine list");
}

/// Three writers and five readers, while batches arrive in which people change
/// their consent as `minds` says.
fn crowd(minds: Minds, verify: &str) {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    deliver(dir, 0, minds);
    on_lake(dir, "lake", "run").run().done();
    let ends =
        Instant::now() + Duration::from_secs(setting("STEDI_TEST_CROWD_SECONDS", SECONDS) / 2);
    let failed = AtomicBool::new(false);
    let completed = AtomicU64::new(0);
    // On a busy machine a run takes long.
    let goes_on = || {
        let is_short =
            completed.load(Ordering::Relaxed) < RUNS_MIN && Instant::now() < ends + GRACE;
        (Instant::now() < ends || is_short) && !failed.load(Ordering::Relaxed)
    };
    let tell = |fault: String| {
        failed.store(true, Ordering::Relaxed);
        panic!("{fault}");
    };
    let (mut runs, mut refused, mut answers, mut batches) = (0, 0, 0, 1);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..3_u64)
            .map(|writer| {
                let completed = &completed;
                scope.spawn(move || {
                    let mut dice = Dice::of(writer);
                    let (mut done, mut refused) = (0, 0);
                    while goes_on() {
                        let verb = match dice.below(10) {
                            0 if knows("compact") => "compact",
                            1 if knows("vacuum") => "vacuum",
                            _ => "run",
                        };
                        let outcome = on_lake(dir, "lake", verb).run();
                        match outcome.code {
                            0 => {
                                completed.fetch_add(1, Ordering::Relaxed);
                                done += 1;
                            }
                            // Who holds the lake is told, and what to do.
                            5 if outcome.err.contains("locked by ")
                                && outcome.err.contains("hint: ") =>
                            {
                                refused += 1;
                            }
                            _ => tell(outcome.to_string()),
                        }
                    }
                    (done, refused)
                })
            })
            .collect();
        let readers: Vec<_> = QUESTIONS
            .iter()
            .map(|&(words, statement, says)| {
                scope.spawn(move || {
                    let words = if words == "VERIFY" { verify } else { words };
                    let mut answers = 0;
                    while goes_on() {
                        let mut call = on_lake(dir, "lake", words);
                        if !statement.is_empty() {
                            call = call.arg("-c").arg(statement);
                        }
                        let outcome = call.run();
                        if outcome.code != 0 || !outcome.out.contains(says) {
                            tell(outcome.to_string());
                        }
                        answers += 1;
                    }
                    answers
                })
            })
            .collect();
        while goes_on() {
            deliver(dir, batches, minds);
            batches += 1;
            thread::sleep(Duration::from_millis(150));
        }
        for writer in writers {
            let (done, not_done) = writer.join().unwrap();
            runs += done;
            refused += not_done;
        }
        for reader in readers {
            answers += reader.join().unwrap();
        }
    });
    eprintln!("{runs} runs, {refused} refused, {answers} answers, {batches} batches");
    assert!(runs >= RUNS_MIN, "somebody must get on");
    consistent(&dir.join("lake")).unwrap();
    settle(dir).unwrap();
    on_lake(dir, "lake", "verify").run().done();
}
