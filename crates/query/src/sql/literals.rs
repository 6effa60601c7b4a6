//! Literals, patterns and types of Trino's in terms of DataFusion's.
//!
//! DataFusion takes a backslash in LIKE for an escape and no other one, passes over the
//! length of `varchar(n)`, and gives every DECIMAL literal the same type.

use sqlparser::ast::{
    CastKind, CharacterLength, DataType, ExactNumberInfo, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArguments, Ident, ObjectNamePart, StructBracketKind, StructField,
    Value, ValueWithSpan,
};

use crate::Error;
use crate::sql::calls::{call, number};

/// A literal in DataFusion's terms.
pub(crate) fn literal(value: ValueWithSpan) -> Expr {
    match value.value {
        Value::UnicodeStringLiteral(text) => Expr::Value(ValueWithSpan {
            value: Value::SingleQuotedString(text),
            span: value.span,
        }),
        _ => Expr::Value(value),
    }
}

/// `DECIMAL '1.20'` is a decimal(3, 2). Other literals with a type stay as they are.
pub(crate) fn typed_literal(expr: Expr) -> Result<Expr, Error> {
    let Expr::TypedString(literal) = &expr else {
        return Ok(expr);
    };
    if !matches!(
        literal.data_type,
        DataType::Decimal(ExactNumberInfo::None) | DataType::Dec(ExactNumberInfo::None)
    ) {
        return Ok(expr);
    }
    let Value::SingleQuotedString(text) = &literal.value.value else {
        return Ok(expr);
    };
    let digits = text.trim().trim_start_matches(['-', '+']);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let whole = whole.trim_start_matches('0');
    let precision = (whole.len() + fraction.len()).max(1);
    if digits.is_empty() || !is_number(whole) || !is_number(fraction) || precision > 38 {
        return Err(Error::sql(
            "the text after DECIMAL is no number of at most 38 digits",
            "write one such as DECIMAL '1.25'",
        ));
    }
    let size = ExactNumberInfo::PrecisionAndScale(precision as u64, fraction.len() as i64);
    Ok(Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(Expr::Value(literal.value.clone())),
        data_type: DataType::Decimal(size),
        array: false,
        format: None,
    })
}

/// A cast in DataFusion's terms.
pub(crate) fn cast(expr: Expr) -> Result<Expr, Error> {
    let Expr::Cast {
        kind,
        expr,
        mut data_type,
        array,
        format,
    } = expr
    else {
        return Ok(expr);
    };
    let length = match &data_type {
        DataType::Varchar(Some(length))
        | DataType::CharVarying(Some(length))
        | DataType::CharacterVarying(Some(length)) => Some(*length),
        DataType::Char(_) | DataType::Character(_) => {
            return Err(Error::sql(
                "the type char, which is filled with spaces, is not supported",
                "write varchar, or rpad(text, length, ' ')",
            ));
        }
        DataType::JSON => {
            return Err(Error::sql(
                "there is no type json: JSON is a varchar here",
                "write json_parse(text), or json_extract(text, '$.name')",
            ));
        }
        _ => None,
    };
    data_type = row_type(data_type)?;
    if let (DataType::Struct(fields, _), Expr::Function(row)) = (&data_type, expr.as_ref())
        && let Some(values) = row_values(row)
        && values.len() == fields.len()
    {
        return Ok(named_row(kind, fields, values));
    }
    if length.is_some() {
        data_type = DataType::Varchar(None);
    }
    let whole = Expr::Cast {
        kind,
        expr,
        data_type,
        array,
        format,
    };
    Ok(match length {
        Some(CharacterLength::IntegerLength { length, .. }) => call(
            "substr",
            vec![whole, number("1"), number(&length.to_string())],
        ),
        _ => whole,
    })
}

/// `row(name type, ...)`, which the parser takes for an unknown type with modifiers.
fn row_type(data_type: DataType) -> Result<DataType, Error> {
    let DataType::Custom(name, words) = &data_type else {
        return Ok(data_type);
    };
    let [ObjectNamePart::Identifier(own)] = name.0.as_slice() else {
        return Ok(data_type);
    };
    if !own.value.eq_ignore_ascii_case("row") {
        return Ok(data_type);
    }
    let fields = words.chunks(2).map(|pair| match pair {
        [name, of] => Some(StructField {
            field_name: Some(Ident::new(name.to_lowercase())),
            field_type: simple_type(of)?,
            options: None,
        }),
        _ => None,
    });
    match fields.collect::<Option<Vec<_>>>() {
        Some(fields) if !fields.is_empty() => {
            Ok(DataType::Struct(fields, StructBracketKind::Parentheses))
        }
        _ => Err(Error::sql(
            "this type of rows is not supported",
            "write names and simple types: row(name varchar, count bigint)",
        )),
    }
}

