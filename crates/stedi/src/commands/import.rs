//! `stedi import glue`: makes a data product of Glue scripts and Athena DDL.

mod files;

use anyhow::Result;
use catalog::{Project, SourceFile};
use engine::{ProposedContract, propose_contracts};
use glue::{Imported, ImportedModel, Outcome, People, SourceText, Step};
use lake::Location;
use serde::Serialize;

use crate::args::ImportGlueArgs;
use crate::failure::{Ending, Failure};
use crate::output::{Field, grouped, put_list, say};
use crate::project;
use crate::runtime::runtime;
use crate::settings::Settings;

pub(crate) fn glue(settings: &Settings, args: &ImportGlueArgs) -> Result<Ending> {
    files::refuse_target(&args.to)?;
    let found = files::collect(&args.from)?;
    let shipped: Vec<SourceText> = project::source_files()
        .into_iter()
        .filter(|file| file.path.contains("/landing/"))
        .map(|file| SourceText {
            path: file.path,
            text: file.text,
        })
        .collect();
    let mut imported = glue::import(&found.scripts, &found.definitions, &shipped);
    imported.steps.extend(found.too_long);
    if imported.models.is_empty() && imported.steps.is_empty() {
        return Err(Failure::failed(
            "there is nothing to import",
            "name Glue scripts (*.py), or a folder of them",
        ));
    }
    let proposals = completed(settings, &mut imported)?;
    let mut lines: Vec<Line> = imported.steps.iter().map(Line::of).collect();
    let mut written = imported.landing;
    for model in &imported.models {
        let proposal = proposals.iter().find(|known| known.table == model.table);
        let (people, remarks) = complete(model, proposal, &mut lines);
        written.push(SourceText {
            path: model.file.clone(),
            text: model.text(&people, &remarks),
        });
    }
    files::write(&args.to, &written)?;
    let headings = ["script", "line", "node", "outcome", "note"];
    put_list(settings, &headings, &lines, |line| {
        vec![
            Field::text(Some(&line.script)),
            Field::count(u64::from(line.line)),
            Field::text(Some(&line.node)),
            Field::text(Some(line.outcome.word())),
            Field::text(Some(&line.note)),
        ]
    })?;
    let dir = args.to.display();
    let count = grouped(written.len() as u64);
    let open = lines.iter().filter(|line| line.outcome.is_open()).count();
    match open {
        0 => say(
            settings,
            &format!(
                "wrote {count} files to {dir}\nhint: read them, then `stedi run --project {dir}`"
            ),
        ),
        _ => say(
            settings,
            &format!(
                "wrote {count} files to {dir}; {} of the lines above need you\nhint: their models \
                 say in a comment what is missing; edit them, then `stedi run --project {dir}`",
                grouped(open as u64)
            ),
        ),
    }
    Ok(if open == 0 {
        Ending::Done
    } else {
        Ending::Failed
    })
}

/// A line of the printed table.
#[derive(Serialize)]
struct Line {
    script: String,
    line: u32,
    node: String,
    outcome: Shown,
    note: String,
}

/// What became of a step, as it is printed.
#[derive(Clone, Copy)]
enum Shown {
    Written,
    Translated,
    LeftOut,
    NotTranslated,
    /// Written, and a run will refuse the model.
    Refused,
}

impl Shown {
    fn word(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Translated => "translated",
            Self::LeftOut => "left out",
            Self::NotTranslated => "not translated",
            Self::Refused => "refused",
        }
    }

    /// Whether the user has something to do.
    fn is_open(self) -> bool {
        matches!(self, Self::NotTranslated | Self::Refused)
    }
}

