//! Listening sockets that come from elsewhere: from the edge that serves now, over a Unix socket, or from a service manager.
//!
//! A successor connects and is sent, in records of [`RECORD`] bytes, how many sockets there are, and then each of them with
//! a record of its own. It answers one byte for each, 1 or 0: accepts from it, or not. From then on both accept from the
//! same queues, and neither may close them in the other's face: each holds the connection open as long as it lives, which
//! is how the other knows.

use std::io::{self, IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::io::{AsyncReadExt, Interest};
use tokio::sync::watch;

use crate::listeners::{ListenerKind, Listeners};
use crate::viewer::{ListeningSocket, REST, welcome_new};

/// Length of everything the predecessor says; filled up with spaces.
const RECORD: usize = 192;
/// What the first record begins with: the name and version of this protocol.
const GREETING: &str = "tideover-sockets 1";
/// Sockets that one edge may hand over: workers times listeners.
const MOST_SOCKETS: usize = 65_536;
/// For each step of the other side.
const STEP: Duration = Duration::from_secs(10);

/// Listening sockets that this process was given, in place of ones that it would open.
#[derive(Debug, Default)]
pub struct Given {
    sockets: Vec<GivenSocket>,
    predecessor: Option<UnixStream>,
}

#[derive(Debug)]
struct GivenSocket {
    listener: TcpListener,
    address: SocketAddr,
    /// What it was for, and how it was configured, if whoever gives it knows.
    told: Option<(String, SocketAddr)>,
    /// Somebody accepts from it.
    taken: Option<Weak<ListeningSocket>>,
}

impl Given {
    /// By a service manager, which keeps them too. They are matched to listeners by their addresses; each is shared by the
    /// workers.
    pub fn by_a_service_manager(listeners: Vec<TcpListener>) -> io::Result<Self> {
        let sockets = listeners.into_iter().map(|listener| {
            listener.set_nonblocking(true)?;
            Ok(GivenSocket {
                address: listener.local_addr()?,
                listener,
                told: None,
                taken: None,
            })
        });
        Ok(Self {
            sockets: sockets.collect::<io::Result<_>>()?,
            predecessor: None,
        })
    }

    /// By the edge that listens for a successor at `path`; `None` if nobody does. It serves on until it is told to end.
    /// Refused is whoever runs as another user, root apart.
    pub fn by_a_predecessor(path: &Path) -> io::Result<Option<Self>> {
        let mut stream = match UnixStream::connect(path) {
            Ok(stream) => stream,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if !is_trusted(std::fs::metadata(path)?.uid()) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the socket there belongs to another user",
            ));
        }
        stream.set_read_timeout(Some(STEP))?;
        stream.set_write_timeout(Some(STEP))?;
        let (greeting, _) = receive(&stream)?;
        let count = greeting
            .strip_prefix(GREETING)
            .and_then(|count| count.trim().parse::<usize>().ok())
            .filter(|count| *count <= MOST_SOCKETS)
            .ok_or_else(|| nonsense("what listens there is no tideover of this version"))?;
        let mut sockets = Vec::new();
        for _ in 0..count {
            sockets.push(GivenSocket::receive(&stream)?);
        }
        stream.flush()?;
        Ok(Some(Self {
            sockets,
            predecessor: Some(stream),
        }))
    }

    /// Whether another edge serves on these sockets now.
    pub fn has_predecessor(&self) -> bool {
        self.predecessor.is_some()
    }

    /// Where the sockets listen that nobody has taken.
    pub(crate) fn left_over(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets
            .iter()
            .filter(|socket| socket.taken.is_none())
            .map(|socket| socket.address)
    }

    /// Those for this listener.
    pub(crate) fn take(
        &mut self,
        kind: ListenerKind,
        configured: SocketAddr,
    ) -> Vec<Arc<ListeningSocket>> {
        // A configured port 0 names no socket but those of one listener that was configured so.
        let mut address = None;
        let mut taken = Vec::new();
        for socket in &mut self.sockets {
            let fits = match &socket.told {
                Some((what, told)) => what == kind.as_str() && *told == configured,
                None => socket.address == configured,
            };
            if !fits || socket.taken.is_some() || address.is_some_and(|at| at != socket.address) {
                continue;
            }
            let Ok(listener) = socket.listener.try_clone() else {
                continue;
            };
            address = Some(socket.address);
            // Whoever gave it has it, too.
            let shared = Arc::new(ListeningSocket::new(listener, 1));
            socket.taken = Some(Arc::downgrade(&shared));
            taken.push(shared);
        }
        taken
    }

    /// The listeners accept: tells the predecessor which sockets it no longer has to itself. What this returns is to be run
    /// until the predecessor is gone.
    pub(crate) fn accepted(self) -> io::Result<Option<impl Future<Output = ()> + Send + 'static>> {
        let Some(mut stream) = self.predecessor else {
            return Ok(None);
        };
        let taken: Vec<u8> = self
            .sockets
            .iter()
            .map(|socket| u8::from(socket.taken.is_some()))
            .collect();
        stream.write_all(&taken)?;
        stream.set_nonblocking(true)?;
        let sockets: Vec<Weak<ListeningSocket>> = self
            .sockets
            .into_iter()
            .filter_map(|socket| socket.taken)
            .collect();
        Ok(Some(async move {
            if let Ok(stream) = tokio::net::UnixStream::from_std(stream) {
                until_it_ends(stream).await;
            }
            tracing::info!("the predecessor is gone");
            for socket in sockets.iter().filter_map(Weak::upgrade) {
                socket.is_left();
            }
        }))
    }
}

