//! The users that the polkit rule lets in, as the engine of Debian's polkitd evaluates it: Duktape.

use std::fs;
use std::process::Command;

use anyhow::{Result, ensure};

const RULES: &str = include_str!("../../../templates/etc/polkit-1/rules.d/50-genbackup.rules");
/// What a rule may ask about an action and its user, as polkit(8) describes it.
const POLKIT: &str = "
var rules = [];
var polkit = {addRule: function (rule) { rules.push(rule); }, Result: {YES: 'yes'}};
function asked(id, unit, verb, user, groups) {
    var action = {id: id, lookup: function (name) { return {unit: unit, verb: verb}[name]; }};
    var subject = {user: user, isInGroup: function (name) { return groups.indexOf(name) >= 0; }};
    print([unit, verb, user, rules[0](action, subject)].join(' '));
}
";
const QUESTIONS: &str = "
var manage = 'org.freedesktop.systemd1.manage-units';
asked(manage, 'genbackup.service', 'start', 'ann', ['restic']);
asked(manage, 'genbackup.service', 'stop', 'ann', ['restic']);
asked(manage, 'genbackup-maintain.service', 'stop', 'ann', ['restic']);
asked(manage, 'genbackup-run@db.example.net_web-1.service', 'start', 'ann', ['restic']);
asked(manage, 'genbackup-run@a b.service', 'start', 'ann', ['restic']);
asked(manage, 'genbackup-run@.service', 'start', 'ann', ['restic']);
asked(manage, 'genbackup-watch.service', 'start', 'ann', ['restic']);
asked(manage, 'x-genbackup.service', 'start', 'ann', ['restic']);
asked(manage, 'genbackup.service', 'restart', 'ann', ['restic']);
asked(manage, 'ssh.service', 'start', 'ann', ['restic']);
asked(manage, 'genbackup.servicex', 'start', 'ann', ['restic']);
asked(manage, undefined, 'start', 'ann', ['restic']);
asked(manage, 'genbackup.service', undefined, 'ann', ['restic']);
asked('org.freedesktop.systemd1.manage-unit-files', 'genbackup.service', 'start', 'ann', ['restic']);
asked(manage, 'genbackup.service', 'start', 'nobody', ['nogroup']);
asked(manage, 'genbackup.service', 'start', 'restic', ['restic']);
";

#[test]
fn the_group_may_start_and_stop_runs_and_nothing_else() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let script = directory.path().join("questions.js");
    fs::write(&script, format!("{POLKIT}{RULES}{QUESTIONS}"))?;
    let outcome = Command::new("duk").arg(&script).output()?;
    ensure!(outcome.status.success(), "{outcome:?}");
    let printed = String::from_utf8(outcome.stdout)?;
    let (yes, no): (Vec<&str>, Vec<&str>) = printed.lines().partition(|line| line.ends_with(" yes"));
    assert_eq!(
        yes,
        [
            "genbackup.service start ann yes",
            "genbackup.service stop ann yes",
            "genbackup-maintain.service stop ann yes",
            "genbackup-run@db.example.net_web-1.service start ann yes"
        ]
    );
    assert_eq!(no.len(), 12, "{printed}");
    Ok(())
}
