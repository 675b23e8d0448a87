//! One try to connect: name, TCP, TLS, HTTP. However many addresses are raced, it is one try.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tideover_config::{InterimLimit, is_nearby};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::pool::{Connection, Slot};
use super::resolve::Addresses;
use super::wire::{Meter, Wire};
use crate::error::OriginError;
use crate::tcp::Tcp;

/// How long one address is waited for before the next is tried as well (RFC 8305, section 5).
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// What is read of an answer at once, and of a request's body ahead of its origin, in bytes. By itself hyper goes up to 400 KiB.
const READ_AHEAD: usize = 64 * 1024;

/// How to reach one endpoint.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// `https+insecure://`: only towards loopback and private addresses.
    pub(crate) only_nearby: bool,
    pub(crate) head_limit: usize,
    pub(crate) interim: InterimLimit,
}

impl Way {
    /// Opens a connection. `turn` counts tries at this origin from 0, so that each begins with another address.
    /// The caller bounds the time.
    pub(crate) async fn open(
        &self,
        server_name: Option<&str>,
        turn: usize,
        slot: Slot,
    ) -> Result<Connection, OriginError> {
        let mut addresses = self
            .addresses
            .get()
            .await
            .map_err(|source| OriginError::Dns {
                host: self.addresses.endpoint().host.to_string(),
                source,
            })?;
        if self.only_nearby && !addresses.iter().all(|address| is_nearby(address.ip())) {
            return Err(OriginError::InsecureAddress);
        }
        let first = turn % addresses.len().max(1);
        addresses.rotate_left(first);
        let tcp = race(&addresses)
            .await
            .map_err(|source| OriginError::Connect { source })?;
        let meter = Arc::new(Meter::new());
        let Some(config) = &self.tls else {
            return self.speak(tcp, meter, None, slot).await;
        };
        let name = server_name.unwrap_or(&self.addresses.endpoint().host);
        let asked = ServerName::try_from(name.to_owned()).map_err(|error| OriginError::Tls {
            source: io::Error::other(error),
        })?;
        let tls = TlsConnector::from(Arc::clone(config))
            .connect(asked, tcp)
            .await
            .map_err(|source| OriginError::Tls { source })?;
        self.speak(tls, meter, server_name.map(Rc::from), slot)
            .await
    }

    async fn speak<T>(
        &self,
        io: T,
        meter: Arc<Meter>,
        server_name: Option<Rc<str>>,
        slot: Slot,
    ) -> Result<Connection, OriginError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let wire = Wire::new(io, Arc::clone(&meter), self.interim);
        let (sender, connection) = http1::Builder::new()
            .max_header_size(self.head_limit)
            .max_buf_size(READ_AHEAD.max(2 * self.head_limit))
            .handshake(TokioIo::new(wire))
            .await
            .map_err(|error| OriginError::Connect {
                source: io::Error::other(error),
            })?;
        // The task closes a dead idle connection by itself; what it ends with is seen by whoever uses the sender.
        let mover = tokio::task::spawn_local(async move {
            let _ = connection.with_upgrades().await;
        });
        let mover = mover.abort_handle();
        Ok(Connection::new(sender, meter, server_name, mover, slot))
    }
}

/// Whether a connection comes about within so long, really. It is closed again at once.
pub(crate) async fn takes_connections(addresses: &Arc<Addresses>, within: Duration) -> bool {
    let knock = async { race(&addresses.get().await?).await };
    matches!(tokio::time::timeout(within, knock).await, Ok(Ok(_)))
}

/// The first connection that stands. The next address is tried when one fails or has not answered for a while.
pub(crate) async fn race(addresses: &[SocketAddr]) -> io::Result<Tcp> {
    if let [only] = addresses {
        return connect(*only).await;
    }
    let mut tries = JoinSet::new();
    let mut last_error = io::Error::new(io::ErrorKind::NotFound, "no address");
    let mut rest = addresses.iter();
    let mut next = rest.next();
    loop {
        if let Some(address) = next.take() {
            tries.spawn(connect(*address));
        }
        tokio::select! {
            ended = tries.join_next() => match ended {
                Some(Ok(Ok(stream))) => return Ok(stream),
                Some(Ok(Err(error))) => {
                    last_error = error;
                    next = rest.next();
                }
                Some(Err(error)) => last_error = io::Error::other(error),
                None => return Err(last_error),
            },
            () = tokio::time::sleep(NEXT_ADDRESS_AFTER), if rest.len() > 0 => next = rest.next(),
        }
    }
}

async fn connect(address: SocketAddr) -> io::Result<Tcp> {
    TcpStream::connect(address).await.map(Tcp::new)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use harness::{Origin, origin, patiently};

    use super::*;

    /// Some addresses of a name may be wrong, or lead nowhere: one that takes the connection is enough.
    #[tokio::test]
    async fn the_first_connection_that_stands_wins() {
        let good = origin("good").start().await;
        let refuses = origin("refuses").refuses().start().await;
        let black_hole = origin("black-hole").black_hole().start().await;
        let [good, refuses, black_hole] = [&good, &refuses, &black_hole].map(Origin::address);
        for (addresses, waits) in [
            (&[good][..], false),
            (&[refuses, good], false),
            (&[refuses, refuses, good], false),
            (&[good, black_hole], false),
            (&[black_hole, good], true),
            (&[refuses, black_hole, good], true),
            (&[black_hole, refuses, good], true),
        ] {
            let begun = Instant::now();
            let stream = patiently("a connection", race(addresses)).await;
            let took = begun.elapsed();
            let peer = stream.and_then(|stream| stream.into_inner().peer_addr());
            assert_eq!(peer.expect("one is good"), good, "{addresses:?}");
            // Silence is not waited for to its end, but for a while.
            assert!(
                !waits || took >= NEXT_ADDRESS_AFTER,
                "{addresses:?}: {took:?}"
            );
        }
        let failed = patiently("an end", race(&[refuses, refuses])).await;
        let kind = failed.expect_err("nobody is there").kind();
        assert_eq!(kind, io::ErrorKind::ConnectionRefused);
    }
}
