//! The figures of a live lake, filled from a demo's lake, and the views that show them.
//!
//! With `STEDI_TEST_PAGES=DIR` the views are written there, to be looked at.

mod views;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use catalog::Project;
use engine::{Interrupt, KeySource, NoProgress, RunOptions, Setup};
use evidence::{Attention, Overview, TableFigures, Verdict, Zone};
use lake::{AsOf, Location};
use privacy::PseudonymKey;

use views::{keep, no_personal_value, now_ms, pages_dir, views};

#[derive(Debug)]
struct Key;

#[async_trait]
impl KeySource for Key {
    async fn key(&self) -> Result<Arc<PseudonymKey>, query::Error> {
        let key = PseudonymKey::from_hex(&"07".repeat(32));
        Ok(Arc::new(key.unwrap_or_else(|error| panic!("{error}"))))
    }
}

fn setup(dir: &Path) -> Setup {
    let lakehouse = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lakehouse");
    let place = |name: &str| Location::parse(&dir.join(name).to_string_lossy()).unwrap();
    Setup {
        project: Arc::new(Project::read(&lakehouse).unwrap()),
        landing: place("landing"),
        lake: place("lake"),
        now_ms: now_ms(),
        memory_bytes: 256 << 20,
        as_of: AsOf::Latest,
        key: Some(Arc::new(Key)),
        wait: std::time::Duration::ZERO,
        access: None,
    }
}

async fn run(setup: &Setup) {
    let (progress, interrupt) = (Arc::new(NoProgress), Arc::new(Interrupt::default()));
    let options = RunOptions::default();
    engine::run(setup, &options, progress, interrupt)
        .await
        .unwrap();
}

fn table<'a>(overview: &'a Overview, name: &str) -> &'a TableFigures {
    let mut tables = overview.tables.iter();
    tables.find(|table| table.table == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_of_a_demo() {
    let dir = tempfile::tempdir().unwrap();
    let setup = setup(dir.path());

    // Nothing is there yet.
    let overview = engine::overview(&setup, None).await.unwrap();
    assert_eq!(overview.release, None);
    assert_eq!(overview.attention, []);
    assert_eq!(table(&overview, "customer_trusted").rows, None);
    keep(&views(&setup).await, "empty");

    sample::Sample::default()
        .write(&dir.path().join("landing"))
        .unwrap();
    run(&setup).await;
    let overview = engine::overview(&setup, None).await.unwrap();
    published_counts(&overview);
    assert_eq!(overview.attention, [], "everything is right");
    left_out(&overview);
    let views_of_demo = views(&setup).await;
    no_personal_value(&views_of_demo, dir.path());
    keep(&views_of_demo, "demo");

    withdrawals(&setup, dir.path()).await;
    new_and_broken_input(&setup, dir.path()).await;
    unknown_names(&setup).await;
    older_version(&setup).await;
    without_data_files(&setup, dir.path()).await;
    damaged_logs(&setup, dir.path()).await;
}

fn published_counts(overview: &Overview) {
    for (name, zone, rows, expected) in [
        ("customer_landing", Zone::Landing, 956, Some(956)),
        ("accelerometer_landing", Zone::Landing, 81_273, Some(81_273)),
        ("step_trainer_landing", Zone::Landing, 28_680, Some(28_680)),
        ("customer_trusted", Zone::Trusted, 482, Some(482)),
        ("accelerometer_trusted", Zone::Trusted, 40_981, Some(40_981)),
        ("step_trainer_trusted", Zone::Trusted, 14_460, Some(14_460)),
        ("customer_curated", Zone::Curated, 482, Some(482)),
        (
            "machine_learning_curated",
            Zone::Curated,
            43_681,
            Some(43_681),
        ),
        ("training_set", Zone::Curated, 32_025, None),
    ] {
        let found = table(overview, name);
        assert_eq!(
            (found.zone, found.rows, found.expected, found.verdict),
            (zone, Some(rows), expected, Verdict::Ok),
            "{name}"
        );
        assert_eq!(found.checks > 0, zone != Zone::Landing, "{name}");
        assert_eq!(
            found.published_ms.is_some(),
            zone != Zone::Landing,
            "{name}"
        );
    }
    assert_eq!(
        overview.release.as_ref().map(|release| release.number),
        Some(1)
    );
    assert_eq!(overview.last_run.as_ref().map(|run| run.models), Some(6));
}

fn left_out(overview: &Overview) {
    for (name, rows_in, rows_out, reasons) in [
        ("customer_trusted", 956, 482, vec![("no_consent", 474)]),
        (
            "accelerometer_trusted",
            81_273,
            40_981,
            vec![("no_consent", 40_292)],
        ),
        (
            "step_trainer_trusted",
            28_680,
            14_460,
            vec![("no_owner", 14_220)],
        ),
        (
            "training_set",
            43_681,
            32_025,
            vec![("no_consent", 8956), ("filtered", 2700)],
        ),
    ] {
        let steps = &table(overview, name).steps;
        let build = steps.iter().find(|step| step.step == "build").unwrap();
        let left_out = build.account.left_out.iter();
        let left_out: Vec<(&str, i64)> = left_out.map(|of| (of.reason.as_str(), of.rows)).collect();
        assert_eq!(
            (build.account.rows_in, build.account.rows_out, left_out),
            (rows_in, rows_out, reasons),
            "{name}"
        );
    }
}

/// People of the demo who agree to research.
fn who_agree(dir: &Path) -> Vec<String> {
    let mut people = Vec::new();
    for file in fs::read_dir(dir.join("landing/customer/landing")).unwrap() {
        for line in fs::read_to_string(file.unwrap().path()).unwrap().lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            if record["shareWithResearchAsOfDate"].is_i64() {
                people.push(record["email"].as_str().unwrap().to_owned());
            }
        }
    }
    people.sort();
    people
}

