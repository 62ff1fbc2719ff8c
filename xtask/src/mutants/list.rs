//! The defects, as the file has them.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Deserialize;

use crate::project;

/// Where they are listed.
pub(super) const FILE: &str = "vmtests/mutants.toml";

/// One defect, and the story that has to notice it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mutant {
    /// The story's name.
    pub(super) story: String,
    /// Mutants of one group are built together.
    group: u32,
    /// What is broken, in a sentence.
    pub(super) defect: String,
    /// A part of what the story prints when it fails because of that.
    pub(super) failure: String,
    /// The path of the file that is broken, in the project.
    pub(super) file: String,
    /// What occurs once in the file.
    pub(super) old: String,
    /// What stands there instead.
    pub(super) new: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mutant: Vec<Mutant>,
}

/// All mutants, in the order of the file.
///
/// # Errors
/// When the file cannot be read, or has another form.
pub(super) fn read() -> anyhow::Result<Vec<Mutant>> {
    let list: List =
        toml::from_str(&project::read(FILE)?).with_context(|| format!("cannot read `{FILE}`"))?;
    Ok(list.mutant)
}

/// The mutants of each group.
pub(super) fn groups(mutants: Vec<Mutant>) -> Vec<Vec<Mutant>> {
    let mut groups: BTreeMap<u32, Vec<Mutant>> = BTreeMap::new();
    for mutant in mutants {
        groups.entry(mutant.group).or_default().push(mutant);
    }
    groups.into_values().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The names in the list of stories that run in containers. Those of the book run its own commands.
    fn stories_in_containers() -> BTreeSet<String> {
        let text = project::read("vmtests/tests/stories/main.rs").unwrap();
        let list = text
            .split("stories![")
            .nth(1)
            .unwrap()
            .split("];")
            .next()
            .unwrap();
        let entries = list
            .split(",\n")
            .map(str::trim)
            .filter(|entry| !entry.contains("needs \""));
        let names = entries.filter_map(|entry| entry.split_whitespace().next());
        names
            .filter(|name| !name.starts_with("the_commands_of_"))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn each_story_in_containers_has_a_mutant() {
        let stories = stories_in_containers();
        assert!(stories.len() > 40, "{stories:?}");
        let mutants: BTreeSet<String> = read().unwrap().into_iter().map(|mutant| mutant.story).collect();
        assert_eq!(
            stories.difference(&mutants).collect::<Vec<_>>(),
            Vec::<&String>::new()
        );
    }

    #[test]
    fn what_a_mutant_replaces_is_there_once() {
        for group in groups(read().unwrap()) {
            let mut texts = BTreeMap::new();
            for mutant in group {
                let text = texts
                    .entry(mutant.file.clone())
                    .or_insert_with(|| project::read(&mutant.file).unwrap());
                assert_eq!(
                    text.matches(&mutant.old).count(),
                    1,
                    "{}: {}",
                    mutant.story,
                    mutant.file
                );
                *text = text.replace(&mutant.old, &mutant.new);
            }
        }
    }

    #[test]
    fn no_mutant_is_the_original() {
        for mutant in read().unwrap() {
            assert_ne!(mutant.old, mutant.new, "{}", mutant.story);
            assert!(mutant.defect.ends_with('.'), "{}", mutant.story);
            assert!(mutant.failure.len() > 8, "{}", mutant.story);
        }
    }
}
