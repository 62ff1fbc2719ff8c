//! The pings of the runs, as the memory has them.

use super::Memory;
use crate::model::Fleet;
use crate::notify::ping::{Event, Ping};
use crate::runs::record::Status;
use crate::status::{Now, Progress, Report, State};
use crate::text::{harmless, shortened};

/// The characters of a line about one host.
const LONGEST_LINE: usize = 200;
/// The lines of a ping.
const MOST_LINES: usize = 40;

impl Memory {
    /// The ping of the fleet's newest run, when it is over and was not pinged yet; or of a unit's failure that left none.
    pub fn ping(&mut self, fleet: &Fleet, report: &Report, failed: Option<&str>) -> Option<Ping> {
        if let Some(why) = failed {
            let why = shortened(&harmless(why), 2 * LONGEST_LINE);
            return Some(Ping::of(Event::Failure(why)));
        }
        let run = report
            .fleets_run
            .filter(|run| run.progress != Progress::Running)?;
        let name = run.run.to_string();
        if self.pinged.as_ref() == Some(&name) {
            return None;
        }
        self.pinged = Some(name);
        let of_this_run = report.items().filter_map(|item| {
            let last = item.verdict.last_attempt.as_ref()?;
            // A host that is absent, and may be, does not count as failed.
            let is_bad = last.status != Status::Ok && item.verdict.now != Some(Now::Absent);
            (last.run == run.run && is_bad).then(|| {
                let why = last.why.as_deref().unwrap_or_default();
                format!("{}: {} {why}", item.name, last.status)
            })
        });
        let own = fleet.with_own_schedule().filter_map(|(host, _)| {
            let verdict = &report
                .hosts
                .iter()
                .find(|item| item.name == host.as_str())?
                .verdict;
            // What was never tried is new, and waits for its first run.
            let last = verdict.last_attempt.as_ref()?;
            (verdict.state != State::Ok && last.run != run.run).then(|| {
                let why = verdict.why.as_deref().unwrap_or_default();
                format!("{host}: {} {why}", verdict.state)
            })
        });
        let lines = of_this_run.chain(own).take(MOST_LINES);
        let mut bad: Vec<String> = lines
            .map(|line| shortened(&harmless(&line), LONGEST_LINE))
            .collect();
        if run.progress == Progress::Interrupted {
            bad.push("the run was interrupted".to_owned());
        }
        let event = if bad.is_empty() {
            Event::Success(report.summary())
        } else {
            Event::Failure(bad.join("\n"))
        };
        let took = run.last_event.duration_since(run.run.start());
        Some(Ping {
            event,
            milliseconds: u64::try_from(took.as_millis()).ok(),
        })
    }
}
