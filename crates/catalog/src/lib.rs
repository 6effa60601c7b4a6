//! The data product, read: `lakehouse/` into tables, contracts and an order to
//! build them in.
//!
//! ```text
//! lakehouse/landing/customer_landing.sql    CREATE EXTERNAL TABLE, as Athena takes it
//! lakehouse/trusted/customer_trusted.sql    a contract, then one SELECT
//! lakehouse/curated/customer_curated.sql    likewise
//! lakehouse/trusted/customer_trusted.test.sql   its tests, for `stedi test`
//! lakehouse/published.toml                  the row counts that were published
//! ```
//!
//! [`Project::read`] takes the folder, [`Project::parse`] files already in
//! memory (those embedded in the program). Both report everything that is
//! wrong at once, each with its file, line and a hint. The order to build in
//! comes from what each SELECT reads.
//!
//! This room is pure: it reads the project's own files and nothing else, and it
//! names neither DataFusion nor Arrow. So it can say what a table *should* be
//! (its contract), while only the engine can say which columns a SELECT really
//! gives; for that every column named in a contract carries its line
//! ([`ColumnName`]) and [`Contract::columns`] lists them.
//!
//! # A contract
//!
//! The leading comment of a trusted or curated file, in TOML:
//!
//! ```toml
//! grain = "One accelerometer reading of a person who agreed to research."
//! subject = "user"              # the column that says whose row it is
//! device = "serialnumber"       # likewise by way of the device, where there is no such column
//! personal = ["user"]           # columns with personal values, also what is made of them
//! anonymous = false             # true: rows are groups of at least five people, nothing is personal
//! duplicates = "drop"           # rows equal in every column: keep one. Default: "keep"
//! also = ["another_name"]       # other names of the table in SQL
//!
//! [checks]
//! not_null = ["user", "timestamp"]
//! unique = ["email", ["user", "timestamp"]]           # a column, or columns together
//!
//! [checks.accepted]
//! source = ["record", "hand"]                         # one of these
//! distancefromobject = { min = 0, max = 1000 }        # either end may be left out
//!
//! [checks.references]
//! serialnumber = "customer_curated.serialnumber"      # [zone.]table.column
//!
//! [checks.consent_in_force]                           # by system.consent
//! subject = "user"
//! at = "timestamp"                                    # without it: now, the start of the run
//! purpose = "research"                                # or "public", "friends". Default: "research"
//!
//! [checks.owner_match]                                # by system.device_owner
//! subject = "user"
//! device = "serialnumber"
//! at = "sensorreadingtime"                            # without it: now
//!
//! [[checks.rows]]                                     # a condition on the columns of a row
//! name = "no phone flies"
//! holds = "x * x + y * y + z * z < 1e4"
//!
//! [[checks.sql]]                                      # a SELECT that gives what is wrong
//! name = "readings lie in the past"
//! violations = "select timestamp from accelerometer_trusted where timestamp > 2e12"
//! ```
//!
//! Only `grain` must be there. What a violation does is the check's action:
//!
//! | action | the rows in violation are | and |
//! |---|---|---|
//! | `fail` (default) | counted and told | nothing of the run is published |
//! | `warn` | counted and told, as a warning | they stay |
//! | `report` | counted | they stay |
//! | `leave_out` | counted and told | they are not in the table |
//!
//! The long form of each rule takes it:
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
//! `not_null` and `unique` also take a list of both forms, so that one column
//! fails and another warns: `not_null = ["user", { columns = ["x"], action = "warn" }]`.
//! `consent_in_force` and `owner_match` take a list of tables, so that consent
//! can be asked for the row's time and for now.
//!
//! Null passes `accepted`, `references` and `unique`, as in SQL constraints. It
//! does not pass `rows`, where what is not known to hold does not hold, nor
//! `consent_in_force` and `owner_match`: nobody has agreed, and nobody's device
//! is anyone's. Persons are compared by `subject(...)`, without regard to letter
//! case, to white space around, or to how Unicode composes letters; an interval
//! holds at its `valid_from` and no longer at its `valid_to`; where one of them
//! is null it is open on that side.
//!
//! `leave_out` is for rules that judge each row by itself: all but `unique` and
//! `[[checks.sql]]`. Rows are left out before duplicates are looked for and
//! before any other check sees the table. Where a row violates several such
//! checks, it counts for the one that stands first in the file.
//!
//! A table that a check reads is built before the check's own table, as one
//! that the SELECT reads.

mod contract;
mod dialect;
mod error_kind;
mod errors;
mod expectations;
mod landing_ddl;
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
mod statements;
mod suggest;
mod syntax;
mod test_fault;
mod text;
mod toml_source;

pub use contract::{
    Accepted, Action, Check, Checks, ColumnName, Contract, Duplicates, Literal, PURPOSES, Rule,
};
pub use dialect::SqlDialect;
pub use errors::{Error, ErrorKind, Errors};
pub use expectations::{Expectations, parse_expectations};
pub use landing_ddl::parse_external_table;
pub use landing_table::{Column, ColumnType, LandingTable};
pub use model::{Model, ReadBy, Reference};
pub use model_test::{
    Expectation, GivenRows, ModelTests, RowsOf, RowsSql, RunEnding, StepKind, TestCase, TestStep,
    read_source_files,
};
pub use names::{BadTableName, TableName, Zone};
pub use project::{Project, Table};
pub use project_files::SourceFile;
pub use roles::{Party, PersonRecords, Readings, Roles, TableRoles};
pub use statements::{is_external_table, split_statements};
pub use suggest::nearest;
pub use syntax::SyntaxFault;
pub use test_fault::TestFault;
