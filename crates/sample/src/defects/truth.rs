//! The truth about a sample: what a run must make of it, as `docs/tables.md`
//! defines the tables. It is counted from the plan of the sample, that is from
//! people, their readings and their consent intervals, never from lines.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::histories::History;
use super::kinds::{Defect, Defects};
use crate::cohort::Person;
use crate::files::{ensure_empty, with_path};
use crate::request::Sample;
use crate::schedule::INSTANTS;

/// Writer of the three files of the truth. Two of them are written as people come.
pub(super) struct Truth {
    folder: PathBuf,
    counts: Counts,
    device_owner: Lines,
    consent: Lines,
}

/// `counts.json`.
#[derive(Serialize)]
struct Counts {
    customers: u64,
    seed: u64,
    defects: Vec<Defect>,
    rows: Rows,
    /// Pairs of one person in `machine_learning_curated`.
    same_owner: u64,
    training_set_people: u64,
    duplicate: Duplicate,
    /// Stretches in `system.quarantine`.
    quarantined: Quarantined,
}

/// Rows of each table.
#[derive(Default, Serialize)]
struct Rows {
    customer_landing: u64,
    accelerometer_landing: u64,
    step_trainer_landing: u64,
    customer_trusted: u64,
    accelerometer_trusted: u64,
    step_trainer_trusted: u64,
    customer_curated: u64,
    machine_learning_curated: u64,
    training_set: u64,
}

/// Rows that each trusted table leaves out as duplicates.
#[derive(Default, Serialize)]
struct Duplicate {
    accelerometer_trusted: u64,
    step_trainer_trusted: u64,
}

#[derive(Default, Serialize)]
struct Quarantined {
    customer_landing: u64,
    accelerometer_landing: u64,
    step_trainer_landing: u64,
}

/// A line of `device_owner.jsonl`.
#[derive(Serialize)]
struct DeviceOwner<'a> {
    serialnumber: &'a str,
    subject: &'a str,
}

/// A line of `consent.jsonl`: one interval of a person's consent to research.
#[derive(Serialize)]
struct Consent<'a> {
    subject: &'a str,
    /// Epoch milliseconds.
    valid_from: u64,
    /// Epoch milliseconds; the first one at which the consent was no longer in
    /// force.
    valid_to: Option<u64>,
    changed_by: Option<Defect>,
}

impl Truth {
    /// # Errors
    /// `AlreadyExists` if `out/truth` is not empty.
    pub(super) fn new(sample: &Sample, defects: &Defects, out: &Path) -> io::Result<Self> {
        let folder = out.join("truth");
        ensure_empty(&folder, "the truth about another sample")?;
        fs::create_dir_all(&folder).map_err(|error| with_path(&folder, error))?;
        Ok(Truth {
            counts: Counts {
                customers: sample.customers,
                seed: sample.seed,
                defects: defects.kinds().to_vec(),
                rows: Rows::default(),
                same_owner: 0,
                training_set_people: 0,
                duplicate: Duplicate::default(),
                quarantined: Quarantined::default(),
            },
            device_owner: Lines::new(folder.join("device_owner.jsonl"))?,
            consent: Lines::new(folder.join("consent.jsonl"))?,
            folder,
        })
    }

    /// Counts a cohort. Devices of different cohorts never meet.
    pub(super) fn count_cohort(
        &mut self,
        people: &[Person],
        histories: &[History],
    ) -> io::Result<()> {
        // The numbers of readings at each instant: of phones, and of trainers.
        let mut instants: HashMap<u64, [u64; 2]> = HashMap::new();
        let rows = &mut self.counts.rows;
        for (person, history) in people.iter().zip(histories) {
            let subject = person.email.to_lowercase();
            self.device_owner.line(&DeviceOwner {
                serialnumber: &person.serial_number,
                subject: &subject,
            })?;
            for interval in &history.research {
                self.consent.line(&Consent {
                    subject: &subject,
                    valid_from: interval.from_ms,
                    valid_to: interval.to_ms,
                    changed_by: history.changed_by,
                })?;
            }
            if !history.in_force() {
                continue;
            }
            // Everybody has phone readings.
            rows.customer_trusted += 1;
            rows.customer_curated += 1;
            let mut training = 0;
            for instant in 0..INSTANTS {
                let time_ms = person.times.at(instant);
                let phone = person.readings.phone[instant].iter().flatten().count() as u64;
                rows.accelerometer_trusted += phone;
                rows.step_trainer_trusted += 1;
                self.counts.same_owner += phone;
                let [phones, trainers] = instants.entry(time_ms).or_default();
                *phones += phone;
                *trainers += 1;
                if history.held_at(time_ms) {
                    training += phone;
                }
            }
            rows.training_set += training;
            self.counts.training_set_people += u64::from(training > 0);
        }
        let pairs = instants
            .values()
            .map(|[phones, trainers]| phones * trainers);
        rows.machine_learning_curated += pairs.sum::<u64>();
        Ok(())
    }

    /// Counts repeated lines of one of the three sources, given the person of each.
    pub(super) fn count_repeated(
        &mut self,
        source: usize,
        people: &[usize],
        histories: &[History],
    ) {
        let in_force = people
            .iter()
            .filter(|person| histories[**person].in_force());
        let duplicate = &mut self.counts.duplicate;
        match source {
            // The newest record of a person counts, however often it arrives.
            0 => {}
            1 => duplicate.accelerometer_trusted += in_force.count() as u64,
            _ => duplicate.step_trainer_trusted += in_force.count() as u64,
        }
    }

    /// Counts landing rows of one of the three sources.
    pub(super) fn count_rows(&mut self, source: usize, count: u64) {
        let rows = &mut self.counts.rows;
        *match source {
            0 => &mut rows.customer_landing,
            1 => &mut rows.accelerometer_landing,
            _ => &mut rows.step_trainer_landing,
        } += count;
    }

    /// Counts unreadable stretches of one of the three sources.
    pub(super) fn count_quarantined(&mut self, source: usize, stretches: u64) {
        let quarantined = &mut self.counts.quarantined;
        *match source {
            0 => &mut quarantined.customer_landing,
            1 => &mut quarantined.accelerometer_landing,
            _ => &mut quarantined.step_trainer_landing,
        } += stretches;
    }

    /// Writes the rest. Returns the landing rows of the three sources.
    pub(super) fn finish(self) -> io::Result<[u64; 3]> {
        self.device_owner.finish()?;
        self.consent.finish()?;
        let path = self.folder.join("counts.json");
        let mut text = serde_json::to_string_pretty(&self.counts).map_err(io::Error::from)?;
        text.push('\n');
        fs::write(&path, text).map_err(|error| with_path(&path, error))?;
        let rows = self.counts.rows;
        Ok([
            rows.customer_landing,
            rows.accelerometer_landing,
            rows.step_trainer_landing,
        ])
    }
}

/// Writer of a file of JSON lines.
struct Lines {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Lines {
    fn new(path: PathBuf) -> io::Result<Self> {
        let file = File::create_new(&path).map_err(|error| with_path(&path, error))?;
        Ok(Lines {
            path,
            file: BufWriter::new(file),
        })
    }

    fn line(&mut self, object: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.file, object)
            .map_err(io::Error::from)
            .and_then(|()| self.file.write_all(b"\n"))
            .map_err(|error| with_path(&self.path, error))
    }

    fn finish(mut self) -> io::Result<()> {
        self.file
            .flush()
            .map_err(|error| with_path(&self.path, error))
    }
}
