//! How a copy ended, for people and for the record.

use std::fmt;

use bytesize::ByteSize;

use crate::error::hint;
use crate::model::CopyName;
use crate::repository::offsite::tamper::Attempt;
use crate::repository::offsite::{Done, Failed, Name, Refusal, Retained, Stopped, Transferred};
use crate::runs::record::{CopyFigures, Status};
use crate::text::counted;

/// How a copy ended.
pub(crate) struct Ended {
    /// How it ended, as a word.
    pub status: Status,
    /// Why it did not succeed.
    pub why: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// What a dry run would do.
    pub planned: Vec<Planned>,
    /// What was done, for people.
    pub summary: Option<String>,
    /// What was done, for the record.
    pub figures: Option<CopyFigures>,
}

/// A step that a dry run does not do.
pub(crate) enum Planned {
    /// Copy a file, and its size in bytes.
    CopyFile(Name, u64),
    /// Delete a file of the copy.
    DeleteFile(Name),
    /// Copy the snapshot of this ID.
    CopySnapshot(String),
}

impl fmt::Display for Planned {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CopyFile(name, size) => write!(formatter, "copy {name} ({})", ByteSize(*size)),
            Self::DeleteFile(name) => write!(formatter, "delete {name}"),
            Self::CopySnapshot(id) => write!(formatter, "copy snapshot {id}"),
        }
    }
}

impl Ended {
    fn succeeded(summary: String, figures: CopyFigures) -> Self {
        Self {
            status: Status::Ok,
            why: None,
            hint: None,
            planned: Vec::new(),
            summary: Some(summary),
            figures: Some(figures),
        }
    }

    /// A copy of files.
    pub(super) fn of_sync(done: &Done) -> Self {
        let figures = CopyFigures {
            files: done.uploaded as u64,
            bytes: done.bytes,
            deleted: done.deleted as u64,
            waiting: done.waiting as u64,
            lost: done.lost as u64,
            snapshots: done.snapshots as u64,
            ..CopyFigures::default()
        };
        Self::succeeded(summary(done), figures)
    }

    /// A copy of snapshots.
    pub(super) fn of_transfer(done: &Transferred) -> Self {
        let Transferred {
            copied,
            removed,
            snapshots,
        } = *done;
        let figures = CopyFigures {
            snapshots: snapshots as u64,
            deleted: removed as u64,
            ..CopyFigures::default()
        };
        let summary = format!(
            "{} copied, {removed} removed; {} in the copy",
            counted(copied, "snapshot"),
            counted(snapshots, "snapshot")
        );
        Self::succeeded(summary, figures)
    }

    /// A dry run that would copy these snapshots.
    pub(super) fn of_preview(new: Vec<String>) -> Self {
        let summary = format!("{} to copy", counted(new.len(), "snapshot"));
        let planned = new.into_iter().map(Planned::CopySnapshot);
        Self::succeeded(summary, CopyFigures::default()).with_plan(planned.collect())
    }

    /// An attempt to destroy something in the copy.
    pub(super) fn of_attempt(attempt: &Attempt) -> Self {
        let Attempt { tampering, why } = attempt;
        let figures = CopyFigures {
            tampering: Some(tampering.to_string()),
            only_tried: true,
            ..CopyFigures::default()
        };
        Self::succeeded(format!("tamper test: {tampering}: {why}"), figures)
    }

    /// A failure, in the words of the record.
    pub(super) fn of_error(name: &CopyName, error: &anyhow::Error) -> Self {
        let refusal = error.downcast_ref::<Refusal>();
        let failed = error.downcast_ref::<Failed>();
        let why = match refusal {
            Some(refusal @ Refusal::Forget { .. }) => format!("nothing was removed: {refusal}"),
            Some(refusal) => format!("nothing was copied or deleted: {refusal}"),
            None => format!("{error:#}"),
        };
        Self {
            status: if error.is::<Stopped>() {
                Status::Interrupted
            } else {
                Status::Failed
            },
            why: Some(why),
            hint: refusal
                .map(|refusal| refusal.hint(name.as_str()))
                .or_else(|| failed.and_then(Failed::hint).map(str::to_owned))
                .or_else(|| hint(error)),
            planned: Vec::new(),
            summary: None,
            figures: None,
        }
    }

    /// The same with what a dry run would do.
    pub(super) fn with_plan(mut self, planned: Vec<Planned>) -> Self {
        self.planned = planned;
        self
    }

    /// The same with the result of a tamper test.
    pub(super) fn with(mut self, other: Self) -> Self {
        self.summary = self
            .summary
            .zip(other.summary)
            .map(|(one, other)| format!("{one}\n{other}"));
        if let Some((figures, other)) = self.figures.as_mut().zip(other.figures) {
            figures.tampering = other.tampering;
        }
        self
    }

    /// The same with whether the copy is on the file system of the repository.
    pub(super) fn with_same_file_system(mut self, same_file_system: Option<bool>) -> Self {
        if let Some(figures) = &mut self.figures {
            figures.same_file_system = same_file_system;
        }
        self
    }

    /// The same with locks that were extended.
    pub(super) fn with_locks(mut self, Retained { files, until }: Retained) -> Self {
        let locked = format!(
            "the lock of {} now ends on {}",
            counted(files, "file"),
            until.strftime("%F")
        );
        self.summary = self.summary.map(|summary| format!("{summary}\n{locked}"));
        self
    }

    /// The same with locks that could not be extended: the copy is whole, but can be destroyed.
    pub(super) fn without_locks(mut self, error: &anyhow::Error) -> Self {
        self.status = Status::Partial;
        self.why = Some(format!(
            "the copy is complete, but the locks of its files cannot be extended: {error:#}"
        ));
        self.hint = Some(
            "give the credential the rights to read the lock of the bucket and to extend that of objects, which the \
             chapter on offsite copies lists"
                .to_owned(),
        );
        self
    }
}

fn summary(done: &Done) -> String {
    let Done {
        uploaded,
        bytes,
        deleted,
        waiting,
        lost,
        unexplained,
        snapshots,
    } = done;
    let mut text = format!(
        "{} copied ({}), {deleted} deleted, {waiting} to be deleted later; {} in the copy",
        counted(*uploaded, "file"),
        ByteSize(*bytes),
        counted(*snapshots, "snapshot"),
    );
    for (count, what, whose) in [
        (*lost, "file", "the remote had lost"),
        (*unexplained, "pack", "without a prune, the repository lost"),
    ] {
        if count > 0 {
            text += "; ";
            text += whose;
            text += " ";
            text += &counted(count, what);
        }
    }
    text
}
