//! One module per verb, and what several verbs share.

pub(crate) mod compact;
pub(crate) mod completions;
pub(crate) mod consent;
pub(crate) mod demo;
pub(crate) mod describe;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod lineage;
pub(crate) mod options;
mod pager;
pub(crate) mod plan;
pub(crate) mod quarantine;
pub(crate) mod repair;
mod report;
pub(crate) mod run;
pub(crate) mod sample;
mod shell;
pub(crate) mod sql;
mod statement;
pub(crate) mod tables;
pub(crate) mod test;
pub(crate) mod vacuum;
pub(crate) mod verify;
