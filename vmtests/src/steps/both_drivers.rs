//! What both drivers are given: they take all of it, and refuse the same mistakes.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use super::{Act, FUNCTIONS, Step, folder, read};
use crate::cache::workspace;
use crate::process::command;

/// The TOML files in a folder.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_toml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "toml");
    let mut files: Vec<_> = paths.filter(is_toml).collect();
    files.sort();
    files
}

/// What both drivers tell, and what only the one for NixOS does.
fn stories() -> Vec<(String, Vec<Step>)> {
    let mut files = files_in(&folder());
    assert!(files.len() > 3, "{files:?}");
    files.extend(files_in(&workspace().join("nix/tests/steps")));
    let steps = files.iter().map(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let steps = read(&name, &fs::read_to_string(path).unwrap()).unwrap();
        (name, steps)
    });
    steps.collect()
}

#[test]
fn every_story_can_be_read() {
    for (name, steps) in stories() {
        assert!(!steps.is_empty(), "{name}");
    }
}

#[test]
fn every_story_from_steps_is_told() {
    let list = fs::read_to_string(workspace().join("vmtests/tests/stories/main.rs")).unwrap();
    for file in files_in(&folder()) {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let is_it = |line: &str| {
            let entry = line.trim().strip_prefix(&name);
            entry.is_some_and(|rest| rest.starts_with(" from steps"))
        };
        assert!(list.lines().any(is_it), "{name} is not in the list");
    }
}

#[test]
fn every_mistake_is_refused_with_its_reason() {
    let mistakes = files_in(&folder().join("mistakes"));
    assert!(mistakes.len() > 8, "{mistakes:?}");
    for path in mistakes {
        let text = fs::read_to_string(&path).unwrap();
        let reason = text.lines().next().unwrap().strip_prefix("# refused: ").unwrap();
        let error = format!("{:#}", read("mistake.toml", &text).unwrap_err());
        assert!(error.contains(reason), "{}: {error}", path.display());
    }
}

#[test]
fn every_command_is_sound_bash() {
    let mut script = FUNCTIONS.to_owned();
    for (_, steps) in stories() {
        for step in steps {
            if let Act::Command(step) = step.act {
                write!(script, "\n(\n{}\n)", step.text).unwrap();
            }
        }
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), script).unwrap();
    // The parentheses are ours, also where a command is a test alone.
    let mut shellcheck = command("shellcheck");
    shellcheck
        .args(["--shell=bash", "--exclude=SC2234"])
        .arg(file.path());
    let told = shellcheck.output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stdout));
}

#[test]
fn the_driver_for_nixos_has_passed_its_own_tests() {
    let Output {
        status,
        stdout: _,
        stderr,
    } = command("python3")
        .args(["-m", "unittest", "discover", "--pattern=*_test.py"])
        .current_dir(workspace().join("nix/tests"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&stderr);
    // Where it finds no test, Python is content.
    let number = told.lines().find_map(|line| line.strip_prefix("Ran "));
    let number = number.and_then(|line| line.split(' ').next()?.parse::<u32>().ok());
    assert!(status.success() && number > Some(8), "{told}");
}
