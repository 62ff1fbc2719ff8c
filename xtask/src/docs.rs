//! `cargo xtask docs`: the chapters of the book that are written from the code, and the book.

use vmtests::process::{command, output_of};
use vmtests::progress::timed;
use vmtests::{cache, install};

use crate::process::finds_nothing;
use crate::setup;

/// Where the generated chapters are.
const CHAPTERS: &str = "docs/src/reference";

/// Writes the chapters, and the book where mdbook is installed.
///
/// # Errors
/// When the command cannot be built, or mdbook refuses a chapter.
pub(crate) fn run() -> anyhow::Result<()> {
    timed("tools", setup::run_for_command)?;
    let genbackup = timed("genbackup", install::genbackup)?;
    timed("generated chapters", || {
        let mut reference = command(&genbackup.to_string_lossy());
        reference.current_dir(cache::workspace());
        output_of(reference.args(["reference", "--out", CHAPTERS])).map(drop)
    })?;
    if output_of(command("mdbook").arg("--version")).is_err() {
        println!(
            "mdbook is not installed: the book itself is not built\n\nhint: cargo install --locked mdbook"
        );
        return Ok(());
    }
    timed("book", || {
        finds_nothing(
            command("mdbook")
                .current_dir(cache::workspace())
                .args(["build", "docs"]),
        )
    })
}
