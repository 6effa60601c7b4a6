//! Writes people as JSON lines, byte for byte in the format of the reference data:
//! customer records with a space after `:` and `,`, readings without, and no keys
//! for purposes without consent.
//!
//! The readings of a cohort arrive in three deliveries. In each, the readings of
//! one person follow those of another, latest first. So landing files are sorted in
//! runs, but not as a whole, as in the reference data.

use std::io;

use crate::cohort::Person;
use crate::files::LandingFiles;
use crate::readings::{DELIVERIES, MOTIONS};
use crate::record::{ConsentDate, CustomerRecord};
use crate::schedule::INSTANTS;

/// A destination of lines.
pub(super) trait LineSink {
    /// The buffer for the next line. The caller appends the line with its line
    /// feed. `person` is the person of the line, as an index into the cohort.
    fn line(&mut self, person: usize) -> io::Result<&mut Vec<u8>>;
}

impl LineSink for LandingFiles {
    fn line(&mut self, _: usize) -> io::Result<&mut Vec<u8>> {
        LandingFiles::line(self)
    }
}

/// Writes one customer record for each person.
pub(super) fn customers(people: &[Person], lines: &mut impl LineSink) -> io::Result<()> {
    for (index, person) in people.iter().enumerate() {
        customer(&person.customer_record(), lines.line(index)?);
    }
    Ok(())
}

/// Appends one customer record.
pub(super) fn customer(record: &CustomerRecord<'_>, line: &mut Vec<u8>) {
    text(line, "{\"customerName\": \"", record.name);
    text(line, "\", \"email\": \"", record.email);
    text(line, "\", \"phone\": \"", record.phone);
    line.extend_from_slice(b"\", \"birthDay\": \"");
    number(line, record.birth_year);
    text(line, "-01-01\", \"serialNumber\": \"", record.serial_number);
    line.extend_from_slice(b"\", \"registrationDate\": ");
    number(line, record.registered_ms);
    line.extend_from_slice(b", \"lastUpdateDate\": ");
    number(line, record.updated_ms);
    for (date, key) in [
        (record.research, "shareWithResearchAsOfDate"),
        (record.public, "shareWithPublicAsOfDate"),
        (record.friends, "shareWithFriendsAsOfDate"),
    ] {
        if let ConsentDate::Absent = date {
            continue;
        }
        text(line, ", \"", key);
        line.extend_from_slice(b"\": ");
        match date {
            ConsentDate::At(date_ms) => number(line, date_ms),
            ConsentDate::NotGiven(json) => line.extend_from_slice(json.as_bytes()),
            ConsentDate::Absent => {}
        }
    }
    line.extend_from_slice(b"}\n");
}

/// Writes one line for each phone reading.
pub(super) fn accelerometer(people: &[Person], lines: &mut impl LineSink) -> io::Result<()> {
    // The constant parts of the lines are formatted once. Then the loop below only
    // copies bytes, which makes samples of millions of people fast.
    let ends: [String; MOTIONS] = std::array::from_fn(|motion| {
        let (x, y, z) = (motion / 6, motion / 2 % 3, motion % 2);
        let axis = ["-1.0", "0.0", "1.0"];
        format!(",\"x\":{},\"y\":{},\"z\":{}}}\n", axis[x], axis[y], axis[z])
    });
    let starts: Vec<String> = people
        .iter()
        .map(|person| format!("{{\"user\":\"{}\",\"timestamp\":", person.email))
        .collect();
    for delivery in 0..DELIVERIES {
        for (index, (person, start)) in people.iter().zip(&starts).enumerate() {
            for instant in (0..INSTANTS).rev() {
                let readings = person.readings.phone[instant].iter().flatten();
                for reading in readings.filter(|reading| usize::from(reading.delivery) == delivery)
                {
                    let line = lines.line(index)?;
                    line.extend_from_slice(start.as_bytes());
                    number(line, person.times.at(instant));
                    line.extend_from_slice(ends[usize::from(reading.motion)].as_bytes());
                }
            }
        }
    }
    Ok(())
}

/// Writes one line for each reading of a Step Trainer.
pub(super) fn step_trainer(people: &[Person], lines: &mut impl LineSink) -> io::Result<()> {
    for delivery in 0..DELIVERIES {
        for (index, person) in people.iter().enumerate() {
            for instant in (0..INSTANTS).rev() {
                let reading = person.readings.trainer[instant];
                if usize::from(reading.delivery) == delivery {
                    let line = lines.line(index)?;
                    line.extend_from_slice(b"{\"sensorReadingTime\":");
                    number(line, person.times.at(instant));
                    text(line, ",\"serialNumber\":\"", &person.serial_number);
                    line.extend_from_slice(b"\",\"distanceFromObject\":");
                    number(line, reading.distance.into());
                    line.extend_from_slice(b"}\n");
                }
            }
        }
    }
    Ok(())
}

/// Appends text. No value needs escaping: the sample has no quotes or backslashes
/// in it.
pub(super) fn text(line: &mut Vec<u8>, before: &str, value: &str) {
    line.extend_from_slice(before.as_bytes());
    line.extend_from_slice(value.as_bytes());
}

/// Appends a number. Formatting through `fmt` would take most of the time.
pub(super) fn number(line: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    line.extend_from_slice(&digits[first..]);
}
