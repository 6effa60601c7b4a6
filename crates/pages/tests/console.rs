//! The views of a live lake: what must hold for each of them, whatever the figures are.
//!
//! With `STEDI_TEST_PAGES=DIR` the views are written there, to be looked at.

use evidence::{
    Account, Attention, CheckHistory, ColumnFigures, ColumnOrigin, Consent, ConsentCurve,
    ConsentPoint, Edge, Growth, LeftOut, Overview, PeopleFlow, PrivacyPage, PurposeFigures,
    QuarantinePage, Quarantined, QuarantinedEntry, ReleaseFigures, RunAccount, RunAt, RunCheck,
    RunDetail, RunList, RunModel, RunSummary, SinglingOut, Step, TableFigures, TablePage,
    TellingColumn, Verdict, VersionChange, Zone,
};
use pages::console::{
    self, Chart, ChartPoints, Failure, Frame, Nav, PastQuery, PersonPage, QueryPage, QueryState,
    ResultColumn, ResultRows, SignIn, SqlError, SqlPage,
};

/// Markup in every text that others choose.
const HOSTILE: &str = "<script>alert('x')</script>\" onclick=\"y\" '&amp;\u{202e}";

const NOW_MS: i64 = 1_796_051_238_000;

fn frame(path: &'static str) -> Frame<'static> {
    Frame {
        title: HOSTILE,
        lake: HOSTILE,
        user: Some(HOSTILE),
        role: Some(HOSTILE),
        csrf: HOSTILE,
        path,
        enhanced: false,
        nav: Nav::ALL,
        now_ms: NOW_MS,
    }
}

fn account() -> Account {
    Account {
        source: HOSTILE.to_owned(),
        rows_in: 10,
        fan_out: 1,
        rows_out: 5,
        left_out: vec![LeftOut {
            reason: HOSTILE.to_owned(),
            words: HOSTILE.to_owned(),
            rows: 6,
        }],
    }
}

fn step() -> Step {
    Step {
        step: "build".to_owned(),
        account: account(),
    }
}

fn table(zone: Zone, name: &str) -> TableFigures {
    let growth = |version: i64| Growth {
        version,
        at_ms: NOW_MS,
        rows: version.unsigned_abs() * 7 % 5,
    };
    TableFigures {
        zone,
        table: name.to_owned(),
        grain: Some(HOSTILE.to_owned()),
        rows: Some(1234),
        expected: Some(1235),
        verdict: Verdict::Warn,
        checks: 3,
        version: Some(29),
        published_ms: Some(NOW_MS - 5000),
        files: Some(2),
        bytes: Some(4321),
        steps: vec![step()],
        growth: (0..30).map(growth).collect(),
    }
}

fn edge(from: &str, to: &str) -> Edge {
    Edge {
        from: from.to_owned(),
        to: to.to_owned(),
        is_main: true,
        rows: Some(-81_273),
    }
}

fn every_attention() -> Vec<Attention> {
    let text = || HOSTILE.to_owned();
    vec![
        Attention::Check {
            table: text(),
            check: text(),
            verdict: Verdict::Fail,
            violations: 1,
        },
        Attention::Count {
            table: text(),
            rows: None,
            expected: 3,
        },
        Attention::NotBuilt { table: text() },
        Attention::Changed { table: text() },
        Attention::Damaged { table: text() },
        Attention::Writing {
            run: text(),
            command: text(),
            since_ms: i64::MIN,
        },
        Attention::Died {
            run: text(),
            command: Some(text()),
            since_ms: Some(0),
        },
        Attention::HalfPublished { release: 3 },
        Attention::Suspended { people: 2 },
        Attention::Undecodable { files: 1 },
        Attention::Quarantine {
            table: text(),
            places: 3,
        },
    ]
}

fn overview() -> Overview {
    Overview {
        release: Some(ReleaseFigures {
            number: 3,
            run: HOSTILE.to_owned(),
            at_ms: Some(NOW_MS),
        }),
        last_run: Some(run()),
        tables: vec![
            table(Zone::Landing, HOSTILE),
            table(Zone::Trusted, "b c"),
            table(Zone::Curated, "c"),
            table(Zone::System, "runs"),
        ],
        edges: vec![
            edge(HOSTILE, "b c"),
            edge("b c", "c"),
            edge("system.runs", "c"),
        ],
        attention: every_attention(),
        checks: 2,
        expected_from: Some(HOSTILE.to_owned()),
    }
}

fn run() -> RunSummary {
    RunSummary {
        run: HOSTILE.to_owned(),
        started_ms: Some(NOW_MS),
        ended_ms: Some(NOW_MS + 1234),
        models: 1,
        rows_in: -1,
        rows_out: 2,
        checks: 3,
        warned: 1,
        failed: 0,
        outcome: HOSTILE.to_owned(),
    }
}

fn check() -> RunCheck {
    RunCheck {
        table: HOSTILE.to_owned(),
        check: HOSTILE.to_owned(),
        verdict: Verdict::Warn,
        violations: 1,
    }
}

fn run_detail() -> RunDetail {
    RunDetail {
        summary: run(),
        models: vec![RunModel {
            zone: Some(Zone::Trusted),
            table: HOSTILE.to_owned(),
            started_ms: Some(NOW_MS),
            ended_ms: Some(NOW_MS - 1),
            rows_in: None,
            rows_out: Some(3),
            duplicates: Some(0),
            files: Some(1),
            version: Some(3),
            outcome: HOSTILE.to_owned(),
        }],
        results: vec![check()],
        accounts: vec![RunAccount {
            zone: Some(Zone::Trusted),
            table: HOSTILE.to_owned(),
            steps: vec![step()],
        }],
        before: Some(HOSTILE.to_owned()),
        after: Some("abc".to_owned()),
    }
}

fn table_page() -> TablePage {
    let origin = || ColumnOrigin {
        table: HOSTILE.to_owned(),
        column: HOSTILE.to_owned(),
        personal: true,
        influence: "masked".to_owned(),
    };
    TablePage {
        figures: table(Zone::Curated, HOSTILE),
        location: HOSTILE.to_owned(),
        also: vec![HOSTILE.to_owned()],
        file: Some(HOSTILE.to_owned()),
        contract: Some(HOSTILE.to_owned()),
        sql: Some(HOSTILE.to_owned()),
        is_anonymous: true,
        columns: vec![ColumnFigures {
            column: HOSTILE.to_owned(),
            kind: HOSTILE.to_owned(),
            personal: true,
            comment: Some(HOSTILE.to_owned()),
            from: vec![origin()],
            landing: vec![],
        }],
        row_origins: vec![origin()],
        checks: vec![CheckHistory {
            check: HOSTILE.to_owned(),
            action: HOSTILE.to_owned(),
            verdict: None,
            in_runs: vec![Some(1), None],
        }],
        runs: ["a", HOSTILE]
            .map(|run| RunAt {
                run: run.to_owned(),
                started_ms: None,
            })
            .to_vec(),
        versions: vec![VersionChange {
            version: 29,
            at_ms: NOW_MS,
            run: None,
            operation: HOSTILE.to_owned(),
            rows: Some(3),
            rows_change: Some(-3),
            is_same_content: Some(true),
            files_added: 1,
            rows_added: 1,
            files_removed: 1,
        }],
        versions_more: 3,
        edges: vec![edge(HOSTILE, "x"), edge("y", HOSTILE)],
    }
}

fn privacy_page() -> PrivacyPage {
    let quarantined = Quarantined {
        table: HOSTILE.to_owned(),
        reason: HOSTILE.to_owned(),
        is_dropped: false,
        places: 3,
        bytes: 3,
    };
    PrivacyPage {
        consent: Consent {
            people: Some(3),
            purposes: vec![PurposeFigures {
                purpose: HOSTILE.to_owned(),
                in_force: 1,
                ended: 1,
                later: 1,
            }],
            suspended: 1,
            undecodable: 1,
            ..Consent::default()
        },
        curves: vec![ConsentCurve {
            purpose: HOSTILE.to_owned(),
            points: vec![ConsentPoint {
                at_ms: i64::MAX,
                in_force: u64::MAX,
            }],
        }],
        flows: vec![PeopleFlow {
            zone: Zone::Trusted,
            table: HOSTILE.to_owned(),
            whose: HOSTILE.to_owned(),
            rows: Some(3),
            steps: vec![step()],
        }],
        gates: vec![check()],
        suspending: vec![quarantined],
        person_records: Some(HOSTILE.to_owned()),
        personal: vec![evidence::PersonalColumns {
            zone: Zone::Landing,
            table: HOSTILE.to_owned(),
            columns: vec![HOSTILE.to_owned()],
        }],
    }
}

fn quarantine_page() -> QuarantinePage {
    QuarantinePage {
        totals: privacy_page().suspending,
        entries: vec![QuarantinedEntry {
            id: HOSTILE.to_owned(),
            table: HOSTILE.to_owned(),
            reason: HOSTILE.to_owned(),
            detail: HOSTILE.to_owned(),
            line: 3,
            bytes: 3,
            places: 3,
            is_dropped: false,
        }],
        offset: 1,
        count: 3,
    }
}

fn query_page(state: QueryState) -> QueryPage {
    QueryPage {
        id: HOSTILE.to_owned(),
        statement: format!("select 1\n{HOSTILE}"),
        state,
        rows: 1000,
        truncated: true,
        ms: 1234,
        columns: [(HOSTILE, false), ("n", true)]
            .map(|(name, is_number)| ResultColumn {
                name: name.to_owned(),
                kind: HOSTILE.to_owned(),
                is_number,
            })
            .to_vec(),
        cells: vec![
            vec![Some(HOSTILE.to_owned()), None],
            vec![None, Some("3".to_owned())],
        ],
        offset: 100,
        page_rows: 100,
        error: (state == QueryState::Failed).then(error),
        chart: Some(Chart {
            x: HOSTILE.to_owned(),
            y: "n".to_owned(),
            points: ChartPoints::Bars(vec![(HOSTILE.to_owned(), 3.0)]),
        }),
    }
}

fn error() -> SqlError {
    SqlError {
        message: HOSTILE.to_owned(),
        hint: Some(HOSTILE.to_owned()),
        line: Some(2),
        column: Some(3),
    }
}

fn sql_page() -> SqlPage {
    let states = [
        QueryState::Waiting,
        QueryState::Running,
        QueryState::Done,
        QueryState::Failed,
        QueryState::Cancelled,
    ];
    SqlPage {
        statement: format!("\nselect\n{HOSTILE}</textarea>"),
        error: Some(error()),
        history: states
            .map(|state| PastQuery {
                id: HOSTILE.to_owned(),
                statement: HOSTILE.to_owned(),
                state,
                rows: 3,
                ms: 3,
                at: NOW_MS,
            })
            .to_vec(),
    }
}

fn person_page() -> PersonPage {
    PersonPage {
        email: HOSTILE.to_owned(),
        known_by: Some(HOSTILE.to_owned()),
        intervals: vec![(HOSTILE.to_owned(), 0, Some(1), HOSTILE.to_owned())],
        entries: vec![(0, HOSTILE.to_owned(), HOSTILE.to_owned(), 0)],
        suspended_by: vec![(HOSTILE.to_owned(), 1)],
    }
}

fn singling_out() -> Vec<SinglingOut> {
    let column = TellingColumn {
        column: HOSTILE.to_owned(),
        rows: 1,
        people: 1,
    };
    [vec![column], vec![]]
        .map(|columns| SinglingOut {
            table: HOSTILE.to_owned(),
            rows: 3,
            people: Some(2),
            groups_of_at_least: None,
            columns,
        })
        .to_vec()
}

/// Every view with hostile figures, then with none.
fn views(frame_of: impl Fn(&'static str) -> Frame<'static>) -> Vec<(&'static str, String)> {
    let (of, none) = (overview(), Overview::default());
    let f = frame_of;
    let form = SignIn {
        name: HOSTILE,
        next: HOSTILE,
        error: Some(HOSTILE),
    };
    let failed = Failure {
        status: 404,
        what: HOSTILE,
        hint: Some(HOSTILE),
    };
    let query = query_page(QueryState::Done);
    let preview = Some(ResultRows {
        columns: &query.columns,
        cells: &query.cells,
    });
    vec![
        ("overview", console::overview(&f("/"), &of)),
        ("pipeline", console::pipeline(&f("/pipeline"), &of, None)),
        (
            "pipeline from",
            console::pipeline(&f("/pipeline"), &of, Some("b c")),
        ),
        (
            "pipeline from nowhere",
            console::pipeline(&f("/pipeline"), &of, Some(HOSTILE)),
        ),
        ("tables", console::tables(&f("/tables"), &of)),
        (
            "table",
            console::table(&f("/tables/c"), &table_page(), Some(3), preview),
        ),
        (
            "runs",
            console::runs(
                &f("/runs"),
                &RunList {
                    runs: vec![run()],
                    runs_more: 3,
                    attention: every_attention(),
                },
            ),
        ),
        ("run", console::run(&f("/runs/x"), &run_detail())),
        (
            "privacy",
            console::privacy(&f("/privacy"), &privacy_page(), Some(&singling_out())),
        ),
        (
            "person",
            console::person(&f("/privacy/person"), &person_page()),
        ),
        (
            "quarantine",
            console::quarantine(&f("/quarantine"), &quarantine_page()),
        ),
        ("sql", console::sql(&f("/sql"), &sql_page())),
        ("query done", console::query(&f("/queries/1"), &query)),
        (
            "query failed",
            console::query(&f("/queries/1"), &query_page(QueryState::Failed)),
        ),
        (
            "query running",
            console::query(&f("/queries/1"), &query_page(QueryState::Running)),
        ),
        ("sign in", console::sign_in(&f("/sign-in"), &form)),
        ("failure", console::failure(&f("/x"), &failed)),
        ("empty overview", console::overview(&f("/"), &none)),
        (
            "empty pipeline",
            console::pipeline(&f("/pipeline"), &none, None),
        ),
        ("empty tables", console::tables(&f("/tables"), &none)),
        (
            "empty runs",
            console::runs(&f("/runs"), &RunList::default()),
        ),
        (
            "empty privacy",
            console::privacy(&f("/privacy"), &PrivacyPage::default(), None),
        ),
        (
            "empty person",
            console::person(&f("/privacy/person"), &PersonPage::default()),
        ),
        (
            "empty quarantine",
            console::quarantine(&f("/quarantine"), &QuarantinePage::default()),
        ),
        ("empty sql", console::sql(&f("/sql"), &SqlPage::default())),
        (
            "empty sign in",
            console::sign_in(&f("/sign-in"), &SignIn::default()),
        ),
    ]
}

/// The tags of a page, without what stands between them.
fn tags(page: &str) -> Vec<&str> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        let end = start
            + rest[start..]
                .find('>')
                .unwrap_or_else(|| panic!("an open tag: {}", &rest[start..]));
        tags.push(&rest[start..=end]);
        rest = &rest[end + 1..];
    }
    tags
}

