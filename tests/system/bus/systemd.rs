//! A stand-in for systemd's manager that knows units by their files: what it has read of them, which are
//! enabled, which are running. A test sets what it refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;
use zbus::fdo::Error;
use zbus::zvariant::{ObjectPath, OwnedObjectPath};

use super::manager::{Bus, ListedUnit};

const MANAGER: &str = "/org/freedesktop/systemd1";
const INTERFACE: &str = "org.freedesktop.systemd1.Manager";

#[derive(Debug, Default)]
pub(crate) struct World {
    units: PathBuf,
    /// What it has read, by the unit.
    read: BTreeMap<String, Option<String>>,
    pub(crate) enabled: BTreeSet<String>,
    pub(crate) masked: BTreeSet<String>,
    pub(crate) active: BTreeSet<String>,
    /// Calls such as `start genbackup.timer`, each with the job's result, with `denied`, or with `never` for
    /// no answer.
    pub(crate) goes_wrong: BTreeMap<String, &'static str>,
    /// What changes something, in its order.
    pub(crate) asked: Vec<String>,
}

impl World {
    fn file(&self, unit: &str) -> Option<String> {
        fs::read_to_string(self.units.join(unit)).ok()
    }

    fn load(&mut self, unit: &str) {
        if self.read.get(unit).is_none_or(Option::is_none) {
            let text = self.file(unit);
            self.read.insert(unit.to_owned(), text);
        }
    }

    fn ask(&mut self, call: String) -> zbus::fdo::Result<&'static str> {
        let result = self.goes_wrong.get(&call).copied().unwrap_or("done");
        self.asked.push(call);
        if result == "denied" {
            return Err(Error::AccessDenied("Access denied".to_owned()));
        }
        Ok(result)
    }
}

type Shared = Arc<Mutex<World>>;
type Link = (String, String, String);

fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refuse_unless(is_right: bool, what: &str) -> zbus::fdo::Result<()> {
    if is_right {
        Ok(())
    } else {
        Err(Error::InvalidArgs(what.to_owned()))
    }
}

fn root() -> OwnedObjectPath {
    ObjectPath::from_static_str_unchecked("/").into()
}

fn link() -> Link {
    ("symlink".to_owned(), String::new(), String::new())
}

struct ManagerInterface(Shared);

impl ManagerInterface {
    async fn job(
        &self,
        connection: &zbus::Connection,
        verb: &str,
        unit: &str,
        mode: &str,
    ) -> zbus::fdo::Result<OwnedObjectPath> {
        refuse_unless(mode == "replace", "another mode")?;
        let call = format!("{verb} {unit}");
        if lock(&self.0).goes_wrong.get(&call) == Some(&"never") {
            std::future::pending::<()>().await;
        }
        let (job, result) = {
            let mut world = lock(&self.0);
            let result = world.ask(call)?;
            if result == "done" && unit != "genbackup-init.service" {
                match verb {
                    "stop" => world.active.remove(unit),
                    _ => world.active.insert(unit.to_owned()),
                };
            }
            (
                format!("/org/freedesktop/systemd1/job/{}", world.asked.len()),
                result,
            )
        };
        let job = OwnedObjectPath::try_from(job).map_err(|error| Error::Failed(error.to_string()))?;
        let body = (7_u32, &job, unit, result);
        connection
            .emit_signal(None::<&str>, MANAGER, INTERFACE, "JobRemoved", &body)
            .await?;
        Ok(job)
    }
}

#[zbus::interface(name = "org.freedesktop.systemd1.Manager")]
#[expect(
    clippy::unused_self,
    clippy::needless_pass_by_value,
    reason = "as the bus hands it over"
)]
impl ManagerInterface {
    fn subscribe(&self) {}

    fn load_unit(&self, name: String) -> zbus::fdo::Result<OwnedObjectPath> {
        lock(&self.0).load(&name);
        path_of(&name).map_err(|error| Error::Failed(error.to_string()))
    }

    async fn start_unit(
        &self,
        name: String,
        mode: String,
        #[zbus(connection)] connection: &zbus::Connection,
    ) -> zbus::fdo::Result<OwnedObjectPath> {
        self.job(connection, "start", &name, &mode).await
    }

    async fn stop_unit(
        &self,
        name: String,
        mode: String,
        #[zbus(connection)] connection: &zbus::Connection,
    ) -> zbus::fdo::Result<OwnedObjectPath> {
        self.job(connection, "stop", &name, &mode).await
    }

    async fn try_restart_unit(
        &self,
        name: String,
        mode: String,
        #[zbus(connection)] connection: &zbus::Connection,
    ) -> zbus::fdo::Result<OwnedObjectPath> {
        self.job(connection, "try-restart", &name, &mode).await
    }

