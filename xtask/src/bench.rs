//! `cargo xtask bench`: what genbackup costs, compared with what others cost in the same minutes. By hand,
//! not in CI.

mod copies;
mod emit;
mod lab;
mod machine;
mod measure;
mod night;
mod peers;
mod records;
mod solo;
mod table;
mod turn;

use std::fmt::Write as _;
use std::fs;

use anyhow::Context;
use clap::{Args, ValueEnum};
use vmtests::process::output_of;
use vmtests::progress::timed;
use vmtests::{cache, install};

use self::table::Section;
use crate::{cargo, setup};

/// What is measured.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The number of rounds; each figure is the median of them
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The number of hosts for `emit`; the budget is for the default
    #[arg(long, default_value_t = 10_000)]
    hosts: u32,
    /// Measure only these parts, and print them instead of writing BENCHMARKS.md
    #[arg(long, value_enum)]
    only: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// A night over a fleet
    Night,
    /// One host, compared with other tools
    Solo,
    /// `emit` for 10,000 hosts
    Emit,
    /// `status` and `report` over 10 years
    Records,
    /// A copy of a repository with many packs
    Copies,
}

/// Measures, and writes BENCHMARKS.md.
///
/// # Errors
/// When something cannot be measured.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    timed("tools", setup::run_for_benchmarks)?;
    timed("genbackup", build)?;
    let before = machine::load()?;
    let wanted = |part| options.only.is_empty() || options.only.contains(&part);
    let mut sections = Vec::new();
    // Written after each part: an interrupted run leaves what it has.
    let mut done = |section: Section| {
        sections.push(section);
        show(options, &text(&sections, options.rounds, before)?)
    };
    if wanted(Part::Night) || wanted(Part::Solo) {
        let lab = lab::Lab::boot()?;
        if wanted(Part::Night) {
            done(night::measure(&lab, options.rounds)?)?;
        }
        if wanted(Part::Solo) {
            done(solo::measure(&lab, options.rounds)?)?;
        }
    }
    if wanted(Part::Records) {
        done(records::measure(options.rounds)?)?;
    }
    if wanted(Part::Copies) {
        done(copies::measure(options.rounds)?)?;
    }
    if wanted(Part::Emit) {
        done(emit::measure(options.rounds, options.hosts)?)?;
    }
    Ok(())
}

/// Into BENCHMARKS.md, or to standard output where only some parts are wanted.
fn show(options: &Options, text: &str) -> anyhow::Result<()> {
    if options.only.is_empty() {
        let path = cache::workspace().join("BENCHMARKS.md");
        return fs::write(&path, text).with_context(|| path.display().to_string());
    }
    print!("\n{text}");
    Ok(())
}

/// Builds what is shipped, unless `GENBACKUP` names another binary.
fn build() -> anyhow::Result<()> {
    if std::env::var_os("GENBACKUP").is_some() {
        return Ok(());
    }
    output_of(cargo::cargo("build").args(["--quiet", "--profile=shipped", "--package", "genbackup"]))?;
    install::use_binary(cache::target_directory().join("shipped/genbackup"))
}

fn text(sections: &[Section], rounds: usize, load: f64) -> anyhow::Result<String> {
    let budgets: Vec<_> = sections
        .iter()
        .flat_map(|section| section.budgets.clone())
        .collect();
    let mut text = format!(
        "# Benchmarks\n\n\
         Written by `cargo xtask bench`; do not edit it. Each figure is the median of {rounds} rounds. Contestants \
         alternate within a round, and a ratio is the median of the ratios of all rounds. Compare the figures of one run \
         with each other, not with those of another run.\n\n\
         {}. {}\n\n\
         ## Budgets\n\n{}\n",
        machine::described()?,
        about_load(load),
        table::budgets(&budgets)
    );
    for section in sections {
        write!(text, "## {}\n\n{}", section.title, section.text)?;
    }
    Ok(format!("{}\n", text.trim_end()))
}

fn about_load(load: f64) -> String {
    if load < 0.5 {
        return "No other work was on the machine.".to_owned();
    }
    format!(
        "Other work was on the machine: {load:.1} processes wanted a processor when the measurement began."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_work_on_the_machine_is_named() {
        assert!(about_load(0.2).starts_with("No other work"));
        assert!(about_load(7.25).contains("7.2 processes"));
    }
}
