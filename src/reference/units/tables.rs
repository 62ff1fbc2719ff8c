//! The units that are no services, a row each.

use super::{Unit, description, distinct, hosts, rights};

/// The columns of sockets.
pub(super) const SOCKET: [&str; 5] = ["unit", "host", "description", "listens on", "accepts"];
/// The columns of timers.
pub(super) const TIMER: [&str; 5] = ["unit", "host", "description", "elapses", "starts"];
/// The columns of mounts.
pub(super) const MOUNT: [&str; 3] = ["unit", "host", "description"];

pub(super) fn socket(name: &str, units: &[Unit]) -> Vec<String> {
    let listens = |unit: &Unit| match rights::last(&unit.text, "ListenStream").unwrap_or_default() {
        port if port.parse::<u16>().is_ok() => "the TCP port `ssh.port`".to_owned(),
        path => format!("`{path}`"),
    };
    let accepts = |unit: &Unit| match rights::last(&unit.text, "SocketUser") {
        Some(user) => format!("user `{user}`"),
        None => "each machine that reaches the port".to_owned(),
    };
    let mut cells = mount(name, units);
    cells.push(distinct(units, listens, " or "));
    cells.push(distinct(units, accepts, " or "));
    cells
}

pub(super) fn timer(name: &str, units: &[Unit]) -> Vec<String> {
    let calendar = |unit: &Unit| {
        let calendar = rights::last(&unit.text, "OnCalendar").unwrap_or_default();
        format!("`{calendar}`")
    };
    let elapses = match name {
        "genbackup.timer" => "`schedule.calendar`".to_owned(),
        "genbackup-run@NAME.timer" => "`hosts.NAME.schedule.calendar`".to_owned(),
        "genbackup-offsite@NAME.timer" => "`offsite.NAME.calendar`".to_owned(),
        _ => distinct(units, calendar, " or "),
    };
    let mut cells = mount(name, units);
    cells.push(elapses);
    cells.push(format!("`{}`", name.replace(".timer", ".service")));
    cells
}

/// A mount has only the cells that all of them have.
pub(super) fn mount(name: &str, units: &[Unit]) -> Vec<String> {
    vec![format!("`{name}`"), hosts(units), description(units)]
}