    fn reload(&self) -> zbus::fdo::Result<()> {
        let mut world = lock(&self.0);
        world.ask("reload".to_owned())?;
        let texts = world.read.keys().map(|unit| (unit.clone(), world.file(unit)));
        world.read = texts.collect();
        Ok(())
    }

    fn get_unit_file_state(&self, file: String) -> zbus::fdo::Result<String> {
        let world = lock(&self.0);
        if world.masked.contains(&file) {
            return Ok("masked".to_owned());
        }
        if world.file(&file).is_none() {
            return Err(Error::FileNotFound(format!("{file} does not exist")));
        }
        let is_enabled = world.enabled.contains(&file);
        Ok(if is_enabled { "enabled" } else { "disabled" }.to_owned())
    }

    fn enable_unit_files(
        &self,
        files: Vec<String>,
        runtime: bool,
        force: bool,
    ) -> zbus::fdo::Result<(bool, Vec<Link>)> {
        let mut world = lock(&self.0);
        refuse_unless(!runtime && !force, "until the next boot, or by force")?;
        world.ask(format!("enable {}", files.join(" ")))?;
        world.enabled.extend(files);
        Ok((true, vec![link()]))
    }

    fn disable_unit_files(&self, files: Vec<String>, runtime: bool) -> zbus::fdo::Result<Vec<Link>> {
        let mut world = lock(&self.0);
        refuse_unless(!runtime, "until the next boot")?;
        world.ask(format!("disable {}", files.join(" ")))?;
        let removed = files.iter().filter(|file| world.enabled.remove(*file));
        Ok(removed.map(|_| link()).collect())
    }

    fn list_units_by_patterns(&self, states: Vec<String>, patterns: Vec<String>) -> Vec<ListedUnit> {
        let world = lock(&self.0);
        let starts = |unit: &&String| {
            let mut patterns = patterns.iter();
            patterns.any(|pattern| unit.starts_with(pattern.split('*').next().unwrap_or_default()))
        };
        let text = String::new;
        let listed = |unit: &String| {
            let name = unit.clone();
            (
                name,
                text(),
                text(),
                "active".to_owned(),
                text(),
                text(),
                root(),
                0,
                text(),
                root(),
            )
        };
        // As systemd has it: no state is every state.
        let asks_for_active = states.is_empty() || states.iter().any(|state| state == "active");
        world
            .active
            .iter()
            .filter(|_| asks_for_active)
            .filter(starts)
            .map(listed)
            .collect()
    }
}

struct UnitInterface(Shared, String);

#[zbus::interface(name = "org.freedesktop.systemd1.Unit")]
impl UnitInterface {
    #[zbus(property)]
    fn load_state(&self) -> &'static str {
        match lock(&self.0).read.get(&self.1) {
            Some(Some(_)) => "loaded",
            _ => "not-found",
        }
    }

    #[zbus(property)]
    fn active_state(&self) -> &'static str {
        if lock(&self.0).active.contains(&self.1) {
            "active"
        } else {
            "inactive"
        }
    }

    #[zbus(property)]
    fn need_daemon_reload(&self) -> bool {
        let world = lock(&self.0);
        world
            .read
            .get(&self.1)
            .is_some_and(|read| *read != world.file(&self.1))
    }

    #[zbus(property)]
    #[expect(clippy::unused_self, reason = "as zbus wants it")]
    fn job(&self) -> (u32, OwnedObjectPath) {
        (0, root())
    }
}

fn path_of(unit: &str) -> zbus::zvariant::Result<OwnedObjectPath> {
    OwnedObjectPath::try_from(format!("{MANAGER}/unit/{}", unit.replace(['.', '-', '@'], "_")))
}

/// The stand-in, for as long as it is on the bus.
pub(crate) struct Systemd {
    /// The stand-in exists as long as this connection.
    _connection: Connection,
    world: Shared,
}

impl Systemd {
    /// For a system with units in this directory; `known` are those that it can be asked about.
    pub(crate) fn on(bus: &Bus, units: &Path, known: &[&str]) -> Result<Self> {
        let world = Shared::default();
        lock(&world).units = units.to_path_buf();
        let mut builder = Builder::address(bus.address.as_str())?
            .serve_at(MANAGER, ManagerInterface(Arc::clone(&world)))?;
        for unit in known {
            let interface = UnitInterface(Arc::clone(&world), (*unit).to_owned());
            builder = builder.serve_at(path_of(unit)?, interface)?;
        }
        let connection = builder.name("org.freedesktop.systemd1")?.build()?;
        Ok(Self {
            _connection: connection,
            world,
        })
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }
}
