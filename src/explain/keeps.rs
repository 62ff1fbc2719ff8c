//! What the keep policy will keep, in words and as a picture.

use anyhow::Result;
use jiff::civil::DateTime;
use jiff::{Span, ToSpan};

use super::picture;
use crate::model::{KeepPolicy, ResticVersion, Timing};
use crate::repository::retention::{Horizon, Kept, Oldest, after_years};
use crate::system::analyze;

/// The number of times from which the mean distance between runs is computed.
const SAMPLE: usize = 64;
/// The maximum number of simulated runs: ten years of hourly runs. A schedule with more runs is simulated
/// for a shorter time.
const MOST_RUNS: usize = 88_000;
const TEN_YEARS: i32 = 10 * 366 * 24 * 3600;

/// What a policy keeps after a week, a month, a year and ten years of a schedule from now on, with the storage host's
/// version of restic.
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
    let sample = analyze::times_after(calendars, now, SAMPLE)?;
    let (runs, horizon) = match runs_in_ten_years(&sample) {
        Some(count) => (
            analyze::times_after(calendars, now, count)?,
            Horizon::TheLastKnown,
        ),
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
        let sentence = format!(
            "after {name}, the longest gap between two snapshots is {}",
            gaps.join(", ")
        );
        (!gaps.is_empty()).then_some(sentence)
    });
    let end = (horizon == Horizon::Endless).then(|| match runs.last() {
        Some(last) => format!(
            "the last run is at {}: the calendar expression does not elapse after that",
            last.strftime("%Y-%m-%d %H:%M")
        ),
        None => "no run is scheduled: the calendar expression never elapses again".to_owned(),
    });
    for sentence in gaps.into_iter().chain(end) {
        lines.extend(textwrap::wrap(&sentence, width).into_iter().map(Into::into));
    }
    Ok(lines)
}

/// `1 day within the last week`; `None` if there are fewer than two snapshots.
fn gap(name: &str, now: DateTime, span: Span, kept: &Kept) -> Option<String> {
    let span = now.checked_add(span).ok()?.duration_since(now);
    let gap = kept.longest_gap(span)?;
    let last = name.strip_prefix("1 ").unwrap_or(name);
    Some(format!("{} within the last {last}", picture::age(gap)))
}

/// The number of runs in ten years, plus one; `None` if the schedule has no more runs than the sample.
fn runs_in_ten_years(sample: &[DateTime]) -> Option<usize> {
    let ([first, ..], true) = (sample, sample.len() == SAMPLE) else {
        return None;
    };
    let sampled = sample.last()?.duration_since(*first).as_secs().max(1);
    // Runs are not evenly spaced in a schedule of a few months of the year.
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
