//! Whatever statement over the tables the parser takes ends in an answer, or in an error
//! in plain words with a hint: no panic, no hang, no message of the query engine itself.
//!
//! Statements are made by chance, the same ones each time. `STEDI_TEST_STATEMENTS` sets
//! how many, `STEDI_TEST_SEED` where they begin.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use query::{Query, Request, Session};

use crate::dice::Dice;
use crate::{VALUES, answer, idioms};

/// Words of the query engine that no message may have.
const ENGINE: [&str; 16] = [
    "nternal error",
    "ataFusion",
    "Arrow",
    "Utf8",
    "Int64",
    "Int32",
    "Float64",
    "Timestamp(",
    "List(",
    "Some(",
    "Expr::",
    "LogicalPlan",
    "ScalarFunction",
    "chema error",
    "acktrace",
    "This feature is not implemented",
];

const TABLES: [(&str, &[&str]); 3] = [
    (
        "customer_landing",
        &[
            "email",
            "customername",
            "birthday",
            "registrationdate",
            "sharewithresearchasofdate",
        ],
    ),
    (
        "accelerometer_landing",
        &["user", "timestamp", "x", "y", "z"],
    ),
    (
        "step_trainer_landing",
        &["sensorreadingtime", "serialnumber", "distancefromobject"],
    ),
];

const TYPES: [&str; 16] = [
    "bigint",
    "integer",
    "double",
    "varchar",
    "varchar(2)",
    "boolean",
    "date",
    "timestamp",
    "decimal(5, 2)",
    "varbinary",
    "time",
    "real",
    "char(3)",
    "json",
    "array<bigint>",
    "row(a bigint, b varchar)",
];

const OPERATORS: [&str; 24] = [
    "+",
    "-",
    "*",
    "/",
    "%",
    "||",
    "=",
    "<>",
    "<",
    ">",
    "<=",
    ">=",
    "and",
    "or",
    "like",
    "is distinct from",
    "&",
    "|",
    "^",
    "<<",
    "~",
    "->",
    "@>",
    "is not distinct from",
];

/// What other engines have, or what is easily got wrong.
const ODD: [&str; 44] = [
    "select * from customer_landing tablesample bernoulli (10)",
    "select * from customer_landing tablesample system (10)",
    "select * from customer_landing for update",
    "select top 3 * from customer_landing",
    "select * from accelerometer_landing pivot (sum(x) for user in ('a', 'b'))",
    "select * from accelerometer_landing match_recognize (pattern (a) define a as x > 0)",
    "select * from customer_landing connect by prior email = email",
    "select distinct on (email) email, phone from customer_landing",
    "select * exclude (email) from customer_landing",
    "select * replace (1 as email) from customer_landing",
    "select email from customer_landing qualify row_number() over (order by email) = 1",
    "select * from generate_series(1, 3)",
    "select * from range(1, 3)",
    "select * from read_csv('/etc/passwd')",
    "select * from table(sequence(1, 3))",
    "select * from unnest(sequence(1, 3)) with ordinality",
    "select * from unnest(1)",
    "select * from unnest(array[1], 2)",
    "select * from unnest(array[1]) as t (a, b, c)",
    "select * from customer_landing c, lateral (select c.email) l",
    "select * from customer_landing, unnest(split(email, '@')) as t (p) where p = email",
    "select * from customer_landing full join unnest(array[1]) as t (a) on true",
    "select a.* from customer_landing natural join accelerometer_landing a",
    "with recursive r (n) as (select 1 union all select n + 1 from r) select n from r limit 3",
    "values (1, 'a'), (2, null)",
    "values (1), ('a')",
    "select 1 limit all",
    "select * from customer_landing limit -1",
    "select * from customer_landing limit 'a'",
    "select * from customer_landing offset null",
    "select * from customer_landing order by 99",
    "select count(*) from customer_landing group by 99",
    "select sum(x) from accelerometer_landing group by grouping sets ((user), (y), ())",
    "select user, sum(x) from accelerometer_landing group by cube (user, y)",
    "select grouping(user) from accelerometer_landing group by rollup (user)",
    "select sum(sum(x)) from accelerometer_landing",
    "select sum(x) over (order by sum(x) over ()) from accelerometer_landing",
    "select x from accelerometer_landing where sum(x) > 1",
    "select percentile_cont(0.5) within group (order by x) from accelerometer_landing",
    "select {'a': 1}, [1, 2], map {'b': 2}",
    "select ?",
    "select $1",
    "select @a",
    "select (select 1, 2)",
];

