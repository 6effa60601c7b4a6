//! Which tables a run builds: the selected ones and the models they need. Where
//! something is new about people, also all other published tables: a person who
//! withdraws leaves every table with the next run, whatever it selects.

use std::collections::BTreeSet;
use std::sync::Arc;

use catalog::{Model, TableName};
use query::tables::model_id;
use query::{Session, Setup};

use super::inputs::{ask_for_owners, provide_key, readings, reads_owners, sources};
use super::options::RunOptions;
use super::state::{NewInput, RunState};
use super::work::Work;
use crate::contract::planning;
use crate::error::{Error, SettingsFault};
use crate::subjects::landing_files;

/// The models that `options` select, and those that they need, in build order.
pub(super) fn selected<'a>(
    setup: &'a Setup,
    options: &RunOptions,
) -> Result<Vec<&'a Model>, Error> {
    let project = &setup.project;
    if options.select.is_empty() {
        return Ok(project.models().iter().collect());
    }
    let mut names = Vec::new();
    for name in &options.select {
        match project.find(name.as_ref()) {
            Some(catalog::Table::Model(model)) => names.push(model.name.clone()),
            Some(catalog::Table::Landing(_)) => {
                return Err(Error::Settings(SettingsFault::LandingSelected {
                    table: name.to_string(),
                }));
            }
            None => {
                let near = catalog::nearest(name.as_ref(), project.names());
                return Err(Error::Settings(SettingsFault::UnknownSelected {
                    table: name.to_string(),
                    nearest: near.map(str::to_owned),
                }));
            }
        }
    }
    Ok(project.needed_for(&names))
}

impl Work {
    /// Adds all other published tables to a run of selected ones, unless nothing is
    /// new about consent or about owners of devices. New files of other landing tables
    /// wait until the tables that follow from them are selected.
    ///
    /// # Errors
    /// As of a run of all tables.
    pub(super) async fn extend_selection(&mut self, options: &RunOptions) -> Result<(), Error> {
        if options.select.is_empty() {
            return Ok(());
        }
        let others = self.other_published_models().await?;
        if others.is_empty() || !self.concerns_people(&others).await? {
            return Ok(());
        }
        let mut names = options.select.clone();
        names.extend(others.iter().cloned());
        let models = self.setup.project.needed_for(&names);
        self.planned = planning::plan(&Session::to_plan_in(&self.setup)?, &models).await?;
        self.sources = sources(&self.session, &self.planned, options).await?;
        provide_key(&self.session, &self.planned).await?;
        self.unselected = others.iter().map(ToString::to_string).collect();
        Ok(())
    }

    /// Models of the project that this run does not build and that were published.
    async fn other_published_models(&self) -> Result<Vec<TableName>, Error> {
        let planned = self.planned.iter();
        let own: BTreeSet<&str> = planned.map(|p| p.model.name.as_ref()).collect();
        let mut others = Vec::new();
        for model in self.setup.project.models() {
            if !own.contains(model.name.as_ref()) && self.version(&model_id(model)).await?.is_some()
            {
                others.push(model.name.clone());
            }
        }
        Ok(others)
    }

    /// Whether anything is new since the last run that may change who agrees or
    /// whose a device is: an entry by hand, a file of records or of readings, a
    /// consent that begins or ends with time.
    async fn concerns_people(&self, others: &[TableName]) -> Result<bool, Error> {
        let Some(last_run) = RunState::of_last(self) else {
            return Ok(true);
        };
        if self.is_entered_since(&last_run).await? || self.crosses_since(&last_run).await? {
            return Ok(true);
        }
        let mut sources = self.sources.clone();
        let project = &self.setup.project;
        if reads_owners(&self.planned) || ask_for_owners(project.needed_for(others).into_iter()) {
            // Whose devices are follows from readings.
            let readings: Vec<&str> = readings(project.roles()).collect();
            for table in project.landing() {
                let name = table.name.as_ref();
                if !readings.contains(&name) || sources.contains_key(name) {
                    continue;
                }
                // What is out of reach brings nothing new.
                if let Ok(source) = self.session.tables().landing_table(table).list().await {
                    sources.insert(name.to_owned(), Arc::new(source));
                }
            }
        }
        let mut new = NewInput {
            known: landing_files::known(&self.session).await?,
            ..NewInput::default()
        };
        Self::compare_files(&sources, &mut new).await;
        Ok(!new.files.is_empty() || !new.kept.is_empty())
    }
}
