//! Checks the included paths of this host for symbolic links, of which restic saves only the link.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::apply::Apply;
use super::finding::Finding;
use crate::emit::plan::ClientPlan;
use crate::model::{FileSystems, Source};

const CHECK: &str = "links in include";

pub(super) fn check(plan: &ClientPlan<'_>, apply: Apply<'_>) -> Vec<Finding> {
    let Source {
        include,
        file_systems,
        ..
    } = plan.source;
    let includes: Vec<&Path> = include.iter().map(|path| Path::new(path.as_str())).collect();
    judge(&uncovered(&includes, *file_systems), apply)
}

/// The included links whose target is not below another include, with their targets. restic follows links in
/// the directories above an include. So an include covers everything below its real path.
fn uncovered(includes: &[&Path], file_systems: FileSystems) -> Vec<(PathBuf, PathBuf)> {
    let (links, others): (Vec<&Path>, Vec<&Path>) = includes.iter().partition(|path| path.is_symlink());
    let real: Vec<PathBuf> = others
        .iter()
        .filter_map(|path| fs::canonicalize(path).ok())
        .collect();
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
    let covers = |above: &Path, target: &Path| {
        target.starts_with(above) && (file_systems == FileSystems::Cross || device(above) == device(target))
    };
    links
        .into_iter()
        .filter_map(|link| match fs::canonicalize(link) {
            Ok(target) if real.iter().any(|above| covers(above, &target)) => None,
            Ok(target) => Some((link.to_owned(), target)),
            // A dangling link.
            Err(_) => Some((link.to_owned(), fs::read_link(link).unwrap_or_default())),
        })
        .collect()
}

fn judge(links: &[(PathBuf, PathBuf)], apply: Apply<'_>) -> Vec<Finding> {
    if links.is_empty() {
        return vec![Finding::ok(
            CHECK,
            "no included path is a symbolic link to a path outside the included ones",
        )];
    }
    links
        .iter()
        .map(|(link, target)| {
            Finding::failed(
                CHECK,
                format!(
                    "{} is a symbolic link to {}, and restic saves only the link",
                    link.display(),
                    target.display()
                ),
                format!("write the target into `include`, in addition to the link or instead of it, then run {apply}"),
            )
        })
        .collect()
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the links are made in a directory of the test's own"
)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::finding::State;
    use super::*;

    #[test]
    fn a_link_is_named_unless_an_include_covers_its_target() {
        let directory = tempfile::tempdir().unwrap();
        let here = fs::canonicalize(directory.path()).unwrap();
        let at = |name: &str| here.join(name);
        fs::create_dir_all(at("data/deep")).unwrap();
        fs::create_dir_all(at("data2")).unwrap();
        symlink("data/deep", at("link")).unwrap();
        symlink("data2", at("like")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        symlink(".", at("by")).unwrap();
        for (includes, named) in [
            (&["link"][..], &[("link", "data/deep")][..]),
            (&["link", "data"], &[]),
            // Through a link above it.
            (&["link", "by/data"], &[]),
            (&["like", "data"], &[("like", "data2")]),
            (&["link", "like"], &[("link", "data/deep"), ("like", "data2")]),
            (&["data"], &[]),
        ] {
            let paths: Vec<PathBuf> = includes.iter().map(|name| at(name)).collect();
            let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
            let expected: Vec<_> = named
                .iter()
                .map(|(link, target)| (at(link), at(target)))
                .collect();
            assert_eq!(
                uncovered(&paths, FileSystems::StayOnOne),
                expected,
                "{includes:?}"
            );
        }
        let dangling = at("dangling");
        let links = uncovered(&[&dangling, &here], FileSystems::Cross);
        let [finding] = &judge(&links, Apply::Emit)[..] else {
            panic!("{links:?}")
        };
        assert_eq!(finding.state, State::Failed);
        assert!(
            finding.what.contains("dangling is a symbolic link to nowhere"),
            "{finding:?}"
        );
        assert_eq!(judge(&[], Apply::Emit)[0].state, State::Ok);
    }

    #[test]
    fn a_target_on_another_file_system_needs_crossing() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        symlink("/proc/self/status", &link).unwrap();
        let includes = [link.as_path(), Path::new("/")];
        assert_eq!(uncovered(&includes, FileSystems::Cross), []);
        assert_eq!(uncovered(&includes, FileSystems::StayOnOne).len(), 1);
    }
}
