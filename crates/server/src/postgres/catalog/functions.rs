//! Functions about a Postgres server, its sessions and its objects, as SQL of our engine.

use datafusion::sql::sqlparser::ast::Expr;

use super::fill::{DATABASE, HIDDEN_FROM, SEARCHED};
use super::names::constant;
use crate::postgres::settings;
use crate::sql_text::quoted as literal;

/// A null of type text.
pub(super) const NULL_TEXT: &str = "CAST(NULL AS VARCHAR)";

/// Rights that everybody has who sees a table.
const READS: [&str; 4] = ["SELECT", "USAGE", "CONNECT", "MEMBER"];

/// What a function is with these arguments; `None` for those that our engine has. What
/// begins with `pg_` and is not known is null: tools ask for much that is not here.
pub(super) fn rewritten(name: &str, arguments: &[Expr]) -> Option<String> {
    of_sessions(name, arguments).or_else(|| of_objects(name, arguments))
}

fn of_sessions(name: &str, arguments: &[Expr]) -> Option<String> {
    let text = arguments.first().and_then(constant);
    Some(match name {
        "version" => literal(&format!("PostgreSQL {}", settings::SERVER_VERSION)),
        "current_database" => literal(DATABASE),
        "current_schema" => literal(SEARCHED),
        "current_schemas" => {
            let first = arguments.first().map(ToString::to_string);
            match first.is_some_and(|first| first.contains("true")) {
                true => format!("ARRAY['pg_catalog', {}]", literal(SEARCHED)),
                false => format!("ARRAY[{}]", literal(SEARCHED)),
            }
        }
        "current_setting" => {
            let value = text.as_deref().and_then(settings::setting);
            value.map_or(NULL_TEXT.to_owned(), literal)
        }
        "set_config" => {
            let value = arguments.get(1);
            value.map_or(NULL_TEXT.to_owned(), ToString::to_string)
        }
        "pg_client_encoding" | "pg_encoding_to_char" => literal("UTF8"),
        "pg_backend_pid" | "pg_my_temp_schema" | "txid_current" => "CAST(0 AS BIGINT)".to_owned(),
        "pg_is_in_recovery" | "pg_is_other_temp_schema" | "pg_is_wal_replay_paused" => {
            "false".to_owned()
        }
        "pg_conf_load_time" | "pg_postmaster_start_time" => "now()".to_owned(),
        "inet_client_addr" | "inet_server_addr" | "inet_server_port" => NULL_TEXT.to_owned(),
        _ => return None,
    })
}

fn of_objects(name: &str, arguments: &[Expr]) -> Option<String> {
    let first = arguments.first().map(ToString::to_string);
    let first = first.unwrap_or_default();
    Some(match name {
        "array_lower" => "1".to_owned(),
        // Of what tools ask for, only lists that are constants have a length.
        "array_length" | "array_upper" => match arguments.first()? {
            Expr::Array(array) => array.elem.len().to_string(),
            _ => return None,
        },
        "array_to_string" | "col_description" | "shobj_description" | "to_regproc" => {
            NULL_TEXT.to_owned()
        }
        "format_type" => {
            let modifier = arguments.get(1).map(ToString::to_string);
            let modifier = modifier.unwrap_or("NULL".to_owned());
            format!("stedi_format_type(CAST({first} AS BIGINT), CAST({modifier} AS BIGINT))")
        }
        "obj_description" => format!("stedi_table_description(CAST({first} AS BIGINT))"),
        "parse_ident" => {
            let name = arguments.first().and_then(constant)?;
            let parts = name.split('.').map(|part| literal(&part.replace('"', "")));
            format!("ARRAY[{}]", parts.collect::<Vec<_>>().join(", "))
        }
        "pg_get_userbyid" => literal(DATABASE),
        "pg_relation_is_publishable" => "false".to_owned(),
        "pg_table_is_visible" => format!("({first} < {HIDDEN_FROM})"),
        "quote_ident" => format!("stedi_quote_ident(CAST({first} AS VARCHAR))"),
        name if name.ends_with("_is_visible") => "true".to_owned(),
        name if name.starts_with("has_") && name.ends_with("_privilege") => {
            let asked = arguments.last().and_then(constant).unwrap_or_default();
            let asked = asked.to_ascii_uppercase();
            READS.iter().any(|right| asked.contains(right)).to_string()
        }
        name if name.starts_with("pg_") && name.ends_with("_size") => {
            "CAST(NULL AS BIGINT)".to_owned()
        }
        name if name.starts_with("pg_") => NULL_TEXT.to_owned(),
        _ => return None,
    })
}
