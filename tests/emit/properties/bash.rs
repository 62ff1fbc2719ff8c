//! bash gives back paths and names.

use std::io::{Read, Seek, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::Reader;
use super::field::{Field, Files, Host};
use super::property::{all_come_back, same};

/// Programs show what they are told instead of doing it.
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
        let mut told = Told::default();
        for case in cases {
            let (storage, client) = (case.files(Host::Storage)?, case.files(Host::Client)?);
            let text = &case.text;
            match case.field {
                Field::RepositoryPath => repository(&mut told, &storage, text)?,
                Field::FileSystem => told.add(
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
                Field::Mount => backup(&mut told, &client, text, "ziz")?,
                Field::StorageName => {
                    hosts(&mut told, &storage, [text, "ziz"])?;
                    backup(&mut told, &storage, "/srv/restic", text)?;
                }
                Field::ClientName => {
                    hosts(&mut told, &storage, ["jak", text])?;
                    backup(&mut told, &client, "/mnt/jak", text)?;
                }
                field => bail!("{field:?} is in no script"),
            }
        }
        same(&told.run()?, &told.words)
    })
}

/// Lines of scripts, and the words that bash has to make of them.
#[derive(Debug, Default)]
pub(crate) struct Told {
    code: String,
    pub(crate) words: Vec<String>,
}

impl Told {
    pub(crate) fn add(&mut self, code: &str, words: &[&str]) {
        self.code.push_str(code);
        self.code.push('\n');
        self.words.extend(words.iter().map(|word| (*word).to_owned()));
    }

    /// As nobody, and without programs: what is not quoted as it should be may be anything.
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
        let output = bash.output().context("can't start bash")?;
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

fn repository(told: &mut Told, storage: &Files, path: &str) -> Result<()> {
    let maintain = storage.script("maintain-repository")?;
    told.add(line(maintain, "repository=")?, &[]);
    told.add("show \"$repository\"", &[path]);
    backup(told, storage, path, "jak")
}

/// The words with which a host starts restic.
fn backup(told: &mut Told, host: &Files, path: &str, name: &str) -> Result<()> {
    let script = host.script("backup-restic")?;
    let (_, command) = script
        .split_once("RESTIC_PROGRESS_FPS=0.5 restic --repo")
        .context("no restic")?;
    let (command, _) = command.split_once(" \\\n        < <(").context("no password")?;
    told.add(line(script, "repository=")?, &[]);
    told.add(
        &format!("restic --repo{command}"),
        &[
            // The oldest restic that there is, where the fleet does not say: it has no --retry-lock and no --group-by.
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
fn hosts(told: &mut Told, storage: &Files, [local, remote]: [&str; 2]) -> Result<()> {
    let script = storage.script("run-backups")?;
    let (_, coordinate) = script.split_once("\nexec ").context("it starts nothing")?;
    told.add(line(script, "hosts=(")?, &[]);
    // The limits have no path and no name.
    told.add("options=(--limits)", &[]);
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
    told.add(&format!("exec {coordinate}"), &[&words[..], &way].concat());
    Ok(())
}
