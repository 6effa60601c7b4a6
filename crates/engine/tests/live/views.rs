//! The views that show the figures of a demo's lake.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use engine::Setup;
use pages::console::{self, Frame, Nav};

/// The present, in epoch milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

fn frame<'a>(title: &'a str, path: &'a str) -> Frame<'a> {
    Frame {
        title,
        lake: "/srv/stedi/lake",
        user: Some("lena"),
        role: Some("engineer"),
        csrf: "0123456789abcdef",
        path,
        enhanced: false,
        nav: Nav::ALL,
        now_ms: now_ms(),
    }
}

/// Views by the name of their file.
pub(crate) type Views = BTreeMap<String, String>;

/// Where views are written to be looked at.
pub(crate) fn pages_dir() -> Option<PathBuf> {
    std::env::var_os("STEDI_TEST_PAGES").map(PathBuf::from)
}

pub(crate) fn keep(views: &Views, part: &str) {
    if let Some(dir) = pages_dir() {
        let dir = dir.join(part);
        fs::create_dir_all(dir.join("static")).unwrap();
        fs::write(dir.join("static/stedi.css"), console::style()).unwrap();
        fs::write(dir.join("static/stedi.svg"), console::ICON).unwrap();
        for (name, page) in views {
            // Below the folder, instead of the root of a server.
            let page = page.replace("href=\"/static/", "href=\"static/");
            fs::write(dir.join(format!("{name}.html")), page).unwrap();
        }
    }
}

/// All views that need figures.
pub(crate) async fn views(setup: &Setup) -> Views {
    let mut views = Views::new();
    let overview = engine::overview(setup, None).await.unwrap();
    let mut put = |name: &str, page: String| _ = views.insert(name.to_owned(), page);
    put(
        "overview",
        console::overview(&frame("Overview", "/"), &overview),
    );
    put(
        "pipeline",
        console::pipeline(&frame("Pipeline", "/pipeline"), &overview, None),
    );
    put(
        "pipeline_from",
        console::pipeline(
            &frame("Pipeline", "/pipeline"),
            &overview,
            Some("step_trainer_trusted"),
        ),
    );
    put(
        "tables",
        console::tables(&frame("Tables", "/tables"), &overview),
    );
    for name in [
        "customer_landing",
        "customer_trusted",
        "machine_learning_curated",
        "training_set",
        "system.ledger",
    ] {
        let page = engine::table_page(setup, name).await.unwrap();
        put(
            name,
            console::table(&frame(name, "/tables"), &page, None, None),
        );
    }
    let list = engine::run_list(setup).await.unwrap();
    let nothing = evidence::Current::default();
    let page = console::runs(&frame("Runs", "/runs"), &list, &nothing);
    put("runs", page);
    if let Some(newest) = list.runs.first() {
        let run = engine::run_detail(setup, &newest.run)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(run.summary, *newest);
        put("run", console::run(&frame("Run", "/runs/x"), &run));
    }
    let privacy = engine::privacy_page(setup).await.unwrap();
    let singling_out = engine::singling_out(setup).await.unwrap();
    let page = console::privacy(&frame("Privacy", "/privacy"), &privacy, Some(&singling_out));
    put("privacy", page);
    let quarantine = engine::quarantine_page(setup, 0, 100).await.unwrap();
    put(
        "quarantine",
        console::quarantine(&frame("Quarantine", "/quarantine"), &quarantine),
    );
    views
}

/// No address of the demo is in any view; each begins with a name that is in no other text.
pub(crate) fn no_personal_value(views: &Views, dir: &Path) {
    let mut names = 0;
    let folder = dir.join("landing/customer/landing");
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for address in text.split('"').filter(|text| text.contains('@')) {
            names += 1;
            for (name, page) in views {
                assert!(!page.contains(address), "{name}");
            }
        }
    }
    assert!(names >= 956, "{names}");
}
