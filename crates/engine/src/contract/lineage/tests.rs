//! Lineage of single SELECTs and of projects.
//!
//! `person` has the personal columns `email`, `name`, `born` and `adult`;
//! `reading` has `user`.

use std::sync::Arc;

use arrow::datatypes::DataType;
use catalog::{Project, SourceFile};
use datafusion::logical_expr::{LogicalPlanBuilder, Volatility, col, create_udf};

use super::trace::trace;
use super::{Flow, Influence};
use crate::Error;
use crate::Provenance;
use crate::contract::planning as models;
use query::Session;
use query::Setup;

const PERSON: &str = "create external table person (
    email string, name string, born bigint, adult boolean, city string, since bigint)
    stored as jsonfile location 'person'
    tblproperties ('stedi.personal' = 'email,name,born,adult')";
const READING: &str = "create external table reading (user string, at bigint, x double)
    stored as jsonfile location 'reading' tblproperties ('stedi.personal' = 'user')";

/// A project of two landing tables and the models given, by path.
fn setup(models: &[(&str, &str)]) -> Setup {
    let landing = [
        ("landing/person.sql", PERSON),
        ("landing/reading.sql", READING),
    ];
    let files = landing.iter().chain(models).map(|(path, text)| SourceFile {
        path: (*path).to_owned(),
        text: (*text).to_owned(),
    });
    let project = Project::parse(files.collect()).unwrap_or_else(|errors| panic!("{errors}"));
    Setup::nowhere(project)
}

/// `user` for a direct origin, `~user` for a masked one, `?user` for an indirect one.
fn shown(flow: &Flow) -> String {
    let sign = |influence| match influence {
        Influence::Direct => "",
        Influence::Masked => "~",
        Influence::Indirect => "?",
    };
    flow.iter()
        .map(|(origin, step)| format!("{}{}", sign(step.influence), origin.column))
        .collect::<Vec<_>>()
        .join(" ")
}

