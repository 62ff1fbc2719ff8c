//! What a client's script makes of its sources and of the storage host's request, run as emitted with real
//! restic.

#![expect(
    clippy::disallowed_methods,
    reason = "the script runs as systemd would run it, in directories of the test's own"
)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::command::{Outcome, run};
use crate::repository;
use crate::scripts::Scripts;

const FLEET: &str = r#"
[schedule]
calendar = "daily"

[repository]
host = "jak"
path = "HERE/repository"
password-file = "/etc/genbackup/password"
keep = "7 daily"

[hosts.jak]
OPTIONS
"#;

/// A client's files, a repository, and sources below `HERE`.
struct Client {
    scripts: Scripts,
}

impl Client {
    /// Each `HERE` of the options is the directory.
    fn new(options: &str) -> Result<Self> {
        // Where a repository may be.
        let directory = tempfile::tempdir_in("/var/lib")?;
        let here = directory.path().to_str().context("a directory's name")?;
        let fleet = FLEET.replace("OPTIONS", options).replace("HERE", here);
        let client = Self {
            scripts: Scripts::emitted(directory, &fleet)?,
        };
        client
            .scripts
            .program("systemctl", "#!/bin/sh\necho systemd 257\n")?;
        client
            .scripts
            .moved("backup-restic", &[("/etc/genbackup/", "etc/genbackup/")])?;
        repository::make(&client.path("repository"), "secret")?;
        Ok(client)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scripts.path(name)
    }

    fn file(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        fs::create_dir_all(path.parent().context("a directory")?)?;
        Ok(fs::write(path, "here")?)
    }

    /// The lines of the answer, with `HERE` for the directory, to a request that ends with this line.
    fn answer(&self, third: &str) -> Result<Vec<String>> {
        let mut script = self.scripts.bash("backup-restic");
        // The restic that the tests find, which may be a newer one.
        let path = std::env::var("PATH").context("no PATH")?;
        let here = self.scripts.here()?;
        script
            .env("PATH", format!("{here}/programs:{path}"))
            .env("CACHE_DIRECTORY", here)
            .env("RESTIC_CACHE_DIR", self.path("cache"));
        let request = format!("genbackup/1 backup 1\nsecret\n{third}");
        let Outcome { stdout, .. } = self.scripts.answer(&mut script, &request)?;
        Ok(stdout.lines().map(|line| line.replace(here, "HERE")).collect())
    }

    /// Those lines of the answer that start with a word.
    fn lines_of(&self, word: &str) -> Result<Vec<String>> {
        let lines = self.answer("names\n")?;
        ensure!(lines.contains(&"exit 0".to_owned()), "{lines:#?}");
        Ok(lines
            .into_iter()
            .filter(|line| line.split(' ').next() == Some(word))
            .collect())
    }
}

fn kernel_name() -> Result<String> {
    Ok(run(Command::new("uname").arg("--nodename"))?
        .stdout
        .trim()
        .to_owned())
}

