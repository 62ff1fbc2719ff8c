//! Until when stories may begin, where a run of all checks has a limit.
//!
//! Emulated machines take three times as long on one day as on another. A run that is cut off says nothing of what it
//! did not reach, and of what it did reach it loses the end; so it stops beginning stories in time, and names those that
//! it has left out.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Context;

/// The variable with the time after which no story begins, in seconds since 1970. Without it there is no limit.
pub const UNTIL: &str = "GENBACKUP_STORIES_UNTIL";
/// The variable with the path of a file for the names of the stories that were left out, a line each.
pub const LEFT_OUT: &str = "GENBACKUP_STORIES_LEFT_OUT";

/// The limit of one run, and what was left out for it.
#[derive(Debug, Default)]
pub struct Limit {
    until: Option<SystemTime>,
    file: Option<PathBuf>,
    left_out: Mutex<Vec<&'static str>>,
}

impl Limit {
    /// The limit that the environment has.
    ///
    /// # Errors
    /// When that is no time.
    pub fn of_environment() -> anyhow::Result<Self> {
        let until = std::env::var(UNTIL).ok().map(|text| {
            let seconds = text.parse().with_context(|| format!("{UNTIL} is `{text}`"))?;
            anyhow::Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        });
        Ok(Self {
            until: until.transpose()?,
            file: std::env::var_os(LEFT_OUT).map(PathBuf::from),
            left_out: Mutex::default(),
        })
    }

    /// Whether nothing may begin any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.until.is_some_and(|until| SystemTime::now() >= until)
    }

    /// Remembers a story that was not told.
    pub fn leave_out(&self, name: &'static str) {
        let mut left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        left_out.push(name);
    }

    /// Says which stories were left out, and writes their names to the file.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn tell(&self) -> anyhow::Result<()> {
        let left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: String = left_out.iter().flat_map(|name| [*name, "\n"]).collect();
        for name in left_out.iter() {
            println!("not told, for no time was left: {name}");
        }
        let Some(file) = &self.file else { return Ok(()) };
        std::fs::write(file, lines).with_context(|| file.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let limit = Limit {
            until: Some(SystemTime::now()),
            file: Some(folder.path().join("left-out")),
            left_out: Mutex::default(),
        };
        assert!(limit.is_over());
        limit.leave_out("one");
        limit.leave_out("another");
        limit.tell().unwrap();
        let named = std::fs::read_to_string(folder.path().join("left-out")).unwrap();
        assert_eq!(named, "one\nanother\n");
    }

    #[test]
    fn without_a_limit_it_is_never_over() {
        assert!(!Limit::default().is_over());
        let later = Some(SystemTime::now() + Duration::from_secs(3600));
        assert!(
            !Limit {
                until: later,
                ..Limit::default()
            }
            .is_over()
        );
    }
}
