//! Without this, a client that is down is noticed only in the week in which it breaks. Or recipients get a
//! message each quarter of an hour, and no longer read them.

use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use vmtests::fleet;
use vmtests::install;
use vmtests::lab::Lab;

/// What lighttpd runs for each request: it writes down what it is sent, a line of JSON each.
const HOOK: &str = r#"#!/bin/bash
set -e
[ "$REQUEST_METHOD $CONTENT_TYPE" = 'POST application/json' ]
exec {lock}>/var/tmp/lock
flock "$lock"
{ head --bytes="$CONTENT_LENGTH" && echo; } >>/var/tmp/delivered
printf 'Status: 204 No Content\r\n\r\n'
"#;
/// A real web server, whose only page is [`HOOK`].
const WEB_SERVER: &str = r#"server.modules = ("mod_cgi", "mod_alias")
server.document-root = "/var/empty"
server.port = 8080
server.username = "www-data"
alias.url = ("/who-has-this-can-write" => "/usr/local/bin/hook")
cgi.assign = ("hook" => "")
"#;
const SERVE: &str = "systemd-run --quiet --collect --unit=hook lighttpd -D -f /etc/hook.conf";
const SECRET: &str = "who-has-this-can-write";
/// Stands in for sendmail(8) of a mail server, and only writes down what it is given.
const SENDMAIL_STAND_IN: &str = "#!/bin/sh\n{ echo \"$*\"; cat; } >>/var/mail/stand-in\n";
const ADDRESS_FILE: &str = "/etc/genbackup/web-hook";
const NOTIFY: &str = "[notify.hook]\nkind = \"webhook\"\naddress-file = \"/etc/genbackup/web-hook\"\n\n\
                      [notify.mail]\nkind = \"email\"\nto = [\"root\"]\n\n[monitor]\n";
const WATCH: &str = "systemctl start genbackup-watch.service";
const LIMIT: Duration = Duration::from_secs(600);

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    lab.ziz
        .write_file("/usr/local/bin/hook", HOOK.as_bytes(), 0o755)?;
    lab.ziz
        .write_file("/etc/hook.conf", WEB_SERVER.as_bytes(), 0o644)?;
    lab.ziz
        .succeeds("mkdir --parents /var/empty && install --owner=www-data /dev/null /var/tmp/delivered")?;
    lab.ziz.succeeds(SERVE)?;
    lab.jak.write_file(
        ADDRESS_FILE,
        format!("http://ziz:8080/{SECRET}\n").as_bytes(),
        0o400,
    )?;
    lab.jak
        .write_file("/usr/sbin/sendmail", SENDMAIL_STAND_IN.as_bytes(), 0o755)?;
    lab.jak
        .succeeds("install --owner=restic /dev/null /var/mail/stand-in")?;
    install::again(lab, &[("[monitor]\n", NOTIFY)])?;
    lab.jak.succeeds("systemctl enable --now genbackup-mail.socket")?;

    lab.jak.succeeds(WATCH)?;
    assert_eq!(
        delivered(lab)?,
        [] as [Value; 0],
        "what was set up just now is not ill"
    );

    // kai refuses connections: that is reported once.
    lab.kai.succeeds("systemctl stop genbackup-sshd.socket")?;
    fleet::start_run(lab)?;
    fleet::finished_record(lab)?;
    lab.jak.succeeds(WATCH)?;
    lab.jak.succeeds(WATCH)?;
    let messages = delivered(lab)?;
    assert_eq!(titles(&messages), ["NEVER: kai"]);
    let change = &messages.last().context("one")?["changes"][0];
    for (key, part) in [
        ("why", "nothing listens on its port"),
        ("why", "genbackup-sshd.socket"),
    ] {
        let text = change[key].as_str().unwrap_or_default();
        assert!(text.contains(part), "no `{part}` in {change}");
    }
    let email = lab.jak.succeeds("cat /var/mail/stand-in")?;
    for part in [
        "-i -t",
        "To: <root>",
        "Subject: [jak] NEVER: kai",
        "nothing listens",
    ] {
        assert!(email.contains(part), "no `{part}` in {email}");
    }

    // It is back while the web hook is down: the backup succeeds all the same, and the notification is sent
    // later.
    lab.kai.succeeds("systemctl start genbackup-sshd.socket")?;
    lab.ziz.succeeds("systemctl stop hook.service")?;
    fleet::successful_run(lab)?;
    let failed = "systemctl is-failed genbackup-watch.service";
    lab.jak.wait_until_succeeds(failed, LIMIT)?;
    let journal = lab
        .jak
        .succeeds("journalctl --output=cat --unit=genbackup-watch.service")?;
    assert!(
        journal.contains("not delivered: hook: it cannot be reached"),
        "{journal}"
    );
    lab.ziz.succeeds(SERVE)?;
    lab.jak.succeeds(WATCH)?;
    assert_eq!(titles(&delivered(lab)?), ["NEVER: kai", "resolved: kai"]);

    a_locked_key_is_reported(lab)?;
    // A run that does not even begin leaves no record.
    lab.jak
        .succeeds("rm -r /root/keys && mv /root/unlocked /root/keys && chmod a-x /usr/local/libexec/genbackup/run-backups")?;
    fleet::start_run(lab)?;
    let unit = "grep --quiet 'unit genbackup.service' /var/tmp/delivered";
    lab.ziz.wait_until_succeeds(unit, LIMIT)?;
    let messages = delivered(lab)?;
    let last = messages.last().context("one")?;
    let why = last["changes"][0]["why"].as_str().unwrap_or_default();
    assert!(
        why.contains("failed before it started (exit status 203)"),
        "{last}"
    );

    let leaks = format!("journalctl --output=cat | grep --fixed-strings {SECRET} || true");
    assert_eq!(lab.jak.succeeds(&leaks)?, "", "the address is in the journal");
    Ok(())
}

/// The key's file system is locked: the failed unit is reported, with the name of the file.
fn a_locked_key_is_reported(lab: &Lab) -> anyhow::Result<()> {
    lab.jak
        .succeeds("mv /root/keys /root/unlocked && mkdir /root/keys")?;
    fleet::start_run(lab)?;
    fleet::finished_record(lab)?;
    lab.jak.succeeds(WATCH)?;
    let messages = delivered(lab)?;
    // In one message or in two: forget may have failed by the time of the first, or not yet. Prune, which is
    // skipped then, is in the second.
    let locked = messages.get(2..).context("a third")?;
    let changes: Vec<&Value> = locked
        .iter()
        .filter_map(|message| message["changes"].as_array())
        .flatten()
        .collect();
    let mut subjects: Vec<&str> = changes
        .iter()
        .filter_map(|change| change["subject"].as_str())
        .collect();
    subjects.sort_unstable();
    subjects.retain(|subject| *subject != "phase prune");
    assert_eq!(subjects, ["jak", "kai", "phase forget", "ziz"], "{locked:?}");
    for change in changes {
        let why = change["why"].as_str().unwrap_or_default();
        let of_prune = change["subject"] == "phase prune" && why.contains("forget failed");
        assert!(
            of_prune || why.contains("/root/keys/restic-password is missing"),
            "{change}"
        );
    }
    Ok(())
}

/// What the web hook was sent.
fn delivered(lab: &Lab) -> anyhow::Result<Vec<Value>> {
    let delivered = lab.ziz.succeeds("cat /var/tmp/delivered")?;
    let lines = delivered.lines();
    Ok(lines.map(serde_json::from_str).collect::<Result<_, _>>()?)
}

fn titles(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .filter_map(|message| message["title"].as_str())
        .collect()
}
