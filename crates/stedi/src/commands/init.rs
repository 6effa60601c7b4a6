//! `stedi init`: writes out the built-in data product for editing.

use anyhow::Result;

use crate::args::InitArgs;
use crate::failure::{Ending, Failure};
use crate::output::{grouped, say};
use crate::project;
use crate::settings::Settings;

pub(crate) fn init(settings: &Settings, args: &InitArgs) -> Result<Ending> {
    if let Some(lake) = project::lake_around(&args.dir) {
        return Err(Failure::failed(
            format!(
                "{} is inside a lake ({}), which holds only tables; nothing was written",
                args.dir.display(),
                lake.display()
            ),
            "name a folder outside the lake",
        ));
    }
    let files = project::files();
    for (path, _) in &files {
        let target = args.dir.join(path);
        if target.exists() {
            return Err(Failure::failed(
                format!("{} already exists; nothing was written", target.display()),
                "name another folder, or remove that one",
            ));
        }
    }
    for (path, text) in &files {
        let target = args.dir.join(path);
        let written = target
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&target, text));
        written.map_err(|error| {
            Failure::failed(
                format!("cannot write {}: {error}", target.display()),
                "check that you can write to the folder",
            )
        })?;
    }
    let dir = args.dir.display();
    say(
        settings,
        &format!(
            "wrote {} files to {dir}\nhint: edit the files, then `stedi run --project {dir}`",
            grouped(files.len() as u64)
        ),
    );
    Ok(Ending::Done)
}
