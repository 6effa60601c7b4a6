//! `stedi init`: the built-in data product, written out for editing.

use anyhow::Result;

use crate::args::InitArgs;
use crate::failure::{Ending, Failure};
use crate::output::say;
use crate::project;
use crate::settings::Settings;

pub(crate) fn init(settings: &Settings, args: &InitArgs) -> Result<Ending> {
    if let Some(lake) = project::lake_around(&args.dir) {
        return Err(Failure::failed(
            format!(
                "{} is in a lake ({}), which holds tables alone; nothing was written",
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
                format!("{} is there already; nothing was written", target.display()),
                "name another folder, or take that one away",
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
                "check that the folder can be written to",
            )
        })?;
    }
    let dir = args.dir.display();
    say(
        settings,
        &format!(
            "wrote {} files to {dir}\nhint: edit them, then stedi run --project {dir}",
            files.len()
        ),
    );
    Ok(Ending::Done)
}