/// Names and values of a tag's attributes; a value is always in double quotes.
fn attributes(tag: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = tag.trim_start_matches('<').trim_end_matches(['>', '/']);
    rest = rest.split_once(' ').map_or("", |(_, rest)| rest);
    while !rest.trim().is_empty() {
        let rest_of = rest.trim_start();
        let end = rest_of.find(['=', ' ']).unwrap_or(rest_of.len());
        let (name, after) = rest_of.split_at(end);
        match after.strip_prefix("=\"") {
            Some(value) => {
                let (value, after) = value.split_once('"').unwrap();
                found.push((name, value));
                rest = after;
            }
            None => {
                found.push((name, ""));
                rest = after;
            }
        }
    }
    found
}

const VOID: [&str; 5] = ["meta", "link", "input", "!DOCTYPE", "br"];

#[test]
fn views_hold_no_styles_no_scripts_and_lead_nowhere_else() {
    for (view, page) in views(frame) {
        assert!(
            page.starts_with("<!DOCTYPE html><html lang=\"en\">"),
            "{view}"
        );
        assert!(!page.contains('\u{202e}'), "{view}");
        let mut open = Vec::new();
        for tag in tags(&page) {
            let name = tag.trim_start_matches(['<', '/']);
            let name = name.split([' ', '>']).next().unwrap();
            assert!(
                !["script", "style", "iframe", "object", "base"].contains(&name),
                "{view}: {tag}"
            );
            match tag.starts_with("</") {
                true => assert_eq!(open.pop(), Some(name), "{view}: {tag}"),
                false if VOID.contains(&name) => {}
                false => open.push(name),
            }
            for (attribute, value) in attributes(tag) {
                assert!(
                    !attribute.starts_with("on") && attribute != "style",
                    "{view}: {tag}"
                );
                if ["href", "src", "action", "formaction"].contains(&attribute) {
                    let is_own = value.starts_with('/') && !value.starts_with("//");
                    assert!(is_own || value.starts_with('#'), "{view}: {tag}");
                    assert!(value.chars().all(|c| c.is_ascii_graphic()), "{view}: {tag}");
                }
            }
        }
        assert_eq!(open, Vec::<&str>::new(), "{view}");
    }
}

