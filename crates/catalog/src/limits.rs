//! Limits on the size of a statement, for models, checks and the shell.
//!
//! Parser and planner are recursive, and the planner copies a query each time it
//! is named: a statement of a few kilobytes can overflow a stack or take gigabytes
//! before a row is read. A statement is therefore measured twice: its tokens
//! before it is parsed, and its tables, SELECTs and operators, with CTEs expanded,
//! before it is planned.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Query, Select, SetExpr, TableFactor, Visit, Visitor};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::dialect::SqlDialect;

/// Bytes of one statement.
const BYTES_MAX: usize = 2 << 20;

/// Tokens of one statement.
const TOKENS_MAX: usize = 200_000;

/// Nested brackets. The parser's own limit covers most ways to nest, but not all.
const BRACKETS_MAX: usize = 128;

/// Repetitions of one token, as in `explain explain explain`: the parser recurses
/// for each.
const REPEATED_MAX: usize = 128;

/// Nested operators: `a + b + c` is two deep.
const OPERATORS_MAX: usize = 2_000;

/// SELECTs of one `UNION ALL`, `EXCEPT` or `INTERSECT`.
const UNITED_MAX: usize = 1_000;

/// Tables read, with each CTE expanded wherever it is named.
const TABLES_MAX: u64 = 500;

/// SELECTs, with each CTE expanded wherever it is named.
const SELECTS_MAX: u64 = 2_000;

/// Why a statement is too large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excess {
    /// What is wrong, without any text of the statement.
    pub message: String,
    /// What to do.
    pub hint: &'static str,
}

impl Excess {
    fn nested(what: &str, max: usize) -> Self {
        Self {
            message: format!("the statement is nested too deeply: more than {max} {what}"),
            hint: "write a long list of values as IN (...); join a table of values instead of a longer list",
        }
    }
}

/// Checks that a statement is small enough to be parsed.
///
/// # Errors
/// [`Excess`], in tokens. Text that cannot be cut into tokens passes: the parser
/// explains better what is wrong with it.
pub fn check_tokens(sql: &str) -> Result<(), Excess> {
    let too_long = |what: String| Excess {
        message: format!("the statement is too long: more than {what}"),
        hint: "put values into a file and read it with CREATE EXTERNAL TABLE",
    };
    if sql.len() > BYTES_MAX {
        return Err(too_long(format!("{} MiB", BYTES_MAX >> 20)));
    }
    let Ok(tokens) = Tokenizer::new(&SqlDialect, sql).tokenize() else {
        return Ok(());
    };
    let tokens = tokens
        .iter()
        .filter(|token| !matches!(token, Token::Whitespace(_)));
    let (mut count, mut open, mut repeated) = (0, 0_usize, 0);
    let mut last: Option<&Token> = None;
    for token in tokens {
        count += 1;
        repeated = match last {
            // Literals follow each other with commas between, names with dots.
            Some(last) if last == token => repeated + 1,
            _ => 0,
        };
        let begins_type = matches!(
            last,
            Some(Token::Word(word))
                if matches!(word.keyword, Keyword::ARRAY | Keyword::MAP | Keyword::STRUCT)
        );
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => open += 1,
            Token::Lt if begins_type => open += 1,
            Token::RParen | Token::RBracket | Token::RBrace => open = open.saturating_sub(1),
            _ => {}
        }
        if open > BRACKETS_MAX || repeated > REPEATED_MAX {
            return Err(Excess::nested("levels", BRACKETS_MAX));
        }
        last = Some(token);
    }
    if count > TOKENS_MAX {
        return Err(too_long(format!("{TOKENS_MAX} words and signs")));
    }
    Ok(())
}

/// Checks that a parsed statement is small enough to be planned.
///
/// # Errors
/// [`Excess`], in operators, tables or SELECTs.
pub fn check_statement(statement: &impl Visit) -> Result<(), Excess> {
    let mut count = Count::default();
    match statement.visit(&mut count) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(excess) => Err(excess),
    }
}

/// Tables and SELECTs that the planner visits.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    tables: u64,
    selects: u64,
}

impl Size {
    fn add(&mut self, other: Size) {
        self.tables = self.tables.saturating_add(other.tables);
        self.selects = self.selects.saturating_add(other.selects);
    }

    fn check(self) -> Result<(), Excess> {
        let (count, what) = if self.tables > TABLES_MAX {
            (TABLES_MAX, "tables")
        } else if self.selects > SELECTS_MAX {
            (SELECTS_MAX, "SELECTs")
        } else {
            return Ok(());
        };
        Err(Excess {
            message: format!(
                "the statement reads more than {count} {what}, counting a WITH query each time it is named"
            ),
            hint: "turn a query that is read many times into a model, or split the statement",
        })
    }
}

/// One query on the way from the statement to the place being visited.
#[derive(Default)]
struct Frame {
    size: Size,
    /// The names of its CTEs that are not visited yet, by the address of their
    /// queries.
    names: HashMap<usize, String>,
    sizes: HashMap<String, Size>,
    /// Operators around this query in the query that contains it.
    depth: usize,
}

#[derive(Default)]
struct Count {
    frames: Vec<Frame>,
    depth: usize,
}

impl Count {
    fn cte(&self, name: &Ident) -> Option<Size> {
        let name = normalized(name);
        let mut frames = self.frames.iter().rev();
        frames.find_map(|frame| frame.sizes.get(&name).copied())
    }

    fn grow(&mut self, by: Size) -> ControlFlow<Excess> {
        let Some(frame) = self.frames.last_mut() else {
            return ControlFlow::Continue(());
        };
        frame.size.add(by);
        match frame.size.check() {
            Ok(()) => ControlFlow::Continue(()),
            Err(excess) => ControlFlow::Break(excess),
        }
    }
}

