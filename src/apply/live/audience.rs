//! Where the steps are reported.

use crate::error::hint;

/// Where the steps are reported.
pub(crate) trait Audience {
    /// A step.
    fn step(&mut self, what: &str);

    /// A note.
    fn complain(&mut self, what: &str);

    /// What went wrong.
    fn fail(&mut self, error: &anyhow::Error);
}

/// One thing that was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// A step.
    Step(String),
    /// A note.
    Complaint(String),
    /// What went wrong, and what to do next.
    Failure { what: String, hint: Option<String> },
}

/// Keeps what it hears, for somebody who prints it later.
#[derive(Debug, Default)]
pub(crate) struct Transcript(pub(crate) Vec<Line>);

impl Audience for Transcript {
    fn step(&mut self, what: &str) {
        self.0.push(Line::Step(what.to_owned()));
    }

    fn complain(&mut self, what: &str) {
        self.0.push(Line::Complaint(what.to_owned()));
    }

    fn fail(&mut self, error: &anyhow::Error) {
        self.0.push(Line::Failure {
            what: format!("{error:#}"),
            hint: hint(error),
        });
    }
}
