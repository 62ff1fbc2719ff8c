//! The last run, in words: what its record holds of each host, of each phase, and of the whole.

use jiff::Timestamp;

use super::words::{self, Time, Words};
use crate::runs::record::{HostFinished, HostRun, PhaseRun, Run, Status};
use crate::status::{Attempt, Figures, NewestRun, Progress, span};
use crate::text::{bounded, counted};

/// How many hosts are shown, and how many warnings.
const HOSTS: usize = 500;
const WARNINGS: usize = 50;
/// How many paths of each kind are named of a host, how many on the whole page, and how much of each.
const PATHS: usize = 10;
const PATHS_IN_ALL: usize = 200;
const PATH: usize = 200;

/// What its record holds.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) run: String,
    pub(super) is_running: bool,
    pub(super) start: Time,
    /// When it was over, and how long it took; nothing where the record has no end.
    pub(super) end: Option<(Time, String)>,
    pub(super) last_event: Option<Time>,
    pub(super) versions: Vec<String>,
    pub(super) hosts: Vec<Entry>,
    pub(super) hosts_left_out: usize,
    pub(super) phases: Vec<Entry>,
    pub(super) warnings: Vec<String>,
    pub(super) bad_lines: u64,
    pub(super) unknown_events: u64,
    /// The number of fields that this program does not know, in events that it knows.
    pub(super) unknown_fields: u64,
}

/// What it holds of one host, or of one phase.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) status: String,
    /// How the status is shown: a class of `page.css`.
    pub(super) looks: &'static str,
    pub(super) why: Option<String>,
    pub(super) figures: String,
    pub(super) paths: Vec<Paths>,
}

/// What a snapshot lacks, of one kind.
#[derive(Debug)]
pub(super) struct Paths {
    pub(super) what: &'static str,
    pub(super) named: Vec<String>,
    /// How many more there are.
    pub(super) more: u64,
}

impl Log {
    pub(super) fn of(words: &Words<'_>, run: &Run, newest: Option<NewestRun>) -> Self {
        let is_running =
            newest.is_some_and(|newest| newest.run == run.id && newest.progress == Progress::Running);
        let mut room = PATHS_IN_ALL;
        let hosts = run.hosts.iter().take(HOSTS);
        let hosts = hosts.map(|(name, host)| {
            let entry = host_entry(run, name, host, &mut room);
            entry.pending(is_running && host.finished.is_none(), host.start.is_some())
        });
        let phases = run.phases.iter().map(|(phase, done)| {
            let entry = phase_entry(run, phase.name(), done);
            entry.pending(is_running && done.finished.is_none(), done.start.is_some())
        });
        let took = |end: Timestamp| span(end.duration_since(run.id.start()));
        Self {
            run: run.id.to_string(),
            is_running,
            start: words.time(run.id.start()),
            end: run.end.map(|end| (words.time(end), took(end))),
            last_event: run.last_event.map(|time| words.time(time)),
            versions: run
                .versions
                .iter()
                .take(10)
                .map(|(program, version)| version_of(program, version))
                .collect(),
            hosts: hosts.collect(),
            hosts_left_out: run.hosts.len().saturating_sub(HOSTS),
            phases: phases.collect(),
            warnings: run
                .warnings
                .iter()
                .take(WARNINGS)
                .map(|why| words::why(why))
                .collect(),
            bad_lines: run.bad_lines.count,
            unknown_events: run.unknown_events,
            unknown_fields: run.unknown_fields,
        }
    }
}

/// `systemd 257`, also where the version itself begins with the name.
fn version_of(program: &str, version: &str) -> String {
    if version.starts_with(program) {
        words::name(version)
    } else {
        words::name(&format!("{program} {version}"))
    }
}

