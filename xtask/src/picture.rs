//! `cargo xtask picture`: the picture of README.md, from the terminal of a real run.

use std::path::Path;

use anstyle_svg::Term;
use anyhow::Context;
use vmtests::container;
use vmtests::install::{genbackup, install};
use vmtests::lab::{Kind, Lab};
use vmtests::progress::timed;

use crate::setup;

/// Where README.md and the book show it.
const PICTURE: &str = "docs/src/images/run.svg";
/// What is typed on the storage host.
const COMMANDS: [&str; 2] = ["genbackup run", "genbackup status"];

/// Backs up a small fleet in containers and writes what the terminal shows.
///
/// # Errors
/// When a step fails.
pub(crate) fn run() -> anyhow::Result<()> {
    setup::run_for_machines(Kind::Container)?;
    container::possible()?;
    timed("genbackup", genbackup)?;
    let lab = Lab::boot(Kind::Container)?;
    timed("install", || install(&lab))?;
    let shown = COMMANDS.map(|command| {
        // Without a terminal `run` prints lines; colours come all the same.
        let output = lab.jak.run(&format!("CLICOLOR_FORCE=1 {command} 2>&1"))?;
        Ok(format!("root@jak:~# {command}\n{}", output.text()))
    });
    let shown = shown.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let picture = Term::new().render_svg(&shown.join("\n\n"));
    let path = Path::new(PICTURE);
    std::fs::create_dir_all(path.parent().unwrap_or(path)).context("cannot make its directory")?;
    std::fs::write(path, &picture).with_context(|| format!("cannot write {PICTURE}"))?;
    println!("{PICTURE}: {} bytes", picture.len());
    Ok(())
}
