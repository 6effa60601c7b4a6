//! Tests of the program as a user runs it: every test calls the binary.
//!
//! Each module tests one part of what the program promises, as a table of cases if
//! there are several of a kind. Helpers:
//! - `program`: calls of the binary.
//! - `places`: folders with landing data and lakes.
//! - `people`: personal values that must not be printed.
//! - `bucket`: a prefix on an S3 server; `proxy`: faults between it and the
//!   program.

#![allow(
    clippy::print_stderr,
    reason = "a test that cannot run here says why on standard error"
)]

mod bucket;
mod company;
mod delta;
mod equal;
mod growing_landing;
mod listening;
mod long;
mod measured;
mod packed;
mod people;
mod places;
mod program;
mod proxy;
mod random;
mod relay;
mod served;

mod arrivals;
mod bounds;
mod broken_lake;
mod command_line;
mod consent;
mod consent_by_hand;
mod counts;
mod defects;
mod devices_passed_on;
mod during_runs;
mod enhanced_page;
mod export;
mod full_disk;
mod gates;
mod hostile_files;
mod import_glue;
mod incremental_models;
mod incremental_runs;
mod key;
mod killed;
mod lake_contents;
mod landing_ddl;
mod landing_input;
mod landing_layouts;
mod landing_partitions;
mod leaks;
mod lineage;
mod listen_http;
mod listen_killed;
mod listen_mqtt;
mod lost_entries;
mod maintenance;
mod many_processes;
mod messages;
mod model_tests;
mod object_store;
mod object_store_faults;
mod object_store_killed;
mod observed;
mod old_lakes;
mod other_company;
mod plan;
mod project;
mod report;
mod report_verdict;
mod rerun;
mod rules;
mod selection;
mod serve;
mod serve_listen;
mod serve_plots;
mod serve_runs;
mod served_sql;
mod settings;
mod shell;
mod spellings;
mod sql;
mod stopping;
mod structure;
mod suspended;
mod system_models;
mod time;
mod time_travel;
mod unreadable_files;
mod watch;
mod watch_queue;
mod whose_rows;
mod wrong_input;
