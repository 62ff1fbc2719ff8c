//! A copy of a repository with many packs, and `rclone sync` of the same files.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use vmtests::install;
use vmtests::process::{command, output_of};

use super::measure::{Contestant, alternate, median};
use super::table::{Budget, Section};

/// The number of packs.
const PACKS: u32 = 10_000;
/// The bytes of each: far less than restic's 16 MiB, so that the time is that of the files.
const BYTES: usize = 4096;
/// Runs a program, and prints its seconds and the memory of its largest process in KiB.
const ASK: &str = "import resource, subprocess, sys, time\n\
                   begun = time.monotonic()\n\
                   subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n\
                   print(time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";

/// A repository, and where its copies go.
struct Site {
    directory: tempfile::TempDir,
}

/// Measures a first copy, and one in which nothing is new.
///
/// # Errors
/// When genbackup or rclone fails.
pub(crate) fn measure(rounds: usize) -> anyhow::Result<Section> {
    let site = Site::make()?;
    let contestants = [
        Contestant::new("genbackup, kind = \"sync\"", || site.ours()),
        Contestant::new("rclone sync", || site.rclone()),
    ];
    let phases = alternate(rounds, &contestants)?;
    let mut section = Section::new(&format!("A copy of {PACKS} packs"));
    section.paragraph(&format!(
        "A repository with {PACKS} packs of {BYTES} bytes is copied to another directory of the same disk, and then once more \
         with nothing new. `rclone sync` compares sizes and times and takes files as they come; the copy lists both sides \
         first, and uploads in the order in which it stays valid. With nothing new, that costs two more starts of rclone. \
         Memory is that of the largest process."
    ));
    let names = ["the first copy", "nothing new"];
    for (number, name) in names.into_iter().enumerate() {
        let [ours, rclone] = phases.get(number).map(Vec::as_slice).unwrap_or_default() else {
            anyhow::bail!("two contestants");
        };
        section.comparison(name, &[ours.clone(), rclone.clone()], rclone);
        section.budgets.push(Budget::new(
            &format!("{name} of {PACKS} packs: times `rclone sync`"),
            ours.times(rclone),
            1.2,
            "",
        ));
    }
    if let Some([ours, rclone]) = phases.get(2).map(Vec::as_slice) {
        section.budgets.push(Budget::new(
            &format!("a copy of {PACKS} packs: memory, times `rclone sync`"),
            median(&ours.values) / median(&rclone.values),
            1.2,
            "",
        ));
    }
    Ok(section)
}

impl Site {
    fn make() -> anyhow::Result<Self> {
        // A repository in /tmp is refused.
        let directory = tempfile::tempdir_in("/srv")?;
        let site = Self { directory };
        for directory in ["turns/runs", "state"] {
            fs::create_dir_all(site.at(directory))?;
        }
        for lock in ["turns/maintaining", "turns/copying"] {
            fs::write(site.at(lock), "")?;
        }
        let bytes = vec![0x5a; BYTES];
        let mut files = vec![("config".to_owned(), 155)];
        for part in ["keys", "index", "snapshots"] {
            files.push((format!("{part}/{:064x}", 1), 400));
        }
        for number in 0..PACKS {
            // Their first two digits are as even as those of hashes.
            let name = format!("{:08x}{number:056x}", number.wrapping_mul(2_654_435_761));
            let directory = name.get(..2).context("a name has two digits")?;
            files.push((format!("data/{directory}/{name}"), BYTES));
        }
        for (name, size) in files {
            let file = site.at("repository").join(name);
            fs::create_dir_all(file.parent().context("a file has a directory")?)?;
            fs::write(&file, bytes.get(..size).context("no file is larger")?)?;
        }
        fs::write(
            site.at("fleet.toml"),
            format!(
                "[schedule]\ncalendar = \"daily\"\n[repository]\nhost = \"jak\"\npath = \"{}\"\n\
                 password-file = \"/etc/password\"\nkeep = \"7 daily\"\n[hosts.jak]\ninclude = [\"/etc\"]\n\
                 [offsite.there]\nkind = \"sync\"\nremote = \"{}\"\nafter-run = true\n",
                site.at("repository").display(),
                site.at("copy").display()
            ),
        )?;
        Ok(site)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The seconds of a first copy, those of a second one, and its memory in KiB.
    fn ours(&self) -> anyhow::Result<Vec<f64>> {
        let genbackup = install::genbackup()?.display().to_string();
        let at = |name: &str| self.at(name).display().to_string();
        let (fleet, state, turns, runs) = (at("fleet.toml"), at("state"), at("turns"), at("turns/runs"));
        let words = [
            &genbackup,
            "--fleet",
            &fleet,
            "copy-offsite",
            "there",
            "--state",
            &state,
            "--turns",
            &turns,
            "--runs",
            &runs,
        ];
        let figures = twice(&words)?;
        self.forget_copies()?;
        Ok(figures)
    }

    fn rclone(&self) -> anyhow::Result<Vec<f64>> {
        let at = |name: &str| self.at(name).display().to_string();
        let figures = twice(&["rclone", "sync", &at("repository"), &at("copy")])?;
        self.forget_copies()?;
        Ok(figures)
    }

    fn forget_copies(&self) -> anyhow::Result<()> {
        fs::remove_dir_all(self.at("copy"))?;
        let memory = self.at("state/memory.json");
        if memory.exists() {
            fs::remove_file(memory)?;
        }
        output_of(&mut command("sync")).map(drop)
    }
}

fn twice(words: &[&str]) -> anyhow::Result<Vec<f64>> {
    let (first, most) = once(words)?;
    let (second, memory) = once(words)?;
    Ok(vec![first, second, most.max(memory)])
}

/// Seconds, and KiB of memory.
fn once(words: &[&str]) -> anyhow::Result<(f64, f64)> {
    let output = output_of(command("python3").args(["-c", ASK]).args(words))?;
    let mut figures = output.split_whitespace().map(str::parse::<f64>);
    let mut next = || figures.next().with_context(|| output.clone());
    Ok((next()??, next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_has_each_part_and_all_packs() {
        let site = Site::make().unwrap();
        let packs = fs::read_dir(site.at("repository/data")).unwrap();
        let packs = packs.map(|entry| fs::read_dir(entry.unwrap().path()).unwrap().count());
        assert_eq!(packs.sum::<usize>(), PACKS as usize);
        assert!(site.at("repository/config").exists());
    }
}
