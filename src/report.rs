//! The report: one page of HTML with all that the records hold. Nothing else is needed to show it: no
//! network, no script, no other file, and the page itself forbids them to whatever shows it.
//!
//! What it shows is bounded, however many hosts and nights there are. A chart has as many points as its width
//! can show, and fewer where there are many hosts. A long text from elsewhere is cut off.
//!
//! | module | its one job |
//! | --- | --- |
//! | `series` | the runs, oldest first, as points of each host and phase, and what stands out of them |
//! | `group` | many points as few |
//! | `chart` | points as a drawing |
//! | `history` | series as charts, with the same as a table |
//! | `freshness` | verdicts as rows |
//! | `log` | the last run in words |
//! | `words` | times, figures and texts, as people read them |

mod chart;
mod freshness;
mod group;
mod history;
mod log;
pub mod metrics;
mod series;
mod words;

use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use crate::model::Fleet;
use crate::runs::record::Run;
use crate::status::{Point, Present, Report, State, span};

use freshness::{Freshness, Notice};
use history::{Charts, Finding};
use log::Log;
use series::All;
use words::{Time, Words};

const STYLE: &str = include_str!("../templates/printed/report/page.css");

/// Why there is no page: a drawing or a template failed, which none does for its data.
#[derive(Debug)]
pub struct Error(String);

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// What a page is made of: it takes the runs one by one, so that it holds no more of them than it shows.
#[derive(Debug)]
pub struct Page<'f> {
    fleet: &'f Fleet,
    all: All,
}

/// What the template shows.
#[derive(Template)]
#[template(path = "printed/report/page.html")]
struct View<'v> {
    style: &'static str,
    style_hash: String,
    storage: &'v str,
    state: State,
    summary: String,
    time: Time,
    zone: String,
    warn_after: String,
    alert_after: String,
    since: String,
    notices: Vec<Notice>,
    hosts: Vec<Freshness>,
    healthy_hosts: Vec<Freshness>,
    phases: Vec<Freshness>,
    copies: Vec<Freshness>,
    rule: &'v [Point],
    findings: Vec<Finding>,
    findings_left_out: usize,
    charts: Vec<Charts>,
    runs: usize,
    log: Option<Log>,
    version: &'static str,
}

impl<'f> Page<'f> {
    /// Nothing yet.
    #[must_use]
    pub fn new(fleet: &'f Fleet, present: Present) -> Self {
        Self {
            fleet,
            all: All::new(fleet, present),
        }
    }

    /// Adds a run; all that were added before are earlier.
    pub fn add(&mut self, run: Run, is_newest: bool) {
        self.all.add(run, is_newest);
    }

    /// The page about the runs of this span, with the verdicts of a report and the points of the rule
    /// 3-2-1-1-0. Times are as in a zone.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn html(
        self,
        report: &Report,
        rule: &[Point],
        since: SignedDuration,
        zone: &TimeZone,
    ) -> Result<String, Error> {
        let words = Words::of(zone);
        let Self { fleet, all } = self;
        let (findings, findings_left_out) = history::findings(&words, &all);
        let rows = freshness::rows(&words, &report.hosts, report.thresholds);
        let (hosts, healthy_hosts) = freshness::folded(rows);
        let view = View {
            style: STYLE,
            style_hash: BASE64_STANDARD.encode(Sha256::digest(STYLE)),
            storage: fleet.storage.name.as_str(),
            state: report.state(),
            summary: summary(report),
            time: words.time(report.time),
            zone: words.zone(),
            warn_after: span(report.thresholds.warn_after),
            alert_after: span(report.thresholds.alert_after),
            since: span(since),
            notices: freshness::notices(report),
            hosts,
            healthy_hosts,
            phases: freshness::rows(&words, &report.phases, report.thresholds),
            copies: freshness::rows(&words, &report.copies, report.thresholds),
            rule,
            findings,
            findings_left_out,
            charts: history::charts(&words, &all),
            runs: all.runs,
            log: all.last.as_ref().map(|last| Log::of(&words, last, report.run)),
            version: env!("CARGO_PKG_VERSION"),
        };
        // A template has no newline at its end.
        let page = view.render().map(|page| page + "\n");
        page.map_err(|error| Error(error.to_string()))
    }
}

/// What it comes to, without the words that a monitoring system wants before it.
fn summary(report: &Report) -> String {
    let summary = report.summary();
    let before = format!("genbackup {}: ", report.state());
    words::why(summary.strip_prefix(&before).unwrap_or(&summary))
}
