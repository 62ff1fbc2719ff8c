//! The last line about a run: the results of its hosts, and of forget and prune.

use crate::runs::record::{HostRun, Phase, Run, Status};
use crate::status::span;

/// The results of a run in one line; `None` if the record names no host.
pub(super) fn summary(run: &Run) -> Option<String> {
    let (name, _) = run.hosts.first_key_value()?;
    let is_ok = |host: &&HostRun| *host.status() == Status::Ok;
    let succeeded = run.hosts.values().filter(is_ok).count();
    let hosts = match (succeeded, run.hosts.len()) {
        (1, 1) => format!("{name} succeeded"),
        (0, 1) => format!("{name} did not succeed"),
        (succeeded, all) if succeeded == all => format!("all {all} hosts succeeded"),
        (0, all) => format!("none of {all} hosts succeeded"),
        (succeeded, all) => format!("{succeeded} of {all} hosts succeeded"),
    };
    let end = run.end.or(run.last_event)?;
    let took = span(end.duration_since(run.id.start()));
    Some(format!("{hosts}, in {took}; {}", phases(run)))
}

fn phases(run: &Run) -> String {
    let status = |phase| run.phases.get(&phase).map(|phase| phase.status().clone());
    match (status(Phase::Forget), status(Phase::Prune)) {
        (Some(Status::Ok), Some(Status::Ok)) => "forget and prune succeeded".to_owned(),
        (None, None) => "forget and prune did not start".to_owned(),
        (forget, prune) => format!("{}, {}", in_words("forget", forget), in_words("prune", prune)),
    }
}

fn in_words(phase: &str, status: Option<Status>) -> String {
    match status {
        None => format!("{phase} did not start"),
        Some(Status::Ok) => format!("{phase} succeeded"),
        Some(Status::Failed) => format!("{phase} failed"),
        Some(Status::Interrupted) => format!("{phase} was interrupted"),
        Some(status) => format!("{phase} is {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_one_line() {
        let time = r#""time":"2026-11-23T06:25:41Z""#;
        let host = |host: &str, status: &str| {
            format!(r#"{{"event":"host-finished",{time},"host":"{host}","status":"{status}"}}"#)
        };
        let phase = |phase: &str, status: &str| {
            format!(
                r#"{{"event":"{phase}-started",{time}}}{}{{"event":"{phase}-finished",{time},"status":"{status}"}}"#,
                '\n'
            )
        };
        for (lines, expected) in [
            (
                vec![
                    host("kai", "ok"),
                    host("ziz", "ok"),
                    phase("forget", "ok"),
                    phase("prune", "ok"),
                ],
                "all 2 hosts succeeded, in 19m 1s; forget and prune succeeded",
            ),
            (
                vec![
                    host("kai", "ok"),
                    host("ziz", "partial"),
                    phase("forget", "failed"),
                ],
                "1 of 2 hosts succeeded, in 19m 1s; forget failed, prune did not start",
            ),
            (
                vec![host("kai", "ok")],
                "kai succeeded, in 19m 1s; forget and prune did not start",
            ),
            (
                vec![
                    host("kai", "busy"),
                    host("ziz", "failed"),
                    phase("forget", "ok"),
                    phase("prune", "busy"),
                ],
                "none of 2 hosts succeeded, in 19m 1s; forget succeeded, prune is busy",
            ),
        ] {
            let id = "20261123T060640Z".parse().unwrap();
            let run = Run::read(id, lines.join("\n").as_bytes()).unwrap();
            assert_eq!(summary(&run).unwrap(), expected);
        }
        assert_eq!(
            summary(&Run::read("20261123T060640Z".parse().unwrap(), &b""[..]).unwrap()),
            None
        );
    }
}
