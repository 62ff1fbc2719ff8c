//! Names of units that have a part of the fleet in them.

/// What comes before that part, what stands for it on the page, and what comes after it.
const VARIABLE: [(&str, &str, &str); 6] = [
    ("genbackup-before-", "HOOK", ".service"),
    ("genbackup-after-", "HOOK", ".service"),
    ("genbackup-offsite@", "NAME", ".service"),
    ("genbackup-offsite@", "NAME", ".timer"),
    ("genbackup-run@", "NAME", ".timer"),
    ("", "MOUNT", ".mount"),
];

/// The name of a unit, where `HOOK`, `NAME` or `MOUNT` stands for the part of the fleet.
#[must_use]
pub fn kind(unit: &str) -> String {
    match variable(unit) {
        Some((start, _, word, end)) => format!("{start}{word}{end}"),
        None => unit.to_owned(),
    }
}

/// A text of a unit, where the same word stands for the part of the fleet.
pub(super) fn general(text: &str, unit: &str) -> String {
    match variable(unit) {
        Some((_, part, word, _)) => text.replacen(part, word, 1),
        None => text.to_owned(),
    }
}

/// The start of a name, its part of the fleet, what stands for that, and the end of the name.
fn variable(unit: &str) -> Option<(&'static str, &str, &'static str, &'static str)> {
    VARIABLE.into_iter().find_map(|(start, word, end)| {
        let part = unit.strip_prefix(start)?.strip_suffix(end)?;
        Some((start, part, word, end))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_loses_only_its_part_of_the_fleet() {
        assert_eq!(
            kind("genbackup-before-before.service"),
            "genbackup-before-HOOK.service"
        );
        assert_eq!(kind("genbackup-run@a.example.timer"), "genbackup-run@NAME.timer");
        assert_eq!(
            kind("genbackup-offsite@cloud.service"),
            "genbackup-offsite@NAME.service"
        );
        assert_eq!(kind("mnt-backup.mount"), "MOUNT.mount");
        assert_eq!(kind("genbackup-run@.service"), "genbackup-run@.service");
    }

    #[test]
    fn a_description_names_no_hook() {
        let text = general("Hook dump before a backup", "genbackup-before-dump.service");
        assert_eq!(text, "Hook HOOK before a backup");
    }
}