/// People withdraw by hand, some before each of three runs.
async fn withdrawals(setup: &Setup, dir: &Path) {
    let mut people = who_agree(dir).into_iter();
    for (round, count) in (1..).zip([12, 5, 1]) {
        let later = Setup {
            now_ms: setup.now_ms + round * 60_000,
            ..setup.clone()
        };
        for email in people.by_ref().take(count) {
            let entry = engine::ConsentEntry {
                email: privacy::Personal::new(email),
                purpose: privacy::Purpose::Research,
                act: engine::Consent::Withdraw,
                at_ms: later.now_ms,
                who: "lena".to_owned(),
                why: None,
                unknown: false,
            };
            engine::enter_consent(&later, &entry).await.unwrap();
        }
        run(&later).await;
    }
    let later = Setup {
        now_ms: setup.now_ms + 240_000,
        ..setup.clone()
    };
    let overview = engine::overview(&later, None).await.unwrap();
    let trusted = table(&overview, "customer_trusted");
    let growth: Vec<u64> = trusted.growth.iter().map(|point| point.rows).collect();
    assert_eq!(
        (trusted.rows, growth),
        (Some(464), vec![482, 470, 465, 464])
    );
    // The published counts are about people who did not withdraw.
    assert_eq!((trusted.expected, trusted.verdict), (None, Verdict::Ok));
    let page = engine::table_page(&later, "customer_trusted")
        .await
        .unwrap();
    let changes: Vec<Option<i64>> = page.versions.iter().map(|of| of.rows_change).collect();
    assert_eq!(changes, [Some(-1), Some(-5), Some(-12), None]);
    assert_eq!(page.runs.len(), 4);
    let gate = page
        .checks
        .iter()
        .find(|check| check.action == "refuse")
        .unwrap();
    assert_eq!(gate.in_runs, vec![Some(0); 4]);
    let privacy = engine::privacy_page(&later).await.unwrap();
    let research = privacy
        .consent
        .purposes
        .iter()
        .find(|of| of.purpose == "research")
        .unwrap();
    assert_eq!(
        (research.in_force, research.ended, privacy.consent.by_hand),
        (464, 18, 18)
    );
    let curve = privacy
        .curves
        .iter()
        .find(|of| of.purpose == "research")
        .unwrap();
    assert_eq!(curve.points.last().map(|point| point.in_force), Some(464));
    assert_eq!(
        curve.points.iter().map(|point| point.in_force).max(),
        Some(482)
    );
    let ends = privacy
        .curves
        .iter()
        .map(|curve| curve.points.last().map(|point| point.at_ms));
    let ends: BTreeSet<Option<i64>> = ends.collect();
    assert_eq!(ends.len(), 1, "all curves end together");
    let list = engine::run_list(&later).await.unwrap();
    assert_eq!((list.runs.len(), list.runs_more), (4, 0));
    let third = engine::run_detail(&later, &list.runs[1].run)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(third.before.as_ref(), Some(&list.runs[2].run));
    assert_eq!(third.after.as_ref(), Some(&list.runs[0].run));
    if pages_dir().is_some() {
        keep(&views(&later).await, "withdrawals");
    }
}

