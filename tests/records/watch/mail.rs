//! sendmail gets the whole email, and its result is reported. sendmail is a stand-in here, which writes down
//! its input. The script that starts it is the emitted one.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, ensure};

use super::site::{Site, at, night};
use crate::command::{genbackup, run};
use crate::executable::executable;

const TABLE: &str = "[notify.admin]\nkind = \"email\"\nto = [\"root\", \"admin@example.net\"]\n";

/// Takes one connection after the other, as genbackup-mail.socket does.
fn serve(site: &Site, stand_in: &str) -> Result<()> {
    let root = site.path("root");
    let emitted = run(genbackup()
        .arg("--fleet")
        .arg(site.path("fleet.toml"))
        .args(["emit", "--host", "jak", "--root"])
        .arg(&root))?;
    ensure!(emitted.status.success(), "{}", emitted.stderr);
    let script = root.join("usr/local/libexec/genbackup/send-mail");
    let programs = site.path("programs");
    fs::create_dir(&programs)?;
    let sendmail = programs.join("sendmail");
    executable(&sendmail, stand_in)?;
    let path = std::env::var("PATH").context("no PATH")?;
    let (path, email) = (format!("{}:{path}", programs.display()), site.path("email"));
    let listener = UnixListener::bind(site.path("mail.sock"))?;
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let Ok(input) = connection.try_clone() else {
                continue;
            };
            drop(
                Command::new(&script)
                    .env("PATH", &path)
                    .env("EMAIL", &email)
                    .stdin(Stdio::from(OwnedFd::from(input)))
                    .stdout(Stdio::from(OwnedFd::from(connection)))
                    .stderr(Stdio::null())
                    .status(),
            );
        }
    });
    Ok(())
}

#[test]
fn sendmail_gets_an_email_with_plain_headers() -> Result<()> {
    let site = Site::new(TABLE)?;
    serve(
        &site,
        "#!/bin/bash\nset -e\necho \"$*\" >\"$EMAIL\"\ncat >>\"$EMAIL\"\n",
    )?;
    let odd =
        serde_json::json!({"status": "failed", "why": "x\r\nBcc: everybody@example.net\n.\nDATA größe"});
    let night = crate::night::Night::at(&at(20, 4), &["jak", "kai", "ziz"])
        .host("jak", "ok")
        .host_that("kai", odd)
        .host("ziz", "ok");
    site.night(&night.maintained())?;
    site.watched(&at(20, 5))?;
    let email = fs::read_to_string(site.path("email"))?;
    let (head, body) = email
        .split_once("\r\n\r\n")
        .or(email.split_once("\n\n"))
        .context("no body")?;
    assert!(head.starts_with("-i -t\n"), "{head}");
    for header in [
        "To: <root>",
        "admin@example.net",
        "Subject: [jak] NEVER: kai",
        "Auto-Submitted: auto-generated",
    ] {
        assert!(head.contains(header), "no `{header}` in {head}");
    }
    assert!(!head.contains("Bcc"), "{head}");
    assert!(
        !body.contains("\nBcc") && !body.contains("\n.\n") && !body.contains("\n.\r\n"),
        "{body}"
    );
    assert!(body.contains("NEVER: kai"), "{body}");
    Ok(())
}

#[test]
fn an_email_that_sendmail_refuses_is_sent_later() -> Result<()> {
    let site = Site::new(TABLE)?;
    serve(
        &site,
        "#!/bin/bash\ncat >/dev/null\n[[ -e $EMAIL ]] || exit 75\necho sent >\"$EMAIL\"\n",
    )?;
    site.night(&night(20, &[("kai", "failed")]))?;
    let output = site.watch(&at(20, 5))?;
    assert!(
        output
            .stderr
            .contains("admin: sendmail failed with exit status 75"),
        "{output:?}"
    );
    fs::write(site.path("email"), "")?;
    assert_eq!(site.watched(&at(20, 6))?, "");
    assert_eq!(fs::read_to_string(site.path("email"))?, "sent\n");
    Ok(())
}

#[test]
fn a_missing_sendmail_is_reported() -> Result<()> {
    let site = Site::new(TABLE)?;
    site.night(&night(20, &[("kai", "failed")]))?;
    let output = site.watch(&at(20, 5))?;
    assert!(
        output
            .stderr
            .contains("check that genbackup-mail.socket is active"),
        "{output:?}"
    );
    Ok(())
}
