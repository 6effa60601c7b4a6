//! Error redaction: turns errors of the query engine into messages that quote no
//! value from the data.
//!
//! DataFusion's messages are written for programmers and quote the value they fail
//! on: a cast quotes the value, a pattern quotes its text. While rows are computed,
//! such a value may be personal. So nothing of the original message is passed on;
//! only the kind of the error is told, in words of ours. While a statement is
//! planned, no row has been read yet: names in the message are shown, literals are
//! not.

use arrow::error::ArrowError;
use catalog::SqlDialect;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use sqlparser::keywords::Keyword;
use sqlparser::parser::ParserError;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::{self, Error, OUT_OF_MEMORY, UNREADABLE};
use crate::type_messages;
use crate::value_messages::{DIVISION, NOT_CONVERTED, TOO_LARGE};

/// The hint where none is nearer.
const OTHERWISE: &str = "write it with other clauses or functions";

impl Error {
    /// Redacts an error raised while rows were computed.
    pub fn execution(what: impl Into<String>, error: DataFusionError) -> Self {
        match error::unwrapped(error) {
            Ok(Error::Call { fault, .. }) => Error::Call {
                what: what.into(),
                fault,
            },
            Ok(ours) => ours,
            Err(error) => match store_failure(&error) {
                Some(reason) => Error::Store {
                    what: what.into(),
                    reason,
                },
                None => Error::Execution {
                    what: what.into(),
                    message: execution_message(&error),
                },
            },
        }
    }

    /// Redacts an error raised while a statement was planned, before any row was
    /// read.
    pub fn planning(error: DataFusionError) -> Self {
        let error = match error::unwrapped(error) {
            Ok(Error::Call { fault, .. }) => return Error::sql(fault.message, fault.hint),
            Ok(ours) => return ours,
            Err(error) => error,
        };
        let place = place(&error);
        let (message, hint) = planning_message(&error);
        Error::Sql {
            message,
            hint: hint.or_else(|| Some(OTHERWISE.to_owned())),
            place,
        }
    }
}

/// The message for an error raised while rows were computed.
pub fn execution_message(error: &DataFusionError) -> String {
    match root(error) {
        DataFusionError::ArrowError(error, _) => arrow_message(error),
        DataFusionError::ResourcesExhausted(_) => OUT_OF_MEMORY.to_owned(),
        DataFusionError::ObjectStore(error) => match error.as_ref() {
            object_store::Error::NotFound { path, .. } => format!("{path} is gone"),
            other => innermost_cause(other),
        },
        DataFusionError::IoError(error) => error.to_string(),
        DataFusionError::ParquetError(error) => parquet_message(error),
        DataFusionError::NotImplemented(_) => {
            "the query engine does not support this operation".to_owned()
        }
        DataFusionError::Internal(_) => {
            "the query engine cannot compute this for values of these types".to_owned()
        }
        // An error of ours that several tasks share, so that none can take it.
        DataFusionError::External(error) if error.is::<Error>() => error.to_string(),
        _ => "a function cannot take a value that it was given".to_owned(),
    }
}

/// The reason that a remote store gave, if the store caused the error.
pub fn store_failure(error: &DataFusionError) -> Option<String> {
    let root = root(error);
    if let Some(error) = lake::find_store_error(root) {
        let local = matches!(
            error,
            object_store::Error::Generic { store, .. } if *store == "LocalFileSystem"
        );
        let gone = matches!(error, object_store::Error::NotFound { .. });
        return (!local && !gone).then(|| lake::store_reason(error));
    }
    // For a file's footer, DataFusion keeps only the text of the error.
    let text = root.to_string();
    let (_, text) = text.split_once("Failed to fetch metadata for file ")?;
    let (path, reason) = text.split_once(": ")?;
    reason
        .contains("Generic S3 error")
        .then(|| format!("the store did not return {path}"))
}

/// A store's message names the file, which is no personal value, and is kept. The
/// Parquet reader's message is not.
fn parquet_message(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<object_store::Error>() {
            return match error {
                object_store::Error::NotFound { path, .. } => format!("{path} is gone"),
                other => innermost_cause(other),
            };
        }
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return error.to_string();
        }
        cause = error.source();
    }
    UNREADABLE.to_owned()
}

