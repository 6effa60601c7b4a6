//! The figures of people and consent.

use std::collections::BTreeMap;

use catalog::Party;
use evidence::{
    Consent, ConsentCurve, ConsentPoint, Gate, PeopleFlow, PersonalColumns, PrivacyPage, Zone,
};
use query::{Session, Setup, system};

use super::results::NewestResults;
use super::snapshot::LakeSnapshot;
use super::table_figures::{Figures, zone_of};
use crate::Error;
use crate::contract::checks::count;
use crate::contract::subject_columns::{self, SubjectKind};
use crate::operations::evidence::rows::Rows;
use crate::operations::evidence::subjects;

/// The most points that a curve has.
const POINTS_MAX: i64 = 120;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// Periods at whose ends people are counted. The last one is for thousands of years.
const PERIODS_MS: [i64; 9] = [
    1000,
    MINUTE_MS,
    10 * MINUTE_MS,
    60 * MINUTE_MS,
    DAY_MS,
    7 * DAY_MS,
    30 * DAY_MS,
    365 * DAY_MS,
    36_500 * DAY_MS,
];

/// Figures about people and consent, as runs noted them.
///
/// # Errors
/// [`Error::Lake`] where the store does not answer, and if what is known of people is damaged;
/// [`Error::Query`].
pub async fn privacy_page(setup: &Setup) -> Result<PrivacyPage, Error> {
    let lake = LakeSnapshot::open(setup).await?;
    // What is not known of people must not look as if there were none.
    lake.require(&[
        &system::CONSENT,
        &system::CONSENT_REGISTER,
        &system::DEVICE_OWNER,
        &system::QUARANTINE,
    ])?;
    let results = match lake.rows(&system::CHECKS) {
        0 => NewestResults::default(),
        _ => NewestResults::read(&lake.session).await?,
    };
    let figures = Figures::new(&lake, &results, None);
    let mut consent = Consent::default();
    subjects::of_notes(&lake.session, setup.now_ms, &mut consent).await?;
    if lake.rows(&system::CONSENT) > 0 {
        let sql = "select count(distinct subject) from system.consent";
        consent.people = Some(count(&lake.session, sql).await?);
    }
    let roles = setup.project.roles();
    let person_records = roles
        .person_records()
        .map(|records| records.table.to_string());
    let mut suspending = match lake.rows(&system::QUARANTINE) {
        0 => Vec::new(),
        _ => subjects::quarantined(&lake.session).await?,
    };
    suspending.retain(|entry| !entry.is_dropped && Some(&entry.table) == person_records.as_ref());
    let gates = results
        .all()
        .filter(|result| Gate::of_name(&result.check).is_some());
    Ok(PrivacyPage {
        curves: curves(&lake.session, setup.now_ms).await?,
        flows: flows(setup, &figures),
        gates: gates.cloned().collect(),
        personal: personal(setup),
        consent,
        suspending,
        person_records,
    })
}

/// How many people had a consent in force, up to now.
async fn curves(session: &Session, now_ms: i64) -> Result<Vec<ConsentCurve>, Error> {
    let changes = format!(
        "select purpose, valid_from as at, 1 as step from system.consent where valid_from <= {now_ms} \
         union all \
         select purpose, valid_to as at, -1 as step from system.consent \
         where valid_to <= {now_ms} and valid_from < valid_to"
    );
    let sql = format!("select min(at), max(at) from ({changes}) as change");
    let ends = Rows::of(session, &sql).await?;
    let ends = ends
        .iter()
        .next()
        .and_then(|row| row.number(0).zip(row.number(1)));
    let Some((first, last)) = ends else {
        return Ok(Vec::new());
    };
    let span = last.saturating_sub(first);
    let fits = |period: &&i64| span / **period < POINTS_MAX;
    let period = PERIODS_MS
        .iter()
        .find(fits)
        .unwrap_or(&PERIODS_MS[PERIODS_MS.len() - 1]);
    // Counted from the first change, so that no instant is negative.
    let sql = format!(
        "select purpose, (at - ({first})) / {period} as place, sum(step) from ({changes}) as change \
         group by 1, 2 order by 1, 2"
    );
    let mut curves: BTreeMap<String, ConsentCurve> = BTreeMap::new();
    for row in Rows::of(session, &sql).await?.iter() {
        let purpose = row.text(0);
        let curve = curves
            .entry(purpose.clone())
            .or_insert_with(|| ConsentCurve {
                purpose,
                points: vec![ConsentPoint {
                    at_ms: first,
                    in_force: 0,
                }],
            });
        let before = curve.points.last().map_or(0, |point| point.in_force);
        let step = row.number(2).unwrap_or_default();
        let periods = row.number(1).unwrap_or_default().saturating_add(1);
        curve.points.push(ConsentPoint {
            // The last period is not over.
            at_ms: first
                .saturating_add(periods.saturating_mul(*period))
                .min(last.max(first)),
            in_force: before.saturating_add_signed(step),
        });
    }
    // All curves end together; nothing changed in those that ended before.
    for curve in curves.values_mut() {
        let end = curve
            .points
            .last()
            .map(|point| (point.at_ms, point.in_force));
        if let Some((_, in_force)) = end.filter(|(at_ms, _)| *at_ms < last) {
            curve.points.push(ConsentPoint {
                at_ms: last,
                in_force,
            });
        }
    }
    Ok(curves.into_values().collect())
}

/// The tables whose rows are of people or devices.
fn flows(setup: &Setup, figures: &Figures<'_>) -> Vec<PeopleFlow> {
    let mut flows = Vec::new();
    for table in setup.project.landing() {
        let Some((party, _)) = setup.project.roles().party(table.name.as_ref()) else {
            continue;
        };
        let whose = match party {
            Party::Subject => "people",
            Party::Device => "devices",
        };
        let known = figures.landing(table);
        flows.push(flow(whose, known));
    }
    for model in setup.project.models() {
        let whose = match subject_columns::column(model) {
            Some((SubjectKind::Subject, _)) => "people",
            Some((SubjectKind::Device, _)) => "devices",
            None if model.name.as_ref() == subject_columns::TRAINING_SET => "pseudonyms",
            None if model.contract.anonymous => "groups of people",
            None => continue,
        };
        flows.push(flow(whose, figures.model(model)));
    }
    flows
}

fn flow(whose: &str, table: evidence::TableFigures) -> PeopleFlow {
    PeopleFlow {
        zone: table.zone,
        table: table.table,
        whose: whose.to_owned(),
        rows: table.rows,
        steps: table.steps,
    }
}

fn personal(setup: &Setup) -> Vec<PersonalColumns> {
    let landing = setup.project.landing().iter();
    let landing = landing.map(|table| PersonalColumns {
        zone: Zone::Landing,
        table: table.name.to_string(),
        columns: table.personal().to_vec(),
    });
    let models = setup.project.models().iter().map(|model| PersonalColumns {
        zone: zone_of(model),
        table: model.name.to_string(),
        columns: model
            .contract
            .personal
            .iter()
            .map(ToString::to_string)
            .collect(),
    });
    let of_system = system::names().map(|name| PersonalColumns {
        zone: Zone::System,
        table: name.to_owned(),
        columns: system::personal(name)
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
    });
    let all = landing.chain(models).chain(of_system);
    all.filter(|table| !table.columns.is_empty()).collect()
}
