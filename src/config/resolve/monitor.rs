//! How old a last backup may be, who is notified when it is older, and what is written for others to read.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::config::file::Spanned;

use crate::config::file::{Field, KindWord, MonitorTable, NotifyTable, OwnMonitorTable, PhaseMonitorTable};
use crate::model::Phase;
use crate::model::{
    HostName, Monitor, Notify, NotifyName, Repository, TimeSpan, UnitPath, Watching, WebService,
};

use super::fields::{Fields, Section};
use super::paths;

/// The result of `[monitor]` and `[notify]`.
pub(super) struct Resolved {
    /// The thresholds of all that have no separate ones, where the fleet file sets them.
    pub(super) monitor: Option<Monitor>,
    /// The thresholds of phases.
    pub(super) phases: BTreeMap<Phase, Monitor>,
    /// All that uses them.
    pub(super) watching: Watching,
}

/// The thresholds, where the fleet file sets them, and all that uses them.
pub(super) fn resolve(
    fields: &mut Fields<'_>,
    monitor: Option<Spanned<MonitorTable>>,
    notify: Field<BTreeMap<Spanned<NotifyName>, NotifyTable>>,
    repository: Option<&Repository>,
) -> Resolved {
    let notify = resolve_notify(fields, notify, repository);
    let Some(monitor) = monitor else {
        let watching = Watching {
            notify,
            metrics: None,
            report: None,
        };
        return Resolved {
            monitor: None,
            phases: BTreeMap::new(),
            watching,
        };
    };
    let (section, table) = fields.section("monitor", Some(monitor), "");
    let MonitorTable {
        warn_after,
        alert_after,
        metrics,
        report,
        forget,
        prune,
        check,
        drill,
        offsite,
    } = table;
    let phases = [
        (Phase::Forget, forget),
        (Phase::Prune, prune),
        (Phase::Check, check),
        (Phase::Drill, drill),
        (Phase::Offsite, offsite),
    ];
    for file in metrics.iter().chain(&report) {
        paths::check_written(fields, file, repository.map(|repository| &repository.path));
    }
    if let (Some(metrics), Some(report)) = (&metrics, &report)
        && metrics.get_ref() == report.get_ref()
    {
        fields.problem(
            report.span(),
            "`metrics` and `report` name the same file",
            "write a different file for each",
        );
    }
    let has_no_threshold = warn_after.is_none()
        && alert_after.is_none()
        && !fields.was_taken_out(&section, "warn-after")
        && !fields.was_taken_out(&section, "alert-after");
    let has_phases = phases
        .iter()
        .any(|(phase, table)| table.is_some() || fields.was_taken_out(&section, phase.name()));
    let has_other_keys = metrics.is_some() || report.is_some() || has_phases;
    let monitor = if has_no_threshold && has_other_keys {
        None
    } else {
        let otherwise = if has_other_keys {
            "; without both, the ages follow from the schedule"
        } else {
            "; without this table, the ages follow from the schedule"
        };
        thresholds(fields, &section, (warn_after, alert_after), otherwise)
    };
    let phases = phases
        .into_iter()
        .filter_map(|(phase, table)| Some((phase, of_phase(fields, phase, table?)?)))
        .collect();
    let watching = Watching {
        notify,
        metrics: metrics.map(Spanned::into_inner),
        report: report.map(Spanned::into_inner),
    };
    Resolved {
        monitor,
        phases,
        watching,
    }
}

fn of_phase(fields: &mut Fields<'_>, phase: Phase, table: Spanned<PhaseMonitorTable>) -> Option<Monitor> {
    let section = Section::at(format!("monitor.{}", phase.name()), table.span());
    let PhaseMonitorTable {
        warn_after,
        alert_after,
    } = table.into_inner();
    thresholds(fields, &section, (warn_after, alert_after), "")
}

/// A host's own thresholds, where it has some.
pub(super) fn resolve_own(
    fields: &mut Fields<'_>,
    host: &HostName,
    monitor: Option<Spanned<OwnMonitorTable>>,
) -> Option<Monitor> {
    of_table(fields, &format!("hosts.{host}"), monitor)
}