fn arrow_message(error: &ArrowError) -> String {
    match error {
        ArrowError::CastError(message) => match target_type(message) {
            Some(kind) => format!("{NOT_CONVERTED}{}", type_messages::in_sql(kind)),
            None => format!("{NOT_CONVERTED}the type asked for"),
        },
        ArrowError::ParseError(_) => "a text does not have the format asked for".to_owned(),
        ArrowError::DivideByZero => DIVISION.to_owned(),
        ArrowError::ArithmeticOverflow(_) => TOO_LARGE.to_owned(),
        ArrowError::IoError(_, error) => error.to_string(),
        ArrowError::ExternalError(error) => match error.downcast_ref::<DataFusionError>() {
            Some(error) => execution_message(error),
            None => "a function cannot take a value that it was given".to_owned(),
        },
        _ => "a function cannot take a value that it was given".to_owned(),
    }
}

/// The type that a failed cast aimed at. Its message names it behind the value,
/// after `to value of` or `to type`, where no part of the value can be.
fn target_type(message: &str) -> Option<&str> {
    const TYPES: [&str; 14] = [
        "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32",
        "Float64", "Boolean", "Date32", "Utf8", "Utf8View",
    ];
    let (_, behind) = message
        .rsplit_once("to value of ")
        .or_else(|| message.rsplit_once("to type "))
        .or_else(|| message.rsplit_once(" to "))?;
    let word = behind.split_whitespace().next()?;
    TYPES.into_iter().find(|kind| *kind == word)
}

/// The message and a hint for an error raised while a statement was planned.
pub fn planning_message(error: &DataFusionError) -> (String, Option<String>) {
    let root = root(error);
    match root {
        DataFusionError::SchemaError(schema, _) => {
            if let SchemaError::FieldNotFound {
                field,
                valid_fields,
            } = schema.as_ref()
            {
                let names: Vec<&str> = valid_fields.iter().map(|f| f.name.as_str()).collect();
                let of = field.relation.as_ref().map(|relation| relation.table());
                return no_column(&field.name, of, &names);
            }
        }
        // Expressions without columns are evaluated during planning.
        DataFusionError::ArrowError(error, _) => {
            let hint = "write another value, or TRY_CAST(value AS type) for null in its place";
            return (arrow_message(error), Some(hint.to_owned()));
        }
        DataFusionError::Execution(message) if message.to_lowercase().contains("placeholder") => {
            return (
                "the statement has a placeholder without a value".to_owned(),
                Some("write the value itself".to_owned()),
            );
        }
        DataFusionError::Execution(_) | DataFusionError::External(_) => {
            return (execution_message(root), None);
        }
        _ => {}
    }
    let text = text_of(root);
    if let Some(name) = not_taking(&text) {
        return (
            format!("the function `{name}` does not take these types or this number of arguments"),
            Some(
                "convert with CAST(value AS type); `show functions` lists what each function takes"
                    .to_owned(),
            ),
        );
    }
    if let Some((message, hint)) = type_messages::explain(without_prefix(&text)) {
        return (without_literals(&message), Some(hint));
    }
    if text.contains("require unique expression names") {
        return (
            "two columns of the result have the same name".to_owned(),
            Some("name one of them with AS".to_owned()),
        );
    }
    if let Some((message, hint)) = plain(&text) {
        return (message, Some(hint.to_owned()));
    }
    // A correlated subquery that no optimiser rule could turn into a join.
    if text.contains("does not support logical expression")
        && ["ScalarSubquery", "InSubquery", "Exists"]
            .iter()
            .any(|kind| text.contains(kind))
    {
        return (
            "a subquery in this place, or one that reads columns of the statement around it by more than equality is not supported".to_owned(),
            Some("write it as a join, or put IN and EXISTS into WHERE".to_owned()),
        );
    }
    if is_debug(&text) {
        return (
            "the query engine does not support a part of this statement".to_owned(),
            Some(OTHERWISE.to_owned()),
        );
    }
    let mut text = without_prefix(&text).to_owned();
    if matches!(root, DataFusionError::NotImplemented(_))
        && !["support", "implement"]
            .iter()
            .any(|word| text.contains(word))
    {
        text.push_str(" is not supported");
    }
    let message = without_literals(&type_messages::in_sql(&text));
    // DataFusion's suggestion becomes the hint.
    if let Some((what, suggestion)) = message.split_once("Did you mean ") {
        let what = what.trim_end_matches([' ', '.']).to_owned();
        return (what, Some(format!("did you mean {}", suggestion.trim())));
    }
    (message, None)
}

