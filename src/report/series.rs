//! The runs as points of the whole, of each phase and of each host.

use jiff::SignedDuration;

use crate::model::Fleet;
use crate::runs::record::{Phase, Run, RunId, Status};
use crate::status::anomaly::{Anomaly, Usual};
use crate::status::history::{Change, History, Of, Row};
use crate::status::{Figures, Present, Progress, longest_silence};

/// What was added so far.
#[derive(Debug)]
pub(super) struct All {
    /// The runs as a whole, the phases, and the hosts of the fleet.
    pub(super) series: Vec<Series>,
    /// How many runs there were.
    pub(super) runs: usize,
    /// The newest run.
    pub(super) last: Option<Run>,
}

/// The points of one host, of one phase, or of the runs as a whole.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) of: Of,
    history: History,
    usual: Usual,
    /// In the order of the runs.
    pub(super) points: Vec<Point>,
}

/// What one run came to.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) run: RunId,
    pub(super) status: Status,
    pub(super) seconds: Option<f64>,
    pub(super) figures: Figures,
    pub(super) changes: Vec<Change>,
    pub(super) anomalies: Vec<Anomaly>,
}

impl Point {
    /// True when people look for it.
    pub(super) fn is_remarkable(&self) -> bool {
        self.status != Status::Ok || !self.changes.is_empty() || !self.anomalies.is_empty()
    }
}

impl All {
    pub(super) fn new(fleet: &Fleet, present: Present) -> Self {
        let phases = Phase::ALL.map(Of::Phase);
        let hosts = fleet.backed_up().map(|host| Of::Host(host.to_string()));
        let copies = fleet.offsite.keys().map(|copy| Of::Copy(copy.to_string()));
        let of = std::iter::once(Of::Runs).chain(phases).chain(copies).chain(hosts);
        Self {
            series: of
                .map(|of| Series::new(of, present, longest_silence(fleet)))
                .collect(),
            runs: 0,
            last: None,
        }
    }

    pub(super) fn add(&mut self, run: Run, is_newest: bool) {
        for series in &mut self.series {
            series.add(&run, is_newest);
        }
        if !run.is_ad_hoc {
            self.runs += 1;
            self.last = Some(run);
        }
    }
}

impl Series {
    fn new(of: Of, present: Present, silence: SignedDuration) -> Self {
        Self {
            history: History::new(of.clone(), present, silence),
            of,
            usual: Usual::default(),
            points: Vec::new(),
        }
    }

    fn add(&mut self, run: &Run, is_newest: bool) {
        self.history.add(run, is_newest);
        let Some(row) = self.history.rows.pop() else {
            return;
        };
        let Row {
            progress,
            attempt,
            hosts,
            is_of_chosen,
            changes,
        } = row;
        // What is in progress has no result yet.
        if progress == Progress::Running && (attempt.status == Status::Interrupted || hosts.is_some()) {
            return;
        }
        let anomalies = match self.of {
            _ if !attempt.status.is_good() => Vec::new(),
            // It takes as long as its hosts are many.
            Of::Runs if is_of_chosen => Vec::new(),
            // Its figures are the sum of its hosts', which report them themselves.
            Of::Runs => self.usual.note(attempt.seconds, Figures::default()),
            Of::Host(_) | Of::Phase(_) | Of::Copy(_) => self.usual.note(attempt.seconds, attempt.figures),
        };
        self.points.push(Point {
            run: attempt.run,
            status: attempt.status,
            seconds: attempt.seconds.filter(|seconds| *seconds >= 0.0),
            figures: attempt.figures,
            changes,
            anomalies,
        });
    }
}
