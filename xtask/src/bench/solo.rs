//! One host that keeps its own snapshots: what each tool adds to the program that does its work.

use std::fmt::Write as _;

use anyhow::ensure;

use super::lab::{Lab, seconds_of};
use super::measure::{Contestant, Series, alternate};
use super::peers::{Here, Peer};
use super::table::{Section, figure};

/// Measures genbackup over restic in the lab, and the others on this machine.
///
/// # Errors
/// When one that is installed fails.
pub(crate) fn measure(lab: &Lab, rounds: usize) -> anyhow::Result<Section> {
    let here = Here::new()?;
    let (peers, absent) = here.peers();
    bare_repository(lab)?;
    let mut contestants = vec![
        Contestant::new("genbackup", || genbackup(lab)),
        Contestant::new("restic", || bare(lab)),
    ];
    for peer in &peers {
        contestants.push(Contestant::new(&peer.tool, || {
            here.seconds_of(&peer.tool_command)
        }));
        contestants.push(Contestant::new(&peer.engine, || {
            here.seconds_of(&peer.engine_command)
        }));
    }
    alternate(1, &contestants)?;
    let phases = alternate(rounds, &contestants)?;

    let mut section = Section::new("One host: a tool over its engine");
    section.paragraph(
        "A host with 2,000 unchanged files of 4 KiB, and a repository on its own disk. Each tool backs up once; forget \
         and prune are not included. Its engine does the same without the tool. genbackup runs in a container, the \
         others on this machine itself.",
    );
    let engine = format!("restic {}", restic_of(lab)?);
    let own = (
        concat!("genbackup ", env!("CARGO_PKG_VERSION")).to_owned(),
        engine,
    );
    let names = peers
        .iter()
        .map(|peer: &Peer| (peer.tool.clone(), peer.engine.clone()));
    let names = std::iter::once(own).chain(names).collect::<Vec<_>>();
    section.text += &overheads(&names, phases.first().map(Vec::as_slice).unwrap_or_default());
    for reason in absent {
        writeln!(section.text, "\nNot measured: {reason}.")?;
    }
    section.text.push('\n');
    Ok(section)
}

/// A table of pairs: a tool, and its engine after it.
fn overheads(names: &[(String, String)], series: &[Series]) -> String {
    let mut text = "| tool | over | engine alone | with the tool | adds | times |\n\
                    | --- | --- | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for ((tool, engine), pair) in names.iter().zip(series.chunks(2)) {
        if let [with, alone] = pair {
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "| {tool} | {engine} | {} s | {} s | {} s | {:.2} |",
                figure(alone.median()),
                figure(with.median()),
                figure(with.over(alone)),
                with.times(alone)
            );
        }
    }
    text
}

const AS_RESTIC: &str = "RESTIC_CACHE_DIR=/var/cache/bench setpriv --reuid=restic --regid=restic --clear-groups \
                         restic --quiet --password-file /var/cache/bench/password --repo /mnt/storage/bare";

/// A copy, so that the keys of both repositories take the same time: restic adapts a new key to the speed of the moment.
fn bare_repository(lab: &Lab) -> anyhow::Result<()> {
    let script = "install --directory --owner=restic --group=restic --mode=0700 /var/cache/bench
                  install --owner=restic --mode=0400 /root/keys/restic-password /var/cache/bench/password
                  cp --archive /mnt/storage/restic /mnt/storage/bare";
    lab.solo()?.succeeds(script).map(drop)
}

fn bare(lab: &Lab) -> anyhow::Result<Vec<f64>> {
    Ok(vec![seconds_of(
        lab.solo()?,
        &format!("{AS_RESTIC} backup /srv/data"),
    )?])
}

fn genbackup(lab: &Lab) -> anyhow::Result<Vec<f64>> {
    let solo = lab.solo()?;
    let time = seconds_of(solo, "systemctl start genbackup.service")?;
    solo.succeeds("systemctl start genbackup-maintain.service")?;
    let ended =
        solo.succeeds("tail --quiet --lines=1 \"$(ls /var/lib/genbackup/runs/*.jsonl | tail --lines=1)\"")?;
    ensure!(ended.contains("run-finished"), "the run has not ended: {ended}");
    Ok(vec![time])
}

fn restic_of(lab: &Lab) -> anyhow::Result<String> {
    let version = lab.solo()?.succeeds("restic version")?;
    Ok(version.split(' ').nth(1).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overhead_is_of_a_pair() {
        let series = |name: &str, values: [f64; 3]| Series {
            name: name.to_owned(),
            values: values.to_vec(),
        };
        let all = [
            series("borgmatic", [1.5, 2.0, 3.0]),
            series("borg", [1.0, 1.0, 1.0]),
        ];
        let names = [("borgmatic 1".to_owned(), "borg 2".to_owned())];
        let table = overheads(&names, &all);
        assert!(
            table.ends_with("| borgmatic 1 | borg 2 | 1.00 s | 2.00 s | 1.00 s | 2.00 |\n"),
            "{table}"
        );
    }
}
