//! Views and prepared statements: what a session defines for itself.
//!
//! A view is kept as its query and put into each statement that names it, before tables
//! are resolved. So it reads what the statement reads: one release, the time that was
//! asked for, and within the limits of one statement.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use parking_lot::RwLock;
use sqlparser::ast::{
    Ident, ObjectName, ObjectNamePart, ObjectType, Query, Statement as Ast, TableAlias,
    TableAliasColumnDef, TableFactor, VisitMut, VisitorMut,
};
use sqlparser::tokenizer::Token;

use crate::Error;
use crate::redaction::shown;
use crate::sql::parse::{parse_any, written};
use crate::sql::scopes::{self, Scopes};

/// Views that one statement may name; those of its views count too.
const VIEWS_MAX: usize = 200;

/// Bytes of the queries that views put into one statement: as long as a statement may be.
const PUT_BYTES_MAX: usize = 2 << 20;

/// Bytes of all views and prepared statements of a session.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// What a token of a view counts at least: parsed, it takes memory of its own. As many
/// tokens as a statement may have are as many bytes as it may have.
const TOKEN_BYTES_MIN: usize = 10;

/// A token and its text as written.
type Written<'s> = (Token, &'s str);

/// What a statement asks of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// To answer a query.
    Query(String),
    /// Nothing more: it is done, as the sentence says.
    Done(String),
}

/// Views and prepared statements, by their names in lower case.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    views: RwLock<BTreeMap<String, View>>,
    prepared: RwLock<BTreeMap<String, String>>,
}

#[derive(Debug, Clone)]
struct View {
    /// As it was written.
    definition: String,
    columns: Vec<Ident>,
    /// Without names of views.
    query: Query,
    /// The tables that the query reads.
    tables: BTreeSet<String>,
    /// What it puts into a statement that names it.
    size: Expanded,
}

/// What views put into a statement.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Expanded {
    /// How many views, with those in their queries.
    pub(crate) views: usize,
    /// Bytes of their queries as written, [`TOKEN_BYTES_MIN`] for a shorter token.
    bytes: usize,
}

impl Definitions {
    /// Names of the views.
    pub(crate) fn views(&self) -> Vec<String> {
        self.views.read().keys().cloned().collect()
    }

    /// The statement that made a view.
    pub(crate) fn definition(&self, name: &str) -> Option<String> {
        let views = self.views.read();
        views.get(name).map(|view| view.definition.clone())
    }

    /// All SQL that the views put into statements, to find its literals in messages. A view
    /// may hold the query of one that is removed.
    pub(crate) fn written(&self) -> Vec<String> {
        let views = self.views.read();
        let written = views
            .values()
            .flat_map(|view| [view.definition.clone(), view.query.to_string()]);
        written.collect()
    }