impl Serialize for Shown {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl Line {
    fn of(step: &Step) -> Self {
        let (outcome, note) = match &step.outcome {
            Outcome::Written { file, note: None } => (Shown::Written, file.clone()),
            Outcome::Written {
                file,
                note: Some(note),
            } => (Shown::Written, format!("{file}; {note}")),
            Outcome::Translated => (Shown::Translated, String::new()),
            Outcome::LeftOut(reason) => (Shown::LeftOut, reason.clone()),
            Outcome::NotTranslated(reason) => (Shown::NotTranslated, reason.clone()),
        };
        Self {
            script: step.script.clone(),
            line: step.line,
            node: step.node.clone(),
            outcome,
            note,
        }
    }
}

/// Asks the engine what the contracts must declare. A model that is no SELECT of this project
/// loses its statement, and so do those that read it.
fn completed(settings: &Settings, imported: &mut Imported) -> Result<Vec<ProposedContract>> {
    loop {
        let mut files: Vec<SourceFile> = Vec::new();
        let landing = imported.landing.iter();
        files.extend(landing.map(|file| source(&file.path, file.text.clone())));
        let models = imported.models.iter().filter(|model| model.sql.is_ok());
        files.extend(models.map(|model| {
            let text = model.text(&People::default(), &[]);
            source(&model.file, text)
        }));
        let errors = match Project::parse(files) {
            Ok(project) => {
                let place = |text: &str| Location::parse(text).map_err(engine::Error::from);
                let landing = place(&settings.landing.value)?;
                let lake = place(&settings.lake.value)?;
                let setup = settings.setup_for(project, landing, lake);
                match runtime()?.block_on(propose_contracts(&setup)) {
                    Ok(proposals) => return Ok(proposals),
                    // A name that no model may have.
                    Err(engine::Error::Model {
                        file,
                        line,
                        message,
                        hint,
                    }) => {
                        let mut models = imported.models.iter_mut();
                        let found = models.find(|model| {
                            model.sql.is_ok() && file == format!("import/{}", model.file)
                        });
                        let Some(model) = found else {
                            let error = engine::Error::Model {
                                file,
                                line,
                                message,
                                hint,
                            };
                            return Err(error.into());
                        };
                        model.sql = Err(message);
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Err(errors) => errors,
        };
        let mut is_changed = false;
        for model in &mut imported.models {
            let path = format!("import/{}", model.file);
            if let Some(error) = errors.iter().find(|error| error.file == path) {
                is_changed |= model.sql.is_ok();
                model.sql = Err(error.kind.to_string());
            }
        }
        if !is_changed {
            return Err(errors.into());
        }
    }
}

fn source(path: &str, text: String) -> SourceFile {
    SourceFile {
        path: format!("import/{path}"),
        text,
    }
}

/// What the engine says about a model, for its contract, its comment and the table.
fn complete(
    model: &ImportedModel,
    proposal: Option<&ProposedContract>,
    lines: &mut [Line],
) -> (People, Vec<String>) {
    let mut people = People::default();
    let mut remarks = Vec::new();
    let mut verdict = |outcome: Shown, note: &str| {
        let mut lines = lines.iter_mut();
        let line = lines.find(|line| {
            line.script == model.script && line.line == model.line && line.node == model.table
        });
        if let Some(line) = line {
            line.outcome = outcome;
            line.note = format!("{}: {note}", model.file);
        }
    };
    if let Err(reason) = &model.sql {
        verdict(Shown::NotTranslated, reason);
        return (people, remarks);
    }
    let Some(proposal) = proposal else {
        return (people, remarks);
    };
    people.subject.clone_from(&proposal.subject);
    people.device.clone_from(&proposal.device);
    people.personal.clone_from(&proposal.personal);
    if let Some((reason, advice)) = &proposal.refused {
        remarks.push(format!("A run refuses this model: {reason}"));
        remarks.extend(advice.as_ref().map(|advice| format!("hint: {advice}")));
        verdict(Shown::Refused, reason);
    } else if model.asks_nobody {
        let reason = "it does not ask for consent to research: a run refuses it as soon as it \
                      holds a row of somebody who does not agree (exit code 4)";
        remarks.push(format!("Note: {reason}"));
        verdict(Shown::Refused, reason);
    }
    (people, remarks)
}