#[tokio::test]
async fn origins_of_columns() {
    let setup = setup(&[]);
    let session = Session::open(&setup).unwrap();
    let mut wrong = Vec::new();
    // A statement, its columns, and what decides about its rows.
    for (sql, columns, rows) in [
        // Columns as they are, in any order and under any name.
        ("select user, x, 1 as one from reading", "user, x, ", ""),
        ("select * from reading", "user, at, x", ""),
        ("select r.* from reading r", "user, at, x", ""),
        ("select x as user, user as x from reading", "x, user", ""),
        ("select b, a from reading as r(a, b, c)", "at, user", ""),
        // Functions that output their input.
        (
            "select concat('a', user, cast(x as varchar)) from reading",
            "user x",
            "",
        ),
        (
            "select user || '-' || cast(at as varchar) from reading",
            "at user",
            "",
        ),
        ("select substr(user, 2, 3) from reading", "user", ""),
        (
            "select lower(trim(user)), subject(user) from reading",
            "user, user",
            "",
        ),
        (
            "select cast(born as string), try_cast(name as bigint), city::double from person",
            "born, name, city",
            "",
        ),
        (
            "select born + since, -born, born % 100 from person",
            "born since, born, born",
            "",
        ),
        (
            "select length(name), ascii(name), to_hex(md5(to_utf8(name))) from person",
            "name, name, name",
            "",
        ),
        (
            "select coalesce(name, city), nullif(name, email) from person",
            "city name, ?email name",
            "",
        ),
        (
            "select named_struct('n', name)['n'], make_array(city, name)[1] from person",
            "name, city name",
            "",
        ),
        (
            "select encode(name, 'base64') like 'a%', array_to_string(make_array(name), '') from person",
            "~name, name",
            "",
        ),
        // Conditions only decide; values of a CASE are output.
        (
            "select case when name = 'a' then city else 'b' end from person",
            "city ?name",
            "",
        ),
        (
            "select case when city = 'a' then name end from person",
            "?city name",
            "",
        ),
        (
            "select case name when 'a' then 1 end from person",
            "?name",
            "",
        ),
        (
            "select case city when 'a' then email else name end from person",
            "?city email name",
            "",
        ),
        // Functions that mask their input.
        (
            "select name = email, name is null, name is not null from person",
            "~email ~name, ~name, ~name",
            "",
        ),
        (
            "select name like 'a%', name in ('a', city), born between since and 9 from person",
            "~name, ~city ~name, ~born ~since",
            "",
        ),
        (
            "select starts_with(name, 'a'), name ~ 'a', name is distinct from city from person",
            "~name, ~name, ~city ~name",
            "",
        ),
        (
            "select not (name = 'a'), name = 'a' and city = 'b' from person",
            "~name, ~city ~name",
            "",
        ),
        (
            "select cast(name = 'a' as int) + 1 from person",
            "~name",
            "",
        ),
        // Comparing a Boolean reveals it.
        (
            "select not adult, adult = true, adult is true, adult or false from person",
            "adult, adult, adult, adult",
            "",
        ),
        (
            "select adult is null, adult in (true), adult between false and true from person",
            "~adult, adult, adult",
            "",
        ),
        // Joins of every kind.
        (
            "select p.name, r.x from person p join reading r on p.email = r.user",
            "name, x",
            "?email ?user",
        ),
        (
            "select p.name, r.x from person p left join reading r on p.email = r.user and r.x > 0",
            "name, x",
            "?email ?user ?x",
        ),
        (
            "select name, x from person full join reading on subject(email) = subject(user)",
            "name, x",
            "?email ?user",
        ),
        (
            "select name, x from person, reading where born = at",
            "name, x",
            "?born ?at",
        ),
        (
            "select name from person left semi join reading on email = user",
            "name",
            "?email ?user",
        ),
        (
            "select x from person right anti join reading on email = user",
            "x",
            "?email ?user",
        ),
        (
            "select a.x, b.x from reading a join reading b using (user)",
            "x, x",
            "?user",
        ),
        (
            "select user, a.x from reading a natural join (select user, at from reading) b",
            "user, x",
            "?at ?user",
        ),
        // Groups.
        (
            "select city, count(*), count(name), count(distinct name), max(name) from person group by city",
            "city, , ~name, ~name, name",
            "?city",
        ),
        (
            "select min(born), sum(born), avg(born), array_agg(name), string_agg(name, ',') from person",
            "born, born, born, name, name",
            "",
        ),
        (
            "select first_value(name order by since) from person",
            "name ?since",
            "",
        ),
        (
            "select count(*) filter (where adult) from person",
            "?adult",
            "",
        ),
        (
            "select city from person group by city having max(name) > 'a'",
            "city",
            "?city ?name",
        ),
        (
            "select city, name, count(*) from person group by rollup(city, name)",
            "city, name, ",
            "?city ?name",
        ),
        (
            "select city, grouping(city), count(*) from person group by grouping sets ((city), (name), ())",
            "city, ~city, ",
            "?city ?name",
        ),
        (
            "select bool_or(name = 'a'), bool_and(adult) from person",
            "~name, adult",
            "",
        ),
        (
            "select upper(max(name)) || cast(count(*) as varchar) from person",
            "name",
            "",
        ),
        // Windows.
        (
            "select lead(user) over (order by at), row_number() over (partition by user order by x) from reading",
            "?at user, ?user ?x",
            "",
        ),
        (
            "select count(user) over (partition by at), max(user) over () from reading",
            "?at ~user, user",
            "",
        ),
        (
            "select user from reading qualify row_number() over (partition by user order by at) = 1",
            "user",
            "?at ?user",
        ),
        // Rows.
        ("select x from reading where user <> 'a'", "x", "?user"),
        ("select x from reading order by user limit 3", "x", "?user"),
        ("select distinct city from person", "city", "?city"),
        (
            "select distinct on (city) name from person order by city, since",
            "name",
            "?city ?since",
        ),
        // Sets of rows: by position.
        (
            "select name, city from person union all select user, cast(x as varchar) from reading",
            "name user, city x",
            "",
        ),
        (
            "select city from person union select user from reading",
            "city user",
            "?city ?user",
        ),
        (
            "select city from person union all by name select user as city from reading",
            "city user",
            "",
        ),
        (
            "select city from person intersect select name from person",
            "city",
            "?city ?name",
        ),
        (
            "select city from person except select name from person",
            "city",
            "?city ?name",
        ),
        (
            "select * from (values (1, 'a'), (2, 'b')) v(n, t)",
            ", ",
            "",
        ),
        // Named SELECTs and SELECTs in SELECTs.
        (
            "with p as (select name as who, city from person) select who from p q",
            "name",
            "",
        ),
        (
            "with reading as (select city as user from person) select user from reading",
            "city",
            "",
        ),
        (
            "with a as (select name as v from person), b as (select v as w from a where v > '') select w from b",
            "name",
            "?name",
        ),
        (
            "select d.who from (select *, name as who from person) d",
            "name",
            "",
        ),
        (
            "select (select max(name) from person) as m, x from reading",
            "name, x",
            "",
        ),
        (
            "select (select max(p.name) from person p where p.email = r.user) from reading r",
            "?email name ?user",
            "",
        ),
        (
            "select (select max(p.city || r.user) from person p) from reading r",
            "city user",
            "",
        ),
        (
            "select exists (select 1 from person where email = user) from reading",
            "?email ?user",
            "",
        ),
        (
            "select x from reading where user in (select email from person where adult)",
            "x",
            "?adult ?email ?user",
        ),
        (
            "select user in (select email from person) from reading",
            "~email ~user",
            "",
        ),
        (
            "select r.x, l.n from reading r, lateral (select p.name || r.user as n from person p) l",
            "x, name user",
            "",
        ),
        (
            "select unnest(make_array(name, city)), since from person",
            "city name, since",
            "?city ?name",
        ),
        (
            "select u.v from (select make_array(name) as l from person) p, unnest(p.l) as u(v)",
            "name",
            "?name",
        ),
        (
            "with recursive t as (select name as a, city as b from person union all select b, a from t where a > '') select a, b from t",
            "city name, city name",
            "?city ?name",
        ),
        (
            "with recursive t(n, v) as (select 1, '' union all select n + 1, (select max(user) from reading) from t where n < 9) select v from t",
            "user",
            "",
        ),
        (
            "select city = any (select name from person where since > 0) from reading, person",
            "~city ~name ?since",
            "",
        ),
        (
            "select percentile_cont(0.5) within group (order by born) from person",
            "born",
            "",
        ),
        (
            "select lag(city, 1, name) over (order by since) from person",
            "city name ?since",
            "",
        ),
        (
            "select nth_value(name, 2) over (), ntile(4) over (order by born) from person",
            "name, ?born",
            "",
        ),
        (
            "select * replace (lower(name) as city) from person",
            "email, name, born, adult, name, since",
            "",
        ),
        (
            "select * exclude (email, name, born, adult) from person",
            "city, since",
            "",
        ),
        (
            "select s.* from (select unnest(named_struct('a', name, 'b', city)) from person) s",
            "city name, city name",
            "",
        ),
        // A plan that is not understood may output all its input.
        (
            "explain select name, city from person where since > 0",
            "city name, city name",
            "?city ?name ?since",
        ),
        // Tables of other kinds.
        (
            "select raw, reason from system.quarantine",
            "raw, reason",
            "",
        ),
    ] {
        let plan = session.plan(sql).await;
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => {
                wrong.push(format!("{sql}\n    {error}"));
                continue;
            }
        };
        let (relation, _) = trace(&setup.project, &plan);
        let found: Vec<String> = relation.columns.iter().map(shown).collect();
        let found = (found.join(", "), shown(&relation.rows));
        if found != (columns.to_owned(), rows.to_owned()) {
            wrong.push(format!("{sql}\n    gives {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_pseudonym_is_no_personal_value() {
    let setup = setup(&[]);
    let session = Session::open(&setup).unwrap();
    let plan = session.plan("select user, x from reading").await.unwrap();
    let pseudonym = create_udf(
        "pseudonym",
        vec![DataType::Utf8View],
        DataType::Utf8View,
        Volatility::Immutable,
        Arc::new(|args| Ok(args[0].clone())),
    );
    let plan = LogicalPlanBuilder::from(plan)
        .project([pseudonym.call(vec![col("user")])])
        .and_then(LogicalPlanBuilder::build)
        .unwrap();
    let (relation, _) = trace(&setup.project, &plan);
    assert_eq!(shown(&relation.columns[0]), "~user");
}

/// Plans the SELECT of `m`, whose contract declares nothing.
async fn refusal(select: &str) -> Option<Error> {
    let between =
        "/* grain = 'One.'\npersonal = ['who'] */\nselect subject(user) as who, x from reading";
    let model = format!("/* grain = 'One.' */\n{select}");
    let setup = setup(&[("trusted/between.sql", between), ("curated/m.sql", &model)]);
    let session = Session::open(&setup).unwrap();
    let models: Vec<_> = setup.project.models().iter().collect();
    models::plan(&session, &models).await.err()
}

#[tokio::test]
async fn personal_values_do_not_get_into_undeclared_columns() {
    for (select, path) in [
        ("select user as u from reading", "reading.user"),
        (
            "select concat('Jane Doe', user) as u from reading",
            "reading.user",
        ),
        (
            "select case when x > 0 then user else 'Jane Doe' end as u from reading",
            "reading.user",
        ),
        (
            "select lead(user) over (order by at) as u from reading",
            "reading.user",
        ),
        (
            "select (select max(user) from reading) as u",
            "reading.user",
        ),
        (
            "select array_to_string(array_agg(user), ',') as u from reading",
            "reading.user",
        ),
        (
            "select named_struct('Jane Doe', user)['Jane Doe'] as u from reading",
            "reading.user",
        ),
        ("select born / 2 as u from person", "person.born"),
        (
            "select raw as u from system.quarantine",
            "system.quarantine.raw",
        ),
        (
            "select who as u from between",
            "between.who, from reading.user",
        ),
        (
            "with w as (select upper(who) as v from between) select v as u from w",
            "w.v, from between.who, from reading.user",
        ),
        (
            "with w as (select user as \"Jane Doe\" from reading) select \"Jane Doe\" as u from w",
            "***, from reading.user",
        ),
        (
            "select city as u from person union all select user from reading",
            "reading.user",
        ),
    ] {
        let error = refusal(select).await;
        let error = error.unwrap_or_else(|| panic!("{select} is taken"));
        assert!(error.class() == crate::Class::Settings, "{select}");
        let expected =
            format!("column `u` is not declared personal and takes personal values from {path}");
        let message = error.to_string();
        assert_eq!(message, format!("curated/m.sql:2: {expected}"), "{select}");
        assert!(!message.contains("Jane"), "{message}");
        assert_eq!(
            error.advice().unwrap(),
            "add `u` to `personal` in the contract, or give pseudonym(...) of it instead"
        );
    }
}

#[tokio::test]
async fn what_tells_of_nobody_needs_no_declaration() {
    for select in [
        "select at, x from reading",
        "select count(*) as n, count(distinct user) as people from reading",
        "select user = 'a' as same, user is null as nobody from reading",
        "select x from reading where user > 'a'",
        "select city from person join reading on email = user",
        "select case when user = 'a' then x end as y from reading",
        "select row_number() over (partition by user order by at) as n from reading",
        "select table_name, reason from system.quarantine",
    ] {
        let error = refusal(select).await;
        assert!(error.is_none(), "{select}: {}", error.unwrap());
    }
}

#[tokio::test]
async fn every_undeclared_column_is_named_once_and_the_first_by_its_line() {
    let error = refusal("select x,\n  user,\n  who\nfrom between join reading using (x)").await;
    let error = error.unwrap();
    assert!(
        error
            .to_string()
            .starts_with("curated/m.sql:3: column `user` "),
        "{error}"
    );
    assert!(
        error.advice().unwrap().contains("add `user`, `who` to"),
        "{error}"
    );
}

#[tokio::test]
async fn a_long_chain_is_followed() {
    let sum = vec!["born"; 150].join(" + ");
    let union = vec!["select born from person"; 60].join(" union all ");
    let setup = setup(&[]);
    let session = Session::open(&setup).unwrap();
    for sql in [format!("select {sum} as s from person"), union] {
        let plan = session.plan(&sql).await.unwrap();
        let (relation, _) = trace(&setup.project, &plan);
        assert_eq!(shown(&relation.columns[0]), "born");
    }
}

#[tokio::test]
async fn tables_and_columns_by_name() {
    let model = "/* grain = 'One.'\nalso = ['other']\npersonal = ['who'] */\nselect user as who, x from reading";
    let setup = setup(&[("trusted/model.sql", model)]);
    for (name, expected) in [
        ("model", "trusted table"),
        ("Trusted.MODEL", "trusted table"),
        ("other", "trusted table"),
        ("model.who", "trusted column"),
        ("trusted.other.x", "trusted column"),
        ("reading", "landing table"),
        ("landing.reading.user", "landing column"),
        ("system.quarantine", "system table"),
        ("system.quarantine.raw", "system column"),
        ("modle", "there is no table `modle`; did you mean `model`?"),
        (
            "modle.who",
            "there is no table `modle`; did you mean `model`?",
        ),
        ("trusted.modle", "there is no table `trusted.modle`;"),
        (
            "system.quarantin",
            "there is no table `system.quarantin`; did you mean `system.quarantine`?",
        ),
        (
            "system.quarantine.rav",
            "there is no column `rav` in `quarantine`; did you mean `raw`?",
        ),
        (
            "model.whom",
            "there is no column `whom` in `model`; did you mean `who`?",
        ),
        (
            "reading.nothing",
            "there is no column `nothing` in `reading`; the columns are user, at, x",
        ),
        ("", "there is no table ``;"),
        ("model.", "there is no column by the name in double quotes"),
    ] {
        let found = match crate::lineage(&setup, name).await {
            Ok(Provenance::Table(table)) => format!("{} table", table.zone),
            Ok(Provenance::Column(column)) => format!("{} column", column.zone),
            Err(error) => format!("{error}; {}", error.advice().unwrap_or_default()),
        };
        assert!(found.starts_with(expected), "{name}: {found}");
    }
}
