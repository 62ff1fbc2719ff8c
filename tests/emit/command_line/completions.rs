//! Shells read the completions and complete with them.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::verbs::{printed, verbs};
use crate::command::run;

/// A directory with the completions of a shell in the file `completions`.
fn completions(shell: &str) -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    std::fs::write(
        directory.path().join("completions"),
        printed(&["completions", shell])?,
    )?;
    Ok(directory)
}

/// What a program prints that runs a script in that directory, a line each.
fn lines(program: &[&str], script: &str, directory: &TempDir) -> Result<BTreeSet<String>> {
    let (name, options) = program.split_first().context("a program has a name")?;
    let ran = run(Command::new(name)
        .args(options)
        .arg(script)
        .current_dir(directory.path())
        .env("HOME", directory.path()))?;
    ensure!(
        ran.status.success() && ran.stderr.is_empty(),
        "{}: {}{}",
        name,
        ran.status,
        ran.stderr
    );
    Ok(ran.stdout.lines().map(str::to_owned).collect())
}

/// What bash offers for these words, the last of which is being written.
fn bash_offers(directory: &TempDir, words: &[&str]) -> Result<BTreeSet<String>> {
    // As bash does it: the function that `complete` names gets the command, the word and the one before it.
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "set -euo pipefail\n. ./completions\nread -ra words <<<\"$(complete -p genbackup)\"\n\
         while [[ ${{words[0]}} != -F ]]; do words=(\"${{words[@]:1}}\"); done\n\
         COMP_WORDS=({})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
         \"${{words[1]}}\" genbackup \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" ")
    );
    lines(&["bash", "--norc", "-c"], &script, directory)
}

#[test]
fn bash_completes_every_verb_and_every_option() -> Result<()> {
    let directory = completions("bash")?;
    let offered = bash_offers(&directory, &["genbackup", ""])?;
    for (verb, options) in verbs() {
        assert!(offered.contains(&verb), "{verb}: {offered:?}");
        let offered = bash_offers(&directory, &["genbackup", &verb, "--"])?;
        assert_eq!(offered, options.into_iter().collect(), "{verb}");
    }
    let one = bash_offers(&directory, &["genbackup", "exp"])?;
    assert_eq!(one, ["explain".to_owned()].into());
    Ok(())
}

#[test]
fn fish_completes_every_verb_and_every_option() -> Result<()> {
    let directory = completions("fish")?;
    let offers = |line: &str| {
        let script = format!("source completions; complete --do-complete '{line}'");
        let lines = lines(&["fish", "--no-config", "--command"], &script, &directory)?;
        // A tab stands between a word and what it means.
        let words = lines
            .iter()
            .filter_map(|line| line.split('\t').next().map(str::to_owned));
        anyhow::Ok(words.collect::<BTreeSet<_>>())
    };
    let offered = offers("genbackup ")?;
    for (verb, options) in verbs() {
        assert!(offered.contains(&verb), "{verb}: {offered:?}");
        let offered = offers(&format!("genbackup {verb} --"))?;
        assert_eq!(offered, options.into_iter().collect(), "{verb}");
    }
    Ok(())
}

#[test]
fn zsh_reads_its_completions_and_knows_whose_they_are() -> Result<()> {
    let directory = completions("zsh")?;
    lines(&["zsh", "-f", "-n"], "completions", &directory)?;
    let script =
        "autoload -Uz compinit && compinit -D -u && source ./completions && print $_comps[genbackup]";
    let completer = lines(&["zsh", "-f", "-c"], script, &directory)?;
    assert_eq!(completer, ["_genbackup".to_owned()].into());
    Ok(())
}

#[test]
fn bash_parses_its_completions_without_a_word() -> Result<()> {
    let directory = completions("bash")?;
    assert!(lines(&["bash", "--norc", "-n"], "completions", &directory)?.is_empty());
    std::fs::write(directory.path().join("completions"), "_genbackup() {")?;
    assert!(lines(&["bash", "--norc", "-n"], "completions", &directory).is_err());
    Ok(())
}

/// No Debian has PowerShell, and elvish reads completions only where somebody types.
#[test]
fn elvish_and_powershell_get_every_verb_and_every_option() -> Result<()> {
    for shell in ["elvish", "powershell"] {
        let text = printed(&["completions", shell])?;
        for (verb, options) in verbs() {
            let begin = format!("'genbackup;{verb}'");
            let (_, offered) = text
                .split_once(&begin)
                .with_context(|| format!("{shell}: no {verb}"))?;
            let offered = offered.split("'genbackup;").next().unwrap_or_default();
            for option in options {
                assert!(offered.contains(&option), "{shell}: {verb} {option}");
            }
        }
    }
    Ok(())
}
