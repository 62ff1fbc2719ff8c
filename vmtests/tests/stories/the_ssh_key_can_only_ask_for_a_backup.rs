//! Without this, whoever takes the storage host's key has a shell on every machine of the fleet.

use vmtests::agent::Output;
use vmtests::fleet::{SSH_KEY_FILE, SSH_PORT};
use vmtests::lab::Lab;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let key = lab.ziz.host_key()?;
    lab.jak.write_file(
        "/root/known_hosts",
        format!("[ziz]:{SSH_PORT} {key}\n").as_bytes(),
        0o600,
    )?;
    let ssh = format!(
        "ssh -F none -i {SSH_KEY_FILE} -o IdentitiesOnly=yes -o UserKnownHostsFile=/root/known_hosts \
         -o BatchMode=yes -o ConnectTimeout=60 -p {SSH_PORT}"
    );
    let attempt =
        |arguments: &str| -> anyhow::Result<Output> { lab.jak.run(&format!("{ssh} {arguments} </dev/null")) };

    // Whatever is asked for, the forced command answers: this is no request. The standard input stays open, since
    // its end would end the conversation.
    for (wish, arguments) in [
        ("a shell", "restic@ziz"),
        ("a command", "restic@ziz 'touch /tmp/owned; id'"),
        (
            "an environment",
            "-o SetEnv=LD_PRELOAD=/tmp/evil.so restic@ziz env",
        ),
    ] {
        let output = lab.jak.run(&format!(
            "{ssh} {arguments} < <(echo 'touch /tmp/owned'; timeout 100 tail -f /dev/null)"
        ))?;
        assert_eq!(
            output.text(),
            "refused unknown request: the storage host may run an incompatible genbackup\nkernel ziz",
            "{wish}: {}",
            output.error_text()
        );
    }
    lab.ziz.fails("test -e /tmp/owned")?;

    let subsystem = attempt("restic@ziz -s sftp")?;
    let complaint = subsystem.error_text();
    assert!(
        complaint.contains("subsystem request failed"),
        "a subsystem: {complaint}"
    );
    let pty = attempt("-tt restic@ziz")?;
    assert!(
        pty.error_text().contains("PTY allocation request failed"),
        "a pty: {}",
        pty.error_text()
    );
    // To its own sshd, to its own socket, and a separate listener.
    for (wish, arguments) in [
        (
            "a tunnel",
            format!("-o ExitOnForwardFailure=yes -W 127.0.0.1:{SSH_PORT} restic@ziz"),
        ),
        (
            "a listener",
            "-o ExitOnForwardFailure=yes -N -R 9999:127.0.0.1:22 restic@ziz".to_owned(),
        ),
        (
            "a socket",
            "-o ExitOnForwardFailure=yes -N -R /tmp/owned.sock:127.0.0.1:22 restic@ziz".to_owned(),
        ),
    ] {
        let output = attempt(&arguments)?;
        assert_ne!(output.status, 0, "{wish} was granted");
        let complaint = output.error_text();
        let refused =
            complaint.contains("administratively prohibited") || complaint.contains("forwarding failed");
        assert!(refused, "{wish} failed for another reason: {complaint}");
    }
    lab.ziz.fails("test -e /tmp/owned.sock")?;
    nobody_else_gets_in(lab, &ssh)?;

    // The process that let it in is not root, and could not be more than it is.
    let journal = lab.ziz.succeeds(
        "journalctl --boot --no-pager --unit='genbackup-sshd@*' --output=json --output-fields=_UID,_COMM",
    )?;
    let from_sshd: Vec<_> = journal
        .lines()
        .filter(|line| line.contains("\"_COMM\":\"sshd"))
        .collect();
    assert!(!from_sshd.is_empty(), "{journal}");
    assert_eq!(
        from_sshd.iter().find(|line| line.contains("\"_UID\":\"0\"")),
        None
    );
    Ok(())
}

/// Not as another user, not with another key, not with a password.
fn nobody_else_gets_in(lab: &Lab, ssh: &str) -> anyhow::Result<()> {
    let attempt = |arguments: &str| lab.jak.run(&format!("{ssh} {arguments} </dev/null"));
    for user in ["root", "daemon"] {
        let output = attempt(&format!("{user}@ziz id"))?;
        assert!(
            output.error_text().contains("Permission denied (publickey)"),
            "{user}: {}",
            output.error_text()
        );
    }
    lab.jak
        .succeeds("ssh-keygen -q -t ed25519 -N '' -f /root/other-key")?;
    let other = lab.jak.run(&format!(
        "{} restic@ziz id </dev/null",
        ssh.replace(SSH_KEY_FILE, "/root/other-key")
    ))?;
    assert!(
        other.error_text().contains("Permission denied (publickey)"),
        "another key: {}",
        other.error_text()
    );
    let password = attempt("-o PreferredAuthentications=password,keyboard-interactive restic@ziz id")?;
    assert!(
        password.error_text().contains("Permission denied (publickey)"),
        "{}",
        password.error_text()
    );
    Ok(())
}