    /// Takes in a statement that defines or removes something; `None` for any other.
    /// `tables` are the names that a view cannot have.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub(crate) fn take(&self, sql: &str, tables: &[String]) -> Result<Option<Request>, Error> {
        let tokens = written(sql);
        let words: Vec<&Written<'_>> = tokens.iter().filter(is_word).collect();
        let word = |at: usize| match words.get(at) {
            Some((Token::Word(word), _)) => word.value.to_lowercase(),
            _ => String::new(),
        };
        match (word(0).as_str(), word(1).as_str()) {
            ("prepare", _) => self.prepare(&tokens).map(Some),
            ("execute", _) => self.execute(&tokens).map(Some),
            ("deallocate", "prepare") => {
                let name = word(2);
                match self.prepared.write().remove(&name) {
                    Some(_) => Ok(Some(Request::Done(format!("{} is removed", shown(&name))))),
                    None => Err(no_prepared(&name)),
                }
            }
            ("create", "view") => self.create(sql, words.len(), tables).map(Some),
            ("create", "or") if word(3) == "view" => {
                self.create(sql, words.len(), tables).map(Some)
            }
            ("drop", "view") => self.drop(sql).map(Some),
            _ => Ok(None),
        }
    }

    fn create(&self, sql: &str, tokens: usize, tables: &[String]) -> Result<Request, Error> {
        let Statement::Statement(statement) = parse_any(sql)? else {
            return Err(not_a_view());
        };
        let Ast::CreateView(view) = *statement else {
            return Err(not_a_view());
        };
        if view.materialized || view.temporary {
            return Err(Error::sql(
                "a view of a session is neither materialized nor temporary",
                "write CREATE VIEW name AS select ...",
            ));
        }
        let name = name_of(&view.name).ok_or_else(not_a_view)?;
        if tables.contains(&name) {
            return Err(Error::sql(
                format!("there is a table `{}` already", shown(&name)),
                "give the view another name",
            ));
        }
        if self.views.read().contains_key(&name) {
            if view.if_not_exists {
                return Ok(Request::Done(format!(
                    "{name} exists already; nothing was done"
                )));
            }
            if !view.or_replace {
                return Err(Error::sql(
                    format!("there is a view `{}` already", shown(&name)),
                    "write CREATE OR REPLACE VIEW",
                ));
            }
        }
        let mut statement = Statement::Statement(Box::new(Ast::Query(view.query)));
        let put = self.expand(&mut statement)?;
        let query = match statement {
            Statement::Statement(statement) => match *statement {
                Ast::Query(query) => *query,
                _ => return Err(not_a_view()),
            },
            _ => return Err(not_a_view()),
        };
        let view = View {
            definition: sql.trim().to_owned(),
            columns: view.columns.into_iter().map(|column| column.name).collect(),
            tables: scopes::tables_of(&query),
            query,
            size: Expanded {
                views: put.views + 1,
                bytes: put.bytes + sql.len().max(tokens * TOKEN_BYTES_MIN),
            },
        };
        let (mut views, prepared) = (self.views.write(), self.prepared.read());
        let replaced = views.get(&name).map_or(0, |view| view.size.bytes);
        check_kept(&views, &prepared, view.size.bytes, replaced)?;
        views.insert(name.clone(), view);
        Ok(Request::Done(format!(
            "{} is a view of this session",
            shown(&name)
        )))
    }

    fn drop(&self, sql: &str) -> Result<Request, Error> {
        let statement = parse_any(sql)?;
        let Statement::Statement(statement) = statement else {
            return Err(not_a_view());
        };
        let Ast::Drop {
            object_type: ObjectType::View,
            if_exists,
            names,
            ..
        } = *statement
        else {
            return Err(not_a_view());
        };
        let names = names
            .iter()
            .map(|name| name_of(name).ok_or_else(not_a_view));
        let names = names.collect::<Result<Vec<String>, _>>()?;
        let mut views = self.views.write();
        let missing = names.iter().find(|name| !views.contains_key(*name));
        if let Some(name) = missing.filter(|_| !if_exists) {
            return Err(Error::sql(
                format!("there is no view `{}`", shown(name)),
                "`show views` lists all views of the session",
            ));
        }
        let done = names.iter().map(|name| match views.remove(name) {
            Some(_) => format!("{} is removed", shown(name)),
            None => format!("there is no view {}; nothing was done", shown(name)),
        });
        let done: Vec<String> = done.collect();
        Ok(Request::Done(done.join("; ")))
    }

    /// `PREPARE name FROM statement`
    fn prepare(&self, tokens: &[Written<'_>]) -> Result<Request, Error> {
        let wrong = || {
            Error::sql(
                "PREPARE takes a name and a query",
                "write PREPARE name FROM select ... where email = ?",
            )
        };
        let mut rest = tokens.iter();
        let mut next = || rest.find(is_word).map(|(token, _)| token);
        let (_, name, from) = (next(), next(), next());
        let (Some(Token::Word(name)), Some(Token::Word(from))) = (name, from) else {
            return Err(wrong());
        };
        if !["from", "as"].contains(&from.value.to_lowercase().as_str()) {
            return Err(wrong());
        }
        let sql: String = rest.map(|(_, text)| *text).collect();
        crate::sql::parse::parse(&sql)?;
        let name = name.value.to_lowercase();
        let (views, mut prepared) = (self.views.read(), self.prepared.write());
        let replaced = prepared.get(&name).map_or(0, String::len);
        check_kept(&views, &prepared, sql.len(), replaced)?;
        prepared.insert(name.clone(), sql);
        Ok(Request::Done(format!("{} is prepared", shown(&name))))
    }

    /// `EXECUTE name USING value, ...`
    fn execute(&self, tokens: &[Written<'_>]) -> Result<Request, Error> {
        let mut words = tokens.iter().filter(is_word).skip(1);
        let name = match words.next() {
            Some((Token::Word(name), _)) => name.value.to_lowercase(),
            _ => String::new(),
        };
        let prepared = self.prepared.read().get(&name).cloned();
        let prepared = prepared.ok_or_else(|| no_prepared(&name))?;
        match words.next() {
            None => {}
            Some((Token::Word(word), _)) if word.value.eq_ignore_ascii_case("using") => {}
            Some(_) => {
                return Err(Error::sql(
                    "EXECUTE takes a name, and values after USING",
                    "write EXECUTE name USING 'text', 5",
                ));
            }
        }
        let mut values = arguments(words)?.into_iter();
        let tokens = written(&prepared);
        let wanted = tokens
            .iter()
            .filter(|(token, _)| is_parameter(token))
            .count();
        if wanted != values.len() {
            return Err(Error::sql(
                format!(
                    "the prepared statement takes {wanted} values, and {} are given",
                    values.len()
                ),
                "write one value after USING for each `?`",
            ));
        }
        let filled = tokens
            .iter()
            .map(|(token, text)| match is_parameter(token) {
                true => format!("({})", values.next().unwrap_or_default()),
                false => (*text).to_owned(),
            });
        Ok(Request::Query(filled.collect()))
    }

    /// Puts the queries of views in the place of their names.
    ///
    /// # Errors
    /// [`Error::Sql`] for too many, or too long ones.
    pub(crate) fn expand(&self, statement: &mut Statement) -> Result<Expanded, Error> {
        let statement = match statement {
            Statement::Statement(statement) => statement,
            Statement::Explain(explain) => return self.expand(&mut explain.statement),
            _ => return Ok(Expanded::default()),
        };
        let views = self.views.read();
        if views.is_empty() {
            return Ok(Expanded::default());
        }
        let mut expansion = Expansion {
            views: &views,
            scopes: Scopes::default(),
            put: Expanded::default(),
        };
        match statement.visit(&mut expansion) {
            ControlFlow::Continue(()) => Ok(expansion.put),
            ControlFlow::Break(error) => Err(error),
        }
    }
}

/// Checks that a definition of `bytes` has room, in the place of one of `replaced` bytes.
fn check_kept(
    views: &BTreeMap<String, View>,
    prepared: &BTreeMap<String, String>,
    bytes: usize,
    replaced: usize,
) -> Result<(), Error> {
    let of_views = views.values().map(|view| view.size.bytes);
    let kept: usize = of_views.chain(prepared.values().map(String::len)).sum();
    if kept.saturating_sub(replaced) + bytes <= KEPT_BYTES_MAX {
        return Ok(());
    }
    Err(Error::sql(
        format!(
            "the views and prepared statements of the session are too long: more than {} MiB",
            KEPT_BYTES_MAX >> 20
        ),
        "remove some with DROP VIEW or DEALLOCATE PREPARE",
    ))
}

fn is_word((token, _): &&Written<'_>) -> bool {
    !matches!(token, Token::Whitespace(_))
}

/// Texts between the commas that are in no brackets.
///
/// # Errors
/// [`Error::Sql`] for a bracket that closes none: it would close one of the prepared
/// statement.
fn arguments<'t>(tokens: impl Iterator<Item = &'t Written<'t>>) -> Result<Vec<String>, Error> {
    let mut arguments: Vec<String> = Vec::new();
    let mut depth = 0_usize;
    for (token, text) in tokens {
        match token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => {
                depth = depth.checked_sub(1).ok_or_else(|| {
                    Error::sql(
                        "a value after USING closes a bracket that it does not open",
                        "write EXECUTE name USING 'text', 5",
                    )
                })?;
            }
            Token::Comma if depth == 0 => {
                arguments.push(String::new());
                continue;
            }
            _ => {}
        }
        if arguments.is_empty() {
            arguments.push(String::new());
        }
        if let Some(last) = arguments.last_mut() {
            last.push_str(text);
            last.push(' ');
        }
    }
    Ok(arguments)
}

