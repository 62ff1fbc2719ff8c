//! bash gives back paths and names.

use std::io::{Read, Seek, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::Reader;
use super::field::{Field, Files, Host};
use super::property::{all_come_back, same};

/// Programs print their arguments instead of using them.
const STAND_INS: &str = r#"
show() { printf '%s\0' "$@"; }
install() { show "$@"; }
restic() { show "$@"; }
for program in chown cut findmnt genbackup grep ls mkdir mount sed ssh-keygen; do eval "$program() { show \"\$@\"; }"; done
exec() { show "$@"; }
CREDENTIALS_DIRECTORY=/credentials
"#;

#[test]
fn bash_gives_back_every_path_and_name() -> Result<()> {
    all_come_back(Reader::Bash, |_| true, &|cases| {
        let mut commands = Commands::default();
        for case in cases {
            let (storage, client) = (case.files(Host::Storage)?, case.files(Host::Client)?);
            let text = &case.text;
            match case.field {
                Field::RepositoryPath => repository(&mut commands, &storage, text)?,
                Field::FileSystem => commands.add(
                    line(storage.script("make-directory")?, "install ")?,
                    &[
                        "--directory",
                        "--mode=0700",
                        "--owner=restic",
                        "--group=restic",
                        "--",
                        &format!("{text}/r"),
                    ],
                ),
                Field::Mount => backup(&mut commands, &client, text, "ziz")?,
                Field::StorageName => {
                    hosts(&mut commands, &storage, [text, "ziz"])?;
                    backup(&mut commands, &storage, "/srv/restic", text)?;
                }
                Field::ClientName => {
                    hosts(&mut commands, &storage, ["jak", text])?;
                    backup(&mut commands, &client, "/mnt/jak", text)?;
                }
                field => bail!("{field:?} is in no script"),
            }
        }
        same(&commands.run()?, &commands.words)
    })
}

/// Lines of scripts, and the words that bash has to make of them.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    code: String,
    pub(crate) words: Vec<String>,
}

impl Commands {
    pub(crate) fn add(&mut self, code: &str, words: &[&str]) {
        self.code.push_str(code);
        self.code.push('\n');
        self.words.extend(words.iter().map(|word| (*word).to_owned()));
    }

    /// Runs as user nobody and without programs, because a text that is quoted wrongly may be any command.
    pub(crate) fn run(&self) -> Result<Vec<String>> {
        let mut script = tempfile::tempfile()?;
        write!(script, "set -uf{STAND_INS}{}", self.code)?;
        script.rewind()?;
        let mut bash = Command::new("/usr/bin/setpriv");
        bash.args(["--reuid=65534", "--regid=65534", "--clear-groups", "/bin/bash"])
            .args(["--noprofile", "--norc"])
            .stdin(Stdio::from(script))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .current_dir("/")
            .env_clear()
            .env("PATH", "/nonexistent")
            .env("LC_ALL", "C");
        let output = bash.output().context("cannot start bash")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success() && complaint.is_empty(), "{complaint}");
        let mut text = String::new();
        output.stdout.as_slice().read_to_string(&mut text)?;
        Ok(text.split_terminator('\0').map(str::to_owned).collect())
    }
}

/// The one line of a script that starts like this.
fn line<'s>(script: &'s str, start: &str) -> Result<&'s str> {
    let lines: Vec<&str> = script.lines().filter(|line| line.starts_with(start)).collect();
    let [line] = lines[..] else {
        bail!("{} lines start with {start}", lines.len());
    };
    Ok(line)
}

fn repository(commands: &mut Commands, storage: &Files, path: &str) -> Result<()> {
    let maintain = storage.script("maintain-repository")?;
    commands.add(line(maintain, "repository=")?, &[]);
    commands.add("show \"$repository\"", &[path]);
    backup(commands, storage, path, "jak")
}

/// The words with which a host starts restic.
fn backup(commands: &mut Commands, host: &Files, path: &str, name: &str) -> Result<()> {
    let script = host.script("backup-restic")?;
    let (_, command) = script
        .split_once("RESTIC_PROGRESS_FPS=0.5 restic --repo")
        .context("no restic")?;
    let (command, _) = command.split_once(" \\\n        < <(").context("no password")?;
    commands.add(line(script, "repository=")?, &[]);
    commands.add(
        &format!("restic --repo{command}"),
        &[
            // Without a version in the fleet file, the oldest restic: it has no --retry-lock and no
            // --group-by.
            &["--repo", path, "--json", "--quiet"][..],
            &["backup", "--host", name, "--tag", "genbackup"],
            &["--files-from-verbatim", "/etc/genbackup/include"],
            &["--exclude-file", "/etc/genbackup/exclude"],
        ]
        .concat(),
    );
    Ok(())
}

/// The hosts of a run, the storage host among them, and the way to the others.
fn hosts(commands: &mut Commands, storage: &Files, [local, remote]: [&str; 2]) -> Result<()> {
    let script = storage.script("run-backups")?;
    let (_, coordinate) = script.split_once("\nexec ").context("it starts nothing")?;
    commands.add(line(script, "hosts=(")?, &[]);
    // The limits have no path and no name.
    commands.add("options=(--limits)", &[]);
    let words = [
        "genbackup",
        "coordinate",
        "--storage-host",
        local,
        "--limits",
        "--hosts",
        local,
        remote,
    ];
    let way = ["--", "ssh", "-F", "/etc/genbackup/ssh_config", "--"];
    commands.add(&format!("exec {coordinate}"), &[&words[..], &way].concat());
    Ok(())
}
