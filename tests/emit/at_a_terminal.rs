//! At a terminal: what `genbackup init` asks and makes of the answers, and how `genbackup explain` fits into it.

#![expect(
    clippy::disallowed_methods,
    reason = "the program runs as its users run it, and ssh-keyscan is a fake"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::command::{Outcome, genbackup, run};
use crate::conversation::Conversation;
use crate::executable::executable;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKUthtmB1nGOk/Hh8BpoxFSY1XYL4CMoSFbOhcnVHWJD";
const ENTER: &str = "\r";
const CTRL_C: &str = "\u{3}";

/// A directory for everything that is asked for, and a fake of ssh-keyscan.
struct Scene {
    directory: TempDir,
}

impl Scene {
    fn new(shows: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let programs = directory.path().join("programs");
        fs::create_dir(&programs)?;
        let program = programs.join("ssh-keyscan");
        executable(&program, &format!("#!/bin/sh\nprintf '%s\\n' '{shows}'\n"))?;
        Ok(Self { directory })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn start(&self) -> Result<Conversation> {
        self.start_with(genbackup(), &[])
    }

    /// The program under test, started in some way, with these options.
    fn start_with(&self, mut command: Command, options: &[&str]) -> Result<Conversation> {
        let path = std::env::var("PATH").context("no PATH")?;
        let path = format!("{}:{path}", self.at("programs").display());
        command
            .arg("--fleet")
            .arg(self.at("fleet.toml"))
            .args(["init", "--host", "jak"])
            .args(options);
        Conversation::start(command.env("PATH", path), 100)
    }

    fn check(&self) -> Result<Outcome> {
        run(genbackup()
            .arg("--fleet")
            .arg(self.at("fleet.toml"))
            .args(["check", "--no-exposure"]))
    }

    /// The names of all files but the fake.
    fn files(&self) -> Result<Vec<String>> {
        let names = fs::read_dir(self.directory.path())?.map(|entry| Ok(entry?.file_name().into_string()));
        let names: Vec<_> = names.collect::<Result<_>>()?;
        let mut names: Vec<String> = names
            .into_iter()
            .flatten()
            .filter(|name| name != "programs")
            .collect();
        names.sort();
        Ok(names)
    }
}

fn typed(text: impl AsRef<Path>) -> String {
    format!("{}{ENTER}", text.as_ref().display())
}

/// Answers up to the question for other machines.
fn first_answers(scene: &Scene, talk: &mut Conversation) -> Result<()> {
    talk.answer("the storage host's name:", ENTER)?;
    talk.answer("the repository's directory:", &typed("relative"))?;
    talk.wait_for("`relative` is not an absolute path")?;
    let eight = "\u{7f}".repeat(8);
    talk.answer("", &format!("{eight}{}", typed("/srv/\"odd\" directory/restic")))?;
    talk.answer("the mount point of its file system:", &typed("/srv"))?;
    talk.answer(
        "the file with the repository's password",
        &typed(scene.at("password")),
    )?;
    talk.answer("make it with a random password?", ENTER)?;
    talk.answer("what to back up on jak:", &typed("/etc, /home"))
}

fn last_answers(talk: &mut Conversation) -> Result<()> {
    talk.answer("when a run starts:", &typed("Mon..Fri 22:30"))?;
    talk.answer("which snapshots to keep:", ENTER)
}

fn after_the_clients(scene: &Scene, talk: &mut Conversation) -> Result<()> {
    talk.answer("back up another machine?", ENTER)?;
    talk.answer("where clients mount the repository:", ENTER)?;
    talk.answer("the private ssh key for the clients", &typed(scene.at("key")))?;
    talk.answer("make a key pair with `ssh-keygen`?", ENTER)?;
    last_answers(talk)?;
    talk.answer("write the fleet file?", ENTER)?;
    talk.answer("show the password now?", ENTER)
}

fn mode(file: &Path) -> Result<u32> {
    Ok(fs::metadata(file)?.permissions().mode() & 0o7777)
}

/// The password exists by then: without the fleet file, `init` would leave only a part of its files.
#[test]
fn files_are_written_even_if_the_output_is_lost() -> Result<()> {
    let scene = Scene::new("")?;
    let mut command = Command::new("bash");
    command.args(["-c", "\"$0\" \"$@\" | head --lines=1; exit ${PIPESTATUS[0]}"]);
    command.arg(env!("CARGO_BIN_EXE_genbackup"));
    let mut talk = scene.start_with(command, &[])?;
    first_answers(&scene, &mut talk)?;
    talk.answer("back up another machine?", ENTER)?;
    last_answers(&mut talk)?;
    talk.answer("write the fleet file?", ENTER)?;
    talk.answer("show the password now?", ENTER)?;
    let (status, printed) = talk.end()?;
    assert!(status.success(), "{printed}");
    assert_eq!(scene.files()?, ["fleet.schema.json", "fleet.toml", "password"]);
    Ok(())
}

#[test]
fn answers_for_one_machine_become_a_file_that_check_takes() -> Result<()> {
    let scene = Scene::new("")?;
    let mut talk = scene.start()?;
    first_answers(&scene, &mut talk)?;
    talk.answer("back up another machine?", ENTER)?;
    last_answers(&mut talk)?;
    talk.answer("write the fleet file?", ENTER)?;
    talk.answer("show the password now?", ENTER)?;
    let (status, printed) = talk.end()?;
    assert!(status.success(), "{printed}");
    assert_eq!(scene.files()?, ["fleet.schema.json", "fleet.toml", "password"]);
    let fleet = fs::read_to_string(scene.at("fleet.toml"))?;
    assert!(fleet.starts_with("#:schema ./fleet.schema.json\n"), "{fleet}");
    assert!(
        fleet.contains("\npath = \"/srv/\\\"odd\\\" directory/restic\"\n"),
        "{fleet}"
    );
    assert!(fleet.contains("\ncalendar = \"Mon..Fri 22:30\"\n"), "{fleet}");
    let checked = scene.check()?;
    assert!(
        checked.stdout.contains("no problems, 1 host"),
        "{}",
        checked.stderr
    );

    let password = fs::read_to_string(scene.at("password"))?;
    assert_eq!((mode(&scene.at("password"))?, password.len()), (0o600, 45));
    assert!(
        !printed.contains(password.trim()),
        "it was shown to nobody who asked"
    );
    assert!(
        printed.contains("keep a copy of it on another machine"),
        "{printed}"
    );
    Ok(())
}

/// A user who includes everything is not asked for an exclude.
#[test]
fn all_of_a_machine_is_included_without_what_the_sandbox_hides() -> Result<()> {
    let scene = Scene::new("")?;
    let mut talk = scene.start()?;
    talk.answer("the storage host's name:", ENTER)?;
    talk.answer("the repository's directory:", &typed("/srv/r"))?;
    talk.answer("the mount point of its file system:", &typed("/"))?;
    talk.answer(
        "the file with the repository's password",
        &typed(scene.at("password")),
    )?;
    talk.answer("make it with a random password?", ENTER)?;
    talk.answer("what to back up on jak:", &typed("/"))?;
    talk.answer("back up another machine?", ENTER)?;
    last_answers(&mut talk)?;
    talk.answer("write the fleet file?", ENTER)?;
    talk.answer("show the password now?", ENTER)?;
    let (status, printed) = talk.end()?;
    assert!(status.success(), "{printed}");
    let fleet = fs::read_to_string(scene.at("fleet.toml"))?;
    assert!(
        fleet.contains("\ninclude = [\"/\"]\nexclude = [\"/home/*/.cache\", "),
        "{fleet}"
    );
    assert!(fleet.contains("\"/srv/r\"]"), "{fleet}");
    let checked = scene.check()?;
    assert!(checked.status.success(), "{}", checked.stderr);
    Ok(())
}

#[test]
fn the_password_is_shown_on_request() -> Result<()> {
    let scene = Scene::new("")?;
    let mut talk = scene.start()?;
    first_answers(&scene, &mut talk)?;
    talk.answer("back up another machine?", ENTER)?;
    last_answers(&mut talk)?;
    talk.answer("write the fleet file?", ENTER)?;
    talk.answer("show the password now?", "y\r")?;
    let (status, printed) = talk.end()?;
    let password = fs::read_to_string(scene.at("password"))?;
    assert!(status.success() && printed.contains(password.trim()), "{printed}");
    Ok(())
}

#[test]
fn a_client_s_key_is_taken_once_its_fingerprint_was_compared() -> Result<()> {
    let scene = Scene::new(&format!("ziz {KEY}"))?;
    let fingerprint = genbackup::model::PublicKey::try_from(KEY.to_owned())?.fingerprint();
    let mut talk = scene.start()?;
    first_answers(&scene, &mut talk)?;
    for (name, compared) in [("ziz", true), ("kai", false)] {
        talk.answer("back up another machine?", "y\r")?;
        talk.answer("its name:", &typed(name))?;
        talk.answer("its address:", &typed(format!("{name}.example.net")))?;
        talk.wait_for(&fingerprint)?;
        if compared {
            talk.answer("did you compare them", "y\r")?;
        } else {
            // Pressing enter alone does not trust it.
            talk.answer("did you compare them", ENTER)?;
            talk.answer("its host key:", &typed(KEY.replace("IKUt", "IKUu")))?;
        }
        talk.answer(&format!("what to back up on {name}:"), &typed("/srv"))?;
    }
    after_the_clients(&scene, &mut talk)?;
    let (status, printed) = talk.end()?;
    assert!(status.success(), "{printed}");
    assert_eq!(
        scene.files()?,
        ["fleet.schema.json", "fleet.toml", "key", "key.pub", "password"]
    );
    assert_eq!(mode(&scene.at("key"))?, 0o600);
    let fleet = fs::read_to_string(scene.at("fleet.toml"))?;
    let public_key = fs::read_to_string(scene.at("key.pub"))?;
    assert!(
        fleet.contains(&format!("public-key = \"{}\"", public_key.trim())),
        "{fleet}"
    );
    assert!(fleet.contains(&format!("host-key = \"{KEY}\"")), "{fleet}");
    assert!(fleet.contains("address = \"kai.example.net\""), "{fleet}");
    let checked = scene.check()?;
    assert!(
        checked.stdout.contains("no problems, 3 hosts"),
        "{}",
        checked.stderr
    );
    Ok(())
}

#[test]
fn a_client_of_the_command_line_is_not_asked_for_by_name() -> Result<()> {
    let scene = Scene::new(&format!("ziz {KEY}"))?;
    let mut talk = scene.start_with(genbackup(), &["--client", "ziz=ziz.example.net"])?;
    first_answers(&scene, &mut talk)?;
    talk.answer("did you compare them", "y\r")?;
    talk.answer("what to back up on ziz:", ENTER)?;
    after_the_clients(&scene, &mut talk)?;
    let (status, printed) = talk.end()?;
    assert!(status.success() && !printed.contains("its name:"), "{printed}");
    let fleet = fs::read_to_string(scene.at("fleet.toml"))?;
    assert!(fleet.contains("\naddress = \"ziz.example.net\"\n"), "{fleet}");
    Ok(())
}

#[test]
fn stopping_at_any_question_writes_nothing() -> Result<()> {
    let scene = Scene::new("")?;
    for at_the_end in [false, true] {
        let mut talk = scene.start()?;
        if at_the_end {
            first_answers(&scene, &mut talk)?;
            talk.answer("back up another machine?", ENTER)?;
            last_answers(&mut talk)?;
            talk.answer("write the fleet file?", CTRL_C)?;
        } else {
            talk.answer("the storage host's name:", CTRL_C)?;
        }
        let (status, printed) = talk.end()?;
        assert_eq!(status.code(), Some(1), "{printed}");
        assert!(printed.contains("stopped; nothing was written"), "{printed}");
        assert!(scene.files()?.is_empty(), "{:?}", scene.files()?);
    }
    Ok(())
}

#[test]
fn answers_that_do_not_fit_together_are_asked_for_once_more() -> Result<()> {
    let scene = Scene::new("")?;
    let mut talk = scene.start()?;
    talk.answer("the storage host's name:", ENTER)?;
    talk.answer("the repository's directory:", &typed("/home/restic"))?;
    talk.answer("the mount point of its file system:", &typed("/home"))?;
    talk.answer("the file with the repository's password", &typed("/dev/null"))?;
    talk.answer("what to back up on jak:", &typed("/home"))?;
    talk.answer("back up another machine?", ENTER)?;
    last_answers(&mut talk)?;
    talk.wait_for("do not fit together")?;
    talk.answer("the storage host's name:", CTRL_C)?;
    let (status, printed) = talk.end()?;
    assert_eq!(status.code(), Some(1), "{printed}");
    assert!(scene.files()?.is_empty(), "{:?}", scene.files()?);
    Ok(())
}

#[test]
fn an_existing_file_is_reported_before_any_question() -> Result<()> {
    let scene = Scene::new("")?;
    fs::write(scene.at("fleet.toml"), "mine")?;
    let (status, printed) = scene.start()?.end()?;
    assert_eq!(status.code(), Some(1));
    assert!(
        printed.contains("already exists") && !printed.contains('?'),
        "{printed}"
    );
    assert_eq!(fs::read_to_string(scene.at("fleet.toml"))?, "mine");
    Ok(())
}

#[test]
fn an_existing_schema_stays() -> Result<()> {
    let scene = Scene::new("")?;
    fs::write(scene.at("fleet.schema.json"), "mine")?;
    let outcome = run(genbackup()
        .arg("--fleet")
        .arg(scene.at("fleet.toml"))
        .args(["init", "--host", "jak"]))?;
    assert!(outcome.status.success(), "{}", outcome.stderr);
    assert_eq!(fs::read_to_string(scene.at("fleet.schema.json"))?, "mine");
    Ok(())
}

#[test]
fn an_explanation_is_not_wider_than_the_terminal_and_draws_where_it_has_room() -> Result<()> {
    let fleet = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fleets/post/fleet.toml");
    for columns in [50, 80, 120] {
        let mut command = genbackup();
        command
            .arg("--fleet")
            .arg(&fleet)
            .args(["explain", "--now", "2026-11-23T12:00"]);
        let mut talk = Conversation::start(&mut command, columns)?;
        talk.wait_for("10 years         48  3250 days")?;
        let (status, printed) = talk.end()?;
        assert!(status.success(), "{printed}");
        for line in printed.lines() {
            let wide = textwrap::core::display_width(line);
            assert!(wide <= columns.into(), "{wide} of {columns}: {line:?}");
            // Nobody can copy a unit's name that is broken into two lines.
            assert!(!line.trim_end().ends_with('-'), "{columns}: {line:?}");
        }
        assert_eq!(printed.contains("each by its age"), columns > 60, "{printed}");
    }
    Ok(())
}
