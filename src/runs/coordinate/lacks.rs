//! What a snapshot lacks, by the answer of its host.

use super::answer::{Answer, List};

/// The number of items of a list that a reason names.
const NAMED: usize = 5;

/// What the snapshot lacks, each in words.
pub(super) fn lacks(answer: &Answer) -> Vec<String> {
    let lists = [
        ("missing", &answer.missing),
        ("empty", &answer.empty),
        ("not mounted", &answer.unmounted),
        (
            "symbolic link, saved only as a link (include its target)",
            &answer.links,
        ),
        ("unreadable", &answer.unreadable),
    ];
    let lists = lists.into_iter().filter(|(_, list)| list.count > 0);
    let files = answer
        .summary()
        .and_then(|summary| summary.get("total_files_processed"));
    let has_no_files = files.and_then(serde_json::Value::as_u64) == Some(0) && !answer.may_have_no_files;
    let no_files = has_no_files.then(|| "the snapshot contains no files".to_owned());
    failed_hooks(answer)
        .into_iter()
        .chain(lists.map(|(word, list)| named(word, list)))
        .chain(no_files)
        .collect()
}

fn named(word: &str, list: &List) -> String {
    let List { first, count } = list;
    let first: Vec<&str> = first.iter().take(NAMED).map(String::as_str).collect();
    let more = count.saturating_sub(NAMED as u64);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{word}: {}{more}", first.join(", "))
}

/// The hooks that failed before this backup or after the previous one, in words.
fn failed_hooks(answer: &Answer) -> Option<String> {
    let hooks = answer.hooks.iter().take(NAMED);
    let named: Vec<String> = hooks.map(|(name, why)| format!("hook {name}: {why}")).collect();
    match answer.hooks.len().saturating_sub(NAMED) {
        _ if named.is_empty() => None,
        0 => Some(named.join("; ")),
        more => Some(format!("{} and {more} more", named.join("; "))),
    }
}
