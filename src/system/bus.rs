//! Talks to systemd's manager over the system bus, about our units. No other module uses the bus.

#![expect(clippy::disallowed_methods, reason = "this module talks to the bus")]

mod error;
mod files;
mod job;
mod patience;
mod proxy;
mod unit;
mod wait;

use std::collections::HashMap;
use std::sync::mpsc::Sender;

use zbus::blocking::MessageIterator;
use zbus::connection::Builder;
use zbus::fdo::{DBusProxy, NameOwnerChanged, PropertiesProxy};
use zbus::message::Type;
use zbus::names::{BusName, InterfaceName, OwnedUniqueName};
use zbus::proxy::CacheProperties;
use zbus::zvariant::{OwnedObjectPath, OwnedValue};
use zbus::{Connection, MatchRule};

use patience::Patience;
use proxy::{JobRemoved, ManagerProxy};

pub(crate) use error::Error;
pub(crate) use files::Enablement;
pub(crate) use job::{JobKind, JobResult};
pub(crate) use patience::Interrupt;
pub(crate) use unit::{Active, UnitState};
pub(crate) use wait::{Absence, Waiting};

/// The bus name of systemd (org.freedesktop.systemd1(5)).
const SYSTEMD: &str = "org.freedesktop.systemd1";
/// The bus name of the bus itself.
const BUS: &str = "org.freedesktop.DBus";
const MANAGER: &str = "/org/freedesktop/systemd1";
/// A job replaces a queued job of the same unit.
const MODE: &str = "replace";

/// A job of systemd's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job(OwnedObjectPath);

/// A signal of the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signal {
    /// A job has ended.
    JobRemoved(Job, JobResult),
    /// systemd is on the bus again after an absence.
    ManagerIsBack,
}

/// systemd's manager on the system bus.
#[derive(Debug, Clone)]
pub(crate) struct Manager {
    connection: Connection,
    proxy: ManagerProxy<'static>,
    patience: Patience,
}

impl Manager {
    /// Connects to the system bus, and subscribes to the ends of jobs.
    ///
    /// # Errors
    /// When there is no bus, or systemd is not on it.
    pub(crate) fn connect() -> Result<Self, Error> {
        Self::connect_until(&Interrupt::default())
    }

    /// Connects like [`Self::connect`], and stops waiting once `interrupt` is triggered.
    ///
    /// # Errors
    /// When there is no bus, or systemd is not on it, or the wait is interrupted.
    pub(crate) fn connect_until(interrupt: &Interrupt) -> Result<Self, Error> {
        let patience = Patience::until(interrupt.clone());
        let connected = patience.for_an_answer(async {
            let connection = Builder::system().map_err(Error::no_bus)?.build().await;
            let connection = connection.map_err(Error::no_bus)?;
            let proxy = ManagerProxy::new(&connection).await.map_err(Error::no_bus)?;
            Ok((connection, proxy))
        });
        let (connection, proxy) = match connected {
            Err(Error::Away) => Err(Error::NoBus("it does not answer".to_owned())),
            connected => connected,
        }?;
        let manager = Self {
            connection,
            proxy,
            patience,
        };
        manager.subscribe()?;
        Ok(manager)
    }

