//! Samples with something wrong in them, and the truth beside them.
//!
//! Used by `stedi sample --defect` and by tests that compare what a run makes
//! of bad data with what it should make of it.
//!
//! The people and their readings are those of the sample without defects of
//! the same size and seed. A defect changes what arrives:
//!
//! | defect | what arrives |
//! |---|---|
//! | `serials` | customer records with one of 30 serial numbers; the devices' own readings are right (`serials`) |
//! | `duplicates` | one reading in twenty again, one record in twenty again (`sheaf`) |
//! | `late-consent` | of every eighth of those without consent, a later record that has it (`histories`) |
//! | `withdrawals` | of every eighth of those with consent, a later record that lacks it; half of them give again (`histories`) |
//! | `out-of-order` | all lines shuffled, and of others of every eighth a newer record (`histories`) |
//! | `malformed` | stretches that are no object, and objects in other framings and types (`damage`) |
//!
//! # Why all of them combine
//! No two defects change the same thing. Records are added for different
//! people, serial numbers are set on every record, whole lines are repeated
//! and then shuffled, and damage comes last: it breaks nothing that is not also
//! delivered whole, so that every row counted before it can be read.
//!
//! # The truth
//! `truth` counts what was planned and knows nothing of how the engine reads.
//! It lies in `truth/` beside the landing folders:
//! - `counts.json`: rows of every table, repeated readings, stretches that no
//!   reader can read;
//! - `device_owner.jsonl`: whose each device is;
//! - `consent.jsonl`: when each person's consent to research was in force.
//!
//! # Invariants
//! - As without defects: the same size, seed and defects give the same bytes.
//! - All dates are in the past, and one cohort is held at a time.
//! - A broken copy of a customer record is of somebody whose consent is not in
//!   force, or is cut off before the e-mail. It may have been a withdrawal, so
//!   whoever it names is to be suspended; that must not change the counts.

use std::io;
use std::path::Path;

use crate::files::{self, LandingFiles, SOURCES};
use crate::plan::{COHORT_PEOPLE, Plan};
use crate::random::{Random, mix};
use crate::request::{Sample, Written};
use crate::{cohort, lines};

mod damage;
mod histories;
pub(crate) mod kinds;
mod serials;
mod sheaf;
mod truth;

use damage::Damage;
use kinds::{Defect, Defects};
use serials::ReusedSerials;
use sheaf::Sheaf;
use truth::Truth;

/// Each source's lines come in about this many files, so that a line and its
/// repetition, or a record and an older one, mostly lie in two.
const FILES: u64 = 7;

/// Lines of each source per person, about.
const LINES_PER_PERSON: [u64; 3] = [1, 85, 30];

/// Writes `sample` with `defects`; see [`Sample::write_with`], which has seen to
/// it that this can be done.
pub(super) fn write(sample: &Sample, defects: &Defects, out: &Path) -> io::Result<Written> {
    let mut truth = Truth::new(sample, defects, out)?;
    let mut landing: [LandingFiles; 3] = std::array::from_fn(|source| {
        let lines = sample.customers * LINES_PER_PERSON[source] / FILES;
        let lines_max = lines.clamp(1, files::lines_max(sample.customers));
        let mut landing = LandingFiles::new(SOURCES[source], out, lines_max);
        if defects.has(Defect::Malformed) {
            landing.mark_byte_order();
        }
        landing
    });
    let mut damages = damage::SOURCES.map(|drifts| {
        let malformed = defects.has(Defect::Malformed);
        malformed.then(|| Damage::new(drifts))
    });

    let plan = Plan::new();
    let mut serials = None;
    let mut first = 0;
    while first < sample.customers {
        let number = first / COHORT_PEOPLE as u64;
        let count = (sample.customers - first).min(COHORT_PEOPLE as u64);
        let people = cohort::people(&plan, sample.seed, number, count as usize);
        let chance = |kind| chance_of(sample.seed, kind, number);
        if defects.has(Defect::Serials) && serials.is_none() {
            let random = &mut chance(Defect::Serials);
            serials = Some(ReusedSerials::new(sample, &people, random));
        }
        let histories = histories::histories(&people, defects, chance);

        let mut sheaves: [Sheaf; 3] = Default::default();
        histories::lines(
            &people,
            &histories,
            |person| Some(serials.as_ref()?.claimed(first + person as u64)),
            &mut sheaves[0],
        )?;
        lines::accelerometer(&people, &mut sheaves[1])?;
        lines::step_trainer(&people, &mut sheaves[2])?;

        truth.people(&people, &histories)?;
        for (source, sheaf) in sheaves.iter_mut().enumerate() {
            let seed = mix(sample.seed ^ source as u64);
            let chance = |kind| chance_of(seed, kind, number);
            let mut damaging = chance(Defect::Malformed);
            if defects.has(Defect::Duplicates) {
                let again = sheaf.repeat(&mut chance(Defect::Duplicates));
                truth.repeated(source, &again, &histories);
            }
            if defects.has(Defect::OutOfOrder) {
                sheaf.shuffle(&mut chance(Defect::OutOfOrder));
            }
            for (person, line) in sheaf.lines() {
                let to = landing[source].line()?;
                match &mut damages[source] {
                    Some(damage) => {
                        damage.write(line, histories[person].in_force(), &mut damaging, to);
                    }
                    None => to.extend_from_slice(line),
                }
            }
            truth.arrived(source, sheaf.len());
        }
        first += count;
    }

    for (source, damage) in damages.iter().enumerate() {
        truth.quarantined(source, damage.as_ref().map_or(0, Damage::stretches));
    }
    let mut written = Written::default();
    for landing in landing {
        let totals = landing.finish()?;
        written.files += totals.files;
        written.bytes += totals.bytes;
    }
    [
        written.customers,
        written.accelerometer,
        written.step_trainer,
    ] = truth.finish()?;
    Ok(written)
}

/// The chance of one defect in one cohort. Each has its own, so that a defect
/// does the same to everybody whatever else is wrong, and the people are those
/// of the sample without defects.
fn chance_of(seed: u64, kind: Defect, cohort: u64) -> Random {
    Random::new(mix(seed ^ (0x00DE_FEC7 + kind as u64)), cohort)
}
