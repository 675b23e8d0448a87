//! Sockets that viewers connect to.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::{Arrival, Kind};
use crate::worker::Shared;

/// How long accepting rests when the process has run out of something (files, memory).
pub(crate) const REST: Duration = Duration::from_millis(50);
/// How long nothing may fail until a shortage is over: at the limit, each viewer that leaves makes room for one more.
const CALM: Duration = Duration::from_secs(1);
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

/// Accepting that does not work, by all listeners of an edge: said once when it begins, and once when it is over.
#[derive(Debug, Default)]
pub(crate) struct Shortage(Mutex<Failing>);

#[derive(Debug, Default)]
struct Failing {
    listeners: usize,
    failures: u64,
}

impl Shortage {
    fn begins(&self, error: &io::Error) {
        let mut failing = self.failing();
        if failing.listeners == 0 {
            tracing::warn!(%error, "cannot accept a connection, trying again until it works");
        }
        failing.listeners += 1;
    }

    fn goes_on(&self) {
        self.failing().failures += 1;
    }

    fn ends(&self) {
        let mut failing = self.failing();
        failing.listeners -= 1;
        if failing.listeners == 0 {
            let failures = std::mem::take(&mut failing.failures);
            tracing::warn!(failures, "connections are accepted again");
        }
    }

    fn failing(&self) -> MutexGuard<'_, Failing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Accepts until it is aborted. Running out of descriptors makes it rest, not spin and not end.
pub(crate) async fn accept(
    listener: TcpListener,
    kind: Kind,
    arrivals: mpsc::Sender<Arrival>,
    shared: Arc<Shared>,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "a listener cannot be used"),
    };
    let shortage = &shared.shortage;
    // When this listener's part in the shortage will be over, if it has one.
    let mut until: Option<Instant> = None;
    loop {
        let accepted = match until {
            None => listener.accept().await,
            Some(until) if Instant::now() < until => {
                match timeout_at(until, listener.accept()).await {
                    Ok(accepted) => accepted,
                    Err(_) => continue,
                }
            }
            Some(_) => {
                until = None;
                shortage.ends();
                continue;
            }
        };
        match accepted {
            Ok((stream, address)) => {
                if arrivals
                    .send(Arrival {
                        kind,
                        stream,
                        address,
                    })
                    .await
                    .is_err()
                {
                    return;
                }
            }
            // The viewer gave up before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if until.is_none() {
                    shortage.begins(&error);
                }
                shortage.goes_on();
                until = Some(Instant::now() + CALM);
                tokio::time::sleep(REST).await;
            }
        }
    }
}
