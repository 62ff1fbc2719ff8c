//! systemd gives back paths, addresses and schedules.

use std::cell::OnceCell;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use genbackup::model::Calendar;
use genbackup::system::analyze::takes_calendar;

use super::Reader;
use super::field::{Case, Field, Files, Host};
use super::property::all_come_back;
use super::systemd_units::Units;
use crate::command::run;

#[test]
fn systemd_gives_back_every_path_and_address() -> Result<()> {
    all_come_back(Reader::Systemd, |_| true, &|cases| {
        let mut units = Units::default();
        for (number, case) in cases.iter().enumerate() {
            let text = &case.text;
            let mut unit = Renamed {
                units: &mut units,
                case,
                storage: OnceCell::new(),
                client: OnceCell::new(),
                number,
            };
            match case.field {
                Field::RepositoryPath => repository_path(&mut unit, text)?,
                Field::FileSystem => file_system(&mut unit, text)?,
                Field::PasswordFile => {
                    for service in ["", "-maintain", "-init"] {
                        unit.credential(Host::Storage, service, "restic-password", text)?;
                    }
                }
                Field::KeyFile => unit.credential(Host::Storage, "", "ssh-key", text)?,
                Field::HostKeyFile => unit.credential(Host::Client, "-sshd@", "host-key", text)?,
                Field::Mount => mount(&mut unit, text)?,
                Field::StorageAddress => {
                    let address = case.fleet.storage.address.bracketed();
                    unit.remote(&format!("{address}:/srv/restic"))?;
                }
                Field::HookProgram => unit.command(&[text])?,
                Field::HookWord => unit.command(&["/opt/a", text])?,
                Field::HookWrites => {
                    let hook = unit.service(Host::Storage, "-after-a")?;
                    let writes = format!("/run/genbackup/after {text}");
                    unit.units.expect(&hook, "ReadWritePaths", &writes);
                    unit.word(Host::Storage, "-after-a", "ReadWritePaths", text)?;
                }
                field => bail!("{field:?} is in no unit"),
            }
        }
        units.read()
    })
}

/// The units of one case, under names that no other case has.
struct Renamed<'u> {
    units: &'u mut Units,
    case: &'u Case,
    /// Emitted when they are first asked for: most fields are in the files of one host.
    storage: OnceCell<Files>,
    client: OnceCell<Files>,
    number: usize,
}

impl Renamed<'_> {
    fn files(&self, host: Host) -> Result<&Files> {
        let emitted = match host {
            Host::Storage => &self.storage,
            Host::Client => &self.client,
        };
        if let Some(files) = emitted.get() {
            return Ok(files);
        }
        let files = self.case.files(host)?;
        Ok(emitted.get_or_init(|| files))
    }

    fn text(&self, host: Host, unit: &str) -> Result<String> {
        self.files(host)?.unit(unit).map(str::to_owned)
    }

    /// Adds `genbackup…​.service`; its new name.
    fn service(&mut self, host: Host, service: &str) -> Result<String> {
        let text = self.text(host, &format!("genbackup{service}.service"))?;
        let name = format!("case-{}{service}", self.number);
        // A template is read as an instance.
        let instance = if name.ends_with('@') { "1" } else { "" };
        let (file, unit) = (format!("{name}.service"), format!("{name}{instance}.service"));
        self.units.add(&file, &text);
        Ok(unit)
    }

    /// A unit that the test writes, with a setting whose value stands for itself.
    fn stand_in(&mut self, name: &str, setting: &'static str, written: &str, expected: &str) {
        let unit = format!("case-{}-stand-in-{name}.service", self.number);
        let text = format!("[Unit]\n{setting}={written}\n[Service]\nExecStart=/bin/true\n");
        self.units.add(&unit, &text);
        self.units.expect(&unit, setting, expected);
    }

    /// A path that is the one word of a list. systemd shows a list without quotes, so a path that it took for
    /// two looks the same. Another setting, which it shows line by line, distinguishes them.
    fn word(&mut self, host: Host, service: &str, setting: &'static str, path: &str) -> Result<()> {
        let text = self.text(host, &format!("genbackup{service}.service"))?;
        let line = text
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("{setting}=")))
            .find(|written| !written.starts_with("/run/genbackup/"));
        let written = line.with_context(|| format!("genbackup{service}.service has no {setting}"))?;
        let written = written.strip_prefix('-').unwrap_or(written).to_owned();
        let name = format!("{}-{setting}", service.trim_matches(['-', '@']));
        self.stand_in(&name, "RequiresMountsFor", &written, path);
        Ok(())
    }

    /// The command of the hook. systemd shows it as a line that a shell would take apart into the words again.
    fn command(&mut self, words: &[&str]) -> Result<()> {
        let hook = self.service(Host::Storage, "-after-a")?;
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        self.units.expect(&hook, "Command Line", &words.join(" "));
        Ok(())
    }

    /// The path of a credential, which systemd does not show: a condition, whose path is read in the same way,
    /// stands for it.
    fn credential(&mut self, host: Host, service: &str, name: &str, path: &str) -> Result<()> {
        let text = self.text(host, &format!("genbackup{service}.service"))?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("LoadCredential={name}:")));
        let written = line.with_context(|| format!("genbackup{service}.service has no {name}"))?;
        let name = format!("{}-{name}", service.trim_matches(['-', '@']));
        self.stand_in(&name, "ConditionPathExists", written, path);
        Ok(())
    }

    /// What the client mounts. The mount units of all cases have one name, so this one moves.
    fn remote(&mut self, what: &str) -> Result<()> {
        let text = self.text(Host::Client, "mnt-jak.mount")?;
        ensure!(text.contains("\nWhere=/mnt/jak\n"), "{text}");
        let place = format!("/mnt/case{}", self.number);
        let unit = format!("mnt-case{}.mount", self.number);
        self.units.add(
            &unit,
            &text.replace("\nWhere=/mnt/jak\n", &format!("\nWhere={place}\n")),
        );
        self.stand_in("remote", "RequiresMountsFor", &place, &place);
        self.units.expect(&unit, "What", what);
        Ok(())
    }
}

