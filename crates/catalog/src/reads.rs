//! What a SELECT shows without being planned: that it is one SELECT, which tables
//! it reads, and whether it lists its output columns. `model` and the project's
//! reader use it.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Ident, ObjectName, Query, Select, SelectItem, SetExpr, Spanned, Statement, TableFactor,
    TableVersion, Visit, Visitor,
};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token};

use crate::dialect::SqlDialect;
use crate::errors::{Error, ErrorKind};
use crate::limits::{self, Excess};
use crate::statements::{first_word, is_hidden_column};
use crate::suggest::nearest;
use crate::syntax::SyntaxFault;
use crate::text::Spot;

/// A SELECT, parsed.
#[derive(Debug)]
pub(crate) struct ParsedSelect {
    /// The tables it reads, in order of appearance, each time they appear.
    pub(crate) tables: Vec<TableRead>,
    /// The places of `*` in its output columns.
    pub(crate) stars: Vec<Spot>,
}

/// A table that SQL names; not a CTE, and not a table function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableRead {
    /// The parts of the name as written.
    pub(crate) parts: Vec<String>,
    /// Its place in the file.
    pub(crate) spot: Spot,
}

/// Parses one SELECT that begins at `start` in `file`.
pub(crate) fn parse_select(file: &str, sql: &str, start: Spot) -> Result<ParsedSelect, Vec<Error>> {
    let query = parse_query(sql).map_err(|(spot, kind)| {
        let spot = match spot {
            Some((line, column)) => start.offset_by(line, column),
            None => start.after(sql, sql.trim_end().len()),
        };
        vec![Error::at(file, spot, kind)]
    })?;

    let mut walk = Walk::default();
    let _ = query.visit(&mut walk);
    let place = |at: Location| start.offset_by(at.line, at.column);
    if !walk.faults.is_empty() {
        let faults = walk.faults.into_iter();
        return Err(faults
            .map(|(at, kind)| Error::at(file, place(at), kind))
            .collect());
    }

    let mut stars = Vec::new();
    find_stars(&query.body, &mut stars);
    let tables = walk.tables.into_iter().map(|(parts, at)| TableRead {
        parts,
        spot: place(at),
    });
    Ok(ParsedSelect {
        tables: tables.collect(),
        stars: stars.into_iter().map(place).collect(),
    })
}

/// Parses a condition on the columns of one row that begins at `start` in `file`.
pub(crate) fn parse_condition(file: &str, sql: &str, start: Spot) -> Result<(), Error> {
    let too_large = |excess: Excess| Error::at(file, start, ErrorKind::TooLarge(excess));
    limits::check_tokens(sql).map_err(too_large)?;
    let parsed = Parser::new(&SqlDialect)
        .try_with_sql(sql)
        .and_then(|mut parser| {
            let condition = parser.parse_expr()?;
            match parser.peek_token_ref().token {
                Token::EOF => Ok(condition),
                _ => parser.expected("end of the condition", parser.peek_token()),
            }
        });
    let condition = parsed.map_err(|error| {
        let fault = SyntaxFault::explain(sql, error);
        let spot = match fault.place {
            Some((line, column)) => start.offset_by(line, column),
            None => start.after(sql, sql.trim_end().len()),
        };
        let kind = ErrorKind::SqlSyntax {
            reason: fault.reason,
            near: fault.near.map(str::to_owned),
        };
        Error::at(file, spot, kind)
    })?;
    limits::check_statement(&condition).map_err(too_large)?;
    match condition.visit(&mut OneRow) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break((at, found)) => {
            let kind = ErrorKind::BeyondTheRow { found };
            Err(Error::at(file, start.offset_by(at.line, at.column), kind))
        }
    }
}

