//! The record of a run: what happened in a night, as events, one JSON object a line.
//!
//! A record is input from outside. It may be of a run that was cut off, from a disk that was full or that
//! lost power, or of a newer genbackup. A client sent part of each line. So nothing in it is an error of the
//! whole. Every line that is an event is read, and every line that is none is counted, with its number and
//! why.
//!
//! ```
//! use genbackup::runs::record::{Run, RunId, Status};
//!
//! let text = r#"{"event":"run-started","time":"2026-11-23T06:06:40Z","run":"20261123T060640Z","hosts":["ziz"]}
//! {"event":"host-finished","time":"2026-11-23T06:07:01Z","host":"ziz","status":"ok"}
//! {"event":"host-fini"#;
//! let id: RunId = "20261123T060640Z".parse().unwrap();
//! let run = Run::read(id, text.as_bytes()).unwrap();
//! assert_eq!(*run.hosts["ziz"].status(), Status::Ok);
//! assert!(!run.is_finished());
//! assert_eq!(run.bad_lines.first[0].to_string(), "line 3: cut off");
//! ```
//!
//! | module | its one job |
//! | --- | --- |
//! | `lines` | a stream of bytes as lines, each good or bad, in bounded memory |
//! | `event`, `status`, `lenient` | one line as a type |
//! | `about` | which lines matter, where only some hosts do |
//! | `run` | the lines of one record, summed up |
//! | `writer` | appends events to the record of a run in progress |
//! | `ad_hoc` | the whole record of a phase that is not part of a run |
//! | `add` | adds such a record under a free name |
//! | `addition` | a file that joins the records as a whole |
//! | `directory` | the records of a storage host; the only one of them that reads the disk |

mod about;
mod ad_hoc;
mod add;
mod addition;
mod directory;
mod event;
mod lenient;
mod lines;
mod reason;
mod run;
mod status;
mod writer;

pub use about::About;
pub use ad_hoc::AdHoc;
pub use add::add;
pub(crate) use addition::Addition;
pub use directory::{DIRECTORY, file_name, list, open};
pub use event::{
    CopyFigures, Event, HostFinished, HostStarted, PhaseFinished, PhaseStarted, Restic, RunStarted,
    RunStopped, Warning, What,
};
pub use lines::{BadLine, LINE_LIMIT, Line, Lines};
pub use reason::Reason;
pub use run::{BadLines, HostRun, PhaseRun, Run, RunId};
pub use status::Status;
pub(crate) use writer::Writer;

pub(crate) use event::in_milliseconds;

pub use crate::model::Phase;
