//! What a run of containers leaves behind when it is killed or interrupted, and what is printed if there can
//! be no containers: `cargo test --package vmtests --test clean_up`. It takes root.

mod traces;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use vmtests::cache;
use vmtests::container;
use vmtests::crowd::Crowd;
use vmtests::hardware::Hardware;
use vmtests::image::Images;
use vmtests::lab::{Kind, disk_of_storage};
use vmtests::process::{Ended, command, output_of, start};
use vmtests::release::Release;

use self::traces::{Traces, mirror};

/// This program as the run that is killed: boots two machines, prints a line, and ends with its standard
/// input.
const BOOT: &str = "--boot-two-machines";
/// This program in the mode that checks whether containers are possible.
const POSSIBLE: &str = "--are-containers-possible";
const BOOTED: &str = "two machines have booted";
/// For the kernel to end what hangs on a process that was killed.
const GONE_WITHIN: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let asked = std::env::args().nth(1);
    let done = match asked.as_deref() {
        Some(BOOT) => boot_two_machines(),
        Some(POSSIBLE) => container::possible(),
        _ => return tests(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn tests() -> ExitCode {
    let arguments = Arguments::from_args();
    let impossible = container::possible().err();
    if let Some(reason) = &impossible {
        eprintln!("NOT TESTED: what a killed run leaves behind. {reason:#}");
    }
    let trial = |name: &str, test: fn() -> anyhow::Result<()>| {
        Trial::test(name, move || {
            test().map_err(|error| Failed::from(format!("{error:#}")))
        })
        .with_ignored_flag(impossible.is_some())
    };
    let trials = vec![
        trial("a_killed_run_leaves_nothing_that_stays", || {
            leaves_nothing_that_stays(Signal::Kill)
        }),
        trial("a_run_that_is_broken_off_leaves_nothing_that_stays", || {
            leaves_nothing_that_stays(Signal::Interrupt)
        }),
        trial(
            "without_root_the_lab_names_the_reason_and_a_way_out",
            without_root_the_lab_names_the_reason,
        ),
        trial(
            "a_program_that_is_missing_is_named_with_its_package",
            a_missing_program_is_named,
        ),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn boot_two_machines() -> anyhow::Result<()> {
    let machines = vec![
        Hardware::new("jak", 1, Release::Trixie, Some(disk_of_storage())),
        Hardware::new("ziz", 2, Release::Trixie, None),
    ];
    let _crowd = Crowd::boot(Kind::Container, machines)?;
    println!("{BOOTED}");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// How a run ends before its time.
#[derive(Debug, Clone, Copy)]
enum Signal {
    /// SIGKILL, for the process of the tests alone.
    Kill,
    /// SIGINT, for all that a terminal's Ctrl-C reaches: the whole process group.
    Interrupt,
}

fn leaves_nothing_that_stays(signal: Signal) -> anyhow::Result<()> {
    let cache = Cache::new()?;
    let mut run = Run::start(&cache)?;
    let before = Traces::of(&run, &cache)?;
    // Otherwise what is gone later was never there, or not found.
    ensure!(before.processes.len() > 10, "too few processes: {before:?}");
    ensure!(before.namespaces.len() > 6, "too few namespaces: {before:?}");
    ensure!(
        before.cgroups.len() == 1 && before.directories.len() == 2,
        "{before:?}"
    );
    ensure!(before.loop_devices()?.len() == 1, "the second disk: {before:?}");
    let expected = before.directories.len()
        + 1
        + usize::from(before.cgroups.iter().any(|group| mirror(group).is_some()));
    ensure!(before.left().len() == expected, "{before:?}");

    let process = run.0.0.id();
    let (name, target) = match signal {
        Signal::Kill => ("KILL", process.to_string()),
        Signal::Interrupt => ("INT", format!("-{process}")),
    };
    output_of(command("kill").args(["--signal", name, "--", &target]))?;
    let status = run.0.wait_within(GONE_WITHIN)?;
    ensure!(status.is_some_and(|status| !status.success()), "{status:?}");
    before.end()?;

    // What is left are directories, of files and of cgroups, and the next run removes them.
    let mut next = Run::start(&cache)?;
    let left = before.left();
    ensure!(left.is_empty(), "the next run did not remove {left:?}");
    let after = Traces::of(&next, &cache)?;
    drop(next.0.0.stdin.take());
    let status = next
        .0
        .wait_within(GONE_WITHIN)?
        .context("the next run does not end")?;
    ensure!(status.success(), "the next run: {status}");
    let left = after.left();
    ensure!(left.is_empty(), "a run that succeeds leaves {left:?}");
    after.end()
}

/// A separate cache, with the image of the common one: it shows no other run.
struct Cache {
    directory: tempfile::TempDir,
    _images: Images,
}

impl Cache {
    fn new() -> anyhow::Result<Self> {
        let images = Images::ready(&[Release::Trixie], Kind::Container)?;
        let tree = images.of(Release::Trixie)?.tree();
        let image = tree.parent().context("an image without a directory")?;
        let directory = tempfile::Builder::new()
            .prefix("clean-up-")
            .tempdir_in(cache::directory()?)?;
        symlink(
            image,
            directory.path().join(image.file_name().unwrap_or_default()),
        )?;
        Ok(Self {
            directory,
            _images: images,
        })
    }
}

/// This program as a run.
struct Run(Ended);

impl Run {
    fn start(cache: &Cache) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        // A shell that starts these tests in the background has them ignore Ctrl-C, and their children, too.
        let mut boot = command("env");
        boot.arg("--default-signal=INT")
            .arg(&program)
            .arg(BOOT)
            .env("GENBACKUP_VM_CACHE", cache.directory.path())
            .process_group(0);
        boot.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut run = Ended(start(&mut boot)?);
        let output = run.0.stdout.take().context("no standard output")?;
        let mut printed = Vec::new();
        for line in BufReader::new(output).lines() {
            let line = line?;
            if line == BOOTED {
                return Ok(Self(run));
            }
            printed.push(line);
        }
        anyhow::bail!(
            "the run has ended before its machines had booted: {}",
            printed.join("\n")
        )
    }
}

/// This program, where everybody may run it.
fn program_for_everybody(directory: &Path) -> anyhow::Result<PathBuf> {
    let program = directory.join("clean-up");
    // Another process writes it: a child that another thread starts has, for a moment, all files that this
    // process has open for writing, and such a file cannot be run.
    output_of(command("cp").arg(std::env::current_exe()?).arg(&program))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
    Ok(program)
}

fn refused(asking: &mut std::process::Command) -> anyhow::Result<String> {
    let output = asking.output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1), "{}: {text}", output.status);
    Ok(text)
}

fn without_root_the_lab_names_the_reason() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let program = program_for_everybody(directory.path())?;
    let mut nobody = command("setpriv");
    nobody
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(program)
        .arg(POSSIBLE);
    let printed = refused(&mut nobody)?;
    let expected = "error: this machine cannot have containers:\n\
                    - this is not root\n  hint: run it with sudo\n\n\
                    hint: `--lab vm` runs the stories on virtual machines\n";
    ensure!(printed == expected, "{printed}");
    Ok(())
}

fn a_missing_program_is_named() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let path = std::env::var_os("PATH").context("no PATH")?;
    // All that is asked for, without two of them.
    for program in ["id", "nsenter", "unshare", "setpriv", "true", "mke2fs"] {
        let mut places = std::env::split_paths(&path).map(|place| place.join(program));
        let there = places
            .find(|place| place.exists())
            .with_context(|| program.to_owned())?;
        symlink(there, directory.path().join(program))?;
    }
    let program = std::env::current_exe()?;
    let printed = refused(
        command(&program.to_string_lossy())
            .arg(POSSIBLE)
            .env("PATH", directory.path()),
    )?;
    for expected in [
        "- `systemd-nspawn` is missing\n  hint: apt-get install systemd-container, or `cargo xtask setup`\n",
        "- `ip` is missing\n  hint: apt-get install iproute2, or `cargo xtask setup`\n",
    ] {
        ensure!(printed.contains(expected), "{printed}");
    }
    ensure!(
        !printed.contains("not root") && !printed.contains("mke2fs"),
        "{printed}"
    );
    Ok(())
}
