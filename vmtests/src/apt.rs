//! The machine's own apt sources: the guest's packages come from wherever this machine's do.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

/// One place that packages come from: one URI with one suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// As written, for example with `mirror+file:`.
    pub uri: String,
    /// For example `bookworm` or `bookworm-security`.
    pub suite: String,
    /// For example `main`.
    pub components: Vec<String>,
    /// The key ring that signs it, when the source names one in a file.
    pub signed_by: Option<String>,
}

/// Everything in `/etc/apt/sources.list` and `/etc/apt/sources.list.d`.
///
/// # Errors
/// When a file is there and cannot be read.
pub fn sources_of_this_machine() -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    let list = Path::new("/etc/apt/sources.list");
    if list.exists() {
        sources.extend(one_line_style(&read(list)?));
    }
    let Ok(directory) = fs::read_dir("/etc/apt/sources.list.d") else {
        return Ok(sources);
    };
    let mut paths = directory
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("list") => sources.extend(one_line_style(&read(&path)?)),
            Some("sources") => sources.extend(deb822_style(&read(&path)?)),
            _ => {}
        }
    }
    Ok(sources)
}

/// The main archive of the release `codename`, among `sources`.
///
/// # Errors
/// When there is none: then this is not a Debian of that release.
pub fn main_archive<'sources>(
    sources: &'sources [Source],
    codename: &str,
) -> anyhow::Result<&'sources Source> {
    let is_main =
        |source: &&Source| source.suite == codename && source.components.iter().any(|name| name == "main");
    let Some(source) = sources.iter().find(is_main) else {
        bail!(
            "no source of Debian's main archive for `{codename}` in /etc/apt\n\n\
             hint: set GENBACKUP_VM_MIRROR to the URI of a mirror of Debian's archive"
        );
    };
    Ok(source)
}

/// The code name of the running Debian, for example `bookworm`.
///
/// # Errors
/// When `/etc/os-release` has none.
pub fn codename() -> anyhow::Result<String> {
    let text = read(Path::new("/etc/os-release"))?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let codename = value.map(|value| value.trim_matches('"').to_owned());
    codename.context(
        "no VERSION_CODENAME in /etc/os-release\n\nhint: the VM tests are set up on Debian 12 or newer",
    )
}

/// The mirror for the guest's packages: `GENBACKUP_VM_MIRROR`, or the one that this machine's own packages come from.
///
/// # Errors
/// When the machine has no source of Debian's main archive.
pub fn mirror() -> anyhow::Result<String> {
    if let Ok(mirror) = std::env::var("GENBACKUP_VM_MIRROR") {
        return Ok(mirror);
    }
    Ok(main_archive(&sources_of_this_machine()?, &codename()?)?
        .uri
        .clone())
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}

/// `deb [signed-by=…] URI SUITE COMPONENT…`, see sources.list(5).
fn one_line_style(text: &str) -> Vec<Source> {
    text.lines().filter_map(one_line).collect()
}

fn one_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?.strip_prefix([' ', '\t', '['])?;
    // The options may have blanks inside the brackets.
    let bracket = line.find('[').zip(line.find(']'));
    let (options, rest) = match bracket {
        Some((start, end)) => (line.get(start + 1..end)?, line.get(end + 1..)?),
        None => ("", rest),
    };
    let signed_by = options
        .split_whitespace()
        .find_map(|option| option.strip_prefix("signed-by="))
        .map(str::to_owned);
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Source {
        uri: words.next()?,
        suite: words.next()?,
        components: words.collect(),
        signed_by,
    })
}

/// Stanzas of `Types:`, `URIs:`, `Suites:`, `Components:`; one source for each URI and suite.
fn deb822_style(text: &str) -> Vec<Source> {
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect::<Vec<_>>();
    lines
        .split(|line| line.trim().is_empty())
        .flat_map(stanza)
        .collect()
}