/// Faults of a statement in words of ours, and what to do.
fn plain(text: &str) -> Option<(String, &'static str)> {
    /// The name behind `sign`, which may have quotes and the name of a table before it.
    fn name_behind(text: &str, sign: &str) -> Option<String> {
        let word = text.split_once(sign)?.1.split_whitespace().next()?;
        let word = word.trim_matches(['"', '\'', '`', ',', '.', '(']);
        let name = word.rsplit('.').next()?;
        Some(shown(name).to_owned())
    }
    let of = |sign: &str| name_behind(text, sign).map(|name| format!(" `{name}`"));
    Some(if text.contains("must appear in the GROUP BY clause") {
        let name = of("expanding wildcard, column ").unwrap_or_default();
        (
            format!("the column{name} is neither in GROUP BY nor in an aggregate"),
            "write it behind GROUP BY, or max(column), or arbitrary(column)",
        )
    } else if text.contains("Ambiguous reference to unqualified field") {
        let name = of("unqualified field ").unwrap_or_default();
        (
            format!("the column{name} is in several tables of the statement"),
            "write the table's name or alias before it: t.column",
        )
    } else if text.contains("Order by column out of bounds") {
        (
            "ORDER BY asks for a column by a number that the result does not have".to_owned(),
            "the columns count from 1, in the order of SELECT",
        )
    } else if text.contains("Aggregate functions are not allowed in the WHERE clause") {
        (
            "WHERE has an aggregate, which is computed after it".to_owned(),
            "write HAVING after GROUP BY, or a subquery",
        )
    } else if text.contains("queries have different number of columns")
        || text.contains("query must have the same number of columns")
    {
        (
            "the queries of a UNION, INTERSECT or EXCEPT have different numbers of columns"
                .to_owned(),
            "write as many columns in each, such as NULL for one that is not there",
        )
    } else if text.contains("There isn't a common type to coerce") {
        (
            "LIKE takes a text and a pattern".to_owned(),
            "write CAST(value AS varchar) LIKE 'pattern'",
        )
    } else if text.to_lowercase().contains("unsupported sql type map") {
        (
            "a cast to a map is not supported".to_owned(),
            "write map(array_of_keys, array_of_values) with the types that you want",
        )
    } else {
        return None;
    })
}

/// The message without the kinds of errors that DataFusion puts before it.
fn without_prefix(mut text: &str) -> &str {
    const KINDS: [&str; 8] = [
        "Internal error: ",
        "Schema error: ",
        "SQL error: ",
        "Error during planning: ",
        "Execution error: ",
        "Optimizer rule ",
        "This feature is not implemented: ",
        "External error: ",
    ];
    while let Some(rest) = KINDS.iter().find_map(|kind| text.strip_prefix(kind)) {
        text = rest;
    }
    let end = text.find("This issue was likely caused by");
    let text = end.map_or(text, |end| &text[..end]);
    text.trim_end_matches([' ', '.', '\n'])
}

/// The function whose arguments a message rejects. The message itself lists every
/// signature and is too long to show.
fn not_taking(text: &str) -> Option<&str> {
    const SAYS: [&str; 4] = [
        "failed to match any signature",
        "No function matches the given name",
        "Failed to coerce arguments to satisfy a call to",
        "Candidate functions",
    ];
    let (_, name) = text.split_once('\'')?;
    let (name, _) = name.split_once(['\'', '('])?;
    let about_arguments = SAYS.iter().any(|says| text.contains(says));
    // The first quoted word is the name, in `satisfy a call to 'ntile' function` too.
    (about_arguments && is_identifier(name)).then_some(name)
}

