//! Random histories: after each run, the lake must equal what one full run makes of
//! the current landing files.
//!
//! - `chance`: generates random sequences of steps.
//! - `step`: one step.
//! - `models`: generates random models.
//! - `world`: plays the steps on a lake and compares it with a fresh lake over the
//!   same landing files (`crate::equal`).
//!
//! Environment variables change length and seed:
//! - `STEDI_TEST_SEQUENCES=10000 cargo test --workspace --test it arrivals`
//! - `STEDI_TEST_SEED=7`; with `STEDI_TEST_ONLY=12`, sequence 12 alone.
//! - `STEDI_TEST_GYM=500`: sequences of another company's lakehouse
//!   (`crate::company`).
//! - `STEDI_TEST_HISTORIES=2000`: histories with random models, most of whose steps
//!   test the models; `STEDI_TEST_FIRST=500` begins with history 500.
//!
//! A failing sequence is shortened for `STEDI_TEST_PATIENCE_SECONDS`.

mod chance;
mod models;
pub(crate) mod step;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::company::Company;
use crate::long;
use crate::random::{Dice, setting};
use step::{Step, What};
use world::{Effort, World};

/// A kind of sequence.
struct Plays {
    /// The environment variable with the number of sequences, for all parts together.
    setting: &'static str,
    /// The number without it: where long tests run, and by default.
    count: u64,
    quick_count: u64,
    steps: fn(u64) -> Vec<Step>,
    company: Company,
}

/// All of them take eight minutes on two cores.
const SEQUENCES: Plays = Plays {
    setting: "STEDI_TEST_SEQUENCES",
    count: 240,
    quick_count: 8,
    steps: chance::steps,
    company: Company::Stedi,
};

/// All of them take two minutes on two cores.
const HISTORIES: Plays = Plays {
    setting: "STEDI_TEST_HISTORIES",
    count: 96,
    quick_count: 12,
    steps: chance::history,
    company: Company::Stedi,
};

/// All of them take two minutes on two cores.
const AT_THE_GYM: Plays = Plays {
    setting: "STEDI_TEST_GYM",
    count: 48,
    quick_count: 8,
    steps: chance::steps,
    company: Company::Gym,
};

/// Number of tests that share the sequences; they run at the same time.
const PARTS: u64 = 4;

/// Number of seconds for shortening a failed sequence.
const PATIENCE_SECONDS: u64 = 90;

#[test]
fn a_lake_that_lived_is_a_fresh_one_part_1() {
    SEQUENCES.play_part(0);
}

#[test]
fn a_lake_that_lived_is_a_fresh_one_part_2() {
    SEQUENCES.play_part(1);
}

#[test]
fn a_lake_that_lived_is_a_fresh_one_part_3() {
    SEQUENCES.play_part(2);
}

#[test]
fn a_lake_that_lived_is_a_fresh_one_part_4() {
    SEQUENCES.play_part(3);
}

#[test]
fn at_another_company_part_1() {
    AT_THE_GYM.play_part(0);
}

#[test]
fn at_another_company_part_2() {
    AT_THE_GYM.play_part(1);
}

#[test]
fn at_another_company_part_3() {
    AT_THE_GYM.play_part(2);
}

#[test]
fn at_another_company_part_4() {
    AT_THE_GYM.play_part(3);
}

#[test]
fn with_models_made_by_chance_part_1() {
    HISTORIES.play_part(0);
}

#[test]
fn with_models_made_by_chance_part_2() {
    HISTORIES.play_part(1);
}

#[test]
fn with_models_made_by_chance_part_3() {
    HISTORIES.play_part(2);
}

#[test]
fn with_models_made_by_chance_part_4() {
    HISTORIES.play_part(3);
}

/// Histories of seed 1 that found a fault, each of another kind.
#[test]
fn histories_that_found_a_fault() {
    for number in [117, 154, 1950] {
        let seed = Dice::of(1).throw().wrapping_add(number);
        let steps = chance::history(seed);
        if let Err(fault) = play(Company::Stedi, &steps, seed) {
            panic!("{number}: {fault}\n{}", told(&steps));
        }
    }
}

impl Plays {
    fn play_part(&self, part: u64) {
        let seed = setting("STEDI_TEST_SEED", 1);
        let only = setting("STEDI_TEST_ONLY", u64::MAX);
        let first = setting("STEDI_TEST_FIRST", 0);
        let otherwise = match long::is_asked_for() {
            true => self.count,
            false => self.quick_count,
        };
        let numbers = match only {
            u64::MAX => first..first + setting(self.setting, otherwise),
            only => only..only + 1,
        };
        let started = Instant::now();
        let mut effort = Effort::default();
        for number in numbers.filter(|number| number % PARTS == part) {
            let of_sequence = Dice::of(seed).throw().wrapping_add(number);
            let steps = (self.steps)(of_sequence).into_iter();
            let steps: Vec<Step> = steps.filter_map(|step| self.company.step(step)).collect();
            match play(self.company, &steps, of_sequence) {
                Ok(of_this) => {
                    effort.sequences += 1;
                    effort.add(of_this);
                    // Long runs are stopped before they end.
                    if effort.sequences.is_multiple_of(25) {
                        eprintln!("part {part}: {} are equal", effort.sequences);
                    }
                }
                Err(fault) => {
                    let (shorter, of_shorter) =
                        shortened(self.company, steps, fault.clone(), of_sequence);
                    panic!(
                        "STEDI_TEST_SEED={seed} STEDI_TEST_ONLY={number}: {fault}\n\n\
                         made shorter:\n{}\n\n{of_shorter}",
                        told(&shorter)
                    );
                }
            }
        }
        eprintln!("{effort:#?} in {:.0?}", started.elapsed());
    }
}

