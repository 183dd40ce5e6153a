//! Telling a service manager such as systemd how the server is.
//!
//! The manager names a datagram socket in `NOTIFY_SOCKET`, a path or after `@` a name without one,
//! and reads lines like `READY=1` from it. Without that variable nobody wants to know.

use std::{ffi::OsStr, io, os::unix::net::UnixDatagram};

use crate::environment::Environment;

/// Says that requests are taken.
pub(crate) fn ready() {
    tell("READY=1");
}

/// Says that the end has begun.
pub(crate) fn stopping() {
    tell("STOPPING=1");
}

fn tell(state: &str) {
    let Some(socket) = Environment::notify_socket() else { return };
    if let Err(error) = send(&socket, state.as_bytes()) {
        tracing::warn!(%error, state, "the service manager cannot be told");
    }
}

fn send(socket: &OsStr, state: &[u8]) -> io::Result<()> {
    let datagram = UnixDatagram::unbound()?;
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.as_encoded_bytes().strip_prefix(b"@") {
        use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};
        return datagram.send_to_addr(state, &SocketAddr::from_abstract_name(name)?).map(drop);
    }
    datagram.send_to(state, socket).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_has_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str(), b"READY=1").unwrap();
        let mut bytes = [0; 32];
        let n_read = manager.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..n_read], b"READY=1");
        drop(manager);
        assert!(send(path.as_os_str(), b"READY=1").is_err(), "nobody is there");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn or_a_name_without_one() {
        use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};
        let name = format!("camelid-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        send(OsStr::new(&format!("@{name}")), b"STOPPING=1").unwrap();
        let mut bytes = [0; 32];
        let n_read = manager.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..n_read], b"STOPPING=1");
    }
}