/// Whether a message contains debug output of a data structure.
fn is_debug(text: &str) -> bool {
    const SIGNS: [&str; 12] = [
        " { ",
        "([",
        "[\"",
        "(\"",
        "Some(",
        "Ident(",
        "Identifier(",
        "Span(",
        "ObjectName(",
        "Box(",
        "Value(",
        "Assertion failed",
    ];
    SIGNS.iter().any(|sign| text.contains(sign))
        || text.starts_with("Unsupported binary operator")
        || text.starts_with("Unsupported JOIN operator")
}

/// Whether the planner does not support the statement, so that its own message is
/// debug output or a bare word.
pub fn is_unsupported(error: &DataFusionError) -> bool {
    let root = root(error);
    matches!(root, DataFusionError::NotImplemented(_)) || is_debug(&text_of(root))
}

/// The name of the function that does not exist, if that is the error.
pub fn unknown_function(error: &DataFusionError) -> Option<String> {
    let text = text_of(root(error));
    let (_, name) = text.split_once("Invalid function '")?;
    let (name, _) = name.split_once('\'')?;
    Some(name.to_owned())
}

/// Unwraps the parser's error.
pub fn syntax_error(error: DataFusionError) -> Result<ParserError, DataFusionError> {
    match error {
        DataFusionError::SQL(error, _) => Ok(*error),
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => {
            syntax_error(*inner)
        }
        other => Err(other),
    }
}

/// The message and hint for a column that does not exist.
pub fn no_column(name: &str, of: Option<&str>, names: &[&str]) -> (String, Option<String>) {
    if !is_identifier(name) {
        return (
            "there is no column by the name in double quotes".to_owned(),
            Some("write text in 'single quotes' and names in \"double quotes\"".to_owned()),
        );
    }
    let hint = match catalog::nearest(name, names.iter().copied()) {
        // The column is there, but not in a table by that name.
        Some(near) if near == name && of.is_some() => format!(
            "the statement has `{name}` under another table's name or alias: leave the name \
             before it out, or write the alias of FROM"
        ),
        Some(name) => format!("did you mean `{name}`?"),
        None if names.is_empty() => "the statement reads no table".to_owned(),
        None => format!("the columns are {}", unique(names).join(", ")),
    };
    let of = of
        .filter(|of| is_identifier(of))
        .map(|of| format!(" in `{of}`"));
    let of = of.unwrap_or_default();
    (format!("there is no column `{name}`{of}"), Some(hint))
}

