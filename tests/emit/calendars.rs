//! What genbackup reads from systemd about the times of a schedule.

use anyhow::{Context, Result};
use genbackup::model::{Calendar, Calendars};
use genbackup::system::analyze::{longest_gap, times_after};

fn schedule(expressions: &[&str]) -> Result<Calendars> {
    let calendar = |text: &&str| {
        Calendar::try_from((*text).to_owned())
            .ok()
            .with_context(|| (*text).to_owned())
    };
    let calendars = expressions.iter().map(calendar).collect::<Result<_>>()?;
    Calendars::new(calendars).context("an empty schedule")
}

#[test]
fn times_of_several_expressions_are_in_one_order_as_far_as_all_are_known() -> Result<()> {
    let schedule = schedule(&["*-*-* 22:30", "*-*-* 12:00"])?;
    let times = |count| times_after(&schedule, "2026-11-24T00:00:00".parse()?, count);
    let shown: Vec<String> = times(4)?.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "2026-11-24T12:00:00",
            "2026-11-24T22:30:00",
            "2026-11-25T12:00:00",
            "2026-11-25T22:30:00"
        ]
    );
    assert_eq!(times(4000)?.len(), 4000);
    Ok(())
}

#[test]
fn longest_gap_of_several_expressions_is_between_any_two_of_their_times() -> Result<()> {
    for (expressions, hours) in [
        (&["*-*-* 12:00", "*-*-* 22:00"], 14),
        (&["Mon..Fri 22:00", "Sun 10:00"], 36),
        // Their time zones differ.
        (&["*-*-* 12:00 UTC", "*-*-* 12:00 Asia/Tokyo"], 15),
    ] {
        let gap = longest_gap(&schedule(expressions)?)?.context("no gap")?;
        assert_eq!(gap.as_hours(), hours, "{expressions:?}");
    }
    Ok(())
}