#[test]
fn views_can_be_read_aloud() {
    for (view, page) in views(frame) {
        let all = tags(&page);
        let count = |name: &str| {
            let all = all.iter();
            all.filter(|tag| tag[1..].split([' ', '>']).next() == Some(name))
                .count()
        };
        assert_eq!(
            (count("h1"), count("main"), count("title") > 0),
            (1, 1, true),
            "{view}"
        );
        assert_eq!(
            count("table"),
            count("caption"),
            "{view}: each table has a caption"
        );
        let mut ids: Vec<&str> = Vec::new();
        for tag in &all {
            let attributes = attributes(tag);
            let value = |name: &str| {
                attributes
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, value)| *value)
            };
            if let Some(id) = value("id") {
                assert!(!ids.contains(&id), "{view}: twice {id}");
                ids.push(id);
            }
            if tag.starts_with("<th ") || *tag == "<th>" {
                assert!(value("scope").is_some(), "{view}: {tag}");
            }
        }
        for tag in &all {
            let attributes = attributes(tag);
            let value = |name: &str| {
                attributes
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, value)| *value)
            };
            for name in ["for", "aria-labelledby", "aria-describedby"] {
                for id in value(name).into_iter().flat_map(|ids| ids.split(' ')) {
                    assert!(ids.contains(&id), "{view}: {tag}");
                }
            }
            let is_field = ["<input", "<select", "<textarea"]
                .iter()
                .any(|name| tag.starts_with(name));
            if is_field && value("type") != Some("hidden") {
                let id = value("id").unwrap_or_else(|| panic!("{view}: {tag}"));
                assert!(page.contains(&format!("for=\"{id}\"")), "{view}: {tag}");
            }
            if tag.starts_with("<form") && value("method") == Some("post") {
                let form = &page[page.find(tag).unwrap()..];
                let form = &form[..form.find("</form>").unwrap()];
                assert!(form.contains("name=\"csrf\""), "{view}: {tag}");
            }
        }
    }
}

