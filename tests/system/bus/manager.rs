//! A bus, and on it a stand-in for systemd's manager: two units and one job, which a test moves as it likes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;
use zbus::names::OwnedUniqueName;
use zbus::zvariant::{ObjectPath, OwnedObjectPath};

pub(crate) const MANAGER: &str = "/org/freedesktop/systemd1";
pub(crate) const JOB: &str = "/org/freedesktop/systemd1/job/7";
pub(crate) const HOSTS: &str = "genbackup.service";
pub(crate) const MAINTAIN: &str = "genbackup-maintain.service";
pub(crate) const CHOSEN: &str = "genbackup-run@kai_ziz.service";

/// Ends with the test.
pub(crate) struct Bus {
    daemon: Child,
    pub(crate) address: String,
}

impl Bus {
    pub(crate) fn new() -> Result<Self> {
        let mut daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address"])
            .args(["--address=unix:tmpdir=/tmp"])
            .stdout(Stdio::piped())
            // It complains that it may open too few files; a test needs no more.
            .stderr(Stdio::null())
            .spawn()
            .context("no dbus-daemon")?;
        let mut address = String::new();
        let output = daemon.stdout.take().context("no standard output")?;
        BufReader::new(output).read_line(&mut address)?;
        let address = address.trim().to_owned();
        Ok(Self { daemon, address })
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        drop(self.daemon.kill());
        drop(self.daemon.wait());
    }
}

/// As org.freedesktop.systemd1(5) has it; what matters here is the name.
pub(crate) type ListedUnit = (
    String,
    String,
    String,
    String,
    String,
    String,
    OwnedObjectPath,
    u32,
    String,
    OwnedObjectPath,
);

#[derive(Debug, Clone)]
pub(crate) struct Unit {
    pub(crate) load: &'static str,
    pub(crate) active: &'static str,
    pub(crate) has_job: bool,
    pub(crate) job_type: &'static str,
    pub(crate) result: &'static str,
    pub(crate) exit_status: i32,
    pub(crate) began: u64,
    pub(crate) invocation: Vec<u8>,
}

impl Default for Unit {
    fn default() -> Self {
        Self {
            load: "loaded",
            active: "inactive",
            has_job: false,
            job_type: "start",
            result: "success",
            exit_status: 0,
            began: 0,
            invocation: vec![0],
        }
    }
}

/// The answer to a request for a start or a stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Answer {
    #[default]
    Yes,
    Denied,
    AskForAPassword,
    /// No answer.
    Never,
}

#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) hosts: Unit,
    pub(crate) maintain: Unit,
    /// The hosts that somebody chose.
    pub(crate) chosen: Unit,
    pub(crate) answer: Answer,
    /// It answers no question about a unit.
    pub(crate) is_frozen: bool,
    /// What was asked for, in its order.
    pub(crate) asked: Vec<String>,
    /// Receives each entry of `asked`, too.
    listener: Option<Sender<String>>,
    /// The bus's name for the subscriber.
    pub(crate) subscriber: Option<OwnedUniqueName>,
}

impl World {
    fn ask(&mut self, call: String) {
        if let Some(listener) = &self.listener {
            drop(listener.send(call.clone()));
        }
        self.asked.push(call);
    }

    /// What is asked for from now on, as it comes.
    pub(crate) fn listen(&mut self) -> Receiver<String> {
        let (sender, receiver) = mpsc::channel();
        self.listener = Some(sender);
        receiver
    }

    fn unit(&mut self, name: &str) -> &mut Unit {
        match name {
            HOSTS => &mut self.hosts,
            CHOSEN => &mut self.chosen,
            _ => &mut self.maintain,
        }
    }
}

type Shared = Arc<Mutex<World>>;

fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

