//! Each service of ours can be extended in a configuration. NixOS then writes a drop-in, which also sets `PATH` to
//! NixOS's default.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::equal::{starts, units};
use super::nix::{built_one, nix};
use super::system::{Emitted, Host, WAYS, Way, services, system};
use crate::command::run;

/// Programs that the scripts start. NixOS's default `PATH` lacks some of them.
const PROGRAMS: [&str; 8] = [
    "cat",
    "find",
    "flock",
    "grep",
    "restic",
    "socat",
    "ssh",
    "systemctl",
];

fn fleet(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/fleets")
        .join(name)
        .join("fleet.toml")
}

/// The module of a host, each way.
fn module(emitted: &Emitted, fleet: &Path, host: &str, way: Way) -> Result<String> {
    match way {
        Way::Emitted => Ok(emitted.module(host).display().to_string()),
        Way::Module => services(&format!("host = \"{host}\"; fleet = {};", fleet.display())),
    }
}

/// The files of a system with a module and more configuration.
fn files(module: &str, more: &str) -> Result<BTreeMap<String, String>> {
    let system = built_one(&system(&format!("{module} {{ {more} }}")))?;
    Host::files(&system, "etc/systemd/system")
}

/// Which programs a script lacks when it begins its work, with this `PATH` from its unit.
fn lacking(script: &str, path: &str) -> Result<String> {
    let directory = tempfile::tempdir()?;
    let look = directory.path().join("look.bash");
    // Bash reads this first. It looks before the first command that is more than a setting.
    std::fs::write(
        &look,
        format!(
            "trap 'case $BASH_COMMAND in
                set\\ * | export\\ PATH=*) ;;
                *)
                    for program in {}; do command -v \"$program\" >/dev/null || echo \"$program\"; done
                    exit 0
                    ;;
            esac' DEBUG\n",
            PROGRAMS.join(" ")
        ),
    )?;
    let looked = run(Command::new(script)
        .env_clear()
        .env("PATH", path)
        .env("BASH_ENV", &look))?;
    ensure!(
        looked.status.success() && looked.stderr.is_empty(),
        "{script}: {}",
        looked.stderr
    );
    Ok(looked.stdout)
}

#[test]
fn each_service_can_be_extended_and_finds_its_programs() -> Result<()> {
    let store = format!("{}/", nix()?.store().display());
    let fleet = fleet("every-option");
    let emitted = Emitted::new(&fleet)?;
    let mut looked_at = 0;
    for host in emitted.hosts()? {
        let mut names: Vec<String> = units(&emitted.root(&host))?.into_keys().collect();
        names.retain(|name| Path::new(name).extension() == Some("service".as_ref()));
        let mut more = String::new();
        for name in &names {
            write!(
                more,
                "systemd.services.\"{}\" = {{
                    after = [ \"other.service\" ];
                    onFailure = [ \"alarm.service\" ];
                    serviceConfig.Nice = 5;
                }};",
                name.trim_end_matches(".service")
            )?;
        }
        for way in WAYS {
            let files = files(&module(&emitted, &fleet, &host, way)?, &more)?;
            for name in &names {
                let drop_in = files
                    .get(&format!("{name}.d/overrides.conf"))
                    .with_context(|| format!("{name} has no drop-in"))?;
                for line in ["After=other.service\n", "OnFailure=alarm.service\n", "Nice=5\n"] {
                    assert!(drop_in.contains(line), "{name}: {drop_in}");
                }
                let path = drop_in
                    .lines()
                    .find_map(|line| line.strip_prefix("Environment=\"PATH=")?.strip_suffix('"'))
                    .context("NixOS sets PATH")?;
                ensure!(!path.contains("-socat/"), "{path}");
                for program in starts(&files[name]) {
                    assert!(program.starts_with(&store), "{name} starts {program}");
                    if program.ends_with("/bin/sshd") {
                        continue;
                    }
                    for path in [path, "/nonexistent"] {
                        assert_eq!(lacking(program, path)?, "", "{name}, {program}, PATH={path}");
                    }
                    looked_at += 1;
                }
            }
        }
    }
    ensure!(looked_at > 20, "only {looked_at}");
    Ok(())
}

#[test]
fn a_hook_finds_the_programs_of_its_drop_in_first() -> Result<()> {
    let fleet = fleet("every-option");
    let emitted = Emitted::new(&fleet)?;
    let mut looked_at = 0;
    for way in WAYS {
        for host in emitted.hosts()? {
            let files = files(&module(&emitted, &fleet, &host, way)?, "")?;
            let hooks = files.iter().filter(|(name, _)| {
                name.starts_with("genbackup-before-") || name.starts_with("genbackup-after-")
            });
            for (name, text) in hooks {
                let start = starts(text).next().context("it starts a program")?;
                let path = run(Command::new(start)
                    .args(["/bin/sh", "-c", "echo $PATH"])
                    .env("PATH", "/of/the/drop-in"))?;
                assert!(
                    path.stdout.starts_with("/of/the/drop-in:") && path.stdout.contains("-socat"),
                    "{name}: {}{}",
                    path.stdout,
                    path.stderr
                );
                looked_at += 1;
            }
        }
    }
    ensure!(looked_at > 1, "there is no hook");
    Ok(())
}

#[test]
fn a_forced_calendar_replaces_that_of_the_fleet() -> Result<()> {
    let fleet = fleet("post");
    let emitted = Emitted::new(&fleet)?;
    let calendars = |way: Way, more: &str| -> Result<Vec<String>> {
        let system = built_one(&system(&format!(
            "{} {{ {more} }}",
            module(&emitted, &fleet, "jak", way)?
        )))?;
        let timer = &units(&system)?["genbackup.timer"];
        let calendars = timer.lines().filter_map(|line| line.strip_prefix("OnCalendar="));
        Ok(calendars.map(str::to_owned).collect())
    };
    let option = "systemd.timers.genbackup.timerConfig.OnCalendar";
    for way in WAYS {
        let own = calendars(way, "")?;
        assert_eq!(own.len(), 1, "{own:?}");
        let forced = format!("{option} = stub.pkgs.lib.mkForce \"daily\";");
        assert_eq!(calendars(way, &forced)?, ["daily"], "{way:?}");
        let mut both = calendars(way, &format!("{option} = \"daily\";"))?;
        both.retain(|calendar| !own.contains(calendar));
        assert_eq!(both, ["daily"], "{way:?}");
    }
    Ok(())
}
