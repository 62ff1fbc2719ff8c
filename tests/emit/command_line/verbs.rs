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

/// What `genbackup ARGUMENTS` prints. There is no fleet file, since none is needed.
pub(crate) fn printed(arguments: &[&str]) -> Result<String> {
    let outcome = run(genbackup()
        .args(["--fleet", "/dev/null/fleet.toml"])
        .args(arguments))?;
    ensure!(
        outcome.status.success() && outcome.stderr.is_empty(),
        "{}",
        outcome.stderr
    );
    Ok(outcome.stdout)
}

/// What a verb prints on standard output.
enum Prints {
    Something,
    /// Nothing here, where there is no systemd, no repository and no way to a host.
    Nothing,
}

/// Arguments with which a verb gets as far as it can here. One that is not listed has none.
fn arguments_of(verb: &str, directory: &Path) -> Result<(Vec<String>, Prints)> {
    let at = |name: &str| directory.join(name).display().to_string();
    let runs = ["--runs".to_owned(), at("runs")];
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    Ok(match verb {
        "check" | "explain" | "schema" => (words(&[]), Prints::Something),
        "completions" => (words(&["bash"]), Prints::Something),
        "man" | "reference" => (words(&["--out", &at(verb)]), Prints::Something),
        "emit" => (words(&["--all", "--root", &at("root")]), Prints::Something),
        "init" => (
            words(&["--fleet", &at("new.toml"), "--host", "jak"]),
            Prints::Something,
        ),
        "doctor" => (
            [words(&["--host", "attic"]), runs.to_vec()].concat(),
            Prints::Something,
        ),
        "history" | "metrics" | "status" => (runs.to_vec(), Prints::Something),
        "watch" => {
            let memory = words(&["--memory", &at("memory")]);
            ([memory, runs.to_vec()].concat(), Prints::Nothing)
        }
        "report" => (
            [words(&["--out", &at("report.html")]), runs.to_vec()].concat(),
            Prints::Nothing,
        ),
        // Only its command prints.
        "record" => (
            [words(&["check"]), runs.to_vec(), words(&["--", "true"])].concat(),
            Prints::Nothing,
        ),
        // No unit starts these, so they have no directories.
        "coordinate" => {
            let limits = ["--max-parallel", "1", "--time-limit", "1", "--lock-wait", "1"];
            let names = ["--storage-host", "jak", "--password-file", "/p", "--hosts", "jak"];
            (words(&[&limits[..], &names].concat()), Prints::Nothing)
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
            Prints::Nothing,
        ),
        "init-repository" => (
            words(&["--repository", "/r", "--password-file", "/p", "--", "true"]),
            Prints::Nothing,
        ),
        // Standard input is no socket.
        "serve-repository" => (words(&["/r"]), Prints::Nothing),
        "settle-turn" => (
            words(&[
                "--repository",
                "/r",
                "--state",
                "/s",
                "--host",
                "kai",
                "--begin",
                "2026-11-30T04:00:00Z",
                "--end",
                "2026-11-30T05:00:00Z",
                "--time-limit",
                "1",
                "--password-file",
                "/p",
            ]),
            Prints::Nothing,
        ),
        // No copy has this name.
        "copy-offsite" => (words(&["cloud", "--state", &at("state")]), Prints::Nothing),
        "offsite" => (words(&["cloud"]), Prints::Nothing),
        "hold" => (words(&["ziz", "--why", "copied"]), Prints::Nothing),
        "release" => (words(&["ziz"]), Prints::Nothing),
        "adopt" | "push" | "run" | "settle" | "stop" | "snapshots" => (words(&[]), Prints::Nothing),
        "restore" => (words(&["ziz", "/", "--to", "/back"]), Prints::Nothing),
        _ => bail!("what does `{verb}` do where its output is lost? add here how it is started"),
    })
}

/// A verb as far as it gets, with its outputs at these ends.
fn with_outputs(verb: &str, stdout: Stdio, stderr: Stdio) -> Result<(std::process::Output, Prints)> {
    let directory = tempfile::tempdir()?;
    std::fs::create_dir(directory.path().join("runs"))?;
    let (arguments, prints) = arguments_of(verb, directory.path())?;
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
    Ok((child.wait_with_output()?, prints))
}

fn full() -> Result<Stdio> {
    Ok(File::options().write(true).open("/dev/full")?.into())
}

/// The end of a pipe that nobody reads any more.
fn left() -> Result<Stdio> {
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    Ok(writer.into())
}

#[test]
fn output_that_cannot_be_written_is_a_failure() -> Result<()> {
    for verb in verbs().keys() {
        let (outcome, prints) = with_outputs(verb, full()?, Stdio::piped())?;
        let complaint = String::from_utf8(outcome.stderr)?;
        assert!(!complaint.contains("panicked"), "{verb}: {complaint}");
        let code = outcome.status.code();
        if let Prints::Something = prints {
            assert!(matches!(code, Some(1 | 3)), "{verb}: {code:?} {complaint}");
            assert!(
                complaint.contains("error: cannot write to standard output: No space left"),
                "{verb}: {complaint}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_reader_may_close_the_pipe_early() -> Result<()> {
    for verb in verbs().keys() {
        let (outcome, prints) = with_outputs(verb, left()?, Stdio::piped())?;
        let complaint = String::from_utf8(outcome.stderr)?;
        let (whole, _) = with_outputs(verb, Stdio::piped(), Stdio::piped())?;
        assert_eq!(outcome.status.code(), whole.status.code(), "{verb}: {complaint}");
        assert_eq!(complaint, String::from_utf8(whole.stderr)?, "{verb}");
        assert_eq!(
            matches!(prints, Prints::Something),
            !whole.stdout.is_empty(),
            "{verb}"
        );
        // Complaints that nobody reads are no reason to stop half-way.
        for complaints in [full()?, left()?] {
            let (unread, _) = with_outputs(verb, Stdio::piped(), complaints)?;
            assert_eq!(unread.status.code(), whole.status.code(), "{verb}");
            assert_eq!(unread.stdout.is_empty(), whole.stdout.is_empty(), "{verb}");
        }
    }
    Ok(())
}