struct ManagerInterface(Shared);
struct JobInterface(Shared);
struct UnitInterface(Shared, &'static str);
struct ServiceInterface(Shared, &'static str);

#[zbus::interface(name = "org.freedesktop.systemd1.Manager")]
impl ManagerInterface {
    #[expect(clippy::needless_pass_by_value, reason = "as the bus hands it over")]
    fn subscribe(&self, #[zbus(header)] header: zbus::message::Header<'_>) {
        let mut world = lock(&self.0);
        world.subscriber = header.sender().map(|name| name.to_owned().into());
        world.ask("subscribe".to_owned());
    }

    async fn load_unit(&self, name: String) -> OwnedObjectPath {
        let is_frozen = {
            let world = lock(&self.0);
            if let Some(listener) = &world.listener {
                drop(listener.send(format!("load {name}")));
            }
            world.is_frozen
        };
        if is_frozen {
            std::future::pending::<()>().await;
        }
        path_of(&name)
    }

    #[expect(clippy::needless_pass_by_value, reason = "as the bus hands it over")]
    fn list_units_by_patterns(&self, states: Vec<String>, patterns: Vec<String>) -> Vec<ListedUnit> {
        let mut world = lock(&self.0);
        let root = || OwnedObjectPath::from(ObjectPath::from_static_str_unchecked("/"));
        let mut listed = Vec::new();
        for name in [HOSTS, CHOSEN, MAINTAIN] {
            let is_wanted = |pattern: &String| match pattern.split_once('*') {
                Some((start, end)) => name.starts_with(start) && name.ends_with(end),
                None => name == pattern,
            };
            let unit = world.unit(name).clone();
            // As systemd has it: no state is every state.
            let is_in_state = states.is_empty() || states.iter().any(|state| state == unit.active);
            if is_in_state && patterns.iter().any(is_wanted) {
                let [description, load, sub, following, job] = [const { String::new() }; 5];
                listed.push((
                    name.to_owned(),
                    description,
                    load,
                    unit.active.to_owned(),
                    sub,
                    following,
                    root(),
                    if unit.has_job { 7 } else { 0 },
                    job,
                    root(),
                ));
            }
        }
        listed
    }

    async fn start_unit(&self, name: String, mode: String) -> zbus::fdo::Result<OwnedObjectPath> {
        self.allow(format!("start {name} {mode}")).await?;
        let mut world = lock(&self.0);
        let unit = world.unit(&name);
        unit.active = "activating";
        unit.has_job = true;
        unit.began = 1_800_000_000_500_000;
        unit.invocation = vec![1];
        Ok(ObjectPath::from_static_str_unchecked(JOB).into())
    }

    async fn stop_unit(&self, name: String, mode: String) -> zbus::fdo::Result<OwnedObjectPath> {
        self.allow(format!("stop {name} {mode}")).await?;
        let mut world = lock(&self.0);
        let unit = world.unit(&name);
        unit.active = "inactive";
        unit.has_job = false;
        Ok(ObjectPath::from_static_str_unchecked(JOB).into())
    }
}

impl ManagerInterface {
    async fn allow(&self, call: String) -> zbus::fdo::Result<()> {
        let answer = {
            let mut world = lock(&self.0);
            world.ask(call);
            world.answer
        };
        match answer {
            Answer::Yes => Ok(()),
            Answer::Denied => Err(zbus::fdo::Error::AccessDenied("Access denied".to_owned())),
            Answer::AskForAPassword => Err(zbus::fdo::Error::InteractiveAuthorizationRequired(
                "Interactive authentication required.".to_owned(),
            )),
            Answer::Never => std::future::pending().await,
        }
    }
}

#[zbus::interface(name = "org.freedesktop.systemd1.Job")]
impl JobInterface {
    #[zbus(property)]
    fn job_type(&self) -> String {
        let world = lock(&self.0);
        let units = [&world.hosts, &world.chosen, &world.maintain];
        let unit = units.into_iter().find(|unit| unit.has_job);
        unit.map_or("start", |unit| unit.job_type).to_owned()
    }
}

#[zbus::interface(name = "org.freedesktop.systemd1.Unit")]
impl UnitInterface {
    #[zbus(property)]
    fn load_state(&self) -> String {
        lock(&self.0).unit(self.1).load.to_owned()
    }

    #[zbus(property)]
    fn active_state(&self) -> String {
        lock(&self.0).unit(self.1).active.to_owned()
    }

    #[zbus(property, name = "InvocationID")]
    fn invocation_id(&self) -> Vec<u8> {
        lock(&self.0).unit(self.1).invocation.clone()
    }

    #[zbus(property)]
    fn job(&self) -> (u32, OwnedObjectPath) {
        let has_job = lock(&self.0).unit(self.1).has_job;
        let path = if has_job { JOB } else { "/" };
        let path = ObjectPath::from_static_str_unchecked(path);
        (if has_job { 7 } else { 0 }, path.into())
    }
}

#[zbus::interface(name = "org.freedesktop.systemd1.Service")]
impl ServiceInterface {
    #[zbus(property)]
    fn result(&self) -> String {
        lock(&self.0).unit(self.1).result.to_owned()
    }

    #[zbus(property)]
    fn exec_main_status(&self) -> i32 {
        lock(&self.0).unit(self.1).exit_status
    }

    #[zbus(property)]
    fn exec_main_start_timestamp(&self) -> u64 {
        lock(&self.0).unit(self.1).began
    }
}

fn path_of(unit: &str) -> OwnedObjectPath {
    let path = match unit {
        HOSTS => "/org/freedesktop/systemd1/unit/hosts",
        CHOSEN => "/org/freedesktop/systemd1/unit/chosen",
        _ => "/org/freedesktop/systemd1/unit/maintain",
    };
    ObjectPath::from_static_str_unchecked(path).into()
}

/// The stand-in, for as long as it is on the bus.
pub(crate) struct Manager {
    connection: Option<Connection>,
    address: String,
    world: Shared,
}

impl Manager {
    pub(crate) fn on(bus: &Bus) -> Result<Self> {
        let mut manager = Self {
            connection: None,
            address: bus.address.clone(),
            world: Shared::default(),
        };
        manager.come_back()?;
        Ok(manager)
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    /// As systemd does when it starts anew: it is not on the bus for a while.
    pub(crate) fn go_away(&mut self) -> Result<()> {
        let connection = self.connection.take().context("it is away")?;
        Ok(connection.close()?)
    }

    pub(crate) fn come_back(&mut self) -> Result<()> {
        let mut builder = Builder::address(self.address.as_str())?
            .serve_at(MANAGER, ManagerInterface(Arc::clone(&self.world)))?
            .serve_at(JOB, JobInterface(Arc::clone(&self.world)))?;
        for unit in [HOSTS, CHOSEN, MAINTAIN] {
            let path = path_of(unit);
            builder = builder
                .serve_at(path.clone(), UnitInterface(Arc::clone(&self.world), unit))?
                .serve_at(path.clone(), ServiceInterface(Arc::clone(&self.world), unit))?;
        }
        self.connection = Some(builder.name("org.freedesktop.systemd1")?.build()?);
        Ok(())
    }

    /// The script of the hosts has ended; systemd reports it when it is on the bus.
    pub(crate) fn end(&self, job_result: &str, exit_status: i32) -> Result<()> {
        let (active, result) = match (job_result, exit_status) {
            ("failed", 1..) => ("failed", "exit-code"),
            _ => ("inactive", "success"),
        };
        self.end_as(job_result, |unit| {
            unit.active = active;
            unit.result = result;
            unit.exit_status = exit_status;
        })
    }

    /// The job of the hosts is over, and that is what has become of their unit.
    pub(crate) fn end_as(&self, job_result: &str, become_so: impl FnOnce(&mut Unit)) -> Result<()> {
        {
            let mut world = self.world();
            let is_chosen = world.chosen.has_job;
            let unit = world.unit(if is_chosen { CHOSEN } else { HOSTS });
            unit.has_job = false;
            become_so(unit);
        }
        let Some(connection) = &self.connection else {
            return Ok(());
        };
        let job = ObjectPath::from_static_str_unchecked(JOB);
        let body = (7_u32, job, HOSTS, job_result);
        let interface = "org.freedesktop.systemd1.Manager";
        Ok(connection.emit_signal(None::<&str>, MANAGER, interface, "JobRemoved", &body)?)
    }
}
