//! `stedi demo --live`: readings arrive in landing, runs take them in, and the page shows
//! it, until the program is asked to stop.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use catalog::Expectations;
use engine::{Interrupt, NoProgress, Report, RunOptions, Setup};
use sample::Stream;

use super::serve::{Doors, serve_lake_while};
use super::stream::{Sink, play};
use crate::failure::Ending;
use crate::output::{grouped, say};
use crate::settings::Settings;

/// How many people report, and how many messages a second they send together.
const DEVICES: usize = 50;
const RATE: f64 = 50.0;

/// Pause between two runs.
const PAUSE: Duration = Duration::from_secs(3);

/// Plays, runs and serves.
pub(super) fn live(
    settings: &Settings,
    setup: Setup,
    landing: &Path,
    doors: &Doors,
    expect: Option<Expectations>,
) -> Result<Ending> {
    let of_runs = setup.clone();
    let arriving = async move {
        let mut sink = Sink::folder(&of_runs.project, &landing.to_string_lossy()).await?;
        let mut stream = Stream::new(DEVICES, 1);
        let playing = play(&mut stream, &mut sink, RATE, None);
        tokio::select! {
            played = playing => played,
            ran = follow(settings, &of_runs) => ran,
        }
    };
    serve_lake_while(settings, setup, doors, expect, arriving)
}

/// Runs again and again, and says what was published.
async fn follow(settings: &Settings, setup: &Setup) -> Result<()> {
    loop {
        tokio::time::sleep(PAUSE).await;
        let began = Instant::now();
        match take_in(setup).await {
            Ok(report) if report.published.is_empty() => {}
            Ok(report) => say(
                settings,
                &format!(
                    "published {} in {} ms",
                    report.published.join(", "),
                    grouped(began.elapsed().as_millis() as u64)
                ),
            ),
            // The next run may find it mended.
            Err(error) => say(settings, &format!("a run failed: {error}")),
        }
    }
}

/// One run over what is new.
async fn take_in(setup: &Setup) -> Result<Report, engine::Error> {
    let setup = Setup {
        now_ms: chrono::Utc::now().timestamp_millis(),
        ..setup.clone()
    };
    let options = RunOptions::default();
    let interrupt = Arc::new(Interrupt::default());
    engine::run(&setup, &options, Arc::new(NoProgress), interrupt).await
}