impl Visitor for Count {
    type Break = Excess;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Excess> {
        if is_united_beyond(&query.body, UNITED_MAX) {
            return ControlFlow::Break(Excess {
                message: format!(
                    "the statement combines more than {UNITED_MAX} SELECTs with UNION, EXCEPT or INTERSECT"
                ),
                hint: "write rows as VALUES (...), (...), or split the statement",
            });
        }
        let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        let names = ctes.map(|cte| (address(&cte.query), normalized(&cte.alias.name)));
        self.frames.push(Frame {
            names: names.collect(),
            depth: self.depth,
            ..Frame::default()
        });
        if self.frames.len() > BRACKETS_MAX {
            return ControlFlow::Break(Excess::nested("levels", BRACKETS_MAX));
        }
        self.depth = 0;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<Excess> {
        let Some(done) = self.frames.pop() else {
            return ControlFlow::Continue(());
        };
        self.depth = done.depth;
        let around = self.frames.last_mut();
        let cte = around.and_then(|frame| {
            let name = frame.names.remove(&address(query))?;
            Some((frame, name))
        });
        match cte {
            Some((frame, name)) => {
                frame.sizes.insert(name, done.size);
                ControlFlow::Continue(())
            }
            None => self.grow(done.size),
        }
    }

    fn pre_visit_select(&mut self, _: &Select) -> ControlFlow<Excess> {
        self.grow(Size {
            tables: 0,
            selects: 1,
        })
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Excess> {
        let TableFactor::Table { name, .. } = factor else {
            return ControlFlow::Continue(());
        };
        let one = Size {
            tables: 1,
            selects: 0,
        };
        let size = match name.0.as_slice() {
            [part] => part.as_ident().and_then(|name| self.cte(name)),
            _ => None,
        };
        self.grow(size.unwrap_or(one))
    }

    fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<Excess> {
        self.depth += 1;
        if self.depth > OPERATORS_MAX {
            return ControlFlow::Break(Excess::nested("operators", OPERATORS_MAX));
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<Excess> {
        self.depth = self.depth.saturating_sub(1);
        ControlFlow::Continue(())
    }
}

/// Whether a set operation has more than `max` SELECTs, without recursion along
/// the side on which the parser nests them.
fn is_united_beyond(body: &SetExpr, max: usize) -> bool {
    let mut ahead = vec![body];
    let mut count = 0;
    while let Some(body) = ahead.pop() {
        match body {
            SetExpr::SetOperation { left, right, .. } => ahead.extend([&**left, &**right]),
            _ => count += 1,
        }
        if count > max || ahead.len() > max {
            return true;
        }
    }
    false
}

fn address(query: &Query) -> usize {
    std::ptr::from_ref(query).addr()
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
    use sqlparser::parser::Parser;

    /// A stack as the program gives it to its commands.
    fn on_a_large_stack(work: impl FnOnce() + Send + 'static) {
        let thread = std::thread::Builder::new().stack_size(256 << 20);
        thread.spawn(work).unwrap().join().unwrap();
    }

    fn refused(sql: &str) -> Option<String> {
        if let Err(excess) = check_tokens(sql) {
            return Some(excess.message);
        }
        let statements = Parser::parse_sql(&SqlDialect, sql).unwrap();
        check_statement(&statements).err().map(|e| e.message)
    }

    /// `with c0 as (select 1 from t), c1 as (select 1 from c0 a, c0 b), ...`
    fn doubling(levels: usize) -> String {
        let mut sql = "with c0 as (select 1 from t)".to_owned();
        for level in 1..=levels {
            let before = level - 1;
            sql.push_str(&format!(
                ", c{level} as (select 1 from c{before} a, c{before} b)"
            ));
        }
        format!("{sql} select * from c{levels}")
    }

    #[test]
    fn what_is_too_large() {
        on_a_large_stack(|| {
            let ones = |count: usize, sign: &str| vec!["1"; count].join(sign);
            let unions = |count: usize| vec!["select 1"; count].join(" union all ");
            let within = format!("select 1 where 1 in ({})", ones(5_000, ", "));
            for (sql, says) in [
                ("select 1".to_owned(), None),
                (within, None),
                (format!("select {}", ones(1_500, " + ")), None),
                (format!("select {}", ones(20_000, " + ")), Some("operators")),
                (format!("select {}", ones(300_000, ", ")), Some("too long")),
                (format!("select '{}'", "x".repeat(3 << 20)), Some("2 MiB")),
                (unions(900), None),
                (unions(5_000), Some("UNION")),
                (doubling(8), None),
                (doubling(9), Some("500 tables")),
                (doubling(200), Some("500 tables")),
                (
                    format!("select {}1{}", "(".repeat(999), ")".repeat(999)),
                    Some("levels"),
                ),
                (
                    format!("{} select 1", "explain ".repeat(999)),
                    Some("levels"),
                ),
                (
                    format!(
                        "select cast(1 as {}int{})",
                        "array<".repeat(999),
                        ">".repeat(999)
                    ),
                    Some("levels"),
                ),
                // A CTE is what its name means where it stands, and no further.
                (
                    "with a as (select 1 from t) select * from a, b.a, (with a as (select 2) select * from a) c".to_owned(),
                    None,
                ),
            ] {
                let message = refused(&sql);
                let shown: String = sql.chars().take(80).collect();
                match says {
                    None => assert_eq!(message, None, "{shown}"),
                    Some(says) => assert!(
                        message.as_ref().is_some_and(|message| message.contains(says)),
                        "{shown}: {message:?}"
                    ),
                }
            }
        });
    }
}
