//! A stand-in for systemd, and what is asked of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Result as Attempt;
use sha2::{Digest, Sha256};

use super::*;
use crate::apply::{Files, Found, Place};
use crate::emit::Access;

const SOCKET: &str = "genbackup-sshd.socket";
const SOCKET_TEXT: &str = "[Socket]\n[Install]\n";

/// A systemd that does what it is asked.
#[derive(Default)]
struct StandIn {
    /// What it was asked to do.
    asked: Vec<String>,
    running: BTreeSet<String>,
    enabled: BTreeSet<String>,
    stale: BTreeSet<String>,
    /// Breaks at this step.
    breaks_at: &'static str,
    is_lost: bool,
}

impl StandIn {
    fn with(running: &[&str], enabled: &[&str], stale: &[&str]) -> Self {
        let set = |units: &[&str]| units.iter().map(|&unit| unit.to_owned()).collect();
        Self {
            running: set(running),
            enabled: set(enabled),
            stale: set(stale),
            ..Self::default()
        }
    }

    fn step(&mut self, what: String) -> Result<(), String> {
        self.is_lost |= what == self.breaks_at;
        if self.is_lost {
            return Err("the connection broke".to_owned());
        }
        self.asked.push(what);
        Ok(())
    }
}

impl Systemd for &mut StandIn {
    fn loaded(&mut self, unit: &str) -> Result<Loaded, String> {
        if self.is_lost {
            return Err("the connection broke".to_owned());
        }
        Ok(Loaded {
            is_running: self.running.contains(unit),
            is_stale: self.stale.contains(unit),
        })
    }

    fn enablement(&mut self, unit: &str) -> Result<Enablement, String> {
        if self.is_lost {
            return Err("the connection broke".to_owned());
        }
        Ok(if self.enabled.contains(unit) {
            Enablement::Enabled
        } else {
            Enablement::NotEnabled
        })
    }

    fn enable(&mut self, unit: &str) -> Result<(), String> {
        self.step(format!("enable {unit}"))
    }

    fn disable(&mut self, unit: &str) -> Result<bool, String> {
        self.step(format!("disable {unit}"))?;
        Ok(self.enabled.remove(unit))
    }

    fn reload(&mut self, outdated: &[&str]) -> Result<Vec<Acted>, String> {
        self.step(format!("reload {}", outdated.join(" ")).trim_end().to_owned())?;
        Ok(outdated.iter().map(|_| Ok(None)).collect())
    }

    fn is_any_running(&mut self, _: &str) -> Result<bool, String> {
        Ok(self.running.contains("genbackup-backup@1.service"))
    }

    fn act(&mut self, action: Action, unit: &str) -> Acted {
        self.step(format!("{} {unit}", action.verb()))?;
        Ok(None)
    }

    fn make_users(&mut self, _: &[&str]) -> Attempt<Vec<String>> {
        Ok(Vec::new())
    }

    fn make_directories(&mut self, _: &[&str]) -> Attempt<Vec<String>> {
        Ok(Vec::new())
    }

    fn is_lost(&self) -> bool {
        self.is_lost
    }
}

/// The files of a host.
struct Host(BTreeMap<PathBuf, String>);

impl Files for Host {
    fn look(&self, path: &Path) -> Attempt<Option<Found>> {
        Ok(self.0.get(path).map(|text| Found {
            text: text.as_bytes().to_vec(),
            mode: 0o644,
            regular: true,
            owner: 0,
        }))
    }

    fn entries(&self, _: &Path) -> Attempt<Vec<PathBuf>> {
        Ok(Vec::new())
    }

    fn target(&self, _: &Path) -> Option<PathBuf> {
        None
    }

    fn is_directory(&self, _: &Path) -> bool {
        false
    }

    fn owner(&self) -> u32 {
        0
    }
}

fn unit(name: &str, text: &str) -> Artifact {
    Artifact {
        path: format!("{UNIT_DIRECTORY}/{name}"),
        access: Access::Readable,
        content: text.to_owned(),
    }
}

/// The change from a host that has these of our units, with any text, to one that has those.
fn changes(before: &[&str], after: &[Artifact]) -> Changes {
    let text = "old\n";
    let hash = Sha256::digest(text)
        .iter()
        .fold(String::new(), |hash, byte| hash + &format!("{byte:02x}"));
    let paths = || before.iter().map(|unit| format!("{UNIT_DIRECTORY}/{unit}"));
    let listed: Vec<String> = paths()
        .map(|path| format!("\"{}\": [\"{hash}\"]", path.trim_start_matches('/')))
        .collect();
    let manifest = format!("{{\"files\": {{{}}}}}", listed.join(", "));
    let files = paths().map(|path| (PathBuf::from(path), text.to_owned()));
    let files = files.chain([(PathBuf::from("/etc/genbackup/manifest.json"), manifest)]);
    Changes::on(&Host(files.collect()), &Place::below("/"), after).unwrap()
}