/// New files, input that cannot be read, and a writer that died.
async fn new_and_broken_input(setup: &Setup, dir: &Path) {
    let folder = dir.join("landing/customer/landing");
    let first = fs::read_dir(&folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let text = fs::read_to_string(first).unwrap();
    let mut record = text.lines().next().unwrap().to_owned();
    record.truncate(record.len() / 2);
    fs::write(folder.join("zz.json"), record + "\n").unwrap();
    let later = Setup {
        now_ms: now_ms() + 3_600_000,
        ..setup.clone()
    };
    run(&later).await;
    let died = "{\"run\":\"dead1234\",\"command\":\"run\",\"host\":\"h\",\"pid\":1,\"since_ms\":1796051000000,\"process\":\"PROCESS\",\"beat\":0}";
    let own = lake::LockHolder::this_process("x", "run");
    let own = serde_json::to_value(&own).unwrap();
    let own = own["process"].as_str().unwrap().to_owned();
    let gone = format!("{}/1-1", own.rsplit_once('/').unwrap().0);
    fs::write(
        dir.join("lake/system/lock.json"),
        died.replace("PROCESS", &gone),
    )
    .unwrap();

    let overview = engine::overview(&later, None).await.unwrap();
    let kinds: Vec<&str> = overview.attention.iter().map(kind).collect();
    assert!(kinds.starts_with(&["died"]), "{kinds:?}");
    for expected in ["suspended", "quarantine"] {
        assert!(
            kinds.contains(&expected),
            "{expected}: {:?}",
            overview.attention
        );
    }
    let page = engine::privacy_page(&later).await.unwrap();
    assert_eq!(page.consent.suspended, 1);
    assert_eq!(page.suspending.len(), 1);
    let views = views(&later).await;
    no_personal_value(&views, dir);
    keep(&views, "broken");
    fs::remove_file(dir.join("lake/system/lock.json")).unwrap();
}

async fn older_version(setup: &Setup) {
    let older = Setup {
        as_of: AsOf::Version(0),
        ..setup.clone()
    };
    let page = engine::table_page(&older, "system.ledger").await.unwrap();
    assert_eq!(
        (page.figures.version, page.figures.rows),
        (Some(0), Some(19))
    );
    let newest = page.versions.first().unwrap();
    assert_eq!((newest.version, newest.rows_change), (4, Some(1)));
    assert_eq!(newest.is_same_content, Some(false));
    let none = Setup {
        as_of: AsOf::Version(7),
        ..setup.clone()
    };
    let error = engine::table_page(&none, "customer_trusted")
        .await
        .unwrap_err();
    assert!(error.to_string().contains('7'), "{error}");
}

/// Figures need neither landing files nor the data files of models.
async fn without_data_files(setup: &Setup, dir: &Path) {
    let before = engine::overview(setup, None).await.unwrap();
    fs::remove_dir_all(dir.join("landing")).unwrap();
    for zone in ["trusted", "curated"] {
        for table in fs::read_dir(dir.join("lake").join(zone)).unwrap() {
            for file in fs::read_dir(table.unwrap().path()).unwrap() {
                let file = file.unwrap().path();
                if file.is_file() {
                    fs::remove_file(file).unwrap();
                }
            }
        }
    }
    assert_eq!(engine::overview(setup, None).await.unwrap(), before);
    for name in setup.project.names() {
        engine::table_page(setup, name).await.unwrap();
    }
    engine::privacy_page(setup).await.unwrap();
    let run = before.last_run.unwrap().run;
    assert!(engine::run_detail(setup, &run).await.unwrap().is_some());
    let error = engine::singling_out(setup).await.unwrap_err();
    assert!(!error.to_string().contains('@'), "{error}");
}

/// A log that cannot be read is one of the things that need attention, and no error.
async fn damaged_logs(setup: &Setup, dir: &Path) {
    for table in [
        "curated/training_set",
        "trusted/customer_trusted",
        "system/checks",
        "system/consent",
        "system/ledger",
        "system/runs",
    ] {
        let log = dir.join("lake").join(table).join("_delta_log");
        for entry in fs::read_dir(&log).unwrap() {
            fs::write(entry.unwrap().path(), "{broken").unwrap();
        }
        let overview = engine::overview(setup, None).await.unwrap();
        let name = match table.split_once('/').unwrap() {
            ("system", name) => format!("system.{name}"),
            (_, name) => name.to_owned(),
        };
        let damaged = Attention::Damaged { table: name };
        assert!(
            overview.attention.contains(&damaged),
            "{table}: {:?}",
            overview.attention
        );
    }
    let list = engine::run_list(setup).await.unwrap();
    assert_eq!(list.runs, []);
    let error = engine::privacy_page(setup).await.unwrap_err();
    assert!(
        matches!(error, engine::Error::Lake(lake::Error::Damaged { .. })),
        "{error}"
    );
}

fn kind(entry: &Attention) -> &'static str {
    match entry {
        Attention::Check { .. } => "check",
        Attention::Count { .. } => "count",
        Attention::NotBuilt { .. } => "not built",
        Attention::Changed { .. } => "changed",
        Attention::Damaged { .. } => "damaged",
        Attention::Writing { .. } => "writing",
        Attention::Died { .. } => "died",
        Attention::HalfPublished { .. } => "half published",
        Attention::Suspended { .. } => "suspended",
        Attention::Undecodable { .. } => "undecodable",
        Attention::Quarantine { .. } => "quarantine",
    }
}

async fn unknown_names(setup: &Setup) {
    for run in ["", "nope", "x' or 1 = 1 --", &"a".repeat(1000)] {
        assert_eq!(engine::run_detail(setup, run).await.unwrap(), None, "{run}");
    }
    for table in ["", "nope", "system.nope", "landing.", "x'", "a.b.c"] {
        let error = engine::table_page(setup, table).await.unwrap_err();
        assert!(
            matches!(error, engine::Error::Query(query::Error::NoTable { .. })),
            "{table}: {error}"
        );
    }
}
