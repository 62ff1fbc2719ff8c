//! What the storage host gets for the recipients of notifications, and for people who look.

use askama::Template;

use super::{Access, Artifact, Platform, add, add_script, grafana, prometheus, unit};
use crate::emit::escape::filters;
use crate::emit::plan::CoordinatorPlan;
use crate::model::Written;

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup-watch.service")]
struct WatchService<'p> {
    plan: &'p CoordinatorPlan<'p>,
    platform: &'p Platform,
}

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup-notify@.service")]
struct NotifyService<'p> {
    plan: &'p CoordinatorPlan<'p>,
    platform: &'p Platform,
}

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup-mail.socket")]
struct MailSocket;

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup-mail@.service")]
struct MailService<'p> {
    plan: &'p CoordinatorPlan<'p>,
    platform: &'p Platform,
}

#[derive(Template)]
#[template(path = "usr/local/libexec/genbackup/send-mail.bash")]
struct SendMail<'p> {
    platform: &'p Platform,
}

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup-VERB.service")]
struct WrittenService<'p> {
    plan: &'p CoordinatorPlan<'p>,
    platform: &'p Platform,
    written: Written<'p>,
    arguments: String,
}

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup-VERB.timer")]
struct Rhythm<'p> {
    what: &'p str,
    calendar: &'static str,
}

/// When the timers of notifications and of written files elapse, in the words of their descriptions: every 15 minutes.
pub(crate) const RHYTHM: &str = "*:0/15";

pub(super) fn emit(
    plan: &CoordinatorPlan<'_>,
    platform: &Platform,
    artifacts: &mut Vec<Artifact>,
) -> askama::Result<()> {
    if !plan.watching.notify.is_empty() {
        add(
            artifacts,
            unit("genbackup-watch.service"),
            &WatchService { plan, platform },
        )?;
        add(
            artifacts,
            unit("genbackup-notify@.service"),
            &NotifyService { plan, platform },
        )?;
        let what = "Send notifications about what changed";
        let calendar = RHYTHM;
        add(
            artifacts,
            unit("genbackup-watch.timer"),
            &Rhythm { what, calendar },
        )?;
    }
    if plan.watching.sends_mail() {
        add(artifacts, unit("genbackup-mail.socket"), &MailSocket)?;
        add(
            artifacts,
            unit("genbackup-mail@.service"),
            &MailService { plan, platform },
        )?;
        add_script(artifacts, "send-mail", &SendMail { platform })?;
    }
    for written in plan.watching.written() {
        let Written { verb, what, file } = written;
        let service = WrittenService {
            plan,
            platform,
            written,
            arguments: format!("{verb} --out {}", argument(file.as_str())),
        };
        add(artifacts, unit(&format!("genbackup-{verb}.service")), &service)?;
        let what = format!("Write {what}");
        add(
            artifacts,
            unit(&format!("genbackup-{verb}.timer")),
            &Rhythm {
                what: &what,
                calendar: RHYTHM,
            },
        )?;
    }
    if let Some(metrics) = &plan.watching.metrics {
        for (name, content) in [
            ("prometheus-rules.yml", prometheus::rules(plan, metrics)),
            ("grafana-dashboard.json", grafana::dashboard()),
        ] {
            artifacts.push(Artifact {
                path: format!("/etc/genbackup/{name}"),
                access: Access::Readable,
                content: format!("{content:#}\n"),
            });
        }
    }
    Ok(())
}

/// A word of `ExecStart=` (systemd.service(5)), where `$` starts a variable; the template sees to `%`.
fn argument(text: &str) -> String {
    let quoted = text.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "$$");
    format!("\"{quoted}\"")
}