const STATEMENTS: [&str; 40] = [
    "show tables",
    "show databases",
    "show functions like 'a%'",
    "show views",
    "show columns in accelerometer_landing",
    "show create table accelerometer_landing",
    "show create view v",
    "show tblproperties accelerometer_landing",
    "show partitions accelerometer_landing",
    "show variables",
    "show a b c",
    "describe customer_landing",
    "describe v",
    "describe nowhere",
    "use stedi",
    "use nowhere",
    "create or replace view v as select user, x from accelerometer_landing",
    "create view v as select * from v",
    "create or replace view w (a) as select email from customer_landing",
    "create or replace view u as select * from v join w on user = a",
    "drop view if exists v",
    "drop view nowhere",
    "prepare p from select * from accelerometer_landing where x > ? and user = ?",
    "execute p using 0, 'ann@example.com'",
    "execute p using 0",
    "execute nothing",
    "deallocate prepare p",
    "select * from v",
    "select * from w where a like 'a%'",
    "select count(*) from u a join u b on a.user = b.user",
    "explain select * from v",
    "explain analyze select count(*) from accelerometer_landing",
    "insert into v values (1)",
    "delete from customer_landing",
    "create table t as select 1",
    "unload (select 1) to 's3://a/b' with (format = 'PARQUET')",
    "msck repair table customer_landing",
    "alter table customer_landing add columns (a int)",
    "grant select on customer_landing to a",
    "set a = 1",
];

struct Maker<'d> {
    dice: &'d mut Dice,
    functions: &'d [String],
}

