//! `stedi sample OUT`: writes synthetic landing data.

use anyhow::Result;
use serde::Serialize;

use super::stream;
use crate::args::{Format, SampleArgs};
use crate::failure::{Ending, Failure};
use crate::output::{grouped, put_json, say};
use crate::settings::Settings;
use sample::{Defects, Sample, Written};

/// What was written, as printed.
#[derive(Serialize)]
struct Summary {
    customers: u64,
    accelerometer: u64,
    step_trainer: u64,
    files: u64,
    bytes: u64,
}

pub(crate) fn sample(settings: &Settings, args: &SampleArgs) -> Result<Ending> {
    if let Some(to) = &args.stream {
        return stream::stream(settings, args, to);
    }
    // The command line asks for a folder where there is no stream.
    let out = args.out.clone().unwrap_or_default();
    let defects = Defects::new(&args.defects);
    let written = write(&args.size.sample(), &defects, &out)?;
    if settings.format.value == Format::Table {
        let out = out.display();
        let (customers, truth) = match defects.is_empty() {
            true => ("customers", String::new()),
            false => (
                "customer records",
                format!("\n{out}/truth holds what a run must make of them"),
            ),
        };
        say(
            settings,
            &format!(
                "wrote {} {customers}, {} accelerometer and {} step-trainer readings to {out}{truth}\n\
                 hint: `stedi run --landing {out}` builds the tables",
                grouped(written.customers),
                grouped(written.accelerometer),
                grouped(written.step_trainer),
            ),
        );
    } else {
        put_json(&Summary {
            customers: written.customers,
            accelerometer: written.accelerometer,
            step_trainer: written.step_trainer,
            files: written.files,
            bytes: written.bytes,
        })?;
    }
    Ok(Ending::Done)
}

/// Writes a sample. The text of its errors ends with a line for the hint.
pub(super) fn write(sample: &Sample, defects: &Defects, out: &std::path::Path) -> Result<Written> {
    sample.write_with(defects, out).map_err(|error| {
        let text = error.to_string();
        let (message, hint) = text.split_once("\nhint: ").unwrap_or((&text, ""));
        if error.kind() == std::io::ErrorKind::InvalidInput {
            return Failure::settings(message, hint);
        }
        Failure::failed(message, hint)
    })
}