fn play(company: Company, steps: &[Step], seed: u64) -> Result<Effort, String> {
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(company, seed);
        for (number, step) in steps.iter().enumerate() {
            world
                .play(step)
                .map_err(|fault| format!("at step {number}: {fault}"))?;
        }
        Ok(world.effort)
    }));
    played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panicked: {}", text.unwrap_or_default()))
    })
}

/// Shortens a failing sequence: leaves out steps, then files, then halves of files,
/// as long as it still fails. Keeps the place of the last failure.
fn shortened(
    company: Company,
    mut steps: Vec<Step>,
    mut fault: String,
    seed: u64,
) -> (Vec<Step>, String) {
    eprintln!("failed:\n{}\n\n{fault}\n\nmaking it shorter", told(&steps));
    let of_fault = kind(&fault).to_owned();
    let fails_alike = |steps: &[Step]| -> Option<String> {
        let fault = play(company, steps, seed).err();
        fault.filter(|fault| kind(fault) == of_fault)
    };
    let ends = Instant::now()
        + Duration::from_secs(setting("STEDI_TEST_PATIENCE_SECONDS", PATIENCE_SECONDS));
    let mut place = steps.len();
    while place > 1 && Instant::now() < ends {
        place -= 1;
        let mut fewer = steps.clone();
        fewer.remove(place);
        if let Some(last) = fewer.last_mut() {
            (last.run, last.compare) = (true, true);
        }
        if let Some(other) = fails_alike(&fewer) {
            (steps, fault) = (fewer, other);
        }
    }
    let mut tried = 0;
    while let Some(fewer) = with_less(&steps, tried)
        && Instant::now() < ends
    {
        match fails_alike(&fewer) {
            Some(other) => (steps, fault) = (fewer, other),
            None => tried += 1,
        }
    }
    let mut world = World::new(company, seed);
    let faults = steps.iter().find_map(|step| world.play(step).err());
    fault.push_str(&format!(
        "\n\n{} in {}",
        if faults.is_some() {
            "as it lies"
        } else {
            "not failed again"
        },
        world.keep().display()
    ));
    (steps, fault)
}

/// The kind of a failure: a shortened sequence must not fail for another reason.
///
/// An error of the program is told by its hint, which names no file or number: a
/// sequence without any file of a source fails, too, and says nothing of the fault.
fn kind(fault: &str) -> &str {
    for known in ["the living lake has", "panicked"] {
        if fault.contains(known) {
            return known;
        }
    }
    if let Some(hint) = fault.lines().find(|line| line.starts_with("hint: ")) {
        return hint;
    }
    if fault.contains("exit code 1") {
        return "exit code 1";
    }
    let told = fault.split_once(": ").map_or(fault, |(_, told)| told);
    told.split(':').next().unwrap_or_default()
}

/// The `nth` way to leave out a part of what arrives.
fn with_less(steps: &[Step], nth: usize) -> Option<Vec<Step>> {
    let mut left = nth;
    for (place, step) in steps.iter().enumerate() {
        if let What::Product { models, whole } = &step.what {
            // Those that read it go with it: they do not plan any more.
            if left < models.len() {
                let mut models = models.clone();
                models.remove(left);
                let mut steps = steps.to_vec();
                let whole = *whole;
                steps[place].what = What::Product { models, whole };
                return Some(steps);
            }
            left -= models.len();
        }
        let What::Arrive(deliveries) = &step.what else {
            continue;
        };
        for (of, delivery) in deliveries.iter().enumerate() {
            let half = delivery.lines.len() / 2;
            // Away with it, with its second half, with its first half.
            for kept in [0..0, 0..half, half..delivery.lines.len()] {
                if kept.is_empty() && kept.start > 0 || kept.len() == delivery.lines.len() {
                    continue;
                }
                if left > 0 {
                    left -= 1;
                    continue;
                }
                let mut fewer = deliveries.clone();
                match kept.is_empty() {
                    true => drop(fewer.remove(of)),
                    false => fewer[of].lines = delivery.lines[kept].to_vec(),
                }
                let mut steps = steps.to_vec();
                steps[place].what = What::Arrive(fewer);
                return Some(steps);
            }
        }
    }
    None
}

fn told(steps: &[Step]) -> String {
    let steps = steps.iter().enumerate();
    let told: Vec<String> = steps
        .map(|(number, step)| format!("  {number}. {step}"))
        .collect();
    told.join("\n")
}

#[test]
fn every_edit_of_the_data_product_can_be_run() {
    let mut world = World::new(Company::Stedi, 1);
    let mut steps = chance::steps(1);
    steps.truncate(1);
    for edit in 0..step::EDITS.len() {
        steps.push(Step {
            what: What::Models(vec![edit]),
            run: true,
            compare: true,
        });
    }
    for step in &steps {
        if let Err(fault) = world.play(step) {
            panic!("{step}: {fault}");
        }
    }
}
