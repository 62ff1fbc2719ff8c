//! The manual pages.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context;
use vmtests::process::{command, output_of};

use crate::keys::keys;

/// The page about the fleet file.
const PAGE: &str = "genbackup-fleet.5";

/// Writes the pages of the command, of each verb and of the fleet file into a directory.
///
/// # Errors
/// When the command or the disk refuses.
pub(super) fn write(genbackup: &Path, version: &str, directory: &Path) -> anyhow::Result<()> {
    let mut man = command(&genbackup.to_string_lossy());
    output_of(man.args(["man", "--out"]).arg(directory))?;
    let page = directory.join(PAGE);
    let text = page_of(&keys(genbackup)?, version)?;
    fs::write(&page, text).with_context(|| page.display().to_string())
}

/// The page, in the language of man(7).
fn page_of(keys: &BTreeMap<String, String>, version: &str) -> anyhow::Result<String> {
    let mut text = format!(
        ".TH genbackup\\-fleet 5 \" \" \"genbackup {version}\"\n\
         .SH NAME\n\
         genbackup\\-fleet \\- the file that describes a fleet of hosts to genbackup\n\
         .SH SYNOPSIS\n\
         /etc/genbackup/fleet.toml\n\
         .SH DESCRIPTION\n\
         The file is in TOML. genbackup writes the units, scripts and configuration of each host from it. \
         \\fBgenbackup init\\fR writes a first one, and \\fBgenbackup check\\fR reports every mistake in it. \
         In the names of keys, NAME is a name that you choose, such as that of a host.\n\
         .SH KEYS\n"
    );
    for (key, described) in keys {
        write!(text, ".TP\n\\fB{}\\fR\n{}\n", literal(key), sentence(described))?;
    }
    text += ".SH SEE ALSO\n.BR genbackup (1)\n";
    Ok(text)
}

/// A text in which words between backticks are bold.
fn sentence(text: &str) -> String {
    let mut shown = String::new();
    for (number, part) in text.split('`').enumerate() {
        if number % 2 == 0 {
            shown += &escaped(part);
        } else {
            shown.extend(["\\fB", &literal(part), "\\fR"]);
        }
    }
    // A line that begins with a dot or an apostrophe is a request.
    let lines = shown.lines().filter(|line| !line.is_empty()).map(|line| {
        if line.starts_with(['.', '\'']) {
            format!("\\&{line}")
        } else {
            line.to_owned()
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What is typed: its hyphens are ASCII.
fn literal(text: &str) -> String {
    escaped(text).replace('-', "\\-")
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_a_request() {
        assert_eq!(sentence(".TP\n'x"), "\\&.TP\n\\&'x");
        assert_eq!(sentence("a\\b"), "a\\eb");
    }

    #[test]
    fn what_is_typed_is_bold_with_plain_hyphens() {
        assert_eq!(
            sentence("Run `emit --now` on a well-known host."),
            "Run \\fBemit \\-\\-now\\fR on a well-known host."
        );
    }

    #[test]
    fn the_page_has_each_key() {
        let keys = BTreeMap::from([("hosts.NAME.keep".to_owned(), "Which snapshots stay.".to_owned())]);
        let page = page_of(&keys, "0.2.0").unwrap();
        assert!(
            page.contains(".TP\n\\fBhosts.NAME.keep\\fR\nWhich snapshots stay.\n"),
            "{page}"
        );
        assert!(
            page.starts_with(".TH genbackup\\-fleet 5 \" \" \"genbackup 0.2.0\"\n"),
            "{page}"
        );
    }
}
