//! People as lines of JSON, byte for byte in the form of the reference data:
//! customer records with a space after `:` and `,`, readings without, and keys
//! of purposes not agreed to left out.
//!
//! Readings arrive in three deliveries per cohort. In each, one person's
//! readings follow the other's, latest first: landing files are sorted in runs
//! but not as a whole, as the reference data's are.

use std::io;

use crate::cohort::Person;
use crate::files::LandingFiles;
use crate::lanes::INSTANTS;
use crate::readings::{DELIVERIES, MOTIONS};
use crate::record::{ConsentDate, CustomerRecord};

/// Where lines go.
pub(super) trait LineSink {
    /// Where to append the next line, with its line feed; `person` is whose it
    /// is, as an index into the cohort.
    fn line(&mut self, person: usize) -> io::Result<&mut Vec<u8>>;
}

impl LineSink for LandingFiles {
    fn line(&mut self, _: usize) -> io::Result<&mut Vec<u8>> {
        LandingFiles::line(self)
    }
}

/// One line per person.
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
        if let ConsentDate::LeftOut = date {
            continue;
        }
        text(line, ", \"", key);
        line.extend_from_slice(b"\": ");
        match date {
            ConsentDate::At(date_ms) => number(line, date_ms),
            ConsentDate::Void(json) => line.extend_from_slice(json.as_bytes()),
            ConsentDate::LeftOut => {}
        }
    }
    line.extend_from_slice(b"}\n");
}

/// One line per phone reading.
pub(super) fn accelerometer(people: &[Person], lines: &mut impl LineSink) -> io::Result<()> {
    // What does not change from line to line is made once: with it the loop
    // below copies bytes, which is what lets millions of people stream.
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

/// One line per reading of a Step Trainer.
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

/// No value needs escaping: the sample has no quotes or backslashes in it.
fn text(line: &mut Vec<u8>, before: &str, value: &str) {
    line.extend_from_slice(before.as_bytes());
    line.extend_from_slice(value.as_bytes());
}

/// Decimal digits, by hand: formatting through `fmt` takes most of the time
/// otherwise.
fn number(line: &mut Vec<u8>, mut value: u64) {
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
