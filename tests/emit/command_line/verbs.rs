//! The verbs and their options, as the command itself reads them.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Result, bail, ensure};
use clap::CommandFactory;
use genbackup::cli::Arguments;

use crate::command::{genbackup, run};

/// Each verb with its long options.
pub(crate) fn verbs() -> BTreeMap<String, Vec<String>> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let verb = |verb: &clap::Command| {
        let options = verb.get_arguments().filter_map(clap::Arg::get_long);
        let options = options.map(|option| format!("--{option}")).collect();
        (verb.get_name().to_owned(), options)
    };
    command.get_subcommands().map(verb).collect()
}

/// The verbs that help and manual pages show; the others are for our own scripts.
pub(crate) fn shown_verbs() -> BTreeMap<String, Vec<String>> {
    let command = Arguments::command();
    let is_shown = |verb: &String| {
        command
            .find_subcommand(verb)
            .is_none_or(|verb| !verb.is_hide_set())
    };
    verbs().into_iter().filter(|(verb, _)| is_shown(verb)).collect()
}

/// Whether an option of a verb is hidden: it is for tests.
pub(crate) fn is_hidden(verb: &str, option: &str) -> bool {
    let command = Arguments::command();
    let mut arguments = command
        .find_subcommand(verb)
        .into_iter()
        .flat_map(clap::Command::get_arguments);
    arguments.any(|argument| argument.is_hide_set() && argument.get_long() == option.strip_prefix("--"))
}

/// What `genbackup ARGUMENTS` prints. No fleet file is there, since none is needed.
pub(crate) fn printed(arguments: &[&str]) -> Result<String> {
    let said = run(genbackup()
        .args(["--fleet", "/dev/null/fleet.toml"])
        .args(arguments))?;
    ensure!(said.status.success() && said.stderr.is_empty(), "{}", said.stderr);
    Ok(said.stdout)
}

/// What is said on standard output.
enum Says {
    Something,
    /// Nothing here, where there is no systemd, no repository and no way to a host.
    Nothing,
}

/// Arguments with which a verb gets as far as it can here. One that is not listed has none.
fn arguments_of(verb: &str, directory: &Path) -> Result<(Vec<String>, Says)> {
    let at = |name: &str| directory.join(name).display().to_string();
    let runs = ["--runs".to_owned(), at("runs")];
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    Ok(match verb {
        "check" | "explain" | "schema" => (words(&[]), Says::Something),
        "completions" => (words(&["bash"]), Says::Something),
        "man" | "reference" => (words(&["--out", &at(verb)]), Says::Something),
        "emit" => (words(&["--all", "--root", &at("root")]), Says::Something),
        "init" => (
            words(&["--fleet", &at("new.toml"), "--host", "jak"]),
            Says::Something,
        ),
        "doctor" => (
            [words(&["--host", "attic"]), runs.to_vec()].concat(),
            Says::Something,
        ),
        "history" | "metrics" | "status" => (runs.to_vec(), Says::Something),
        "watch" => {
            let memory = words(&["--memory", &at("memory")]);
            ([memory, runs.to_vec()].concat(), Says::Nothing)
        }
        "report" => (
            [words(&["--out", &at("report.html")]), runs.to_vec()].concat(),
            Says::Nothing,
        ),
        // What is said is said by its command.
        "record" => (
            [words(&["check"]), runs.to_vec(), words(&["--", "true"])].concat(),
            Says::Nothing,
        ),
        // No unit starts these, so they have no directories.
        "coordinate" => {
            let limits = ["--max-parallel", "1", "--time-limit", "1", "--lock-wait", "1"];
            let names = ["--storage-host", "jak", "--password-file", "/p", "--hosts", "jak"];
            (words(&[&limits[..], &names].concat()), Says::Nothing)
        }
        "maintain" => (
            words(&[
                "--repository",
                "/r",
                "--password-file",
                "/p",
                "--lock-wait",
                "1",
                "--",
                "list",
                "true",
            ]),
            Says::Nothing,
        ),
        "init-repository" => (
            words(&["--repository", "/r", "--password-file", "/p", "--", "true"]),
            Says::Nothing,
        ),
        // No copy has this name.
        "copy-offsite" => (words(&["cloud", "--state", &at("state")]), Says::Nothing),
        "offsite" => (words(&["cloud"]), Says::Nothing),
        "hold" => (words(&["ziz", "--why", "copied"]), Says::Nothing),
        "release" => (words(&["ziz"]), Says::Nothing),
        "adopt" | "push" | "run" | "stop" | "snapshots" => (words(&[]), Says::Nothing),
        "restore" => (words(&["ziz", "/", "--to", "/back"]), Says::Nothing),
        _ => bail!("what does `{verb}` do where its output is lost? say here how it is started"),
    })
}

/// A verb as far as it gets, with its outputs at these ends.
fn with_outputs(verb: &str, stdout: Stdio, stderr: Stdio) -> Result<(std::process::Output, Says)> {
    let directory = tempfile::tempdir()?;
    std::fs::create_dir(directory.path().join("runs"))?;
    let (arguments, says) = arguments_of(verb, directory.path())?;
    // Of one host: nobody is asked over the network.
    let fleet = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fleets/smallest/fleet.toml");
    let mut command = genbackup();
    if !arguments.iter().any(|word| word == "--fleet") {
        command.arg("--fleet").arg(fleet);
    }
    command
        .arg(verb)
        .args(arguments)
        .env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr);
    let child = command.spawn()?;
    drop(command);
    Ok((child.wait_with_output()?, says))
}

fn full() -> Result<Stdio> {
    Ok(File::options().write(true).open("/dev/full")?.into())
}

/// The end of a pipe of which nobody reads more.
fn left() -> Result<Stdio> {
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    Ok(writer.into())
}

#[test]
fn what_cannot_be_said_to_its_end_is_a_failure() -> Result<()> {
    for verb in verbs().keys() {
        let (said, says) = with_outputs(verb, full()?, Stdio::piped())?;
        let told = String::from_utf8(said.stderr)?;
        assert!(!told.contains("panicked"), "{verb}: {told}");
        let code = said.status.code();
        if let Says::Something = says {
            assert!(matches!(code, Some(1 | 3)), "{verb}: {code:?} {told}");
            assert!(
                told.contains("error: cannot write to standard output: No space left"),
                "{verb}: {told}"
            );
        }
    }
    Ok(())
}

#[test]
fn who_has_heard_enough_may_go() -> Result<()> {
    for verb in verbs().keys() {
        let (said, says) = with_outputs(verb, left()?, Stdio::piped())?;
        let told = String::from_utf8(said.stderr)?;
        let (whole, _) = with_outputs(verb, Stdio::piped(), Stdio::piped())?;
        assert_eq!(said.status.code(), whole.status.code(), "{verb}: {told}");
        assert_eq!(told, String::from_utf8(whole.stderr)?, "{verb}");
        assert_eq!(
            matches!(says, Says::Something),
            !whole.stdout.is_empty(),
            "{verb}"
        );
        // Complaints that nobody hears are no reason to stop half-way.
        for complaints in [full()?, left()?] {
            let (unheard, _) = with_outputs(verb, Stdio::piped(), complaints)?;
            assert_eq!(unheard.status.code(), whole.status.code(), "{verb}");
            assert_eq!(unheard.stdout.is_empty(), whole.stdout.is_empty(), "{verb}");
        }
    }
    Ok(())
}
