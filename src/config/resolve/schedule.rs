//! When runs start: the fleet's, and those of hosts with their own schedule.

use std::ops::Range;

use crate::config::defaults;
use crate::config::file::{CatchUpWord, OwnScheduleTable, ScheduleTable, Spanned};
use crate::model::{CatchUp, HostName, RemoteClients, Schedule, StorageHost, TimeSpan, Timing};

use super::fields::{Fields, Section};

const CALENDAR: &str = "`calendar = \"*-*-* 04:00:00\"`";
const OWN_CALENDAR: &str = "`calendar = \"Sun 12:00\"`";

/// What `[schedule]` sets, as far as it holds for hosts with their own schedule.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// Where its calendar is.
    calendar: Option<Range<usize>>,
    randomized_delay: Option<TimeSpan>,
    catch_up: Option<CatchUpWord>,
}

impl Wishes {
    pub(super) fn of(table: Option<&Spanned<ScheduleTable>>) -> Self {
        let Some(table) = table.map(Spanned::get_ref) else {
            return Self::default();
        };
        Self {
            calendar: table.calendar.as_ref().map(Spanned::span),
            randomized_delay: table.randomized_delay.as_ref().map(|delay| *delay.get_ref()),
            catch_up: table.catch_up.as_ref().map(|word| *word.get_ref()),
        }
    }

    pub(super) fn calendar_span(&self) -> Option<Range<usize>> {
        self.calendar.clone()
    }

    /// A host's own schedule, where it has one.
    pub(super) fn resolve(
        &self,
        fields: &mut Fields<'_>,
        host: &HostName,
        table: Option<Spanned<OwnScheduleTable>>,
    ) -> Option<Timing> {
        let table = table?;
        let section = Section::at(format!("hosts.{host}.schedule"), table.span());
        let OwnScheduleTable {
            calendar,
            randomized_delay,
            catch_up,
        } = table.into_inner();
        let calendar = fields.required(&section, "calendar", calendar, OWN_CALENDAR)?;
        Some(Timing {
            calendars: fields.calendars(&section, calendar)?,
            randomized_delay: randomized_delay
                .map(Spanned::into_inner)
                .or(self.randomized_delay),
            catch_up: caught_up(catch_up.map(Spanned::into_inner).or(self.catch_up)),
        })
    }
}

/// `[schedule]`.
pub(super) fn resolve(fields: &mut Fields<'_>, table: Option<Spanned<ScheduleTable>>) -> Option<Schedule> {
    let hint = format!("add `[schedule]` with {CALENDAR}");
    let (section, table) = fields.section("schedule", table, &hint);
    let ScheduleTable {
        calendar,
        randomized_delay,
        catch_up,
        max_parallel,
        time_limit,
    } = table;
    let calendar = fields.required(&section, "calendar", calendar, CALENDAR);
    let calendars = calendar.and_then(|calendar| fields.calendars(&section, calendar));
    let max_parallel = fields.number(max_parallel, 1..=256, defaults::MAX_PARALLEL);
    Some(Schedule {
        timing: Timing {
            calendars: calendars?,
            randomized_delay: randomized_delay.map(Spanned::into_inner),
            catch_up: caught_up(catch_up.map(Spanned::into_inner)),
        },
        max_parallel: max_parallel?,
        time_limit: time_limit.map_or(defaults::TIME_LIMIT.value, Spanned::into_inner),
    })
}

/// Checks that the fleet's run has a host to back up.
pub(super) fn refuse_an_empty_run(
    fields: &mut Fields<'_>,
    calendar: Option<Range<usize>>,
    hosts: Option<&(StorageHost, Option<RemoteClients>)>,
) {
    let Some((storage, remote)) = hosts else { return };
    let clients = remote.iter().flat_map(|remote| remote.clients.values());
    let sources = clients.map(|client| &client.source).chain(&storage.source);
    let mut own = sources.map(|source| source.schedule.is_some()).peekable();
    if own.peek().is_some() && own.all(|own| own) {
        fields.problem(
            calendar.unwrap_or_default(),
            "`[schedule]` applies to no host: each host has its own schedule",
            "remove the `schedule` table of the hosts that `[schedule]` must back up",
        );
    }
}

fn caught_up(word: Option<CatchUpWord>) -> CatchUp {
    match word.unwrap_or(defaults::CATCH_UP) {
        CatchUpWord::AfterMissedRun => CatchUp::AfterMissedRun,
        CatchUpWord::Never => CatchUp::Never,
    }
}
