//! Calendar expressions.

use super::{Refusal, checked_string};

checked_string! {
    /// A calendar expression of systemd.time(7), such as `*-*-* 04:00:00 America/Los_Angeles`.
    ///
    /// Here only its characters are looked at. Whether systemd takes it is systemd's to say: see
    /// [`crate::verify::takes_calendar`].
    Calendar, check
}

fn check(text: &str) -> Result<(), Refusal> {
    let odd = |c: char| !(c.is_ascii_alphanumeric() || " *-,:./~_+".contains(c));
    if text.trim().is_empty() || text.trim() != text || text.starts_with('-') || text.contains(odd) {
        return Err(Refusal::new(
            format!("`{text}` is not a calendar expression"),
            "see systemd.time(7); for example `*-*-* 04:00:00` or `Mon..Fri 22:30 Europe/Berlin`",
        ));
    }
    Ok(())
}