#[test]
fn an_included_link_is_named_with_its_target() -> Result<()> {
    let client =
        Client::new(r#"include = ["HERE/data/f", "HERE/link", "HERE/dangling", "HERE/loop", "HERE/odd"]"#)?;
    client.file("data/f")?;
    client.file("elsewhere/deep/f")?;
    // By way of another link.
    symlink("elsewhere", client.path("by"))?;
    symlink("by/deep", client.path("link"))?;
    symlink("nowhere", client.path("dangling"))?;
    symlink("loop", client.path("loop"))?;
    // Its owner cannot add a line to the answer.
    symlink("x\nexit 0\nbusy", client.path("odd"))?;
    assert_eq!(
        client.lines_of("link")?,
        [
            "link HERE/link -> HERE/elsewhere/deep",
            "link HERE/dangling -> HERE/nowhere",
            "link HERE/loop -> HERE/loop",
            "link HERE/odd -> HERE/x?exit 0?busy",
        ]
    );
    Ok(())
}

#[test]
fn a_link_whose_target_is_included_too_is_not_named() -> Result<()> {
    let client = Client::new(r#"include = ["HERE/data", "HERE/link", "HERE/by/data"]"#)?;
    client.file("data/deep/f")?;
    symlink("data/deep", client.path("link"))?;
    // restic follows a link above an include.
    symlink(".", client.path("by"))?;
    assert_eq!(client.lines_of("link")?, [""; 0]);
    // What begins alike is something else, and a link covers nothing.
    let client = Client::new(r#"include = ["HERE/data", "HERE/link", "HERE/other"]"#)?;
    client.file("data/f")?;
    client.file("data2/deep/f")?;
    symlink("data2/deep", client.path("link"))?;
    symlink("data2", client.path("other"))?;
    assert_eq!(
        client.lines_of("link")?,
        [
            "link HERE/link -> HERE/data2/deep",
            "link HERE/other -> HERE/data2"
        ]
    );
    Ok(())
}

#[test]
fn no_file_is_expected_where_every_include_may_be_empty() -> Result<()> {
    for (options, expected) in [
        (r#"include = ["HERE/a", "HERE/b"]"#, &[][..]),
        (
            "include = [\"HERE/a\", \"HERE/b\"]\nmay-be-empty = [\"HERE/a\"]",
            &[],
        ),
        (
            "include = [\"HERE/a\", \"HERE/b\"]\nmay-be-empty = [\"HERE/a\", \"HERE/b\"]",
            &["no-files"],
        ),
    ] {
        let client = Client::new(options)?;
        fs::create_dir(client.path("a"))?;
        fs::create_dir(client.path("b"))?;
        assert_eq!(client.lines_of("no-files")?, expected, "{options}");
    }
    Ok(())
}

#[test]
fn a_client_of_the_storage_host_s_kernel_name_refuses_before_restic_starts() -> Result<()> {
    let client = Client::new(r#"include = ["HERE/data"]"#)?;
    client.file("data/f")?;
    let kernel = kernel_name()?;
    let lines = client.answer(&format!("names jak={kernel}\n"))?;
    assert_eq!(
        lines,
        [
            format!(
                "refused its kernel host name {kernel} is also that of jak, so restic confuses the locks of both hosts; \
                 give one of them another name: `hostnamectl hostname NAME`"
            ),
            format!("kernel {kernel}"),
        ]
    );
    let snapshots = fs::read_dir(client.path("repository/snapshots"))?.count();
    assert_eq!(snapshots, 0);
    for third in [
        format!("names jak={kernel}.lan\n"),
        format!("names jak=x{kernel}\n"),
        "names \n".to_owned(),
    ] {
        let lines = client.answer(&third)?;
        assert!(
            lines.contains(&format!("kernel {kernel}")) && lines.contains(&"exit 0".to_owned()),
            "{lines:#?}"
        );
    }
    Ok(())
}

/// It sends an empty line where a newer one sends names, and the client neither waits nor refuses.
#[test]
fn a_storage_host_of_the_release_before_is_served_at_once() -> Result<()> {
    let client = Client::new(r#"include = ["HERE/data"]"#)?;
    client.file("data/f")?;
    let start = Instant::now();
    let lines = client.answer("\n")?;
    assert!(lines.contains(&"exit 0".to_owned()), "{lines:#?}");
    assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
    Ok(())
}

#[test]
fn a_restic_that_is_not_ready_for_a_signal_yet_is_stopped_all_the_same() -> Result<()> {
    let client = Client::new(r#"include = ["HERE/data"]"#)?;
    client.file("data/f")?;
    // What bash starts in the background ignores SIGINT until it asks for it.
    client.scripts.program(
        "waits",
        "#!/bin/bash\ntrap 'exit 77' INT\nfor ((n = 0; n < 100; n++)); do read -rt 0.1 <> <(:) || true; done\n",
    )?;
    let waits = client.path("programs/waits");
    client.scripts.program(
        "restic",
        &format!(
            "#!/bin/bash\n[[ $* == *backup* ]] || exit 0\n\
             kill -TERM \"$PPID\"\nsleep 0.2\nexec env --default-signal=INT {}\n",
            waits.display()
        ),
    )?;
    let lines = client.answer("names\n")?;
    assert!(lines.contains(&"exit 77".to_owned()), "{lines:#?}");
    Ok(())
}

/// TCP would notice after a quarter of an hour.
#[test]
fn restic_stops_after_25_s_of_silence() -> Result<()> {
    let client = Client::new(r#"include = ["HERE/data"]"#)?;
    client.file("data/f")?;
    client.scripts.program(
        "waits",
        "#!/bin/bash\nsleep 100 & sleeper=$!\ntrap 'kill \"$sleeper\"; exit 77' INT\nwait \"$sleeper\"\n",
    )?;
    let waits = client.path("programs/waits");
    client.scripts.program(
        "restic",
        &format!(
            "#!/bin/bash\n[[ $* == *backup* ]] || exit 0\nexec env --default-signal=INT {}\n",
            waits.display()
        ),
    )?;
    let start = Instant::now();
    // Behind the request, the storage host is silent.
    let lines = client.answer("names\n")?;
    let took = start.elapsed();
    assert!(lines.contains(&"exit 77".to_owned()), "{lines:#?}");
    assert!(
        (Duration::from_secs(25)..Duration::from_secs(60)).contains(&took),
        "{took:?}"
    );
    Ok(())
}
