//! A systemd that never answers, and who lies about it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use zbus::blocking::connection::Builder;
use zbus::zvariant::ObjectPath;

use super::manager::{Answer, HOSTS, JOB, MANAGER};
use super::program::Storage;

/// How soon Ctrl-C has an effect, on a busy machine. It is too short to wait for an answer of systemd.
const SOON: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn ctrl_c_ends_it_though_systemd_never_answers() -> Result<()> {
    for (is_frozen, asks, message) in [
        (true, format!("load {HOSTS}"), "no run was started\n"),
        (
            false,
            format!("start {HOSTS} replace"),
            "systemd has not answered, so a run may start: `genbackup run` follows it",
        ),
    ] {
        let storage = Storage::new()?;
        let asked = {
            let mut world = storage.manager.world();
            world.is_frozen = is_frozen;
            world.answer = Answer::Never;
            world.listen()
        };
        let run = storage.start(&["run"])?;
        while asked.recv_timeout(LIMIT)? != asks {}
        let since = Instant::now();
        run.interrupt()?;
        let (code, printed) = run.ended()?;
        assert_eq!(code, Some(130), "{printed}");
        assert!(printed.contains(message), "{printed}");
        assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
    }
    Ok(())
}

#[test]
fn ctrl_c_ends_it_though_systemd_answers_no_more() -> Result<()> {
    let storage = Storage::new()?;
    let mut run = storage.start(&["run"])?;
    run.until("a run was started\n")?;
    let asked = {
        let mut world = storage.manager.world();
        world.is_frozen = true;
        world.listen()
    };
    while asked.recv_timeout(LIMIT)? != format!("load {HOSTS}") {}
    let since = Instant::now();
    run.interrupt()?;
    let (code, printed) = run.ended()?;
    assert_eq!(code, Some(130), "{printed}");
    assert!(
        printed.contains("the run continues: `genbackup stop` stops it"),
        "{printed}"
    );
    assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
    Ok(())
}

#[test]
fn an_answer_that_never_comes_is_given_up() -> Result<()> {
    for (verb, message) in [
        (
            "run",
            "error: it is unknown whether a run was started: systemd does not answer",
        ),
        ("stop", "error: systemd does not answer"),
    ] {
        let storage = Storage::new()?;
        storage.manager.world().answer = Answer::Never;
        if verb == "stop" {
            storage.manager.world().hosts.active = "activating";
        }
        let mut command = storage.command(&[verb]);
        command.env("SYSTEMD_BUS_TIMEOUT", "1");
        let (code, printed) = Storage::piped(command)?.ended()?;
        assert_eq!(code, Some(1), "{printed}");
        assert!(printed.contains(message), "{printed}");
        assert!(
            printed.contains("hint: try again; it may be restarting"),
            "{printed}"
        );
    }
    Ok(())
}

#[test]
fn the_end_of_a_run_can_not_be_forged() -> Result<()> {
    let storage = Storage::new()?;
    let mut run = storage.start(&["run"])?;
    run.until("a run was started\n")?;
    let forger = Builder::address(storage.bus.address.as_str())?.build()?;
    let victim = storage
        .manager
        .world()
        .subscriber
        .clone()
        .context("nobody subscribed")?;
    let victim = victim.as_str();
    let back = ("org.freedesktop.systemd1", "", ":1.0");
    let bus = "org.freedesktop.DBus";
    forger.emit_signal(
        Some(victim),
        "/org/freedesktop/DBus",
        bus,
        "NameOwnerChanged",
        &back,
    )?;
    let over = (
        7_u32,
        ObjectPath::from_static_str_unchecked(JOB),
        HOSTS,
        "canceled",
    );
    let manager = "org.freedesktop.systemd1.Manager";
    forger.emit_signal(Some(victim), MANAGER, manager, "JobRemoved", &over)?;
    // The bus keeps the order of the messages of one connection: with this answer, the earlier ones have
    // arrived.
    zbus::blocking::fdo::DBusProxy::new(&forger)?.get_id()?;
    {
        let mut world = storage.manager.world();
        world.hosts.active = "inactive";
        world.hosts.has_job = false;
    }
    let (code, printed) = run.ended()?;
    assert_eq!(code, Some(0), "{printed}");
    assert!(!printed.contains("anew"), "{printed}");
    Ok(())
}
