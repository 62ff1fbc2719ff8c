//! Password files that restic and a client would read differently.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{FLEET, Night};
use crate::command::{Outcome, genbackup, run};

/// Runs a script, or what genbackup-init.service starts.
fn ended_by(night: &Night, script: &str, repository: &Path) -> Result<Outcome> {
    if script != "init-repository" {
        return night.run_script(script, &[]);
    }
    let mut init = night.command("run-backups", &[]);
    let path = { init.get_envs() }.find_map(|(name, value)| (name == "PATH").then(|| value.map(Into::into)));
    let path: std::ffi::OsString = path.flatten().context("no PATH")?;
    init = genbackup();
    init.env("PATH", path)
        .env("ANSWERS", night.path("answers"))
        .env("STATE_DIRECTORY", night.path("state"))
        .env("CREDENTIALS_DIRECTORY", night.path("credentials"))
        .args([
            "init-repository",
            "--password-file",
            "/etc/genbackup/restic-password",
            "--repository",
        ])
        .arg(repository)
        .args(["--", "restic", "--repo"])
        .arg(repository)
        .arg("init");
    run(&mut init)
}

/// What restic and a client read differently, and what they read alike; `true` where it is refused.
const PASSWORD_FILES: [(&[u8], bool); 18] = [
    (b"secret\n", false),
    (b"secret", false),
    (b"secret\r\n", false),
    (b"  two words \t\n", false),
    (b"secret\n\n \n", false),
    (b"gr\xc3\xbc\xc3\x9fe\n", false),
    (b"not \xff utf-8\n", false),
    (b"\xef\xbb\xbfsecret\n", true),
    (b"\xff\xfes\0e\0", true),
    (b"secret\nsecond\n", true),
    (b"\nsecret\n", true),
    (b"secret\xc2\xa0\n", true),
    (b"\xe3\x80\x80secret\n", true),
    (b"secret \r\n", true),
    (b"secret\x0b\n", true),
    (b"sec\0ret\n", true),
    (b" \r\n\n", true),
    (b"", true),
];

#[test]
fn a_password_file_of_two_readings_is_refused_by_name_wherever_it_is_read() -> Result<()> {
    let init = FLEET
        .replace("[hosts.jak]\n", "[hosts.jak]\ninclude = [\"/etc\"]\n")
        .replace(
            "path = \"/mnt/storage/restic\"\n",
            "path = \"/mnt/storage/restic\"\nfile-system = \"/mnt/storage\"\ninitialize = true\n",
        );
    for (text, is_refused) in PASSWORD_FILES {
        for script in ["run-backups", "maintain-repository", "init-repository"] {
            let night = Night::of(&init)?;
            fs::write(night.path("credentials/restic-password"), text)?;
            let repository = night.path("repository");
            fs::create_dir(&repository)?;
            if script != "init-repository" {
                let path = night.script(script);
                let here = fs::read_to_string(&path)?.replace(
                    "/mnt/storage/restic",
                    repository.to_str().context("a directory's name")?,
                );
                fs::write(&path, here)?;
            }
            // Any program that would get the password, or supply it.
            let asked = "#!/bin/bash\n[[ $* == version ]] || touch \"$ANSWERS/asked\"\nexit 1\n";
            for program in ["ssh", "restic", "socat"] {
                night.program(program, asked)?;
            }
            let ended = ended_by(&night, script, &repository)?;
            let printed = format!("{script} of {text:?}: {}{}", ended.stdout, ended.stderr);
            assert_eq!(ended.status.code(), Some(1), "{printed}");
            assert_eq!(night.path("answers/asked").exists(), !is_refused, "{printed}");
            assert_eq!(
                printed.contains("the password file /etc/genbackup/restic-password "),
                is_refused,
                "{printed}"
            );
        }
    }
    Ok(())
}

/// Checks with the installed restic that it reads the accepted files like a client does, and the refused ones
/// not.
#[test]
fn restic_and_a_client_read_the_same_of_what_is_taken() -> Result<()> {
    let directory = tempfile::tempdir_in("/dev/shm")?;
    for (number, (text, is_refused)) in PASSWORD_FILES.into_iter().enumerate() {
        if text.trim_ascii().is_empty() {
            continue;
        }
        let (file, repository) = (
            directory.path().join("file"),
            directory.path().join(number.to_string()),
        );
        fs::write(&file, text)?;
        // root's restic reads the file, and a client's script hands its first line on.
        let client =
            "head --lines=1 \"$1\" | { read -r password; printf '%s\\n' \"$password\"; } 2>/dev/null |
            restic --no-cache --repo \"$2\" cat config";
        let made = run(Command::new("restic")
            .args(["--no-cache", "init", "--repo"])
            .arg(&repository)
            .arg("--password-file")
            .arg(&file))?;
        ensure!(made.status.success(), "{}", made.stderr);
        let opened = run(Command::new("/bin/bash")
            .args(["-c", client, "bash"])
            .args([&file, &repository])
            .env("LC_ALL", "C"))?;
        assert_eq!(
            opened.status.success(),
            !is_refused,
            "{text:?}: {}",
            opened.stderr
        );
    }
    Ok(())
}