#[test]
fn the_current_view_is_marked_and_closed_ones_are_not_linked() {
    for (path, current) in [
        ("/", "/"),
        ("/tables/customer_trusted", "/tables"),
        ("/tablesx", ""),
        ("/queries/1", "/sql"),
        ("/runs/abc", "/runs"),
    ] {
        let page = console::overview(&frame(path), &Overview::default());
        let marked = page.split("aria-current=\"page\"").count() - 1;
        let link = format!("href=\"{current}\" aria-current=\"page\"");
        assert_eq!(marked, usize::from(!current.is_empty()), "{path}");
        assert_eq!(page.contains(&link), !current.is_empty(), "{path}");
    }
    let closed = |path| Frame {
        nav: Nav {
            overview: true,
            ..Nav::default()
        },
        ..frame(path)
    };
    for (view, page) in views(closed) {
        let own = view.contains("sql") || view.contains("query");
        for path in ["/sql", "/quarantine", "/privacy/person"] {
            let is_linked = page.contains(&format!("href=\"{path}"));
            let is_its_own = own && path == "/sql" || view.contains("quarantine");
            assert!(!is_linked || is_its_own, "{view} leads to {path}");
        }
    }
}

#[test]
fn an_open_query_asks_again_and_a_script_would_do_that_itself() {
    let refresh = "<meta http-equiv=\"refresh\" content=\"1\">";
    for (state, expected) in [
        (QueryState::Waiting, true),
        (QueryState::Running, true),
        (QueryState::Done, false),
        (QueryState::Failed, false),
        (QueryState::Cancelled, false),
    ] {
        let page = console::query(&frame("/queries/1"), &query_page(state));
        assert_eq!(page.contains(refresh), expected, "{state:?}");
        assert!(!page.contains("<noscript>"), "{state:?}");
    }
    let enhanced = Frame {
        enhanced: true,
        ..frame("/queries/1")
    };
    let page = console::query(&enhanced, &query_page(QueryState::Running));
    assert!(page.contains(&format!("<noscript>{refresh}</noscript>")));
    assert!(page.contains("<script src=\"/static/app.js\" defer></script>"));
}

