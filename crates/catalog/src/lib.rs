//! Reads the data product: the SQL files of `lakehouse/` become tables, contracts
//! and a build order.
//!
//! ```text
//! lakehouse/landing/customer_landing.sql    CREATE EXTERNAL TABLE, as Athena takes it
//! lakehouse/trusted/customer_trusted.sql    a contract, then one SELECT
//! lakehouse/curated/customer_curated.sql    likewise
//! lakehouse/trusted/customer_trusted.test.sql   its tests, for `stedi test`
//! lakehouse/published.toml                  the row counts that were published
//! ```
//!
//! [`Project::read`] reads a folder, [`Project::parse`] files in memory (those
//! embedded in the program). Both report all errors at once, each with file, line
//! and hint. The build order follows from what each SELECT reads. What the
//! columns of landing tables mean is in [`Project::roles`].
//!
//! The crate reads the project's files and nothing else, and it does not know
//! DataFusion or Arrow. It knows what a table *should* be (its contract); only
//! the engine, which plans the SELECTs, knows their columns. The engine checks
//! one against the other: [`Contract::columns`] lists the columns that a contract
//! names, each with its line ([`ColumnName`]).
//!
//! # A contract
//!
//! The leading comment of a trusted or curated file, in TOML:
//!
//! ```toml
//! grain = "One accelerometer reading of a person who agreed to research."
//! subject = "user"              # the column that names the person whose row it is
//! device = "serialnumber"       # the column that names the device, where no column names the person
//! personal = ["user"]           # columns with personal values, or values derived from them
//! anonymous = false             # true: each row is about at least five people; nothing is personal
//! duplicates = "drop"           # of rows equal in every column keep one. Default: "keep"
//! also = ["another_name"]       # other names of the table in SQL
//!
//! [checks]
//! not_null = ["user", "timestamp"]
//! unique = ["email", ["user", "timestamp"]]           # a column, or columns in combination
//!
//! [checks.accepted]
//! source = ["record", "hand"]                         # one of these values
//! distancefromobject = { min = 0, max = 1000 }        # either bound may be left out
//!
//! [checks.references]
//! serialnumber = "customer_curated.serialnumber"      # [zone.]table.column
//!
//! [checks.consent_in_force]                           # looked up in system.consent
//! subject = "user"
//! at = "timestamp"                                    # without it: now, the start of the run
//! purpose = "research"                                # or "public", "friends". Default: "research"
//!
//! [checks.owner_match]                                # looked up in system.device_owner
//! subject = "user"
//! device = "serialnumber"
//! at = "sensorreadingtime"                            # without it: now
//!
//! [[checks.rows]]                                     # a condition on the columns of a row
//! name = "no phone flies"
//! holds = "x * x + y * y + z * z < 1e4"
//!
//! [[checks.sql]]                                      # a SELECT that returns violating rows
//! name = "readings lie in the past"
//! violations = "select timestamp from accelerometer_trusted where timestamp > 2e12"
//! ```
//!
//! Only `grain` is required. The action of a check says what a violation does:
//!
//! | action | violating rows are | and |
//! |---|---|---|
//! | `fail` (default) | counted and shown | the run publishes nothing |
//! | `warn` | counted and shown as a warning | stay in the table |
//! | `report` | counted | stay in the table |
//! | `leave_out` | counted and shown | are left out of the table |
//!
//! The long form of each rule has a key for it:
//!
//! ```toml
//! [checks]
//! not_null = { columns = ["phone"], action = "warn" }
//! unique = { columns = ["email", ["user", "timestamp"]], action = "warn" }
//! consent_in_force = { subject = "user", at = "timestamp", action = "leave_out" }
//!
//! [checks.accepted]
//! source = { values = ["record", "hand"], action = "leave_out" }
//! distancefromobject = { min = 0, action = "warn" }
//!
//! [checks.references]
//! serialnumber = { to = "customer_curated.serialnumber", action = "leave_out" }
//!
//! [[checks.rows]]
//! name = "a phone lies still"
//! holds = "abs(x) + abs(y) + abs(z) < 40"
//! action = "leave_out"
//!
//! [[checks.sql]]
//! name = "someone walked"
//! violations = "select 1 where (select count(*) from accelerometer_trusted) = 0"
//! action = "warn"
//! ```
//!
//! `not_null` and `unique` also accept a list that mixes both forms, so that one
//! column fails and another warns:
//! `not_null = ["user", { columns = ["x"], action = "warn" }]`. `consent_in_force`
//! and `owner_match` accept a list of tables, so that a contract can ask for
//! consent now and at the row's time.
//!
//! Null passes `accepted`, `references` and `unique`, as in SQL constraints. It
//! fails `rows`, where a condition must be known to hold, and `consent_in_force`
//! and `owner_match`: a person who is not named has not agreed and owns nothing.
//! People are compared by `subject(...)`, which ignores letter case, surrounding
//! white space and Unicode composition. An interval includes its `valid_from` and
//! excludes its `valid_to`; a null bound is open.
//!
//! `leave_out` is for rules that judge each row on its own: all but `unique` and
//! `[[checks.sql]]`. Rows are left out before duplicates are removed and before
//! any other check sees the table. A row that violates several such checks counts
//! for the one that comes first in the file.
//!
//! A table that a check reads is built before the check's own table, like a table
//! that the SELECT reads.

mod column;
mod contract;
mod dialect;
mod error_kind;
mod errors;
mod expectations;
mod landing_completion;
mod landing_ddl;
mod landing_file;
mod landing_table;
pub mod limits;
mod model;
mod model_test;
mod names;
mod order;
mod project;
mod project_files;
mod project_reader;
mod reads;
mod roles;
mod shipped;
mod statements;
mod suggest;
mod syntax;
mod table_roles;
mod test_fault;
mod text;
mod toml_source;
mod unknown_roles;

pub use column::{Column, ColumnSource, ColumnType};
pub use contract::{
    Accepted, Action, Check, Checks, ColumnName, Contract, Duplicates, Literal, PURPOSES, Rule,
};
pub use dialect::SqlDialect;
pub use errors::{Error, ErrorKind, Errors};
pub use expectations::{Expectations, parse_expectations};
pub use landing_completion::{MissingColumn, Note};
pub use landing_ddl::parse_external_table;
pub use landing_table::LandingTable;
pub use model::{Model, ReadBy, Reference};
pub use model_test::{
    Expectation, GivenRows, ModelTests, RowsOf, RowsSql, RunEnding, StepKind, TestCase, TestStep,
    read_source_files,
};
pub use names::{BadTableName, TableName, Zone};
pub use project::{Project, Table};
pub use project_files::SourceFile;
pub use roles::{PersonRecords, Readings, Roles};
pub use statements::{
    HIDDEN_COLUMNS, is_external_table, is_hidden_column, split_statements,
    table_of_added_partitions,
};
pub use suggest::nearest;
pub use syntax::SyntaxFault;
pub use table_roles::{Party, TableRoles};
pub use test_fault::TestFault;
pub use unknown_roles::UnknownRoles;