fn stanza(lines: &[&str]) -> Vec<Source> {
    let values = |wanted: &str| -> Vec<String> {
        let mut found = Vec::new();
        let mut inside = false;
        for line in lines {
            let value = if line.starts_with([' ', '\t']) {
                Some(*line).filter(|_| inside)
            } else {
                let field = line
                    .split_once(':')
                    .filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
                inside = field.is_some();
                field.map(|(_, value)| value)
            };
            found.extend(
                value
                    .into_iter()
                    .flat_map(str::split_whitespace)
                    .map(str::to_owned),
            );
        }
        found
    };
    let is_disabled = values("Enabled")
        .first()
        .is_some_and(|value| value.eq_ignore_ascii_case("no"));
    if is_disabled || !values("Types").iter().any(|name| name == "deb") {
        return Vec::new();
    }
    let (suites, components) = (values("Suites"), values("Components"));
    // A key may also be written into the stanza itself; only a file can be handed on.
    let signed_by = values("Signed-By")
        .into_iter()
        .next()
        .filter(|value| value.starts_with('/'));
    let source = |uri: &String, suite: &String| Source {
        uri: uri.clone(),
        suite: suite.clone(),
        components: components.clone(),
        signed_by: signed_by.clone(),
    };
    values("URIs")
        .iter()
        .flat_map(|uri| {
            suites
                .iter()
                .map(move |suite| source(uri, suite))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(uri: &str, suite: &str, components: &[&str], signed_by: Option<&str>) -> Source {
        Source {
            uri: uri.to_owned(),
            suite: suite.to_owned(),
            components: components.iter().map(|&name| name.to_owned()).collect(),
            signed_by: signed_by.map(str::to_owned),
        }
    }

    #[test]
    fn one_line_sources_are_read_with_and_without_options() {
        let text = "# deb http://old.test/debian bookworm main\n\
                    deb http://mirror.test/debian bookworm main contrib # ours\n\
                    deb-src http://mirror.test/debian bookworm main\n\
                    deb [ arch=amd64 signed-by=/usr/share/keyrings/a.gpg ] https://other.test bookworm-security main\n\
                    deb [arch=amd64] http://third.test/ bookworm main\n";
        let expected = [
            source(
                "http://mirror.test/debian",
                "bookworm",
                &["main", "contrib"],
                None,
            ),
            source(
                "https://other.test",
                "bookworm-security",
                &["main"],
                Some("/usr/share/keyrings/a.gpg"),
            ),
            source("http://third.test/", "bookworm", &["main"], None),
        ];
        assert_eq!(one_line_style(text), expected);
    }

    #[test]
    fn deb822_stanzas_give_a_source_for_each_uri_and_suite() {
        let text = "Types: deb deb-src\n# a note\nURIs: http://a.test/debian\n http://b.test/debian\n\
                    suites: trixie trixie-updates\nComponents: main\nSigned-By: /usr/share/keyrings/d.gpg\n\n\n\
                    Types: deb\nEnabled: no\nURIs: http://c.test\nSuites: trixie\nComponents: main\n\n\
                    Types: deb-src\nURIs: http://d.test\nSuites: trixie\nComponents: main\n";
        let key = Some("/usr/share/keyrings/d.gpg");
        let expected = [
            source("http://a.test/debian", "trixie", &["main"], key),
            source("http://a.test/debian", "trixie-updates", &["main"], key),
            source("http://b.test/debian", "trixie", &["main"], key),
            source("http://b.test/debian", "trixie-updates", &["main"], key),
        ];
        assert_eq!(deb822_style(text), expected);
    }

    #[test]
    fn a_key_inside_a_stanza_is_not_taken_for_a_file() {
        let text = "Types: deb\nURIs: http://a.test\nSuites: trixie\nComponents: main\n\
                    Signed-By: -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n";
        assert_eq!(
            deb822_style(text),
            [source("http://a.test", "trixie", &["main"], None)]
        );
    }

    #[test]
    fn the_main_archive_is_the_one_of_the_release_itself() {
        let sources = [
            source("http://security.test", "bookworm-security", &["main"], None),
            source("http://contrib.test", "bookworm", &["contrib"], None),
            source("http://main.test", "bookworm", &["main"], None),
        ];
        assert_eq!(
            main_archive(&sources, "bookworm").unwrap().uri,
            "http://main.test"
        );
        let error = main_archive(&sources, "trixie").unwrap_err().to_string();
        assert!(error.contains("GENBACKUP_VM_MIRROR"), "{error}");
    }
}
