//! Synthetic landing data in the shape of the reference data.
//!
//! Used by `stedi sample`, by `stedi demo` and by tests that need landing data
//! of some size. Nothing here looks at real people: e-mails lie at the reserved
//! domains `example.com`, `example.net` and `example.org`, phone numbers in the
//! fictional range 555-01xx, and serial numbers are drawn.
//!
//! # Why the counts are what they are
//! People come in *cohorts* of 956, the size of the reference data. What a
//! cohort contains is laid down once, as a table of 956 places (`plan`), and
//! every figure of the reference data follows from the numbers in that table,
//! for any seed:
//!
//! | figure | where it comes from |
//! |---|---|
//! | 482 of 956 agree to research | `plan`: places of each kind of agreement |
//! | 28,680 trainer readings, 14,460 of the 482 | 30 instants per device |
//! | 40,981 phone readings of the 482, 40,292 of the others | `readings`: three per instant less a quota of missing ones |
//! | 2,700 readings paired with a stranger's trainer | `plan`: how many lanes of which shape; `lanes`: how often devices meet in each; `readings`: none goes missing there |
//! | 8,956 readings before consent, 18 people with no others | `plan`: how many of a person's instants lie before consent, and the quota of missing readings there |
//!
//! The seed decides the rest: names, serial numbers, clocks, which instants are
//! the shared ones, which readings are missing, motion, distance, and the order
//! of lines.
//!
//! # Other sizes
//! Cohorts follow one another in time, and where the end of one overlaps the
//! start of the next their clocks differ (`lanes`), so nobody meets a person of
//! another cohort and `n` cohorts have exactly `n` times the counts. A cohort
//! cut short has proportional ones, because the table spreads each kind of
//! place evenly. One cohort is held at a time, so memory does not grow with the
//! size.
//!
//! # Invariants
//! - The same number of customers and the same seed give the same bytes on
//!   every machine.
//! - No two customers share an e-mail (also ignoring case) or a serial number.
//! - No two readings of a source are equal in every column.
//! - A person's phone reports at exactly the 30 instants of their device.

use std::io;
use std::path::Path;

mod cohort;
mod defects;
mod files;
mod lanes;
mod lines;
mod names;
mod plan;
mod random;
mod readings;
mod record;
mod request;
mod shares;

#[cfg(test)]
mod tests;

pub use defects::kinds::{Defect, Defects};
use files::{LandingFiles, SOURCES};
pub use request::{Sample, Written};

impl Sample {
    /// Writes the sample below `out`, in the three landing folders:
    /// `customer/landing/customer-<ms>.json` and so on, one JSON object per
    /// line. Folders are created as needed.
    ///
    /// # Errors
    /// - `InvalidInput`: `customers` is 0 or above [`Sample::CUSTOMERS_MAX`].
    /// - `AlreadyExists`: one of the three folders holds something already;
    ///   nothing was written. A sample never mixes with other data.
    /// - Any other kind: the file system refused; the message names the path,
    ///   and files written so far stay.
    pub fn write(&self, out: &Path) -> io::Result<Written> {
        self.refuse(out)?;

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

    /// As [`Sample::write`], with something wrong in what arrives, and the
    /// truth in `out/truth`; without defects there is none.
    ///
    /// # Errors
    /// As for [`Sample::write`]; `out/truth` must be empty, too.
    pub fn write_with(&self, defects: &Defects, out: &Path) -> io::Result<Written> {
        if defects.is_empty() {
            return self.write(out);
        }
        self.refuse(out)?;
        defects::write(self, defects, out)
    }

    /// Fails if this cannot be made, or not at `out`.
    fn refuse(&self, out: &Path) -> io::Result<()> {
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
            source.refuse_occupied(out)?;
        }
        Ok(())
    }
}