/// The query in `sql`, or what is wrong and at which line and column (`None`: at
/// the end).
fn parse_query(sql: &str) -> Result<Query, (Option<(u64, u64)>, ErrorKind)> {
    let word = first_word(sql);
    let begins_select = ["select", "with", ""]
        .iter()
        .any(|first| first.eq_ignore_ascii_case(word));
    let not_a_select = || {
        let found = word.to_uppercase();
        (Some((1, 1)), ErrorKind::NotASelect { found })
    };
    let too_large = |excess: Excess| (Some((1, 1)), ErrorKind::TooLarge(excess));
    limits::check_tokens(sql).map_err(too_large)?;
    let parsed = Parser::parse_sql(&SqlDialect, sql);
    if let Ok(statements) = &parsed {
        limits::check_statement(statements).map_err(too_large)?;
    }
    match parsed {
        Ok(mut statements) => match statements.pop() {
            Some(Statement::Query(query)) => Ok(*query),
            Some(_) => Err(not_a_select()),
            None => Err((Some((1, 1)), ErrorKind::NoSelect)),
        },
        Err(error) => {
            let near = match begins_select {
                true => None,
                false => nearest(word, ["select", "with"].into_iter()),
            };
            if !begins_select && near.is_none() {
                return Err(not_a_select());
            }
            let fault = SyntaxFault::explain(sql, error);
            let near = near.or(fault.near).map(str::to_owned);
            let reason = fault.reason;
            Err((fault.place, ErrorKind::SqlSyntax { reason, near }))
        }
    }
}

/// The `*`s in the output columns of a query and of the branches of a UNION.
fn find_stars(body: &SetExpr, stars: &mut Vec<Location>) {
    match body {
        SetExpr::Select(select) => {
            for item in &select.projection {
                if let SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) =
                    item
                {
                    stars.push(options.wildcard_token.0.span.start);
                }
            }
        }
        SetExpr::Query(query) => find_stars(&query.body, stars),
        SetExpr::SetOperation { left, right, .. } => {
            find_stars(left, stars);
            find_stars(right, stars);
        }
        _ => {}
    }
}

/// Visits a condition and stops at anything that reads other rows. Aggregates are
/// left to the planner, which knows the functions.
struct OneRow;

