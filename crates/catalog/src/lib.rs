//! The data product, read: `lakehouse/` into tables, contracts and an order to
//! build them in.
//!
//! ```text
//! lakehouse/landing/customer_landing.sql    CREATE EXTERNAL TABLE, as Athena takes it
//! lakehouse/trusted/customer_trusted.sql    a contract, then one SELECT
//! lakehouse/curated/customer_curated.sql    likewise
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
//! personal = ["user"]           # columns with personal values, also what is made of them
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
//! [[checks.sql]]
//! name = "readings lie in the past"
//! violations = "select timestamp from accelerometer_trusted where timestamp > 2e12"
//! ```
//!
//! Only `grain` must be there. A check that finds violations fails the run; with
//! `action = "warn"` it only says so. The long form of each rule takes it:
//!
//! ```toml
//! [checks]
//! not_null = { columns = ["phone"], action = "warn" }
//! unique = { columns = ["email", ["user", "timestamp"]], action = "warn" }
//!
//! [checks.accepted]
//! source = { values = ["record", "hand"], action = "warn" }
//! distancefromobject = { min = 0, action = "warn" }
//!
//! [checks.references]
//! serialnumber = { to = "customer_curated.serialnumber", action = "warn" }
//!
//! [[checks.sql]]
//! name = "someone walked"
//! violations = "select 1 where (select count(*) from accelerometer_trusted) = 0"
//! action = "warn"
//! ```
//!
//! `not_null` and `unique` also take a list of both forms, so that one column
//! fails and another warns: `not_null = ["user", { columns = ["x"], action = "warn" }]`.
//! A table that a check reads is built before the check's own table, as one
//! that the SELECT reads. Null passes `accepted`, `references` and `unique`, as
//! in SQL constraints.

mod contract;
mod dialect;
mod errors;
mod expectations;
mod landing_ddl;
mod landing_table;
mod model;
mod names;
mod order;
mod project;
mod reads;
mod statements;
mod suggest;
mod syntax;
mod text;
mod toml_source;

pub use contract::{
    Accepted, Action, Check, Checks, ColumnName, Contract, Duplicates, Literal, Rule,
};
pub use dialect::SqlDialect;
pub use errors::{Error, ErrorKind, Errors};
pub use expectations::{Expectations, parse_expectations};
pub use landing_ddl::parse_external_table;
pub use landing_table::{Column, ColumnType, LandingTable};
pub use model::{Model, ReadBy, Reference};
pub use names::{BadTableName, TableName, Zone};
pub use project::{Project, SourceFile, Table};
pub use statements::{is_external_table, split_statements};
pub use suggest::nearest;
pub use syntax::SyntaxFault;
