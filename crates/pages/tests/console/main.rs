//! The views of a live lake: what must hold for each of them, whatever the figures are.
//!
//! With `STEDI_TEST_PAGES=DIR` the views are written there, to be looked at.

mod figures;

use evidence::{
    Current, Edge, OperationState, Overview, PrivacyPage, QuarantinePage, RunList, TableFigures,
    Zone,
};
use pages::console::{
    self, Failure, Frame, Nav, PersonPage, QueryState, ResultRows, SignIn, SqlPage,
};

use figures::{
    HOSTILE, current, edge, every_attention, failed_plots, frame, of_another_process, overview,
    person_page, privacy_page, quarantine_page, query_page, run, run_detail, singling_out,
    sql_page, table, table_page, table_plots,
};

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
            "plots",
            console::plots(&f("/tables/c/plots"), &table_plots()),
        ),
        (
            "failed plots",
            console::plots(&f("/tables/c/plots"), &failed_plots()),
        ),
        (
            "plots of nothing",
            console::plots(
                &f("/tables/c/plots"),
                &evidence::TablePlots {
                    rows: 0,
                    ..table_plots()
                },
            ),
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
                &current(OperationState::Failed),
            ),
        ),
        (
            "run going",
            console::operation(&f("/runs/current"), &current(OperationState::Running), true),
        ),
        (
            "run failed",
            console::operation(&f("/runs/current"), &current(OperationState::Failed), false),
        ),
        (
            "run of another process",
            console::operation(&f("/runs/current"), &of_another_process(), false),
        ),
        (
            "plan",
            console::plan(
                &f("/runs/plan"),
                current(OperationState::Done).operation.as_ref(),
                &current(OperationState::Done),
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
            console::runs(&f("/runs"), &RunList::default(), &Current::default()),
        ),
        (
            "no current run",
            console::operation(&f("/runs/current"), &Current::default(), false),
        ),
        (
            "no plan",
            console::plan(&f("/runs/plan"), None, &Current::default()),
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
fn what_goes_on_is_followed_until_it_is_over() {
    let refresh = "<meta http-equiv=\"refresh\" content=\"1\">";
    for (of, is_followed) in [
        (current(OperationState::Running), true),
        (of_another_process(), true),
        (current(OperationState::Done), false),
        (current(OperationState::Failed), false),
        (current(OperationState::Cancelled), false),
        (Current::default(), false),
    ] {
        let plain = console::operation(&frame("/runs/current"), &of, false);
        assert_eq!(plain.contains(refresh), is_followed, "{of:?}");
        assert!(!plain.contains("data-live"), "{of:?}");
        // Nobody starts what cannot begin.
        assert_eq!(plain.contains("Start a run"), !is_followed, "{of:?}");
        let enhanced = Frame {
            enhanced: true,
            ..frame("/runs/current")
        };
        let page = console::operation(&enhanced, &of, false);
        let noscript = format!("<noscript>{refresh}</noscript>");
        assert_eq!(page.contains(&noscript), is_followed, "{of:?}");
        assert_eq!(page.contains("data-live=\"1\""), is_followed, "{of:?}");
    }
    let looking = Frame {
        nav: Nav {
            operating: false,
            ..Nav::ALL
        },
        ..frame("/runs/current")
    };
    for state in [OperationState::Running, OperationState::Failed] {
        let page = console::operation(&looking, &current(state), false);
        assert!(!page.contains("action=\"/runs"), "{page}");
    }
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