impl Visitor for OneRow {
    type Break = (Location, &'static str);

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        ControlFlow::Break((query.span().start, "a SELECT"))
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        match expr {
            Expr::Function(call) if call.over.is_some() => {
                ControlFlow::Break((expr.span().start, "a window"))
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Visits a query and knows which CTEs are in scope.
#[derive(Default)]
struct Walk {
    scopes: Vec<Scope>,
    tables: Vec<(Vec<String>, Location)>,
    faults: Vec<(Location, ErrorKind)>,
}

/// The CTEs of one query.
#[derive(Default)]
struct Scope {
    /// CTE names that can be read at this point.
    visible: Vec<String>,
    /// CTEs that are not visible yet: the address of the query, and the name. A CTE
    /// is visible to what follows it, and to itself only in WITH RECURSIVE:
    /// `with t as (select a from t) ...` reads the table `t`.
    ahead: Vec<(usize, String)>,
    recursive: bool,
}

impl Walk {
    fn cte_name(&self, query: &Query) -> Option<(String, bool)> {
        let scope = self.scopes.last()?;
        let address = std::ptr::from_ref(query).addr();
        let (_, name) = scope.ahead.iter().find(|(ahead, _)| *ahead == address)?;
        Some((name.clone(), scope.recursive))
    }

    fn show(&mut self, name: String) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.visible.push(name);
        }
    }

    fn in_scope(&self, name: &Ident) -> bool {
        let name = normalized(name);
        self.scopes
            .iter()
            .any(|scope| scope.visible.contains(&name))
    }

    fn refuse(&mut self, at: Location, found: &str) {
        let found = found.to_owned();
        self.faults.push((at, ErrorKind::NotASelect { found }));
    }

    fn refuse_all_but_selects(&mut self, query: &Query, body: &SetExpr) {
        match body {
            SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => {}
            SetExpr::SetOperation { left, right, .. } => {
                self.refuse_all_but_selects(query, left);
                self.refuse_all_but_selects(query, right);
            }
            SetExpr::Insert(_) => self.refuse(query.span().start, "INSERT"),
            SetExpr::Update(_) => self.refuse(query.span().start, "UPDATE"),
            SetExpr::Delete(_) => self.refuse(query.span().start, "DELETE"),
            SetExpr::Merge(_) => self.refuse(query.span().start, "MERGE"),
            SetExpr::Table(_) => self.refuse(query.span().start, "TABLE"),
        }
    }

    fn table(&mut self, name: &ObjectName, version: Option<&TableVersion>) {
        let idents: Vec<&Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        let Some(first) = idents.first() else { return };
        let at = first.span.start;
        // The parser accepts a string as a name here, to open files by name.
        if idents.iter().any(|ident| ident.quote_style == Some('\'')) {
            let reason = "expected a table's name, found a string".to_owned();
            self.faults
                .push((at, ErrorKind::SqlSyntax { reason, near: None }));
            return;
        }
        if let Some(version) = version {
            let clause = match version {
                TableVersion::ForSystemTimeAsOf(_) => "FOR SYSTEM_TIME AS OF",
                TableVersion::TimestampAsOf(_) => "TIMESTAMP AS OF",
                TableVersion::VersionAsOf(_) => "VERSION AS OF",
                _ => "AT",
            };
            self.faults.push((at, ErrorKind::TimeTravel { clause }));
        }
        if idents.len() == 1 && self.in_scope(first) {
            return;
        }
        let parts = idents.iter().map(|ident| ident.value.to_string()).collect();
        self.tables.push((parts, at));
    }
}

impl Visitor for Walk {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let Some((name, true)) = self.cte_name(query) {
            self.show(name);
        }
        let mut scope = Scope::default();
        if let Some(with) = &query.with {
            scope.recursive = with.recursive;
            scope.ahead = with
                .cte_tables
                .iter()
                .map(|cte| {
                    let address = std::ptr::from_ref::<Query>(&cte.query).addr();
                    (address, normalized(&cte.alias.name))
                })
                .collect();
        }
        self.scopes.push(scope);
        self.refuse_all_but_selects(query, &query.body);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.scopes.pop();
        if let Some((name, false)) = self.cte_name(query) {
            self.show(name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let name = match expr {
            Expr::Identifier(name) => Some(name),
            Expr::CompoundIdentifier(parts) => parts.last(),
            _ => None,
        };
        if let Some(name) = name.filter(|name| is_hidden_column(&name.value)) {
            let kind = ErrorKind::HiddenColumn {
                name: name.value.clone(),
            };
            self.faults.push((name.span.start, kind));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        if select.into.is_some() {
            self.refuse(select.select_token.0.span.start, "SELECT INTO");
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        // With arguments it is a table function, such as generate_series(1, 3).
        if let TableFactor::Table {
            name,
            args: None,
            version,
            ..
        } = factor
        {
            self.table(name, version.as_ref());
        }
        ControlFlow::Continue(())
    }
}

/// A name as the engine compares it: unquoted ones in lower case.
fn normalized(name: &Ident) -> String {
    match name.quote_style {
        None => name.value.to_lowercase(),
        Some(_) => name.value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_ctes_are_not() {
        let check = |sql: &str, expected: &str| {
            let start = Spot {
                line: 10,
                column: 3,
            };
            let found = match parse_select("f.sql", sql, start) {
                Ok(parsed) => {
                    let tables = parsed.tables.iter().map(|read| {
                        let spot = read.spot;
                        format!("{}@{}:{}", read.parts.join("."), spot.line, spot.column)
                    });
                    tables.collect::<Vec<_>>().join(" ")
                }
                Err(errors) => format!("{}", errors[0]),
            };
            assert_eq!(found, expected, "{sql}");
        };
        check("select 1", "");
        check("select a from t", "t@10:17");
        check(
            "select a\nfrom Trusted.T, `u` as x\n join \"V\" on true",
            "Trusted.T@11:6 u@11:17 V@12:7",
        );
        check("select a from t, t", "t@10:17 t@10:20");
        check("with t as (select a from u) select a from t", "u@10:28");
        check("with t as (select a from t) select a from t", "t@10:28");
        check("with T as (select a from u) select a from t", "u@10:28");
        check(
            "with t as (select a from u) select a from trusted.t",
            "u@10:28 trusted.t@10:45",
        );
        check(
            "with a as (select x from t), b as (select x from a) select x from b",
            "t@10:28",
        );
        check(
            "with b as (select x from a), a as (select x from t) select x from b",
            "a@10:28 t@10:52",
        );
        check(
            "with recursive r as (select 1 n union all select n + 1 from r) select n from r, s",
            "s@10:83",
        );
        check(
            "select x from (with t as (select 1 x) select x from t) s, t",
            "t@10:61",
        );
        check(
            "with t as (select 1 x) select x from (select x from t) s",
            "",
        );
        check(
            "select x from a where exists (select 1 from b where x in (select y from c))",
            "a@10:17 b@10:47 c@10:75",
        );
        check("select (select max(x) from b) from a", "b@10:30 a@10:38");
        check(
            "select x from a union select x from b except (select x from c)",
            "a@10:17 b@10:39 c@10:63",
        );
        check(
            "select x from (a join b on true) order by (select 1 from c)",
            "a@10:18 b@10:25 c@10:60",
        );
        check(
            "select x from generate_series(1, (select max(x) from a)) g",
            "a@10:56",
        );
        check("select x from unnest([1]) u(x)", "");
        check(
            "select x from a, lateral (select 1 from b where b.x = a.x) s",
            "a@10:17 b@10:43",
        );
        check("select x from a.b.c", "a.b.c@10:17");
        check(
            "select case when x in (select 1 from b) then 1 end from a group by x having count(*) > (select 1 from c)",
            "b@10:40 a@10:59 c@10:105",
        );

        check(
            "insert into t select 1",
            "f.sql:10:3: `INSERT` is not a SELECT\nhint: a model is one SELECT, which may begin with WITH; the run writes its rows",
        );
        check(
            "create table t (a int)",
            "f.sql:10:3: `CREATE` is not a SELECT\nhint: a model is one SELECT, which may begin with WITH; the run writes its rows",
        );
        check(
            "grant what ever",
            "f.sql:10:3: `GRANT` is not a SELECT\nhint: a model is one SELECT, which may begin with WITH; the run writes its rows",
        );
        check(
            "selct a from t",
            "f.sql:10:3: SQL: expected an SQL statement, found selct\nhint: did you mean `select`?",
        );
        check(
            "select a form t where",
            "f.sql:10:17: SQL: expected end of statement, found t\nhint: did you mean `from`?",
        );
        check(
            "select é\nfrom t\n whre a = 1",
            "f.sql:12:7: SQL: expected end of statement, found a\nhint: did you mean `where`?",
        );
        check(
            "select a from t gruop by a",
            "f.sql:10:25: SQL: expected end of statement, found by\nhint: did you mean `group`?",
        );
        check(
            "select a from t\nwhere b ==",
            "f.sql:11:11: SQL: expected an expression, found the end",
        );
        check(
            "select a from 'ann@example.org'",
            "f.sql:10:3: SQL: expected a table's name, found a string",
        );
        check(
            "select a from t where b = c 'ann@example.org'",
            "f.sql:10:31: SQL: expected end of statement, found a string",
        );
        check("select 'a", "f.sql:10:10: SQL: Unterminated string literal");
        check(
            "select a into b from t",
            "f.sql:10:3: `SELECT INTO` is not a SELECT\nhint: a model is one SELECT, which may begin with WITH; the run writes its rows",
        );
        check(
            "select a from t version as of 3",
            "f.sql:10:17: a model cannot read an old version of a table: `VERSION AS OF`\nhint: a repeated run must give the same rows; read old versions with `stedi sql`",
        );
    }

    #[test]
    fn unlisted_output_columns_are_found() {
        let check = |sql: &str, expected: &[(u32, u32)]| {
            let parsed = parse_select("f.sql", sql, Spot::START).unwrap();
            let found: Vec<_> = parsed.stars.iter().map(|s| (s.line, s.column)).collect();
            assert_eq!(found, expected, "{sql}");
        };
        check("select * from t", &[(1, 8)]);
        check("select a,\n t.* from t", &[(2, 4)]);
        check("select a from t union all (select *\n from u)", &[(1, 35)]);
        check("with x as (select 1 a) select * from x", &[(1, 31)]);
        check("with x as (select * from t) select a from x", &[]);
        check("select count(*), (select count(*) from u) from t", &[]);
        check("select a from t where exists (select * from u)", &[]);
    }
}
