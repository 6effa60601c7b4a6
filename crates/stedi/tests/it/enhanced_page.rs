//! The script of the page is served where it was built, and is nowhere else spoken of.

use crate::places::SMALL;
use crate::served::Served;

#[test]
fn the_script_is_served_where_it_was_built() {
    let served = Served::of(&SMALL.dir, "");
    let is_built = served.get("/static/app.js", None).status == 200;
    if !is_built {
        eprintln!("the page has no script: `just web` builds it");
    }
    let page = served.get("/sql", None).text();
    for (told, expected) in [
        ("<script src=\"/static/app.js\" defer></script>", is_built),
        ("href=\"/static/app.css\"", is_built),
        ("<body data-csrf", is_built),
        ("for shortcuts", is_built),
        ("<script>", false),
        ("<style", false),
    ] {
        assert_eq!(page.contains(told), expected, "{told}");
    }
    for (file, kind) in [
        ("app.js", "text/javascript"),
        ("sql.js", "text/javascript"),
        ("app.css", "text/css"),
        ("licenses.txt", "text/plain"),
    ] {
        let path = format!("GET /static/{file}");
        let whole = served.ask(&path, &[], "");
        if !is_built {
            assert_eq!(whole.status, 404, "{file}");
            continue;
        }
        assert_eq!(whole.status, 200, "{file}");
        assert!(!whole.body.is_empty(), "{file}");
        assert!(whole.header("content-type").unwrap().starts_with(kind));
        assert_eq!(whole.header("cache-control"), Some("no-cache"), "{file}");
        let tag = whole.header("etag").unwrap().to_owned();
        for (known, status, is_sent) in [
            (tag.clone(), 304, false),
            (format!("\"other\", {tag}"), 304, false),
            ("\"other\"".to_owned(), 200, true),
        ] {
            let head = format!("If-None-Match: {known}");
            let again = served.ask(&path, &[head], "");
            assert_eq!(again.status, status, "{file} {known}");
            assert_eq!(again.body.is_empty(), !is_sent, "{file} {known}");
        }
    }
}

#[test]
fn functions_are_listed_by_name() {
    let served = Served::of(&SMALL.dir, "");
    let names = served.get("/api/v1/functions", None).json();
    let names = names.as_array().unwrap();
    for name in ["count", "date_add", "regexp_like"] {
        assert!(names.iter().any(|one| one == name), "{name}");
    }
    let asked = served.get("/api/v1/queries", None).json();
    assert_eq!(asked, serde_json::json!([]), "no query of the user's own");
}