#[test]
fn two_hundred_tables_stay_readable() {
    let name = |number: usize| format!("t{number:03}");
    let tables: Vec<TableFigures> = (0..200)
        .map(|number| {
            let zone = match number {
                0..50 => Zone::Landing,
                50..120 => Zone::Trusted,
                _ => Zone::Curated,
            };
            table(zone, &name(number))
        })
        .collect();
    let mut edges: Vec<Edge> = (50..200).map(|to| edge(&name(to / 2), &name(to))).collect();
    edges.extend((60..200).map(|to| edge(&name(60 - 1), &name(to))));
    let overview = Overview {
        tables,
        edges,
        ..overview()
    };
    for (from, shown) in [
        (None, "t059"),
        (Some("t199"), "t199"),
        (Some("t003"), "t003"),
        (Some("nope"), "t059"),
    ] {
        let page = console::pipeline(&frame("/pipeline"), &overview, from);
        let boxes = page.matches("class=\"box\"").count();
        assert!((1..=40).contains(&boxes), "{from:?}: {boxes}");
        assert!(
            page.contains(&format!("<option value=\"{shown}\" selected>")),
            "{from:?}"
        );
    }
    let page = console::pipeline(&frame("/pipeline"), &overview, None);
    assert!(page.contains("more after it"), "what is hidden is said");
    for page in [
        console::tables(&frame("/tables"), &overview),
        console::overview(&frame("/"), &overview),
    ] {
        assert!((0..200).all(|number| page.contains(&name(number))));
    }
}

