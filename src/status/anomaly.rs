//! What stands out: attempts that are not like those before them. It is no verdict, because the files of a
//! host may change at will. It is what an admin would want to look at.
//!
//! | it stands out | when |
//! | --- | --- |
//! | a duration | it is 3 times the usual one, and 10 seconds more |
//! | files, or their size | they are twice the usual ones, or half of them, and the same holds against the last ones |
//! | what was added | it is 10 times what is usual, and 100 MiB more |
//! | no files at all | always |
//!
//! Usual is the median of the last thirty attempts that succeeded; with fewer than five, nothing stands out.
//! What has changed for good stands out once.

use std::collections::VecDeque;
use std::fmt;

use bytesize::ByteSize;
use jiff::SignedDuration;
use serde::Serialize;

use crate::status::{Figures, span};
use crate::text::counted;

/// The number of attempts that define what is usual.
pub(crate) const WINDOW: usize = 30;
/// Of fewer, nothing is usual.
const ENOUGH: usize = 5;

/// What stands out of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Anomaly {
    /// What it is about.
    pub kind: Kind,
    /// How much it was.
    pub value: f64,
    /// How much is usual; nothing where the figure stands out by itself.
    pub usual: Option<f64>,
}

/// What an anomaly is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// How long it took, in seconds.
    Duration,
    /// How many files there were.
    Files,
    /// Their size in bytes.
    Size,
    /// What was new in the repository, in bytes.
    Added,
}

/// What is usual, learned from attempts that succeeded, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Usual {
    seconds: Window,
    files: Window,
    size: Window,
    added: Window,
}

/// The last figures of one kind.
#[derive(Debug, Clone, Default)]
struct Window(VecDeque<f64>);

impl Usual {
    /// What stands out of an attempt that succeeded; the next one is compared with it, too.
    pub(crate) fn note(&mut self, seconds: Option<f64>, figures: Figures) -> Vec<Anomaly> {
        let Figures {
            added_bytes,
            files,
            processed_bytes,
        } = figures;
        let seconds = seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
        let found = [
            self.seconds.much(Kind::Duration, seconds, 3.0, 10.0),
            no_files(files).or_else(|| self.files.jump(Kind::Files, number(files), 10.0)),
            self.size
                .jump(Kind::Size, number(processed_bytes), f64::from(1 << 20)),
            self.added
                .much(Kind::Added, number(added_bytes), 10.0, f64::from(100 << 20)),
        ];
        self.seconds.note(seconds);
        self.files.note(number(files));
        self.size.note(number(processed_bytes));
        self.added.note(number(added_bytes));
        found.into_iter().flatten().collect()
    }
}

fn no_files(files: Option<u64>) -> Option<Anomaly> {
    (files == Some(0)).then_some(Anomaly {
        kind: Kind::Files,
        value: 0.0,
        usual: None,
    })
}

#[expect(clippy::cast_precision_loss, reason = "so much precision is not looked at")]
fn number(number: Option<u64>) -> Option<f64> {
    number.map(|number| number as f64)
}

impl Window {
    /// At least `times` what is usual, and `more` on top of it.
    fn much(&self, kind: Kind, value: Option<f64>, times: f64, more: f64) -> Option<Anomaly> {
        let (value, usual) = value.zip(self.median())?;
        (value >= usual * times && value >= usual + more).then_some(Anomaly {
            kind,
            value,
            usual: Some(usual),
        })
    }

    /// Twice what is usual, or half of it, with a difference that matters; and the same against the last one.
    fn jump(&self, kind: Kind, value: Option<f64>, matters: f64) -> Option<Anomaly> {
        let (value, usual) = value.zip(self.median())?;
        let last = *self.0.back()?;
        let is_jump =
            |from: f64| (value - from).abs() >= matters && (value >= from * 2.0 || value <= from / 2.0);
        (is_jump(usual) && is_jump(last)).then_some(Anomaly {
            kind,
            value,
            usual: Some(usual),
        })
    }

    fn note(&mut self, value: Option<f64>) {
        self.0.extend(value);
        if self.0.len() > WINDOW {
            self.0.pop_front();
        }
    }