fn is_parameter(token: &Token) -> bool {
    matches!(token, Token::Placeholder(text) if text == "?")
}

fn no_prepared(name: &str) -> Error {
    Error::sql(
        format!("there is no prepared statement `{}`", shown(name)),
        "write PREPARE name FROM select ... first",
    )
}

fn not_a_view() -> Error {
    Error::sql(
        "a view has a name without dots, and a query",
        "write CREATE VIEW name AS select ...",
    )
}

/// A name without a schema, in lower case unless quoted.
fn name_of(name: &ObjectName) -> Option<String> {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)] => Some(ident.value.to_lowercase()),
        _ => None,
    }
}

/// Puts views into a statement, from the outside to the inside: names that a WITH defines
/// are no views within their query.
struct Expansion<'v> {
    views: &'v BTreeMap<String, View>,
    /// Names that the statement's own WITH define.
    scopes: Scopes,
    put: Expanded,
}

impl VisitorMut for Expansion<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        self.scopes.enter(query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        self.scopes.leave(query);
        ControlFlow::Continue(())
    }

    /// After the factor was visited: what is put in its place has no views.
    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        let TableFactor::Table {
            name,
            alias,
            args: None,
            version,
            ..
        } = factor
        else {
            return ControlFlow::Continue(());
        };
        let Some(own) = name_of(name).filter(|name| !self.scopes.contains(name)) else {
            return ControlFlow::Continue(());
        };
        let Some(view) = self.views.get(&own) else {
            return ControlFlow::Continue(());
        };
        if version.is_some() {
            return ControlFlow::Break(Error::sql(
                "a view has no versions",
                "write VERSION AS OF after the tables in the view's query",
            ));
        }
        // The WITH would give the view other rows than its own tables have.
        if let Some(taken) = self.scopes.defined(&view.tables) {
            return ControlFlow::Break(Error::sql(
                format!(
                    "WITH defines `{}`, which the view `{}` reads",
                    shown(taken),
                    shown(&own)
                ),
                "give it another name",
            ));
        }
        self.put.views += view.size.views;
        self.put.bytes += view.size.bytes;
        if self.put.bytes > PUT_BYTES_MAX {
            return ControlFlow::Break(Error::sql(
                format!(
                    "the queries of the views that a statement names are too long: more than {} MiB",
                    PUT_BYTES_MAX >> 20
                ),
                "write fewer or shorter ones, or write a model",
            ));
        }
        if self.put.views > VIEWS_MAX {
            return ControlFlow::Break(Error::sql(
                format!("a statement may name {VIEWS_MAX} views at most, with those in its views"),
                "write fewer of them, or write a model",
            ));
        }
        let mut alias = alias.take().unwrap_or_else(|| TableAlias {
            explicit: true,
            name: Ident::new(own),
            columns: Vec::new(),
            at: None,
        });
        if alias.columns.is_empty() {
            let columns = view.columns.iter().cloned();
            alias.columns = columns
                .map(|name| TableAliasColumnDef {
                    name,
                    data_type: None,
                })
                .collect();
        }
        *factor = TableFactor::Derived {
            lateral: false,
            subquery: Box::new(view.query.clone()),
            alias: Some(alias),
            sample: None,
        };
        ControlFlow::Continue(())
    }
}