fn host_entry(run: &Run, name: &str, host: &HostRun, room: &mut usize) -> Entry {
    let ended = host.finished.clone().unwrap_or_default();
    let HostFinished {
        host: _,
        status: _,
        why: _,
        exit_code: _,
        restic_version: _,
        systemd_version: _,
        seconds: _,
        missing,
        missing_count,
        unreadable,
        unreadable_count,
        empty,
        empty_count,
        unmounted,
        unmounted_count,
        links,
        links_count,
        hooks,
        clock_off: _,
    } = ended;
    let hooks = hooks
        .into_iter()
        .map(|(hook, why)| format!("{hook}: {why}"))
        .collect();
    let kinds = [
        ("missing", missing, missing_count),
        ("empty", empty, empty_count),
        ("not mounted", unmounted, unmounted_count),
        ("symbolic link", links, links_count),
        ("unreadable", unreadable, unreadable_count),
        ("failed hooks", hooks, 0),
    ];
    let paths = kinds
        .into_iter()
        .filter_map(|(what, paths, count)| Paths::of(what, &paths, count, room));
    let paths = paths.collect();
    let attempt = Attempt::of_host(run, host);
    Entry {
        paths,
        ..entry(name, &attempt, &figures_of_host(&attempt))
    }
}

fn phase_entry(run: &Run, name: &str, done: &PhaseRun) -> Entry {
    let attempt = Attempt::of_phase(run, done);
    let number = |number: Option<u64>, what: &str| {
        number.map(|number| format!("{} {what}", counted(number, "snapshot")))
    };
    let figures = [
        number(attempt.kept, "kept"),
        number(attempt.removed, "removed"),
        attempt
            .seconds
            .and_then(words::took)
            .map(|took| format!("took {took}")),
    ];
    let figures: Vec<String> = figures.into_iter().flatten().collect();
    entry(name, &attempt, &figures)
}

fn entry(name: &str, attempt: &Attempt, figures: &[String]) -> Entry {
    Entry {
        name: words::name(name),
        status: words::status(&attempt.status),
        looks: match attempt.status {
            Status::Ok => "ok",
            Status::Partial | Status::Busy => "warning",
            _ => "alert",
        },
        why: attempt
            .why
            .as_deref()
            .filter(|why| !why.is_empty())
            .map(words::why),
        figures: figures.join(", "),
        paths: Vec::new(),
    }
}

fn figures_of_host(attempt: &Attempt) -> Vec<String> {
    let Figures {
        added_bytes,
        files,
        processed_bytes,
    } = attempt.figures;
    let figures = [
        files.map(|files| counted(files, "file")),
        processed_bytes.map(|bytes| format!("{} in total", words::bytes(bytes))),
        added_bytes.map(|bytes| format!("{} new", words::bytes(bytes))),
        attempt
            .seconds
            .and_then(words::took)
            .map(|took| format!("took {took}")),
        attempt
            .clock_off
            .and_then(|off| Some(format!("clock off by {}", words::took(off.abs())?))),
        attempt.restic_version.as_deref().map(|restic| {
            let alone = restic.split(" compiled with ").next();
            words::name(alone.unwrap_or(restic))
        }),
    ];
    figures.into_iter().flatten().collect()
}

impl Entry {
    /// The same, where the run is in progress and not yet done with it.
    fn pending(self, is_pending: bool, has_begun: bool) -> Self {
        if !is_pending {
            return self;
        }
        Self {
            status: if has_begun { "running" } else { "waiting" }.to_owned(),
            looks: "pending",
            ..self
        }
    }
}

impl Paths {
    fn of(what: &'static str, paths: &[String], count: u64, room: &mut usize) -> Option<Self> {
        let named: Vec<String> = paths
            .iter()
            .take(PATHS.min(*room))
            .map(|path| bounded(path, PATH))
            .collect();
        *room -= named.len();
        let count = count.max(paths.len().try_into().unwrap_or(u64::MAX));
        let more = count.saturating_sub(named.len().try_into().unwrap_or(u64::MAX));
        (count > 0).then_some(Self { what, named, more })
    }
}
