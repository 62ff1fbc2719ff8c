//! Calendar expressions.

use std::fmt;

use super::{Refusal, checked_string};

checked_string! {
    /// A calendar expression of systemd.time(7), such as `*-*-* 04:00:00 America/Los_Angeles`.
    ///
    /// Only the characters are checked here. systemd decides whether it is valid: see
    /// [`crate::system::analyze::takes_calendar`].
    Calendar, check
}

fn check(text: &str) -> Result<(), Refusal> {
    let odd = |c: char| !(c.is_ascii_alphanumeric() || " *-,:./~_+".contains(c));
    if text.trim().is_empty() || text.trim() != text || text.starts_with('-') || text.contains(odd) {
        return Err(Refusal::new(
            format!("`{text}` is not a calendar expression"),
            "write it as in systemd.time(7), such as `*-*-* 04:00:00` or `Mon..Fri 22:30 Europe/Berlin`",
        ));
    }
    Ok(())
}

impl Calendar {
    /// The expression without its time zone, and the time zone, if it has one.
    #[must_use]
    pub fn zone(&self) -> Option<(&str, &str)> {
        self.0
            .rsplit_once(' ')
            .filter(|(_, zone)| zone.starts_with(|first: char| first.is_ascii_alphabetic()))
    }
}

/// The calendar expressions of one timer, at least one: it elapses at the times of each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Calendars(Vec<Calendar>);

impl Calendars {
    /// These expressions; `None` for an empty list.
    #[must_use]
    pub fn new(expressions: Vec<Calendar>) -> Option<Self> {
        (!expressions.is_empty()).then_some(Self(expressions))
    }

    /// The expressions, in the order of the fleet file.
    #[must_use]
    pub fn expressions(&self) -> &[Calendar] {
        &self.0
    }
}

impl From<Calendar> for Calendars {
    fn from(expression: Calendar) -> Self {
        Self(vec![expression])
    }
}

impl fmt::Display for Calendars {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, expression) in self.0.iter().enumerate() {
            let between = if number == 0 { "" } else { " and " };
            write!(formatter, "{between}{expression}")?;
        }
        Ok(())
    }
}
