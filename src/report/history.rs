//! Series as charts, with the same as a table next to them.

use crate::runs::record::{RunId, Status};
use crate::status::anomaly::Kind;
use crate::status::history::Of;
use crate::text::bounded;

use super::chart::{Drawing, Picture, SIZE, Unit};
use super::group::Group;
use super::series::{All, Point, Series};
use super::words::{self, Time, Words};

/// A chart shows at most this number of points.
const POINTS: usize = 90;
/// With many hosts, a chart still shows this number of points; with fewer it would show nothing.
const POINTS_AT_LEAST: usize = 10;
/// The points of all series together: with more hosts, each has fewer.
const POINTS_IN_ALL: usize = 6000;
/// The number of changes of versions that a chart marks.
const VERSIONS: usize = 8;
/// The characters that are shown of each.
const CHANGE: usize = 100;
/// The number of findings that are shown.
const FINDINGS: usize = 50;

/// The charts of one host, of one phase, or of the runs as a whole.
#[derive(Debug)]
pub(super) struct Charts {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) drawn: Vec<Chart>,
    pub(super) versions: Vec<Version>,
    pub(super) versions_left_out: usize,
    /// True where there are snapshots: they have sizes.
    pub(super) has_sizes: bool,
    pub(super) rows: Vec<Row>,
    /// True where a row is several runs.
    pub(super) is_grouped: bool,
}

/// One drawing, and its text for those who cannot see it.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) id: String,
    pub(super) caption: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) picture: Picture,
    pub(super) size: (u32, u32),
}

/// A version that changed, by its number in the charts.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) number: usize,
    pub(super) run: RunId,
    pub(super) time: Time,
    pub(super) change: String,
}

/// A point of the charts, as a row of the table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) when: String,
    pub(super) how: String,
    pub(super) took: String,
    pub(super) added: String,
    pub(super) files: String,
    pub(super) size: String,
    pub(super) marks: String,
}

/// Something that stands out.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) time: Time,
    pub(super) of: String,
    pub(super) what: String,
}

/// What stands out, the newest first, and how much of it is not shown.
pub(super) fn findings(words: &Words<'_>, all: &All) -> (Vec<Finding>, usize) {
    let points = |series: &'_ Series| -> Vec<(RunId, String, String)> {
        let of = title(&series.of);
        let remarkable = series.points.iter().flat_map(|point| {
            let run = point.run;
            point
                .anomalies
                .iter()
                .map(move |anomaly| (run, anomaly.to_string()))
        });
        remarkable.map(|(run, what)| (run, of.clone(), what)).collect()
    };
    let mut found: Vec<_> = all.series.iter().flat_map(points).collect();
    found.sort_by_key(|(run, _, _)| std::cmp::Reverse(*run));
    let not_shown = found.len().saturating_sub(FINDINGS);
    let found = found.into_iter().take(FINDINGS);
    let found = found.map(|(run, of, what)| Finding {
        time: words.time(run.start()),
        of,
        what,
    });
    (found.collect(), not_shown)
}

/// The charts of each series that has a point.
pub(super) fn charts(words: &Words<'_>, all: &All) -> Vec<Charts> {
    let shown: Vec<&Series> = all
        .series
        .iter()
        .filter(|series| !series.points.is_empty())
        .collect();
    let most = (POINTS_IN_ALL / shown.len().max(1)).clamp(POINTS_AT_LEAST, POINTS);
    shown
        .into_iter()
        .map(|series| of_series(words, series, most))
        .collect()
}

fn of_series(words: &Words<'_>, series: &Series, most: usize) -> Charts {
    let groups = Group::of_all(&series.points, most);
    let (id, title) = (id(&series.of), title(&series.of));
    let (versions, versions_left_out) = versions(words, &series.points);
    let has_sizes = !matches!(series.of, Of::Phase(_) | Of::Copy(_));
    let parts: &[Part] = if has_sizes {
        &[DURATION, ADDED, SIZE_OF_FILES]
    } else {
        &[DURATION]
    };
    let mut drawn = Vec::new();
    for part in parts {
        drawn.extend(part.chart(words, &id, &title, &groups, &versions));
    }
    Charts {
        rows: groups
            .iter()
            .rev()
            .map(|group| row(words, group, &versions))
            .collect(),
        is_grouped: groups.iter().any(|group| group.runs > 1),
        id,
        title,
        drawn,
        versions,
        versions_left_out,
        has_sizes,
    }
}

/// One of the drawings of a series.
struct Part {
    id: &'static str,
    what: &'static str,
    value: fn(&Group) -> Option<f64>,
    unit: fn(f64) -> Unit,
    in_words: fn(f64) -> String,
    kinds: &'static [Kind],
    /// True where it marks runs that did not succeed; one drawing of a series is enough.
    has_crosses: bool,
}

const DURATION: Part = Part {
    id: "duration",
    what: "duration",
    value: |group| group.seconds,
    unit: Unit::of_seconds,
    in_words: |seconds| words::took(seconds).unwrap_or_default(),
    kinds: &[Kind::Duration],
    has_crosses: true,
};

const ADDED: Part = Part {
    id: "added",
    what: "new data",
    value: |group| group.added.map(number),
    unit: Unit::of_bytes,
    in_words: bytes,
    kinds: &[Kind::Added],
    has_crosses: false,
};

const SIZE_OF_FILES: Part = Part {
    id: "size",
    what: "size of all files",
    value: |group| group.size.map(number),
    unit: Unit::of_bytes,
    in_words: bytes,
    kinds: &[Kind::Files, Kind::Size],
    has_crosses: false,
};

