//! Runs killed at any instant, over a growing landing folder: nothing is lost,
//! doubled or half visible, and the next run finishes what was begun.
//!
//! `STEDI_TEST_KILLS=300 cargo test --workspace --test it killed` sets the number of
//! kills.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::delta;
use crate::growing_landing::{Minds, consistent, deliver, on_lake, orphans, settle};
use crate::program::knows;
use crate::random::{Dice, setting};

/// Number of kills in all tests of this module together.
const KILLS: u64 = 60;

/// Approximate number of commits of a run that publishes everything.
const COMMITS: usize = 13;

/// Number of kills between two runs that complete.
const KILLS_IN_A_ROW: u64 = 8;

#[test]
fn killed_runs_lose_and_double_nothing() {
    if crate::long::is_left_out() {
        return;
    }
    kill(Minds::Made, false);
}

#[test]
fn killed_runs_leave_nothing_half_visible_and_no_file_behind() {
    if crate::long::is_left_out() {
        return;
    }
    kill(Minds::Change, true);
}

fn kill(minds: Minds, look_for_orphans: bool) {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let lake = dir.join("lake");
    let seed = setting("STEDI_TEST_SEED", 1);
    let mut dice = Dice::of(seed);
    let wanted = setting("STEDI_TEST_KILLS", KILLS).div_ceil(2);
    let started = Instant::now();
    let (mut kills, mut rounds, mut published) = (0, 0, 0);
    let mut had_ended = true;
    let mut takes = Duration::from_millis(500);
    let mut told: Vec<String> = Vec::new();
    let check = |done: Result<(), String>, told: &[String]| {
        if let Err(fault) = done {
            panic!(
                "STEDI_TEST_SEED={seed}: {fault}\n\n{}",
                told[told.len().saturating_sub(20)..].join("\n")
            );
        }
    };
    while kills < wanted {
        // Now and then a run that shall finish another one is killed, too.
        if had_ended || dice.percent(70) {
            deliver(dir, rounds, minds);
            told.push(format!("batch {rounds}"));
            rounds += 1;
        }
        let verb = match dice.below(12) {
            0 if knows("compact") => "compact",
            1 if knows("vacuum") => "vacuum",
            _ => "run",
        };
        let before = commits(&lake);
        let when = match dice.percent(50) {
            // Anywhere.
            true => When::After(takes * dice.between(0, 1_050) as u32 / 1_000),
            // Within publication.
            false => When::Committed(before + 1 + dice.below(COMMITS)),
        };
        let moment = Duration::from_micros(dice.between(0, 6_000) as u64);
        let was_killed = killed(dir, verb, when, moment);
        // Old log entries may have gone that a checkpoint stands for.
        let new = commits(&lake).saturating_sub(before);
        told.push(format!(
            "{verb}, {when:?} and {moment:?}: {}, {new} new commits",
            if was_killed { "killed" } else { "had ended" }
        ));
        had_ended = !was_killed;
        if was_killed {
            kills += 1;
            published += u64::from(new > 0);
        }
        check(consistent(&lake), &told);
        if was_killed && kills % KILLS_IN_A_ROW == 0 || kills == wanted {
            let begun = Instant::now();
            let outcome = on_lake(dir, "lake", "run").run();
            takes = (takes + begun.elapsed()) / 2;
            told.push(format!("run to its end: {}", outcome.code));
            assert_eq!(outcome.code, 0, "{outcome}\n\n{}", told.join("\n"));
            check(consistent(&lake), &told);
            check(settle(dir), &told);
            if look_for_orphans {
                let left = orphans(&lake).unwrap();
                let text = format!("left behind: {left:#?}");
                check(left.is_empty().then_some(()).ok_or(text), &told);
            }
        }
    }
    let verify = on_lake(dir, "lake", "verify").run();
    assert_eq!(verify.code, 0, "{verify}");
    eprintln!(
        "{kills} kills, of which {published} within publication, over {rounds} batches in {:.0?}",
        started.elapsed()
    );
}

/// When a run is killed.
#[derive(Debug, Clone, Copy)]
enum When {
    After(Duration),
    /// Once the logs have this many commits.
    Committed(usize),
}

/// Whether the call was killed before it ended.
fn killed(dir: &Path, verb: &str, when: When, moment: Duration) -> bool {
    let (mut child, _) = on_lake(dir, "lake", verb).start();
    match when {
        When::After(while_running) => sleep(while_running),
        When::Committed(wanted) => {
            let lake = dir.join("lake");
            while commits(&lake) < wanted && child.try_wait().unwrap().is_none() {
                sleep(Duration::from_micros(500));
            }
        }
    }
    sleep(moment);
    let _ = child.kill();
    child.wait().unwrap().signal().is_some()
}

/// Number of entries of all logs, those of system tables included.
fn commits(lake: &Path) -> usize {
    let entries = |table: String| {
        let log = fs::read_dir(lake.join(table).join("_delta_log"));
        log.into_iter().flatten().count()
    };
    delta::tables(lake).into_iter().map(entries).sum()
}
