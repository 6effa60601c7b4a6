//! `stedi run` over a bucket, killed at random instants while landing files arrive.
//! The next run that completes must produce what a run without kills makes of the
//! same files.
//!
//! `STEDI_TEST_KILLS` sets the number of kills (24), `STEDI_TEST_SEED` the seed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::bucket::Bucket;
use crate::object_store::{holds, rows_by_table, run};
use crate::places::SMALL;
use crate::program::finish;
use crate::proxy::{Proxy, mixed};

/// Number of kills after each arrival of files.
const KILLS_AN_ARRIVAL: u64 = 3;

const SOURCES: [&str; 3] = ["accelerometer", "customer", "step_trainer"];

fn setting(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(otherwise, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name}: {text}"))
    })
}

#[test]
fn the_run_after_many_kills_leaves_what_a_clean_one_leaves() {
    let Some(bucket) = Bucket::empty() else {
        return;
    };
    kill_runs(&bucket, |_| {});
}

#[test]
fn no_reader_meets_a_curated_row_without_its_trusted_one() {
    let Some(bucket) = Bucket::empty() else {
        return;
    };
    kill_runs(&bucket, |bucket| {
        let alone = bucket.count(
            "select count(*) from customer_curated c
             left anti join customer_trusted t on c.email = t.email",
        );
        assert_eq!(alone, 0, "people in customer_curated alone");
    });
}

#[test]
fn nothing_of_a_killed_run_stays_for_ever() {
    let Some(bucket) = Bucket::empty() else {
        return;
    };
    kill_runs(&bucket, |_| {});
    let all = bucket.contents("lake");
    let logs = all
        .keys()
        .filter(|name| name.contains("/_delta_log/") && name.ends_with(".json"));
    let mut named = BTreeSet::new();
    for log in logs {
        let (table, _) = log.split_once("/_delta_log/").unwrap();
        for line in String::from_utf8(bucket.get(log)).unwrap().lines() {
            let action: Value = serde_json::from_str(line).unwrap();
            if let Some(path) = action["add"]["path"].as_str() {
                named.insert(format!("{table}/{path}"));
            }
        }
    }
    // Checkpoints are of a log, not of a version.
    // Copies of what people decided belong to no table.
    let is_data = |name: &str| {
        let is_of_table = !name.contains("/_delta_log/") && !name.contains("/system/decisions/");
        name.ends_with(".parquet") && is_of_table
    };
    let data = all.keys().filter(|name| is_data(name));
    let left: Vec<_> = data.filter(|name| !named.contains(*name)).collect();
    assert!(left.is_empty(), "{} files: {left:?}", left.len());
}

/// Kills runs over growing input, calls `look` after some of them, and compares the
/// lake of the last run with that of a run without kills.
fn kill_runs(bucket: &Bucket, look: impl Fn(&Bucket)) {
    let kills = setting("STEDI_TEST_KILLS", 24);
    let seed = setting("STEDI_TEST_SEED", 1);
    let arrivals = kills.div_ceil(KILLS_AN_ARRIVAL);
    let mut dice = mixed(seed);
    // Less than `most`.
    let mut below = |most: u64| {
        dice = mixed(dice);
        dice % most.max(1)
    };

    arrive(bucket, 0, arrivals + 1);
    run(bucket).run().done();
    // By requests, not by time, so that kills are spread evenly over a run
    // however busy the machine is.
    let mut whole = Reached::default();
    let mut hit = 0;
    for kill in 0..kills {
        if kill % KILLS_AN_ARRIVAL == 0 {
            arrive(bucket, 1 + kill / KILLS_AN_ARRIVAL, arrivals + 1);
        }
        let proxy = Proxy::new(bucket.server(), |_| None);
        let (mut child, line) = bucket.stedi_at(&proxy.endpoint(), "run").start();
        if kill == 0 {
            finish(child, line).done();
            whole = Reached::by(&proxy);
            continue;
        }
        // Every second kill falls while tables are published.
        let at = match kill % 2 {
            0 => Reached {
                requests: below(whole.requests),
                creations: 0,
            },
            _ => Reached {
                requests: 0,
                creations: 1 + below(whole.creations),
            },
        };
        let later_ms = below(4);
        while !Reached::by(&proxy).covers(at) && child.try_wait().unwrap().is_none() {
            sleep(Duration::from_micros(500));
        }
        sleep(Duration::from_millis(later_ms));
        let _ = child.kill();
        let ended = finish(child, line);
        if ended.code == 128 + 9 {
            hit += 1;
        } else {
            ended.done();
        }
        if kill % KILLS_AN_ARRIVAL == KILLS_AN_ARRIVAL - 1 {
            look(bucket);
        }
    }
    eprintln!("seed {seed}: {hit} of {kills} runs were killed, a whole one: {whole:?}");
    assert!(hit * 2 > kills, "{hit} kills of {kills} show too little");

    run(bucket).run().done();
    let clean = bucket.dir().join("clean").display().to_string();
    let on_disk = |words: &str| bucket.stedi(words).env("STEDI_LAKE", &clean);
    on_disk("run").run().done();
    holds(
        bucket,
        &rows_by_table(on_disk("sql --format csv -c")),
        "after all kills",
    );
    let before = bucket.contents("lake");
    run(bucket).run().done().says("nothing new");
    bucket.unchanged(&before, "lake", "the run after");
}

/// How far a run came.
#[derive(Debug, Clone, Copy, Default)]
struct Reached {
    requests: u64,
    creations: u64,
}

impl Reached {
    fn by(proxy: &Proxy) -> Self {
        Self {
            requests: proxy.requests(),
            creations: proxy.creations(),
        }
    }

    fn covers(self, other: Self) -> bool {
        self.requests >= other.requests && self.creations >= other.creations
    }
}

/// Uploads the `number`th of `of` parts of the small sample's lines. With each part
/// but the first, a person of an earlier part withdraws.
fn arrive(bucket: &Bucket, number: u64, of: u64) {
    for source in SOURCES {
        let folder = SMALL.dir.join("landing").join(source).join("landing");
        let lines = lines_of(&folder);
        let share = (0..).zip(&lines).filter(|(at, _)| at % of == number);
        let mut text: String = share.map(|(_, line)| format!("{line}\n")).collect();
        if source == "customer" && number > 0 {
            let known = (0..).zip(&lines).filter(|(at, _)| at % of < number);
            let known: Vec<&String> = known.map(|(_, line)| line).collect();
            let mut record: Value =
                serde_json::from_str(known[mixed(number) as usize % known.len()]).unwrap();
            let fields = record.as_object_mut().unwrap();
            fields.retain(|name, _| !name.to_lowercase().starts_with("sharewithresearch"));
            let update = fields.keys().find(|n| n.to_lowercase() == "lastupdatedate");
            let update = update.unwrap().clone();
            fields.insert(update, json!(1_700_000_000_000_u64 + number));
            text.push_str(&format!("{record}\n"));
        }
        bucket.put(&format!("landing/{source}/landing/{number:04}.json"), text);
    }
}

fn lines_of(folder: &Path) -> Vec<String> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    files.sort();
    let text = files.iter().map(|file| fs::read_to_string(file).unwrap());
    text.collect::<String>()
        .lines()
        .map(str::to_owned)
        .collect()
}
