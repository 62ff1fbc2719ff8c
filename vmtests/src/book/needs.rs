//! What a block needs that no chapter describes: it stands behind the semicolon of the comment above the block.

use anyhow::Context;
use toml::{Table, Value};

use super::follow::{FLEET_FILE, fleet_file};
use crate::deadline::SOON;
use crate::lab::Lab;

/// Words of a comment, and what makes them true.
type Need = (&'static str, fn(&Lab) -> anyhow::Result<()>);

const NEEDS: [Need; 7] = [
    ("a run is in progress", start_a_run),
    ("there is a user admin", add_a_user),
    (
        "/etc/genbackup/ntfy holds the address of a server that takes messages",
        serve_messages,
    ),
    ("there is a sendmail(8)", take_email),
    ("the table hosts.kai is removed from the fleet file", remove_kai),
    (
        "root filled the repository /mnt/storage/restic, and its password is in /root/restic-password.txt",
        fill_a_repository,
    ),
    (
        "the repository has format version 1",
        replace_the_repository_by_an_old_one,
    ),
];

/// Takes one request, and answers 200.
const ANSWER: &str = r#"#!/bin/bash
length=0
while IFS= read -r line && line=${line%$'\r'} && [ -n "$line" ]; do
    case ${line,,} in content-length:*) length=${line#*: } ;; esac
done
head --bytes="$length" >/dev/null
printf 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}'
"#;
const SERVE: &str = "systemd-run --quiet --collect --unit=web-server \
                     socat TCP-LISTEN:8080,fork,reuseaddr EXEC:/usr/local/bin/answer";
/// Takes the place of a mail server's sendmail(8).
const SENDMAIL: &str = "#!/bin/sh\nexec cat >/dev/null\n";

/// By restic alone, as root.
const FILL: &str = "
    head --bytes=24 /dev/urandom | base64 >/root/restic-password.txt
    export RESTIC_REPOSITORY=/mnt/storage/restic RESTIC_PASSWORD_FILE=/root/restic-password.txt
    restic init --quiet
    restic backup --quiet /etc
    restic backup --quiet /etc";
const OLD_REPOSITORY: &str = "
    mv /mnt/storage/restic /mnt/storage/restic-of-version-2
    install --directory --owner=restic --group=restic --mode=0700 /mnt/storage/restic
    RESTIC_PASSWORD=$(cat /etc/genbackup/restic-password) \
        runuser -u restic -- restic --repo /mnt/storage/restic --no-cache init --quiet --repository-version 1";

/// Makes it so.
///
/// # Errors
/// When these words are not known, or a machine refuses.
pub(super) fn see_to(lab: &Lab, words: &str) -> anyhow::Result<()> {
    let known = NEEDS.iter().find(|(known, _)| *known == words);
    let (_, see_to) = known.with_context(|| format!("no test sees to it that {words}"))?;
    see_to(lab)
}

fn start_a_run(lab: &Lab) -> anyhow::Result<()> {
    // Of one host: the chapter backs it up again afterwards, and `status` reports all of them as healthy.
    let unit = "genbackup-run@ziz.service";
    lab.jak.succeeds(&format!("systemctl start --no-block {unit}"))?;
    let is_starting = format!("test \"$(systemctl is-active {unit})\" = activating");
    lab.jak.wait_until_succeeds(&is_starting, SOON).map(drop)
}

fn add_a_user(lab: &Lab) -> anyhow::Result<()> {
    let add = "useradd --create-home admin && systemctl start polkit.service";
    lab.jak.succeeds(add).map(drop)
}

fn serve_messages(lab: &Lab) -> anyhow::Result<()> {
    let jak = &lab.jak;
    jak.write_file("/usr/local/bin/answer", ANSWER.as_bytes(), 0o755)?;
    jak.write_file("/etc/genbackup/ntfy", b"http://127.0.0.1:8080/backups\n", 0o600)?;
    jak.succeeds(SERVE).map(drop)
}

fn take_email(lab: &Lab) -> anyhow::Result<()> {
    lab.jak
        .write_file("/usr/sbin/sendmail", SENDMAIL.as_bytes(), 0o755)
}

fn remove_kai(lab: &Lab) -> anyhow::Result<()> {
    let mut fleet: Table = toml::from_str(&fleet_file(lab)?)?;
    let hosts = fleet.get_mut("hosts").and_then(Value::as_table_mut);
    let hosts = hosts.context("the fleet file has no hosts")?;
    hosts.remove("kai").context("the fleet file has no kai")?;
    let text = toml::to_string(&fleet)?;
    lab.jak.write_file(FLEET_FILE, text.as_bytes(), 0o644)
}

fn fill_a_repository(lab: &Lab) -> anyhow::Result<()> {
    lab.jak.succeeds(FILL).map(drop)
}

fn replace_the_repository_by_an_old_one(lab: &Lab) -> anyhow::Result<()> {
    lab.jak.succeeds(OLD_REPOSITORY).map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::steps::{Act, steps};
    use super::super::{chapters, page};
    use super::*;

    #[test]
    fn each_need_of_a_chapter_is_seen_to_and_no_other() {
        let mut asked: Vec<String> = Vec::new();
        for chapter in chapters().unwrap() {
            let steps =
                steps(&page(&chapter).unwrap()).unwrap_or_else(|error| panic!("{chapter}: {error:#}"));
            asked.extend(steps.into_iter().filter_map(|step| match step.act {
                Act::Run(run) => run.needs,
                Act::Write { .. } | Act::FleetFile(_) | Act::Merge(_) => None,
            }));
        }
        asked.sort_unstable();
        let mut known = NEEDS.map(|(words, _)| words);
        known.sort_unstable();
        assert_eq!(asked, known);
    }
}