impl Maker<'_> {
    fn pick<'s>(&mut self, of: &[&'s str]) -> &'s str {
        of[self.dice.throw(of.len())]
    }

    fn function(&mut self) -> String {
        self.functions[self.dice.throw(self.functions.len())].clone()
    }

    fn list(&mut self, columns: &[&str], depth: usize, most: usize) -> String {
        let count = self.dice.throw(most + 1);
        let values: Vec<String> = (0..count).map(|_| self.expr(columns, depth)).collect();
        values.join(", ")
    }

    fn expr(&mut self, columns: &[&str], depth: usize) -> String {
        if depth == 0 {
            return match self.dice.throw(2) {
                0 if !columns.is_empty() => self.pick(columns).to_owned(),
                _ => self.pick(&VALUES).to_owned(),
            };
        }
        let depth = depth - 1;
        match self.dice.throw(26) {
            0..=3 => {
                let name = self.function();
                format!("{name}({})", self.list(columns, depth, 3))
            }
            4..=6 => {
                let operator = self.pick(&OPERATORS);
                let left = self.expr(columns, depth);
                format!("({left} {operator} {})", self.expr(columns, depth))
            }
            7 => {
                let of = self.pick(&TYPES);
                let cast = self.pick(&["cast", "try_cast"]);
                format!("{cast}({} as {of})", self.expr(columns, depth))
            }
            8 => format!("try({})", self.expr(columns, depth)),
            9 => {
                let when = self.expr(columns, depth);
                let then = self.expr(columns, depth);
                format!(
                    "case when {when} then {then} else {} end",
                    self.expr(columns, depth)
                )
            }
            10 => {
                let name = self.pick(&[
                    "transform",
                    "filter",
                    "any_match",
                    "all_match",
                    "none_match",
                ]);
                let list = self.expr(columns, depth);
                let mut inner = columns.to_vec();
                inner.push("e");
                format!("{name}({list}, e -> {})", self.expr(&inner, depth))
            }
            11 => {
                let name = self.pick(&[
                    "map_filter",
                    "transform_values",
                    "transform_keys",
                    "zip_with",
                ]);
                let first = self.expr(columns, depth);
                let second = match name {
                    "zip_with" => format!(", {}", self.expr(columns, depth)),
                    _ => String::new(),
                };
                let mut inner = columns.to_vec();
                inner.extend(["k", "e"]);
                format!(
                    "{name}({first}{second}, (k, e) -> {})",
                    self.expr(&inner, depth)
                )
            }
            12 => {
                let list = self.expr(columns, depth);
                let start = self.expr(columns, depth);
                let step = self.expr(&["s", "e"], depth);
                format!(
                    "reduce({list}, {start}, (s, e) -> {step}, s -> {})",
                    self.expr(&["s"], depth)
                )
            }
            13 => format!("array[{}]", self.list(columns, depth, 3)),
            14 => {
                let of = self.expr(columns, depth);
                format!("({of})[{}]", self.expr(columns, depth))
            }
            15 => format!("row({})", self.list(columns, depth, 2)),
            16 => {
                let value = self.expr(columns, depth);
                format!("{value} in ({}, 1)", self.expr(columns, depth))
            }
            17 => {
                let value = self.expr(columns, depth);
                let low = self.expr(columns, depth);
                format!("{value} between {low} and {}", self.expr(columns, depth))
            }
            18 => {
                let field = self.pick(&["year", "dow", "hour", "epoch", "week", "nonsense"]);
                format!("extract({field} from {})", self.expr(columns, depth))
            }
            19 => {
                let zone = self.pick(&["'UTC'", "'America/New_York'", "'Nowhere'"]);
                format!("({} at time zone {zone})", self.expr(columns, depth))
            }
            20 => {
                let unit = self.pick(&["day", "month", "hour", "year", "week"]);
                let sign = self.pick(&["+", "-"]);
                format!("({} {sign} interval '3' {unit})", self.expr(columns, depth))
            }
            21 => {
                let name = self.function();
                let args = self.list(columns, depth, 2);
                let order = self.expr(columns, 0);
                let nulls = self.pick(&["", " ignore nulls", " respect nulls"]);
                let frame = self.pick(&[
                    "",
                    " rows between 1 preceding and current row",
                    " range unbounded preceding",
                ]);
                format!("{name}({args}){nulls} over (partition by {order} order by {order}{frame})")
            }
            22 => {
                let name = self.function();
                let args = self.list(columns, depth, 2);
                let clause = self.pick(&[
                    "filter (where true)",
                    "filter (where 1)",
                    "within group (order by 1)",
                ]);
                format!("{name}({args}) {clause}")
            }
            23 => {
                let name = self.function();
                let order = self.expr(columns, 0);
                format!(
                    "{name}(distinct {} order by {order})",
                    self.expr(columns, depth)
                )
            }
            24 => format!("({})", self.query(depth.min(1))),
            _ => {
                let word = self.pick(&["exists ", "1 in ", "not exists ", "1 = any "]);
                format!("{word}({})", self.query(depth.min(1)))
            }
        }
    }

    fn query(&mut self, depth: usize) -> String {
        let (table, columns) = TABLES[self.dice.throw(TABLES.len())];
        let mut columns = columns.to_vec();
        let mut from = table.to_owned();
        match self.dice.throw(8) {
            0 => {
                let (other, more) = TABLES[self.dice.throw(TABLES.len())];
                let kind = self.pick(&["join", "left join", "full join", "right join"]);
                from = format!("{table} a {kind} {other} b on {}", self.expr(&[], depth));
                columns = vec!["a", "b"];
                let _ = more;
            }
            1 => {
                let list = self.expr(&columns, depth);
                from = format!("{table} cross join unnest({list}) as n (e)");
                columns.push("e");
            }
            2 => {
                from = format!("({}) s", self.query(depth.saturating_sub(1)));
            }
            3 => from = "(values (1, 'a'), (2, null)) as s (n, t)".to_owned(),
            _ => {}
        }
        let distinct = self.pick(&["", "", "", "distinct "]);
        let selected = match self.dice.throw(6) {
            0 => "*".to_owned(),
            _ => {
                let more = self.list(&columns, depth, 2);
                let first = self.expr(&columns, depth);
                if more.is_empty() {
                    first
                } else {
                    format!("{first}, {more}")
                }
            }
        };
        let mut sql = format!("select {distinct}{selected} from {from}");
        if self.dice.throw(3) == 0 {
            sql = format!("{sql} where {}", self.expr(&columns, depth));
        }
        if self.dice.throw(4) == 0 {
            let group = match self.dice.throw(4) {
                0 => "1".to_owned(),
                1 => format!("rollup ({})", self.expr(&columns, 0)),
                _ => self.expr(&columns, depth),
            };
            sql = format!("{sql} group by {group}");
            if self.dice.throw(3) == 0 {
                sql = format!("{sql} having {}", self.expr(&columns, depth));
            }
        }
        if self.dice.throw(4) == 0 {
            let order = self.pick(&["", " desc", " nulls first"]);
            sql = format!(
                "{sql} order by {}{order}",
                self.expr(&columns, depth.min(1))
            );
        }
        if self.dice.throw(5) == 0 {
            sql = format!("{sql} limit {}", self.pick(&["0", "1", "10", "null"]));
        }
        sql
    }

    fn statement(&mut self) -> String {
        match self.dice.throw(20) {
            0 => self.pick(&ODD).to_owned(),
            1 | 2 => self.pick(&STATEMENTS).to_owned(),
            3 => format!("explain {}", self.query(2)),
            4 => {
                let kind = self.pick(&["union", "union all", "intersect", "except", "except all"]);
                format!("{} {kind} {}", self.query(1), self.query(1))
            }
            5 => format!("with q as ({}) select * from q", self.query(2)),
            6 => format!("create or replace view v as {}", self.query(1)),
            7..=9 => format!("select {}", self.expr(&[], 1)),
            10 => format!("select {}", self.expr(&[], 2)),
            11 => format!("select {}", self.expr(&[], 3)),
            12..=17 => self.query(1),
            _ => self.query(2),
        }
    }
}

