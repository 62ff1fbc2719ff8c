//! Places a hold on a host.

use anyhow::Result;
use jiff::{Timestamp, Zoned};

use super::{Entry, Hold, Store};
use crate::error::{fail, hinted};
use crate::model::Moment;

/// The maximum length of a reason in characters.
const LONGEST_WHY: usize = 500;

impl Hold {
    /// A hold from now on, with its reason and its end as a person writes them. A day is included as a whole.
    ///
    /// # Errors
    /// When the reason is not one short line, or the end is not a time in the future.
    pub(crate) fn parse(why: &str, until: Option<&str>, now: &Zoned) -> Result<Self> {
        let why = reason(why)?;
        Ok(Self {
            since: now.timestamp(),
            until: until.map(|text| end(text, now)).transpose()?,
            why,
        })
    }
}

impl Store {
    /// Places a hold on a host, in the place of an earlier one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn place(&self, host: &str, hold: &Hold) -> Result<()> {
        self.put(&Entry {
            hold: Some(hold.clone()),
            ..self.entry(host)
        })
    }

    /// The entry of a host; a new one if it has none.
    pub(super) fn entry(&self, host: &str) -> Entry {
        let known = self.get(host).cloned();
        known.unwrap_or_else(|| Entry::new(host.to_owned()))
    }
}

fn reason(why: &str) -> Result<String> {
    let why = why.trim();
    if why.is_empty() {
        fail!(
            what("`--why` is empty"),
            hint("write in a few words why the snapshots must stay")
        );
    }
    if why.chars().any(char::is_control) || why.chars().count() > LONGEST_WHY {
        fail!(
            what("`--why` is not one line of at most {LONGEST_WHY} characters"),
            hint("shorten it to one line")
        );
    }
    Ok(why.to_owned())
}

/// When a hold ends. A day is included as a whole.
fn end(text: &str, now: &Zoned) -> Result<Timestamp> {
    const HINT: &str = "write a day (`2027-01-31`) or a time (`2027-01-31 04:00`) in the future";
    let moment =
        Moment::parse(text, now).map_err(|_| hinted!(what("`{text}` is not a time"), hint("{HINT}")))?;
    if moment.last <= now.timestamp() {
        fail!(what("`--until {text}` is not in the future"), hint("{HINT}"));
    }
    Ok(moment.last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        "2026-11-23T04:00[UTC]".parse().unwrap()
    }

    #[test]
    fn hold_lasts_to_the_end_of_its_day() {
        let hold = Hold::parse(" a disk is being replaced ", Some("2026-11-23"), &now()).unwrap();
        assert_eq!(hold.why, "a disk is being replaced");
        assert_eq!(hold.until.unwrap().to_string(), "2026-11-23T23:59:59.999999999Z");
    }

    #[test]
    fn reason_is_one_line_and_the_end_is_in_the_future() {
        for (why, until, what) in [
            (" ", None, "`--why` is empty"),
            ("a\nb", None, "`--why` is not one line of at most 500 characters"),
            ("a", Some("soon"), "`soon` is not a time"),
            ("a", Some("yesterday"), "`--until yesterday` is not in the future"),
        ] {
            let error = Hold::parse(why, until, &now()).unwrap_err();
            assert_eq!(error.to_string(), what);
        }
    }
}
