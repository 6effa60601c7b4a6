//! Whole projects: what is built from what, and what is wrong with them.

use std::path::Path;
use std::str::FromStr;

use catalog::{ErrorKind, Project, ReadBy, SourceFile, Table, TableName, Zone};

/// Files as (path, text); a `landing` file and a model are written short.
fn parse(files: &[(&str, &str)]) -> Result<Project, String> {
    let files = files.iter().map(|(path, text)| SourceFile {
        path: format!("p/{path}"),
        text: full(path, text),
    });
    Project::parse(files.collect()).map_err(|errors| errors.to_string().replace("p/", ""))
}

/// `""` in landing is a table of one column; elsewhere a text that does not
/// begin with a comment gets a contract, on the line before.
fn full(path: &str, text: &str) -> String {
    let stem = path.rsplit('/').next().unwrap().trim_end_matches(".sql");
    match (path.starts_with("landing/"), text) {
        (true, "") => {
            format!("create external table {stem} (a int) stored as jsonfile location '{stem}'")
        }
        (false, sql) if sql.starts_with("select") || sql.starts_with("with") => {
            format!("/* grain = 'One row.' */\n{sql}")
        }
        _ => text.to_owned(),
    }
}

fn order(project: &Project) -> String {
    let models = project.models().iter().map(|model| model.name.as_str());
    models.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_order_comes_from_what_each_select_reads() {
    let check = |files: &[(&str, &str)], expected: &str| match parse(files) {
        Ok(project) => assert_eq!(order(&project), expected, "{files:?}"),
        Err(errors) => panic!("{files:?}\n{errors}"),
    };
    check(&[], "");
    check(&[("landing/l.sql", "")], "");
    // A trusted table may read a curated one; that does not make a cycle.
    check(
        &[
            ("landing/l.sql", ""),
            (
                "trusted/step_trainer_trusted.sql",
                "select a from l join customer_curated using (a)",
            ),
            ("trusted/customer_trusted.sql", "select a from l"),
            (
                "curated/machine_learning_curated.sql",
                "select a from step_trainer_trusted",
            ),
            (
                "curated/customer_curated.sql",
                "select a from trusted.customer_trusted",
            ),
        ],
        "customer_trusted customer_curated step_trainer_trusted machine_learning_curated",
    );
    // Free to choose: by zone, then by name.
    check(
        &[
            ("curated/a.sql", "select 1 a"),
            ("curated/c.sql", "select 1 a"),
            ("trusted/d.sql", "select 1 a"),
            ("trusted/b.sql", "select 1 a"),
        ],
        "b d a c",
    );
    // What a check reads is built first too.
    check(
        &[
            (
                "trusted/a.sql",
                "/*\ngrain = 'g'\n[checks.references]\na = 'curated.z.a'\n*/ select 1 a",
            ),
            ("curated/z.sql", "select 1 a"),
        ],
        "z a",
    );
    check(
        &[
            (
                "trusted/a.sql",
                "/*\ngrain = 'g'\n[[checks.sql]]\nname = 'n'\nviolations = 'select * from a, z'\n*/ select 1 a",
            ),
            ("curated/z.sql", "select 1 a"),
        ],
        "z a",
    );
    // By another name, and a name that a CTE takes is no read.
    check(
        &[
            ("trusted/a.sql", "select a from other"),
            (
                "trusted/b.sql",
                "/*\ngrain = 'g'\nalso = ['other']\n*/ select 1 a",
            ),
            ("trusted/c.sql", "with z as (select 1 a) select a from z"),
            ("trusted/z.sql", "select a from c"),
        ],
        "b a c z",
    );
}

#[test]
fn what_a_model_reads_and_where() {
    let project = parse(&[
        ("landing/l.sql", ""),
        ("trusted/t.sql", "/*\ngrain = 'g'\nalso = ['tt']\n*/\nselect a from l"),
        (
            "curated/c.sql",
            "\u{feff}\n/* grain = 'g'\n[[checks.sql]]\nname = 'n'\nviolations = 'select 1 from C join l on true' */ with x as (\n\
             select a from TT, system.Device_Owner)\nselect x.a\nfrom x join trusted.t on true -- done;\n;\n",
        ),
    ])
    .unwrap();
    let model = &project.models()[1];
    assert_eq!((model.name.as_str(), model.zone), ("c", Zone::Curated));
    assert_eq!((model.sql_line, model.sql_column), (5, 50));
    assert!(model.sql.starts_with("with x") && model.sql.ends_with("-- done;"));
    assert_eq!(model.locate(1, 6), (5, 55));
    assert_eq!(model.locate(3, 8), (7, 8));
    let reads: Vec<_> = model
        .reads()
        .iter()
        .map(|r| (r.table.as_str(), r.zone, r.by, r.line, r.column))
        .collect();
    assert_eq!(
        reads,
        [
            ("t", Some(Zone::Trusted), ReadBy::Select, 6, 15),
            ("system.device_owner", None, ReadBy::Select, 6, 19),
            ("l", Some(Zone::Landing), ReadBy::Check, 5, 36),
        ]
    );
}

#[test]
fn tables_are_found_by_any_of_their_names() {
    let project = parse(&[
        ("landing/l.sql", ""),
        (
            "trusted/t.sql",
            "/*\ngrain = 'g'\nalso = ['tt']\n*/\nselect a from l",
        ),
        ("curated/c.sql", "select a from t"),
        ("curated/d.sql", "select a from c join l using (a)"),
        ("curated/e.sql", "select a from l"),
    ])
    .unwrap();
    let check = |name: &str, expected: Option<&str>| {
        let found = project
            .find(name)
            .map(|t| format!("{}.{}", t.zone(), t.name()));
        assert_eq!(found.as_deref(), expected, "{name}");
    };
    check("t", Some("trusted.t"));
    check("TT", Some("trusted.t"));
    check("Trusted.T", Some("trusted.t"));
    check("trusted.tt", Some("trusted.t"));
    check("landing.l", Some("landing.l"));
    check("curated.t", None);
    check("other.t", None);
    check("x", None);
    assert!(matches!(project.find("l"), Some(Table::Landing(_))));
    assert_eq!(
        project.names().collect::<Vec<_>>(),
        ["c", "d", "e", "l", "t", "tt"]
    );

    let needed = |names: &str| {
        let names: Vec<_> = names
            .split_whitespace()
            .map(|n| TableName::from_str(n).unwrap())
            .collect();
        let models = project
            .needed_for(&names)
            .into_iter()
            .map(|m| m.name.as_str());
        models.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(needed("c"), "t c");
    assert_eq!(needed("tt"), "t");
    assert_eq!(needed("d e"), "t c d e");
    assert_eq!(needed("l"), "");
    assert_eq!(needed(""), "");
}

#[test]
fn everything_wrong_is_said_at_once_with_its_place() {
    let check = |files: &[(&str, &str)], expected: &str| {
        let found = parse(files).map(|project| order(&project));
        assert_eq!(found.expect_err("an error is due"), expected, "{files:?}");
    };
    check(
        &[
            ("landing/customer_landing.sql", ""),
            ("trusted/a.sql", "select a\nfrom custommer_landing"),
            (
                "trusted/b.sql",
                "select a from trusted.customer_landing, other.a",
            ),
            ("trusted/c.sql", "select a from c"),
        ],
        "trusted/a.sql:3:6: unknown table `custommer_landing`\n\
         hint: did you mean `customer_landing`?\n\
         trusted/b.sql:2:15: `customer_landing` is a landing table, not a trusted one\n\
         hint: write `landing.customer_landing` or `customer_landing`\n\
         trusted/b.sql:2:41: unknown table `other.a`\n\
         hint: did you mean `a`?\n\
         trusted/c.sql:2:15: `c` reads itself\n\
         hint: a model is built from other tables; read those",
    );
    check(
        &[
            ("trusted/a.sql", "select 1 a from b"),
            ("curated/b.sql", "select 1 a\nfrom c"),
            ("curated/c.sql", "select 1 a from trusted.A"),
            ("curated/x.sql", "select 1 a from y"),
            ("curated/y.sql", "select 1 a from x, a"),
        ],
        "curated/x.sql:2:17: a cycle: x -> y -> x\n\
         hint: each table reads the next, in its SELECT or a check; remove one of these reads\n\
         trusted/a.sql:2:17: a cycle: a -> b -> c -> a\n\
         hint: each table reads the next, in its SELECT or a check; remove one of these reads",
    );
    check(
        &[
            ("landing/t.sql", ""),
            ("trusted/t.sql", "select 1 a"),
            (
                "trusted/u.sql",
                "/*\ngrain = 'g'\nalso = ['t', 'w']\n*/ select 1 a",
            ),
            ("curated/w.sql", "select 1 a"),
        ],
        "curated/w.sql: `w` is already the name of a table: trusted/u.sql\n\
         hint: each table needs a name of its own: rename it, or remove one of the two files\n\
         trusted/t.sql: `t` is already the name of a table: landing/t.sql\n\
         hint: each table needs a name of its own: rename it, or remove one of the two files\n\
         trusted/u.sql:3:1: `t` is already the name of a table: landing/t.sql\n\
         hint: each table needs a name of its own: rename it, or remove one of the two files",
    );
    check(
        &[
            ("landing/Customer.sql", ""),
            ("landing/l.csv", ""),
            (
                "landing/m.sql",
                "create external table n (a int) stored as jsonfile location 'l'",
            ),
            ("landing/n.sql", "-- nothing\n"),
            (
                "landing/o.sql",
                "create external table o (a int) stored as jsonfile location 'l';\n-- and\ninsert into o select 1",
            ),
            ("other/x.sql", "select 1 a"),
            ("x.sql", "select 1 a"),
            ("trusted/README.md", "passed over"),
            ("trusted/a.slt", "passed over"),
        ],
        "landing/l.csv: unexpected file in a project\n\
         hint: a project holds landing/, trusted/ and curated/ with a .sql file per table, and published.toml (.slt and README files are ignored)\n\
         landing/n.sql:1:1: no CREATE EXTERNAL TABLE statement\n\
         hint: a landing file holds one CREATE EXTERNAL TABLE statement in Athena's syntax\n\
         landing/o.sql:3:1: `INSERT` in a landing file\n\
         hint: take it out: a landing file holds CREATE EXTERNAL TABLE statements; DROP, CREATE DATABASE, USE, MSCK, SHOW, DESCRIBE and SELECT are passed over\n\
         other/x.sql: unexpected file in a project\n\
         hint: a project holds landing/, trusted/ and curated/ with a .sql file per table, and published.toml (.slt and README files are ignored)\n\
         x.sql: unexpected file in a project\n\
         hint: a project holds landing/, trusted/ and curated/ with a .sql file per table, and published.toml (.slt and README files are ignored)",
    );
}

#[test]
fn a_model_is_a_contract_and_one_select() {
    let check = |text: &str, expected: &str| {
        let found = parse(&[("landing/l.sql", ""), ("trusted/t.sql", text)]);
        let found = found.expect_err(text).replace("trusted/t.sql:", "");
        assert_eq!(found, expected, "{text}");
    };
    let no_contract = "no contract: the file must open with `/* ... */`\n\
                       hint: open the file with a contract, at least `/* grain = \"One row per ...\" */`";
    check(
        "",
        &format!(
            "1:1: {no_contract}\n1:1: no SELECT after the contract\nhint: write the SELECT that builds the table"
        ),
    );
    check(
        "\n  create table x (a int)",
        &format!(
            "2:3: {no_contract}\n2:3: `CREATE` is not a SELECT\nhint: a model is one SELECT, which may begin with WITH; the run writes its rows"
        ),
    );
    check(
        "-- words\n/* grain = 'g' */ select a from l",
        &format!("1:1: {no_contract}"),
    );
    check(
        "\n/* grain = 'g'\nselect a from l",
        "2:1: the contract's comment is never closed\n\
         hint: end it with `*/`; a `/*` inside it needs a `*/` of its own",
    );
    check(
        "/* grain = 'g' */ -- none\n",
        "1:26: no SELECT after the contract\nhint: write the SELECT that builds the table",
    );
    check(
        "/* grain = 'g' */\nselect a from l;\n-- and\nselect a from l",
        "4:1: a second statement: a model is one SELECT\nhint: put each table into its own file",
    );
    check(
        "/* grain = 'g' */\ninsert into t select a from l",
        "2:1: `INSERT` is not a SELECT\nhint: a model is one SELECT, which may begin with WITH; the run writes its rows",
    );
    check(
        "/* grain = 'g' */\nselect a,\n  b c d\nfrom l",
        "3:7: SQL: expected end of statement, found d",
    );
    // A broken contract and a broken SELECT are both said.
    check(
        "/* grain = 3 */\nselect a form l where a",
        "1:12: `grain` must be a sentence: what one row is\n\
         2:15: SQL: expected end of statement, found l\n\
         hint: did you mean `from`?",
    );
    // A table with a broken file is known all the same; so is every name while
    // other names may be missing.
    let found = parse(&[
        (
            "landing/l.sql",
            "create external table l (a blob) location 'l'",
        ),
        ("trusted/t.sql", "select a from l, u, other_name_of_u"),
        ("trusted/u.sql", "/* not toml */ select 1 a"),
    ]);
    let files: Vec<_> = found
        .unwrap_err()
        .lines()
        .filter(|l| !l.starts_with("hint"))
        .map(|l| l.split(':').next().unwrap().to_owned())
        .collect();
    assert!(!files.contains(&"trusted/t.sql".to_owned()), "{files:?}");
}

#[test]
fn published_counts_name_the_projects_tables() {
    let files = |published: &'static str| {
        [
            ("landing/l.sql", ""),
            (
                "trusted/t.sql",
                "/*\ngrain = 'g'\nalso = ['tt']\n*/\nselect a from l",
            ),
            ("published.toml", published),
        ]
    };
    let project = parse(&files("[rows]\nl = 3\ntt = 2\n")).unwrap();
    let published = project.published().unwrap();
    assert_eq!(published.iter().collect::<Vec<_>>(), [("l", 3), ("t", 2)]);
    assert_eq!((published.get("t"), published.get("x")), (Some(2), None));
    assert_eq!(
        parse(&files("[rows]\nl = 3\nll = 2\n")).unwrap_err(),
        "published.toml:3:1: unknown table `ll`\nhint: did you mean `l`?"
    );
    assert_eq!(
        parse(&files("[rows]\nt = 3\ntt = 2\n")).unwrap_err(),
        "published.toml:3:1: duplicate count for `t`\nhint: keep one"
    );
    let mine = project.expectations("mine.toml", "[rows]\nT = 7").unwrap();
    assert_eq!(mine.iter().collect::<Vec<_>>(), [("t", 7)]);
    assert!(project.expectations("mine.toml", "[rows]\nx = 7").is_err());
    assert!(
        parse(&[("landing/l.sql", "")])
            .unwrap()
            .published()
            .is_none()
    );
}

#[test]
fn a_project_is_read_from_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("lakehouse");
    let put = |path: &str, text: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let kinds = |root: &Path| -> Vec<String> {
        match Project::read(root) {
            Ok(project) => vec![order(&project)],
            Err(errors) => errors
                .iter()
                .map(|e| {
                    let file = e.file.rsplit('/').next().unwrap();
                    let kind = match e.kind {
                        ErrorKind::NoProject => "no project",
                        ErrorKind::NotAProject => "not a project",
                        ErrorKind::Stray { .. } => "stray",
                        ErrorKind::Unreadable { .. } => "unreadable",
                        ErrorKind::UnknownTable { .. } => "unknown table",
                        _ => "other",
                    };
                    format!("{file}: {kind}")
                })
                .collect(),
        }
    };
    assert_eq!(kinds(&root), ["lakehouse: no project"]);
    put("README.md", "words");
    assert_eq!(kinds(&root), ["lakehouse: not a project"]);
    put("landing/l.sql", &full("landing/l.sql", ""));
    assert_eq!(kinds(&root), [""]);
    put("trusted/t.sql", &full("trusted/t.sql", "select a from l"));
    put("trusted/t.slt", "words");
    put("curated/README", "words");
    put("curated/.t.sql.swp", "words");
    put("published.toml", "[rows]\nt = 1");
    assert_eq!(kinds(&root), ["t"]);
    put("trusted/old/t.sql", "select 1");
    put("trusted/t.sql~", "select 1");
    put("models/t.sql", "select 1");
    put("notes.txt", "words");
    put(
        "curated/u.sql",
        &full("curated/u.sql", "select a from nowhere"),
    );
    std::fs::write(root.join("curated/v.sql"), b"/* \xff */").unwrap();
    assert_eq!(
        kinds(&root),
        [
            "u.sql: unknown table",
            "v.sql: unreadable",
            "models: stray",
            "notes.txt: stray",
            "old: stray",
            "t.sql~: stray",
        ]
    );
}

/// The product itself, as embedded in the program.
#[test]
fn the_lakehouse_of_this_repository_is_sound() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lakehouse");
    let project = Project::read(&root).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(project.published().is_some());
    let step_trainer = project.find("step_trainer_curated").map(Table::name);
    assert_eq!(
        step_trainer.map(TableName::as_str),
        Some("step_trainer_trusted")
    );
    let names: Vec<_> = project.models().iter().map(|m| m.name.as_str()).collect();
    let place = |name: &str| names.iter().position(|n| *n == name);
    assert!(place("customer_curated") < place("step_trainer_trusted"));
}
