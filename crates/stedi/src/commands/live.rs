//! `stedi demo --live`: readings arrive in landing, runs take them in, and the page shows
//! it, until the program is asked to stop.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use catalog::Expectations;
use engine::Setup;
use sample::Stream;

use super::serve::{Doors, serve_lake_while};
use super::stream::{Sink, play};
use super::watch::follow;
use crate::failure::Ending;
use crate::settings::Settings;

/// How many people report, and how many messages a second they send together.
const DEVICES: usize = 50;
const RATE: f64 = 50.0;

/// How often a run begins at most.
const EVERY: Duration = Duration::from_secs(3);

/// Plays, runs and serves.
pub(super) fn live(
    settings: &Settings,
    setup: Setup,
    landing: &Path,
    doors: Doors,
    expect: Option<Expectations>,
) -> Result<Ending> {
    let of_runs = setup.clone();
    let arriving = async move {
        let mut sink = Sink::folder(&of_runs.project, &landing.to_string_lossy()).await?;
        let mut stream = Stream::new(DEVICES, 1);
        let playing = play(&mut stream, &mut sink, RATE, None);
        tokio::select! {
            played = playing => played,
            ran = follow(settings, of_runs.clone(), EVERY) => ran.map(|_| ()),
        }
    };
    serve_lake_while(settings, setup, doors, expect, arriving)
}