/// The thresholds of a table `monitor` below another one, where there are some.
pub(super) fn of_table(
    fields: &mut Fields<'_>,
    parent: &str,
    monitor: Option<Spanned<OwnMonitorTable>>,
) -> Option<Monitor> {
    let monitor = monitor?;
    let section = Section::at(format!("{parent}.monitor"), monitor.span());
    let OwnMonitorTable {
        warn_after,
        alert_after,
    } = monitor.into_inner();
    thresholds(fields, &section, (warn_after, alert_after), "")
}

/// The two ages of a table, which has both. The hints name no age: which one fits depends on the schedule.
/// `otherwise` describes what happens without the keys.
fn thresholds(
    fields: &mut Fields<'_>,
    section: &Section,
    (warn_after, alert_after): (Field<TimeSpan>, Field<TimeSpan>),
    otherwise: &str,
) -> Option<Monitor> {
    let hint = format!("`warn-after = \"…\"`, longer than the longest gap between two runs{otherwise}");
    let warn_after = fields.required(section, "warn-after", warn_after, &hint);
    let hint = format!("`alert-after = \"…\"`, not shorter than `warn-after`{otherwise}");
    let alert_after = fields.required(section, "alert-after", alert_after, &hint);
    let (warn_after, alert_after) = (warn_after?, alert_after?);
    if alert_after.get_ref() < warn_after.get_ref() {
        fields.problem(
            alert_after.span(),
            "`alert-after` is shorter than `warn-after`",
            format!("write `{}` or more", warn_after.get_ref()),
        );
    }
    Some(Monitor {
        warn_after: warn_after.into_inner(),
        alert_after: alert_after.into_inner(),
    })
}

fn resolve_notify(
    fields: &mut Fields<'_>,
    tables: Field<BTreeMap<Spanned<NotifyName>, NotifyTable>>,
    repository: Option<&Repository>,
) -> BTreeMap<NotifyName, Notify> {
    let tables = tables.map(Spanned::into_inner).unwrap_or_default();
    tables
        .into_iter()
        .filter_map(|(name, table)| {
            let section = Section::at(format!("notify.{}", name.get_ref()), name.span());
            let notify = resolve_one(fields, &section, table, repository)?;
            Some((name.into_inner(), notify))
        })
        .collect()
}

fn resolve_one(
    fields: &mut Fields<'_>,
    section: &Section,
    table: NotifyTable,
    repository: Option<&Repository>,
) -> Option<Notify> {
    let NotifyTable {
        kind,
        address_file,
        to,
    } = table;
    let hint = format!("`kind = \"…\"`, which is {}", KindWord::listed());
    let kind = fields.required(section, "kind", kind, &hint);
    if let Some(file) = &address_file {
        paths::check_credential(fields, file);
        if let Some(repository) = repository {
            paths::check_outside(fields, file, &repository.path);
        }
    }
    match kind?.into_inner() {
        KindWord::Web(service) => {
            if let Some(to) = to {
                misplaced(
                    fields,
                    to.span(),
                    "to",
                    "the address in `address-file` contains the recipient",
                );
            }
            resolve_web(fields, section, service, address_file)
        }
        KindWord::Email => {
            if let Some(file) = address_file {
                misplaced(fields, file.span(), "address-file", "`to` names the recipients");
            }
            let unreadable = fields.has_taken_out_below(section, "to");
            let to = fields.required(section, "to", to, "`to = [\"admin@example.net\"]`")?;
            let span = to.span();
            let length = to.get_ref().len();
            let to: Vec<_> = fields
                .items(to.into_inner())
                .into_iter()
                .map(Spanned::into_inner)
                .collect();
            if length == 0 && !unreadable {
                fields.problem(
                    span,
                    "`to` has no recipient",
                    "write `to = [\"admin@example.net\"]`",
                );
            }
            Some(Notify::Email { to })
        }
    }
}

fn resolve_web(
    fields: &mut Fields<'_>,
    section: &Section,
    service: WebService,
    address_file: Field<UnitPath>,
) -> Option<Notify> {
    let hint = format!(
        "`address-file = \"/…\"`, a file on the storage host that only root can read; its first line has the form `{}`",
        service.address_form()
    );
    let address_file = fields.required(section, "address-file", address_file, &hint)?;
    Some(Notify::Web {
        service,
        address_file: address_file.into_inner(),
    })
}

fn misplaced(fields: &mut Fields<'_>, span: Range<usize>, key: &str, instead: &str) {
    fields.problem(
        span,
        format!("`{key}` does not apply to this kind of notification"),
        format!("remove it: {instead}"),
    );
}
