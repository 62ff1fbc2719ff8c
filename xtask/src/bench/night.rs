//! A night over unchanged hosts: genbackup, the post's scripts, bare restic.

use anyhow::{Context, ensure};
use vmtests::progress::timed;

use super::lab::{CLIENTS, Lab, seconds_of};
use super::measure::{Contestant, alternate};
use super::table::{Budget, Section};
use super::turn;

/// Measures nights.
///
/// # Errors
/// When one fails, or leaves a host without a complete snapshot.
pub(crate) fn measure(lab: &Lab, rounds: usize) -> anyhow::Result<Section> {
    let contestants = [
        Contestant::new("genbackup, one after the other", || genbackup(lab, 1)),
        Contestant::new("genbackup, four at once", || genbackup(lab, 4)),
        Contestant::new("the post's two scripts", || post(lab)),
        Contestant::new("bare restic in a loop over ssh", || bare(lab, 1)),
        Contestant::new("bare restic, four at once", || bare(lab, 4)),
    ];
    // The first night uploads all files and fills caches.
    timed("first nights", || alternate(1, &contestants))?;
    let phases = alternate(rounds, &contestants)?;
    let [backups, maintenance] = phases.as_slice() else {
        anyhow::bail!("a night has two phases");
    };
    let [one, four, post, bare, bare_four] = backups.as_slice() else {
        anyhow::bail!("five contestants");
    };

    let mut section = Section::new("A night over unchanged hosts");
    section.paragraph(&format!(
        "{} clients with 2,000 unchanged files of 4 KiB each, one storage host, {}. All are containers on one machine, so \
         the network costs nothing. \"The post's two scripts\" are run-backups and backup-restic of the blog post that \
         asked for genbackup, as it shows them. \"Four at once\" is `max-parallel = 4`, and `xargs --max-procs=4`.",
        CLIENTS.len(),
        restic_version(lab)?
    ));
    section.comparison("backup of all hosts", backups, bare);
    section.comparison("forget and prune afterwards", maintenance, &maintenance[3]);
    let hosts = f64::from(u32::try_from(CLIENTS.len())?);
    section.paragraph(&format!(
        "Per host, genbackup adds {:.2} s to bare restic, one after the other; four at once it takes {:.2} times bare \
         restic four at once.",
        one.over(bare) / hosts,
        four.times(bare_four)
    ));
    for text in turn::measure(lab, rounds)? {
        section.paragraph(&text);
    }
    section.budgets = vec![
        Budget::new(
            "a night, one host after the other: times the post's scripts",
            one.times(post),
            1.05,
            "",
        ),
        Budget::new("each host, over bare restic", one.over(bare) / hosts, 0.2, "s"),
        Budget::new(
            "a night, four hosts at once: times bare restic in a loop",
            four.times(bare),
            0.55,
            "",
        ),
    ];
    Ok(section)
}

fn genbackup(lab: &Lab, parallel: u8) -> anyhow::Result<Vec<f64>> {
    lab.set_parallel(parallel)?;
    let storage = lab.storage();
    let newest = "\"$(ls /var/lib/genbackup/runs/*.jsonl | tail --lines=1)\"";
    let backups = seconds_of(storage, "systemctl start genbackup.service");
    let backups = match backups {
        Ok(backups) => backups,
        Err(error) => {
            let record = storage.succeeds(&format!("jq --compact-output 'select(.status)' {newest}"))?;
            return Err(error.context(format!("the run's record:\n{record}")));
        }
    };
    // The run has started it: this waits for its end.
    let maintenance = seconds_of(storage, "systemctl start genbackup-maintain.service")?;
    let ok = storage.succeeds(&format!(
        "jq --slurp '[.[] | select(.status == \"ok\")] | length' {newest}"
    ))?;
    ensure!(
        ok == (CLIENTS.len() + 2).to_string(),
        "not all hosts and phases are `ok`: {}",
        storage.succeeds(&format!("cat {newest}"))?
    );
    Ok(vec![backups, maintenance])
}

fn post(lab: &Lab) -> anyhow::Result<Vec<f64>> {
    let whole = seconds_of(lab.storage(), "systemctl start backup.service")?;
    let output = lab.storage().succeeds("cat /run/bench-output")?;
    let words = output
        .lines()
        .find_map(|line| line.strip_prefix("Finished running backups in "));
    let words = words.with_context(|| format!("the post's script does not print its time: {output}"))?;
    let backups: f64 = words.trim_end_matches(" seconds").parse().context("its time")?;
    Ok(vec![backups, whole - backups])
}

fn bare(lab: &Lab, parallel: u8) -> anyhow::Result<Vec<f64>> {
    Ok(vec![
        seconds_of(
            lab.storage(),
            &format!("systemctl start bare-backups@{parallel}.service"),
        )?,
        seconds_of(lab.storage(), "systemctl start bare-maintenance.service")?,
    ])
}

fn restic_version(lab: &Lab) -> anyhow::Result<String> {
    let version = lab.storage().succeeds("restic version")?;
    let words = version.split(' ').take(2).collect::<Vec<_>>();
    Ok(words.join(" "))
}
