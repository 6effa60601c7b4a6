//! Settings of a Postgres server, as far as clients look at them.

use std::collections::BTreeMap;

/// The version of Postgres whose catalog is shown.
pub(super) const SERVER_VERSION: &str = concat!("15.0 (stedi ", env!("CARGO_PKG_VERSION"), ")");

/// Names and values, in the order of names.
pub(super) const SETTINGS: &[(&str, &str)] = &[
    ("application_name", ""),
    ("bytea_output", "hex"),
    ("client_encoding", "UTF8"),
    ("datestyle", "ISO, MDY"),
    ("default_table_access_method", "heap"),
    ("default_transaction_isolation", "repeatable read"),
    ("default_transaction_read_only", "on"),
    ("extra_float_digits", "1"),
    ("in_hot_standby", "off"),
    ("integer_datetimes", "on"),
    ("intervalstyle", "postgres"),
    ("is_superuser", "off"),
    ("lc_collate", "C"),
    ("lc_ctype", "C"),
    ("lc_messages", "C"),
    ("lc_monetary", "C"),
    ("max_identifier_length", "63"),
    ("max_index_keys", "32"),
    ("search_path", "lakehouse"),
    ("server_encoding", "UTF8"),
    ("server_version", SERVER_VERSION),
    ("server_version_num", "150000"),
    ("session_authorization", ""),
    ("standard_conforming_strings", "on"),
    ("statement_timeout", "0"),
    ("timezone", "UTC"),
    ("transaction_isolation", "repeatable read"),
    ("transaction_read_only", "on"),
];

/// The value of a setting.
pub(super) fn setting(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let found = SETTINGS.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| *value)
}

/// What every client is told at its start.
pub(super) fn reported(
    user: &str,
    parameters: &BTreeMap<String, String>,
) -> Vec<(&'static str, String)> {
    let application = parameters.get("application_name").cloned();
    let mut reported = vec![
        ("application_name", application.unwrap_or_default()),
        ("session_authorization", user.to_owned()),
    ];
    for name in [
        "server_version",
        "server_encoding",
        "client_encoding",
        "DateStyle",
        "IntervalStyle",
        "TimeZone",
        "integer_datetimes",
        "standard_conforming_strings",
        "is_superuser",
        "in_hot_standby",
        "default_transaction_read_only",
    ] {
        reported.extend(setting(name).map(|value| (name, value.to_owned())));
    }
    reported
}