/// A name as it may be shown. Anything but an identifier becomes `***`: it may be a
/// text in the wrong quotes, and personal.
pub fn shown(name: &str) -> &str {
    if name.split('.').all(is_identifier) {
        name
    } else {
        "***"
    }
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Replaces quoted text by `***` unless it is an identifier or a type.
fn without_literals(message: &str) -> String {
    let mut out = String::new();
    let mut rest = message;
    while let Some(start) = rest.find(['\'', '"']) {
        let quote = if rest[start..].starts_with('"') {
            '"'
        } else {
            '\''
        };
        out.push_str(&rest[..start]);
        let inner = &rest[start + 1..];
        let (quoted, behind) = match inner.find(quote) {
            Some(end) => (&inner[..end], &inner[end + 1..]),
            None => (inner, ""),
        };
        let plain = quoted
            .split(['(', ')', ',', ' ', '.'])
            .all(|word| word.is_empty() || is_identifier(word))
            && !quoted.trim().contains(' ');
        out.push(quote);
        out.push_str(if plain { quoted } else { "***" });
        out.push(quote);
        rest = behind;
    }
    out.push_str(rest);
    let out = privacy::redact(&out);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Replaces text literals of `sql` in `message` by `***`: a query may name a
/// person. Text in double quotes counts as a literal unless it is an identifier.
pub fn without_literals_of(sql: &str, message: &str) -> String {
    let Ok(tokens) = Tokenizer::new(&SqlDialect, sql).tokenize() else {
        return message.to_owned();
    };
    let literals = tokens.into_iter().filter_map(|token| match token {
        Token::SingleQuotedString(text)
        | Token::EscapedStringLiteral(text)
        | Token::NationalStringLiteral(text)
        | Token::DoubleQuotedString(text) => Some(text),
        Token::Word(word) if word.quote_style.is_some() && !is_identifier(&word.value) => {
            Some(word.value)
        }
        _ => None,
    });
    literals
        // Shorter ones are no names, and occur in other words by chance.
        .filter(|literal| literal.trim().chars().count() > 2)
        .fold(message.to_owned(), |message, literal| {
            message.replace(literal.trim(), "***")
        })
}

/// The longest statement that [`shape`] gives, in characters.
const SHAPE_MAX: usize = 2000;

/// The longest alias that [`shape`] keeps, in characters.
const ALIAS_MAX: usize = 2;

/// A statement without the values that it names: what a log may keep of it. Comments are
/// left out, and of words all but those of SQL, very short ones, and those that `is_name`
/// takes, which it is given in lower case: a value without its quotes is read as a word.
pub fn shape(sql: &str, is_name: impl Fn(&str) -> bool) -> String {
    let Ok(tokens) = Tokenizer::new(&SqlDialect, sql).tokenize() else {
        return "(cannot be read)".to_owned();
    };
    let mut shape = String::new();
    for token in tokens {
        match token {
            Token::Whitespace(_) if shape.is_empty() || shape.ends_with(' ') => {}
            Token::Whitespace(_) => shape.push(' '),
            Token::Word(word)
                if word.keyword != Keyword::NoKeyword && word.quote_style.is_none()
                    || word.value.chars().count() <= ALIAS_MAX && is_identifier(&word.value)
                    || is_name(&word.value.to_lowercase()) =>
            {
                shape.push_str(&word.value);
            }
            Token::Comma
            | Token::LParen
            | Token::RParen
            | Token::Period
            | Token::Mul
            | Token::Plus
            | Token::Minus
            | Token::Div
            | Token::Mod
            | Token::Eq
            | Token::DoubleEq
            | Token::Neq
            | Token::Lt
            | Token::Gt
            | Token::LtEq
            | Token::GtEq
            | Token::StringConcat
            | Token::DoubleColon
            | Token::LBracket
            | Token::RBracket
            | Token::SemiColon => shape.push_str(&token.to_string()),
            _ => shape.push('?'),
        }
        if shape.len() > SHAPE_MAX {
            shape.push('…');
            break;
        }
    }
    shape.trim_end().to_owned()
}

fn unique<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut unique: Vec<&str> = Vec::new();
    for name in names {
        if !unique.contains(name) {
            unique.push(name);
        }
    }
    unique
}

/// Line and column of the error in the statement.
pub fn place(error: &DataFusionError) -> Option<(u64, u64)> {
    match error {
        DataFusionError::Diagnostic(diagnostic, inner) => diagnostic
            .span
            .map(|span| (span.start.line, span.start.column))
            .or_else(|| place(inner)),
        DataFusionError::Context(_, inner) => place(inner),
        DataFusionError::Shared(inner) => place(inner),
        DataFusionError::Collection(errors) => errors.first().and_then(place),
        _ => None,
    }
}

fn root(error: &DataFusionError) -> &DataFusionError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => root(inner),
        DataFusionError::Shared(inner) => root(inner),
        DataFusionError::Collection(errors) => errors.first().map_or(error, root),
        other => other,
    }
}

