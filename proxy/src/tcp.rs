//! A TCP connection that sends what is small in one piece.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// Up to this many bytes in several slices are copied together and sent by `send`: for so few that is cheaper than
/// `writev`, whose way through the kernel is longer.
const SMALL: usize = 4 * 1024;

thread_local! {
    /// Where they are copied together.
    static TOGETHER: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(SMALL));
}

/// A TCP connection, to a viewer or to an origin.
#[derive(Debug)]
pub(crate) struct Tcp(TcpStream);

impl Tcp {
    /// Small writes are not held back until the peer has acknowledged the ones before.
    pub(crate) fn new(stream: TcpStream) -> Self {
        // If it cannot be set, the connection is slow or already gone, and in the second case the next use says so.
        let _ = stream.set_nodelay(true);
        Self(stream)
    }

    /// Whether these bytes come first, as soon as that is certain; nothing is read.
    pub(crate) async fn begins_with(&self, expected: &[u8]) -> io::Result<bool> {
        let mut seen = vec![0; expected.len()];
        let mut before = 0;
        loop {
            let ready = self.0.ready(Interest::READABLE).await?;
            let looked = self.0.try_io(Interest::READABLE, || {
                let (_, count) = recv(&self.0, &mut seen[..], RecvFlags::PEEK)?;
                if count == before && !ready.is_read_closed() {
                    // What has come stays there and is no news: only more of it is to wake this task again.
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Ok(count)
            });
            let count = match looked {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            };
            let is_all = count == expected.len() || ready.is_read_closed();
            if is_all || seen[..count] != expected[..count] {
                return Ok(seen[..count] == *expected);
            }
            before = count;
        }
    }

    /// Who is at the other end; `None` if nobody is any more.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.0.peer_addr().ok()
    }

    /// The peer has sent something, or has ended; nothing is read.
    pub(crate) async fn begins(&self) -> io::Result<()> {
        // That it is said to be readable may be a guess.
        self.0.peek(&mut [0]).await.map(drop)
    }

    pub(crate) fn into_inner(self) -> TcpStream {
        self.0
    }
}

impl AsyncRead for Tcp {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.get_mut().0);
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        if length > SMALL {
            return stream.poll_write_vectored(context, slices);
        }
        TOGETHER.with_borrow_mut(|together| {
            together.clear();
            for slice in slices {
                together.extend_from_slice(slice);
            }
            stream.poll_write(context, together)
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use harness::patiently;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, Tcp) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let peer = TcpStream::connect(address).await.expect("it listens");
        let (stream, _) = listener.accept().await.expect("it came");
        (peer, Tcp::new(stream))
    }

    /// Without a clock in the runtime: what comes wakes, and so does the end.
    #[test]
    fn a_beginning_is_told_when_it_is_certain() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .expect("a runtime");
        for (pieces, ends, begins) in [
            (&["PRI *"][..], false, true),
            (&["P", "R", "I", " ", "*"], false, true),
            (&["PRI ", "* HTTP"], false, true),
            (&["G"], false, false),
            (&["P", "O"], false, false),
            (&["PRI /"], false, false),
            (&["P", "RI"], true, false),
            (&["PRI *"], true, true),
            (&[], true, false),
        ] {
            runtime.block_on(async {
                let (mut peer, tcp) = pair().await;
                let told = std::cell::Cell::new(None);
                let says = async {
                    for piece in pieces {
                        assert_eq!(told.get(), None, "too early: {pieces:?}");
                        peer.write_all(piece.as_bytes()).await.expect("it is taken");
                        // As long as it takes to be looked at.
                        for _ in 0..100 {
                            tokio::task::yield_now().await;
                        }
                    }
                    if ends {
                        peer.shutdown().await.expect("it is taken");
                    }
                };
                let asks = async { told.set(Some(tcp.begins_with(b"PRI *").await.ok())) };
                tokio::join!(says, asks);
                assert_eq!(told.get(), Some(Some(begins)), "{pieces:?} {ends}");
            });
        }
    }

    /// Below and above what is copied together: what arrives is what was said to be written, in order.
    #[tokio::test]
    async fn slices_arrive_in_order() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stream = TcpStream::connect(address).await.expect("it listens");
        let (mut peer, _) = listener.accept().await.expect("it came");
        let mut tcp = Tcp::new(stream);
        for length in [0, 1, 700, SMALL - 2, SMALL - 1, SMALL, 3 * SMALL] {
            let parts = [vec![b'a'; 1], vec![b'b'; length], vec![b'c'; 1]];
            let slices = parts.each_ref().map(|part| IoSlice::new(part));
            let write = poll_fn(|context| Pin::new(&mut tcp).poll_write_vectored(context, &slices));
            let written = patiently("a write", write).await.expect("it is read");
            let mut got = vec![0; written];
            patiently("the bytes", peer.read_exact(&mut got))
                .await
                .expect("as many");
            assert_eq!(got, parts.concat()[..written], "{length}");
            assert!(
                length > SMALL || written == length + 2,
                "{length}: {written}"
            );
        }
    }
}
