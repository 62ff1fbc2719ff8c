//! `cargo xtask docs`: the chapters of the book and the Nix file that are written from the code, and the book.

use vmtests::process::{command, output_of};
use vmtests::progress::timed;
use vmtests::{cache, install};

use crate::process::finds_nothing;
use crate::{setup, tools};

/// Where the generated chapters are.
const CHAPTERS: &str = "docs/src/reference";
/// Where the NixOS module has its defaults and lists.
const NIX: &str = "nix/defaults.nix";

/// Writes the chapters and the book.
///
/// # Errors
/// When the command cannot be built, or mdbook refuses a chapter.
pub(crate) fn run() -> anyhow::Result<()> {
    timed("tools", || {
        setup::run_for_command()?;
        tools::install_mdbook()
    })?;
    let genbackup = timed("genbackup", install::genbackup)?;
    timed("generated chapters", || {
        let mut reference = command(&genbackup.to_string_lossy());
        reference.current_dir(cache::workspace());
        output_of(reference.args(["reference", "--out", CHAPTERS, "--nix", NIX])).map(drop)
    })?;
    timed("book", book)
}

/// Builds the book with mdbook, into `book` below the target directory.
///
/// # Errors
/// When mdbook refuses a chapter.
pub(crate) fn book() -> anyhow::Result<()> {
    let directory = cache::target_directory().join("book");
    let mut mdbook = command(&tools::program("mdbook").to_string_lossy());
    mdbook.current_dir(cache::workspace());
    finds_nothing(mdbook.args(["build", "docs", "--dest-dir"]).arg(directory))
}
