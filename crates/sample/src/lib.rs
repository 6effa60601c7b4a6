//! Synthetic landing data in the shape of the reference data.
//!
//! Used by `stedi sample`, by `stedi demo` and by tests that need much landing
//! data. All people are invented: e-mail addresses are at the reserved domains
//! `example.com`, `example.net` and `example.org`, phone numbers are in the
//! fictional range 555-01xx, and serial numbers are random.
//!
//! # How the counts follow from the plan
//! People come in *cohorts* of 956, the size of the reference data. A fixed table,
//! the `plan`, describes the 956 people of a cohort. All published counts of the
//! reference data follow from the numbers in this table, for any seed:
//!
//! | count | source |
//! |---|---|
//! | 482 of 956 consent to research | `plan`: people for each combination of consents |
//! | 28,680 trainer readings, 14,460 of the 482 | 30 instants per device |
//! | 40,981 phone readings of the 482, 40,292 of the others | `readings`: three per instant, less a quota of missing ones |
//! | 2,700 readings paired with a stranger's trainer | `plan`: number of device groups of each pattern; `schedule`: how often devices meet in a group; `readings`: none is missing at these instants |
//! | 8,956 readings before consent, 18 people with no others | `plan`: each person's number of instants before consent; `readings`: the quota of missing readings there |
//!
//! The seed decides the rest: names, serial numbers, clocks, which instants are
//! shared, which readings are missing, motion, distance, and the order of lines.
//!
//! # Other sizes
//! Cohorts follow one another in time. Where the end of one overlaps the start of
//! the next, their clocks differ (`schedule`). So devices of different cohorts
//! never meet, and `n` cohorts have exactly `n` times the counts. An incomplete
//! cohort has proportional counts, because the plan spreads each kind of person
//! evenly. Only one cohort is in memory at a time, so memory does not grow with the
//! size.
//!
//! # Invariants
//! - The same number of customers and the same seed give the same bytes on every
//!   machine.
//! - No two customers have the same e-mail address (also ignoring case) or serial
//!   number.
//! - No two readings of a source are equal in all columns.
//! - A person's phone reports at exactly the 30 instants of the person's device.
//!
//! # Modules
//! - `request`: what a caller asks for, and what was written.
//! - `plan`, `schedule`, `shares`: the fixed part of a cohort.
//! - `cohort`, `readings`, `names`, `random`: the random part of a cohort.
//! - `record`, `lines`, `files`: people as JSON lines in landing files.
//! - `stream`: readings in real time.
//! - `defects`: samples with defects, and the truth about them.

use std::io;
use std::path::Path;

mod cohort;
mod defects;
mod files;
mod lines;
mod names;
mod plan;
mod random;
mod readings;
mod record;
mod request;
mod schedule;
mod shares;
mod stream;

#[cfg(test)]
mod tests;

pub use defects::kinds::{Defect, Defects};
use files::{LandingFiles, SOURCES};
pub use request::{Sample, Written};
pub use stream::{Stream, StreamMessage, StreamSource, StreamTruth};

impl Sample {
    /// Writes the sample into the three landing folders below `out`:
    /// `customer/landing/customer-<ms>.json` and so on, one JSON object per line.
    /// Creates folders as needed.
    ///
    /// # Errors
    /// - `InvalidInput`: `customers` is 0 or above [`Sample::CUSTOMERS_MAX`].
    /// - `AlreadyExists`: one of the three folders is not empty. Nothing was
    ///   written: a sample never mixes with other data.
    /// - Any other kind: an error of the file system. The message names the path;
    ///   files written so far remain.
    pub fn write(&self, out: &Path) -> io::Result<Written> {
        self.check(out)?;

        let lines_max = files::lines_max(self.customers);
        let [mut customer, mut accelerometer, mut step_trainer] =
            SOURCES.map(|source| LandingFiles::new(source, out, lines_max));
        let plan = plan::Plan::new();
        let mut remaining = self.customers;
        let mut number = 0;
        while remaining > 0 {
            let people = remaining.min(plan::COHORT_PEOPLE as u64);
            let people = cohort::people(&plan, self.seed, number, people as usize);
            lines::customers(&people, &mut customer)?;
            lines::accelerometer(&people, &mut accelerometer)?;
            lines::step_trainer(&people, &mut step_trainer)?;
            remaining -= people.len() as u64;
            number += 1;
        }

        let written = [
            customer.finish()?,
            accelerometer.finish()?,
            step_trainer.finish()?,
        ];
        Ok(Written {
            customers: written[0].lines,
            accelerometer: written[1].lines,
            step_trainer: written[2].lines,
            files: written.iter().map(|source| source.files).sum(),
            bytes: written.iter().map(|source| source.bytes).sum(),
        })
    }

    /// Writes the sample with defects, and the truth about it into `out/truth`.
    /// Without defects this is [`Sample::write`], which writes no truth.
    ///
    /// # Errors
    /// As for [`Sample::write`]; `out/truth` must be empty, too.
    pub fn write_with(&self, defects: &Defects, out: &Path) -> io::Result<Written> {
        if defects.is_empty() {
            return self.write(out);
        }
        self.check(out)?;
        defects::write(self, defects, out)
    }

    /// Fails if the number of customers is out of range, or `out` has landing data.
    fn check(&self, out: &Path) -> io::Result<()> {
        if self.customers == 0 || self.customers > Self::CUSTOMERS_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "a sample of {} customers cannot be made\nhint: ask for 1 to {} customers",
                    self.customers,
                    Self::CUSTOMERS_MAX
                ),
            ));
        }
        for source in SOURCES {
            source.ensure_empty(out)?;
        }
        Ok(())
    }
}
