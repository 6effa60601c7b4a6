//! The SQL of this project: DataFusion's, with `user` and `timestamp` as
//! ordinary column names. Models, checks and the shell are all parsed with it.

use std::any::TypeId;

use sqlparser::ast::Expr;
use sqlparser::dialect::{Dialect, GenericDialect};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Word};

/// The dialect to parse SQL with, in models and in the shell.
///
/// It replaces the parser's generic dialect, DataFusion's default, and takes on
/// its identity, so that syntax which the parser accepts for that dialect alone
/// (`unnest(...)` in FROM, `E'...'` strings, arrays) is accepted too. The
/// differences:
///
/// - `user` is a column, never the current user;
/// - `timestamp "t"` is the column `timestamp` with the alias `t`, not a
///   timestamp literal (`timestamp '2020-01-01'` still is one);
/// - `t version as of 3`, `t timestamp as of '...'` and
///   `t for system_time as of '...'` are accepted. DataFusion's planner ignores
///   them silently, so that callers must resolve them before planning;
/// - constructs that readers of other SQL may misread are refused: FROM before
///   SELECT, trailing commas, `LIMIT 1, 2`, pipes, and clauses of ClickHouse and
///   Snowflake.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct SqlDialect;

impl Dialect for SqlDialect {
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_' || ch == '$'
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"' || ch == '`'
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        let Token::Word(Word {
            quote_style: None,
            keyword,
            ..
        }) = parser.peek_token_ref().token
        else {
            return None;
        };
        let is_column = match keyword {
            Keyword::USER => true,
            Keyword::TIMESTAMP | Keyword::DATE | Keyword::TIME => matches!(
                parser.peek_nth_token_ref(1).token,
                Token::Word(Word {
                    quote_style: Some(_),
                    ..
                })
            ),
            _ => false,
        };
        is_column.then(|| parser.parse_identifier().map(Expr::Identifier))
    }

    fn supports_string_escape_constant(&self) -> bool {
        true
    }

    fn supports_unicode_string_literal(&self) -> bool {
        true
    }

    fn supports_lambda_functions(&self) -> bool {
        true
    }

    fn supports_nested_comments(&self) -> bool {
        true
    }

    fn supports_table_versioning(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }

    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_group_by_with_modifier(&self) -> bool {
        true
    }

    fn supports_order_by_all(&self) -> bool {
        true
    }

    fn supports_dictionary_syntax(&self) -> bool {
        true
    }

    fn support_map_literal_syntax(&self) -> bool {
        true
    }

    fn supports_array_typedef_with_brackets(&self) -> bool {
        true
    }

    fn supports_left_associative_joins_without_parens(&self) -> bool {
        true
    }

    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }

    fn supports_values_as_table_factor(&self) -> bool {
        true
    }

    fn supports_select_wildcard_except(&self) -> bool {
        true
    }

    fn supports_select_wildcard_exclude(&self) -> bool {
        true
    }

    fn supports_select_wildcard_replace(&self) -> bool {
        true
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn supports_comma_separated_trim(&self) -> bool {
        true
    }

    fn supports_explain_with_utility_options(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    fn supports_extract_comma_syntax(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlparser::ast::{Statement, Visit, Visitor};
    use std::ops::ControlFlow;

    fn parse(sql: &str) -> Result<Vec<Statement>, ParserError> {
        Parser::parse_sql(&SqlDialect, sql)
    }

    /// What stands for a column, a function or a typed literal in the SQL.
    fn parts(sql: &str) -> String {
        struct Parts(Vec<String>);
        impl Visitor for Parts {
            type Break = ();
            fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
                match expr {
                    Expr::Identifier(name) => self.0.push(name.value.to_string()),
                    Expr::CompoundIdentifier(names) => self.0.push(
                        names
                            .iter()
                            .map(|n| n.value.as_str())
                            .collect::<Vec<_>>()
                            .join("."),
                    ),
                    Expr::Function(function) => self.0.push(format!("{}()", function.name)),
                    Expr::TypedString(literal) => self.0.push(literal.to_string()),
                    _ => {}
                }
                ControlFlow::Continue(())
            }
        }
        let mut parts = Parts(Vec::new());
        let statements = parse(sql).unwrap_or_else(|error| panic!("{sql}\n{error}"));
        let _ = statements.visit(&mut parts);
        parts.0.join(" ")
    }

    #[test]
    fn user_and_timestamp_are_columns() {
        let check = |sql: &str, expected: &str| assert_eq!(parts(sql), expected, "{sql}");
        check(
            "select user, timestamp from t where timestamp > 5 order by timestamp",
            "user timestamp timestamp timestamp",
        );
        check("select USER, Timestamp from t", "USER Timestamp");
        check("select a.user, a.timestamp from t a", "a.user a.timestamp");
        check("select \"user\", `timestamp` from t", "user timestamp");
        check("select count(1) from t group by user", "count() user");
        check("select user u, timestamp ts from t", "user timestamp");
        check(
            "select user \"u\", timestamp \"ts\", timestamp `b` from t",
            "user timestamp timestamp",
        );
        check(
            "select user as user, x as timestamp, y timestamp, y user from t",
            "user x y y",
        );
        check("select count(distinct user) from t", "count() user");
        check("select lower(trim(user)) from t", "lower() user");
        check(
            "select timestamp '2020-01-01 00:00:00'",
            "TIMESTAMP '2020-01-01 00:00:00'",
        );
        check(
            "select timestamp with time zone '2020-01-01'",
            "TIMESTAMP WITH TIME ZONE '2020-01-01'",
        );
        check(
            "select date '2020-01-01', date from t",
            "DATE '2020-01-01' date",
        );
        check(
            "select cast(x as timestamp), x::timestamp, timestamp::bigint, user::text from t",
            "x x timestamp user",
        );
        check("select timestamp from t", "timestamp");
        check(
            "select min(timestamp), max(user) from t",
            "min() timestamp max() user",
        );
        check(
            "select timestamp - 1, -timestamp, timestamp / 1000.0, timestamp % 2 from t",
            "timestamp timestamp timestamp timestamp",
        );
        check(
            "select 1 from t where timestamp between 1 and 2",
            "timestamp",
        );
        check(
            "select case when user is null then timestamp end from t",
            "user timestamp",
        );
        check(
            "select case user when 'a' then timestamp else user end from t",
            "user timestamp user",
        );
        check(
            "select 1 from t where not user = 'a' and user in ('a') and user like 'a%'",
            "user user user",
        );
        check("select user || '@' || user from t", "user user");
        check(
            "select coalesce(user, timestamp) from t",
            "coalesce() user timestamp",
        );
        check(
            "select 1 from t where user is not null or timestamp is null",
            "user timestamp",
        );
        check(
            "select row_number() over (partition by user order by timestamp desc) from t",
            "row_number() user timestamp",
        );
        check(
            "select sum(x) over w from t window w as (partition by user)",
            "sum() x user",
        );
        check(
            "select 1 from a join b on a.user = b.user and timestamp = b.timestamp",
            "a.user b.user timestamp b.timestamp",
        );
        check("select 1 from a join b using (user, timestamp)", ""); // names, no expressions
        check("select user.x from user", "user.x");
        check(
            "with v(user, timestamp) as (select 1, 2) select user from v",
            "user",
        );
        check("select 1 from (values (1, 2)) as v(user, timestamp)", "");
        check(
            "select count(1) filter (where user = 'a') from t",
            "count() user",
        );
        check(
            "select distinct user, timestamp from t group by user, timestamp having min(timestamp) > 1",
            "user timestamp user timestamp min() timestamp",
        );
        check(
            "select exists (select 1 from t where user = a.user) from a",
            "user a.user",
        );
        check(
            "select extract(year from timestamp), to_timestamp_millis(timestamp) from t",
            "timestamp to_timestamp_millis() timestamp",
        );
        check(
            "select user from t union all select user from u order by user limit 1 offset 2",
            "user user user",
        );
        check(
            "select current_timestamp, current_user from t",
            "current_timestamp() current_user()",
        );
    }

    #[test]
    fn what_the_engine_takes_parses() {
        let check = |sql: &str, expected: bool| {
            let parsed = parse(sql);
            assert_eq!(parsed.is_ok(), expected, "{sql}: {parsed:?}");
        };
        check("select E'a\\'b', 'it''s', x'0a'", true);
        check(
            "select [1, 2], make_array(1)[1], {'a': 1}, map {'a': 1}",
            true,
        );
        check("select * from unnest([1, 2]) as u(x)", true);
        check("select * from generate_series(1, 3)", true);
        check("select a, b from t group by grouping sets ((a), (b))", true);
        check("select a from t group by rollup (a), all_of_it", true);
        check(
            "select first_value(x) ignore nulls over (order by y) from t",
            true,
        );
        check("select array_agg(x order by y) from t", true);
        check("select * exclude (a) from t", true);
        check(
            "select a from t where b ilike 'x' and c similar to 'y' and d ~ 'z'",
            true,
        );
        check(
            "select a from t left join lateral (select 1) s on true",
            true,
        );
        check("select a from t left semi join u on t.a = u.a", true);
        check(
            "select a from t qualify row_number() over (order by a) = 1",
            true,
        );
        check("select distinct on (a) a, b from t", true);
        check("select interval '1 day', now() - interval '5' minute", true);
        check(
            "select extract(epoch from x), date_part('day', x), trim(both ' ' from a), substring(a from 1 for 2), position('a' in b) from t",
            true,
        );
        check(
            "with recursive r as (select 1 as n union all select n + 1 from r where n < 5) select n from r",
            true,
        );
        check("select a /* one /* two */ */ from t -- three", true);
        check("select $1, ?", true);
        check("explain analyze select 1", true);
        check("explain (analyze, verbose) select 1", true);
        check("describe t", true);
        check("show tables", true);
        check(
            "select a from t version as of 3 as u join v timestamp as of '2020-01-01' on true",
            true,
        );
        check("select a from t for system_time as of '2020-01-01' u", true);
        check("select a, from t", false);
        check("from t", false);
        check("from t select a", false);
        check("select a from t limit 1, 2", false);
        check("select a from t |> where a > 1", false);
        check("select from t", false);
        check("select 'a", false);
    }
}