    /// Subscribes to the ends of jobs again: a restarted systemd may have lost the subscription.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub(crate) fn subscribe(&self) -> Result<(), Error> {
        let subscribed = self.patience.for_an_answer(async {
            let subscribed = self.proxy.subscribe().await;
            subscribed.map_err(|error| Error::of(error, SYSTEMD))
        });
        match subscribed {
            Err(Error::AlreadySubscribed) => Ok(()),
            subscribed => subscribed,
        }
    }

    /// Sends all signals to `to`, in their order, from a thread that ends with the connection.
    ///
    /// # Errors
    /// When the bus refuses.
    pub(crate) fn watch<T: Send + 'static>(
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
                .sender(BUS)
                .and_then(|rule| rule.member("NameOwnerChanged"))
                .and_then(|rule| rule.arg(0, SYSTEMD)),
        ];
        self.patience.for_an_answer(async {
            let bus = DBusProxy::new(&self.connection).await.map_err(Error::no_bus)?;
            for rule in rules {
                let rule = rule.map_err(Error::no_bus)?.build();
                let added = bus.add_match_rule(rule).await;
                added.map_err(|error| Error::no_bus(error.into()))?;
            }
            Ok(())
        })?;
        let messages = MessageIterator::from(zbus::blocking::Connection::from(self.connection.clone()));
        // After the rules are added: a later change of the owner arrives as a message.
        let mut systemd = self.owner()?;
        std::thread::spawn(move || {
            let signals = messages
                .map_while(Result::ok)
                .filter_map(|message| signal(&message, &mut systemd));
            for signal in signals {
                if to.send(as_event(signal)).is_err() {
                    break;
                }
            }
        });
        Ok(())
    }

    /// The unique bus name of systemd; `None` while systemd is absent.
    fn owner(&self) -> Result<Option<OwnedUniqueName>, Error> {
        self.patience.for_an_answer(async {
            let bus = DBusProxy::new(&self.connection).await.map_err(Error::no_bus)?;
            let name = BusName::from_static_str(SYSTEMD).map_err(|error| Error::no_bus(error.into()))?;
            match bus.get_name_owner(name).await {
                Ok(owner) => Ok(Some(owner)),
                Err(zbus::fdo::Error::NameHasNoOwner(_)) => Ok(None),
                Err(error) => Err(Error::of(error.into(), SYSTEMD)),
            }
        })
    }

    /// Starts a unit, or joins a queued start.
    ///
    /// # Errors
    /// When systemd refuses, or does not answer.
    pub(crate) fn start(&self, unit: &str) -> Result<Job, Error> {
        self.change(unit, self.proxy.start_unit(unit, MODE)).map(Job)
    }

    /// Stops a unit.
    ///
    /// # Errors
    /// When systemd refuses, or does not answer.
    pub(crate) fn stop(&self, unit: &str) -> Result<Job, Error> {
        self.change(unit, self.proxy.stop_unit(unit, MODE)).map(Job)
    }

    /// The current state of a unit.
    ///
    /// # Errors
    /// When there is no such unit, or systemd does not answer.
    pub(crate) fn state(&self, unit: &str) -> Result<UnitState, Error> {
        let path = self.path_of(unit)?;
        let general = self.properties(unit, &path, "org.freedesktop.systemd1.Unit")?;
        let service = self.properties(unit, &path, "org.freedesktop.systemd1.Service")?;
        let state = UnitState::of(&general, &service);
        if state.is_missing {
            return Err(Error::UnitMissing(unit.to_owned()));
        }
        Ok(state)
    }

    /// Waits for a request that may need a password or a reload.
    fn change<R>(&self, about: &str, request: impl Future<Output = zbus::Result<R>>) -> Result<R, Error> {
        self.patience
            .for_a_change(async { request.await.map_err(|error| Error::of(error, about)) })
    }

    fn path_of(&self, unit: &str) -> Result<OwnedObjectPath, Error> {
        self.patience.for_an_answer(async {
            let path = self.proxy.load_unit(unit).await;
            path.map_err(|error| Error::of(error, unit))
        })
    }

    /// The kind of a job; `None` if the job has ended.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub(crate) fn kind_of(&self, job: &Job) -> Result<Option<JobKind>, Error> {
        let properties = match self.properties("a job", &job.0, "org.freedesktop.systemd1.Job") {
            // A job that has ended is no longer on the bus.
            Err(Error::Away) => return Ok(None),
            properties => properties?,
        };
        let kind = properties
            .get("JobType")
            .and_then(|kind| kind.downcast_ref::<&str>().ok());
        Ok(kind.map(JobKind::of))
    }

    fn properties(
        &self,
        unit: &str,
        path: &OwnedObjectPath,
        interface: &'static str,
    ) -> Result<HashMap<String, OwnedValue>, Error> {
        let all = async {
            let properties = PropertiesProxy::builder(&self.connection)
                .destination(SYSTEMD)?
                .path(path)?
                .cache_properties(CacheProperties::No)
                .build()
                .await?;
            let interface = InterfaceName::from_static_str_unchecked(interface);
            Ok(properties.get_all(interface).await?)
        };
        self.patience
            .for_an_answer(async { all.await.map_err(|error| Error::of(error, unit)) })
    }
}

/// The signal in a message of systemd or of the bus. Any process can send a signal with any name, but the bus sets the
/// sender.
fn signal(message: &zbus::Message, systemd: &mut Option<OwnedUniqueName>) -> Option<Signal> {
    let header = message.header();
    let sender = header.sender()?;
    if sender == BUS {
        let changed = NameOwnerChanged::from_message(message.clone())?;
        let changed = changed.args().ok()?;
        if changed.name() != SYSTEMD {
            return None;
        }
        *systemd = changed.new_owner().as_ref().map(|owner| owner.to_owned().into());
        return systemd.is_some().then_some(Signal::ManagerIsBack);
    }
    if systemd.as_ref().is_none_or(|systemd| systemd != sender) {
        return None;
    }
    let removed = JobRemoved::from_message(message.clone())?;
    let removed = removed.args().ok()?;
    Some(Signal::JobRemoved(
        Job(removed.job().clone().into()),
        JobResult::of(removed.result()),
    ))
}
