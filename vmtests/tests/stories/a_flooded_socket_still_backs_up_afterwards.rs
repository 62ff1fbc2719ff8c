//! Without this, 200 connections within two seconds end the backups of a host until somebody restarts its socket.

use std::time::Duration;

use vmtests::fleet::{self, SSH_PORT};
use vmtests::lab::Lab;
use vmtests::machine::Machine;

/// Connects 600 times to the socket that only user restic reaches; without a program for each connection, so that they
/// are made within two seconds.
const FLOOD_SOCKET: &str = "perl -MIO::Socket::UNIX -e \
                            'IO::Socket::UNIX->new(Peer => \"/run/genbackup/backup.sock\") for 1..600'";

/// The two sockets of a client: the first is flooded from outside, the second by user restic.
const SOCKETS: [&str; 2] = ["genbackup-sshd.socket", "genbackup-backup.socket"];

/// How long an emulated machine takes for 1,200 connections.
const AFTERWARDS: Duration = Duration::from_secs(120);

/// The same to the port of a client, from outside.
fn flood_port(from: &Machine, client: &Machine) -> anyhow::Result<()> {
    let flood = format!(
        "perl -MIO::Socket::INET -e 'IO::Socket::INET->new(\"{}:{SSH_PORT}\") for 1..600'",
        client.address()
    );
    from.succeeds(&flood).map(drop)
}

/// Whether neither socket has a connection, or one that waits to be accepted.
fn flood_is_over() -> String {
    format!(
        "[[ $(systemctl show --value --property=NConnections {} | xargs) == '0 0' ]]
         [[ -z $(ss --no-header --listening --tcp --unix --numeric |
         awk '/genbackup|:{SSH_PORT} / && $3 > 0') ]]",
        SOCKETS.join(" ")
    )
}

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    // systemd of Debian 12 and of Debian 13: the latter has a second limit.
    for client in [&lab.kai, &lab.ziz] {
        flood_port(&lab.jak, client)?;
        client.succeeds(FLOOD_SOCKET)?;
        for socket in SOCKETS {
            let state = client.run(&format!("systemctl is-active {socket}"))?;
            assert_eq!(state.text(), "active", "{socket} of {}", client.name());
            // The bound of connections was met, so the flood was one.
            let refused = client.succeeds(&format!("systemctl show --value --property=NRefused {socket}"))?;
            assert_ne!(refused.trim(), "0", "{socket} of {}", client.name());
        }
    }
    // The flood came from the storage host, so what is left of it counts as its connections.
    for client in [&lab.kai, &lab.ziz] {
        client.wait_until_succeeds(&flood_is_over(), AFTERWARDS)?;
    }
    fleet::successful_run(lab)?;
    Ok(())
}
