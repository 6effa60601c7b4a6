//! Models and their contracts: planning, lineage, checks and privacy gates.

pub(crate) mod check_sql;
pub(crate) mod checks;
pub(crate) mod leave_out;
pub(crate) mod lineage;
pub(crate) mod planning;
pub(crate) mod privacy_gates;
pub(crate) mod reading_times;
pub(crate) mod report;
pub(crate) mod shipped;
pub(crate) mod subject_columns;
pub(crate) mod time_use;
