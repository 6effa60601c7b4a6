//! Embeds what `npm run build` made in `web/dist`, if it was run. Without it the page works
//! with plain forms.
//!
//! `web/dist` is in the repository, with nothing in it, so that Cargo has a folder to watch
//! in both cases.

use std::path::Path;
use std::{env, fs};

/// The files of an enhanced page: either all of them are embedded, or none.
const FILES: [&str; 4] = ["app.js", "sql.js", "app.css", "licenses.txt"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=web/dist");
    let root = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let dist = Path::new(&root).join("web/dist");
    let files = FILES.map(|name| (name, dist.join(name)));
    let mut list = String::from("&[");
    if files.iter().all(|(_, path)| path.is_file()) {
        for (name, path) in &files {
            list += &format!("({name:?}, include_bytes!({path:?})),");
        }
    }
    list += "]";
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    let written = fs::write(Path::new(&out).join("enhancement.rs"), list);
    if let Err(error) = written {
        println!("cargo::error=cannot write the list of the page's scripts: {error}");
    }
}