impl GivenSocket {
    fn receive(stream: &UnixStream) -> io::Result<Self> {
        let (record, descriptor) = receive(stream)?;
        let descriptor = descriptor.ok_or_else(|| nonsense("a socket is missing"))?;
        let mut words = record.split_whitespace();
        let (Some(kind), Some(configured)) = (
            words.next(),
            words.next().and_then(|address| address.parse().ok()),
        ) else {
            return Err(nonsense("a socket comes without its name"));
        };
        let listener = TcpListener::from(descriptor);
        listener.set_nonblocking(true)?;
        // If it began to drain, it does not any more.
        welcome_new(&listener);
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            told: Some((kind.to_owned(), configured)),
            taken: None,
        })
    }
}

/// One record, and the descriptor that came with it.
fn receive(stream: &UnixStream) -> io::Result<(String, Option<OwnedFd>)> {
    let mut record = [0_u8; RECORD];
    let mut filled = 0;
    let mut descriptor = None;
    while let Some(rest @ [_, ..]) = record.get_mut(filled..) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::io::retry_on_intr(|| {
            recvmsg(
                stream,
                &mut [IoSliceMut::new(rest)],
                &mut beside,
                close_on_exec(),
            )
        })?;
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                descriptor = descriptors.last().or(descriptor);
            }
        }
        if received.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += received.bytes;
    }
    let text = std::str::from_utf8(&record).map_err(|_| nonsense("a record is no text"))?;
    Ok((text.trim_end().to_owned(), descriptor))
}

fn close_on_exec() -> RecvFlags {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return RecvFlags::CMSG_CLOEXEC;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    return RecvFlags::empty();
}

fn nonsense(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Whether a process of this user may have, or give, what listens here.
fn is_trusted(user: u32) -> bool {
    user == 0 || user == rustix::process::geteuid().as_raw()
}

/// Where a successor may ask. The name is taken away when this is dropped, unless it is the successor's by then.
#[derive(Debug)]
pub(crate) struct Doorway {
    path: PathBuf,
    inode: u64,
}

impl Drop for Doorway {
    fn drop(&mut self) {
        if std::fs::symlink_metadata(&self.path).is_ok_and(|there| there.ino() == self.inode) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Opens a socket at `path` that only this user can connect to, in place of one that was left there, or of the
/// predecessor's if there `is_predecessor`.
pub(crate) fn open(
    path: &Path,
    has_predecessor: bool,
) -> io::Result<(std::os::unix::net::UnixListener, Doorway)> {
    match std::fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "something that is no socket is there",
            ));
        }
        Ok(_) if !has_predecessor && UnixStream::connect(path).is_ok() => {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another edge listens there; give --takeover to take over from it",
            ));
        }
        Ok(_) | Err(_) => {}
    }
    // Nobody else may connect for a moment either: it gets its name when all is set.
    let mut unnamed = path.as_os_str().to_owned();
    unnamed.push(format!(".{}", std::process::id()));
    let unnamed = PathBuf::from(unnamed);
    let _ = std::fs::remove_file(&unnamed);
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(&unnamed)?)?;
    let named = std::fs::set_permissions(&unnamed, std::fs::Permissions::from_mode(0o600))
        .and_then(|()| socket.listen(16))
        .and_then(|()| socket.set_nonblocking(true))
        .and_then(|()| std::fs::symlink_metadata(&unnamed))
        .and_then(|there| std::fs::rename(&unnamed, path).map(|()| there.ino()));
    match named {
        Ok(inode) => Ok((
            socket.into(),
            Doorway {
                path: path.to_owned(),
                inode,
            },
        )),
        Err(error) => {
            let _ = std::fs::remove_file(&unnamed);
            Err(error)
        }
    }
}

