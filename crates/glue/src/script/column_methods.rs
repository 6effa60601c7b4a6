//! Items of SELECT lists: from columns, names and SQL.

use sqlparser::ast::{Expr as Sql, SelectItem, SetExpr, Statement};

use super::functions;
use super::value::Value;
use crate::graph::{Item, ItemValue, frame_of};
use crate::names;
use crate::spark;

/// What a value means as an item of a SELECT list.
pub(super) fn item(value: &Value) -> Option<Item> {
    match value {
        Value::Text(name) if name == "*" => Some(Item {
            value: ItemValue::All(None),
            name: None,
        }),
        Value::Text(name) if name.ends_with(".*") => None,
        Value::Text(_) => Some(Item {
            value: ItemValue::Expr(functions::as_column(value)?),
            name: None,
        }),
        Value::Column(Sql::CompoundIdentifier(parts), None)
            if parts.len() == 2 && parts[1].value == "_" =>
        {
            Some(Item {
                value: ItemValue::All(frame_of(&parts[0].value)),
                name: None,
            })
        }
        Value::Column(expr, name) => Some(Item {
            value: ItemValue::Expr(expr.clone()),
            name: name.clone(),
        }),
        _ => None,
    }
}

/// The items of a SELECT list in SQL.
pub(super) fn items(list: &str) -> Option<Vec<Item>> {
    let statements = spark::parse(&format!("select {list} from t")).ok()?;
    let [Statement::Query(query)] = statements.as_slice() else {
        return None;
    };
    let SetExpr::Select(select) = query.body.as_ref() else {
        return None;
    };
    let items = select.projection.iter().map(|item| match item {
        SelectItem::UnnamedExpr(expr) => Some(Item {
            value: ItemValue::Expr(expr.clone()),
            name: None,
        }),
        SelectItem::ExprWithAlias { expr, alias } => Some(Item {
            value: ItemValue::Expr(expr.clone()),
            name: Some(names::column(&alias.value)),
        }),
        SelectItem::Wildcard(_) => Some(Item {
            value: ItemValue::All(None),
            name: None,
        }),
        _ => None,
    });
    items.collect()
}
