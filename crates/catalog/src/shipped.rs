//! The landing tables of the shipped lakehouse. A project's table of the same name
//! may leave out what the shipped one says of its columns; see
//! `landing_completion`.

use std::sync::LazyLock;

use crate::landing_ddl::parse_external_table;
use crate::landing_table::LandingTable;

/// The shipped landing table of that name.
pub(crate) fn table(name: &str) -> Option<&'static LandingTable> {
    TABLES.iter().find(|table| table.name == *name)
}

static TABLES: LazyLock<Vec<LandingTable>> = LazyLock::new(|| {
    let parsed = FILES.iter().map(|text| parse_external_table("", text, 1));
    // A test keeps errors out.
    parsed.filter_map(Result::ok).collect()
});

const FILES: [&str; 3] = [
    include_str!("../../../lakehouse/landing/customer_landing.sql"),
    include_str!("../../../lakehouse/landing/accelerometer_landing.sql"),
    include_str!("../../../lakehouse/landing/step_trainer_landing.sql"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roles::SHIPPED_PARTIES;

    #[test]
    fn the_shipped_tables_parse_and_name_the_known_parties() {
        assert_eq!(TABLES.len(), FILES.len());
        for table in TABLES.iter() {
            for party in table.roles.parties() {
                assert!(SHIPPED_PARTIES.contains(&party), "{party:?}");
            }
        }
    }
}