/// A word as systemd shows it (`shell_maybe_quote` in its `escape.c`).
fn quoted(word: &str) -> String {
    if !word.contains(|c: char| " \t\n\r\"\\`$*?['()<>|&;!".contains(c)) {
        return word.to_owned();
    }
    let escaped: Vec<String> = word
        .chars()
        .map(|c| {
            if "\"\\`$".contains(c) {
                format!("\\{c}")
            } else {
                c.to_string()
            }
        })
        .collect();
    format!("\"{}\"", escaped.concat())
}

fn repository_path(unit: &mut Renamed<'_>, path: &str) -> Result<()> {
    let maintain = unit.service(Host::Storage, "-maintain")?;
    unit.units.expect(&maintain, "RequiresMountsFor", path);
    unit.units
        .expect(&maintain, "ReadWritePaths", &format!("-{path}"));
    unit.word(Host::Storage, "-maintain", "ReadWritePaths", path)?;

    let run = unit.service(Host::Storage, "")?;
    let inaccessible = format!("-{path} -/dev/shm -/run/lock");
    unit.units.expect(&run, "InaccessiblePaths", &inaccessible);
    unit.word(Host::Storage, "", "InaccessiblePaths", path)?;

    let init = unit.service(Host::Storage, "-init")?;
    unit.units.expect(&init, "RequiresMountsFor", path);
    unit.units
        .expect(&init, "ConditionPathExists", &format!("!{path}/config"));
    unit.units.expect(&init, "ReadWritePaths", &format!("-{path}"));
    unit.word(Host::Storage, "-init", "ReadWritePaths", path)?;

    unit.remote(&format!("10.0.0.1:{path}"))
}

fn file_system(unit: &mut Renamed<'_>, path: &str) -> Result<()> {
    for service in ["-directory", "-init"] {
        let name = unit.service(Host::Storage, service)?;
        unit.units.expect(&name, "AssertPathIsMountPoint", path);
    }
    let directory = unit.service(Host::Storage, "-directory")?;
    let repository = format!("{path}/r");
    unit.units.expect(&directory, "RequiresMountsFor", &repository);
    unit.units
        .expect(&directory, "ConditionPathExists", &format!("!{repository}"));
    unit.units.expect(&directory, "ReadWritePaths", path);
    unit.word(Host::Storage, "-directory", "ReadWritePaths", path)
}

fn mount(unit: &mut Renamed<'_>, path: &str) -> Result<()> {
    let backup = unit.service(Host::Client, "-backup@")?;
    unit.units.expect(&backup, "RequiresMountsFor", path);
    unit.units.expect(&backup, "ReadWritePaths", &format!("-{path}"));
    unit.word(Host::Client, "-backup@", "ReadWritePaths", path)?;
    let file = unit
        .files(Host::Client)?
        .0
        .iter()
        .find(|(file, _)| file.strip_suffix(".mount").is_some());
    let (file, text) = file.context("a client has a mount")?;
    let name = file.trim_start_matches("/etc/systemd/system/").to_owned();
    let text = text.clone();
    unit.units.add(&name, &text);
    // The backup pulls in this mount, and systemd takes the unit's name for the path's.
    unit.units.expect(&backup, "Requires", &name);
    unit.units.expect(&name, "Unit Load State", "loaded");
    unit.units.expect(&name, "Where", path);
    Ok(())
}

#[test]
fn systemd_gives_back_every_schedule() -> Result<()> {
    // systemd itself decides which of them it takes.
    let takes = |text: &str| {
        let calendar = Calendar::try_from(text.to_owned());
        calendar.is_ok_and(|calendar| takes_calendar(&calendar).unwrap_or_default())
    };
    all_come_back(Reader::Calendar, takes, &|cases| {
        let mut units = Units::default();
        for (number, (case, normal)) in cases.iter().zip(normalized(cases)?).enumerate() {
            let timer = format!("case-{number}.timer");
            let files = case.files(Host::Storage)?;
            units.add(&timer, files.unit("genbackup.timer")?);
            units.add(
                &format!("case-{number}.service"),
                "[Service]\nExecStart=/bin/true\n",
            );
            units.expect(&timer, "OnCalendar", &normal);
        }
        units.read()
    })
}

/// The schedules as `systemd-analyze calendar` writes them.
fn normalized(cases: &[Case]) -> Result<Vec<String>> {
    let shown = run(Command::new("systemd-analyze")
        .arg("calendar")
        .args(cases.iter().map(|case| &case.text))
        .env("LC_ALL", "C.UTF-8"))?;
    ensure!(shown.status.success(), "{}", shown.stderr);
    // What is normal already is shown once.
    let blocks = shown
        .stdout
        .split("\n\n")
        .filter(|block| !block.trim().is_empty());
    let normal: Vec<String> = blocks
        .map(|block| {
            let value = |key: &str| block.lines().find_map(|line| line.trim_start().strip_prefix(key));
            let normal = value("Normalized form: ").or_else(|| value("Original form: "));
            normal.map(str::to_owned).context("no normalized form")
        })
        .collect::<Result<_>>()?;
    let expected: Vec<String> = cases.iter().map(|case| case.text.clone()).collect();
    ensure!(normal.len() == expected.len(), "{} schedules", normal.len());
    Ok(normal)
}