#[expect(clippy::cast_precision_loss, reason = "a drawing has a few hundred heights")]
const fn number(number: u64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it was a whole number, and is one that people read"
)]
fn bytes(bytes: f64) -> String {
    words::bytes(bytes as u64)
}

impl Part {
    /// The drawing; none where there is nothing to draw.
    fn chart(
        &self,
        words: &Words<'_>,
        id: &str,
        of: &str,
        groups: &[Group],
        versions: &[Version],
    ) -> Option<Chart> {
        let known = groups
            .iter()
            .filter_map(|group| Some((group, (self.value)(group)?)));
        let known: Vec<(&Group, f64)> = known.collect();
        let values = || known.iter().map(|(_, value)| *value);
        let (Some((_, last)), Some(greatest), Some(lowest)) = (
            known.last(),
            values().max_by(f64::total_cmp),
            values().min_by(f64::total_cmp),
        ) else {
            return None;
        };
        let unit = (self.unit)(greatest);
        let drawn: Vec<(RunId, f64)> = known
            .iter()
            .map(|(group, value)| (group.last, value / unit.factor))
            .collect();
        let stands_out = |group: &Group| self.kinds.iter().any(|kind| group.stands_out.contains(kind));
        let rings = known.iter().zip(&drawn);
        let rings = rings.filter_map(|((group, _), at)| stands_out(group).then_some(*at));
        let drawing = Drawing {
            runs: groups.iter().map(|group| group.last).collect(),
            rings: rings.collect(),
            crosses: groups
                .iter()
                .filter(|group| self.has_crosses && group.good < group.runs)
                .map(|group| group.last)
                .collect(),
            halves: groups
                .iter()
                .filter(|group| self.has_crosses && group.partial > 0 && group.good == group.runs)
                .map(|group| group.last)
                .collect(),
            versions: versions
                .iter()
                .map(|version| (version.run, version.number))
                .collect(),
            values: drawn,
        };
        let caption = format!(
            "{}{}, in {}",
            self.what[..1].to_uppercase(),
            &self.what[1..],
            unit.name
        );
        Some(Chart {
            id: format!("{id}-{}", self.id),
            caption,
            name: format!("{of}: {}, in {}", self.what, unit.name),
            description: format!(
                "From {} to {}, last {}.{}",
                (self.in_words)(lowest),
                (self.in_words)(greatest),
                (self.in_words)(*last),
                marked(&drawing),
            ),
            picture: drawing.picture(words.zone),
            size: SIZE,
        })
    }
}

/// What is marked in a drawing, next to its points.
fn marked(drawing: &Drawing) -> String {
    let marks = [
        ("Anomalies", drawing.rings.len()),
        ("Points with a run that did not succeed", drawing.crosses.len()),
        ("Points with a partial run", drawing.halves.len()),
        ("Changes of versions", drawing.versions.len()),
    ];
    let marks = marks.iter().filter(|(_, count)| *count > 0);
    let marks: Vec<String> = marks.map(|(what, count)| format!(" {what}: {count}.")).collect();
    marks.concat()
}

fn id(of: &Of) -> String {
    match of {
        Of::Runs => "runs".to_owned(),
        Of::Phase(phase) => format!("phase-{}", phase.name()),
        Of::Host(host) => format!("host-{host}"),
        Of::Copy(copy) => format!("copy-{copy}"),
    }
}

fn title(of: &Of) -> String {
    match of {
        Of::Runs => "All runs".to_owned(),
        Of::Phase(phase) => phase.name().to_owned(),
        Of::Copy(copy) => format!("copy {copy}"),
        Of::Host(host) => host.clone(),
    }
}

/// The newest changes of versions, numbered in their order, and how many are not shown.
fn versions(words: &Words<'_>, points: &[Point]) -> (Vec<Version>, usize) {
    let changed = points.iter().filter(|point| !point.changes.is_empty());
    let not_shown = changed.clone().count().saturating_sub(VERSIONS);
    let versions = changed.skip(not_shown).zip(1..).map(|(point, number)| {
        let texts: Vec<String> = point.changes.iter().map(ToString::to_string).collect();
        Version {
            number,
            run: point.run,
            time: words.time(point.run.start()),
            change: bounded(&texts.join("; "), CHANGE),
        }
    });
    (versions.collect(), not_shown)
}

fn row(words: &Words<'_>, group: &Group, versions: &[Version]) -> Row {
    let when = if group.runs == 1 {
        words.time(group.first.start()).shown
    } else {
        let day = |run: RunId| words.day(run.start());
        format!("{} to {}", day(group.first), day(group.last))
    };
    let how = if group.runs == 1 {
        match &group.status {
            Status::Unknown(_) => "unknown".to_owned(),
            status => status.to_string(),
        }
    } else {
        format!("{} of {} ok", group.ok, group.runs)
    };
    let of_group = |version: &&Version| (group.first..=group.last).contains(&version.run);
    let numbers = versions
        .iter()
        .filter(of_group)
        .map(|version| format!("version {}", version.number));
    let stands_out = (!group.stands_out.is_empty()).then(|| "anomaly".to_owned());
    let marks: Vec<String> = numbers.chain(stands_out).collect();
    Row {
        when,
        how,
        took: group.seconds.and_then(words::took).unwrap_or_default(),
        added: group.added.map_or_else(String::new, words::bytes),
        files: group.files.map_or_else(String::new, |files| files.to_string()),
        size: group.size.map_or_else(String::new, words::bytes),
        marks: marks.join(", "),
    }
}
