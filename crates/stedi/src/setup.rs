//! The engine's input made from the settings: places, project, key.

use std::sync::{Arc, Once};

use anyhow::Result;
use catalog::Project;
use engine::Setup;
use lake::{AsOf, Location};

use crate::failure::Failure;
use crate::key::Keys;
use crate::output::say;
use crate::project;
use crate::settings::Settings;

impl Settings {
    /// The data product: the built-in one, or the one of `--project`. Says, once, what
    /// its author should know.
    ///
    /// # Errors
    /// Every fault of its files.
    pub(crate) fn project(&self) -> Result<Project> {
        let project = self.read_project()?;
        // Some commands read the project twice.
        static SAID: Once = Once::new();
        SAID.call_once(|| {
            for note in project.notes() {
                say(self, &format!("note: {note}"));
            }
        });
        Ok(project)
    }

    /// As [`Settings::project`], without a word.
    ///
    /// # Errors
    /// Every fault of its files.
    pub(crate) fn read_project(&self) -> Result<Project> {
        let project = match &self.project.value {
            Some(dir) => Project::read(&project::lakehouse_in(dir))?,
            None => project::built_in()?,
        };
        Ok(project.accepting(self.databases.value.iter().cloned()))
    }

    /// The engine's input.
    ///
    /// # Errors
    /// Faults of places and of the data product.
    pub(crate) fn setup(&self) -> Result<Setup> {
        self.setup_at(&self.landing.value, &self.lake.value)
    }

    /// The key of the lake's pseudonyms; a missing one is not created.
    ///
    /// # Errors
    /// Faults of places.
    pub(crate) fn keys(&self) -> Result<Keys> {
        let place = |text: &str| Location::parse(text).map_err(engine::Error::from);
        Ok(Keys::of(
            self,
            place(&self.landing.value)?,
            place(&self.lake.value)?,
        ))
    }

    /// The engine's input at other places.
    ///
    /// # Errors
    /// Faults of places and of the data product.
    pub(crate) fn setup_at(&self, landing: &str, lake: &str) -> Result<Setup> {
        let place = |text: &str| Location::parse(text).map_err(engine::Error::from);
        let (landing, lake) = (place(landing)?, place(lake)?);
        if let Some(folder) = lake.folder()
            && project::is_project(folder)
        {
            return Err(Failure::settings(
                format!("{lake} holds a data product and cannot be a lake as well"),
                "give the lake a folder of its own with --lake",
            ));
        }
        Ok(self.setup_for(self.project()?, landing, lake))
    }

    /// The engine's input for a project that is not read from the settings' place.
    pub(crate) fn setup_for(&self, project: Project, landing: Location, lake: Location) -> Setup {
        Setup {
            key: Some(Arc::new(Keys::of(self, landing.clone(), lake.clone()))),
            landing,
            lake,
            project: Arc::new(project),
            now_ms: self
                .now_ms
                .value
                .unwrap_or_else(|| chrono::Utc::now().timestamp_millis()),
            memory_bytes: self.memory_bytes.value,
            as_of: AsOf::Latest,
            wait: self.wait,
            access: None,
        }
    }
}
