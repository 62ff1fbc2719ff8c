//! Shortens names of hosts to the width of a column, and keeps them distinct.

use std::collections::{BTreeMap, BTreeSet};

use textwrap::core::display_width;

/// Marks an omitted part.
const OMITTED: &str = "…";

/// The displayed names of the hosts and of the other entries of the column, all equally wide. A host's name has at most
/// `room` columns.
pub(super) fn in_columns(hosts: &[String], others: &[&str], room: usize) -> BTreeMap<String, String> {
    let shown = shorten(hosts, room);
    let mut names: BTreeMap<String, String> = hosts.iter().cloned().zip(shown).collect();
    for other in others {
        names
            .entry((*other).to_owned())
            .or_insert_with(|| (*other).to_owned());
    }
    let width = names.values().map(|name| display_width(name)).max();
    let width = width.unwrap_or_default();
    for name in names.values_mut() {
        *name += &" ".repeat(width.saturating_sub(display_width(name)));
    }
    names
}

/// Omits what all names share: first the domain, then the beginning. Then omits the middle of each name.
fn shorten(names: &[String], room: usize) -> Vec<String> {
    let is_wide = |names: &[String]| names.iter().any(|name| display_width(name) > room);
    let mut short = names.to_vec();
    if is_wide(&short) {
        short = without_domain(&short);
    }
    if is_wide(&short) {
        short = without_beginning(short);
    }
    let mut seen = BTreeSet::new();
    for (number, name) in short.iter_mut().enumerate() {
        let mut shown = cut(name, room);
        if !seen.insert(shown.clone()) {
            // The names differ only in the omitted part.
            let number = format!("{OMITTED}{}", number + 1);
            shown = cut(name, room.saturating_sub(display_width(&number))) + &number;
            seen.insert(shown.clone());
        }
        *name = shown;
    }
    short
}

/// The names without the labels at the end that all share. The first label always stays.
fn without_domain(names: &[String]) -> Vec<String> {
    let labels: Vec<Vec<&str>> = names.iter().map(|name| name.split('.').collect()).collect();
    let fewest = labels.iter().map(Vec::len).min().unwrap_or_default();
    let is_shared = |from_end: &usize| {
        let mut ends = labels.iter().map(|labels| labels.iter().nth_back(*from_end));
        let first = ends.next().flatten();
        ends.all(|label| label == first)
    };
    let shared = (0..fewest.saturating_sub(1)).take_while(is_shared).count();
    let kept = |labels: &Vec<&str>| {
        let kept = labels.iter().take(labels.len() - shared).copied();
        kept.collect::<Vec<_>>().join(".")
    };
    labels.iter().map(kept).collect()
}

/// The names without the beginning that all share, if that makes them shorter.
fn without_beginning(names: Vec<String>) -> Vec<String> {
    let [first, rest @ ..] = names.as_slice() else {
        return names;
    };
    let in_common = |name: &String| {
        let pairs = first.chars().zip(name.chars());
        pairs.take_while(|(one, other)| one == other).count()
    };
    match rest.iter().map(in_common).min() {
        Some(shared @ 2..) => names
            .iter()
            .map(|name| OMITTED.chars().chain(name.chars().skip(shared)).collect())
            .collect(),
        _ => names,
    }
}

/// The beginning and the end of a name.
fn cut(name: &str, room: usize) -> String {
    let length = name.chars().count();
    if length <= room {
        return name.to_owned();
    }
    let kept = room.saturating_sub(1);
    let end = kept / 2;
    let beginning = name.chars().take(kept - end);
    let end = name.chars().skip(length - end);
    beginning.chain(OMITTED.chars()).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_enough_and_distinct() {
        let long = |number: u32| format!("{}-{number}.{}.net", "a".repeat(40), "b".repeat(20));
        let alike = |number: u32| format!("{}{number}{}", "a".repeat(30 + number as usize), "b".repeat(30));
        for (names, room, shown) in [
            (vec!["kai".to_owned(), "ziz".to_owned()], 13, vec!["kai", "ziz"]),
            (
                ["db-1.example.net", "db-2.example.net"]
                    .map(str::to_owned)
                    .to_vec(),
                13,
                vec!["db-1", "db-2"],
            ),
            (vec!["db.internal.example.net".to_owned()], 13, vec!["db"]),
            (
                ["a.b.c", "b.c", "d.example.very.long"]
                    .map(str::to_owned)
                    .to_vec(),
                10,
                vec!["a.b.c", "b.c", "d.exa…long"],
            ),
            ((1..=3).map(long).collect(), 13, vec!["…1", "…2", "…3"]),
            ((1..=3).map(alike).collect(), 13, vec![]),
        ] {
            let short = shorten(&names, room);
            assert!(short.iter().all(|name| display_width(name) <= room), "{short:?}");
            assert_eq!(
                short.iter().collect::<BTreeSet<_>>().len(),
                names.len(),
                "{short:?}"
            );
            if !shown.is_empty() {
                assert_eq!(short, shown);
            }
        }
    }

    #[test]
    fn names_are_padded_to_one_width() {
        let hosts = ["ziz".to_owned(), "long-name".to_owned()];
        let names = in_columns(&hosts, &["forget"], 20);
        let shown: Vec<&str> = names.values().map(String::as_str).collect();
        assert_eq!(shown, ["forget   ", "long-name", "ziz      "]);
    }
}
