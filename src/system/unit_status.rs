//! Sends systemd the status of the unit that this process belongs to: `sd_notify(3)`.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sets the text that `systemctl status` shows. Outside of a unit it does nothing.
///
/// # Errors
/// When systemd's socket takes no message.
pub(crate) fn set(text: &str) -> io::Result<()> {
    std::env::var_os("NOTIFY_SOCKET").map_or(Ok(()), |socket| send(&socket, text))
}

fn send(socket: &OsStr, text: &str) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let message = format!("STATUS={text}\n");
    UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(by: &UnixDatagram) -> String {
        let mut buffer = [0; 64];
        let length = by.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn a_socket_with_a_path_and_an_abstract_one_get_the_status() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str(), "half way").unwrap();
        assert_eq!(received(&systemd), "STATUS=half way\n");

        let name = format!("genbackup-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let systemd = UnixDatagram::bind_addr(&address).unwrap();
        send(OsStr::new(&format!("@{name}")), "done").unwrap();
        assert_eq!(received(&systemd), "STATUS=done\n");
    }

    #[test]
    fn a_socket_that_is_gone_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        assert!(send(directory.path().join("notify").as_os_str(), "lost").is_err());
    }
}
