//! The only module that talks to the bus: systemd's manager, and what it says of our units.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that talks to the bus"
)]

mod error;
mod files;
mod job;
mod proxy;
mod unit;
mod wait;

use std::collections::HashMap;
use std::sync::mpsc::Sender;
use std::time::Duration;

use systemd_zbus::{JobRemoved, ManagerProxyBlocking, Mode};
use zbus::MatchRule;
use zbus::blocking::connection::Builder;
use zbus::blocking::{Connection, MessageIterator};
use zbus::fdo::NameOwnerChanged;
use zbus::message::Type;
use zbus::names::InterfaceName;
use zbus::zvariant::{OwnedObjectPath, OwnedValue};

use proxy::ask;

pub use error::Error;
pub use files::{Enablement, Loaded};
pub use job::JobResult;
pub use unit::{Active, UnitState};
pub use wait::Waiting;

/// systemd's name on the bus (org.freedesktop.systemd1(5)).
const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "/org/freedesktop/systemd1";
/// A job takes the place of another one of the same unit that waits.
const MODE: Mode = Mode::Replace;
/// How long an answer may take: as long as sd-bus waits.
const PATIENCE: Duration = Duration::from_secs(25);

/// A job of systemd's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job(OwnedObjectPath);

/// What comes without being asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// A job is over.
    JobRemoved(Job, JobResult),
    /// systemd is on the bus again, after it was away.
    ManagerIsBack,
}

/// systemd's manager, by the system's bus.
#[derive(Debug, Clone)]
pub struct Manager {
    connection: Connection,
    proxy: ManagerProxyBlocking<'static>,
}

impl Manager {
    /// Connects to the system's bus, and asks systemd to say when a job is over.
    ///
    /// # Errors
    /// When there is no bus, or no systemd behind it.
    pub fn connect() -> Result<Self, Error> {
        let connection = Builder::system()
            .map(|builder| builder.method_timeout(PATIENCE))
            .and_then(Builder::build)
            .map_err(Error::no_bus)?;
        let proxy = ManagerProxyBlocking::new(&connection).map_err(Error::no_bus)?;
        let manager = Self { connection, proxy };
        manager.subscribe()?;
        Ok(manager)
    }

    /// Asks systemd once more to say when a job is over: one that was started anew may not remember.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn subscribe(&self) -> Result<(), Error> {
        match self.proxy.subscribe().map_err(|error| Error::of(error, SYSTEMD)) {
            Err(Error::AlreadySubscribed) => Ok(()),
            subscribed => subscribed,
        }
    }

    /// Has everything that comes unasked sent to `to`, in its order, by a thread that ends with the connection.
    ///
    /// # Errors
    /// When the bus refuses.
    pub fn watch<T: Send + 'static>(
        &self,
        to: Sender<T>,
        as_event: impl Fn(Signal) -> T + Send + 'static,
    ) -> Result<(), Error> {
        let rules = [
            MatchRule::builder()
                .msg_type(Type::Signal)
                .sender(SYSTEMD)
                .and_then(|rule| rule.path(MANAGER))
                .and_then(|rule| rule.member("JobRemoved")),
            MatchRule::builder()
                .msg_type(Type::Signal)
                .sender("org.freedesktop.DBus")
                .and_then(|rule| rule.member("NameOwnerChanged"))
                .and_then(|rule| rule.arg(0, SYSTEMD)),
        ];
        let bus = zbus::blocking::fdo::DBusProxy::new(&self.connection).map_err(Error::no_bus)?;
        for rule in rules {
            let rule = rule.map_err(Error::no_bus)?.build();
            bus.add_match_rule(rule)
                .map_err(|error| Error::no_bus(error.into()))?;
        }
        let messages = MessageIterator::from(&self.connection);
        std::thread::spawn(move || {
            let signals = messages
                .map_while(Result::ok)
                .filter_map(|message| signal(&message));
            for signal in signals {
                if to.send(as_event(signal)).is_err() {
                    break;
                }
            }
        });
        Ok(())
    }

    /// Starts a unit, or joins the start that is in the queue.
    ///
    /// # Errors
    /// When systemd refuses, or does not answer.
    pub fn start(&self, unit: &str) -> Result<Job, Error> {
        let job = ask(&self.proxy, "StartUnit", &(unit, MODE));
        job.map(Job).map_err(|error| Error::of(error, unit))
    }

    /// Stops a unit.
    ///
    /// # Errors
    /// When systemd refuses, or does not answer.
    pub fn stop(&self, unit: &str) -> Result<Job, Error> {
        let job = ask(&self.proxy, "StopUnit", &(unit, MODE));
        job.map(Job).map_err(|error| Error::of(error, unit))
    }

    /// What becomes of a unit just now.
    ///
    /// # Errors
    /// When there is no such unit, or systemd does not answer.
    pub fn state(&self, unit: &str) -> Result<UnitState, Error> {
        let path = self
            .proxy
            .load_unit(unit)
            .map_err(|error| Error::of(error, unit))?;
        let general = self.properties(unit, &path, "org.freedesktop.systemd1.Unit")?;
        let service = self.properties(unit, &path, "org.freedesktop.systemd1.Service")?;
        let state = UnitState::of(&general, &service);
        if state.is_missing {
            return Err(Error::UnitMissing(unit.to_owned()));
        }
        Ok(state)
    }

    fn properties(
        &self,
        unit: &str,
        path: &OwnedObjectPath,
        interface: &'static str,
    ) -> Result<HashMap<String, OwnedValue>, Error> {
        let properties = zbus::blocking::fdo::PropertiesProxy::builder(&self.connection)
            .destination(SYSTEMD)
            .and_then(|proxy| proxy.path(path))
            .and_then(|proxy| proxy.cache_properties(zbus::proxy::CacheProperties::No).build())
            .map_err(|error| Error::of(error, unit))?;
        let said = properties.get_all(InterfaceName::from_static_str_unchecked(interface));
        said.map_err(|error| Error::of(error.into(), unit))
    }
}

fn signal(message: &zbus::Message) -> Option<Signal> {
    if let Some(removed) = JobRemoved::from_message(message.clone()) {
        let removed = removed.args().ok()?;
        return Some(Signal::JobRemoved(
            Job(removed.job().clone().into()),
            JobResult::of(removed.result()),
        ));
    }
    let changed = NameOwnerChanged::from_message(message.clone())?;
    let changed = changed.args().ok()?;
    let is_back = changed.name() == SYSTEMD && changed.new_owner().is_some();
    is_back.then_some(Signal::ManagerIsBack)
}
