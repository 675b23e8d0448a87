//! A socket that is listened on: how it is opened, who else has it, and how it is closed without losing whoever is in its
//! queue.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::listen::REST;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4_096;
/// How long a handshake that has begun may take to be completed: most round trips are shorter.
const HANDSHAKE: Duration = Duration::from_millis(250);
/// The same on loopback.
const HANDSHAKE_ON_LOOPBACK: Duration = Duration::from_millis(5);
/// How often the queue of a closing socket is tried again when the process has no descriptor left.
const TRIES: u32 = 20;

/// One socket that is listened on. Closed when nobody accepts from it any more: whoever does holds an `Arc` of it.
#[derive(Debug)]
pub(crate) struct ListeningSocket {
    listener: TcpListener,
    /// Other processes that have it too, and accept from it now or when they are started.
    elsewhere: AtomicUsize,
}

impl ListeningSocket {
    /// `elsewhere` is how many other processes have it.
    pub(crate) fn new(listener: TcpListener, elsewhere: usize) -> Self {
        Self {
            listener,
            elsewhere: AtomicUsize::new(elsewhere),
        }
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Viewers are let into its queue from now on.
    pub(crate) fn listen(&self) -> io::Result<()> {
        SockRef::from(&self.listener).listen(BACKLOG)
    }

    /// For whoever is handed it, or a descriptor of it.
    pub(crate) fn listener(&self) -> &TcpListener {
        &self.listener
    }

    /// One more process has it.
    pub(crate) fn is_shared(&self) {
        self.elsewhere.fetch_add(1, SeqCst);
    }

    /// One of those processes has ended.
    pub(crate) fn is_left(&self) {
        self.elsewhere.fetch_sub(1, SeqCst);
    }

    /// Somebody else will accept whoever is in the queue.
    pub(crate) fn lives_on(&self) -> bool {
        self.elsewhere.load(SeqCst) > 0
    }

    /// What is still to be accepted before it may be dropped: nothing if somebody else has it, else everybody who has
    /// completed a handshake. From now on nobody can begin one.
    pub(crate) fn close(self: Arc<Self>) -> Rest {
        if self.lives_on() {
            return Rest {
                socket: self,
                handshakes: None,
                is_over: true,
                tries: 0,
            };
        }
        // Not possible everywhere; without it whoever comes in the moment between the last look and the end is reset.
        let is_shut = refuse_new(&self.listener);
        let handshakes = match self.address() {
            Ok(address) if address.ip().is_loopback() => HANDSHAKE_ON_LOOPBACK,
            Ok(_) | Err(_) => HANDSHAKE,
        };
        Rest {
            socket: self,
            handshakes: is_shut.is_ok().then_some(handshakes),
            is_over: false,
            tries: TRIES,
        }
    }
}

/// The queue of a socket that is being closed.
#[derive(Debug)]
pub(crate) struct Rest {
    socket: Arc<ListeningSocket>,
    /// For those that are under way, if they were not waited for yet.
    handshakes: Option<Duration>,
    is_over: bool,
    /// At a queue that cannot be accepted from.
    tries: u32,
}

impl Rest {
    /// `None` when nobody is left.
    pub(crate) async fn next(&mut self) -> Option<(TcpStream, SocketAddr)> {
        while !self.is_over {
            let accepted = self.socket.listener.accept().and_then(|(stream, address)| {
                stream.set_nonblocking(true)?;
                Ok((TcpStream::from_std(stream)?, address))
            });
            match accepted {
                Ok(accepted) => return Some(accepted),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match self.handshakes.take() {
                        Some(handshakes) => tokio::time::sleep(handshakes).await,
                        None => self.is_over = true,
                    }
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
                    ) => {}
                Err(error) => {
                    self.tries = self.tries.saturating_sub(1);
                    if self.tries == 0 {
                        tracing::warn!(%error, "a listener is closed with viewers in its queue");
                        self.is_over = true;
                    }
                    tokio::time::sleep(REST).await;
                }
            }
        }
        None
    }
}

/// Has the kernel drop every first packet of a handshake (SYN without ACK) that comes to this socket. A viewer sends it again
/// after a second, when somebody else may listen there, or nobody. Whoever is further gets through.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn refuse_new(listener: &TcpListener) -> io::Result<()> {
    use socket2::SockFilter;
    // Classic BPF (`linux/filter.h`); the packet begins with the TCP header.
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const FLAGS_OFFSET: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    SockRef::from(listener).attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS_OFFSET),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn refuse_new(_: &TcpListener) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Takes back what [`ListeningSocket::close`] did, for a socket that comes from another process.
pub(crate) fn welcome_new(listener: &TcpListener) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // Fails where there is no filter, which is as good.
    let _ = SockRef::from(listener).detach_filter();
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = listener;
}

/// Tells everybody who accepts at one listener that it closes: by a word, or by being gone.
#[derive(Debug)]
pub(crate) struct Close(watch::Sender<bool>);

/// The other end of [`Close`].
#[derive(Clone, Debug)]
pub(crate) struct Closing(watch::Receiver<bool>);

impl Close {
    pub(crate) fn new() -> (Self, Closing) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Closing(receiver))
    }

    pub(crate) fn say(&self) {
        self.0.send_replace(true);
    }
}

impl Closing {
    /// Returns when the listener closes.
    pub(crate) async fn closes(mut self) {
        // An error says that the sender is gone.
        let _ = self.0.wait_for(|closing| *closing).await;
    }
}

/// Whom a socket is for. Said to the kernel each time, because what it does by itself depends on the machine
/// (`net.ipv6.bindv6only`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Families {
    /// Those of its own address; `[::]` means IPv6 only.
    Own,
    /// `[::]`, which takes IPv4 as well.
    Both,
}

/// `count` sockets on the same address, among which the kernel spreads connections. With port 0 the first one chooses. Fails
/// if anyone else listens there, although these share the port among themselves; `besides_ours` says that who listens there
/// is this edge itself, with a listener that is about to be closed. Nobody is let in before they
/// [listen](ListeningSocket::listen): until then they can be dropped, and nobody is lost.
pub(crate) fn bind(
    address: SocketAddr,
    families: Families,
    count: usize,
    besides_ours: bool,
) -> io::Result<Vec<TcpListener>> {
    if address.port() != 0 && !besides_ours {
        // Without SO_REUSEPORT this fails where another process listens, even one that shares its port.
        socket(address, families, false)?.listen(BACKLOG)?;
    }
    let first: TcpListener = socket(address, families, true)?.into();
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..count {
        listeners.push(socket(address, families, true)?.into());
    }
    Ok(listeners)
}

fn socket(address: SocketAddr, families: Families, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(families == Families::Own)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}