#[test]
fn rows_are_asked_for_in_statements_that_are_texts() {
    let page = console::tables(&frame("/tables"), &overview());
    // The quotes of a name are doubled, and the whole is a part of an address.
    assert!(
        page.contains("/sql?sql=select%20%2A%20from%20trusted.%22b%20c%22%20limit%20100"),
        "{page}"
    );
    assert!(page.contains("landing.%22%3Cscript%3E"), "{page}");
    assert!(page.contains("%22%22%20onclick"), "{page}");
}

#[test]
fn the_stylesheet_loads_nothing() {
    let style = console::style();
    for forbidden in ["url(", "@import", "expression("] {
        assert!(!style.contains(forbidden), "{forbidden}");
    }
    assert_eq!(style.matches('{').count(), style.matches('}').count());
}

#[test]
fn views_are_written_to_be_looked_at() {
    let Some(dir) = std::env::var_os("STEDI_TEST_PAGES") else {
        return;
    };
    let dir = std::path::Path::new(&dir).join("hostile");
    std::fs::create_dir_all(dir.join("static")).unwrap();
    std::fs::write(dir.join("static/stedi.css"), console::style()).unwrap();
    for (view, page) in views(frame) {
        let page = page.replace("href=\"/static/", "href=\"static/");
        std::fs::write(dir.join(format!("{}.html", view.replace(' ', "_"))), page).unwrap();
    }
}
