//! `stedi demo`: sample, run and verify in a new folder.

use std::path::{Path, PathBuf};

use anyhow::Result;
use engine::RunOptions;

use super::run_report::show_report;
use super::{live, run, sample, serve};
use crate::args::{DemoArgs, Format};
use crate::failure::{Ending, Failure};
use crate::output::{grouped, say};
use crate::runtime::runtime;
use crate::settings::Settings;
use ::sample::{Defects, Sample};

pub(crate) fn demo(settings: &Settings, args: &DemoArgs) -> Result<Ending> {
    let dir = match &args.dir {
        Some(dir) if holds_something(dir) => return Err(occupied(dir)),
        Some(dir) => dir.clone(),
        None => {
            let dir = first_free();
            if dir != Path::new(DIR) {
                say(settings, &earlier_demo(&dir));
            }
            dir
        }
    };
    let landing = dir.join("landing");
    let lake = dir.join("lake");
    let size = args.size.sample();
    let written = sample::write(&size, &Defects::new(&[]), &landing)?;
    say(
        settings,
        &format!(
            "made {} customers and {} readings in {}",
            grouped(written.customers),
            grouped(written.accelerometer + written.step_trainer),
            landing.display()
        ),
    );
    let setup = settings.setup_at(&landing.to_string_lossy(), &lake.to_string_lossy())?;
    // Counts are published for the default size and seed only.
    let default = Sample::default();
    let published = size.customers == default.customers && size.seed == default.seed;
    let expect = run::expectations(&setup.project, published.then_some("published"))?;
    let options = RunOptions {
        expect: expect.clone(),
        ..RunOptions::default()
    };
    let built = run::execute(settings, &setup, &options)?;
    if built.verdict() == engine::Verdict::Fail {
        return show_report(settings, &setup.project, &built);
    }
    let report = runtime()?.block_on(engine::verify(&setup, expect.as_ref()))?;
    let ending = show_report(settings, &setup.project, &report)?;
    if ending == Ending::Done && settings.format.value == Format::Table {
        say(settings, &next(&dir, published));
    }
    if args.live && ending == Ending::Done {
        let doors = serve::Doors::of_demo(args.http);
        return live::live(settings, setup, &landing, doors, expect);
    }
    if args.serve && ending == Ending::Done {
        return serve::serve_lake(settings, setup, serve::Doors::of_demo(args.http), expect);
    }
    Ok(ending)
}

fn next(dir: &Path, published: bool) -> String {
    let dir = dir.display();
    let verified = if published {
        "every published count verified"
    } else {
        "every check passed"
    };
    format!(
        "{verified}\n\
         try next:\n  \
         cd {dir}\n  \
         stedi tables\n  \
         stedi sql -c \"select same_owner, count(*) from machine_learning_curated group by same_owner\"\n  \
         stedi describe customer_trusted\n  \
         stedi report --out report.html\n  \
         stedi serve\n  \
         stedi sql"
    )
}

/// The folder of the first demo.
const DIR: &str = "stedi-demo";

fn occupied(dir: &Path) -> anyhow::Error {
    let is_demo = dir.join("lake").is_dir();
    let dir = dir.display();
    let going_on = match is_demo {
        true => format!("`cd {dir}` and `stedi tables` to look at it, or "),
        false => String::new(),
    };
    Failure::failed(
        format!("{dir} is not empty"),
        format!("{going_on}name a fresh folder, or remove this one: rm -r {dir}"),
    )
}

fn earlier_demo(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "{DIR} is there from an earlier demo and stays as it is; this one goes to {dir}\n\
         hint: `cd {DIR}` and `stedi tables` to look at the earlier one, `rm -r {DIR}` to remove it"
    )
}

fn holds_something(dir: &Path) -> bool {
    std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some())
}

/// `stedi-demo`, or `stedi-demo-2` and so on: the first that does not exist.
fn first_free() -> PathBuf {
    (1u32..)
        .map(|number| match number {
            1 => PathBuf::from(DIR),
            number => PathBuf::from(format!("{DIR}-{number}")),
        })
        .find(|dir| !dir.exists())
        .unwrap_or_else(|| PathBuf::from(DIR))
}