/// The values of a call of `row(...)`.
fn row_values(function: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let is_row = function.name.to_string().eq_ignore_ascii_case("row")
        || function.name.to_string().eq_ignore_ascii_case("struct");
    let values = list.args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value.clone()),
        _ => None,
    });
    is_row.then(|| values.collect())?
}

/// A row of values that are cast to the types of its fields, under their names.
fn named_row(kind: CastKind, fields: &[StructField], values: Vec<Expr>) -> Expr {
    let parts = fields.iter().zip(values).flat_map(|(field, value)| {
        let name = field.field_name.as_ref().map(|name| name.value.clone());
        let name = Value::SingleQuotedString(name.unwrap_or_default());
        let value = Expr::Cast {
            kind: kind.clone(),
            expr: Box::new(value),
            data_type: field.field_type.clone(),
            array: false,
            format: None,
        };
        [Expr::value(name), value]
    });
    call("named_struct", parts.collect())
}

fn simple_type(name: &str) -> Option<DataType> {
    Some(match name.to_lowercase().as_str() {
        "boolean" => DataType::Boolean,
        "tinyint" => DataType::TinyInt(None),
        "smallint" => DataType::SmallInt(None),
        "int" | "integer" => DataType::Integer(None),
        "bigint" => DataType::BigInt(None),
        "real" => DataType::Real,
        "double" => DataType::Double(ExactNumberInfo::None),
        "varchar" => DataType::Varchar(None),
        "varbinary" => DataType::Varbinary(None),
        "date" => DataType::Date,
        "timestamp" => DataType::Timestamp(None, sqlparser::ast::TimezoneInfo::None),
        _ => return None,
    })
}

/// The pattern of a LIKE with backslashes as DataFusion takes them.
pub(crate) fn pattern(pattern: Expr, escape: Option<ValueWithSpan>) -> Result<Expr, Error> {
    let escape = match escape.map(|escape| escape.value) {
        None => None,
        Some(Value::SingleQuotedString(text)) => {
            let mut letters = text.chars();
            match (letters.next(), letters.next()) {
                (Some(letter), None) => Some(letter),
                _ => {
                    return Err(Error::sql(
                        "ESCAPE takes a text of one character",
                        "write LIKE 'a#_%' ESCAPE '#'",
                    ));
                }
            }
        }
        Some(_) => {
            return Err(Error::sql(
                "ESCAPE takes a text of one character",
                "write LIKE 'a#_%' ESCAPE '#'",
            ));
        }
    };
    match (pattern, escape) {
        (Expr::Value(value), escape) => match value.value {
            Value::SingleQuotedString(text) => Ok(Expr::Value(ValueWithSpan {
                value: Value::SingleQuotedString(escaped(&text, escape)?),
                span: value.span,
            })),
            _ => Ok(Expr::Value(value)),
        },
        (pattern, Some('\\')) => Ok(pattern),
        (pattern, None) => {
            let text = |text: &str| Expr::value(Value::SingleQuotedString(text.to_owned()));
            Ok(call("replace", vec![pattern, text("\\"), text("\\\\")]))
        }
        (_, Some(_)) => Err(Error::sql(
            "ESCAPE is supported with a pattern that is a text, or with a backslash",
            "write the pattern as a text",
        )),
    }
}

fn escaped(pattern: &str, escape: Option<char>) -> Result<String, Error> {
    let mut out = String::with_capacity(pattern.len());
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if escape != Some(letter) {
            if letter == '\\' {
                out.push('\\');
            }
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some(next @ ('%' | '_')) => out.extend(['\\', next]),
            Some('\\') if letter == '\\' => out.push_str("\\\\"),
            Some(next) if next == letter => out.push(letter),
            _ => {
                return Err(Error::sql(
                    "the escape character of LIKE stands before something else than `%`, `_` or itself",
                    "write it twice for itself",
                ));
            }
        }
    }
    Ok(out)
}
