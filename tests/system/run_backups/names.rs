//! Kernel host names: restic confuses the locks of two hosts with one name.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::thread;

use anyhow::{Context, Result};

use super::{FLEET, Night, SUCCESS};

/// The kernel host name of this machine, which is the storage host.
fn here() -> Result<String> {
    Ok(nix::unistd::gethostname()?.to_string_lossy().into_owned())
}

/// A run in which hosts have these kernel host names; what each host hears of names.
fn hears(night: &Night, kernels: [(&str, &str); 2]) -> Result<Vec<String>> {
    let listens = "#!/bin/bash\nread -r _; read -r _; IFS= read -r third\n\
                   echo \"$third\" >\"$ANSWERS/${!#}.heard\"\ncat \"$ANSWERS/${!#}\"\n";
    night.program("ssh", listens)?;
    for (host, kernel) in kernels {
        night.answers(host, &format!("kernel {kernel}\n{SUCCESS}"))?;
    }
    night.run()?;
    kernels
        .iter()
        .map(|(host, _)| {
            let file = night.path("answers").join(format!("{host}.heard"));
            fs::read_to_string(&file).with_context(|| format!("{host} was not asked"))
        })
        .collect()
}

#[test]
fn an_equal_kernel_name_fails() -> Result<()> {
    let night = Night::new()?;
    let here = here()?;
    let heard = hears(&night, [("kai", &here), ("ziz", "ziz")])?;
    let expected = format!("names jak={here}\n");
    assert_eq!(heard, [expected.clone(), expected]);
    let ends = [("kai", "failed"), ("ziz", "ok")].map(|(host, status)| (host.to_owned(), status.to_owned()));
    assert_eq!(night.statuses()?, ends);
    let events = night.record()?.into_iter();
    let text = events.map(|event| event.to_string()).collect::<String>();
    assert!(
        text.contains(&format!("its kernel host name {here} is also that of jak")),
        "{text}"
    );
    Ok(())
}

/// In either order: the one that claims the name may be asked before the other, or after it.
#[test]
fn claiming_the_kernel_name_of_another_client_changes_nothing() -> Result<()> {
    for name in ["ziz", "kai"] {
        let night = Night::new()?;
        let heard = hears(&night, ["kai", "ziz"].map(|host| (host, name)))?;
        let expected = format!("names jak={}\n", here()?);
        assert_eq!(heard, [expected.clone(), expected], "{name}");
        let ends = ["kai", "ziz"].map(|host| (host.to_owned(), "ok".to_owned()));
        assert_eq!(night.statuses()?, ends, "{name}");
    }
    Ok(())
}

/// The storage host is also a client, with its own name.
#[test]
fn the_storage_host_may_have_its_own_kernel_name() -> Result<()> {
    let night = Night::of(&FLEET.replace("[hosts.jak]\n", "[hosts.jak]\ninclude = [\"/etc\"]\n"))?;
    let here = here()?;
    let answer = format!("kernel {here}\n{SUCCESS}");
    night.answers("kai", &answer)?;
    night.answers("ziz", SUCCESS)?;
    // In the place of genbackup-backup.socket.
    let socket = night.path("backup.sock");
    let listener = UnixListener::bind(&socket)?;
    let backup = thread::spawn(move || -> Result<Vec<String>> {
        let (mut connection, _) = listener.accept()?;
        let lines = BufReader::new(connection.try_clone()?).lines();
        let heard: Vec<String> = lines.take(3).collect::<Result<_, _>>()?;
        connection.write_all(answer.as_bytes())?;
        Ok(heard)
    });
    let script = fs::read_to_string(night.script("run-backups"))?;
    let option = format!("options=(\n    --socket {}\n", socket.display());
    fs::write(
        night.script("run-backups"),
        script.replace("options=(\n", &option),
    )?;
    let ended = night.run()?;
    let ends = [("jak", "ok"), ("kai", "failed"), ("ziz", "ok")];
    let ends = ends.map(|(host, status)| (host.to_owned(), status.to_owned()));
    assert_eq!(night.statuses()?, ends, "{}", ended.stderr);
    let heard = backup.join().ok().context("the backup panicked")??;
    assert!(heard[0].starts_with("genbackup/1 backup 2"), "{heard:?}");
    assert_eq!(heard[1..], ["secret", "names "]);
    Ok(())
}

/// Nothing listens on the socket of the storage host.
#[test]
fn a_missing_socket_of_the_storage_host_is_named() -> Result<()> {
    let night = Night::of(&FLEET.replace("[hosts.jak]\n", "[hosts.jak]\ninclude = [\"/etc\"]\n"))?;
    night.answers("kai", SUCCESS)?;
    night.answers("ziz", SUCCESS)?;
    let script = fs::read_to_string(night.script("run-backups"))?;
    fs::write(
        night.script("run-backups"),
        script.replace("options=(\n", "options=(\n    --socket /nonexistent/socket\n"),
    )?;
    let ended = night.run()?;
    assert_eq!(ended.status.code(), Some(1));
    let why = night.ends()?[0]["why"].to_string();
    assert!(
        why.contains("nothing listens on its socket; run `systemctl enable --now genbackup-backup.socket`"),
        "{why}"
    );
    Ok(())
}
