//! Checks this host's clock. The runs' records hold the errors of the clients' clocks.

use super::finding::Finding;
use crate::system::command::{Answer, ask};

const CHECK: &str = "clock";

pub(super) fn check() -> Vec<Finding> {
    let properties = "--property=NTP,NTPSynchronized";
    vec![judge(&ask("timedatectl", &["show", properties]))]
}

/// Judges `NTP=yes` and `NTPSynchronized=yes` of timedatectl(1). The latter comes from the kernel and holds for any NTP
/// program.
fn judge(answer: &Answer) -> Finding {
    let Some(output) = answer.output() else {
        return Finding::unknown(CHECK, answer.why("timedatectl"));
    };
    let is = |property: &str| output.lines().any(|line| line == format!("{property}=yes"));
    let hint =
        "start systemd-timesyncd or chrony: the keep policy counts back from the time of the newest snapshot";
    match (is("NTPSynchronized"), is("NTP")) {
        (true, _) => Finding::ok(CHECK, "it is synchronized by NTP"),
        (false, true) => Finding::warning(CHECK, "NTP has not synchronized it yet", hint),
        (false, false) => Finding::warning(CHECK, "it is not synchronized", hint),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn a_clock_is_kept_by_somebody() {
        for (output, state) in [
            ("NTP=yes\nNTPSynchronized=yes\n", State::Ok),
            ("NTP=no\nNTPSynchronized=yes\n", State::Ok),
            ("NTP=yes\nNTPSynchronized=no\n", State::Warning),
            ("NTP=no\nNTPSynchronized=no\n", State::Warning),
        ] {
            let answer = Answer::Exited {
                code: 0,
                output: output.to_owned(),
                complaint: String::new(),
            };
            assert_eq!(judge(&answer).state, state, "{output}");
        }
        assert_eq!(judge(&Answer::NotThere).state, State::Unknown);
    }
}
