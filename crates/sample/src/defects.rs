//! Samples with defects, and the truth about them.
//!
//! Used by `stedi sample --defect` and by tests that compare what a run makes of
//! defective data with what it should make of it.
//!
//! The people and their readings are those of the sample without defects of the
//! same size and seed. A defect changes what arrives:
//!
//! | defect | what arrives |
//! |---|---|
//! | `serials` | customer records with one of 30 serial numbers; the devices' own readings are right (`serials`) |
//! | `duplicates` | one reading in twenty again, one record in twenty again (`line_buffer`) |
//! | `late-consent` | for every eighth person without consent, a later record with consent (`histories`) |
//! | `withdrawals` | for every eighth person with consent, a later record without it; half of them consent again (`histories`) |
//! | `out-of-order` | all lines shuffled, and for another eighth of the people a newer record (`histories`) |
//! | `malformed` | stretches that are no object, and objects in other framings and types (`damage`) |
//!
//! # Why all defects combine
//! No two defects change the same thing. Records are added for different people,
//! serial numbers are set on every record, complete lines are repeated and then
//! shuffled, and damage comes last. Every object that damage breaks is also
//! delivered undamaged, so every row counted before can be read.
//!
//! # The truth
//! `truth` counts what was planned and does not know how the engine reads. It is
//! written to `truth/` beside the landing folders:
//! - `counts.json`: rows of every table, repeated readings, stretches that no
//!   reader can read;
//! - `device_owner.jsonl`: the owner of each device;
//! - `consent.jsonl`: when each person's consent to research was in force.
//!
//! # Invariants
//! - As without defects: the same size, seed and defects give the same bytes.
//! - All dates are in the past, and only one cohort is in memory at a time.
//! - A broken copy of a customer record names a person whose consent is not in
//!   force, or is cut off before the e-mail address. The copy may have been a
//!   withdrawal, so the person whom it names is suspended; that must not change the
//!   counts.

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
mod line_buffer;
mod serials;
mod truth;

use damage::Damage;
use kinds::{Defect, Defects};
use line_buffer::LineBuffer;
use serials::ReusedSerials;
use truth::Truth;

/// Approximate number of files of each source, so that a line and its repetition,
/// or a record and an older one, are mostly in different files.
const FILES: u64 = 7;

/// Approximate number of lines of each source per person.
const LINES_PER_PERSON: [u64; 3] = [1, 85, 30];

/// Writes `sample` with `defects`; see [`Sample::write_with`], which has checked
/// the request.
pub(super) fn write(sample: &Sample, defects: &Defects, out: &Path) -> io::Result<Written> {
    let mut truth = Truth::new(sample, defects, out)?;
    let mut landing = landing_files(sample, defects, out);
    let mut damages = damage::SOURCES.map(|drifts| {
        let malformed = defects.has(Defect::Malformed);
        malformed.then(|| Damage::new(drifts))
    });

    let plan = Plan::new();
    let mut serials = None;
    let mut written_people = 0;
    while written_people < sample.customers {
        let number = written_people / COHORT_PEOPLE as u64;
        let count = (sample.customers - written_people).min(COHORT_PEOPLE as u64);
        let people = cohort::people(&plan, sample.seed, number, count as usize);
        let random_of = |kind| random_for(sample.seed, kind, number);
        if defects.has(Defect::Serials) && serials.is_none() {
            let random = &mut random_of(Defect::Serials);
            serials = Some(ReusedSerials::new(sample, &people, random));
        }
        let histories = histories::histories(&people, defects, random_of);

        let mut buffers: [LineBuffer; 3] = Default::default();
        histories::lines(
            &people,
            &histories,
            |person| Some(serials.as_ref()?.claimed(written_people + person as u64)),
            &mut buffers[0],
        )?;
        lines::accelerometer(&people, &mut buffers[1])?;
        lines::step_trainer(&people, &mut buffers[2])?;

        truth.count_cohort(&people, &histories)?;
        for (source, buffer) in buffers.iter_mut().enumerate() {
            let seed = mix(sample.seed ^ source as u64);
            let random_of = |kind| random_for(seed, kind, number);
            let mut damaging = random_of(Defect::Malformed);
            if defects.has(Defect::Duplicates) {
                let repeated = buffer.repeat(&mut random_of(Defect::Duplicates));
                truth.count_repeated(source, &repeated, &histories);
            }
            if defects.has(Defect::OutOfOrder) {
                buffer.shuffle(&mut random_of(Defect::OutOfOrder));
            }
            for (person, line) in buffer.lines() {
                let to = landing[source].line()?;
                match &mut damages[source] {
                    Some(damage) => {
                        damage.write(line, histories[person].in_force(), &mut damaging, to);
                    }
                    None => to.extend_from_slice(line),
                }
            }
            truth.count_rows(source, buffer.len());
        }
        written_people += count;
    }

    for (source, damage) in damages.iter().enumerate() {
        truth.count_quarantined(source, damage.as_ref().map_or(0, Damage::stretches));
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

/// Writers of the landing files of the three sources.
fn landing_files(sample: &Sample, defects: &Defects, out: &Path) -> [LandingFiles; 3] {
    std::array::from_fn(|source| {
        let lines = sample.customers * LINES_PER_PERSON[source] / FILES;
        let lines_max = lines.clamp(1, files::lines_max(sample.customers));
        let mut landing = LandingFiles::new(SOURCES[source], out, lines_max);
        if defects.has(Defect::Malformed) {
            landing.mark_byte_order();
        }
        landing
    })
}

/// The random numbers of one defect in one cohort. Each defect has its own, so that
/// it does the same to everybody whatever the other defects, and the people are
/// those of the sample without defects.
fn random_for(seed: u64, kind: Defect, cohort: u64) -> Random {
    Random::new(mix(seed ^ (0x00DE_FEC7 + kind as u64)), cohort)
}
