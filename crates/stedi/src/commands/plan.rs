//! `stedi plan`: shows what a run would change.

use std::sync::Arc;

use anyhow::Result;
use engine::{Change, Plan, RunOptions, Setup, Verdict};

use super::run::{expectations, in_form, names, undecodable};
use super::run_report::remark;
use crate::args::PlanArgs;
use crate::failure::Ending;
use crate::key::Keys;
use crate::output::{Field, put_list, say};
use crate::progress;
use crate::runtime::runtime;
use crate::settings::Settings;
use crate::watchdog::interrupt;

pub(crate) fn plan(settings: &Settings, args: &PlanArgs) -> Result<Ending> {
    in_form(args.progress);
    let setup = settings.setup()?;
    let options = RunOptions {
        select: names(&args.select)?,
        expect: expectations(&setup.project, None)?,
        strict: args.strict,
        undecodable: undecodable(settings, args.undecodable),
        ..RunOptions::default()
    };
    let plan = execute(settings, &setup, &options)?;
    let headings = [
        "zone",
        "table",
        "why",
        "rows_now",
        "rows",
        "rows_entering",
        "rows_leaving",
        "people_entering",
        "people_leaving",
    ];
    put_list(settings, &headings, &plan.tables, |table| {
        vec![
            Field::text(Some(&table.zone)),
            Field::text(Some(&table.table)),
            Field::text(Some(why(table.change))),
            Field::count(table.rows_now),
            Field::count(table.rows),
            Field::count(table.rows_entering),
            Field::count(table.rows_leaving),
            Field::count(table.people_entering),
            Field::count(table.people_leaving),
        ]
    })?;
    let ending = remark(settings, &setup.project, &plan.report);
    if let Some(how) = &plan.report.how {
        say(settings, how);
    }
    say(settings, conclusion(&plan));
    Ok(ending)
}

/// Computes the plan, shows progress, and stops on Ctrl-C.
fn execute(settings: &Settings, setup: &Setup, options: &RunOptions) -> Result<Plan> {
    let keys = Keys::of(settings, setup.landing.clone(), setup.lake.clone());
    let setup = Setup {
        key: Some(Arc::new(keys)),
        ..setup.clone()
    };
    let progress = progress::shown(settings);
    let plan = runtime()?
        .block_on(async { engine::plan(&setup, options, progress, interrupt()).await })?;
    Ok(plan)
}

fn why(change: Change) -> &'static str {
    match change {
        Change::New => "new table",
        Change::Columns => "other columns",
        Change::Rows => "other rows",
        Change::Contract => "another contract",
        Change::Nothing => "unchanged",
    }
}

fn conclusion(plan: &Plan) -> &'static str {
    if plan.report.verdict() == Verdict::Fail {
        "`stedi run` would publish nothing"
    } else if plan
        .tables
        .iter()
        .all(|table| table.change == Change::Nothing)
    {
        "`stedi run` would change nothing"
    } else {
        "nothing was changed; `stedi run` carries the plan out"
    }
}
