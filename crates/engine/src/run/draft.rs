//! A draft: the versions of all tables that one release will make visible.
//!
//! A release makes versions visible one after the other, and a reader in between must not
//! meet a curated row without its trusted one, nor a person who has left. So the order is:
//!
//! 1. rows of people and devices that leave a table are removed, from curated tables
//!    before trusted ones;
//! 2. tables get all other changes, trusted tables before curated ones;
//! 3. system tables follow.
//!
//! [`Draft::add_models`] is the only place that knows this order; full and incremental
//! builds give it the versions of each table as a [`NextVersions`].

use std::collections::BTreeMap;

use lake::{Publication, TableId, Version};
use query::system;

/// The versions that one table gets in a release.
pub(super) struct NextVersions {
    /// The version that is published now.
    pub(super) published: Option<Version>,
    /// The version without the rows of people and devices that leave the table.
    pub(super) leaving: Option<Publication>,
    /// The version with all other changes.
    pub(super) arriving: Option<Publication>,
}

/// The parts of a release.
#[derive(Default)]
pub(super) struct Draft {
    /// In the order in which they become visible.
    publications: Vec<Publication>,
    /// The published version of each table that changes.
    published: BTreeMap<TableId, Version>,
    /// What the next run shall know.
    pub(super) state: serde_json::Value,
}

impl Draft {
    /// Adds the versions of models' tables. `tables` is in build order: each table comes
    /// after those that its model reads.
    pub(super) fn add_models(&mut self, tables: Vec<NextVersions>) {
        let (mut removals, mut others) = (Vec::new(), Vec::new());
        for table in tables {
            let NextVersions {
                published,
                leaving,
                arriving,
            } = table;
            removals.extend(leaving.map(|next| (published.clone(), next)));
            others.extend(arriving.map(|next| (published, next)));
        }
        for (published, next) in removals.into_iter().rev().chain(others) {
            self.push(published.as_ref(), next);
        }
    }

    /// Adds a version of a system table. Call it after [`Draft::add_models`].
    pub(super) fn push(&mut self, published: Option<&Version>, next: Publication) {
        if let Some(published) = published {
            let table = next.layout.table().clone();
            self.published.insert(table, published.clone());
        }
        self.publications.push(next);
    }

    /// The versions, in the order in which they become visible.
    pub(super) fn publications(&self) -> &[Publication] {
        &self.publications
    }

    /// The published version of each table that changes.
    pub(super) fn published(&self) -> &BTreeMap<TableId, Version> {
        &self.published
    }

    /// Sets the note that every commit of the release carries.
    pub(super) fn set_note(&mut self, note: &serde_json::Value) {
        for next in &mut self.publications {
            next.commit_info.note = Some(note.clone());
        }
    }

    /// The content of each table that the draft changes, once it is visible.
    pub(super) fn contents(&self) -> BTreeMap<TableId, String> {
        let publications = self.publications.iter();
        publications
            .map(|next| {
                (
                    next.layout.table().clone(),
                    next.commit_info.content.clone(),
                )
            })
            .collect()
    }

    /// The number of the version that a model's table will have; `None` if the draft does
    /// not change the table.
    pub(super) fn version_of(&self, table: &str) -> Option<i64> {
        let is_table = |id: &TableId| id.name == table && id.zone != system::ZONE;
        let publications = self.publications.iter();
        let added = publications
            .filter(|next| is_table(next.layout.table()))
            .count();
        let published = self.published.iter().find(|(id, _)| is_table(id));
        let before = published.map_or(-1, |(_, version)| version.number);
        (added > 0).then(|| before + i64::try_from(added).unwrap_or(i64::MAX))
    }
}