/// The process that has taken over, by its number; 0 where the system does not tell it.
pub(crate) type Successor = watch::Sender<Option<u32>>;

/// Hands the sockets of `listeners` to whoever asks for them and may have them.
pub(crate) async fn serve(
    listener: std::os::unix::net::UnixListener,
    listeners: Arc<Mutex<Listeners>>,
    successor: Successor,
) {
    let listener = match tokio::net::UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "successors cannot be let in"),
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (listeners, successor) = (Arc::clone(&listeners), successor.clone());
                tokio::spawn(async move {
                    if let Err(error) = hand_over(stream, &listeners, &successor).await {
                        tracing::warn!(%error, "a successor has not taken over");
                    }
                });
            }
            Err(_) => tokio::time::sleep(REST).await,
        }
    }
}

/// Sockets that a successor has as well; not any more when this is dropped.
#[derive(Debug, Default)]
struct Lent(Vec<Weak<ListeningSocket>>);

impl Drop for Lent {
    fn drop(&mut self) {
        for socket in self.0.iter().filter_map(Weak::upgrade) {
            socket.is_left();
        }
    }
}

async fn hand_over(
    mut stream: tokio::net::UnixStream,
    listeners: &Mutex<Listeners>,
    successor: &Successor,
) -> io::Result<()> {
    let peer = stream.peer_cred()?;
    if !is_trusted(peer.uid()) {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("user {} may not have the sockets", peer.uid()),
        ));
    }
    let (sockets, mut lent) = lend(&listeners.lock().unwrap_or_else(PoisonError::into_inner));
    send(&stream, &format!("{GREETING} {}", sockets.len()), None).await?;
    for (record, socket) in &sockets {
        send(&stream, record, Some(socket)).await?;
    }
    let mut taken = vec![0; sockets.len()];
    // It starts its workers before it answers.
    tokio::time::timeout(STEP, stream.read_exact(&mut taken)).await??;
    let mut taken = taken.into_iter();
    lent.0.retain(|socket| {
        let is_taken = taken.next() == Some(1);
        if let (false, Some(socket)) = (is_taken, socket.upgrade()) {
            socket.is_left();
        }
        is_taken
    });
    // From here on nothing but accepting keeps them open.
    drop(sockets);
    tracing::info!(
        pid = peer.pid(),
        sockets = lent.0.len(),
        "a successor accepts from the same sockets; SIGTERM drains this process"
    );
    let pid = peer.pid().and_then(|pid| u32::try_from(pid).ok());
    let pid = Some(pid.unwrap_or(0));
    successor.send_replace(pid);
    until_it_ends(stream).await;
    // Unless another one has come after it.
    successor.send_if_modified(|present| *present == pid && present.take().is_some());
    tracing::warn!("the successor is gone, this process is alone again");
    Ok(())
}

/// All sockets, each with its record, and marked as somebody else's too before they are sent: from then on each may be
/// another's queue.
fn lend(listeners: &Listeners) -> (Vec<(String, Arc<ListeningSocket>)>, Lent) {
    let mut sockets = Vec::new();
    let mut lent = Lent::default();
    for listener in listeners.iter() {
        let (kind, at) = (listener.kind.as_str(), listener.configured);
        for socket in listener.sockets() {
            socket.is_shared();
            lent.0.push(Arc::downgrade(&socket));
            sockets.push((format!("{kind} {at}"), socket));
        }
    }
    (sockets, lent)
}

async fn send(
    stream: &tokio::net::UnixStream,
    record: &str,
    socket: Option<&Arc<ListeningSocket>>,
) -> io::Result<()> {
    let record = format!("{record:<RECORD$}");
    if record.len() != RECORD {
        return Err(nonsense("a record is too long"));
    }
    let descriptors = socket.map(|socket| [socket.listener().as_fd()]);
    let sends = stream.async_io(Interest::WRITABLE, || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        if let Some(descriptors) = &descriptors {
            beside.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let text = [IoSlice::new(record.as_bytes())];
        Ok(sendmsg(stream, &text, &mut beside, no_signal())?)
    });
    let sent = tokio::time::timeout(STEP, sends).await??;
    // A record is far smaller than what a socket takes at once.
    if sent == RECORD {
        Ok(())
    } else {
        Err(io::ErrorKind::WriteZero.into())
    }
}

fn no_signal() -> SendFlags {
    SendFlags::NOSIGNAL
}

/// Returns when the other process has ended, or has let go of the connection.
async fn until_it_ends(mut stream: tokio::net::UnixStream) {
    let mut byte = [0];
    while matches!(stream.read(&mut byte).await, Ok(1..)) {}
}