    /// The median; of an even number, the greater of the two in the middle.
    fn median(&self) -> Option<f64> {
        if self.0.len() < ENOUGH {
            return None;
        }
        let mut values: Vec<f64> = self.0.iter().copied().collect();
        let middle = values.len() / 2;
        let (_, median, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
        Some(*median)
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, value, usual } = *self;
        let shown = |value: f64| match kind {
            Kind::Duration => {
                SignedDuration::try_from_secs_f64(value).map_or_else(|_| "ages".to_owned(), span)
            }
            Kind::Files => format!("{value}"),
            Kind::Size | Kind::Added => bytes(value),
        };
        match (kind, usual) {
            (Kind::Duration, Some(usual)) => {
                write!(formatter, "it took {}, usually {}", shown(value), shown(usual))
            }
            (Kind::Files, Some(usual)) => {
                write!(formatter, "{}, usually {}", counted(value, "file"), shown(usual))
            }
            (Kind::Size, Some(usual)) => {
                write!(
                    formatter,
                    "{} in all files, usually {}",
                    shown(value),
                    shown(usual)
                )
            }
            (Kind::Added, Some(usual)) => {
                write!(
                    formatter,
                    "{} of new data, usually {}",
                    shown(value),
                    shown(usual)
                )
            }
            (Kind::Files, None) => formatter.write_str("no files in the snapshot"),
            (_, None) => write!(formatter, "{}", shown(value)),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it was a whole number, and is one that people read"
)]
fn bytes(value: f64) -> String {
    ByteSize(value as u64).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn figures(files: u64, size: u64, added: u64) -> Figures {
        Figures {
            added_bytes: Some(added),
            files: Some(files),
            processed_bytes: Some(size),
        }
    }

    /// What is usual after this number of nights of one minute, 1,000 files, 100 MiB and 10 MiB that are new.
    fn after(nights: usize) -> Usual {
        let mut usual = Usual::default();
        for _ in 0..nights {
            assert_eq!(usual.note(Some(60.0), figures(1000, 100 * MIB, 10 * MIB)), []);
        }
        usual
    }

    fn kinds(seconds: f64, figures: Figures) -> Vec<Kind> {
        let found = after(30).note(Some(seconds), figures);
        found.into_iter().map(|anomaly| anomaly.kind).collect()
    }

    #[test]
    fn three_times_the_usual_duration_stands_out_and_less_does_not() {
        let like_always = figures(1000, 100 * MIB, 10 * MIB);
        assert_eq!(kinds(180.0, like_always), [Kind::Duration]);
        assert_eq!(kinds(179.0, like_always), []);
        assert_eq!(kinds(f64::NAN, like_always), []);
        assert_eq!(kinds(-1.0, like_always), []);
    }

    #[test]
    fn seconds_more_are_nothing_however_many_times_they_are() {
        let mut usual = Usual::default();
        for _ in 0..9 {
            usual.note(Some(1.0), Figures::default());
        }
        assert_eq!(usual.note(Some(10.0), Figures::default()), []);
        assert_eq!(usual.note(Some(11.0), Figures::default()).len(), 1);
    }

    #[test]
    fn files_and_bytes_that_double_or_halve_stand_out() {
        let found = |files, size, added| kinds(60.0, figures(files, size, added));
        assert_eq!(found(2000, 100 * MIB, 0), [Kind::Files]);
        assert_eq!(found(500, 100 * MIB, 0), [Kind::Files]);
        assert_eq!(found(1999, 199 * MIB, 0), []);
        assert_eq!(found(1000, 200 * MIB, 0), [Kind::Size]);
        assert_eq!(found(1000, 50 * MIB, 0), [Kind::Size]);
        assert_eq!(found(1000, 100 * MIB, 110 * MIB), [Kind::Added]);
        assert_eq!(found(1000, 100 * MIB, 109 * MIB), []);
    }

    #[test]
    fn a_snapshot_without_files_stands_out_from_the_first_night_on() {
        let mut usual = Usual::default();
        for _ in 0..40 {
            let found = usual.note(Some(1.0), figures(0, 0, 0));
            let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(shown, ["no files in the snapshot"]);
        }
    }

    #[test]
    fn what_changed_for_good_stands_out_once() {
        let mut usual = after(30);
        let more = figures(5000, 500 * MIB, 10 * MIB);
        assert_eq!(usual.note(Some(60.0), more).len(), 2);
        for _ in 0..30 {
            assert_eq!(usual.note(Some(60.0), more), []);
        }
    }

    #[test]
    fn nothing_is_usual_before_the_fifth_night() {
        let odd = figures(1, MIB, 10_000 * MIB);
        assert_eq!(after(4).note(Some(6000.0), odd), []);
        let found = after(5).note(Some(6000.0), odd);
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "it took 1h 40m, usually 1m",
                "1 file, usually 1000",
                "1.0 MiB in all files, usually 100.0 MiB",
                "9.8 GiB of new data, usually 10.0 MiB",
            ]
        );
    }

    #[test]
    fn what_is_not_known_does_not_stand_out() {
        let mut usual = after(30);
        assert_eq!(usual.note(None, Figures::default()), []);
        assert_eq!(usual.note(Some(60.0), figures(1000, 100 * MIB, 10 * MIB)), []);
    }

    #[test]
    fn anomaly_is_printed_with_what_is_usual() {
        let files = |files| Figures {
            files: Some(files),
            ..Figures::default()
        };
        let mut usual = Usual::default();
        for _ in 0..5 {
            assert!(usual.note(Some(60.0), files(2000)).is_empty());
        }
        let found = usual.note(Some(480.0), files(3));
        assert_eq!(found[0].to_string(), "it took 8m, usually 1m");
        assert_eq!(found[1].kind, Kind::Files);
    }
}
