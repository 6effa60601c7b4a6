//! The rows of the catalog, from the tables that the desk shows somebody.

use std::collections::BTreeMap;

use super::tables::{CatalogRow, Cell};
use crate::desk::VisibleTable;
use crate::postgres::settings;
use crate::postgres::types::{self, PgType, column_type};

/// The name of the one database.
pub(super) const DATABASE: &str = "stedi";

/// The schema that is searched for bare names.
pub(super) const SEARCHED: &str = "lakehouse";

/// The numbers of tables that are not found by their bare names begin here.
pub(super) const HIDDEN_FROM: i64 = 100_000;

/// The first number of a table.
const TABLES_FROM: i64 = 20_000;

/// `pg_class` in `pg_description.classoid`.
const OF_CLASSES: i64 = 1259;

const SCHEMAS: [(&str, i64); 5] = [
    ("pg_catalog", 11),
    ("information_schema", 13_000),
    (SEARCHED, 16_384),
    ("system", 16_385),
    ("privacy", 16_386),
];

/// The schemas that are there for those who may read one of their tables.
const OF_ROLES: [&str; 2] = ["system", "privacy"];

/// A table with its number.
pub(super) struct Numbered<'t> {
    pub(super) oid: i64,
    pub(super) table: &'t VisibleTable,
}

/// Tables in the order of their names, with numbers by it.
pub(super) fn numbered(tables: &[VisibleTable]) -> Vec<Numbered<'_>> {
    let mut sorted: Vec<&VisibleTable> = tables.iter().collect();
    sorted.sort_by_key(|table| (&table.schema, &table.table));
    let numbers = sorted.into_iter().zip(0..).map(|(table, index)| Numbered {
        oid: index
            + if table.schema == SEARCHED {
                TABLES_FROM
            } else {
                HIDDEN_FROM
            },
        table,
    });
    numbers.collect()
}

