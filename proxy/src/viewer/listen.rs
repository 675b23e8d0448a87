//! Sockets that viewers connect to.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc;

use super::Arrival;

/// How long accepting rests when the process has run out of something (files, memory).
pub(crate) const REST: Duration = Duration::from_millis(50);
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4_096;

/// One listener per worker on the same address, among which the kernel spreads connections. With port 0 the first one
/// chooses. Fails if anyone else listens there, although the workers share the port among themselves.
pub(crate) fn bind(address: SocketAddr, workers: usize) -> io::Result<Vec<TcpListener>> {
    if address.port() != 0 {
        // Without SO_REUSEPORT this fails where another process listens, even one that shares its port.
        socket(address, false)?;
    }
    let first: TcpListener = socket(address, true)?.into();
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..workers {
        listeners.push(socket(address, true)?.into());
    }
    Ok(listeners)
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// Accepts until it is aborted. Running out of descriptors makes it rest, not spin and not end.
pub(crate) async fn accept(listener: TcpListener, arrivals: mpsc::Sender<Arrival>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "a listener cannot be used"),
    };
    let mut failures = 0_u64;
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                if failures > 0 {
                    tracing::info!(failures, "connections are accepted again");
                    failures = 0;
                }
                if arrivals.send(Arrival { stream, address }).await.is_err() {
                    return;
                }
            }
            // The viewer gave up before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                // Said once, until it works again.
                if failures == 0 {
                    tracing::warn!(%error, "cannot accept a connection, trying again until it works");
                }
                failures += 1;
                tokio::time::sleep(REST).await;
            }
        }
    }
}
