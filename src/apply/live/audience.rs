//! Who hears the steps.

/// Who hears the steps.
pub(crate) trait Audience {
    /// A step.
    fn say(&mut self, what: &str);

    /// A note, or what went wrong.
    fn complain(&mut self, what: &str);
}

/// One thing that was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// A step.
    Step(String),
    /// A note, or what went wrong.
    Complaint(String),
}

/// Keeps what it hears, for somebody who prints it later.
#[derive(Debug, Default)]
pub(crate) struct Transcript(pub(crate) Vec<Line>);

impl Audience for Transcript {
    fn say(&mut self, what: &str) {
        self.0.push(Line::Step(what.to_owned()));
    }

    fn complain(&mut self, what: &str) {
        self.0.push(Line::Complaint(what.to_owned()));
    }
}
