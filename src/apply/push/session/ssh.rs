//! The administrator's own ssh.

use std::process::Command;

/// What starts it there, whatever the login shell is: it holds no character that a shell reads differently within single
/// quotes. It becomes root where it is not, then reads the server with its length.
pub(super) const START: &str = r#"bash -c '((UID == 0)) || exec sudo -n -- bash -c "$BASH_EXECUTION_STRING"; read -r size && IFS= read -rN "$size" server && eval "$server"'"#;

/// The administrator's own ssh, with the administrator's configuration, except what has no use here.
pub(super) fn ssh(destination: &str, may_ask: bool) -> Command {
    let mut ssh = Command::new("ssh");
    for option in [
        "ClearAllForwardings=yes",
        // A client without power is no reason to wait for two minutes, as the kernel does.
        "ConnectTimeout=20",
        "ForwardAgent=no",
        "ForwardX11=no",
        "RemoteCommand=none",
        "RequestTTY=no",
        "ServerAliveCountMax=3",
        "ServerAliveInterval=10",
    ] {
        ssh.args(["-o", option]);
    }
    if !may_ask {
        ssh.args(["-o", "BatchMode=yes"]);
    }
    ssh.args(["-T", "--", destination, START]);
    ssh
}
