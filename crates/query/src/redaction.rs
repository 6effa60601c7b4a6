//! Words for what the query engine complains of.
//!
//! Its messages are written for programmers and quote what they stumble over:
//! a cast quotes the value, a pattern quotes the text it was made of. While
//! rows are computed such a value may be personal, so nothing of a message is
//! passed on there: its kind is told in words of our own. While a statement is
//! planned no row has been read; names in it are shown, literals are not.

use arrow::error::ArrowError;
use catalog::SqlDialect;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use sqlparser::parser::ParserError;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::{self, Error, UNREADABLE};

impl Error {
    /// An error raised while rows were computed.
    pub fn execution(what: impl Into<String>, error: DataFusionError) -> Self {
        match error::own(error) {
            Ok(own) => own,
            Err(error) => match of_store(&error) {
                Some(reason) => Error::Store {
                    what: what.into(),
                    reason,
                },
                None => Error::Execution {
                    what: what.into(),
                    message: of_execution(&error),
                },
            },
        }
    }

    /// An error raised while a statement was planned, before any row was read.
    pub fn planning(error: DataFusionError) -> Self {
        let error = match error::own(error) {
            Ok(own) => return own,
            Err(error) => error,
        };
        let place = place(&error);
        let (message, hint) = of_planning(&error);
        Error::Sql {
            message,
            hint,
            place,
        }
    }
}

/// Words for an error raised while rows were computed.
pub fn of_execution(error: &DataFusionError) -> String {
    match root(error) {
        DataFusionError::ArrowError(error, _) => of_arrow(error),
        DataFusionError::ResourcesExhausted(_) => {
            "it needs more memory than it may use; give more with --memory".to_owned()
        }
        DataFusionError::ObjectStore(error) => match error.as_ref() {
            object_store::Error::NotFound { path, .. } => format!("{path} is gone"),
            other => innermost_cause(other),
        },
        DataFusionError::IoError(error) => error.to_string(),
        DataFusionError::ParquetError(error) => of_parquet(error),
        DataFusionError::NotImplemented(_) => "the query engine cannot do that".to_owned(),
        DataFusionError::Internal(_) => "a fault in the query engine".to_owned(),
        // One of ours that several waited for, and none has for itself.
        DataFusionError::External(error) if error.is::<Error>() => error.to_string(),
        _ => "a function cannot take a value that it was given".to_owned(),
    }
}

/// What a remote store says that rows were read from, if it is at fault.
pub fn of_store(error: &DataFusionError) -> Option<String> {
    let root = root(error);
    if let Some(error) = lake::find_store_error(root) {
        let local = matches!(
            error,
            object_store::Error::Generic { store, .. } if *store == "LocalFileSystem"
        );
        let gone = matches!(error, object_store::Error::NotFound { .. });
        return (!local && !gone).then(|| lake::store_reason(error));
    }
    // Of a file's footer the engine keeps the words alone.
    let text = root.to_string();
    let (_, text) = text.split_once("Failed to fetch metadata for file ")?;
    let (path, reason) = text.split_once(": ")?;
    reason
        .contains("Generic S3 error")
        .then(|| format!("the store did not give {path}"))
}