/// The rows of every table that has some, by its name.
pub(super) fn rows(tables: &[Numbered<'_>], user: &str) -> BTreeMap<&'static str, Vec<CatalogRow>> {
    let mut rows: BTreeMap<&'static str, Vec<CatalogRow>> = BTreeMap::new();
    let is_shown = |name: &str| {
        let has_tables = |numbered: &Numbered<'_>| numbered.table.schema == name;
        !OF_ROLES.contains(&name) || tables.iter().any(has_tables)
    };
    for (name, oid) in SCHEMAS.into_iter().filter(|(name, _)| is_shown(name)) {
        rows.entry("pg_namespace")
            .or_default()
            .push(vec![("oid", oid.into()), ("nspname", name.into())]);
        rows.entry("schemata").or_default().push(vec![
            ("catalog_name", DATABASE.into()),
            ("schema_name", name.into()),
            ("schema_owner", DATABASE.into()),
        ]);
    }
    for numbered in tables {
        table(&mut rows, numbered);
    }
    rows.insert("pg_type", pg_types());
    rows.insert("pg_database", vec![vec![("datname", DATABASE.into())]]);
    rows.insert(
        "pg_am",
        vec![vec![("oid", 2.into()), ("amname", "heap".into())]],
    );
    rows.insert("pg_tablespace", vec![Vec::new()]);
    let roles = [(10, DATABASE), (16_000, user)];
    let roles = roles
        .iter()
        .filter(|(oid, name)| *oid == 10 || *name != DATABASE);
    for (oid, name) in roles {
        rows.entry("pg_roles")
            .or_default()
            .push(vec![("oid", (*oid).into()), ("rolname", (*name).into())]);
        rows.entry("pg_user").or_default().push(vec![
            ("usesysid", (*oid).into()),
            ("usename", (*name).into()),
        ]);
    }
    let settings = settings::SETTINGS.iter();
    let settings =
        settings.map(|(name, value)| vec![("name", (*name).into()), ("setting", (*value).into())]);
    rows.insert("pg_settings", settings.collect());
    rows
}

fn table(rows: &mut BTreeMap<&'static str, Vec<CatalogRow>>, numbered: &Numbered<'_>) {
    let Numbered { oid, table } = numbered;
    let namespace = SCHEMAS.iter().find(|(name, _)| *name == table.schema);
    let namespace = namespace.map_or(0, |(_, oid)| *oid);
    let (schema, name) = (table.schema.as_str(), table.table.as_str());
    rows.entry("pg_class").or_default().push(vec![
        ("oid", (*oid).into()),
        ("relname", name.into()),
        ("relnamespace", namespace.into()),
        ("relnatts", (table.columns.fields().len() as i64).into()),
    ]);
    rows.entry("pg_description").or_default().push(vec![
        ("objoid", (*oid).into()),
        ("classoid", OF_CLASSES.into()),
        ("objsubid", 0.into()),
        ("description", description(table).as_str().into()),
    ]);
    rows.entry("pg_tables").or_default().push(vec![
        ("schemaname", schema.into()),
        ("tablename", name.into()),
        ("tableowner", DATABASE.into()),
    ]);
    rows.entry("tables").or_default().push(vec![
        ("table_catalog", DATABASE.into()),
        ("table_schema", schema.into()),
        ("table_name", name.into()),
    ]);
    for (field, number) in table.columns.fields().iter().zip(1i64..) {
        let of = column_type(field.data_type());
        let modifier = i64::from(of.modifier);
        rows.entry("pg_attribute").or_default().push(vec![
            ("attrelid", (*oid).into()),
            ("attname", field.name().as_str().into()),
            ("atttypid", i64::from(of.oid()).into()),
            ("attlen", i64::from(of.bytes()).into()),
            ("attnum", number.into()),
            ("attndims", i64::from(of.is_array).into()),
            ("atttypmod", modifier.into()),
            ("attnotnull", (!field.is_nullable()).into()),
        ]);
        let (precision, scale) = numeric(of.of, of.modifier);
        rows.entry("columns").or_default().push(vec![
            ("table_catalog", DATABASE.into()),
            ("table_schema", schema.into()),
            ("table_name", name.into()),
            ("column_name", field.name().as_str().into()),
            ("ordinal_position", number.into()),
            (
                "is_nullable",
                if field.is_nullable() { "YES" } else { "NO" }.into(),
            ),
            (
                "data_type",
                if of.is_array { "ARRAY" } else { of.of.sql_name }.into(),
            ),
            ("udt_catalog", DATABASE.into()),
            ("udt_name", type_name(of.of, of.is_array).as_str().into()),
            ("numeric_precision", precision),
            ("numeric_scale", scale),
        ]);
    }
}

/// What is said of a table.
pub(super) fn description(table: &VisibleTable) -> String {
    format!("{} table", table.zone)
}

fn numeric(of: PgType, modifier: i32) -> (Cell, Cell) {
    match of {
        types::INT2 => (16.into(), 0.into()),
        types::INT4 => (32.into(), 0.into()),
        types::INT8 => (64.into(), 0.into()),
        types::FLOAT4 => (24.into(), Cell::Null),
        types::FLOAT8 => (53.into(), Cell::Null),
        types::NUMERIC if modifier > 0 => {
            let packed = i64::from(modifier - 4);
            ((packed >> 16).into(), (packed & 0xffff).into())
        }
        _ => (Cell::Null, Cell::Null),
    }
}

fn type_name(of: PgType, is_array: bool) -> String {
    format!("{}{}", if is_array { "_" } else { "" }, of.name)
}

fn pg_types() -> Vec<CatalogRow> {
    let mut rows = Vec::new();
    for of in types::ALL {
        rows.push(vec![
            ("oid", i64::from(of.oid).into()),
            ("typname", of.name.into()),
            ("typlen", i64::from(of.bytes).into()),
            ("typcategory", of.category.to_string().as_str().into()),
            ("typarray", i64::from(of.array).into()),
            ("typinput", format!("{}in", of.name).as_str().into()),
        ]);
        if of.array != 0 {
            rows.push(vec![
                ("oid", i64::from(of.array).into()),
                ("typname", type_name(*of, true).as_str().into()),
                ("typlen", (-1).into()),
                ("typcategory", "A".into()),
                ("typelem", i64::from(of.oid).into()),
                ("typinput", "array_in".into()),
                ("typsubscript", "array_subscript_handler".into()),
            ]);
        }
    }
    rows
}

/// The name that SQL has for a type and its digits, as `format_type` gives it.
pub(super) fn format_type(oid: i64, modifier: Option<i64>) -> Option<String> {
    let number = u32::try_from(oid).ok()?;
    if number == 0 {
        return Some("-".to_owned());
    }
    let (of, suffix) = match (types::of_oid(number), types::element_of(number)) {
        (Some(of), _) => (of, ""),
        (None, Some(element)) => (element, "[]"),
        (None, None) => return Some("???".to_owned()),
    };
    let digits = match modifier {
        Some(modifier) if of == types::NUMERIC && modifier > 4 => {
            format!("({},{})", (modifier - 4) >> 16, (modifier - 4) & 0xffff)
        }
        _ => String::new(),
    };
    Some(format!("{}{digits}{suffix}", of.sql_name))
}