/// What is wrong with the end of a statement; `None` if it is an answer, or an error that
/// a user can read.
async fn fault(session: &Session, sql: &str) -> Option<String> {
    let unreadable = |text: &str| {
        let word = ENGINE.iter().find(|word| text.contains(**word));
        word.is_some() || text.contains('\n') || text.trim().is_empty()
    };
    let sql = match session.request(sql) {
        Ok(Request::Query(sql)) => sql,
        Ok(Request::Done(_)) => return None,
        Err(error) => {
            let text = error.to_string();
            return unreadable(&text).then_some(text);
        }
    };
    let query = match session.query(&sql).await {
        Ok(query) => query,
        Err(error) => {
            let text = error.to_string();
            let is_parsing = text.starts_with("SQL: ");
            let has_hint = error.advice().is_some()
                || is_parsing
                || matches!(
                    error,
                    query::Error::NoTable { .. } | query::Error::Writes(_)
                );
            return match (unreadable(&text), has_hint) {
                (true, _) => Some(text),
                (false, false) => Some(format!("no hint: {text}")),
                _ => None,
            };
        }
    };
    let mut stream = match query.stream() {
        Ok(stream) => stream,
        Err(error) => {
            let text = error.to_string();
            return unreadable(&text).then_some(text);
        }
    };
    // Enough to see it run; a join of everything may go on.
    for _ in 0..100 {
        match stream.try_next().await {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(error) => {
                let text = Query::failed(error).to_string();
                return unreadable(&text).then_some(text);
            }
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_ends_in_an_answer_or_an_error() {
    let number = |name: &str, otherwise: usize| {
        std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
    };
    let landing = tempfile::tempdir().unwrap();
    let session = Arc::new(idioms::session(landing.path()));
    let names = answer(&session, "show functions").await.unwrap();
    let functions: Vec<String> = names
        .lines()
        .filter_map(|line| Some(line.split_once('|')?.0.to_owned()))
        .collect();
    let mut dice = Dice::new(number("STEDI_TEST_SEED", 11) as u64);
    let mut faults = Vec::new();
    for _ in 0..number("STEDI_TEST_STATEMENTS", 1_500) {
        let mut maker = Maker {
            dice: &mut dice,
            functions: &functions,
        };
        let sql = maker.statement();
        let (asked, own) = (sql.clone(), Arc::clone(&session));
        let task = tokio::spawn(async move { fault(&own, &asked).await });
        let found = match tokio::time::timeout(Duration::from_secs(20), task).await {
            Err(_) => Some("takes longer than 20 seconds".to_owned()),
            Ok(Err(_)) => Some("panicked".to_owned()),
            Ok(Ok(found)) => found,
        };
        faults.extend(found.map(|found| format!("{sql}\n    {found}")));
    }
    faults.sort();
    faults.dedup();
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
}