/// What a store says names the file, which is no personal value; what the
/// format's reader says is not passed on.
fn of_parquet(error: &(dyn std::error::Error + 'static)) -> String {
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

fn of_arrow(error: &ArrowError) -> String {
    match error {
        ArrowError::CastError(message) => match target_type(message) {
            Some(kind) => format!("a value cannot be converted to {kind}"),
            None => "a value cannot be converted to the type asked for".to_owned(),
        },
        ArrowError::ParseError(_) => "a text is not of the form that was asked for".to_owned(),
        ArrowError::DivideByZero => "division by zero".to_owned(),
        ArrowError::ArithmeticOverflow(_) => "a number is too large for its type".to_owned(),
        ArrowError::IoError(_, error) => error.to_string(),
        ArrowError::ExternalError(error) => match error.downcast_ref::<DataFusionError>() {
            Some(error) => of_execution(error),
            None => "a function cannot take a value that it was given".to_owned(),
        },
        _ => "a function cannot take a value that it was given".to_owned(),
    }
}

/// The last word of a cast's message that names a type, which no value can: it
/// stands behind the value, after `to value of` or `to type`.
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

/// Words and a hint for an error raised while a statement was planned.
pub fn of_planning(error: &DataFusionError) -> (String, Option<String>) {
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
        // An expression without columns is computed while planning.
        DataFusionError::ArrowError(error, _) => return (of_arrow(error), None),
        DataFusionError::Execution(message) if message.to_lowercase().contains("placeholder") => {
            return (
                "the statement has a placeholder, and no value stands for it".to_owned(),
                Some("write the value itself".to_owned()),
            );
        }
        DataFusionError::Execution(_) | DataFusionError::External(_) => {
            return (of_execution(root), None);
        }
        _ => {}
    }
    let text = text_of(root);
    if let Some(name) = not_taking(&text) {
        return (
            format!("the function `{name}` does not take arguments of these types, or not so many"),
            Some(
                "CAST(value AS type) converts one; `show functions` tells what is taken".to_owned(),
            ),
        );
    }
    if text.contains("require unique expression names") {
        return (
            "two columns of the result have the same name".to_owned(),
            Some("name one of them with AS".to_owned()),
        );
    }
    // A subquery that no rule of the optimiser has made a join of.
    if text.contains("does not support logical expression")
        && ["ScalarSubquery", "InSubquery", "Exists"]
            .iter()
            .any(|kind| text.contains(kind))
    {
        return (
            "a subquery that reads columns of the statement around it by more than equality is not supported".to_owned(),
            Some("write it as a join".to_owned()),
        );
    }
    if is_debug(&text) {
        return (
            "the statement asks for something that the query engine does not support".to_owned(),
            Some("write it with other clauses or functions".to_owned()),
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
    let message = without_literals(&text);
    // The library's own suggestion becomes a hint.
    if let Some((what, suggestion)) = message.split_once("Did you mean ") {
        let what = what.trim_end_matches([' ', '.']).to_owned();
        return (what, Some(format!("did you mean {}", suggestion.trim())));
    }
    (message, None)
}

/// Kinds of errors, which the library puts before its messages.
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

/// The function whose arguments a message is about; it goes on with every
/// signature that there is.
fn not_taking(text: &str) -> Option<&str> {
    const SAYS: [&str; 3] = [
        "failed to match any signature",
        "No function matches the given name",
        "Candidate functions",
    ];
    let (_, name) = text.split_once('\'')?;
    let (name, _) = name.split_once(['\'', '('])?;
    let about_arguments = SAYS.iter().any(|says| text.contains(says));
    // After `satisfy a call to 'ntile' function` too the name stands first.
    (about_arguments && is_identifier(name)).then_some(name)
}

/// Whether a message shows a data structure of the library instead of words.
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

/// Whether a statement asks for what the planner does not know, and the message
/// cannot be shown, or is a mere word.
pub fn is_of_unsupported(error: &DataFusionError) -> bool {
    let root = root(error);
    matches!(root, DataFusionError::NotImplemented(_)) || is_debug(&text_of(root))
}

/// The name of a function that there is not.
pub fn unknown_function(error: &DataFusionError) -> Option<String> {
    let text = text_of(root(error));
    let (_, name) = text.split_once("Invalid function '")?;
    let (name, _) = name.split_once('\'')?;
    Some(name.to_owned())
}

/// What the parser says, out of what is wrapped around it.
pub fn syntax_error(error: DataFusionError) -> Result<ParserError, DataFusionError> {
    match error {
        DataFusionError::SQL(error, _) => Ok(*error),
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => {
            syntax_error(*inner)
        }
        other => Err(other),
    }
}

/// Words and a hint for a column that there is not.
pub fn no_column(name: &str, of: Option<&str>, names: &[&str]) -> (String, Option<String>) {
    if !is_identifier(name) {
        return (
            "there is no column of a name given in double quotes".to_owned(),
            Some("text stands in 'single quotes', names stand in \"double quotes\"".to_owned()),
        );
    }
    let hint = match catalog::nearest(name, names.iter().copied()) {
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

/// A name as it may be shown: what is no identifier may be a text that somebody
/// put into the wrong quotes.
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

/// Empties quotes that hold anything but an identifier or a type.
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

/// `message` without the texts that stand in `sql`: somebody may have asked for
/// a person. Text in double quotes counts unless it can be a name.
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
        // Shorter ones are no names, and stand in other words by chance.
        .filter(|literal| literal.trim().chars().count() > 2)
        .fold(message.to_owned(), |message, literal| {
            message.replace(literal.trim(), "***")
        })
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

/// Where in the statement the planner saw the fault.
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
    // Debug builds of the library append a backtrace.
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
