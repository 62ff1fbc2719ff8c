//! The paths of an include list.

use crate::config::file::Spanned;
use crate::model::{AbsolutePath, ExcludePattern, Excludes, UnitPath};

use super::{Fields, HIDDEN};

/// An include list against what the sandbox hides and against the repository.
pub(in crate::config::resolve) fn check_include(
    fields: &mut Fields<'_>,
    include: &[Spanned<AbsolutePath>],
    exclude: &[Spanned<ExcludePattern>],
    repository: Option<&UnitPath>,
) {
    let patterns = Excludes::new(exclude.iter().map(Spanned::get_ref));
    let is_excluded = |path: &str| excludes_all_of(&patterns, path);
    for path in include {
        check_glob(fields, path);
        check_swallowed(fields, path, exclude, &patterns);
        check_hidden(fields, path, is_excluded);
        // A separate problem reports that the repository is the root directory.
        let Some(repository) = repository.filter(|repository| repository.as_str() != "/") else {
            continue;
        };
        if repository.contains(path.get_ref().as_str()) {
            fields.problem(
                path.span(),
                format!("`{}` is in the repository `{repository}`", path.get_ref()),
                "remove this path: the repository cannot back up itself",
            );
        } else if path.get_ref().contains(repository.as_str()) && !is_excluded(repository.as_str()) {
            fields.problem(
                path.span(),
                format!("`{}` contains the repository `{repository}`", path.get_ref()),
                format!(
                    "add {:?} to `exclude`: the repository cannot back up itself",
                    repository.as_str()
                ),
            );
        }
    }
}

fn check_hidden(fields: &mut Fields<'_>, path: &Spanned<AbsolutePath>, is_excluded: impl Fn(&str) -> bool) {
    let included = path.get_ref();
    let mut contained = Vec::new();
    for (hidden, setting) in HIDDEN {
        // There is a link to /usr/lib/modules, or a directory of that name, in /lib.
        let linked = hidden.strip_prefix("/usr").unwrap_or(hidden);
        if included.is_within(hidden) || included.is_within(linked) {
            fields.problem(
                path.span(),
                format!("the sandbox hides `{included}` from the unit that reads the files (`{setting}`)"),
                "remove this path, or move the files: the backup would contain an empty directory",
            );
        } else if let Some(within) = [hidden, linked]
            .into_iter()
            .find(|place| included.contains(place))
            && !is_excluded(within)
        {
            contained.push((within, setting));
        }
    }
    if contained.is_empty() {
        return;
    }
    let list =
        |write: fn(&(&str, &str)) -> String| contained.iter().map(write).collect::<Vec<_>>().join(", ");
    fields.problem(
        path.span(),
        format!(
            "`{included}` contains what the sandbox hides from the unit that reads the files: {}",
            list(|(within, setting)| format!("`{within}` (`{setting}`)"))
        ),
        format!("add {} to `exclude`", list(|(within, _)| format!("\"{within}\""))),
    );
}

/// Refuses a pattern: a path in an include list is one path, which restic gets unchanged. A name that starts
/// or ends with `*` is meant as a pattern. A name with a `*` in its middle may be literal.
fn check_glob(fields: &mut Fields<'_>, path: &Spanned<AbsolutePath>) {
    let included = path.get_ref().as_str();
    let is_glob = |part: &&str| part.starts_with('*') || part.ends_with('*');
    let Some(glob) = included.split('/').find(is_glob) else {
        return;
    };
    let above = included.split_once(glob).map_or("/", |(above, _)| above);
    let above = above.strip_suffix('/').filter(|above| !above.is_empty());
    fields.problem(
        path.span(),
        format!("`{included}` is a pattern, but `include` takes paths only"),
        format!(
            "write each path, or write `{}` and exclude the rest of it with `exclude`",
            above.unwrap_or("/")
        ),
    );
}

/// What `include` names and `exclude` matches is in no snapshot.
fn check_swallowed(
    fields: &mut Fields<'_>,
    path: &Spanned<AbsolutePath>,
    exclude: &[Spanned<ExcludePattern>],
    patterns: &Excludes<'_>,
) {
    let included = path.get_ref();
    let Some(pattern) = patterns.excluding(included.as_str()) else {
        return;
    };
    let place = exclude.iter().find(|known| known.get_ref() == pattern);
    fields.problem(
        place.map_or_else(|| path.span(), Spanned::span),
        format!("the exclude pattern `{pattern}` matches the included path `{included}` or a directory above it"),
        format!(
            "nothing of `{included}` would be backed up: remove one of the two, or write a pattern for a path below it, \
             such as `{included}/…`"
        ),
    );
}

/// True when the patterns exclude a path, or all that may be in that directory, as `/proc/*` does.
fn excludes_all_of(patterns: &Excludes<'_>, path: &str) -> bool {
    // A pattern is never meant for this file alone.
    let anything = format!("{path}/\u{1}");
    patterns.excluding(path).is_some() || patterns.excluding(&anything).is_some()
}
