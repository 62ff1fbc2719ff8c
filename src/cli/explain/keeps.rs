//! What the keep policy will have kept, in words and as a picture.

use anyhow::Result;
use jiff::civil::DateTime;
use jiff::{Span, ToSpan};

use super::picture;
use crate::keep::{Horizon, Kept, Oldest, after_years};
use crate::model::{KeepPolicy, ResticVersion, Timing};
use crate::verify;

/// The times whose mean distance is taken for the schedule's.
const SAMPLE: usize = 64;
/// As many runs as ten years of hours have: a schedule with more is followed for less long.
const MOST_RUNS: usize = 88_000;
const TEN_YEARS: i32 = 10 * 366 * 24 * 3600;

/// What a policy has kept after a week, a month, a year and ten years of a schedule, from now on, by the restic of the
/// storage host.
pub(super) fn keeps(
    policy: &KeepPolicy,
    timing: &Timing,
    restic: ResticVersion,
    now: DateTime,
    width: usize,
) -> Result<Vec<String>> {
    let spans = [
        ("1 week", 1.week()),
        ("1 month", 1.month()),
        ("1 year", 1.year()),
        ("10 years", 10.years()),
    ];
    let calendars = &timing.calendars;
    let sample = verify::times_after(calendars, now, SAMPLE)?;
    let (runs, horizon) = match runs_in_ten_years(&sample) {
        Some(count) => (verify::times_after(calendars, now, count)?, Horizon::TheLastKnown),
        None => (sample, Horizon::Endless),
    };
    let oldest = Oldest::of(restic);
    let kept = after_years(
        now,
        &spans.map(|(_, span)| span),
        (&runs, horizon),
        policy,
        oldest,
    );
    let known: Vec<(&str, Span, Kept)> = spans
        .into_iter()
        .zip(kept)
        .filter_map(|((name, span), kept)| Some((name, span, kept?)))
        .collect();
    let rows: Vec<_> = known.iter().map(|(name, _, kept)| (*name, kept)).collect();
    let mut lines = picture::of(&rows, width);
    let gaps = known.last().and_then(|(name, _, last)| {
        let gaps: Vec<String> = known
            .iter()
            .filter_map(|(name, span, _)| gap(name, now, *span, last))
            .collect();
        let said = format!(
            "after {name}, from one snapshot to the next it is at most {}",
            gaps.join(", ")
        );
        (!gaps.is_empty()).then_some(said)
    });
    let end = (horizon == Horizon::Endless).then(|| match runs.last() {
        Some(last) => format!(
            "the last run is that of {}: the calendar expression has no other",
            last.strftime("%Y-%m-%d %H:%M")
        ),
        None => "there is no run: the calendar expression has none to come".to_owned(),
    });
    for said in gaps.into_iter().chain(end) {
        lines.extend(textwrap::wrap(&said, width).into_iter().map(Into::into));
    }
    Ok(lines)
}

/// `1d within the last week`; nothing where it has no two snapshots.
fn gap(name: &str, now: DateTime, span: Span, kept: &Kept) -> Option<String> {
    let span = now.checked_add(span).ok()?.duration_since(now);
    let gap = kept.longest_gap(span)?;
    let last = name.strip_prefix("1 ").unwrap_or(name);
    Some(format!("{} within the last {last}", picture::age(gap)))
}

/// How many runs ten years have, and one more; none where there are no more than the sample has.
fn runs_in_ten_years(sample: &[DateTime]) -> Option<usize> {
    let ([first, ..], true) = (sample, sample.len() == SAMPLE) else {
        return None;
    };
    let sampled = sample.last()?.duration_since(*first).as_secs().max(1);
    // Not evenly, in a schedule of a few months of the year.
    let shortest = sample
        .windows(2)
        .filter_map(|pair| Some(pair.last()?.duration_since(*pair.first()?)))
        .min()
        .map_or(1, |gap: jiff::SignedDuration| gap.as_secs())
        .max(1);
    let evenly = i64::from(TEN_YEARS).saturating_mul(i64::try_from(SAMPLE).ok()?) / sampled;
    let at_most = i64::from(TEN_YEARS) / shortest;
    let count = evenly.max(at_most).saturating_add(2);
    Some(usize::try_from(count).ok()?.min(MOST_RUNS))
}