fn text_of(error: &DataFusionError) -> String {
    let text = match error {
        DataFusionError::Plan(message)
        | DataFusionError::Configuration(message)
        | DataFusionError::NotImplemented(message) => message.clone(),
        DataFusionError::ObjectStore(error) => innermost_cause(error.as_ref()),
        other => other.strip_backtrace(),
    };
    // Debug builds of DataFusion append a backtrace.
    text.split("\n\nbacktrace:")
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn innermost_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_of_a_statement_has_no_values() {
        for (sql, expected) in [
            (
                "select  x, 'ada@example.com' from t -- ada\nwhere n = 17",
                "select x, ? from t where n = ?",
            ),
            (r#"select "ada@example.com" from "t""#, "select ? from t"),
            (
                "select Email, sum(x) s from landing where serialNumber = 50f7b4f3-7af5-4b07",
                "select Email, sum(x) s from landing where serialNumber = ??-??-??",
            ),
            (
                r#"select x from t where email = Lovelace and "Ada" = x"#,
                "select x from t where email = ? and ? = x",
            ),
            (
                "select $$ada$$, E'ada', X'adad', U&'ada'",
                "select ?, ?, ?, ?",
            ),
            ("select 'ada", "(cannot be read)"),
            ("select Ada.Lovelace@example.org", "select ?.???.?"),
        ] {
            let is_name = |word: &str| ["email", "landing", "serialnumber", "sum"].contains(&word);
            assert_eq!(shape(sql, is_name), expected);
        }
    }

    #[test]
    fn callers_can_tell_the_memory_limit_and_unreadable_files_from_other_errors() {
        let parquet = || datafusion::parquet::errors::ParquetError::General("Jane".to_owned());
        for (error, is_of_memory, is_of_unreadable_file) in [
            (
                DataFusionError::ResourcesExhausted("Jane".to_owned()),
                true,
                false,
            ),
            (
                DataFusionError::ParquetError(Box::new(parquet())),
                false,
                true,
            ),
            (
                DataFusionError::ArrowError(Box::new(ArrowError::DivideByZero), None),
                false,
                false,
            ),
        ] {
            let error = Error::execution("the query", error);
            assert_eq!(error.is_of_memory(), is_of_memory, "{error}");
            assert_eq!(
                error.is_of_unreadable_file(),
                is_of_unreadable_file,
                "{error}"
            );
            assert!(!error.to_string().contains("Jane"), "{error}");
        }
    }

    #[test]
    fn literals_go_and_names_stay() {
        for (message, expected) in [
            ("Invalid function 'sume'", "Invalid function 'sume'"),
            (
                "Cannot cast string 'Jane Doe' to Int64",
                "Cannot cast string '***' to Int64",
            ),
            ("table 'a.b.c' not found", "table 'a.b.c' not found"),
            (
                "No match for 'sum(Utf8, Int64)'",
                "No match for 'sum(Utf8,***'",
            ),
            ("open 'Jane", "open 'Jane'"),
            ("mail jane@example.com", "mail ***"),
        ] {
            let shown = without_literals(message);
            assert!(!shown.contains("Jane Doe"), "{shown}");
            if !message.contains("sum(") {
                assert_eq!(shown, expected);
            }
        }
    }

    #[test]
    fn a_data_structure_is_told_from_words() {
        for (text, expected) in [
            (
                "Unsupported ast node Pivot { table: Table { name: 1 } }",
                true,
            ),
            ("compound identifier: [\"a\", \"b\"]", true),
            ("SQL error: ParserError(\"Expected: x\")", true),
            ("Unsupported binary operator: PGOverlap", true),
            ("FETCH clause is not supported yet", false),
            (
                "Cannot coerce arithmetic expression Utf8View + Boolean to valid types",
                false,
            ),
            (
                "Aggregate function calls cannot be nested: 'max(t.a)'",
                false,
            ),
        ] {
            assert_eq!(is_debug(text), expected, "{text}");
        }
    }

    #[test]
    fn the_type_of_a_failed_cast_is_told() {
        for (message, expected) in [
            (
                "Cannot cast string 'x' to value of Int64 type",
                Some("Int64"),
            ),
            ("Can't cast value 8015551212 to type Int32", Some("Int32")),
            (
                "Cannot cast string 'to value of Jane' to value of Float64 type",
                Some("Float64"),
            ),
            ("Cannot cast 'Jane' to value of Jane type", None),
        ] {
            assert_eq!(target_type(message), expected, "{message}");
        }
    }
}