/// What is reported of enabling and starting these units.
fn enabled(systemd: &mut StandIn, artifacts: &[Artifact]) -> (bool, Vec<Line>) {
    let mut live = Live::new(systemd, Transcript::default(), "push");
    live.enable(artifacts, false).start(&mut live);
    let (is_live, Transcript(lines)) = live.end();
    (is_live, lines)
}

#[test]
fn a_new_socket_is_enabled_read_and_started_in_this_order() {
    let mut systemd = StandIn::default();
    let (is_live, lines) = enabled(&mut systemd, &[unit(SOCKET, SOCKET_TEXT)]);
    assert!(is_live, "{lines:?}");
    assert_eq!(
        systemd.asked,
        [
            "enable genbackup-sshd.socket",
            "reload",
            "start genbackup-sshd.socket"
        ]
    );
}

#[test]
fn a_running_socket_with_an_older_text_is_restarted_with_the_reload() {
    let mut systemd = StandIn::with(&[SOCKET], &[SOCKET], &[SOCKET]);
    let (_, lines) = enabled(&mut systemd, &[unit(SOCKET, SOCKET_TEXT)]);
    assert_eq!(systemd.asked, ["reload genbackup-sshd.socket"]);
    let restarted = "genbackup-sshd.socket: restarted".to_owned();
    assert!(lines.contains(&Line::Step(restarted)), "{lines:?}");
}

#[test]
fn a_service_is_never_enabled_started_or_restarted() {
    let backup = "genbackup-backup@.service";
    let mut systemd = StandIn::with(&["genbackup-awake.service"], &[], &["genbackup-awake.service"]);
    let units = [
        unit(backup, SOCKET_TEXT),
        unit("genbackup-awake.service", SOCKET_TEXT),
    ];
    enabled(&mut systemd, &units);
    assert_eq!(systemd.asked, ["reload"]);
}

#[test]
fn a_lost_systemd_is_reported_once() {
    let units = [unit("a.socket", SOCKET_TEXT), unit("b.socket", SOCKET_TEXT)];
    let mut systemd = StandIn {
        breaks_at: "enable a.socket",
        ..StandIn::default()
    };
    let (is_live, lines) = enabled(&mut systemd, &units);
    let error = Line::Failure {
        what: "the connection broke".to_owned(),
        hint: Some("run `push` again".to_owned()),
    };
    assert_eq!((is_live, lines), (false, vec![error]));
}

#[test]
fn a_preview_names_each_step_and_takes_none() {
    let after = [unit(SOCKET, SOCKET_TEXT), unit("new.timer", SOCKET_TEXT)];
    let changes = changes(&[SOCKET, "old.socket", "mnt-x.mount"], &after);
    let all = [SOCKET, "old.socket", "mnt-x.mount"];
    let mut systemd = StandIn::with(&all, &all, &[]);
    let steps = preview(&mut &mut systemd, &after, &changes).unwrap();
    let steps: Vec<String> = steps
        .iter()
        .map(|(verb, unit)| format!("{verb} {unit}"))
        .collect();
    assert_eq!(
        steps,
        [
            "disable old.socket",
            "stop old.socket",
            "stop mnt-x.mount",
            "restart genbackup-sshd.socket",
            "enable new.timer",
            "start new.timer",
        ]
    );
    assert_eq!(systemd.asked, [""; 0]);
    systemd.running.insert("genbackup-backup@1.service".to_owned());
    let steps = preview(&mut &mut systemd, &after, &changes).unwrap();
    assert!(!steps.contains(&("stop", "mnt-x.mount".to_owned())), "{steps:?}");
}

#[test]
fn what_is_as_it_should_be_needs_no_step() {
    let after = [unit(SOCKET, "old\n[Install]\n")];
    let mut systemd = StandIn::with(&[SOCKET], &[SOCKET], &[]);
    let changes = Changes::on(
        &Host(BTreeMap::from([(
            PathBuf::from(&after[0].path),
            after[0].content.clone(),
        )])),
        &Place::below("/"),
        &after,
    );
    assert!(
        preview(&mut &mut systemd, &after, &changes.unwrap())
            .unwrap()
            .is_empty()
    );
    assert_eq!(enabled(&mut systemd, &after), (true, Vec::new()));
}
